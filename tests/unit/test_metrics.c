#include "fixture.h"
#include "pullthrough/edge/sys/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DOCUMENT "../../docs/metrics.md"
enum { PAGE_MAX = 1024 * 1024 };

static void check_line(const struct metrics *metrics, const char *line)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(PAGE_MAX), wanted = STRBUF_INIT(1000);

    metrics_print(metrics, &page);
    strbuf_add_format(&wanted, "\n%s\n", line);
    if (!strstr(strbuf_str(&page), strbuf_str(&wanted)))
        fail_msg("no line \"%s\" in\n%s", line, strbuf_str(&page));
}

static void check_absent(const struct metrics *metrics, const char *text)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(PAGE_MAX);

    metrics_print(metrics, &page);
    assert_null(strstr(strbuf_str(&page), text));
}

static void test_the_document_has_every_metric(void **state)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(PAGE_MAX);
    const char *table;

    (void)state;
    assert_true(fixture_read(&page, DOCUMENT));
    table = strstr(strbuf_str(&page), "| metric |");
    assert_non_null(table);
    strbuf_truncate(&page, (size_t)(table - strbuf_str(&page)));
    metrics_print_document(&page);
    assert_true(fixture_says(strbuf_slice(&page), DOCUMENT));
}

static void test_counters_count(void **state)
{
    struct metrics *metrics = metrics_new("1.2.3", "abcdef");
    unsigned hub = metrics_upstream_slot(metrics, slice_str("docker.io"));

    (void)state;
    metrics_review(metrics, REVIEW_CREATE, REVIEW_REWRITTEN, 9 * 1000);
    metrics_review(metrics, REVIEW_CREATE, REVIEW_REWRITTEN, 10 * 1000);
    metrics_review(metrics, REVIEW_UPDATE, REVIEW_IGNORED, 2000ULL * 1000 * 1000);
    metrics_image(metrics, hub, OUTCOME_DIGEST);
    metrics_image(metrics, METRICS_OTHER, OUTCOME_INVALID);
    metrics_handshake(metrics, true);
    metrics_handshake(metrics, false);
    metrics_handshake(metrics, false);
    metrics_refused(metrics);
    metrics_evicted(metrics, METRICS_STATUS);
    metrics_evicted(metrics, METRICS_STATUS);
    metrics_connections(metrics, 1);
    metrics_connections(metrics, 1);
    metrics_connections(metrics, -1);
    metrics_config_reload(metrics, false);
    check_line(metrics, "pullthrough_certificate_not_before_seconds{kind=\"leaf\"} 0");
    check_absent(metrics, "pullthrough_certificate_not_before_seconds{kind=\"ca\"}");
    check_line(metrics, "pullthrough_certificate_not_after_seconds{kind=\"leaf\"} 0");
    check_absent(metrics, "pullthrough_certificate_not_after_seconds{kind=\"ca\"}");
    metrics_certificate_dates(metrics, METRICS_LEAF, 1700000000, 1800000000);
    metrics_certificate_dates(metrics, METRICS_CA, 1600000000, 1900000000);
    metrics_certificate_problem(metrics, true);
    metrics_certificate_look(metrics, true);
    metrics_certificate_write(metrics, METRICS_BUNDLE);
    check_line(metrics, "pullthrough_reviews_total{operation=\"CREATE\",outcome=\"rewritten\"} 2");
    check_line(metrics, "pullthrough_reviews_total{operation=\"UPDATE\",outcome=\"ignored\"} 1");
    check_line(metrics, "pullthrough_images_total{upstream=\"docker.io\",outcome=\"digest\"} 1");
    check_line(metrics, "pullthrough_images_total{upstream=\"other\",outcome=\"invalid\"} 1");
    check_line(metrics, "pullthrough_review_duration_seconds_bucket{le=\"1e-05\"} 2");
    check_line(metrics, "pullthrough_review_duration_seconds_bucket{le=\"1\"} 2");
    check_line(metrics, "pullthrough_review_duration_seconds_bucket{le=\"+Inf\"} 3");
    check_line(metrics, "pullthrough_review_duration_seconds_count 3");
    check_line(metrics, "pullthrough_review_duration_seconds_sum 2.000019000");
    check_line(metrics, "pullthrough_requests_refused_total 1");
    check_line(metrics, "pullthrough_evictions_total 0");
    check_line(metrics, "pullthrough_status_evictions_total 2");
    check_line(metrics, "pullthrough_tls_handshakes_total{outcome=\"ok\"} 1");
    check_line(metrics, "pullthrough_tls_handshakes_total{outcome=\"failed\"} 2");
    check_line(metrics, "pullthrough_connections 1");
    check_line(metrics, "pullthrough_config_reloads_total{outcome=\"refused\"} 1");
    check_line(metrics, "pullthrough_certificate_not_after_seconds{kind=\"leaf\"} 1800000000");
    check_line(metrics, "pullthrough_certificate_not_after_seconds{kind=\"ca\"} 1900000000");
    check_line(metrics, "pullthrough_certificate_not_before_seconds{kind=\"leaf\"} 1700000000");
    check_line(metrics, "pullthrough_certificate_not_before_seconds{kind=\"ca\"} 1600000000");
    check_line(metrics, "pullthrough_certificate_problem 1");
    check_line(metrics, "pullthrough_certificate_looks_total{outcome=\"ok\"} 1");
    check_line(metrics, "pullthrough_certificate_looks_total{outcome=\"failed\"} 0");
    check_line(metrics, "pullthrough_certificate_writes_total{object=\"secret\"} 0");
    check_line(metrics, "pullthrough_certificate_writes_total{object=\"bundle\"} 1");
    check_line(metrics, "pullthrough_build_info{version=\"1.2.3\",commit=\"abcdef\"} 1");
    metrics_free(metrics);
}

