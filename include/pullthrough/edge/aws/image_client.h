/*
 * Which images ECR holds, and the import of one: the calls that whoever keeps a cache filled makes.
 *
 * One thread at a time uses a client. Every call blocks: one of ECR's API for twenty seconds at
 * most (longer where keys are fetched), an import for IMAGE_CLIENT_IMPORT_MS and, where the login
 * has to be fetched, a call more. It ends within about a second once the clients are told to stop.
 * Memory: one page of a list, however long that is. Nothing is logged and nothing counted here.
 *
 * All return an image_outcome; in all but IMAGE_THERE the reason is in error, redacted.
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

#include <pthread.h>

/* A million images or repositories: ten times what ECR allows unless it is asked for more. */
enum { IMAGE_CLIENT_IMPORT_MS = 30000, IMAGE_CLIENT_PAGES_MAX = 1000 };

struct image_client;

/* All but the host are borrowed and must outlive the client; the host is where the registry
 * answers ("111122223333.dkr.ecr.us-west-2.amazonaws.com", maybe with a port) and is copied. */
struct image_client_config {
    struct aws_client *aws;
    struct http_client *http;
    const struct timing *timing;
    const char *host;
    pthread_mutex_t *lock; /* held while `aws` is used, where clients of several threads share it;
                              or NULL */
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

/* A list comes in pages, which the caller asks for in turn and may pace: page 0 is the first, and
 * each other one goes on where the one before ended, of the same list; one that failed may be asked
 * for again. The client keeps where it is in one list of each kind. There is another page if
 * next_token isn't "". What is decoded lives in the arena. IMAGE_REFUSED, with what the page holds:
 * the list has no end (it names the same page again, or has over a thousand). */

/* ListImages: the pairs of tag and digest of a repository's ACTIVE images, with or without tags.
 * IMAGE_ABSENT: there is no such repository. */
enum image_outcome image_client_list(struct image_client *client, const char *repository,
                                     unsigned page, struct arena *arena, struct ecr_image_ids *ids,
                                     struct error *error);

/* DescribeImages: the same with what ECR knows of each image. */
enum image_outcome image_client_images(struct image_client *client, const char *repository,
                                       unsigned page, struct arena *arena,
                                       struct ecr_images *images, struct error *error);

/* DescribeRepositories: all of the registry, whosever they are, in ECR's order (not by age: see
 * created_s). */
enum image_outcome image_client_repositories(struct image_client *client, unsigned page,
                                             struct arena *arena,
                                             struct ecr_repositories *repositories,
                                             struct error *error);

struct image_facts {
    char digest[REGISTRY_DIGEST_BYTES];
    uint64_t size_bytes; /* as ECR counts it; of a list of images the largest one's */
    bool archived;       /* ECR has it, but it can't be pulled: not ACTIVE */
};

/* DescribeImages of one image, by tag or, where that is "", by digest; it never imports.
 * IMAGE_THERE: it is ACTIVE. IMAGE_ABSENT: *facts only says whether it is archived. */
enum image_outcome image_client_describe(struct image_client *client, const char *repository,
                                         const char *tag, const char *digest,
                                         struct image_facts *facts, struct error *error);
/* The same, of which only the digest is wanted. */
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

/* What to do about what the registry said to the last import, one or two sentences; static storage.
 * NULL where it said nothing, or gave the image. */
const char *image_client_advice(const struct image_client *client);

#endif
