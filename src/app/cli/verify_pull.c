/*
 * The pull itself, as a node would begin it or, in cached mode, as `serve` imports; and its traces
 * in ECR. The image's layers are not fetched: ECR imports the manifest first, and it is the
 * manifest that fails.
 */
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/edge/aws/registry_client.h"
#include "verify_steps.h"

#include <stdio.h>

enum { AGAIN_MS = 2000, LONGEST_MS = 60000, UNANSWERED_MAX = 3 };

static uint64_t now_ms(const struct verify *verify)
{
    return verify->timing.monotonic_ms(verify->timing.context);
}

bool verify_token(struct verify *verify)
{
    const struct ecr_client client = verify_client(verify);
    const char *endpoint;
    int result;

    progress_begin(&verify->progress, "fetching a token");
    result = ecr_client_login(&client, &verify->login, &endpoint);
    if (result != 0)
        return verify_call_failed(verify, VERIFY_TOKEN, result);
    return verify_say(verify, VERIFY_TOKEN, VERIFY_OK, NULL, "ECR gave one, for %s", endpoint);
}

static bool has_digest(const struct verify *verify)
{
    return verify->target.digest.len > 0;
}

/* By its digest a node pulls; in cached mode an image is imported by its tag before any does. */
static bool pulls_by_digest(const struct verify *verify)
{
    return has_digest(verify) && !verify->cached;
}

/* A digest alone is never imported, only used. */
static bool is_only_used(const struct verify *verify)
{
    return verify->cached && !verify->tag.len;
}

static bool pull_refused(struct verify *verify, const struct registry_refusal *refusal)
{
    return verify_say(verify, VERIFY_PULL, VERIFY_FAILED,
                      registry_messages_advice(refusal, pulls_by_digest(verify)), "HTTP %d%s%s: %s",
                      refusal->status, *refusal->code ? " " : "", refusal->code,
                      *refusal->message ? refusal->message : "the registry gave no reason");
}

static void say_again(struct verify *verify, int result, const struct registry_refusal *refusal)
{
    if (result == REGISTRY_CLIENT_REFUSED)
        progress_reword(&verify->progress, "the registry answered HTTP %d; trying again",
                        refusal->status);
    else
        progress_reword(&verify->progress, "the registry did not answer; trying again");
}

static bool pulled(struct verify *verify, const struct registry_manifest *manifest)
{
    if (has_digest(verify) && !slice_is(verify->target.digest, manifest->digest))
        return verify_say(verify, VERIFY_PULL, VERIFY_FAILED,
                          "name the tag's own digest, or another tag that has this one; until then "
                          "pods pull it from the upstream",
                          "the tag %.*s is another image now, %s", SLICE_FMT(verify->tag),
                          manifest->digest);
    return verify_say(verify, VERIFY_PULL, VERIFY_OK, NULL, "%s %s", manifest->digest,
                      manifest->media_type);
}

/* Again while it may go better and there is time. */
static bool pull(struct verify *verify, struct http_client *http)
{
    const uint64_t until = now_ms(verify) + verify->timeout_ms;
    unsigned unanswered = 0;

    for (;;) {
        uint64_t now = now_ms(verify), left = until > now ? until - now : 1;
        const struct registry_request request = {
            .host = verify->target.domain,
            .repository = verify->target.path,
            .reference = pulls_by_digest(verify) ? verify->target.digest : verify->tag,
            .login = strbuf_slice(&verify->login),
            .timeout_ms = left < LONGEST_MS ? left : LONGEST_MS,
        };
        struct registry_manifest manifest;
        struct registry_refusal refusal;
        bool again;
        int result = registry_client_manifest(http, &request, &manifest, &refusal, &verify->error);

        if (result == 0)
            return pulled(verify, &manifest);
        again = (result == REGISTRY_CLIENT_NO_ANSWER && ++unanswered < UNANSWERED_MAX) ||
                (result == REGISTRY_CLIENT_REFUSED && registry_messages_is_passing(&refusal));
        if (again && now_ms(verify) + AGAIN_MS < until) {
            say_again(verify, result, &refusal);
            (void)verify->timing.wait(verify->timing.context, AGAIN_MS);
            continue;
        }
        if (result == REGISTRY_CLIENT_REFUSED)
            return pull_refused(verify, &refusal);
        return verify_say(verify, VERIFY_PULL, VERIFY_FAILED,
                          "check the way to the registry: network, proxy variables, the VPC "
                          "endpoint ecr.dkr, registry.host, aws.caFile",
                          "%s", verify->error.text);
    }
}

