/*
 * A plan's life, and what it is told: wishes, failures, and what ECR shows.
 */
#include "pullthrough/core/cache/import_plan.h"

#include "import_state.h"
#include "pullthrough/core/base/alloc.h"

#include <stdlib.h>

/* Of settings, and for an upstream that was there before, what is known of it. */
static struct upstream make_upstream(struct import_plan *plan, const struct import_upstream *from)
{
    struct upstream made = {0};

    for (size_t i = 0; i < plan->n_upstreams; i++)
        if (slice_is(from->prefix, plan->upstreams[i].prefix)) {
            made = plan->upstreams[i];
            break;
        }
    made.prefix = alloc_text(from->prefix);
    made.window.per_hour = from->per_hour < 1            ? 1
                           : from->per_hour > UINT16_MAX ? UINT16_MAX
                                                         : from->per_hour;
    return made;
}

static void free_prefixes(struct import_plan *plan)
{
    for (size_t i = 0; i < plan->n_upstreams; i++)
        free(plan->upstreams[i].prefix);
}

/* Where each upstream is among the new ones; false where one of these is new itself. */
static bool map_upstreams(size_t map[IMPORT_UPSTREAMS_MAX], const struct import_plan *plan,
                          const struct import_upstream *upstreams, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < IMPORT_UPSTREAMS_MAX; i++)
        map[i] = SIZE_MAX;
    for (size_t i = 0; i < plan->n_upstreams; i++)
        for (size_t k = 0; k < n; k++)
            if (slice_is(upstreams[k].prefix, plan->upstreams[i].prefix)) {
                map[i] = k;
                kept++;
                break;
            }
    return kept == n;
}

/* Nobody asks for these until their upstream comes back, and then it may hold others. */
static void forget_images(struct import_plan *plan, const size_t map[IMPORT_UPSTREAMS_MAX])
{
    for (size_t i = 0; i < plan->repositories.n; i++)
        if (map[plan->repositories.items[i].upstream] == SIZE_MAX)
            image_set_sweep(plan->set, plan->repositories.items[i].name, UINT32_MAX);
}

void import_plan_configure(struct import_plan *plan, const struct import_settings *settings)
{
    size_t n =
        settings->n_upstreams < IMPORT_UPSTREAMS_MAX ? settings->n_upstreams : IMPORT_UPSTREAMS_MAX;
    struct upstream made[IMPORT_UPSTREAMS_MAX];
    size_t map[IMPORT_UPSTREAMS_MAX];

    if (!map_upstreams(map, plan, settings->upstreams, n))
        plan->described = false; /* it may have repositories already */
    plan->repositories_page = plan->list_page = 0;
    forget_images(plan, map);
    wishes_remap(&plan->wishes, map);
    repositories_remap(&plan->repositories, map);
    if (plan->calls)
        plan->call.upstream = map[plan->call.upstream] == SIZE_MAX ? 0 : map[plan->call.upstream];
    for (size_t i = 0; i < n; i++)
        made[i] = make_upstream(plan, &settings->upstreams[i]);
    free_prefixes(plan);
    memcpy(plan->upstreams, made, n * sizeof(made[0]));
    plan->n_upstreams = n;
    plan->recheck_ms = settings->digests ? settings->recheck_ms / 3 : settings->recheck_ms;
}

struct import_plan *import_plan_new(const struct import_settings *settings, struct image_set *set)
{
    struct import_plan *plan = alloc_zeroed(1, sizeof(*plan));

    plan->set = image_set_ref(set);
    plan->minute = -1;
    for (size_t i = 0; i < sizeof(plan->granted_ms) / sizeof(plan->granted_ms[0]); i++)
        plan->granted_ms[i] = -IMPORT_HOUR_MS;
    wishes_init(&plan->wishes);
    import_plan_configure(plan, settings);
    return plan;
}

void import_plan_free(struct import_plan *plan)
{
    if (!plan)
        return;
    wishes_fini(&plan->wishes);
    repositories_fini(&plan->repositories);
    free_prefixes(plan);
    image_set_unref(plan->set);
    free(plan);
}

static bool is_held(const struct import_plan *plan, struct slice repository, struct slice tag,
                    struct slice digest)
{
    return digest.len ? image_set_has(plan->set, repository, IMAGE_SET_DIGEST, digest)
                      : image_set_has(plan->set, repository, IMAGE_SET_TAG, tag);
}

/* It is asked for, or asked for again. A repository that is to be listed anyway may show it: then
 * that goes first. */
static void ask(struct import_plan *plan, struct import_wish *wish, uint32_t random)
{
    struct repository *known = repositories_find(&plan->repositories, wish->repository);

    wish->state = WISH_ASKED;
    wish->checks = wish->settles = false;
    wish->looks = wish->unanswered = 0;
    wish->due_ms = plan->now_ms + import_spread_ms(random);
    if (known && !known->asked) {
        known->wanted = true;
        wish->due_ms += IMPORT_LISTING_MS;
    }
}

int import_plan_wish(struct import_plan *plan, struct slice namespace, struct slice repository,
                     struct slice tag, struct slice digest, int64_t now_ms, uint32_t random)
{
    const uint64_t owner = wishes_owner(namespace);
    size_t upstream = import_upstream_of(plan, repository);
    struct import_wish *wish;

    import_pass_time(plan, now_ms);
    if (upstream == SIZE_MAX || repository.len > IMAGE_SET_REPOSITORY_MAX ||
        tag.len + digest.len == 0 || tag.len > IMAGE_SET_REFERENCE_MAX ||
        digest.len > IMAGE_SET_REFERENCE_MAX)
        return IMPORT_WISH_ODD;
    if (is_held(plan, repository, tag, digest))
        return IMPORT_WISH_CACHED;
    wish = wishes_find(&plan->wishes, repository, tag, digest);
    if (wish && wish->state != WISH_REFUSED) {
        wishes_share(&plan->wishes, wish, owner);
        return IMPORT_WISH_KNOWN;
    }
    if (wish && wish->due_ms > plan->now_ms)
        return IMPORT_WISH_REFUSED;
    if (wish) {
        wish->owner = owner;
        wishes_requeue(&plan->wishes, wish);
    } else {
        wish = wishes_add(&plan->wishes, upstream, owner, repository, tag, digest);
    }
    if (!wish)
        return IMPORT_WISH_DROPPED;
    ask(plan, wish, random);
    return 0;
}

void import_plan_pull_failed(struct import_plan *plan, struct slice repository, struct slice tag,
                             struct slice digest)
{
    if (digest.len)
        image_set_drop(plan->set, repository, IMAGE_SET_DIGEST, digest);
    else
        image_set_drop(plan->set, repository, IMAGE_SET_TAG, tag);
}

void import_plan_found_repository(struct import_plan *plan, struct slice repository,
                                  int64_t created_s)
{
    (void)import_know(plan, repository, created_s);
}

void import_plan_found(struct import_plan *plan, struct slice tag, struct slice digest,
                       int64_t now_ms)
{
    import_pass_time(plan, now_ms);
    if (!plan->calls || (plan->call.kind != IMPORT_LIST && plan->call.kind != IMPORT_LOOK))
        return;
    image_set_add(plan->set, plan->call.repository, IMAGE_SET_TAG, tag, import_minute(plan));
    image_set_add(plan->set, plan->call.repository, IMAGE_SET_DIGEST, digest, import_minute(plan));
}
