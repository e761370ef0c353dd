/*
 * A look: read the pod, plan, patch, say so. It refuses to remember pods: what was done stands on
 * them. Only that a healed one is looked at again later is known here alone, and forgotten with
 * the process.
 */
#include "healer.h"

#include "pullthrough/app/base/kube_access.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/fallback/heal_queue.h"
#include "pullthrough/core/kube/heal_plan.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/edge/kube/kube_pods.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/timing.h"
#include "pullthrough/edge/sys/worker.h"

#include <stdlib.h>

enum {
    ARENA_EXPECTED = 64 * 1024,
    EVENTS_MAX = 8, /* of one patch: each is a request, and meanwhile all others wait */
};

struct healer {
    struct healer_parts parts;
    struct worker worker; /* an order is a configuration, or another host */

    /* Under the worker's lock. */
    const struct config *given;
    char *given_host;
    struct heal_queue *queue; /* NULL: nothing is healed */

    /* The thread's own. */
    struct rule_set *rules; /* by host, prefixes and aliases; whatever is ready */
    struct timing timing;
    struct kube_client *client;
    bool denied; /* and said so */
};

/* One look. The texts are the queue's. */
struct look {
    struct healer *healer;
    const struct heal_entry *entry;
    struct arena arena;
    struct heal_plan plan;
    struct error error;
};

enum verdict { DONE, AGAIN, UNSURE };

/* An order doesn't cut a heal short: between its patch and its Event it would never be told. */
static bool on_stopped(void *context)
{
    struct healer *healer = context;

    return worker_is_stopping(&healer->worker);
}

static uint64_t now_ms(const struct healer *healer)
{
    return healer->timing.monotonic_ms(healer->timing.context);
}

static uint32_t random_bits(const struct healer *healer)
{
    return healer->timing.random(healer->timing.context);
}

/* Whether it waits now, and did not before. */
static bool add(struct healer *healer, const struct heal_entry *entry)
{
    int result = HEAL_QUEUE_KNOWN;

    worker_lock(&healer->worker);
    if (healer->queue)
        result = heal_queue_add(healer->queue, entry, now_ms(healer), random_bits(healer));
    worker_unlock(&healer->worker);
    if (result == HEAL_QUEUE_INSTEAD || (result == HEAL_QUEUE_FULL && !entry->replayed))
        metrics_heal(healer->parts.metrics, METRICS_HEAL_DROPPED);
    if (result == HEAL_QUEUE_STALE && !entry->replayed) /* else it was counted before */
        metrics_heal(healer->parts.metrics, METRICS_HEAL_STALE);
    return result == 0 || result == HEAL_QUEUE_INSTEAD;
}

/* Whether `image`, by which it was healed, may become the one in the cache again. */
static bool may_put_back(const struct look *look)
{
    const struct healer *healer = look->healer;
    STRBUF_CLEANUP struct strbuf cached = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct slice name;
    int upstream;

    if (look->entry->look != HEAL_LOOK_HEALED ||
        !rewrite_static(healer->rules, look->entry->image, &cached))
        return false;
    upstream = rewrite_upstream_of(healer->rules, strbuf_slice(&cached), &name);
    return upstream >= 0 && healer->parts.is_well(healer->parts.context,
                                                  rule_set_prefix(healer->rules, upstream), name);
}

static void tell_denied(struct look *look)
{
    static struct log_limit limit; /* a policy may deny some, each after one that it doesn't */
    uint64_t suppressed;

    metrics_heal(look->healer->parts.metrics, METRICS_HEAL_DENIED);
    if (!look->healer->denied && log_limit_pass_burst(&limit, 1, &suppressed))
        log_event(LOG_LEVEL_WARN, "pods are not healed",
                  LOG_SLICE("namespace", look->entry->namespace),
                  LOG_SLICE("name", look->entry->pod), LOG_TEXT("problem", look->error.text),
                  LOG_NUMBER("suppressed", suppressed));
    look->healer->denied = true;
}

/* Who may write Events can cause these. */
static void tell_problem(struct look *look, const char *message)
{
    static struct log_limit limit;
    uint64_t suppressed;

    if (log_limit_pass(&limit, &suppressed))
        log_event(LOG_LEVEL_WARN, message, LOG_SLICE("namespace", look->entry->namespace),
                  LOG_SLICE("name", look->entry->pod), LOG_TEXT("problem", look->error.text),
                  LOG_NUMBER("suppressed", suppressed));
}

static enum verdict tell_failed(struct look *look)
{
    if (on_stopped(look->healer))
        return DONE;
    metrics_heal(look->healer->parts.metrics, METRICS_HEAL_FAILED);
    tell_problem(look, "a pod was not healed");
    return AGAIN;
}

