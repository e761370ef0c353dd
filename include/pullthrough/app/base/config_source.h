/*
 * Where a configuration comes from: a file, and the environment.
 */
#ifndef PULLTHROUGH_APP_BASE_CONFIG_SOURCE_H
#define PULLTHROUGH_APP_BASE_CONFIG_SOURCE_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config.h"

/* Read the file ("-": standard input; NULL: the defaults) and parse it. 0 and a new *configp;
 * or -1 with "FILE:LINE:COL: message", or FILE_UNREAD with "FILE: reason", in error. What else may
 * be read, and what can't: file_read_argument(). */
int config_source_load(const char *path, const struct config **configp, struct error *error);

/* The same, and refuses what `serve` could not start or live with: no certificate is named, or what
 * isn't standard input is not a regular file. */
int config_source_load_for_serve(const char *path, const struct config **configp,
                                 struct error *error);

/* The two halves of config_source_load(), for those who answer their failures differently.
 * `text` needs a ceiling of CONFIG_TEXT_MAX. */
int config_source_read(const char *path, struct strbuf *text, struct error *error);
int config_source_parse(const char *path, struct slice text, const struct config **configp,
                        struct error *error);

/* What AWS_REGION, else AWS_DEFAULT_REGION, and AWS_ACCOUNT_ID say; an empty variable says
 * nothing. Borrowed from the environment. */
struct config_environment config_source_environment(void);

/* config_registry_host() in that environment. */
int config_source_host(const struct config *config, struct strbuf *out, struct error *error);

#endif
