#include "pullthrough/edge/kube/kube_events.h"

#include "kube_bench.h"
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/edge/sys/worker.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define OBJECT(version) "\"object\":{\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define ADDED(version)  "{\"type\":\"ADDED\"," OBJECT(version)
#define PATH                                                                                       \
    "/api/v1/events?watch=1&allowWatchBookmarks=true&timeoutSeconds=%s"                            \
    "&fieldSelector=reason%%3DFailed%%2Ctype%%3DWarning%%2CinvolvedObject.kind%%3DPod%s"

/* What one connection says, and what the watch makes of it. */
struct stage {
    struct kube_bench *bench;
    pthread_mutex_t lock; /* over these: a client that is gone leaves the server speaking */
    int status;
    enum fake_http_way way;
    const char *const *chunks; /* until a NULL */
    size_t at;
    size_t long_bytes; /* instead: of a line */
    unsigned flood;    /* instead: so many events */

    struct kube_watch watch;
    struct kube_events_tally tally;
    struct strbuf versions; /* of what came, with a space behind each */
    atomic_uint opened;
    char target[400], authorization[100];
};

static void say_event(struct strbuf *out, unsigned version)
{
    strbuf_add_format(out,
                      "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"web.%u\","
                      "\"resourceVersion\":\"%u\",\"managedFields\":[{\"f\":\"%0*d\"}]}}}\n",
                      version, version, 600, 0);
}

static bool say_next(struct stage *stage, struct strbuf *chunk)
{
    if (stage->flood) {
        while (chunk->len < 60000 && stage->at < stage->flood)
            say_event(chunk, (unsigned)++stage->at);
        return stage->at < stage->flood;
    }
    if (stage->long_bytes && stage->at == 1) { /* a line as long as this, with its break */
        static const char start[] = "{\"type\":\"ADDED\",\"object\":{\"x\":\"",
                          end[] = "\",\"metadata\":{\"resourceVersion\":\"77\"}}}\n";

        strbuf_add_format(chunk, "%s%0*d%s", start,
                          (int)(stage->long_bytes - strlen(start) - strlen(end)), 0, end);
        stage->at++;
        return true;
    }
    if (stage->chunks[stage->at])
        strbuf_add_str(chunk, stage->chunks[stage->at++]);
    return stage->chunks[stage->at];
}

static bool say_more(void *context, struct strbuf *chunk)
{
    struct stage *stage = context;
    bool more;

    (void)pthread_mutex_lock(&stage->lock);
    more = say_next(stage, chunk);
    (void)pthread_mutex_unlock(&stage->lock);
    return more;
}

static void play(void *context, const struct fake_http_request *request,
                 struct fake_http_answer *answer)
{
    struct stage *stage = context;

    (void)snprintf(stage->target, sizeof(stage->target), "%.*s", SLICE_FMT(request->target));
    (void)snprintf(stage->authorization, sizeof(stage->authorization), "%.*s",
                   SLICE_FMT(fake_http_header(request, "Authorization")));
    (void)pthread_mutex_lock(&stage->lock);
    answer->status = stage->status;
    answer->way = stage->way;
    (void)pthread_mutex_unlock(&stage->lock);
    answer->next = say_more;
    answer->next_context = stage;
}

static struct stage *stage_new(struct kube_bench *bench)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    assert_non_null(stage);
    (void)pthread_mutex_init(&stage->lock, NULL);
    stage->bench = bench;
    stage->status = 200;
    strbuf_init(&stage->versions, 1000);
    fake_http_stop(bench->server);
    bench->server = fake_http_start(play, stage, bench->leaf->pem, bench->leaf->key_pem);
    return stage;
}

static void connect_client(struct stage *stage, const struct timing *timing)
{
    struct kube_bench *bench = stage->bench;
    struct kube_client_config config = {.timing = *timing};

    fake_surroundings_set_format(&bench->around, "KUBERNETES_SERVICE_PORT", "%u",
                                 fake_http_port(bench->server));
    config.environment = bench->around.environment;
    kube_client_free(bench->client);
    if (kube_client_new(&bench->client, &config, &bench->error))
        fail_msg("%s", bench->error.text);
}

/* After the server, whose last line may still be read. */
static void stage_free(struct stage *stage)
{
    strbuf_fini(&stage->versions);
    (void)pthread_mutex_destroy(&stage->lock);
    free(stage);
}

static void note_open(void *context)
{
    atomic_fetch_add(&((struct stage *)context)->opened, 1);
}

static void note_event(void *context, const struct kube_watch_event *event)
{
    struct stage *stage = context;

    assert_true(yyjson_is_obj(event->object));
    strbuf_add_str(&stage->versions, event->version);
    strbuf_add_char(&stage->versions, ' ');
}

