/*
 * One call an image, one after the other: several of them in one call fail as a whole where ECR
 * lacks one. An archived image can't be pulled, so it is none that ECR holds.
 */
#include "rewrite_live.h"

#include "progress.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/aws/ecr_client.h"

#include <stdlib.h>

struct live {
    struct aws_client *aws; /* borrowed */
    struct progress progress;
    struct asked {
        struct slice image; /* of the report */
        bool held;
    } * asked;
    size_t n, size;
};

static struct rewrite_name name_of(const struct rewrite_report *report,
                                   const struct manifest_image *image)
{
    return rewrite_name_of(slice_from(image->rewritten, rule_set_host(report->rules).len + 1));
}

static bool matters(const struct rewrite_report *report, const struct manifest_image *image)
{
    return image->outcome == OUTCOME_REWRITTEN &&
           rule_set_asks_cache(report->rules, name_of(report, image).digest.len > 0);
}

bool rewrite_live_matters(const struct rewrite_report *report)
{
    for (size_t i = 0; i < report->n_entries; i++)
        if (matters(report, &report->entries[i].image))
            return true;
    return false;
}

/* DescribeImages; by the digest alone where there is one, as a node pulls. */
static int ask_ecr(struct live *live, const struct rewrite_name *name, bool *held,
                   struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct aws_error failure = {0};
    const struct ecr_client client = {live->aws, &arena, &failure, error};
    struct ecr_images images;
    int result;

    arena_init(&arena, 4096);
    result = ecr_client_image(&client, arena_text(&arena, name->repository),
                              name->digest.len ? "" : arena_text(&arena, name->tag),
                              arena_text(&arena, name->digest), &images);
    *held = result == 0 && images.n > 0 && images.items[0].active;
    if (result == AWS_CLIENT_REFUSED && failure.class == AWS_ERROR_NOT_FOUND)
        result = 0;
    return result == 0 ? 0 : error_prefix(error, "ECR does not say which images it holds");
}

static int ask_once(struct live *live, const struct rewrite_report *report,
                    const struct manifest_image *image, bool *held, struct error *error)
{
    const struct rewrite_name name = name_of(report, image);

    for (size_t i = 0; i < live->n; i++)
        if (slice_equal(live->asked[i].image, image->rewritten)) {
            *held = live->asked[i].held;
            return 0;
        }
    progress_reword(&live->progress, "asking ECR which images it holds; %zu are known", live->n);
    if (ask_ecr(live, &name, held, error) < 0)
        return -1;
    live->asked = alloc_grown(live->asked, live->n, &live->size, sizeof(*live->asked));
    live->asked[live->n++] = (struct asked){image->rewritten, *held};
    return 0;
}

static int ask_all(struct live *live, struct rewrite_report *report, struct error *error)
{
    for (size_t i = 0; i < report->n_entries; i++) {
        struct manifest_image *image = &report->entries[i].image;
        bool held;

        if (!matters(report, image))
            continue;
        if (ask_once(live, report, image, &held, error) < 0)
            return -1;
        if (held)
            continue;
        image->outcome = OUTCOME_NOT_CACHED;
        image->reason = name_of(report, image).tag.len
                            ? "it is imported by its tag once a pod wants it"
                            : "a digest without a tag is used, but not imported";
        image->rewritten.len = 0;
        report->n_rewritten--;
    }
    return 0;
}

int rewrite_live_ask(struct rewrite_report *report, const struct config *config,
                     const char *profile, struct error *error)
{
    AWS_CLIENT_CLEANUP struct aws_client *aws = NULL;
    struct live live = {0};
    struct timing timing;
    int result;

    if (!rewrite_live_matters(report))
        return 0;
    progress_init(&live.progress, "rewrite");
    timing = progress_timing(&live.progress);
    if (aws_access_for_command(&aws, config, profile, &timing, error) < 0)
        return -1;
    live.aws = aws;
    progress_begin(&live.progress, "asking ECR which images it holds");
    result = aws_access_check_account(aws, config, error);
    if (result == 0)
        result = ask_all(&live, report, error);
    progress_end(&live.progress);
    free(live.asked);
    return result;
}
