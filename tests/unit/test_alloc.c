#include "pullthrough/core/base/alloc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_zeroed(void **state)
{
    static const char zeros[6 * 7];
    char *items = alloc_zeroed(6, 7), *none = alloc_zeroed(0, 7);

    (void)state;
    assert_memory_equal(items, zeros, sizeof(zeros));
    assert_non_null(none);
    free(items);
    free(none);
}

static void test_copies(void **state)
{
    char *text = alloc_text(slice_of("mirror/nginx", 6)), *empty = alloc_text((struct slice){0});
    char *string = alloc_string("nginx"), *replaced = NULL;

    (void)state;
    assert_string_equal(text, "mirror");
    assert_string_equal(empty, "");
    assert_string_equal(string, "nginx");
    assert_null(alloc_string(NULL));
    alloc_replace(&replaced, "docker.io");
    assert_string_equal(replaced, "docker.io");
    alloc_replace(&replaced, replaced + 7);
    assert_string_equal(replaced, "io");
    alloc_replace(&replaced, NULL);
    assert_null(replaced);
    free(text);
    free(empty);
    free(string);
}

static void test_texts_in_one_piece(void **state)
{
    struct slice a = slice_str("shop"), none = {0}, b = slice_of("web-0", 3);
    struct slice *const texts[] = {&a, &none, &b};
    char *all = alloc_texts(texts, 3);

    (void)state;
    assert_ptr_equal(a.ptr, all);
    assert_true(slice_is(a, "shop") && none.len == 0 && slice_is(b, "web"));
    assert_ptr_equal(b.ptr, all + 4);
    free(all);
    all = alloc_texts(texts, 0);
    assert_non_null(all);
    free(all);
}

static void test_grown_keeps_what_is_there(void **state)
{
    size_t size = 0;
    size_t *items = NULL;

    (void)state;
    for (size_t n = 0; n < 1000; n++) {
        items = alloc_grown(items, n, &size, sizeof(*items));
        assert_true(size > n);
        items[n] = n;
    }
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(items[n], n);
    assert_true(size < 2 * 1024 + 1);
    free(items);
}

static void ask_for_too_many(void)
{
    (void)alloc_zeroed(SIZE_MAX / 4, 8);
}

static void grow_too_far(void)
{
    size_t size = SIZE_MAX / 8;

    (void)alloc_grown(NULL, size, &size, 8);
}

/* Of 2^63 and more items the double is fewer. */
static void grow_past_a_size(void)
{
    size_t size = SIZE_MAX / 2 + 1;

    (void)alloc_grown(NULL, size, &size, 1);
}

static void make_nothing(void)
{
    (void)alloc_made(NULL);
}

static void let_it_fail(void)
{
    alloc_must(false);
}

static void test_ends_where_there_is_none(void **state)
{
    static void (*const ways[])(void) = {ask_for_too_many, grow_too_far, grow_past_a_size,
                                         make_nothing, let_it_fail};

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct rlimit no_core = {0, 0};
        int status;
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            (void)setrlimit(RLIMIT_CORE, &no_core);
            (void)signal(SIGABRT, SIG_DFL);
            ways[i]();
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_texts_in_one_piece),
        cmocka_unit_test(test_grown_keeps_what_is_there),
        cmocka_unit_test(test_ends_where_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
