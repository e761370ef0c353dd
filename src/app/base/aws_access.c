/*
 * What the configuration says of AWS goes from here to edge/aws, and nowhere else. The account that
 * an operator names and the one that the keys are of are two things; STS is asked only for the
 * second, and only where the keys don't tell.
 */
#include "pullthrough/app/base/aws_access.h"

#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/base/version.h"
#include "pullthrough/core/image/ecr_host.h"
#include "pullthrough/edge/aws/ecr_client.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/process.h"

#include <unistd.h>

enum { AGENT_MAX = 128, ARENA_EXPECTED = 1024 };

static struct aws_spec spec_of(const struct config *config, const char *profile)
{
    return (struct aws_spec){
        .region = config->registry.region,
        .endpoints = {[AWS_ECR] = config->aws.endpoint.ecr,
                      [AWS_STS] = config->aws.endpoint.sts,
                      [AWS_SECRETS_MANAGER] = config->aws.endpoint.secretsmanager},
        .ca_file = config->aws.ca_file,
        .fips = config->aws.fips,
        .dual_stack = config->aws.dual_stack,
        .profile = profile,
    };
}

static int make_client(struct aws_client **clientp, const struct aws_spec *spec,
                       const struct aws_access *access, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(AGENT_MAX);

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    return aws_client_new(clientp,
                          &(struct aws_client_config){
                              .spec = *spec,
                              .environment = environment_of_process(),
                              .timing = access->timing,
                              .user_agent = strbuf_str(&agent),
                              .count = access->count,
                              .context = access->context,
                          },
                          error);
}

int aws_access_client(struct aws_client **clientp, const struct config *config,
                      const struct aws_access *access, struct error *error)
{
    const struct aws_spec spec = spec_of(config, NULL);

    return make_client(clientp, &spec, access, error);
}

int aws_access_http(struct http_client **httpp, const struct config *config, const char *profile,
                    const struct timing *timing, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(AGENT_MAX);
    const struct environment environment = environment_of_process();
    const struct aws_spec spec = spec_of(config, profile);
    struct aws_settings settings;
    int result;

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    result = aws_settings_load(&settings, &spec, &environment, error);
    if (result == 0)
        result = http_client_new(httpp,
                                 &(struct http_client_config){
                                     .ca_file = settings.ca_file,
                                     .user_agent = strbuf_str(&agent),
                                     .stopped = timing->stopped,
                                     .context = timing->context,
                                 },
                                 error);
    aws_settings_fini(&settings);
    return result;
}

int aws_access_for_command(struct aws_client **clientp, const struct config *config,
                           const char *profile, const struct timing *timing, struct error *error)
{
    struct aws_spec spec = spec_of(config, profile);

    spec.person = true;
    log_setup(STDERR_FILENO, false);
    log_set_level(LOG_LEVEL_WARN);
    if (process_hide_memory(error) < 0)
        return -1;
    return make_client(clientp, &spec, &(struct aws_access){.timing = *timing}, error);
}

int aws_access_named_account(char account[static AWS_KEYS_ACCOUNT_BYTES],
                             const struct config *config, struct error *error)
{
    struct slice named = slice_str(config->registry.account);

    account[0] = '\0';
    if (!named.len)
        named = config_source_environment().account;
    if (!named.len)
        return 0;
    if (!ecr_host_is_account(named))
        return error_set(error, "AWS_ACCOUNT_ID is not an AWS account: 12 digits");
    memcpy(account, named.ptr, named.len);
    account[named.len] = '\0';
    return 0;
}

int aws_access_own_account(char account[static AWS_KEYS_ACCOUNT_BYTES], struct aws_client *client,
                           struct error *error)
{
    ARENA_CLEANUP struct arena arena = {0};
    struct sts_identity identity;
    const char *named;

    if (aws_client_account(client, &named, error) < 0)
        return -1;
    if (*named) {
        memcpy(account, named, AWS_KEYS_ACCOUNT_BYTES);
        return 0;
    }
    arena_init(&arena, ARENA_EXPECTED);
    if (ecr_client_identity(&(struct ecr_client){.aws = client, .arena = &arena, .error = error},
                            &identity) != 0)
        return -1;
    memcpy(account, identity.account, AWS_KEYS_ACCOUNT_BYTES);
    return 0;
}

int aws_access_check_account(struct aws_client *client, const struct config *config,
                             struct error *error)
{
    char wanted[AWS_KEYS_ACCOUNT_BYTES], own[AWS_KEYS_ACCOUNT_BYTES];

    if (aws_access_named_account(wanted, config, error) < 0)
        return -1;
    if (!*wanted)
        return 0;
    if (aws_access_own_account(own, client, error) < 0)
        return -1;
    if (strcmp(wanted, own) == 0)
        return 0;
    return error_set(error, "the credentials are of account %s, the registry is of %s", own,
                     wanted);
}