/* The state, and not how often it changed: an alert must go on while it is refused, and end then.
 */
static void test_a_refused_configuration_is_a_state(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");

    (void)state;
    metrics_config_loaded(metrics, 1800000000);
    check_line(metrics, "pullthrough_config_last_reload_successful 1");
    check_line(metrics, "pullthrough_config_last_reload_success_timestamp_seconds 1800000000");
    metrics_config_reload(metrics, false);
    check_line(metrics, "pullthrough_config_last_reload_successful 0");
    check_line(metrics, "pullthrough_config_last_reload_success_timestamp_seconds 1800000000");
    metrics_config_loaded(metrics, 1800000060);
    metrics_config_reload(metrics, true);
    check_line(metrics, "pullthrough_config_last_reload_successful 1");
    check_line(metrics, "pullthrough_config_last_reload_success_timestamp_seconds 1800000060");
    metrics_free(metrics);
}

/* Else the first burst is in no rate: a series that appears with 100 hasn't grown. */
static void test_images_are_counted_from_zero(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");

    (void)state;
    metrics_upstream_ready(metrics, metrics_upstream_slot(metrics, slice_str("quay.io")), false);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(200);

        strbuf_add_format(&line, "pullthrough_images_total{upstream=\"quay.io\",outcome=\"%s\"} 0",
                          outcome_name((enum outcome)i));
        check_line(metrics, strbuf_str(&line));
    }
    metrics_free(metrics);
}

static void test_upstreams_come_and_go(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    unsigned hub = metrics_upstream_slot(metrics, slice_str("docker.io"));
    unsigned quay = metrics_upstream_slot(metrics, slice_str("quay.io"));

    (void)state;
    metrics_upstream_ready(metrics, hub, true);
    metrics_upstream_state(metrics, hub, UPSTREAM_READY);
    metrics_upstream_ready(metrics, quay, false);
    check_line(metrics, "pullthrough_upstream_state{upstream=\"docker.io\",state=\"ready\"} 1");
    check_line(metrics, "pullthrough_upstream_state{upstream=\"docker.io\",state=\"unknown\"} 0");
    check_absent(metrics, "pullthrough_upstream_state{upstream=\"quay.io\"");
    check_line(metrics, "pullthrough_upstream_ready{upstream=\"docker.io\"} 1");
    check_line(metrics, "pullthrough_upstream_ready{upstream=\"quay.io\"} 0");
    check_line(metrics, "pullthrough_images_total{upstream=\"quay.io\",outcome=\"rewritten\"} 0");
    metrics_clear_upstreams(metrics);
    metrics_upstream_ready(metrics, hub, false);
    check_line(metrics, "pullthrough_upstream_ready{upstream=\"docker.io\"} 0");
    check_absent(metrics, "pullthrough_upstream_ready{upstream=\"quay.io\"}");
    assert_int_equal(metrics_upstream_slot(metrics, slice_str("quay.io")), quay);
    metrics_free(metrics);
}

