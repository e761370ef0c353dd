/*
 * Private to command_iam.c: its command line.
 */
#ifndef PULLTHROUGH_SRC_APP_IAM_OPTIONS_H
#define PULLTHROUGH_SRC_APP_IAM_OPTIONS_H

#include "pullthrough/core/iam/iam_policy.h"

enum iam_which {
    IAM_ALL,
    IAM_WEBHOOK,
    IAM_NODES,
    IAM_VERIFY,
    IAM_REGISTRY,
    IAM_TRUST,
};

struct iam_options {
    enum iam_which which;
    const char *config, *account, *region; /* or NULL */
    const char **principals;               /* owned; the texts are borrowed */
    size_t n_principals;
    bool pod_identity, json;
    char issuer[IAM_ISSUER_BYTES]; /* "" for none */
    struct iam_subject subject;
};

void iam_options_fini(struct iam_options *options);

enum { IAM_OPTIONS_GO_ON = -1 };

/* IAM_OPTIONS_GO_ON; or the exit status where that is all: help, or wrong usage, which it said. */
int iam_options_read(struct iam_options *options, int argc, char **argv);

#endif
