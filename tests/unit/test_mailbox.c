/*
 * The mailbox with readers in threads of their own: what they see is always whole and never
 * older than what they saw before. Run under ThreadSanitizer too.
 */
#include "app/serve/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

enum { LOOPS = 3, EDITIONS = 2000 };

static struct edition *make_edition(struct metrics *metrics, int number)
{
    static struct config_upstream upstream = {
        .registry = "docker.io", .prefix = "dockercache", .enabled = true};
    struct config config = {.upstreams = &upstream, .n_upstreams = 1};
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(100), status = STRBUF_INIT(100);
    struct rule_set_facts facts;

    strbuf_add_format(&host, "host-%d.example", number);
    strbuf_add_format(&status, "%d", number);
    facts = (struct rule_set_facts){.host = strbuf_slice(&host)};
    return edition_new(rule_set_new(&config, &facts), metrics, &status, false);
}

static int number_of(const struct edition *edition)
{
    struct slice text = edition_status(edition);
    int number = 0;

    for (size_t i = 0; i < text.len; i++)
        number = number * 10 + (text.ptr[i] - '0');
    return number;
}

struct reader {
    struct mailbox *mailbox;
    unsigned loop;
    bool torn, backwards;
    pthread_t thread;
};

static void *read_until_the_last(void *context)
{
    struct reader *reader = context;
    int last = 0;

    while (last < EDITIONS) {
        const struct edition *edition = mailbox_current(reader->mailbox, reader->loop);
        STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(100);
        int number;

        if (!edition)
            continue;
        number = number_of(edition);
        strbuf_add_format(&host, "host-%d.example", number);
        reader->torn |= !slice_equal(rule_set_host(edition_rules(edition)), strbuf_slice(&host));
        reader->backwards |= number < last;
        last = number;
    }
    return NULL;
}

static void test_readers_see_whole_editions_in_order(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct mailbox *mailbox = mailbox_new(LOOPS);
    struct reader readers[LOOPS];

    (void)state;
    assert_null(mailbox_current(mailbox, 0));
    for (unsigned i = 0; i < LOOPS; i++) {
        readers[i] = (struct reader){.mailbox = mailbox, .loop = i};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_until_the_last, &readers[i]),
                         0);
    }
    for (int number = 1; number <= EDITIONS; number++)
        mailbox_post(mailbox, make_edition(metrics, number));
    for (unsigned i = 0; i < LOOPS; i++) {
        (void)pthread_join(readers[i].thread, NULL);
        assert_false(readers[i].torn);
        assert_false(readers[i].backwards);
    }
    mailbox_free(mailbox);
    metrics_free(metrics);
}

static void test_what_nobody_took_is_freed(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct mailbox *mailbox = mailbox_new(2);

    (void)state;
    mailbox_post(mailbox, make_edition(metrics, 1));
    assert_int_equal(number_of(mailbox_current(mailbox, 1)), 1);
    mailbox_post(mailbox, make_edition(metrics, 2));
    mailbox_post(mailbox, make_edition(metrics, 3));
    assert_int_equal(number_of(mailbox_current(mailbox, 1)), 3);
    assert_int_equal(number_of(mailbox_current(mailbox, 1)), 3);
    mailbox_free(mailbox); /* the leak checker looks */
    metrics_free(metrics);
}

static void test_slots_of_upstreams(void **state)
{
    struct metrics *metrics = metrics_new("1", "c");
    struct edition *edition = make_edition(metrics, 1);

    (void)state;
    assert_int_equal(edition_slot(edition, 0),
                     metrics_upstream_slot(metrics, slice_str("docker.io")));
    assert_int_equal(edition_slot(edition, -1), METRICS_OTHER);
    assert_int_equal(edition_slot(edition, 1), METRICS_OTHER);
    edition_unref(edition);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_readers_see_whole_editions_in_order),
        cmocka_unit_test(test_what_nobody_took_is_freed),
        cmocka_unit_test(test_slots_of_upstreams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