/* False: the next one would most likely not be written either. */
static bool post_event(struct look *look, size_t i)
{
    const struct environment environment = environment_of_process();
    const char *instance = environment_text(&environment, "HOSTNAME");
    const struct heal_event event = {
        .cause = look->plan.puts_back ? NULL : pull_class_name(look->entry->class),
        .instance = *instance ? instance : "pullthrough",
        .now_s = look->healer->timing.wall_s(look->healer->timing.context),
    };
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(HEAL_EVENT_MAX);
    enum kube_outcome outcome;

    heal_plan_print_event(&look->plan, i, &event, &text);
    outcome = kube_pods_create_event(look->healer->client, look->plan.namespace,
                                     strbuf_slice(&text), &look->error);
    if (outcome == KUBE_DONE || outcome == KUBE_CONFLICT)
        return true;
    tell_problem(look, "an event was not written");
    return false;
}

static void tell_done(struct look *look)
{
    const struct heal_plan *plan = &look->plan;
    bool posts = true;

    metrics_heal(look->healer->parts.metrics,
                 plan->puts_back ? METRICS_HEAL_PUT_BACK : METRICS_HEAL_HEALED);
    for (size_t i = 0; i < plan->n; i++) {
        const struct heal_change *change = &plan->changes[i];
        struct heal_entry later = *look->entry;

        log_event(LOG_LEVEL_INFO, plan->puts_back ? "pod put back to the cache" : "pod healed",
                  LOG_SLICE("namespace", plan->namespace), LOG_SLICE("name", plan->name),
                  LOG_SLICE("container", change->container->name),
                  LOG_SLICE("image", change->container->text), LOG_SLICE("now", change->image),
                  LOG_TEXT("class", pull_class_name(look->entry->class)));
        posts = posts && i < EVENTS_MAX && post_event(look, i);
        later.look = HEAL_LOOK_HEALED;
        later.replayed = false;
        later.list = slice_str(pod_image_field(change->container->list));
        later.container = change->container->name;
        later.image = change->image;
        if (!plan->puts_back)
            (void)add(look->healer, &later);
    }
}

static enum verdict patch(struct look *look)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(HEAL_PATCH_MAX);

    worker_lock(&look->healer->worker);
    heal_queue_heals(look->healer->queue, now_ms(look->healer));
    worker_unlock(&look->healer->worker);
    heal_plan_print_patch(&look->plan, &text);
    switch (kube_pods_patch(look->healer->client, look->plan.namespace, look->plan.name,
                            strbuf_slice(&text), &look->error)) {
    case KUBE_DONE:
        look->healer->denied = false;
        tell_done(look);
        return DONE;
    case KUBE_CONFLICT: return AGAIN; /* by whom, and to what, the next look shows */
    case KUBE_ABSENT: return DONE;
    case KUBE_DENIED: tell_denied(look); return DONE;
    default: return tell_failed(look) == AGAIN ? UNSURE : DONE;
    }
}

static enum verdict judge(struct look *look, struct slice pod)
{
    const struct heal_entry *entry = look->entry;
    const struct heal_request request = {
        .rules = look->healer->rules,
        .uid = entry->uid,
        .list = entry->list,
        .container = entry->container,
        .image = entry->image,
        .may_put_back = may_put_back(look),
    };
    int reason = heal_plan_make(&look->plan, &request, pod, &look->arena, &look->error);

    if (reason < 0) {
        (void)tell_failed(look); /* it would be the same again */
        return DONE;
    }
    if (reason == 0)
        return patch(look);
    if (reason == HEAL_HEALED && entry->unsure) { /* or another replica did; it is told anyway */
        tell_done(look);
        return DONE;
    }
    log_event(LOG_LEVEL_DEBUG, "a pod is left as it is", LOG_SLICE("namespace", entry->namespace),
              LOG_SLICE("name", entry->pod), LOG_SLICE("container", entry->container),
              LOG_TEXT("reason", heal_reason_name((enum heal_reason)reason)));
    return reason == HEAL_NOT_YET || reason == HEAL_CACHE_NOT_WELL ? AGAIN : DONE;
}

static enum verdict look_at(struct healer *healer, const struct heal_entry *entry)
{
    STRBUF_CLEANUP struct strbuf pod = STRBUF_INIT(KUBE_ANSWER_MAX);
    struct look look = {.healer = healer, .entry = entry};
    enum verdict verdict = DONE;

