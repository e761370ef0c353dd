/*
 * Reviews as literals, and their answers with the patch decoded.
 */
#ifndef PULLTHROUGH_TESTS_REVIEW_WORLD_H
#define PULLTHROUGH_TESTS_REVIEW_WORLD_H

#include "pullthrough/core/review/review.h"

#define HOST      "111122223333.dkr.ecr.us-west-2.amazonaws.com"
#define CACHED    HOST "/dockercache/library/"
#define PODS      "\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}"
#define CREATE    PODS ",\"operation\":\"CREATE\",\"namespace\":\"demo\","
#define UPDATE    PODS ",\"operation\":\"UPDATE\",\"namespace\":\"demo\","
#define EPHEMERAL "\"subResource\":\"ephemeralcontainers\"," UPDATE
#define REVIEW(request)                                                                            \
    "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{"           \
    "\"uid\":\"u1\"," request "}}\n"

struct review_world {
    struct review review; /* slices and images are dead; the numbers are what is looked at */
    struct strbuf answer;
    struct strbuf patch;    /* decoded */
    struct strbuf outcomes; /* of the images, in words: "rewritten digest" */
    struct strbuf wishes;   /* "0 dockercache/library/nginx 1.27 sha256:..." and a line feed each */
};

void review_world_ask(struct review_world *result, const struct rule_set *rules, struct slice body);
/* The same while nodes say so, and ECR holds that. */
void review_world_ask_with(struct review_world *result, const struct rule_set *rules,
                           const struct fallback_table *fallback, struct image_set *cached,
                           struct slice body);
void review_world_fini(struct review_world *result);

#endif
