#include "app/serve/upstreams.h"

#include "pullthrough/edge/sys/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* What serve decides of upstreams, with its log in a file that is read back. */
struct bench {
    struct upstreams upstreams;
    struct metrics *metrics;
    const struct config *config;
    FILE *log;
    char host_problem[sizeof(((struct error *)0)->text)];
};

static const struct config *parse(const char *text)
{
    const struct config *config;
    struct error error;

    if (config_parse(&config, slice_str(text), &error) < 0)
        fail_msg("%s", error.text);
    return config;
}

static int start(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));

    assert_non_null(bench);
    assert_int_equal(
        unsetenv("AWS_ACCOUNT_ID") | unsetenv("AWS_REGION") | unsetenv("AWS_DEFAULT_REGION"), 0);
    bench->metrics = metrics_new("0", "0");
    bench->config = parse("upstreams:\n- {registry: quay.io, prefix: quay}\n"
                          "- {registry: public.ecr.aws, prefix: public, enabled: false}\n");
    bench->log = tmpfile();
    assert_non_null(bench->log);
    log_setup(fileno(bench->log), true);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    struct bench *bench = *state;

    log_setup(STDERR_FILENO, true);
    (void)fclose(bench->log);
    upstreams_fini(&bench->upstreams);
    metrics_free(bench->metrics);
    config_unref(bench->config);
    free(bench);
    return 0;
}

static void settle(struct bench *bench, int64_t now_s)
{
    struct error problem;

    rule_set_free(
        upstreams_settle(&bench->upstreams, bench->config, bench->metrics, now_s, &problem));
    memcpy(bench->host_problem, problem.text, sizeof(problem.text));
}

/* A pass that judges the first upstream so; reason NULL: it found out nothing. */
static void pass(struct bench *bench, enum upstream_state state, const char *reason,
                 const char *account, const char *note)
{
    const struct upstream_status status = {.state = state, .reason = reason};
    struct reconcile_report report = {.ended_s = 1000};

    if (reason) {
        report.n_statuses = bench->config->n_upstreams;
        report.statuses = calloc(report.n_statuses, sizeof(*report.statuses));
        assert_non_null(report.statuses);
        upstream_status_set(&report.statuses[0], &status);
    } else {
        error_set(&report.problem, "no keys");
    }
    if (note) {
        report.notes = calloc(1, sizeof(*report.notes));
        assert_non_null(report.notes);
        report.notes[report.n_notes++] = strdup(note);
    }
    (void)snprintf(report.account, sizeof(report.account), "%s", account);
    (void)snprintf(report.region, sizeof(report.region), "%s", *account ? "us-west-2" : "");
    upstreams_take(&bench->upstreams, bench->config, &report);
    settle(bench, 1000);
}

