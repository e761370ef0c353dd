/*
 * What follows from an answer: for the wish or repository that was asked for, and for the pace.
 */
#include "import_state.h"
#include "pullthrough/core/cache/import_plan.h"

#include <stdio.h>

/* From one look for an imported image to the next; after the last one it is refused. */
static const int looks_s[] = {2, 5, 15, 30, 60, 120, 240, 480, 900};
enum { LOOKS = sizeof(looks_s) / sizeof(looks_s[0]) };

/* It can't be brought for now, and is tried again when it is wished for after its time. */
static void refuse(struct import_plan *plan, struct import_wish *wish, struct slice reason,
                   uint32_t random)
{
    wishes_refuse(wish, reason, plan->now_ms,
                  plan->now_ms + import_delay_ms(wish->tries, IMPORT_BACKOFF_MS,
                                                 IMPORT_BACKOFF_MAX_MS, random));
}

/* A call was not answered to the matter. Throttled ones are asked again as often as it takes. */
static void fail(struct import_plan *plan, struct import_wish *wish, enum image_outcome outcome,
                 uint32_t random)
{
    wish->checks = false; /* it keeps no other import waiting */
    wish->due_ms = plan->now_ms + import_delay_ms(wish->unanswered, IMPORT_BACKOFF_MS / 6,
                                                  IMPORT_MINUTE_MS * 15, random);
    if (outcome == IMAGE_THROTTLED || ++wish->unanswered < IMPORT_TRIES_MAX)
        return;
    refuse(plan, wish,
           slice_str(outcome == IMAGE_DENIED ? "our own access to ECR is denied"
                                             : "ECR doesn't answer"),
           random);
}

/* Whether this is denied of one repository: of others the same was granted a short while ago. */
static bool is_of_one(const struct import_plan *plan, enum image_outcome outcome)
{
    const int64_t lately_ms =
        plan->call.kind == IMPORT_GET ? IMPORT_MINUTE_MS * 10 : IMPORT_MINUTE_MS;

    return outcome == IMAGE_DENIED && plan->now_ms - plan->granted_ms[plan->call.kind] <= lately_ms;
}

static void look_again(struct import_plan *plan, struct import_wish *wish, uint32_t random)
{
    if (wish->looks >= LOOKS) {
        refuse(plan, wish, slice_str("ECR served it, but doesn't show that it keeps it"), random);
        return;
    }
    wish->state = WISH_SEEKING;
    wish->due_ms = plan->now_ms + looks_s[wish->looks++] * 1000;
}

/* ECR has the tag, and still not the digest. It asks upstream for a tag once a day. */
static void refuse_moved(struct import_plan *plan, struct import_wish *wish)
{
    char reason[IMPORT_REASON_MAX];
    int len =
        snprintf(reason, sizeof(reason), "the tag %.*s is another image now", SLICE_FMT(wish->tag));

    wishes_refuse(wish, slice_of(reason, (size_t)len), plan->now_ms,
                  plan->now_ms + IMPORT_MOVED_MS);
}

static void take_absent(struct import_plan *plan, struct import_wish *wish, uint32_t random)
{
    bool by_digest = plan->call.by_digest;

    image_set_drop(plan->set, plan->call.repository, by_digest ? IMAGE_SET_DIGEST : IMAGE_SET_TAG,
                   plan->call.reference);
    if (wish->state == WISH_ASKED && !wish->tag.len) {
        refuse(plan, wish,
               slice_str("ECR doesn't hold this digest, and can only import it by a tag"), random);
    } else if (wish->state == WISH_ASKED) {
        wish->state = WISH_WANTED;
        wish->checks = false;
        wish->looked_ms = plan->now_ms;
    } else if (by_digest && wish->looks == IMPORT_MOVED_LOOKS && wish->tag.len && !wish->settles) {
        wish->settles = true;
        wish->due_ms = plan->now_ms;
    } else {
        wish->settles = false;
        look_again(plan, wish, random);
    }
}

