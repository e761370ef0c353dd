/*
 * A command line taken apart into words, as a POSIX shell quotes them and as the AWS CLI does with
 * credential_process: quotes and backslashes, and nothing else. No variable, no "~", no pipe: the
 * words go to a program as they are.
 */
#ifndef PULLTHROUGH_CORE_AWS_COMMAND_WORDS_H
#define PULLTHROUGH_CORE_AWS_COMMAND_WORDS_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"

#include <stddef.h>

enum { COMMAND_WORDS_MAX = 1000, COMMAND_WORDS_BYTES_MAX = 64 * 1024 };

struct command_words {
    char **words; /* owned; NULL ends them */
    size_t n;
    char *bytes; /* owned, and wiped: it may hold a password */
    size_t n_bytes;
};
#define COMMAND_WORDS_CLEANUP __attribute__((cleanup(command_words_fini)))

/* -1 with the reason, which quotes nothing: no word, a quote without its end, too long. To be given
 * to command_words_fini() in either case. */
int command_words_split(struct command_words *words, struct slice text, struct error *error);
void command_words_fini(struct command_words *words);

#endif
