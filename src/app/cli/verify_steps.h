/*
 * Private to the verify*.c and command_verify.c: the chain for one image, step by step.
 */
#ifndef PULLTHROUGH_SRC_APP_VERIFY_STEPS_H
#define PULLTHROUGH_SRC_APP_VERIFY_STEPS_H

#include "progress.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/image/image_ref.h"
#include "pullthrough/edge/aws/ecr_client.h"
#include "verify_report.h"

struct verify {
    const struct config *config; /* borrowed, as is the text */
    const char *text;            /* the image as it was asked for */
    const char *profile;         /* of AWS's shared files; or NULL */
    uint64_t timeout_ms;         /* for the pull and what it makes */
    struct progress progress;
    struct timing timing;
    struct aws_client *client; /* owned */
    struct arena arena;
    struct aws_error failure; /* of the last call, as the next */
    struct error error;
    struct verify_report report;

    char account[AWS_KEYS_ACCOUNT_BYTES];
    const char *region;
    const struct config_upstream *upstream;
    struct strbuf rewritten; /* "HOST/PREFIX/PATH:TAG" */
    struct image_ref target; /* the same, taken apart */
    struct slice tag;        /* "latest" where the image names neither tag nor digest */
    char *repository;        /* "PREFIX/PATH"; in the arena */
    /* Cached mode: the program imports the image by its tag, and it goes to ECR once that holds it,
     * by its digest where it has one. */
    bool cached;
    const struct ecr_rule *rule;
    struct strbuf login; /* secret */
};

/* Client, report and all; -1 with the reason in the error where AWS can't be asked at all. */
int verify_init(struct verify *verify, enum command_output output);
void verify_fini(struct verify *verify);

struct ecr_client verify_client(struct verify *verify);

/* Report a call that failed; returns false. */
bool verify_call_failed(struct verify *verify, enum verify_step step, int result);
/* Report a step with its words. Returns whether the result is VERIFY_OK. */
bool verify_say(struct verify *verify, enum verify_step step, enum verify_result result,
                const char *advice, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Each does its steps and reports them; false: what follows has no sense. */
bool verify_credentials(struct verify *verify);
bool verify_image(struct verify *verify);
bool verify_rule(struct verify *verify);
void verify_secret(struct verify *verify); /* and its validation */
bool verify_token(struct verify *verify);
bool verify_pull(struct verify *verify);  /* which is skipped for what is never imported */
void verify_cache(struct verify *verify); /* the repository, and the image in it */

#endif
