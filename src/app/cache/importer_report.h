/*
 * What of a plan goes into a report of the importer.
 */
#ifndef PULLTHROUGH_SRC_APP_CACHE_IMPORTER_REPORT_H
#define PULLTHROUGH_SRC_APP_CACHE_IMPORTER_REPORT_H

#include "pullthrough/app/cache/importer.h"
#include "pullthrough/core/base/strbuf.h"

/* Bytes of an image's name. */
enum { IMPORTER_IMAGE_MAX = WISH_REPOSITORY_MAX + 1 + WISH_TAG_MAX + 1 + WISH_DIGEST_MAX };

/* "dockercache/library/nginx:1.27@sha256:..."; tag or digest may be empty. */
void importer_print_image(struct strbuf *out, struct slice repository, struct slice tag,
                          struct slice digest);

/* The upstreams of the plan's settings, and its newest refusals, into a report that has none. */
void importer_report_fill(struct importer_report *report, const struct import_plan *plan,
                          const struct import_upstream *upstreams, size_t n);

#endif
