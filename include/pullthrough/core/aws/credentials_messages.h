/*
 * What the two local credential services answer, the container endpoint (EKS Pod Identity, ECS) and
 * the instance metadata service; and what a credential_process prints.
 */
#ifndef PULLTHROUGH_CORE_AWS_CREDENTIALS_MESSAGES_H
#define PULLTHROUGH_CORE_AWS_CREDENTIALS_MESSAGES_H

#include "pullthrough/core/aws/aws_keys.h"
#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>

struct credentials_place {
    bool plain;  /* http:// */
    bool direct; /* this machine or an agent's link-local address: no proxy knows the way */
};

enum { CREDENTIALS_NO_PLACE = 1 };

/* Append the URL of the container endpoint: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (at ECS's
 * address) or else ..._FULL_URI. In the clear only to this machine and to the agents' addresses.
 * 0; CREDENTIALS_NO_PLACE where both are empty; -1 with the reason in error. */
int credentials_container_place(struct credentials_place *place, struct slice relative,
                                struct slice full, struct strbuf *url, struct error *error);

/* {"AccessKeyId","SecretAccessKey","Token","Expiration","AccountId"?}. -1 with the reason, which
 * shows nothing of them. */
int credentials_decode_container(struct aws_keys *keys, struct slice body, struct error *error);

/* The same with a "Code", which must be "Success": the service reports a failure as HTTP 200. */
int credentials_decode_instance(struct aws_keys *keys, struct slice body, struct error *error);

/* {"Version":1,"AccessKeyId","SecretAccessKey","SessionToken"?,"Expiration"?,"AccountId"?}. */
int credentials_decode_process(struct aws_keys *keys, struct slice body, struct error *error);

#endif
