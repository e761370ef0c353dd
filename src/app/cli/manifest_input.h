/*
 * Manifests that are only looked at, read as they come.
 */
#ifndef PULLTHROUGH_APP_CLI_MANIFEST_INPUT_H
#define PULLTHROUGH_APP_CLI_MANIFEST_INPUT_H

#include "pullthrough/core/manifest/manifest_stream.h"

/* What to say where a text that isn't YAML holds "{{": a chart's source, before Helm rendered it.
 */
extern const char manifest_input_hint[];
/* "standard input" for "-". */
const char *manifest_input_name(const char *file);

struct manifest_seen {
    size_t objects; /* of whatever kind */
    bool goes_on;   /* a List was a page of a longer one */
};

struct manifest_input {
    const struct rule_set *rules;
    enum config_kinds kinds;
    struct manifest_report report;
    struct manifest_seen *seen; /* NULL; or is added to */
};

/* It could not be read; else -1: read, and not understood. */
enum { MANIFEST_INPUT_UNREAD = -2 };

/* Report all images of a file ("-": standard input), or of what comes from a descriptor. 0, or a
 * negative number as above with the reason in error, the name first. */
int manifest_input_file(const struct manifest_input *input, const char *file, struct error *error);
int manifest_input_fd(const struct manifest_input *input, int fd, const char *name,
                      struct error *error);

#endif
