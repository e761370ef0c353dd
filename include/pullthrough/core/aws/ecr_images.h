/*
 * The messages of ECR about repositories, images, and the token that a registry client
 * logs in with.
 */
#ifndef PULLTHROUGH_CORE_AWS_ECR_IMAGES_H
#define PULLTHROUGH_CORE_AWS_ECR_IMAGES_H

#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ECR_IMAGES_MAX = 1000 }; /* of one page: the most that ECR gives */

struct ecr_repository {
    const char *name, *uri, *registry_id;
    int64_t created_s; /* since 1970; 0 where the answer didn't say */
};

/* One page. */
struct ecr_repositories {
    struct ecr_repository *items;
    size_t n;
    const char *next_token; /* "": the last page */
};

/* DescribeRepositories of one repository; a missing one is RepositoryNotFoundException. */
void ecr_images_encode_repository(struct strbuf *out, const char *name);
/* Of all of the registry, a page of 1,000; next_token "" for the first. ECR knows no filter by
 * prefix. */
void ecr_images_encode_repositories(struct strbuf *out, const char *next_token);
/* -1 with the reason in error. */
int ecr_images_decode_repositories(struct ecr_repositories *repositories, struct slice body,
                                   struct arena *arena, struct error *error);

struct ecr_image {
    const char *digest;
    const char **tags;
    size_t n_tags;
    uint64_t size_bytes; /* 0 where the answer didn't say */
    bool active;         /* can be pulled: ACTIVE, or no status (from before ECR had an archive).
                            ARCHIVED, ACTIVATING and what we don't know can't */
    int64_t pushed_s, pulled_s; /* since 1970; 0 where the answer didn't say */
};

struct ecr_images {
    struct ecr_image *items;
    size_t n;
    const char *next_token; /* "": the last page */
};

/* DescribeImages of one image, by tag or by digest (the other one is ""). It never imports: a
 * missing image is ImageNotFoundException. */
void ecr_images_encode_describe(struct strbuf *out, const char *repository, const char *tag,
                                const char *digest);
/* -1 with the reason in error. */
int ecr_images_decode(struct ecr_images *images, struct slice body, struct arena *arena,
                      struct error *error);

/* One page of ListImages: an item for each tag, and one without a tag for each untagged image.
 * An image of several tags is there several times. */
struct ecr_image_id {
    const char *tag;    /* "" where it has none */
    const char *digest; /* "sha256:…"; never "" */
};

struct ecr_image_ids {
    struct ecr_image_id *items;
    size_t n;
    const char *next_token; /* "": the last page */
};

/* ListImages or DescribeImages of a repository's ACTIVE images, which are asked in the same words:
 * a page of 1,000; next_token "" for the first. A missing repository is
 * RepositoryNotFoundException. */
void ecr_images_encode_list(struct strbuf *out, const char *repository, const char *next_token);
/* -1 with the reason in error. */
int ecr_images_decode_list(struct ecr_image_ids *ids, struct slice body, struct arena *arena,
                           struct error *error);

/* GetAuthorizationToken's answer: `token` (a secret buffer) gets what stands behind "Basic " in
 * an Authorization header; *endpoint the registry's URL, in the arena. -1 with the reason, which
 * doesn't show the token. The request is "{}". */
int ecr_images_decode_token(struct strbuf *token, const char **endpoint, struct slice body,
                            struct arena *arena, struct error *error);

#endif
