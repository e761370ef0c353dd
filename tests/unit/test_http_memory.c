#include "pullthrough/edge/http/http_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MIB = 1024 * 1024 };

static struct http_memory plan(uint64_t limit_mib, uint64_t budget_mib)
{
    return http_memory_plan(&(struct http_memory_spec){
        .limit_bytes = limit_mib * MIB,
        .request_bytes = budget_mib * MIB,
        .threads = 4,
        .connections = 4096,
        .max_body_bytes = 8 * MIB,
    });
}

static void test_the_limit_of_the_chart_holds_everything(void **state)
{
    struct http_memory got = plan(256, 0);

    (void)state;
    assert_int_equal(got.connections, 4096);
    assert_int_equal(got.max_body_bytes, 8 * MIB);
    assert_in_range(got.request_bytes, 64 * MIB, 128 * MIB);
    assert_int_equal(got.large_at_once, 1);
    assert_in_range(got.needed_bytes, 255ULL * MIB, 256ULL * MIB);
}

static void test_every_limit_is_kept(void **state)
{
    (void)state;
    for (uint64_t mib = 96; mib < 8192; mib += 7) {
        struct http_memory got = plan(mib, 0);

        assert_true(got.needed_bytes <= mib * MIB);
        assert_true(got.request_bytes >= got.max_body_bytes);
        assert_true(got.max_body_bytes >= 64 * 1024);
        assert_in_range(got.large_at_once, 1, 4);
        assert_in_range(got.connections, 1, 4096);
    }
}

static void test_less_memory_gives_up_what_is_rare_first(void **state)
{
    struct http_memory small = plan(128, 0), tiny = plan(16, 0);

    (void)state;
    assert_true(small.max_body_bytes < 8 * MIB && small.max_body_bytes > MIB);
    assert_true(small.connections < 4096 && small.connections > 1000);
    assert_int_equal(tiny.max_body_bytes, 64 * 1024); /* it runs all the same */
    assert_int_equal(tiny.request_bytes, 64 * 1024);
}

static void test_without_a_limit_it_is_sane(void **state)
{
    struct http_memory got = plan(0, 0), large = plan(4096, 0);

    (void)state;
    assert_int_equal(got.request_bytes, 512 * MIB);
    assert_int_equal(got.max_body_bytes, 8 * MIB);
    assert_int_equal(got.connections, 4096);
    assert_int_equal(got.large_at_once, 4);
    assert_int_equal(large.request_bytes, 512 * MIB);
    assert_int_equal(large.large_at_once, 4);
}

static void test_what_is_configured_counts(void **state)
{
    struct http_memory more = plan(256, 200), less = plan(256, 4);

    (void)state;
    assert_int_equal(more.request_bytes, 200 * MIB);
    assert_true(more.needed_bytes > 256ULL * MIB); /* the caller says so */
    assert_int_equal(less.request_bytes, 4 * MIB);
    assert_int_equal(less.max_body_bytes, 4 * MIB); /* a larger one would never come whole */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_limit_of_the_chart_holds_everything),
        cmocka_unit_test(test_every_limit_is_kept),
        cmocka_unit_test(test_less_memory_gives_up_what_is_rare_first),
        cmocka_unit_test(test_without_a_limit_it_is_sane),
        cmocka_unit_test(test_what_is_configured_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
