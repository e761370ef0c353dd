/*
 * Which call comes next: an import that may begin goes first, for it was just looked for; then
 * looks and listings take turns, so that neither a flood of wishes nor a long first listing keeps
 * the other waiting.
 */
#include "import_state.h"
#include "pullthrough/core/cache/import_plan.h"

/* What there is to do for wishes. */
struct choice {
    struct import_wish *wanted[IMPORT_UPSTREAMS_MAX]; /* the first to be imported */
    bool checks[IMPORT_UPSTREAMS_MAX]; /* an import waits for a look: no other begins */
    struct import_wish *look;          /* the one that is due, or due next */
};

/* Of those that are due: on which an import waits; what was imported, and what is new, in turns. */
static int look_class(const struct import_plan *plan, const struct import_wish *wish)
{
    if (wish->due_ms > plan->now_ms)
        return 4;
    if (wish->checks)
        return 0;
    return wish->state == WISH_ASKED ? 2 : plan->sought_last ? 3 : 1;
}

static bool looks_before(const struct import_plan *plan, const struct import_wish *a,
                         const struct import_wish *b)
{
    int class = look_class(plan, a), other = look_class(plan, b);

    if (class != other)
        return class < other;
    return class == 2 && a->look_turn != b->look_turn ? a->look_turn < b->look_turn
                                                      : a->due_ms < b->due_ms;
}

static bool imports_before(const struct import_wish *a, const struct import_wish *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->id < b->id;
}

static struct choice choose(struct import_plan *plan)
{
    struct choice choice = {0};

    for (size_t i = 0; i < plan->wishes.n; i++) {
        struct import_wish *wish = &plan->wishes.items[i];
        struct import_wish **wanted = &choice.wanted[wish->upstream];

        if (wish->state == WISH_WANTED && (!*wanted || imports_before(wish, *wanted)))
            *wanted = wish;
        choice.checks[wish->upstream] |= wish->state == WISH_ASKED && wish->checks;
        if ((wish->state == WISH_ASKED || wish->state == WISH_SEEKING) &&
            (!choice.look || looks_before(plan, wish, choice.look)))
            choice.look = wish;
    }
    return choice;
}

/* Whether something else brought it, a listing or another wish: then it is done with. */
static bool is_met(struct import_plan *plan, struct import_wish *wish)
{
    if (!wish || !image_set_has(plan->set, wish->repository, wish_kind(wish), wish_reference(wish)))
        return false;
    wishes_remove(&plan->wishes, wish);
    return true;
}

/* Of those that are not met meanwhile. */
static struct choice choose_open(struct import_plan *plan)
{
    struct choice choice;
    bool again;

    do {
        choice = choose(plan);
        again = is_met(plan, choice.look);
        for (size_t i = 0; i < plan->n_upstreams && !again; i++)
            again = is_met(plan, choice.wanted[i]);
    } while (again);
    return choice;
}

/* A call whose texts are the plan's own. */
static const struct import_call *give(struct import_plan *plan, enum import_call_kind kind,
                                      struct slice repository, struct slice reference)
{
    plan->calls = true;
    plan->call = (struct import_call){
        .kind = kind,
        .repository = slice_of(plan->texts, repository.len),
        .reference = slice_of(plan->texts + repository.len, reference.len),
    };
    if (repository.len)
        memcpy(plan->texts, repository.ptr, repository.len);
    if (reference.len)
        memcpy(plan->texts + repository.len, reference.ptr, reference.len);
    if (kind != IMPORT_GET)
        plan->api_ms = plan->now_ms + IMPORT_CALL_MS;
    return &plan->call;
}

static const struct import_call *give_wish(struct import_plan *plan, enum import_call_kind kind,
                                           const struct import_wish *wish)
{
    bool by_digest = kind == IMPORT_LOOK && wish->digest.len && !wish->settles;

    (void)give(plan, kind, wish->repository, by_digest ? wish->digest : wish->tag);
    plan->call.by_digest = by_digest;
    plan->call.upstream = wish->upstream;
    plan->wish = wish->id;
    if (kind == IMPORT_GET) {
        wishes_imported(&plan->wishes, wish);
    } else {
        wishes_looked(&plan->wishes, wish);
        plan->sought_last = wish->state == WISH_SEEKING;
    }
    return &plan->call;
}

static const struct import_call *give_page(struct import_plan *plan, struct repository *repository)
{
    if (!plan->list_page) {
        memcpy(plan->listed, repository->name.ptr, repository->name.len);
        plan->listed_len = repository->name.len;
        plan->listed_since = import_minute(plan);
    }
    (void)give(plan, IMPORT_LIST, repository->name, (struct slice){0});
    plan->call.page = plan->list_page;
    plan->call.upstream = repository->upstream;
    return &plan->call;
}

