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

#include <stddef.h>
#include <stdint.h>

enum { ECR_IMAGES_MAX = 1000 };

struct ecr_repository {
    const char *name, *uri, *registry_id;
};

struct ecr_repositories {
    struct ecr_repository *items;
    size_t n;
};

/* DescribeRepositories of one repository; a missing one is RepositoryNotFoundException. */
void ecr_images_encode_repository(struct strbuf *out, const char *name);
/* -1 with the reason in error. */
int ecr_images_decode_repositories(struct ecr_repositories *repositories, struct slice body,
                                   struct arena *arena, struct error *error);

struct ecr_image {
    const char *digest;
    const char **tags;
    size_t n_tags;
    uint64_t size_bytes; /* 0 where the answer didn't say */
};

struct ecr_images {
    struct ecr_image *items;
    size_t n;
};

/* DescribeImages of one image, by tag or by digest (the other one is ""). It never imports: a
 * missing image is ImageNotFoundException. */
void ecr_images_encode_describe(struct strbuf *out, const char *repository, const char *tag,
                                const char *digest);
/* -1 with the reason in error. */
int ecr_images_decode(struct ecr_images *images, struct slice body, struct arena *arena,
                      struct error *error);

/* GetAuthorizationToken's answer: `token` (a secret buffer) gets what stands behind "Basic " in
 * an Authorization header; *endpoint the registry's URL, in the arena. -1 with the reason, which
 * doesn't show the token. The request is "{}". */
int ecr_images_decode_token(struct strbuf *token, const char **endpoint, struct slice body,
                            struct arena *arena, struct error *error);

#endif