/* True if the wish is met. */
static void take_look(struct import_plan *plan, struct import_wish *wish,
                      const struct import_answer *answer, uint32_t random)
{
    const enum image_outcome outcome = answer->outcome;
    const bool of_one = is_of_one(plan, outcome);

    if (outcome <= IMAGE_REFUSED)
        import_stop_end(&plan->api);
    else if (!of_one)
        import_stop_begin(&plan->api, outcome, plan->now_ms, random);
    if (!wish)
        return;
    if (outcome == IMAGE_THERE)
        (void)import_know(plan, wish->repository, plan->now_ms / 1000);
    if (outcome == IMAGE_THERE &&
        image_set_has(plan->set, wish->repository, wish_kind(wish), wish_reference(wish))) {
        wishes_remove(&plan->wishes, wish);
        return;
    }
    if (outcome == IMAGE_THERE && wish->settles)
        refuse_moved(plan, wish);
    else if (outcome == IMAGE_THERE || outcome == IMAGE_ABSENT)
        take_absent(plan, wish, random);
    else if (outcome == IMAGE_REFUSED)
        refuse(plan, wish, answer->reason, random);
    else if (of_one)
        refuse(plan, wish, slice_str("our own access to this repository is denied"), random);
    else
        fail(plan, wish, outcome, random);
}

static void take_get(struct import_plan *plan, struct import_wish *wish,
                     const struct import_answer *answer, uint32_t random)
{
    struct upstream *upstream = &plan->upstreams[plan->call.upstream];
    enum image_outcome outcome = answer->outcome;
    const bool of_one = is_of_one(plan, outcome);

    if (outcome == IMAGE_DENIED && !of_one)
        import_stop_begin(&plan->imports, outcome, plan->now_ms, random);
    else if (!of_one)
        import_stop_end(&plan->imports);
    if (!wish)
        return;
    if (outcome == IMAGE_THROTTLED) {
        import_stop_upstream(&upstream->stop, plan->now_ms, random);
    } else if (outcome == IMAGE_THERE) {
        import_stop_end(&upstream->stop);
        wish->looks = 0;
        look_again(plan, wish, random);
    } else if (outcome == IMAGE_REFUSED || outcome == IMAGE_ABSENT || of_one) {
        import_stop_end(&upstream->stop);
        refuse(plan, wish, answer->reason.len ? answer->reason : slice_str("ECR doesn't import it"),
               random);
    } else {
        /* The upstream may be away, or ECR choke on this one. */
        if (outcome == IMAGE_NO_ANSWER)
            import_stop_begin(&upstream->stop, outcome, plan->now_ms, random);
        wishes_requeue(&plan->wishes, wish); /* others first */
        fail(plan, wish, outcome, random);
    }
}

/* When to list it again. */
static int64_t relist_ms(const struct import_plan *plan, const struct repository *repository,
                         uint32_t random)
{
    int64_t idle_ms =
        plan->recheck_ms > IMPORT_IDLE_RECHECK_MS ? plan->recheck_ms : IMPORT_IDLE_RECHECK_MS;
    bool is_used =
        repository->used_ms >= 0 && plan->now_ms - repository->used_ms < IMPORT_IDLE_RECHECK_MS;

    return plan->now_ms + import_sooner_ms(is_used ? plan->recheck_ms : idle_ms, random);
}

/* The wishes that waited for this listing. */
static void hurry(struct import_plan *plan, struct slice repository, uint32_t random)
{
    for (size_t i = 0; i < plan->wishes.n; i++) {
        struct import_wish *wish = &plan->wishes.items[i];

        if (wish->state == WISH_ASKED && !wish->checks && !wish->unanswered &&
            slice_equal(wish->repository, repository)) {
            int64_t due_ms = plan->now_ms + import_spread_ms(random);

            wish->due_ms = due_ms < wish->due_ms ? due_ms : wish->due_ms;
        }
    }
}

/* What it did not show. Behind the last page may be what was looked at: that is as good as what is
 * known of digests. */
