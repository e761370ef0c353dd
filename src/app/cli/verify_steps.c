/*
 * Who we are, and what the image becomes: the steps before ECR is asked about it.
 */
#include "verify_steps.h"

#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/config/config_upstreams.h"
#include "pullthrough/core/rules/rewrite.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_EXPECTED = 64 * 1024, LOGIN_MAX = 128 * 1024, HOST_MAX = 512 };

int verify_init(struct verify *verify, enum command_output output)
{
    arena_init(&verify->arena, ARENA_EXPECTED);
    strbuf_init(&verify->rewritten, REWRITE_TEXT_MAX);
    verify->login = (struct strbuf)STRBUF_SECRET_INIT(LOGIN_MAX);
    verify_report_init(&verify->report, output);
    progress_init(&verify->progress, "verify");
    verify->timing = progress_timing(&verify->progress);
    return aws_access_for_command(&verify->client, verify->config, verify->profile, &verify->timing,
                                  &verify->error);
}

void verify_fini(struct verify *verify)
{
    progress_end(&verify->progress);
    aws_client_free(verify->client);
    verify_report_fini(&verify->report);
    strbuf_fini(&verify->login);
    strbuf_fini(&verify->rewritten);
    arena_fini(&verify->arena);
}

struct ecr_client verify_client(struct verify *verify)
{
    verify->failure = (struct aws_error){0};
    verify->error = (struct error){""};
    return (struct ecr_client){.aws = verify->client,
                               .arena = &verify->arena,
                               .failure = &verify->failure,
                               .error = &verify->error};
}

bool verify_say(struct verify *verify, enum verify_step step, enum verify_result result,
                const char *advice, const char *format, ...)
{
    char detail[2048];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    progress_end(&verify->progress);
    verify_report_step(&verify->report, step, result, detail, advice);
    return result == VERIFY_OK;
}

static const char *advise(int result, const struct aws_error *failure)
{
    if (result == AWS_CLIENT_NO_ANSWER)
        return "check the way to AWS: network, proxy variables, VPC endpoints, aws.endpoint";
    if (result != AWS_CLIENT_REFUSED)
        return "";
    switch (failure->class) {
    case AWS_ERROR_ACCESS_DENIED:
        return "allow that action to these credentials; `pullthrough iam verify` prints a policy";
    case AWS_ERROR_EXPIRED_CREDENTIALS:
        return "these credentials are over or unknown: get new ones";
    case AWS_ERROR_CLOCK_SKEW:
    case AWS_ERROR_BAD_SIGNATURE: return "check the secret key, and this machine's clock";
    case AWS_ERROR_THROTTLED:
    case AWS_ERROR_TRANSIENT: return "try again in a while";
    default: return "";
    }
}

bool verify_call_failed(struct verify *verify, enum verify_step step, int result)
{
    return verify_say(verify, step, VERIFY_FAILED, advise(result, &verify->failure), "%s",
                      verify->error.text);
}

/* A private network may have a way to ECR and none to STS: then the account must be known from
 * elsewhere. */
static bool ask_sts(struct verify *verify)
{
    const struct ecr_client client = verify_client(verify);
    const char *source;
    struct sts_identity identity;
    int result = ecr_client_identity(&client, &identity);

    source = aws_source_name(aws_client_source(verify->client));
    if (result == 0) {
        memcpy(verify->account, identity.account, AWS_KEYS_ACCOUNT_BYTES);
        return verify_say(verify, VERIFY_CREDENTIALS, VERIFY_OK, NULL, "%s: %s, %s", source,
                          identity.arn, verify->region);
    }
    if (result == AWS_CLIENT_NO_ANSWER && *verify->account)
        return verify_say(verify, VERIFY_CREDENTIALS, VERIFY_OK, NULL,
                          "%s: account %s, %s; STS did not say more: %s", source, verify->account,
                          verify->region, verify->error.text);
    return verify_call_failed(verify, VERIFY_CREDENTIALS, result);
}

bool verify_credentials(struct verify *verify)
{
    char wanted[AWS_KEYS_ACCOUNT_BYTES];
    const char *named;

    progress_begin(&verify->progress, "finding credentials");
    if (aws_client_region(verify->client, &verify->region, &verify->error) < 0 ||
        aws_access_named_account(wanted, verify->config, &verify->error) < 0 ||
        aws_client_account(verify->client, &named, &verify->error) < 0)
        return verify_call_failed(verify, VERIFY_CREDENTIALS, -1);
    memcpy(verify->account, *named ? named : wanted, AWS_KEYS_ACCOUNT_BYTES);
    if (!ask_sts(verify))
        return false;
    if (*wanted && strcmp(wanted, verify->account) != 0) {
        (void)verify_say(verify, VERIFY_IMAGE, VERIFY_FAILED,
                         "use credentials of that account, or configure this one",
                         "the credentials are of account %s, the configuration says %s",
                         verify->account, wanted);
        return false;
    }
    return true;
}

/* "HOST/PREFIX/PATH:TAG" taken apart, and the repository copied. */
static void take_apart(struct verify *verify)
{
    (void)image_ref_parse(&verify->target, strbuf_slice(&verify->rewritten), NULL);
    verify->tag = verify->target.tag;
    if (!verify->tag.len && !verify->target.digest.len)
        verify->tag = slice_str("latest");
    verify->repository = arena_text(&verify->arena, verify->target.path);
}

static bool say_image(struct verify *verify)
{
    const bool when = verify->config->rewrite.when == CONFIG_WHEN_CACHED;

    verify->cached = when || (verify->target.digest.len &&
                              verify->config->rewrite.digests == CONFIG_DIGESTS_CACHED);
    return verify_say(verify, VERIFY_IMAGE, VERIFY_OK, NULL, "%s -> %s%s", verify->text,
                      strbuf_str(&verify->rewritten),
                      !verify->cached ? ""
                      : when          ? ", once ECR holds it (rewrite.when is cached)"
                                      : ", once ECR holds it (rewrite.digests is cached)");
}

bool verify_image(struct verify *verify)
{
    const struct config_environment found = {.region = slice_str(verify->region),
                                             .account = slice_str(verify->account)};
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    struct rewrite_verdict verdict;
    struct rule_set *rules;

    if (config_registry_host(verify->config, &found, &host, &verify->error) != 0)
        return verify_call_failed(verify, VERIFY_IMAGE, -1);
    rules = rule_set_new(verify->config, &(struct rule_set_facts){.host = strbuf_slice(&host)});
    verdict = rewrite_image(rules, slice_str(verify->text), &verify->rewritten);
    if (verdict.outcome == OUTCOME_REWRITTEN)
        verify->upstream = &verify->config->upstreams[config_upstreams_find(
            verify->config, rule_set_registry(rules, verdict.upstream))];
    rule_set_free(rules);
    if (verdict.outcome != OUTCOME_REWRITTEN)
        return verify_say(verify, VERIFY_IMAGE, VERIFY_FAILED,
                          "verify an image that the configuration lets be rewritten",
                          "%s is not rewritten: %s (%s)%s%s", verify->text,
                          outcome_explanation(verdict.outcome), outcome_name(verdict.outcome),
                          verdict.reason ? ": " : "", verdict.reason ? verdict.reason : "");
    take_apart(verify);
    return say_image(verify);
}
