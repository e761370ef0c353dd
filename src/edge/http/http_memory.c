/*
 * Nothing is measured here, and nothing is taken: who asks decides what to do with the plan.
 */
#include "pullthrough/edge/http/http_memory.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    PROGRAM_BYTES = 16 * MIB,    /* idle 8 to 12, and what passes over ECR's rules take */
    HEADROOM_BYTES = 32 * MIB,   /* what nobody counts: handshakes, half records, fragments */
    KERNEL_BYTES = 12 * MIB,     /* of that, for what isn't in the process's size: buffers */
    LOOP_BYTES = 3 * MIB,        /* a small review in work, and what malloc keeps of it */
    CONNECTION_BYTES = 20 * KIB, /* idle, with TLS: 15.4 of ours, the rest is the kernel's: */
    KERNELS_SHARE_BYTES = 4 * KIB + 512,
    LEAST_BODY_BYTES = 64 * KIB, /* as in the configuration */
    WORK_EXTRA_BYTES = MIB,
    WORK_FACTOR = 5, /* what a review takes beside its body, in bodies */
    SLACK = 8,       /* the budget may be passed by an eighth, for a moment */
};

static const uint64_t MOST_BUDGET = 512ULL * MIB;

static uint64_t work_bytes(uint64_t body)
{
    return WORK_FACTOR * body + WORK_EXTRA_BYTES;
}

static uint64_t with_slack(uint64_t budget)
{
    return budget + budget / SLACK;
}

static uint64_t fixed_bytes(unsigned threads, unsigned connections)
{
    return (uint64_t)PROGRAM_BYTES + HEADROOM_BYTES + (uint64_t)threads * LOOP_BYTES +
           (uint64_t)connections * CONNECTION_BYTES;
}

/* The largest body that `rest` holds once while it is worked on. */
static uint64_t fitting_body(uint64_t rest)
{
    return rest > WORK_EXTRA_BYTES
               ? (rest - WORK_EXTRA_BYTES) * SLACK / (WORK_FACTOR * SLACK + SLACK + 1)
               : 0;
}

static void fit(struct http_memory *plan, const struct http_memory_spec *spec)
{
    uint64_t most_connections = spec->limit_bytes / 3 / CONNECTION_BYTES, fixed, rest, body;

    if (plan->connections > most_connections)
        plan->connections = most_connections ? (unsigned)most_connections : 1;
    fixed = fixed_bytes(spec->threads, plan->connections);
    rest = spec->limit_bytes > fixed ? spec->limit_bytes - fixed : 0;
    body = fitting_body(rest);
    if (plan->max_body_bytes > body)
        plan->max_body_bytes = body > LEAST_BODY_BYTES ? body : LEAST_BODY_BYTES;
    body = work_bytes(plan->max_body_bytes);
    plan->request_bytes = rest > body ? (rest - body) * SLACK / (SLACK + 1) : 0;
    if (plan->request_bytes > MOST_BUDGET) {
        uint64_t left = rest - body - with_slack(MOST_BUDGET);

        plan->request_bytes = MOST_BUDGET;
        plan->large_at_once +=
            (unsigned)(left / body < spec->threads ? left / body : spec->threads);
    }
}

/* The kernel's part is in the limit too, but nobody sees it in the process's size. */
static uint64_t process_bytes(uint64_t limit, unsigned connections)
{
    uint64_t kernel = KERNEL_BYTES + (uint64_t)connections * KERNELS_SHARE_BYTES;

    return limit > 2 * kernel ? limit - kernel : limit / 2;
}

struct http_memory http_memory_plan(const struct http_memory_spec *spec)
{
    struct http_memory plan = {
        .request_bytes = MOST_BUDGET,
        .connections = spec->connections,
        .max_body_bytes = spec->max_body_bytes,
        .large_at_once = 1,
    };

    if (spec->limit_bytes) {
        fit(&plan, spec);
        plan.process_bytes = process_bytes(spec->limit_bytes, plan.connections);
    } else {
        plan.large_at_once = spec->threads;
    }
    if (spec->request_bytes) {
        plan.request_bytes = spec->request_bytes;
        if (plan.max_body_bytes > spec->request_bytes)
            plan.max_body_bytes =
                spec->request_bytes > LEAST_BODY_BYTES ? spec->request_bytes : LEAST_BODY_BYTES;
    }
    if (plan.request_bytes < plan.max_body_bytes)
        plan.request_bytes = plan.max_body_bytes;
    if (plan.large_at_once > spec->threads)
        plan.large_at_once = spec->threads;
    plan.needed_bytes = fixed_bytes(spec->threads, plan.connections) +
                        plan.large_at_once * work_bytes(plan.max_body_bytes) +
                        with_slack(plan.request_bytes);
    return plan;
}
