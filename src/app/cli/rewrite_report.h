/*
 * What `pullthrough rewrite` found: every image with its verdict, in order, kept until all files
 * are read or, where somebody takes them, until they are many; and the ways in which it is told.
 */
#ifndef PULLTHROUGH_APP_CLI_REWRITE_REPORT_H
#define PULLTHROUGH_APP_CLI_REWRITE_REPORT_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/json/json_writer.h"
#include "pullthrough/core/manifest/manifest.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/core/rules/rule_set.h"
#include "text_table.h"

#include <stdbool.h>
#include <stddef.h>

struct rewrite_entry {
    const char *file;            /* NULL: a reference from the command line */
    struct manifest_image image; /* its texts are the report's; a reference has no place */
};

/* An object of a kind that holds no pod that we know. */
struct rewrite_other {
    const char *file;
    struct manifest_other other;
};

struct rewrite_report {
    const struct rule_set *rules; /* borrowed */
    struct arena arena, others_arena;
    /* Called when the entries take REWRITE_REPORT_KEPT bytes; they are forgotten then. Or NULL. */
    void (*spill)(void *context, struct rewrite_report *report);
    void *context;
    const char *file; /* the one that is being read */
    struct rewrite_entry *entries;
    size_t n_entries, entries_size;
    struct rewrite_other *others;
    size_t n_others, others_size;
    size_t n_rewritten;
};

enum { REWRITE_REPORT_KEPT = 8 * 1024 * 1024 };

#define REWRITE_REPORT_CLEANUP __attribute__((cleanup(rewrite_report_fini)))

void rewrite_report_init(struct rewrite_report *report, const struct rule_set *rules);
void rewrite_report_fini(struct rewrite_report *report);

/* What is added from now on belongs to this file; `name` must live as long as the report. */
void rewrite_report_file(struct rewrite_report *report, const char *name);

/* For manifest_rewrite(): the functions are fed with the report. */
struct manifest_report rewrite_report_callbacks(struct rewrite_report *report);

void rewrite_report_reference(struct rewrite_report *report, struct slice text,
                              const struct rewrite_verdict *verdict, struct slice rewritten);

/* Forgets what was added since the last rewrite_report_file(), but for what was spilled: the file
 * is not a manifest. */
void rewrite_report_drop_file(struct rewrite_report *report);

/* --explain: each image with its rule, and what became of it or why it stays. */
void rewrite_report_table(const struct rewrite_report *report, struct text_look look,
                          struct strbuf *out);

/* -o json: one document. First the images, as often as they are spilled, then the rest. */
void rewrite_report_json_images(const struct rewrite_report *report, struct json_writer *json);
void rewrite_report_json_end(const struct rewrite_report *report, struct json_writer *json);

/* --check: one line for each image that would change. */
void rewrite_report_changes(const struct rewrite_report *report, struct strbuf *out);

/* References that are none and images that can't be edited, one line each, if `images`; and for
 * each file the kinds that were left alone although something in them looks like an image. */
void rewrite_report_remarks(const struct rewrite_report *report, bool images, struct strbuf *out);

#endif
