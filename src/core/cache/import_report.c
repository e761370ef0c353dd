/*
 * What a plan shows of itself.
 */
#include "import_state.h"
#include "pullthrough/core/cache/import_plan.h"

/* One that is over: another import may be tried. */
static struct import_pause shown(const struct import_stop *stop, int64_t now_ms)
{
    return import_stop_holds(stop, now_ms) ? stop->pause : (struct import_pause){0};
}

struct import_counts import_plan_counts(const struct import_plan *plan)
{
    const struct repositories *repositories = &plan->repositories;
    struct import_counts counts = {
        .started = plan->started,
        .repositories = repositories->n,
        .dropped = plan->wishes.dropped,
        .dropped_repositories = repositories->dropped,
        .too_many_repository_pages = plan->too_many_repository_pages,
        .api = plan->api.pause,
        .imports = plan->imports.pause,
    };

    for (size_t i = 0; i < repositories->n; i++) {
        counts.unlisted += !repositories->items[i].asked;
        counts.partial += repositories->items[i].partial;
    }
    for (size_t i = 0; i < plan->wishes.n; i++)
        counts.refused += plan->wishes.items[i].state == WISH_REFUSED;
    counts.queued = plan->wishes.n - counts.refused;
    return counts;
}

struct import_upstream_counts import_plan_upstream_counts(const struct import_plan *plan,
                                                          size_t upstream)
{
    const struct upstream *from = &plan->upstreams[upstream];
    struct import_window window = from->window;
    struct import_upstream_counts counts = {
        .tokens = import_window_left(&window, plan->now_ms),
        .pause = shown(&from->stop, plan->now_ms),
    };

    for (size_t i = 0; i < plan->wishes.n; i++)
        counts.refused += plan->wishes.items[i].upstream == upstream &&
                          plan->wishes.items[i].state == WISH_REFUSED;
    counts.queued = plan->wishes.of_upstream[upstream] - counts.refused;
    return counts;
}

static struct import_refusal refusal_of(const struct import_wish *wish)
{
    return (struct import_refusal){
        .repository = wish->repository,
        .tag = wish->tag,
        .digest = wish->digest,
        .reason = wish->reason,
        .since_ms = wish->since_ms,
        .until_ms = wish->due_ms,
        .tries = wish->tries,
    };
}

size_t import_plan_refusals(const struct import_plan *plan, struct import_refusal *refusals,
                            size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < plan->wishes.n; i++) {
        const struct import_wish *wish = &plan->wishes.items[i];
        size_t at;

        if (wish->state != WISH_REFUSED ||
            (n == max && (!max || refusals[max - 1].since_ms >= wish->since_ms)))
            continue;
        n += n < max;
        for (at = n - 1; at && refusals[at - 1].since_ms < wish->since_ms; at--)
            refusals[at] = refusals[at - 1];
        refusals[at] = refusal_of(wish);
    }
    return n;
}
