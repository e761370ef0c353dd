/*
 * What the two local credential services answer: the container endpoint (EKS Pod Identity,
 * ECS) and the instance metadata service.
 */
#ifndef PULLTHROUGH_CORE_CREDENTIALS_MESSAGES_H
#define PULLTHROUGH_CORE_CREDENTIALS_MESSAGES_H

#include "pullthrough/core/aws_keys.h"
#include "pullthrough/core/error.h"
#include "pullthrough/core/slice.h"

/* {"AccessKeyId","SecretAccessKey","Token","Expiration","AccountId"?}. -1 with the reason, which
 * shows nothing of them. */
int credentials_decode_container(struct aws_keys *keys, struct slice body, struct error *error);

/* The same with a "Code", which must be "Success": the service reports a failure as HTTP 200. */
int credentials_decode_instance(struct aws_keys *keys, struct slice body, struct error *error);

#endif
