/*
 * Lists of the configuration whose preset stays when somebody writes a list of their own.
 */
#ifndef PULLTHROUGH_SRC_CORE_CONFIG_LISTS_H
#define PULLTHROUGH_SRC_CORE_CONFIG_LISTS_H

#include "config_schema.h"

/* A list apart from the struct that it lies in: an owned array of texts or records. */
struct config_list {
    void *items; /* never NULL once it is read */
    size_t n;
};

/* Where the table's reader finds such a list: `key`, with the offsets of a config_list. */
struct config_key config_list_key(const struct config_key *key);

/* Put what `preset` has, and the list of `key` in `base` lacks, before that list; *preset is
 * taken. How many items there are then. */
size_t config_list_add(const struct config_key *key, void *base, struct config_list *preset);

/* Make the list of `key` in `base` an empty one. */
void config_list_clear(const struct config_key *key, void *base);

#endif