static int watch_once(struct stage *stage)
{
    const struct kube_events_watch how = {
        .on_open = note_open, .on_event = note_event, .context = stage, .idle_s = 1};
    struct kube_bench *bench = stage->bench;

    bench->error.text[0] = '\0';
    (void)pthread_mutex_lock(&stage->lock);
    stage->at = 0;
    (void)pthread_mutex_unlock(&stage->lock);
    strbuf_clear(&stage->versions);
    kube_watch_begin(&stage->watch, 1000);
    return kube_events_watch(bench->client, &stage->watch, &how, &stage->tally, &bench->error);
}

static void test_lines(void **state)
{
    /* in the pieces that a network makes of them */
    static const char *const chunks[] = {ADDED("1") ADDED("2") "{\"type\":\"BOOK",
                                         "MARK\",",
                                         OBJECT("5") "\n" ADDED("6"),
                                         "not JSON\n{\"type\":\"MODIFIED\"," OBJECT("7"),
                                         "{\"type\":\"ADDED\",\"object\":",
                                         NULL};
    struct stage *stage = stage_new(*state);
    char want[400];

    stage->chunks = chunks;
    connect_client(stage, &stage->bench->around.timing);
    assert_int_equal(watch_once(stage), 200);
    assert_string_equal(stage->bench->error.text, "");
    assert_string_equal(strbuf_str(&stage->versions), "1 2 6 7 ");
    assert_string_equal(stage->watch.version, "7");
    assert_int_equal(stage->tally.events, 4);
    assert_int_equal(stage->tally.malformed, 2); /* an empty one, too */
    assert_int_equal(stage->tally.too_long, 0);
    assert_int_equal(atomic_load(&stage->opened), 1);
    (void)snprintf(want, sizeof(want), PATH, "300", ""); /* in the middle of the jitter */
    assert_string_equal(stage->target, want);
    assert_string_equal(stage->authorization, "Bearer secret-token");

    /* and on from there, with the token as it is by now */
    kube_bench_write(stage->bench, "token", "rotated\n");
    assert_int_equal(watch_once(stage), 200);
    (void)snprintf(want, sizeof(want), PATH, "300", "&resourceVersion=7");
    assert_string_equal(stage->target, want);
    assert_string_equal(stage->authorization, "Bearer rotated");
    assert_int_equal(fake_http_connections(stage->bench->server), 1);
    kube_bench_tear_down(state);
    stage_free(stage);
}

static void test_ends(void **state)
{
    static const char *const lines[] = {ADDED("1"), NULL};
    static const char *const none[] = {"", NULL};
    static const char *const gone[] = {ADDED("1"),
                                       "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","
                                       "\"code\":410}}\n" ADDED("2"),
                                       NULL};
    static const char *const refusal[] = {"{\"kind\":\"Status\",\"message\":\"cannot\"}", NULL};
    static const struct {
        int status;
        enum fake_http_way way;
        const char *const *chunks;
        int want;
        bool is_over;
        const char *version, *why;
    } rows[] = {
        {200, FAKE_HTTP_ANSWER, lines, 200, false, "1", ""},
        {200, FAKE_HTTP_CLOSE, lines, 0, false, "1", "could not watch events: "},
        {200, FAKE_HTTP_HANG, none, 0, false, "", "too slow"},
        {200, FAKE_HTTP_HANG, gone, 200, true, "1", ""}, /* not waited for */
        {410, FAKE_HTTP_ANSWER, refusal, 410, false, "", "could not watch events: cannot"},
        {403, FAKE_HTTP_ANSWER, refusal, 403, false, "", "may not watch events: cannot"},
        {401, FAKE_HTTP_ANSWER, refusal, 401, false, "", "token is not accepted: watch events"},
        {503, FAKE_HTTP_ANSWER, none, 503, false, "", "watch events: HTTP status 503"},
    };
    struct stage *stage = stage_new(*state);

    connect_client(stage, &stage->bench->around.timing);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)pthread_mutex_lock(&stage->lock);
        stage->status = rows[i].status;
        stage->way = rows[i].way;
        stage->chunks = rows[i].chunks;
        (void)pthread_mutex_unlock(&stage->lock);
        stage->watch = (struct kube_watch){.forbidden = true};
        atomic_store(&stage->opened, 0);
        assert_int_equal(watch_once(stage), rows[i].want);
        assert_int_equal(kube_watch_is_over(&stage->watch), rows[i].is_over);
        assert_string_equal(stage->watch.version, rows[i].version);
        if (!strstr(stage->bench->error.text, rows[i].why))
            fail_msg("%s", stage->bench->error.text);
        assert_int_equal(!stage->bench->error.text[0], !rows[i].why[0]);
        assert_int_equal(atomic_load(&stage->opened), rows[i].status == 200);
        assert_int_equal(stage->watch.forbidden, rows[i].status != 200);
    }
    kube_bench_tear_down(state);
    stage_free(stage);
}

