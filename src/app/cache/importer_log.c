/*
 * Who may make pods causes these lines: of one cause a refusal is said once, and an upstream's
 * pause each time, which is a few times an hour at most. Others go on meanwhile.
 */
#include "importer_log.h"

#include "importer_report.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/log.h"

void importer_log_import(const struct import_call *call, enum image_outcome outcome,
                         const struct error *problem)
{
    STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(IMPORTER_IMAGE_MAX);

    importer_print_image(&image, call->repository, call->reference, (struct slice){0});
    log_event(LOG_LEVEL_DEBUG, "ECR was asked to import an image",
              LOG_SLICE("image", strbuf_slice(&image)),
              LOG_TEXT("outcome", image_outcome_import_name(outcome)),
              LOG_TEXT("problem", problem->text));
}

void importer_log_throttled(const struct import_plan *plan, const struct import_upstream *upstreams,
                            size_t upstream, const struct error *problem, int64_t now)
{
    const struct import_pause pause = import_plan_upstream_counts(plan, upstream).pause;

    if (pause.why == IMAGE_THERE)
        return;
    log_event(LOG_LEVEL_WARN, "images of an upstream are not imported for now",
              LOG_SLICE("prefix", upstreams[upstream].prefix),
              LOG_TEXT("reason", image_outcome_name(pause.why)), LOG_TEXT("problem", problem->text),
              LOG_NUMBER("seconds", (uint64_t)(pause.until_ms - now) / 1000));
}

/* Without a tag there is nothing to import, and nothing wrong. */
void importer_log_refusal(const struct import_plan *plan, char **told, int64_t now)
{
    static struct log_limit limit;
    STRBUF_CLEANUP struct strbuf image = STRBUF_INIT(IMPORTER_IMAGE_MAX);
    struct import_refusal newest;
    uint64_t suppressed;

    if (import_plan_refusals(plan, &newest, 1) == 0 || newest.since_ms != now || !newest.tag.len ||
        slice_is(slice_str(*told), newest.reason))
        return;
    if (!log_limit_pass(&limit, &suppressed))
        return;
    alloc_replace(told, newest.reason);
    importer_print_image(&image, newest.repository, newest.tag, newest.digest);
    log_event(LOG_LEVEL_WARN, "image is not imported, pods pull it from upstream",
              LOG_SLICE("image", strbuf_slice(&image)), LOG_TEXT("reason", newest.reason),
              LOG_NUMBER("suppressed", suppressed));
}