static void test_imports_are_shown_where_they_are_made(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    unsigned hub = metrics_upstream_slot(metrics, slice_str("docker.io"));

    (void)state;
    metrics_upstream_ready(metrics, hub, true);
    check_absent(metrics, "\npullthrough_cached_images");
    check_absent(metrics, "\npullthrough_import_queue");
    check_absent(metrics, "\npullthrough_imports_total");
    check_line(metrics, "pullthrough_wishes_dropped_total 0");
    metrics_cached(metrics, &(struct metrics_cached){.tags = 3, .digests = 2, .queued = 1});
    check_line(metrics, "pullthrough_cached_images{by=\"tag\"} 3");
    check_line(metrics, "pullthrough_cached_images{by=\"digest\"} 2");
    check_line(metrics, "pullthrough_import_queue 1");
    check_line(metrics, "pullthrough_imports_total{upstream=\"docker.io\",outcome=\"imported\"} 0");
    metrics_import(metrics, hub, IMAGE_THERE);
    metrics_import(metrics, hub, IMAGE_NO_ANSWER);
    metrics_wishes_dropped(metrics, 3);
    metrics_wishes_dropped(metrics, 4);
    metrics_cached(metrics, NULL); /* what was counted stays */
    check_absent(metrics, "\npullthrough_import_queue");
    check_line(metrics, "pullthrough_imports_total{upstream=\"docker.io\",outcome=\"imported\"} 1");
    check_line(metrics,
               "pullthrough_imports_total{upstream=\"docker.io\",outcome=\"no-answer\"} 1");
    check_absent(metrics, "outcome=\"throttled\"} 0");
    check_line(metrics, "pullthrough_wishes_dropped_total 7");
    metrics_free(metrics);
}

static void test_slots_run_out_into_other(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");

    (void)state;
    for (int i = 1; i < METRICS_SLOTS; i++) {
        STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(20);

        strbuf_add_format(&name, "r%d.io", i);
        assert_int_equal(metrics_upstream_slot(metrics, strbuf_slice(&name)), i);
    }
    assert_int_equal(metrics_upstream_slot(metrics, slice_str("one.more")), METRICS_OTHER);
    assert_int_equal(metrics_upstream_slot(metrics, slice_str("r7.io")), 7);
    metrics_free(metrics);
}

/* This process certainly has some memory and some files open. */
static void test_process_numbers_are_real(void **state)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(PAGE_MAX);
    struct metrics *metrics = metrics_new("1", "c");
    double resident = 0, fds = 0, start = 0;

    (void)state;
    metrics_print(metrics, &page);
    assert_int_equal(sscanf(strstr(strbuf_str(&page), "\nprocess_resident_memory_bytes"),
                            "\nprocess_resident_memory_bytes %lf", &resident),
                     1);
    assert_int_equal(
        sscanf(strstr(strbuf_str(&page), "\nprocess_open_fds"), "\nprocess_open_fds %lf", &fds), 1);
    assert_int_equal(sscanf(strstr(strbuf_str(&page), "\nprocess_start_time_seconds"),
                            "\nprocess_start_time_seconds %lf", &start),
                     1);
    assert_true(resident > 1e6 && fds >= 3 && start > 1.6e9);
    metrics_free(metrics);
}

static void test_the_reconciler_is_counted(void **state)
{
    struct metrics *metrics = metrics_new("1.2.3", "abcdef");
    unsigned hub = metrics_upstream_slot(metrics, slice_str("docker.io"));

    (void)state;
    check_absent(metrics, "pullthrough_upstream_state{");
    check_line(metrics, "pullthrough_reconcile_passes_total{outcome=\"complete\"} 0");
    check_line(metrics, "pullthrough_reconcile_last_success_timestamp_seconds 0");
    check_absent(metrics, "pullthrough_aws_requests_total{");
    metrics_upstream_state(metrics, hub, UPSTREAM_SECRET_MISSING);
    metrics_reconcile_pass(metrics, METRICS_PASS_INCOMPLETE, 1800000000);
    metrics_reconcile_pass(metrics, METRICS_PASS_FAILED, 1800000600);
    metrics_aws_request(metrics, AWS_DESCRIBE_RULES, AWS_OUTCOME_OK, 250);
    metrics_aws_request(metrics, AWS_DESCRIBE_RULES, (enum aws_outcome)AWS_ERROR_THROTTLED, 1000);
    check_line(metrics,
               "pullthrough_upstream_state{upstream=\"docker.io\",state=\"secret-missing\"} 1");
    check_line(metrics, "pullthrough_upstream_state{upstream=\"docker.io\",state=\"ready\"} 0");
    check_line(metrics, "pullthrough_reconcile_passes_total{outcome=\"incomplete\"} 1");
    check_line(metrics, "pullthrough_reconcile_passes_total{outcome=\"failed\"} 1");
    check_line(metrics, "pullthrough_reconcile_last_success_timestamp_seconds 1800000000");
    check_line(metrics, "pullthrough_aws_requests_total{service=\"ecr\",operation="
                        "\"DescribePullThroughCacheRules\",outcome=\"throttled\"} 1");
    check_line(metrics, "pullthrough_aws_request_duration_seconds_sum{service=\"ecr\"} 1.250");
    check_line(metrics, "pullthrough_aws_request_duration_seconds_count{service=\"ecr\"} 2");
    metrics_clear_upstreams(metrics);
    check_absent(metrics, "pullthrough_upstream_state{");
    metrics_free(metrics);
}