/* The import that may begin. One whose look is too old is looked for again, and waits. */
static const struct import_call *next_import(struct import_plan *plan, const struct choice *choice,
                                             uint32_t random)
{
    if (import_stop_holds(&plan->imports, plan->now_ms))
        return NULL;
    for (size_t i = 0; i < plan->n_upstreams; i++) {
        struct import_wish *wish = choice->wanted[i];

        if (!wish || choice->checks[i] ||
            import_stop_holds(&plan->upstreams[i].stop, plan->now_ms) ||
            !import_window_left(&plan->upstreams[i].window, plan->now_ms))
            continue;
        if (plan->now_ms - wish->looked_ms <= IMPORT_FRESH_MS) {
            import_window_take(&plan->upstreams[i].window, plan->now_ms);
            return give_wish(plan, IMPORT_GET, wish);
        }
        wish->state = WISH_ASKED;
        wish->checks = true;
        wish->due_ms = plan->now_ms + import_spread_ms(random);
    }
    return NULL;
}

/* The repository whose page is to be asked for. */
static struct repository *next_listing(struct import_plan *plan, int64_t *due_ms)
{
    struct slice listed = slice_of(plan->listed, plan->listed_len);
    struct repository *repository =
        plan->list_page ? repositories_find(&plan->repositories, listed) : NULL;

    if (repository)
        return repository;
    plan->list_page = 0; /* of one that is no upstream's any more */
    return repositories_next(&plan->repositories, plan->now_ms, due_ms);
}

/* A call to the API, in turns; NULL: *due_ms is when there may be one. */
static const struct import_call *next_question(struct import_plan *plan, struct import_wish *look,
                                               int64_t *due_ms)
{
    int64_t ready_ms = plan->api_ms;
    struct repository *repository = NULL;
    bool looks = look && look->due_ms <= plan->now_ms;

    if (import_stop_holds(&plan->api, plan->now_ms) && plan->api.pause.until_ms > ready_ms)
        ready_ms = plan->api.pause.until_ms;
    if (ready_ms > plan->now_ms) {
        *due_ms = ready_ms < *due_ms ? ready_ms : *due_ms;
        return NULL;
    }
    if (plan->described)
        repository = next_listing(plan, due_ms);
    if (looks && (!plan->looked_last || (plan->described && !repository))) {
        plan->looked_last = true;
        return give_wish(plan, IMPORT_LOOK, look);
    }
    plan->looked_last = false;
    if (!plan->described) {
        (void)give(plan, IMPORT_REPOSITORIES, (struct slice){0}, (struct slice){0});
        plan->call.page = plan->repositories_page;
        return &plan->call;
    }
    if (repository)
        return give_page(plan, repository);
    if (look && look->due_ms < *due_ms)
        *due_ms = look->due_ms;
    return NULL;
}

/* Those that nobody has wished for since long after their end, or that ECR holds by now. */
static void forget_refused(struct import_plan *plan)
{
    for (size_t i = plan->wishes.n; i-- > 0;) {
        struct import_wish *wish = &plan->wishes.items[i];

        if (wish->state != WISH_REFUSED)
            continue;
        if (wish->due_ms < plan->now_ms - IMPORT_BACKOFF_MAX_MS)
            wishes_remove(&plan->wishes, wish);
        else
            (void)is_met(plan, wish);
    }
}

/* Once a minute. */
static void settle(struct import_plan *plan)
{
    uint8_t map[IMAGE_SET_MAP_BYTES];
    int64_t expired = (plan->now_ms - IMPORT_DIGEST_MS) / IMPORT_MINUTE_MS;

    if (plan->now_ms / IMPORT_MINUTE_MS == plan->minute)
        return;
    plan->minute = plan->now_ms / IMPORT_MINUTE_MS;
    image_set_age(plan->set, map);
    repositories_used(&plan->repositories, map, plan->recheck_ms, plan->now_ms);
    if (expired > 0)
        image_set_expire_digests(plan->set, (uint32_t)expired);
    forget_refused(plan);
}

static void sooner(int64_t *due_ms, const struct import_stop *stop, int64_t now_ms)
{
    if (import_stop_holds(stop, now_ms) && stop->pause.until_ms < *due_ms)
        *due_ms = stop->pause.until_ms;
}

const struct import_call *import_plan_next(struct import_plan *plan, int64_t now_ms,
                                           uint32_t random, int64_t *wait_ms)
{
    struct choice choice;
    const struct import_call *call;
    int64_t due_ms;

    import_pass_time(plan, now_ms);
    settle(plan);
    if (plan->calls)
        return &plan->call;
    choice = choose_open(plan);
    call = next_import(plan, &choice, random);
    if (call)
        return call;
    due_ms = (plan->minute + 1) * IMPORT_MINUTE_MS;
    choice = choose_open(plan); /* one may be looked for again */
    call = next_question(plan, choice.look, &due_ms);
    sooner(&due_ms, &plan->imports, plan->now_ms);
    for (size_t i = 0; i < plan->n_upstreams; i++)
        sooner(&due_ms, &plan->upstreams[i].stop, plan->now_ms);
    *wait_ms = due_ms > plan->now_ms ? due_ms - plan->now_ms : 1;
    return call;
}
