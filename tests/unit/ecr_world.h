/*
 * A registry of ECR's and its secrets, as small as passes need it: rules and templates that are
 * made stay made, and each operation is counted. It answers on the fake server's thread.
 */
#ifndef PULLTHROUGH_TESTS_ECR_WORLD_H
#define PULLTHROUGH_TESTS_ECR_WORLD_H

#include "fake_http.h"
#include "pullthrough/core/base/strbuf.h"

#include <pthread.h>
#include <stdbool.h>

enum { ECR_WORLD_RULES_MAX = 50, ECR_WORLD_OPERATIONS_MAX = 12 };

struct ecr_world {
    struct fake_http *server;
    pthread_mutex_t lock; /* over the rest */
    struct {
        char prefix[31], url[64], arn[200];
    } rules[ECR_WORLD_RULES_MAX];
    size_t n_rules;
    bool has_template;
    bool broken;       /* every call is a 500 */
    char failure[300]; /* of each validation; "": valid */
    char gone[200];    /* the ARN of a secret that isn't there */
    struct {
        char name[64];
        unsigned times;
    } operations[ECR_WORLD_OPERATIONS_MAX];
    size_t n_operations;
    struct strbuf answer;
};

/* With no rule and no template; every secret is there. */
struct ecr_world *ecr_world_new(void);
void ecr_world_free(struct ecr_world *world);

/* Somebody else's rules, until there is no room for one more. */
void ecr_world_fill(struct ecr_world *world);
/* Somebody else's rule; with a credential unless `arn` is "". */
void ecr_world_add_rule(struct ecr_world *world, const char *prefix, const char *url,
                        const char *arn);
/* The ARN of the credential that a rule has now, copied; "" for none. */
void ecr_world_credential(struct ecr_world *world, const char *prefix, char *arn, size_t size);
/* What ECR says from now on when it tries a credential; "": that it is valid. */
void ecr_world_refuse(struct ecr_world *world, const char *failure);
/* The secret with this ARN isn't there any more. */
void ecr_world_lose_secret(struct ecr_world *world, const char *arn);
void ecr_world_break(struct ecr_world *world, bool broken);

/* How often an operation was asked for; NULL: all of them. */
unsigned ecr_world_calls(struct ecr_world *world, const char *operation);
size_t ecr_world_rules(struct ecr_world *world);

#endif
