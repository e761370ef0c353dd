/*
 * One call an image: several in one call fail as a whole where ECR lacks one. They follow one
 * another, since ECR publishes no rate for them.
 */
#include "command.h"
#include "pullthrough/edge/aws/image_client.h"
#include "warm_work.h"

#include <string.h>

enum { AGAIN_MS = 1000, AGAIN_MAX_MS = 30000 };

static bool main_thread(const struct warm_clock *clock)
{
    return pthread_equal(clock->main, pthread_self()) != 0;
}

static int64_t on_wall_s(void *context)
{
    struct warm_clock *clock = context;

    return clock->shown.wall_s(clock->shown.context);
}

static uint64_t on_monotonic_ms(void *context)
{
    struct warm_clock *clock = context;

    return clock->shown.monotonic_ms(clock->shown.context);
}

static uint32_t on_random(void *context)
{
    struct warm_clock *clock = context;

    return clock->shown.random(clock->shown.context);
}

static bool on_wait(void *context, uint64_t ms)
{
    struct warm_clock *clock = context;
    const struct timing timing = timing_of_process();
    uint64_t part;

    if (main_thread(clock))
        return clock->shown.wait(clock->shown.context, ms);
    for (; ms > 0 && !atomic_load(&clock->stopped); ms -= part) {
        part = ms < 100 ? ms : 100;
        (void)timing.wait(timing.context, part);
    }
    return !atomic_load(&clock->stopped);
}

static bool on_stopped(void *context)
{
    struct warm_clock *clock = context;

    if (main_thread(clock))
        (void)clock->shown.stopped(clock->shown.context);
    return atomic_load(&clock->stopped);
}

void warm_clock_init(struct warm_clock *clock, struct progress *progress)
{
    clock->shown = progress_timing(progress);
    clock->main = pthread_self();
    atomic_init(&clock->stopped, false);
}

struct timing warm_clock_timing(struct warm_clock *clock)
{
    return (struct timing){.wall_s = on_wall_s,
                           .monotonic_ms = on_monotonic_ms,
                           .random = on_random,
                           .wait = on_wait,
                           .stopped = on_stopped,
                           .context = clock};
}

static bool is_passing(enum image_outcome outcome)
{
    return outcome == IMAGE_THROTTLED || outcome == IMAGE_NO_ANSWER;
}

/* As a node pulls it: by the digest, where there is one. */
static enum image_outcome ask(const struct warm_work *work, struct image_client *client,
                              const struct warm_image *image, struct image_facts *facts,
                              struct error *error)
{
    const struct timing timing = warm_clock_timing(work->clock);
    uint64_t began_ms = timing.monotonic_ms(timing.context), wait_ms = AGAIN_MS;

    for (;;) {
        enum image_outcome outcome =
            image_client_describe(client, image->repository, *image->digest ? "" : image->tag,
                                  image->digest, facts, error);

        if (!is_passing(outcome) ||
            timing.monotonic_ms(timing.context) - began_ms >= work->timeout_ms)
            return outcome;
        (void)timing.wait(timing.context, wait_ms);
        wait_ms = 2 * wait_ms < AGAIN_MAX_MS ? 2 * wait_ms : AGAIN_MAX_MS;
    }
}

static int take_answer(struct warm_image *image, enum image_outcome outcome,
                       const struct image_facts *facts, struct error *error)
{
    switch (outcome) {
    case IMAGE_THERE:
        image->state = WARM_CACHED;
        image->size_bytes = facts->size_bytes;
        return 0;
    case IMAGE_ABSENT:
        if (facts->archived)
            warm_image_fail(image, error->text,
                            "it is archived, and can't be pulled: restore it (`aws ecr "
                            "update-image-storage-class`) or delete it, which lets it be imported "
                            "anew");
        else if (!*image->tag)
            warm_image_fail(image, "ECR doesn't have this digest, and no tag is named",
                            "ECR can't import a digest alone: name its tag beside it, or pull the "
                            "tag once through the cache");
        return 0;
    case IMAGE_REFUSED: warm_image_fail(image, error->text, NULL); return 0;
    default:
        command_add_denied(error);
        return error_prefix(error, "ECR does not say which images it holds");
    }
}

int warm_look(const struct warm_work *work, struct error *error)
{
    const struct timing timing = warm_clock_timing(work->clock);
    IMAGE_CLIENT_CLEANUP struct image_client *client = image_client_new(
        &(struct image_client_config){.aws = work->rules->client, .timing = &timing, .host = ""});
    int result = 0;

    progress_begin(work->progress, "asking ECR which images it has");
    for (size_t i = 0; i < work->list->n && result == 0; i++) {
        struct warm_image *image = &work->list->items[i];
        struct image_facts facts;

        if (image->state == WARM_FAILED)
            continue;
        progress_update(work->progress, "asking ECR which images it has: %zu of %zu", i,
                        work->list->n);
        result = take_answer(image, ask(work, client, image, &facts, error), &facts, error);
    }
    progress_end(work->progress);
    return result;
}