bool verify_pull(struct verify *verify)
{
    struct http_client *http = NULL;
    bool done;

    if (is_only_used(verify)) {
        (void)verify_say(verify, VERIFY_PULL, VERIFY_SKIPPED, NULL,
                         "a digest without a tag is not imported, only used once ECR holds it");
        return true;
    }
    if (aws_access_http(&http, verify->config, verify->profile, &verify->timing, &verify->error) <
        0)
        return verify_call_failed(verify, VERIFY_PULL, -1);
    progress_begin(&verify->progress, "pulling the manifest; ECR may be importing the image");
    done = pull(verify, http);
    http_client_free(http);
    strbuf_clear(&verify->login);
    return done;
}

/* Ask until what is asked for is there. */
static int ask_again(struct verify *verify, int (*ask)(struct verify *verify), uint64_t until)
{
    int result;

    while ((result = ask(verify)) == AWS_CLIENT_REFUSED &&
           verify->failure.class == AWS_ERROR_NOT_FOUND && now_ms(verify) + AGAIN_MS < until)
        (void)verify->timing.wait(verify->timing.context, AGAIN_MS);
    return result;
}

static bool not_seen(struct verify *verify, enum verify_step step, int result)
{
    if (result != AWS_CLIENT_REFUSED || verify->failure.class != AWS_ERROR_NOT_FOUND)
        return verify_call_failed(verify, step, result);
    if (is_only_used(verify))
        return verify_say(verify, step, VERIFY_FAILED,
                          "name a tag beside the digest, by which it can be imported; until then "
                          "pods pull it from the upstream",
                          "ECR doesn't hold it: %s", verify->error.text);
    return verify_say(verify, step, VERIFY_FAILED,
                      "the import may still be under way: verify again later, or with a longer "
                      "--timeout",
                      "not seen within %llu s: %s", (unsigned long long)(verify->timeout_ms / 1000),
                      verify->error.text);
}

static int ask_for_repository(struct verify *verify)
{
    const struct ecr_client client = verify_client(verify);
    struct ecr_repositories repositories;
    int result = ecr_client_repository(&client, verify->repository, &repositories);

    if (result == 0 && repositories.n == 0)
        return error_set(&verify->error, "ECR named no repository \"%s\"", verify->repository);
    if (result == 0)
        (void)verify_say(verify, VERIFY_REPOSITORY, VERIFY_OK, NULL, "%s",
                         repositories.items[0].uri);
    return result;
}

static int ask_for_image(struct verify *verify)
{
    const struct ecr_client client = verify_client(verify);
    char reference[512];
    bool by_digest = has_digest(verify);
    struct ecr_images images;
    int result;

    (void)snprintf(reference, sizeof(reference), "%.*s",
                   SLICE_FMT(by_digest ? verify->target.digest : verify->tag));
    result = ecr_client_image(&client, verify->repository, by_digest ? "" : reference,
                              by_digest ? reference : "", &images);
    if (result == 0 && images.n == 0)
        return error_set(&verify->error, "ECR named no image");
    if (result == 0 && !images.items[0].active)
        return error_set(&verify->error, "ECR has archived it, so that it can't be pulled");
    if (result == 0)
        (void)verify_say(verify, VERIFY_CACHED, VERIFY_OK, NULL, "%s, %llu bytes",
                         images.items[0].digest, (unsigned long long)images.items[0].size_bytes);
    return result;
}

void verify_cache(struct verify *verify)
{
    const uint64_t until = now_ms(verify) + (is_only_used(verify) ? 0 : verify->timeout_ms);
    int result;

    progress_begin(&verify->progress, "waiting for the repository to be seen in ECR");
    result = ask_again(verify, ask_for_repository, until);
    if (result != 0)
        (void)not_seen(verify, VERIFY_REPOSITORY, result);
    progress_begin(&verify->progress, "waiting for the image to be seen in ECR");
    result = ask_again(verify, ask_for_image, until);
    if (result != 0)
        (void)not_seen(verify, VERIFY_CACHED, result);
}
