/*
 * `pullthrough images list`: what ECR holds below the upstreams' prefixes.
 */
#ifndef PULLTHROUGH_APP_CLI_IMAGES_LIST_H
#define PULLTHROUGH_APP_CLI_IMAGES_LIST_H

#include "progress.h"
#include "pullthrough/core/base/arena.h"
#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/config/config.h"
#include "pullthrough/core/rules/rule_set.h"
#include "pullthrough/edge/aws/image_client.h"
#include "text_table.h"

/* Which images: of a repository, of all below a path, or of all upstreams. */
struct images_wanted {
    struct slice path; /* "dockercache/library"; empty: all below the upstreams' prefixes */
    bool is_repository;
    struct slice tag, digest; /* of a repository; empty for all */
};

/* By what the user wrote: a prefix or a path below one, a repository's image ("…/nginx:1.27"), both
 * also with the registry's host in front, or an image as pods name it. The slices are of `text` or
 * of `target`. -1 with the reason: it is none of these. */
int images_wanted_read(struct images_wanted *wanted, const char *text, const struct config *config,
                       const struct rule_set *rules, struct strbuf *target, struct error *error);

struct images_found {
    const char *repository;
    struct ecr_image image; /* ACTIVE */
};

struct images_list {
    struct arena arena;
    struct images_found *items; /* by repository; as ECR shows them */
    size_t n, size;
};

/* Ask ECR. -1 with the reason where it doesn't say. images_list_fini() afterwards in either case.
 */
int images_list_ask(struct images_list *list, const struct images_wanted *wanted,
                    const struct config *config, struct image_client *client,
                    struct progress *progress, struct error *error);
void images_list_fini(struct images_list *list);

/* One row for each tag; of images without a tag, which mostly are the parts of one that has, only
 * with `all`. What isn't shown is said. */
void images_list_table(const struct images_list *list, bool all, struct text_look look,
                       struct strbuf *out);
/* Lines of the same images, as `images list` and registries' clients take them: REPOSITORY:TAG, or
 * REPOSITORY@DIGEST. */
void images_list_names(const struct images_list *list, bool all, struct strbuf *out);
/* All of them, one object each. */
void images_list_json(const struct images_list *list, struct strbuf *out);

#endif
