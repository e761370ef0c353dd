/*
 * Region and keys are found once and kept; each call takes keys from there and hands one
 * request to aws_sender, which tries again. Keys that a service refuses make place for the next
 * ones in AWS's order, if there are any.
 */
#include "pullthrough/edge/aws/aws_client.h"

#include "aws_instance.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/edge/sys/log.h"

#include <stdlib.h>

struct aws_client {
    struct environment environment;
    struct timing timing;
    struct aws_settings settings;
    struct http_client *http;
    struct aws_sender sender;
    struct aws_credentials *credentials;
    char account[AWS_KEYS_ACCOUNT_BYTES];
};

int aws_client_new(struct aws_client **clientp, const struct aws_client_config *config,
                   struct error *error)
{
    AWS_CLIENT_CLEANUP struct aws_client *client = alloc_zeroed(1, sizeof(*client));

    client->environment = config->environment;
    client->timing = config->timing;
    if (aws_settings_load(&client->settings, &config->spec, &client->environment, error) < 0 ||
        http_client_new(&client->http,
                        &(struct http_client_config){
                            .ca_file = client->settings.ca_file,
                            .user_agent = config->user_agent,
                            .stopped = client->timing.stopped,
                            .context = client->timing.context,
                        },
                        error) < 0)
        return -1;
    client->sender = (struct aws_sender){
        .http = client->http,
        .settings = &client->settings,
        .timing = &client->timing,
        .count = config->count,
        .context = config->context,
    };
    client->credentials = aws_credentials_new(&client->sender, &client->environment);
    *clientp = client;
    client = NULL;
    return 0;
}

void aws_client_free(struct aws_client *client)
{
    if (!client)
        return;
    aws_credentials_free(client->credentials);
    http_client_free(client->http);
    aws_settings_fini(&client->settings);
    free(client);
}

int aws_client_region(struct aws_client *client, const char **region, struct error *error)
{
    const struct aws_instance instance = {
        .http = client->http,
        .environment = &client->environment,
        .timing = &client->timing,
    };
    STRBUF_CLEANUP struct strbuf found = STRBUF_INIT(1000);

    if (!client->settings.region[0]) {
        if (aws_instance_region(&instance, &found, error) != 0)
            return error_prefix(error,
                                "no AWS region is set (%sregistry.region or AWS_REGION), and from "
                                "the instance",
                                client->settings.person ? "--region, " : "");
        if (!ecr_host_is_region(strbuf_slice(&found)))
            return error_set(error, "the instance's region is not an AWS region");
        memcpy(client->settings.region, found.ptr, found.len + 1);
        log_event(LOG_LEVEL_INFO, "AWS region found by the instance",
                  LOG_TEXT("region", client->settings.region));
    }
    *region = client->settings.region;
    return 0;
}

int aws_client_account(struct aws_client *client, const char **account, struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    const char *region;

    if (aws_client_region(client, &region, error) < 0 ||
        aws_credentials_get(client->credentials, &keys, error) < 0)
        return -1;
    memcpy(client->account, keys.account, sizeof(client->account));
    *account = client->account;
    return 0;
}

enum aws_source aws_client_source(const struct aws_client *client)
{
    return aws_credentials_source(client->credentials);
}

/* Whether there are other keys to try; if not, what the service said stands. */
static bool renew(struct aws_client *client, struct aws_keys *keys)
{
    struct error problem;
    int result = aws_credentials_renew(client->credentials, keys, &problem);

    if (result < 0)
        log_event(LOG_LEVEL_WARN, "AWS credentials not renewed", LOG_TEXT("reason", problem.text));
    return result == 0;
}

int aws_client_call(struct aws_client *client, const struct aws_call *call, struct strbuf *answer,
                    struct aws_error *failure, struct error *error)
{
    AWS_KEYS_CLEANUP struct aws_keys keys;
    struct aws_error unwanted;
    const char *region;
    int result;

    if (!failure)
        failure = &unwanted;
    *failure = (struct aws_error){0};
    if (aws_client_region(client, &region, error) < 0 ||
        aws_credentials_get(client->credentials, &keys, error) < 0)
        return -1;
    result = aws_sender_send(&client->sender, call, &keys, answer, failure, error);
    if (result == AWS_SENDER_REFUSED && failure->class == AWS_ERROR_EXPIRED_CREDENTIALS &&
        renew(client, &keys))
        result = aws_sender_send(&client->sender, call, &keys, answer, failure, error);
    return result;
}
