/*
 * The account is not checked against anything: AWS refuses keys of another.
 */
#include "aws_environment.h"

int aws_environment_keys(const struct environment *environment, struct aws_keys *keys,
                         struct error *error)
{
    struct slice id = environment_get(environment, "AWS_ACCESS_KEY_ID");
    struct slice secret = environment_get(environment, "AWS_SECRET_ACCESS_KEY");

    if (id.len == 0 && secret.len == 0) {
        (void)error_set(error, "AWS_ACCESS_KEY_ID is not set");
        return AWS_ENVIRONMENT_ABSENT;
    }
    if (id.len == 0 || secret.len == 0)
        return error_set(error, "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
    if (aws_keys_set(keys, id, secret, environment_get(environment, "AWS_SESSION_TOKEN"), error) <
        0)
        return -1;
    aws_keys_set_account(keys, environment_get(environment, "AWS_ACCOUNT_ID"));
    return 0;
}
