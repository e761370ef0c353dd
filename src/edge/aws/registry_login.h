/*
 * The login of ECR's registry, kept between pulls: it is good for twelve hours by ECR's word, and
 * taken for six. It is never logged, and wiped wherever it was.
 */
#ifndef PULLTHROUGH_EDGE_AWS_REGISTRY_LOGIN_H
#define PULLTHROUGH_EDGE_AWS_REGISTRY_LOGIN_H

#include "pullthrough/edge/aws/ecr_client.h"

#include <stdbool.h>
#include <stdint.h>

enum { REGISTRY_LOGIN_MS = 6 * 3600 * 1000 };

struct registry_login {
    struct strbuf token; /* what stands behind "Basic "; empty: none is kept */
    uint64_t fetched_ms;
};

void registry_login_init(struct registry_login *login);
void registry_login_fini(struct registry_login *login);

/* See that there is one: *fresh says whether it was fetched just now. Returns as
 * ecr_client_login(). `now_ms` is monotonic. */
int registry_login_have(struct registry_login *login, const struct ecr_client *client,
                        uint64_t now_ms, bool *fresh);
/* It wasn't taken. */
void registry_login_drop(struct registry_login *login);

#endif
