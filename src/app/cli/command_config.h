/*
 * The configuration that a command goes by: what --config, --account and --region of its table say
 * (COMMAND_CONFIG and its like).
 */
#ifndef PULLTHROUGH_APP_CLI_COMMAND_CONFIG_H
#define PULLTHROUGH_APP_CLI_COMMAND_CONFIG_H

#include "command_line.h"
#include "pullthrough/core/config/config.h"

/* Read the file that --config names, or take the defaults: *loaded is to be unreferenced by the
 * caller. *config is the same with --account and --region in place of its own, and then without a
 * registry.host of its own; it borrows its texts from *loaded and the line. 0, or -1. */
int command_config_load(const struct command_line *line, const struct config **loaded,
                        struct config *config, struct error *error);

/* NULL, or that standard input, which is "-", is to be both one of the files and the configuration,
 * or several of them. */
const char *command_reads_once(const struct command_line *line, const char *const *files, size_t n);

#endif