    arena_init(&look.arena, ARENA_EXPECTED);
    look.arena.ceiling = HEAL_ARENA_MAX;
    switch (kube_pods_get(healer->client, entry->namespace, entry->pod, &pod, &look.error)) {
    case KUBE_DONE: verdict = judge(&look, strbuf_slice(&pod)); break;
    case KUBE_ABSENT: break;
    case KUBE_DENIED: tell_denied(&look); break;
    default: verdict = tell_failed(&look);
    }
    arena_fini(&look.arena);
    return verdict;
}

/* The lock is not held while the pod is looked at: only this thread takes an order. */
static uint64_t work(struct healer *healer)
{
    const struct heal_entry *entry;
    uint64_t wait_ms = 0;
    enum verdict verdict;
    size_t stale;

    worker_lock(&healer->worker);
    entry = heal_queue_next(healer->queue, now_ms(healer), &wait_ms);
    stale = heal_queue_take_stale(healer->queue);
    worker_unlock(&healer->worker);
    while (stale--)
        metrics_heal(healer->parts.metrics, METRICS_HEAL_STALE);
    if (!entry)
        return wait_ms;
    verdict = look_at(healer, entry);
    worker_lock(&healer->worker);
    if (verdict == DONE)
        heal_queue_done(healer->queue);
    else
        (void)heal_queue_again(healer->queue, now_ms(healer), verdict == UNSURE);
    worker_unlock(&healer->worker);
    return 0;
}

/* Nothing is healed until there is a host, and a cluster around. */
static void take_order(struct healer *healer)
{
    struct error error;
    bool wanted = false;

    worker_lock(&healer->worker);
    if (worker_take(&healer->worker)) {
        rule_set_free(healer->rules);
        healer->rules = rule_set_new(
            healer->given, &(struct rule_set_facts){.host = slice_str(healer->given_host)});
        wanted = healer->given->fallback.heal && *healer->given_host;
        /* What waits goes on waiting: by whichever rules, each look judges anew. */
        if (!wanted) {
            heal_queue_free(healer->queue);
            healer->queue = NULL;
        }
    }
    worker_unlock(&healer->worker);
    if (!wanted || healer->queue)
        return;
    if (!healer->client && kube_access_client(&healer->client, &healer->timing, &error)) {
        log_event(LOG_LEVEL_WARN, "pods are not healed", LOG_TEXT("problem", error.text));
        return;
    }
    worker_lock(&healer->worker);
    healer->queue = heal_queue_new();
    worker_unlock(&healer->worker);
}

static void *run(void *context)
{
    struct healer *healer = context;

    while (!worker_is_stopping(&healer->worker)) {
        take_order(healer);
        (void)worker_wait(&healer->worker, healer->queue ? work(healer) : UINT32_MAX);
    }
    return NULL;
}

struct healer *healer_new(const struct healer_parts *parts)
{
    struct healer *healer = alloc_zeroed(1, sizeof(*healer));

    healer->parts = *parts;
    healer->timing = timing_of_process();
    healer->timing.stopped = on_stopped;
    healer->timing.context = healer;
    worker_init(&healer->worker);
    return healer;
}

int healer_start(struct healer *healer, struct error *error)
{
    return worker_start(&healer->worker, run, healer, "healer", error);
}

void healer_configure(struct healer *healer, const struct config *config, struct slice host)
{
    worker_lock(&healer->worker);
    config_unref(healer->given);
    free(healer->given_host);
    healer->given = config_ref(config);
    healer->given_host = alloc_text(host);
    worker_renew(&healer->worker);
    worker_unlock(&healer->worker);
}

void healer_add(struct healer *healer, const struct pull_failure *failure, int64_t age_ms,
                bool replayed)
{
    const struct heal_entry entry = {
        .look = HEAL_LOOK_REPORTED,
        .namespace = failure->namespace,
        .pod = failure->pod,
        .uid = failure->uid,
        .list = slice_str(failure->list),
        .container = failure->container,
        .image = failure->image,
        .class = failure->class,
        .failed_ms = now_ms(healer) - (uint64_t)(age_ms > 0 ? age_ms : 0),
        .failures = failure->count,
        .replayed = replayed,
    };

    if (failure->list && add(healer, &entry)) /* an image volume can't be changed */
        worker_rouse(&healer->worker);
}

void healer_end(struct healer *healer)
{
    worker_end(&healer->worker);
}

void healer_free(struct healer *healer)
{
    if (!healer)
        return;
    worker_stop(&healer->worker);
    kube_client_free(healer->client);
    heal_queue_free(healer->queue);
    rule_set_free(healer->rules);
    config_unref(healer->given);
    free(healer->given_host);
    worker_fini(&healer->worker);
    free(healer);
}
