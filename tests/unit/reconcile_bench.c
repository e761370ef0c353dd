#include "reconcile_bench.h"

#include "aws_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

int reconcile_bench_start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct error error;

    assert_non_null(bench);
    bench->world = ecr_world_new();
    fake_surroundings_init(&bench->fake);
    if (config_parse(&bench->config, slice_str(""), &error) < 0)
        fail_msg("%s", error.text);
    bench->aws = aws_bench_client(&bench->fake, bench->world->server);
    bench->reconcile = reconcile_new();
    reconcile_configure(bench->reconcile, bench->config);
    *state = bench;
    return 0;
}

int reconcile_bench_stop(void **state)
{
    struct bench *bench = *state;

    reconcile_report_fini(&bench->report);
    reconcile_free(bench->reconcile);
    aws_client_free(bench->aws);
    config_unref(bench->config);
    fake_surroundings_fini(&bench->fake);
    ecr_world_free(bench->world);
    free(bench);
    return 0;
}

void let_pass(struct bench *bench, unsigned seconds)
{
    bench->fake.wall_s += seconds;
    bench->fake.monotonic_ms += (uint64_t)seconds * 1000;
    bench->fake.n_waits = 0;
}

void pass(struct bench *bench)
{
    reconcile_pass(bench->reconcile, bench->aws, "", &bench->fake.timing, &bench->report);
}

unsigned calls_of_pass(struct bench *bench, unsigned seconds)
{
    unsigned before = ecr_world_calls(bench->world, NULL);

    let_pass(bench, seconds);
    pass(bench);
    return ecr_world_calls(bench->world, NULL) - before;
}

void assert_all(const struct bench *bench, enum upstream_state state)
{
    assert_int_equal(bench->report.n_statuses, 4);
    for (size_t i = 0; i < bench->report.n_statuses; i++)
        if (bench->report.statuses[i].state != state)
            fail_msg("%s: %s: %s", bench->config->upstreams[i].registry,
                     upstream_state_name(bench->report.statuses[i].state),
                     bench->report.statuses[i].reason);
}

void restart(struct bench *bench)
{
    reconcile_free(bench->reconcile);
    bench->reconcile = reconcile_new();
    reconcile_configure(bench->reconcile, bench->config);
}
