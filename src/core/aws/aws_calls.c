/*
 * IAM names an action by the service's prefix and the operation, so one text is both. What else an
 * action may need (ecr:BatchImportUpstreamImage for a pull) is not a call of ours: core/iam has it.
 */
#include "pullthrough/core/aws/aws_calls.h"

#include <string.h>

#define CALL(name, service, action, slow) {action, service, slow},
static const struct {
    const char *action;
    enum aws_service service;
    bool slow;
} calls[] = {AWS_CALLS(CALL)};

const char *aws_operation_action(enum aws_operation operation)
{
    return calls[operation].action;
}

const char *aws_operation_name(enum aws_operation operation)
{
    return strchr(calls[operation].action, ':') + 1;
}

enum aws_service aws_operation_service(enum aws_operation operation)
{
    return calls[operation].service;
}

bool aws_operation_is_slow(enum aws_operation operation)
{
    return calls[operation].slow;
}

const char *aws_outcome_name(enum aws_outcome outcome)
{
    static const char *const others[] = {"ok", "no-answer", "failed"};

    return outcome < AWS_OUTCOME_OK ? aws_error_class_name((enum aws_error_class)outcome)
                                    : others[outcome - AWS_OUTCOME_OK];
}
