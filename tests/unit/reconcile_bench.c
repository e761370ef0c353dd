#include "reconcile_bench.h"

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
    fake_surroundings_set_format(&bench->fake, "AWS_ENDPOINT_URL", "http://127.0.0.1:%u",
                                 fake_http_port(bench->world->server));
    fake_surroundings_set(&bench->fake, "AWS_REGION", "us-west-2");
    fake_surroundings_set(&bench->fake, "AWS_ACCESS_KEY_ID", "AKID");
    fake_surroundings_set(&bench->fake, "AWS_SECRET_ACCESS_KEY", "hush");
    if (config_parse(&bench->config, slice_str(""), &error) < 0 ||
        aws_client_new(&bench->aws,
                       &(struct aws_client_config){.environment = bench->fake.environment,
                                                   .timing = bench->fake.timing},
                       &error) < 0)
        fail_msg("%s", error.text);
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