static void test_every_call_to_aws_is_counted(void **state)
{
    (void)state;
    for (int i = 0; i < AWS_OPERATION_COUNT; i++)
        for (int outcome = 0; outcome < AWS_OUTCOME_COUNT; outcome++) {
            STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(500);
            struct metrics *metrics = metrics_new("1", "c");
            enum aws_operation operation = (enum aws_operation)i;
            const char *service = aws_service_name(aws_operation_service(operation));

            metrics_aws_request(metrics, operation, (enum aws_outcome)outcome, 1000);
            strbuf_add_format(
                &line,
                "pullthrough_aws_requests_total{service=\"%s\",operation=\"%s\",outcome=\"%s\"} 1",
                service, aws_operation_name(operation),
                aws_outcome_name((enum aws_outcome)outcome));
            check_line(metrics, strbuf_str(&line));
            strbuf_clear(&line);
            strbuf_add_format(
                &line, "pullthrough_aws_request_duration_seconds_count{service=\"%s\"} 1", service);
            check_line(metrics, strbuf_str(&line));
            metrics_free(metrics);
        }
}

/* Everything once, but for process_*; the label's value with all that is escaped. */
static void test_the_page_is_the_same(void **state)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(PAGE_MAX);
    struct metrics *metrics = metrics_new("1.2.3", "abcdef");
    unsigned hub = metrics_upstream_slot(metrics, slice_str("docker.io"));
    unsigned odd = metrics_upstream_slot(metrics, slice_str("o\"d\\d"));
    char *process;

    (void)state;
    for (uint64_t i = 0; i < 40; i++)
        metrics_review(metrics, (enum review_operation)(i % REVIEW_OPERATION_COUNT),
                       (enum review_outcome)(i % REVIEW_OUTCOME_COUNT), 9000ULL << (i / 2));
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        metrics_image(metrics, i % 3, (enum outcome)i);
    metrics_upstream_ready(metrics, hub, true);
    metrics_upstream_state(metrics, hub, UPSTREAM_READY);
    metrics_upstream_ready(metrics, odd, false);
    metrics_upstream_state(metrics, odd, UPSTREAM_SECRET_MISSING);
    metrics_refused(metrics);
    metrics_config_loaded(metrics, 1750000000);
    metrics_evicted(metrics, METRICS_WEBHOOK);
    for (int i = 0; i < 5; i++) {
        metrics_connections(metrics, i % 2 ? -1 : 1);
        metrics_evicted(metrics, METRICS_STATUS);
        metrics_handshake(metrics, i % 4);
        metrics_config_reload(metrics, !(i % 3));
        metrics_certificate_reload(metrics, i > 3);
        metrics_certificate_look(metrics, i > 1);
        metrics_certificate_write(metrics, i ? METRICS_BUNDLE : METRICS_SECRET);
        metrics_reconcile_pass(metrics, (enum metrics_pass)(i % METRICS_PASS_COUNT),
                               1800000000 + i);
    }
    metrics_certificate_dates(metrics, METRICS_LEAF, 1700000000, 1800000000);
    metrics_certificate_dates(metrics, METRICS_CA, 1600000000, 1900000000);
    metrics_certificate_problem(metrics, true);
    metrics_cached(metrics, &(struct metrics_cached){.tags = 12, .digests = 7, .queued = 3});
    for (unsigned i = 0; i < IMAGE_OUTCOME_COUNT; i++)
        metrics_import(metrics, hub, (enum image_outcome)i);
    metrics_wishes_dropped(metrics, 2);
    for (unsigned i = 0; i < AWS_OPERATION_COUNT; i++)
        metrics_aws_request(metrics, (enum aws_operation)i, AWS_OUTCOME_OK, 250);
    for (unsigned i = 0; i < AWS_OUTCOME_COUNT; i++)
        metrics_aws_request(metrics, AWS_DESCRIBE_RULES, (enum aws_outcome)i, 7);
    metrics_print(metrics, &page);
    process = strstr(strbuf_str(&page), "# HELP process_");
    assert_non_null(process);
    strbuf_truncate(&page, (size_t)(process - strbuf_str(&page)));
    assert_true(fixture_says(strbuf_slice(&page), "metrics.txt"));
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_reconciler_is_counted),
        cmocka_unit_test(test_every_call_to_aws_is_counted),
        cmocka_unit_test(test_counters_count),
        cmocka_unit_test(test_the_page_is_the_same),
        cmocka_unit_test(test_the_document_has_every_metric),
        cmocka_unit_test(test_a_refused_configuration_is_a_state),
        cmocka_unit_test(test_images_are_counted_from_zero),
        cmocka_unit_test(test_upstreams_come_and_go),
        cmocka_unit_test(test_imports_are_shown_where_they_are_made),
        cmocka_unit_test(test_slots_run_out_into_other),
        cmocka_unit_test(test_process_numbers_are_real),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
