/*
 * Private to the *rules*.c: what `pullthrough rules list`, `apply` and `delete` have in common.
 */
#ifndef PULLTHROUGH_SRC_APP_RULES_COMMAND_H
#define PULLTHROUGH_SRC_APP_RULES_COMMAND_H

#include "command.h"
#include "progress.h"
#include "pullthrough/app/reconcile/reconcile.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/json/json_writer.h"
#include "text_table.h"

enum { RULES_TEXT_MAX = 4 * 1024 * 1024 };

struct rules_command {
    const char *prefix;         /* of delete */
    enum command_output output; /* of all but text and names JSON is made, which may become YAML */
    bool dry_run, yes;
    const struct config *loaded;          /* owned */
    struct config config;                 /* the same but for the mode that the command means */
    char account[AWS_KEYS_ACCOUNT_BYTES]; /* that the operator names, or "" */
    struct progress progress;
    struct timing timing;
    struct aws_client *client;
};

/* Each returns the exit status; what goes to standard output is appended to `out`. */
int rules_list(struct rules_command *command, struct strbuf *out);
int rules_apply(struct rules_command *command, struct strbuf *out);
int rules_delete(struct rules_command *command, struct strbuf *out);

/* A look at ECR without writing, with `show` told of it; see reconcile_preview(). */
void rules_look(struct rules_command *command, const struct reconcile_viewer *viewer,
                struct reconcile_report *report);

/* Say why ECR could not be looked at, on standard error; EXIT_FAILED. */
int rules_say_failed(struct rules_command *command, const struct reconcile_report *report);

/* What stands under a table: one line a note. */
void rules_add_notes(struct strbuf *out, const char *const *notes, size_t n);

enum text_colour rules_colour(enum upstream_state state);

/* What JSON documents of all three are made of. An upstream's object is left open. */
void rules_add_json_notes(struct json_writer *json, const char *const *notes, size_t n);
void rules_add_json_upstream(struct json_writer *json, const struct config_upstream *upstream,
                             const struct upstream_status *status);

#endif
