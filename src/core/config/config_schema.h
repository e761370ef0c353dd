/*
 * Every key of the configuration as a table: where its value lies, what it may be, what
 * it is when it isn't there. Reading, printing and releasing all walk this one table, so
 * that a key can't be read but not printed.
 */
#ifndef PULLTHROUGH_CORE_CONFIG_CONFIG_SCHEMA_H
#define PULLTHROUGH_CORE_CONFIG_CONFIG_SCHEMA_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum config_kind {
    CONFIG_SECTION,  /* a mapping whose values lie in the same struct */
    CONFIG_BOOL,     /* bool */
    CONFIG_COUNT,    /* unsigned */
    CONFIG_SIZE,     /* size_t, bytes */
    CONFIG_DURATION, /* uint64_t, milliseconds */
    CONFIG_CHOICE,   /* an enum */
    CONFIG_TEXT,     /* char *, owned */
    CONFIG_TEXTS,    /* char **, owned, and their number */
    CONFIG_RECORDS,  /* an owned array of structs, and their number */
    CONFIG_RATES,    /* the same of struct config_rate: a mapping of names to numbers */
};

enum { CONFIG_KEYS_MAX = 16 }; /* of one mapping */

struct config_key;

struct config_mapping {
    const struct config_key *keys; /* in the order in which they are printed */
    size_t n_keys;
};

struct config_key {
    const char *name;
    enum config_kind kind;
    size_t offset;            /* of the value in its struct */
    const char *preset;       /* the default, in YAML; NULL: none, the value stays NULL */
    bool required;            /* there is no default, and the key must be there */
    bool empty_ok;            /* of a text: "" is allowed, and isn't checked */
    bool number_ok;           /* of a text: digits need no quotes */
    bool secret;              /* of a text: never shown in a message */
    bool lines_ok;            /* of a text: line feeds and tabs are allowed */
    bool restart;             /* of a section's scalar: a new value waits for the next start */
    uint64_t least, most;     /* of a number; `most`: of a list, its length */
    const char *const *words; /* of a choice: by the enum's values, NULL-terminated */
    int (*check)(struct slice text, struct error *error); /* of texts; may be NULL */
    size_t count_offset;                                  /* of a list: of its length */
    size_t record_bytes;                                  /* of records: of one */
    size_t keeps_preset; /* of a list: a bool of the root's struct; while it is true, what is
                            written comes on top of the preset. 0: it takes the preset's place */
    struct config_mapping mapping; /* of a section, of each record; of rates, name and number */
};

/* The root's mapping, over struct config. */
extern const struct config_mapping config_schema;

/* The value of a key. The table knows a value's type, the compiler doesn't: bytes are copied,
 * so that no object is read as another type. */
static inline void config_load(const void *base, size_t offset, void *value, size_t bytes)
{
    memcpy(value, (const char *)base + offset, bytes);
}

static inline void config_store(void *base, size_t offset, const void *value, size_t bytes)
{
    memcpy((char *)base + offset, value, bytes);
}

/* A text, an array of texts or an array of records; borrowed. */
static inline void *config_load_pointer(const void *base, size_t offset)
{
    void *pointer;

    config_load(base, offset, &pointer, sizeof(pointer));
    return pointer;
}

static inline size_t config_load_count(const void *base, const struct config_key *key)
{
    size_t count;

    config_load(base, key->count_offset, &count, sizeof(count));
    return count;
}

#endif