/* How many lines of the log have this text. */
static unsigned said(const struct bench *bench, const char *text)
{
    static char all[64 * 1024];
    ssize_t len = pread(fileno(bench->log), all, sizeof(all) - 1, 0);
    unsigned n = 0;

    assert_true(len >= 0);
    all[len] = '\0';
    for (const char *at = all; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static bool measures(const struct bench *bench, const char *series)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(1024 * 1024);

    metrics_print(bench->metrics, &text);
    return strstr(strbuf_str(&text), series) != NULL;
}

static void test_until_the_first_pass(void **state)
{
    struct bench *bench = *state;

    settle(bench, 100);
    assert_true(upstreams_wait(&bench->upstreams));
    assert_true(*bench->host_problem);
    assert_int_equal(said(bench, "upstream"), 0);
    assert_int_equal(said(bench, "the registry is not known"), 0);
    pass(bench, UPSTREAM_READY, "seen", "111122223333", NULL);
    assert_false(upstreams_wait(&bench->upstreams));
    assert_string_equal(bench->host_problem, "");
    assert_int_equal(said(bench, "upstream is rewritten"), 1);
}

static void test_what_is_told_is_told_once(void **state)
{
    struct bench *bench = *state;

    for (int i = 0; i < 3; i++)
        pass(bench, UPSTREAM_MISSING, "no rule", "", "a note");
    assert_int_equal(said(bench, "nothing is rewritten: the registry is not known"), 1);
    assert_int_equal(said(bench, "upstream is not rewritten"), 1);
    assert_int_equal(said(bench, "a note"), 1);
    for (int i = 0; i < 3; i++)
        pass(bench, UPSTREAM_MISSING, NULL, "111122223333", NULL);
    assert_int_equal(said(bench, "no keys"), 1);
    assert_string_equal(bench->upstreams.statuses[0].reason, "no rule"); /* as it was */
    pass(bench, UPSTREAM_MISSING, "no rule", "", "a note"); /* again, after it was gone */
    assert_int_equal(said(bench, "a note"), 2);
    assert_int_equal(said(bench, "\"pass\":"), 1);
    assert_int_equal(said(bench, "the registry is not known"), 1); /* AWS named it meanwhile */
}

static void test_a_disabled_upstream_has_no_metric_and_no_warning(void **state)
{
    struct bench *bench = *state;
    const struct config *old = bench->config;

    pass(bench, UPSTREAM_READY, "seen", "111122223333", NULL);
    assert_true(measures(bench, "upstream_ready{upstream=\"quay.io\"} 1"));
    assert_false(measures(bench, "upstream_ready{upstream=\"public.ecr.aws\"}"));
    bench->config = parse("upstreams:\n- {registry: public.ecr.aws, prefix: public}\n"
                          "- {registry: quay.io, prefix: quay, enabled: false}\n");
    upstreams_carry(&bench->upstreams, old, bench->config);
    config_unref(old);
    settle(bench, 2000);
    assert_false(measures(bench, "upstream_ready{upstream=\"quay.io\"}"));
    assert_false(measures(bench, "upstream_state{upstream=\"quay.io\""));
    assert_int_equal(bench->upstreams.statuses[1].state, UPSTREAM_DISABLED);
    assert_int_equal(bench->upstreams.statuses[1].since_s, 2000);
    assert_true(measures(bench, "upstream_ready{upstream=\"public.ecr.aws\"} 0"));
    assert_int_equal(said(bench, "upstream is not rewritten"), 1);
    assert_int_equal(said(bench, "\"upstream\":\"public.ecr.aws\",\"state\":\"unknown\""), 1);
}

static void test_a_state_goes_on_under_its_name(void **state)
{
    struct bench *bench = *state;
    const struct config *old = bench->config;

    pass(bench, UPSTREAM_READY, "seen", "111122223333", NULL);
    bench->config = parse("upstreams:\n- {registry: docker.io, prefix: hub, secret: "
                          "ecr-pullthroughcache/hub}\n- {registry: quay.io, prefix: quay}\n");
    upstreams_carry(&bench->upstreams, old, bench->config);
    config_unref(old);
    settle(bench, 2000);
    assert_int_equal(bench->upstreams.statuses[0].since_s, 2000);
    assert_int_equal(bench->upstreams.statuses[1].state, UPSTREAM_READY);
    assert_int_equal(bench->upstreams.statuses[1].since_s, 1000);
    assert_int_equal(said(bench, "upstream is rewritten"), 1);
    old = bench->config;
    for (int gone = 1; gone >= 0; gone--) {
        bench->config = parse(gone ? "upstreams:\n- {registry: quay.io, prefix: quay}\n"
                                   : "upstreams:\n- {registry: public.ecr.aws, prefix: public}\n");
        upstreams_carry(&bench->upstreams, old, bench->config);
        config_unref(old);
        old = bench->config;
        settle(bench, 3000);
    }
    assert_int_equal(bench->upstreams.n, 1);
    assert_int_equal(bench->upstreams.statuses[0].since_s, 3000);
    bench->config = parse("upstreams:\n- {registry: docker.io, prefix: hub, secret: "
                          "ecr-pullthroughcache/hub}\n");
    upstreams_carry(&bench->upstreams, old, bench->config);
    config_unref(old);
    settle(bench, 4000);
    assert_int_equal(bench->upstreams.statuses[0].since_s, 2000); /* it came back as it left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_until_the_first_pass, start, stop),
        cmocka_unit_test_setup_teardown(test_what_is_told_is_told_once, start, stop),
        cmocka_unit_test_setup_teardown(test_a_disabled_upstream_has_no_metric_and_no_warning,
                                        start, stop),
        cmocka_unit_test_setup_teardown(test_a_state_goes_on_under_its_name, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
