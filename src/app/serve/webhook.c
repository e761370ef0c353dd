/*
 * What core returns is counted and logged here, and nowhere else. Nothing waits: no file,
 * no lock, no AWS; the rule set is that of the snapshot which the loop holds.
 */
#include "webhook.h"

#include "pullthrough/core/review/review.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/log.h"

enum { REWRITTEN_BURST = 500 /* lines in ten seconds */ };

static void count(const struct webhook *webhook, const struct snapshot *snapshot,
                  const struct review *review, uint64_t duration_ns)
{
    metrics_review(webhook->metrics, review->operation, review->outcome, duration_ns);
    for (size_t i = 0; i < review->n_images; i++)
        metrics_image(webhook->metrics, snapshot_slot(snapshot, review->images[i].upstream),
                      review->images[i].outcome);
}

/* What goes to upstream because ECR doesn't hold it is to be imported; but for dry runs, which must
 * have no effect. */
static void wish(const struct webhook *webhook, const struct snapshot *snapshot, unsigned loop,
                 const struct review *review)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REWRITE_TEXT_MAX);

    for (size_t i = 0; i < review->n_images; i++) {
        struct review_wish wished;

        if (review_wish(review, i, snapshot->rules, &text, &wished) &&
            !wish_rings_put(webhook->wishes, loop, review->namespace, wished.image.repository,
                            wished.image.tag, wished.image.digest))
            metrics_wishes_dropped(webhook->metrics, 1);
    }
}

/* Any client can cause these, so they are limited; they are rare in a healthy cluster. */
static void log_problem(const struct review *review)
{
    static struct log_limit limit;
    uint64_t suppressed;

    if (!log_limit_pass(&limit, &suppressed))
        return;
    log_event(LOG_LEVEL_WARN, "review not understood, nothing changed",
              LOG_TEXT("outcome", review_outcome_name(review->outcome)),
              LOG_TEXT("problem", review->problem), LOG_SLICE("uid", review->uid),
              LOG_SLICE("namespace", review->namespace), LOG_SLICE("name", review->name),
              LOG_NUMBER("suppressed", suppressed));
}

/* So can a tenant with pods, or dry runs of them. A node that starts, or a large rollout, stays
 * below the limit. */
static void log_rewritten(const struct review *review, uint64_t duration_ns)
{
    static struct log_limit limit;
    uint64_t suppressed;

    if (!log_enabled(LOG_LEVEL_INFO) || !log_limit_pass_burst(&limit, REWRITTEN_BURST, &suppressed))
        return;
    {
        const struct log_field fields[] = {
            LOG_SLICE("uid", review->uid),
            LOG_TEXT("operation", review_operation_name(review->operation)),
            LOG_SLICE("namespace", review->namespace),
            LOG_SLICE("name", review->name),
            LOG_NUMBER("rewritten", review->n_rewritten),
            LOG_NUMBER("images", review->n_images),
            LOG_BOOL("dryRun", review->dry_run),
            LOG_NUMBER("durationUs", duration_ns / 1000),
            LOG_NUMBER("suppressed", suppressed), /* only where there were any */
        };
        const size_t all = sizeof(fields) / sizeof(fields[0]);

        log_write(LOG_LEVEL_INFO, "images rewritten", fields, suppressed ? all : all - 1);
    }
}

static void log_review(const struct review *review, uint64_t duration_ns)
{
    if (review->outcome == REVIEW_REWRITTEN)
        log_rewritten(review, duration_ns);
    else if (review->problem)
        log_problem(review);
}

void webhook_mutate(void *context, const struct http_request *request,
                    struct http_response *response)
{
    struct webhook *webhook = context;
    const struct snapshot *snapshot = snapshots_current(webhook->snapshots, request->loop);
    uint64_t started_ns = clock_monotonic_ns(), duration_ns;
    ARENA_CLEANUP struct arena arena;
    struct review review;

    arena_init(&arena, review_arena_bytes(request->body.len));
    review_answer(&review, snapshot->rules, snapshot->fallback, snapshot->cached, request->body,
                  &arena, &response->body);
    response->status = review.status;
    response->content_type = "application/json";
    duration_ns = clock_monotonic_ns() - started_ns;
    count(webhook, snapshot, &review, duration_ns);
    if (snapshot->cached)
        wish(webhook, snapshot, request->loop, &review);
    log_review(&review, duration_ns);
}
