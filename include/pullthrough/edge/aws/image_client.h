/*
 * Which images ECR holds, and the import of one: the calls that whoever keeps a cache filled makes.
 *
 * One thread at a time. Every call blocks: one of ECR's API for twenty seconds at most (longer
 * where keys are fetched), an import for IMAGE_CLIENT_IMPORT_MS and, where the login has to be
 * fetched, a call more. It ends within about a second once the clients are told to stop. Memory:
 * one page of a list, however long that is. Nothing is logged and nothing counted here.
 *
 * All return an image_outcome; in all but IMAGE_THERE (and IMAGE_ABSENT of a look) the reason is
 * in error, redacted.
 */
#ifndef PULLTHROUGH_EDGE_AWS_IMAGE_CLIENT_H
#define PULLTHROUGH_EDGE_AWS_IMAGE_CLIENT_H

#include "pullthrough/core/aws/ecr_images.h"
#include "pullthrough/core/aws/image_outcome.h"
#include "pullthrough/core/aws/registry_messages.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/edge/aws/aws_client.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/sys/timing.h"

#include <stdbool.h>

enum { IMAGE_CLIENT_IMPORT_MS = 30000 };

struct image_client;

/* All but the host are borrowed and must outlive the client; the host is where the registry
 * answers ("111122223333.dkr.ecr.us-west-2.amazonaws.com", maybe with a port) and is copied. */
struct image_client_config {
    struct aws_client *aws;
    struct http_client *http;
    const struct timing *timing;
    const char *host;
};

/* Asks nobody. Never NULL. */
struct image_client *image_client_new(const struct image_client_config *config);
/* Wipes the login. NULL is allowed. */
void image_client_free(struct image_client *client);
static inline void image_client_cleanup(struct image_client **clientp)
{
    image_client_free(*clientp);
}
#define IMAGE_CLIENT_CLEANUP __attribute__((cleanup(image_client_cleanup)))

/* ListImages: the pairs of tag and digest of all ACTIVE images of a repository, 1,000 at a time to
 * `page`, with or without tags; what is in *ids lives until `page` returns. It may wait, to pace
 * the calls; false: enough (the call ends with IMAGE_NO_ANSWER). IMAGE_THERE: that was all of it;
 * IMAGE_ABSENT: there is no such repository. After 1,000 pages, or a page that names itself as the
 * next one: IMAGE_REFUSED. What came until then is true all the same. */
enum image_outcome image_client_list(struct image_client *client, const char *repository,
                                     bool (*page)(void *context, const struct ecr_image_ids *ids),
                                     void *context, struct error *error);

/* DescribeRepositories: all of the registry, of anybody's, in ECR's order (not by age: see
 * created_s), in the same way. */
enum image_outcome
image_client_repositories(struct image_client *client,
                          bool (*page)(void *context, const struct ecr_repositories *repositories),
                          void *context, struct error *error);

/* DescribeImages of one image, by tag or, where that is "", by digest; it never imports.
 * IMAGE_THERE: it is ACTIVE, and *found is its digest. */
enum image_outcome image_client_look(struct image_client *client, const char *repository,
                                     const char *tag, const char *digest,
                                     char found[static REGISTRY_DIGEST_BYTES], struct error *error);

/* GET the manifest by its tag, which imports the image where it isn't cached. IMAGE_THERE: the
 * registry gave it, *found is its digest; ECR may need minutes more until a look shows it. The
 * login of ECR is fetched when it is needed, kept for six hours at most, and fetched anew once
 * where the registry doesn't take it. */
enum image_outcome image_client_import(struct image_client *client, const char *repository,
                                       const char *tag, char found[static REGISTRY_DIGEST_BYTES],
                                       struct error *error);

#endif
