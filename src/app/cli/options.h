/*
 * The options that serve and review share.
 */
#ifndef PULLTHROUGH_APP_CLI_OPTIONS_H
#define PULLTHROUGH_APP_CLI_OPTIONS_H

struct options {
    const char *config_path; /* --config FILE; NULL: none. Borrowed from argv */
};

enum { OPTIONS_GO_ON = -1 };

/* Read argv, where nothing but options may stand. OPTIONS_GO_ON; or the exit status to end
 * with, after `usage` was written: to standard output for --help, else to standard error. */
int options_read(struct options *options, int argc, char **argv, const char *usage);

#endif
