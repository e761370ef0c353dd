/*
 * What a call about one image, or about one list of them, came to, in the few cases that whoever
 * imports images must tell apart; from what ECR's API or its registry said.
 */
#ifndef PULLTHROUGH_CORE_AWS_IMAGE_OUTCOME_H
#define PULLTHROUGH_CORE_AWS_IMAGE_OUTCOME_H

#include "pullthrough/core/aws/aws_error.h"
#include "pullthrough/core/aws/registry_messages.h"

enum image_outcome {
    IMAGE_THERE,     /* and ACTIVE; the list is whole; the manifest was given */
    IMAGE_ABSENT,    /* no such image or repository, or it is archived; of an import also: ECR may
                        not import for us, which it says in the same words */
    IMAGE_REFUSED,   /* for a reason that lies with this image: soon again gives the same */
    IMAGE_THROTTLED, /* too fast, says ECR; of an import: ECR or the upstream says so */
    IMAGE_DENIED,    /* to us: keys, login, permission; other images will fare no better */
    IMAGE_NO_ANSWER, /* nobody knows; ECR's or the upstream's side broke; later may be better */
};
enum { IMAGE_OUTCOME_COUNT = IMAGE_NO_ANSWER + 1 };

/* "there", "absent", "refused", "throttled", "denied", "no-answer"; static storage. */
const char *image_outcome_name(enum image_outcome outcome);
/* Of an import the same, but "imported" for the first. */
const char *image_outcome_import_name(enum image_outcome outcome);

/* Of a refusal by ECR's API. */
enum image_outcome image_outcome_of_call(const struct aws_error *failure);

/* Of a refusal by the registry, to a pull by tag. */
enum image_outcome image_outcome_of_pull(const struct registry_refusal *refusal);

#endif
