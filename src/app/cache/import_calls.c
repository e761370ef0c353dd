/*
 * What a list or a look shows goes to the plan as it comes; what ECR serves for an import does not,
 * since it isn't yet what ECR holds. Nothing is tried twice here: when to try again is the plan's.
 */
#include "import_calls.h"

#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

enum { ARENA_EXPECTED = 64 * 1024 };

static void drop_clients(struct import_calls *calls)
{
    image_client_free(calls->images);
    http_client_free(calls->http);
    aws_client_free(calls->aws);
    calls->images = NULL;
    calls->http = NULL;
    calls->aws = NULL;
}

void import_calls_configure(struct import_calls *calls, const struct config *config,
                            struct slice host)
{
    import_calls_fini(calls);
    if (config)
        calls->config = config_ref(config);
    calls->host = alloc_text(host);
}

void import_calls_fini(struct import_calls *calls)
{
    drop_clients(calls);
    config_unref(calls->config);
    calls->config = NULL;
    free(calls->host);
    calls->host = NULL;
}

static void on_attempt(void *context, const struct aws_sender_attempt *attempt)
{
    struct import_calls *calls = context;

    metrics_aws_request(calls->metrics, attempt->operation, attempt->outcome, attempt->duration_ms);
}

static int have_clients(struct import_calls *calls, struct error *error)
{
    const struct aws_access access = {
        .timing = calls->timing, .count = on_attempt, .context = calls};

    if (calls->images)
        return 0;
    drop_clients(calls);
    if (aws_access_client(&calls->aws, calls->config, &access, error) ||
        aws_access_http(&calls->http, calls->config, NULL, &calls->timing, error))
        return -1;
    calls->images = image_client_new(&(struct image_client_config){
        .aws = calls->aws, .http = calls->http, .timing = &calls->timing, .host = calls->host});
    return 0;
}

/* Of a page: one that has no end is true as far as it goes, and never the last. */
static struct import_answer answer_of_page(enum image_outcome outcome, size_t n,
                                           const char *next_token)
{
    if (outcome == IMAGE_THERE)
        return (struct import_answer){.outcome = IMAGE_THERE, .more = *next_token != '\0'};
    if (outcome == IMAGE_REFUSED)
        return (struct import_answer){.outcome = n ? IMAGE_THERE : IMAGE_NO_ANSWER, .more = true};
    return (struct import_answer){.outcome = outcome};
}

static struct import_answer list_repositories(struct import_calls *calls, struct import_plan *plan,
                                              const struct import_call *call, struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_repositories found = {0};
    enum image_outcome outcome;

    arena_init(&arena, ARENA_EXPECTED);
    outcome = image_client_repositories(calls->images, call->page, &arena, &found, error);
    for (size_t i = 0; i < found.n; i++)
        import_plan_found_repository(plan, slice_str(found.items[i].name),
                                     found.items[i].created_s);
    return answer_of_page(outcome, found.n, found.next_token);
}

static struct import_answer list_images(struct import_calls *calls, struct import_plan *plan,
                                        const struct import_call *call, const char *repository,
                                        struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_image_ids found = {0};
    enum image_outcome outcome;
    int64_t now;

    arena_init(&arena, ARENA_EXPECTED);
    outcome = image_client_list(calls->images, repository, call->page, &arena, &found, error);
    now = (int64_t)calls->timing.monotonic_ms(calls->timing.context);
    for (size_t i = 0; i < found.n; i++)
        import_plan_found(plan, slice_str(found.items[i].tag), slice_str(found.items[i].digest),
                          now);
    return answer_of_page(outcome, found.n, found.next_token);
}

static struct import_answer look(struct import_calls *calls, struct import_plan *plan,
                                 const struct import_call *call, const char *repository,
                                 const char *reference, struct error *error)
{
    char digest[REGISTRY_DIGEST_BYTES];
    enum image_outcome outcome =
        image_client_look(calls->images, repository, call->by_digest ? "" : reference,
                          call->by_digest ? reference : "", digest, error);

    if (outcome == IMAGE_THERE)
        import_plan_found(plan, call->by_digest ? (struct slice){0} : call->reference,
                          slice_str(digest),
                          (int64_t)calls->timing.monotonic_ms(calls->timing.context));
    return (struct import_answer){.outcome = outcome};
}

struct import_answer import_calls_make(struct import_calls *calls, struct import_plan *plan,
                                       const struct import_call *call, struct error *error)
{
    STRBUF_CLEANUP struct strbuf repository = STRBUF_INIT(IMAGE_SET_REPOSITORY_MAX + 1);
    STRBUF_CLEANUP struct strbuf reference = STRBUF_INIT(IMAGE_SET_REFERENCE_MAX + 1);
    char digest[REGISTRY_DIGEST_BYTES];
    struct import_answer answer = {.outcome = IMAGE_DENIED};

    *error = (struct error){""};
    strbuf_add_slice(&repository, call->repository);
    strbuf_add_slice(&reference, call->reference);
    if (have_clients(calls, error))
        return answer; /* as if it were refused: a setting is wrong, whatever the image */
    switch (call->kind) {
    case IMPORT_REPOSITORIES: answer = list_repositories(calls, plan, call, error); break;
    case IMPORT_LIST:
        answer = list_images(calls, plan, call, strbuf_str(&repository), error);
        break;
    case IMPORT_LOOK:
        answer = look(calls, plan, call, strbuf_str(&repository), strbuf_str(&reference), error);
        break;
    case IMPORT_GET:
        answer.outcome = image_client_import(calls->images, strbuf_str(&repository),
                                             strbuf_str(&reference), digest, error);
        break;
    }
    answer.reason = slice_str(error->text);
    return answer;
}