static void test_long_lines(void **state)
{
    static const char *const chunks[] = {ADDED("1"), "", ADDED("2"), NULL};
    static const struct {
        size_t bytes; /* with the line break */
        const char *versions;
        unsigned too_long;
    } rows[] = {
        {KUBE_WATCH_LINE_MAX + 1, "1 77 2 ", 0},
        {KUBE_WATCH_LINE_MAX + 2, "1 2 ", 1},
        {6 * KUBE_WATCH_LINE_MAX, "1 2 ", 1},
    };
    struct stage *stage = stage_new(*state);

    stage->chunks = chunks;
    connect_client(stage, &stage->bench->around.timing);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stage->tally = (struct kube_events_tally){0};
        stage->long_bytes = rows[i].bytes;
        assert_int_equal(watch_once(stage), 200);
        assert_string_equal(strbuf_str(&stage->versions), rows[i].versions);
        assert_int_equal(stage->tally.too_long, rows[i].too_long);
        assert_int_equal(stage->tally.malformed, 0);
        assert_string_equal(stage->watch.version, "2");
    }
    kube_bench_tear_down(state);
    stage_free(stage);
}

/* Bytes that are allocated just now: what the sanitizers say, or else malloc. */
size_t __sanitizer_get_current_allocated_bytes(void) /* NOLINT(bugprone-reserved-identifier) */
    __attribute__((weak));

static size_t live_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

struct flood {
    uint64_t events;
    size_t least, most; /* bytes */
};

static void count_event(void *context, const struct kube_watch_event *event)
{
    struct flood *flood = context;
    char want[32];

    (void)snprintf(want, sizeof(want), "%u", (unsigned)++flood->events);
    assert_string_equal(event->version, want);
    if (flood->events % 16 == 0) {
        size_t bytes = live_bytes();

        flood->least = bytes < flood->least ? bytes : flood->least;
        flood->most = bytes > flood->most ? bytes : flood->most;
    }
}

/* As fast as the server gives them: 24 MB, of which two or three chunks of the server's and one
 * line are there at a time. */
static void test_flood(void **state)
{
    enum { EVENTS = 30000, MOST_BYTES = 1024 * 1024 };
    struct stage *stage = stage_new(*state);
    struct flood flood = {.least = SIZE_MAX};
    const struct kube_events_watch how = {.on_event = count_event, .context = &flood};

    stage->flood = EVENTS;
    connect_client(stage, &stage->bench->around.timing);
    assert_int_equal(kube_events_watch(stage->bench->client, &stage->watch, &how, &stage->tally,
                                       &stage->bench->error),
                     200);
    assert_int_equal(flood.events, EVENTS);
    assert_int_equal(stage->tally.events, EVENTS);
    assert_int_equal(stage->tally.malformed + stage->tally.too_long, 0);
    assert_string_equal(stage->watch.version, "30000");
    assert_in_range(flood.most - flood.least, 0, MOST_BYTES);
    kube_bench_tear_down(state);
    stage_free(stage);
}

/* A worker's watch of a server that stays silent, or that never ends, is over when it is stopped.
 */
struct stopping {
    struct worker worker;
    struct stage *stage;
    int status;
};

static bool over(void *context)
{
    return worker_is_stopping(context);
}

static void drop_event(void *context, const struct kube_watch_event *event)
{
    (void)context, (void)event;
}

static void *work(void *context)
{
    struct stopping *stopping = context;
    struct stage *stage = stopping->stage;
    const struct kube_events_watch how = {
        .on_open = note_open, .on_event = drop_event, .context = stage};

    stopping->status = kube_events_watch(stage->bench->client, &stage->watch, &how, &stage->tally,
                                         &stage->bench->error);
    return NULL;
}

static void stop_while(void **state, unsigned flood)
{
    static const char *const none[] = {"", NULL};
    struct stage *stage = stage_new(*state);
    struct timing timing = stage->bench->around.timing;
    struct stopping stopping = {.stage = stage};

    worker_init(&stopping.worker);
    stage->chunks = none;
    stage->way = FAKE_HTTP_HANG;
    stage->flood = flood;
    timing = timing_of_process();
    timing.stopped = over;
    timing.context = &stopping.worker;
    connect_client(stage, &timing);
    assert_int_equal(worker_start(&stopping.worker, work, &stopping, "watch", &stage->bench->error),
                     0);
    while (!atomic_load(&stage->opened))
        (void)worker_is_stopping(&stopping.worker);
    worker_stop(&stopping.worker);
    worker_fini(&stopping.worker);
    assert_int_equal(stopping.status, 0);
    assert_string_equal(stage->bench->error.text, "could not watch events: stopped");
    kube_bench_tear_down(state);
    stage_free(stage);
}

static void test_stopped_in_silence(void **state)
{
    stop_while(state, 0);
}

static void test_stopped_in_a_flood(void **state)
{
    stop_while(state, UINT32_MAX);
}

#define BENCH_TEST(test) cmocka_unit_test_setup(test, kube_bench_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_lines),
        BENCH_TEST(test_ends),
        BENCH_TEST(test_long_lines),
        BENCH_TEST(test_flood),
        BENCH_TEST(test_stopped_in_silence),
        BENCH_TEST(test_stopped_in_a_flood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
