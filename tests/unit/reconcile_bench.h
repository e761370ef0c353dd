/*
 * One replica's passes in simulated time, against ecr_world: the clock stands between passes, and
 * is moved by hand.
 */
#ifndef PULLTHROUGH_TESTS_RECONCILE_BENCH_H
#define PULLTHROUGH_TESTS_RECONCILE_BENCH_H

#include "pullthrough/app/reconcile/reconcile.h"

#include "ecr_world.h"
#include "fake_surroundings.h"

enum { MINUTE_S = 60, HOUR_S = 3600, INTERVAL_S = 10 * MINUTE_S, PASSES_A_DAY = 144 };

struct bench {
    struct ecr_world *world;
    struct fake_surroundings fake;
    const struct config *config;
    struct aws_client *aws;
    struct reconcile *reconcile;
    struct reconcile_report report;
};

/* With the defaults, in an empty registry. For cmocka: *state is the bench. */
int reconcile_bench_start(void **state);
int reconcile_bench_stop(void **state);

void let_pass(struct bench *bench, unsigned seconds);
void pass(struct bench *bench);
/* How many calls one pass makes, some time after the one before. */
unsigned calls_of_pass(struct bench *bench, unsigned seconds);
/* As another replica, or this one after a restart: nothing is remembered. */
void restart(struct bench *bench);

/* All four upstreams. */
void assert_all(const struct bench *bench, enum upstream_state state);

#endif