static void sweep(struct import_plan *plan, const struct repository *repository, bool whole)
{
    const uint32_t old = IMPORT_DIGEST_MS / IMPORT_MINUTE_MS;

    if (whole)
        image_set_sweep(plan->set, repository->name, plan->listed_since);
    else if (plan->listed_since > old)
        image_set_sweep(plan->set, repository->name, plan->listed_since - old);
}

static void take_listing(struct import_plan *plan, struct repository *repository, bool more,
                         uint32_t random)
{
    import_stop_end(&plan->api);
    if (more && plan->list_page + 1 < IMPORT_PAGES_MAX) {
        plan->list_page++;
        return;
    }
    plan->list_page = 0;
    sweep(plan, repository, !more);
    hurry(plan, repository->name, random);
    repository->asked = true;
    repository->wanted = false;
    repository->partial = more;
    repository->tries = 0;
    repository->listed_ms = plan->now_ms;
    repository->due_ms = relist_ms(plan, repository, random);
}

static void take_page(struct import_plan *plan, const struct import_answer *answer, uint32_t random)
{
    struct repository *repository = repositories_find(&plan->repositories, plan->call.repository);

    if (!repository) { /* its upstream went meanwhile */
        plan->list_page = 0;
    } else if (answer->outcome == IMAGE_THERE) {
        take_listing(plan, repository, answer->more, random);
    } else if (answer->outcome == IMAGE_ABSENT) {
        import_stop_end(&plan->api);
        plan->list_page = 0;
        image_set_sweep(plan->set, repository->name, UINT32_MAX);
        hurry(plan, repository->name, random);
        repositories_remove(&plan->repositories, repository);
    } else {
        if (!is_of_one(plan, answer->outcome))
            import_stop_begin(&plan->api, answer->outcome, plan->now_ms, random);
        plan->list_page = 0;
        /* Denied is an answer: it may be denied of this one alone. */
        repository->asked |= answer->outcome == IMAGE_DENIED;
        repository->due_ms = plan->now_ms + import_delay_ms(repository->tries++, IMPORT_MINUTE_MS,
                                                            IMPORT_HOUR_MS, random);
    }
}

static void take_repositories(struct import_plan *plan, const struct import_answer *answer,
                              uint32_t random)
{
    if (answer->outcome != IMAGE_THERE) {
        import_stop_begin(&plan->api, answer->outcome, plan->now_ms, random);
        plan->repositories_page = 0;
        return;
    }
    import_stop_end(&plan->api);
    if (answer->more && plan->repositories_page + 1 < IMPORT_REPOSITORY_PAGES_MAX) {
        plan->repositories_page++;
        return;
    }
    plan->repositories_page = 0;
    plan->described = true;
    plan->too_many_repository_pages = answer->more;
}

/* Once true it stays so: repositories that come later don't make a plan unready. */
static void judge_start(struct import_plan *plan)
{
    bool started = plan->described;

    for (size_t i = 0; i < plan->repositories.n && started; i++)
        started = plan->repositories.items[i].asked;
    plan->started |= started;
}

void import_plan_answer(struct import_plan *plan, const struct import_answer *answer,
                        int64_t now_ms, uint32_t random)
{
    struct import_wish *wish = wishes_get(&plan->wishes, plan->wish);

    import_pass_time(plan, now_ms);
    if (!plan->calls)
        return;
    plan->calls = false;
    plan->wish = 0;
    switch (plan->call.kind) {
    case IMPORT_LOOK: take_look(plan, wish, answer, random); break;
    case IMPORT_GET: take_get(plan, wish, answer, random); break;
    case IMPORT_LIST: take_page(plan, answer, random); break;
    case IMPORT_REPOSITORIES: take_repositories(plan, answer, random);
    }
    if (answer->outcome <= IMAGE_ABSENT)
        plan->granted_ms[plan->call.kind] = plan->now_ms;
    if (!plan->started)
        judge_start(plan);
}
