/*
 * The certificate that the server shows, as files: looked at for changes, loaded into TLS, told
 * of in log and metrics. What can't be loaded leaves what was loaded before. One thread.
 */
#ifndef PULLTHROUGH_APP_SERVE_CERTIFICATE_FILES_H
#define PULLTHROUGH_APP_SERVE_CERTIFICATE_FILES_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/edge/http/tls.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/metrics.h"

#include <stdbool.h>
#include <stdint.h>

enum { CERTIFICATE_FILES = 3 }; /* chain, key, bundle of client CAs */

/* Zero but for the first two: nothing was looked at. */
struct certificate_files {
    struct tls *tls; /* borrowed, as is the next */
    struct metrics *metrics;
    struct file_stamp stamps[CERTIFICATE_FILES];
    int64_t loaded_s;     /* 0: never */
    struct error problem; /* of the last look; "" where there is none */
    bool unread;          /* and it may pass: the files are tried at the next look */
};

/* Load the files that the configuration names, if one of them changed, could not be read before, or
 * `forced`; whether something was loaded or refused that wasn't before. With tls.mode self there
 * are none. */
bool certificate_files_look(struct certificate_files *files, const struct config *config,
                            bool forced);

#endif
