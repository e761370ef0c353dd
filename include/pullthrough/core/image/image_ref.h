/*
 * Image references, "registry.example:5000/team/app:1.2@sha256:...", as kubelet and
 * containerd parse them: distribution/reference v0.6.0 ParseNormalizedNamed, exactly.
 *
 * Parsing copies nothing: the slices point into the text that was given (or into static
 * storage, for "docker.io") and are dead when that text is.
 */
#ifndef PULLTHROUGH_CORE_IMAGE_IMAGE_REF_H
#define PULLTHROUGH_CORE_IMAGE_IMAGE_REF_H

#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

struct image_ref {
    struct slice
        domain;        /* "docker.io" where none was written; empty for "a_b.c/d", which has none */
    struct slice path; /* as written; see official */
    struct slice tag;  /* empty where there is none */
    struct slice digest; /* "sha256:..."; empty where there is none */
    bool official;       /* the path stands below "library/", which was not written */
};

enum { IMAGE_REF_INVALID = 1 };
enum { IMAGE_REF_PATH_MAX = 255 }; /* bytes; reference.go, RepositoryNameTotalLengthMax */

/* 0; or IMAGE_REF_INVALID with *reason (unless NULL) set to a static string. */
int image_ref_parse(struct image_ref *ref, struct slice text, const char **reason);

/* Append the path with its "library/". */
void image_ref_print_path(const struct image_ref *ref, struct strbuf *out);

/* Bytes that image_ref_print_path() appends. */
size_t image_ref_path_length(const struct image_ref *ref);

/* Append ":tag" and "@digest" as far as they are there. */
void image_ref_print_version(const struct image_ref *ref, struct strbuf *out);

#endif
