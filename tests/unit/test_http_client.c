#include "pullthrough/edge/http/http_client.h"

#include "fake_http.h"
#include "made_certificate.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { URL_BYTES = 100 };

/* A resolver as it is where name servers say nothing: libcurl calls this one, in its own thread.
 * It gives up by itself only so that a test that waits for it fails and doesn't hang. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned inside;
    bool speaks;
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

enum { RESOLVER_GIVES_UP_S = 20 };

static int stay_silent(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += RESOLVER_GIVES_UP_S;
    (void)pthread_mutex_lock(&resolver.lock);
    resolver.inside++;
    (void)pthread_cond_broadcast(&resolver.changed);
    while (!resolver.speaks &&
           pthread_cond_timedwait(&resolver.changed, &resolver.lock, &until) == 0)
        ;
    resolver.inside--;
    (void)pthread_cond_broadcast(&resolver.changed);
    (void)pthread_mutex_unlock(&resolver.lock);
    return EAI_AGAIN;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **results)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    if (name && strcmp(name, "silent.test") == 0)
        return stay_silent();
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(name, service, hints, results);
}

static bool resolver_is_asked(void *context)
{
    bool asked;

    (void)context;
    (void)pthread_mutex_lock(&resolver.lock);
    asked = resolver.inside > 0;
    (void)pthread_mutex_unlock(&resolver.lock);
    return asked;
}

/* What libcurl left behind comes to its end, too. */
static void let_resolver_speak(void)
{
    (void)pthread_mutex_lock(&resolver.lock);
    resolver.speaks = true;
    (void)pthread_cond_broadcast(&resolver.changed);
    while (resolver.inside)
        (void)pthread_cond_wait(&resolver.changed, &resolver.lock);
    resolver.speaks = false;
    (void)pthread_mutex_unlock(&resolver.lock);
}

/* What the server shall say, and what it saw. */
struct script {
    struct fake_http_answer answer;
    char method[16], target[200], content_type[100], length[20], header[100], agent[100], host[100];
    char body[100];
};

static void copy_slice(char *to, size_t size, struct slice text)
{
    assert_true(text.len < size);
    if (text.len)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

static void follow(void *context, const struct fake_http_request *request,
                   struct fake_http_answer *answer)
{
    struct script *script = context;

    copy_slice(script->method, sizeof(script->method), request->method);
    copy_slice(script->target, sizeof(script->target), request->target);
    copy_slice(script->content_type, sizeof(script->content_type),
               fake_http_header(request, "Content-Type"));
    copy_slice(script->length, sizeof(script->length), fake_http_header(request, "Content-Length"));
    copy_slice(script->header, sizeof(script->header), fake_http_header(request, "X-Test"));
    copy_slice(script->agent, sizeof(script->agent), fake_http_header(request, "User-Agent"));
    copy_slice(script->host, sizeof(script->host), fake_http_header(request, "Host"));
    copy_slice(script->body, sizeof(script->body), request->body);
    *answer = script->answer;
}

struct bench {
    struct script script;
    struct fake_http *server;
    struct http_client *client;
    struct http_client_answer answer;
    char url[URL_BYTES];
    struct http_client_request request;
    struct error error;
};

static void start(struct bench *bench, const struct http_client_config *config, const char *chain,
                  const char *key)
{
    *bench =
        (struct bench){.script.answer = {.status = 200, .headers = "", .body = slice_str("ok")}};
    bench->server = fake_http_start(follow, &bench->script, chain, key);
    (void)snprintf(bench->url, sizeof(bench->url), "%s://127.0.0.1:%u/a?b=c",
                   chain ? "https" : "http", fake_http_port(bench->server));
    if (http_client_new(&bench->client, config, &bench->error) < 0)
        fail_msg("%s", bench->error.text);
    http_client_answer_init(&bench->answer, 1000, false);
    bench->request = (struct http_client_request){
        .method = "GET", .url = bench->url, .connect_ms = 5000, .total_ms = 5000, .plain = true};
}

static void start_plain(struct bench *bench)
{
    start(bench, &(struct http_client_config){.user_agent = "tester/1"}, NULL, NULL);
}

static void stop(struct bench *bench)
{
    http_client_answer_fini(&bench->answer);
    http_client_free(bench->client);
    fake_http_stop(bench->server);
}

static int send_it(struct bench *bench)
{
    bench->error.text[0] = '\0';
    return http_client_send(bench->client, &bench->request, &bench->answer, &bench->error);
}

static void test_get(void **state)
{
    const struct http_client_header header = {"X-Test", slice_str("value")};
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.script.answer.status = 418;
    bench.script.answer.headers = "X-Amzn-RequestId:  id-1 \r\nDate: today\r\nEmpty:\r\n";
    bench.request.headers = &header;
    bench.request.n_headers = 1;
    bench.request.body = slice_str("not sent");
    assert_int_equal(send_it(&bench), 0);
    assert_int_equal(bench.answer.status, 418);
    assert_string_equal(strbuf_str(&bench.answer.body), "ok");
    assert_true(slice_is(http_client_answer_header(&bench.answer, "x-amzn-requestid"), "id-1"));
    assert_true(slice_is(http_client_answer_header(&bench.answer, "Date"), "today"));
    assert_true(slice_is(http_client_answer_header(&bench.answer, "Empty"), ""));
    assert_true(slice_is(http_client_answer_header(&bench.answer, "Dat"), ""));
    assert_string_equal(bench.script.method, "GET");
    assert_string_equal(bench.script.target, "/a?b=c");
    assert_string_equal(bench.script.header, "value");
    assert_string_equal(bench.script.agent, "tester/1");
    assert_string_equal(bench.script.body, "");
    assert_string_equal(bench.script.length, "");
    stop(&bench);
}

static void test_bodies(void **state)
{
    const struct http_client_header headers[] = {{"content-type", slice_str("a/b")},
                                                 {"Host", slice_str("other")}};
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.request.method = "PUT";
    assert_int_equal(send_it(&bench), 0);
    assert_string_equal(bench.script.method, "PUT");
    assert_string_equal(bench.script.length, "0");
    assert_string_equal(bench.script.content_type, "");

    bench.request.method = "POST";
    bench.request.body = slice_of("a\0b", 3);
    bench.request.headers = headers;
    bench.request.n_headers = 2;
    assert_int_equal(send_it(&bench), 0);
    assert_string_equal(bench.script.method, "POST");
    assert_string_equal(bench.script.length, "3");
    assert_memory_equal(bench.script.body, "a\0b", 3);
    assert_string_equal(bench.script.content_type, "a/b");
    assert_string_equal(bench.script.host, "other");
    stop(&bench);
}

static void test_connections_are_reused(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_it(&bench), 0);
    assert_int_equal(fake_http_requests(bench.server), 5);
    assert_int_equal(fake_http_connections(bench.server), 1);
    stop(&bench);
}

static void close_third(void *context, const struct fake_http_request *request,
                        struct fake_http_answer *answer)
{
    (void)context;
    if (request->number == 2)
        answer->way = FAKE_HTTP_CLOSE;
}

/* Servers close idle connections; the race with a new request must not show. */
static void test_a_kept_connection_that_died_is_replaced(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    fake_http_stop(bench.server);
    bench.server = fake_http_start(close_third, NULL, NULL, NULL);
    (void)snprintf(bench.url, sizeof(bench.url), "http://127.0.0.1:%u/",
                   fake_http_port(bench.server));
    for (int i = 0; i < 4; i++)
        assert_int_equal(send_it(&bench), 0);
    assert_int_equal(fake_http_requests(bench.server), 5);
    assert_int_equal(fake_http_connections(bench.server), 2);
    stop(&bench);
}

static void test_redirects_are_answers(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.script.answer.status = 302;
    bench.script.answer.headers = "Location: /elsewhere\r\n";
    assert_int_equal(send_it(&bench), 0);
    assert_int_equal(bench.answer.status, 302);
    assert_int_equal(fake_http_requests(bench.server), 1);
    stop(&bench);
}

static void test_answers_are_bounded(void **state)
{
    enum { MANY = 5 * 1024 * 1024 };
    char *many = malloc(MANY);
    char *headers = calloc(1, 40000);
    struct bench bench;

    (void)state;
    assert_true(many && headers);
    memset(many, 'x', MANY);
    start_plain(&bench);
    bench.script.answer.body = slice_of(many, 1000);
    assert_int_equal(send_it(&bench), 0);
    assert_int_equal(bench.answer.body.len, 1000);
    bench.script.answer.body = slice_of(many, 1001);
    assert_int_equal(send_it(&bench), -1);
    assert_string_equal(bench.error.text, "the answer has over 1000 bytes");
    bench.script.answer.body = slice_of(many, MANY);
    assert_int_equal(send_it(&bench), -1);
    assert_string_equal(bench.error.text, "the answer has over 1000 bytes");

    for (size_t i = 0; i < 35; i++)
        (void)snprintf(headers + i * 1000, 1001, "X-%0995zu:\r\n", i);
    bench.script.answer = (struct fake_http_answer){.status = 200, .headers = headers};
    assert_int_equal(send_it(&bench), -1);
    assert_string_equal(bench.error.text, "the answer's headers have over 32768 bytes");
    stop(&bench);
    free(many);
    free(headers);
}

static void test_connections_that_break(void **state)
{
    static const struct {
        enum fake_http_way way;
        const char *why;
    } rows[] = {
        {FAKE_HTTP_HANG, "timed out"},
        {FAKE_HTTP_CLOSE, "Empty reply"},
        {FAKE_HTTP_TRUNCATE, "transfer closed"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;

        start_plain(&bench);
        bench.script.answer.way = rows[i].way;
        bench.request.total_ms = rows[i].way == FAKE_HTTP_HANG ? 100 : 5000;
        assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
        if (!strstr(bench.error.text, rows[i].why))
            fail_msg("%s", bench.error.text);
        stop(&bench);
    }
}

static void test_nobody_listens(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    fake_http_stop(bench.server);
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_non_null(strstr(bench.error.text, "Failed to connect"));
    bench.server = fake_http_start(follow, &bench.script, NULL, NULL);
    stop(&bench);
}

static void test_requests_that_are_not_sent(void **state)
{
    static const struct {
        const char *url;
        struct http_client_header header;
        bool plain;
        const char *why;
    } rows[] = {
        {NULL, {"X-Token", {"a\nb", 3}}, true, "the header X-Token would have a line break"},
        {NULL, {"X-Token", {"a\rb", 3}}, true, "the header X-Token would have a line break"},
        {NULL, {"X-Token", {"a\0b", 3}}, true, "the header X-Token would have a line break"},
        {NULL, {"X-Token", {"a", 1}}, false, "Protocol \"http\" not supported"},
        {"file:///etc/passwd", {"X-Token", {"a", 1}}, true, "Protocol \"file\" not supported"},
        {"ftp://127.0.0.1/", {"X-Token", {"a", 1}}, true, "Protocol \"ftp\" not supported"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;

        start_plain(&bench);
        bench.request.headers = &rows[i].header;
        bench.request.n_headers = 1;
        bench.request.plain = rows[i].plain;
        if (rows[i].url)
            bench.request.url = rows[i].url;
        assert_int_equal(send_it(&bench), -1);
        if (!strstr(bench.error.text, rows[i].why))
            fail_msg("%s", bench.error.text);
        assert_int_equal(fake_http_requests(bench.server), 0);
        stop(&bench);
    }
}

static bool is_set(void *context)
{
    const atomic_bool *flag = context;

    return atomic_load(flag);
}

static void hang_and_set(void *context, const struct fake_http_request *request,
                         struct fake_http_answer *answer)
{
    (void)request;
    atomic_store((atomic_bool *)context, true);
    answer->way = FAKE_HTTP_HANG;
}

static void test_a_wait_can_be_cut_short(void **state)
{
    atomic_bool flag = false;
    const struct http_client_config config = {.stopped = is_set, .context = &flag};
    struct bench bench;

    (void)state;
    start(&bench, &config, NULL, NULL);
    fake_http_stop(bench.server);
    bench.server = fake_http_start(hang_and_set, &flag, NULL, NULL);
    (void)snprintf(bench.url, sizeof(bench.url), "http://127.0.0.1:%u/",
                   fake_http_port(bench.server));
    bench.request.total_ms = 600000;
    assert_int_equal(send_it(&bench), -1);
    assert_string_equal(bench.error.text, "stopped");
    stop(&bench);
}

/* A thread can't be taken out of getaddrinfo(): it is left behind. */
static void test_a_silent_resolver_keeps_nobody(void **state)
{
    const struct http_client_config config = {.stopped = resolver_is_asked};
    struct bench bench;

    (void)state;
    start(&bench, &config, NULL, NULL);
    bench.request.url = "http://silent.test/";
    bench.request.connect_ms = bench.request.total_ms = 600000;
    assert_int_equal(send_it(&bench), -1);
    assert_string_equal(bench.error.text, "stopped");
    assert_true(resolver_is_asked(NULL));
    stop(&bench); /* freeing it waits for nobody either */
    assert_true(resolver_is_asked(NULL));
    let_resolver_speak();
}

static void test_a_silent_resolver_is_given_up_in_time(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.request.url = "http://silent.test/";
    bench.request.connect_ms = bench.request.total_ms = 100;
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_non_null(strstr(bench.error.text, "Resolving timed out"));
    assert_true(resolver_is_asked(NULL));
    bench.request.url = bench.url; /* and the next request can be made */
    bench.request.connect_ms = bench.request.total_ms = 5000;
    assert_int_equal(send_it(&bench), 0);
    assert_true(resolver_is_asked(NULL));
    stop(&bench);
    let_resolver_speak();
}

/* A body without an end, as a watch has it: what it says, and what came of it. */
struct stream {
    const char *const *chunks; /* until a NULL */
    size_t at, pieces, enough_after;
    struct strbuf got;
};

static bool next_chunk(void *context, struct strbuf *chunk)
{
    struct stream *stream = context;

    if (stream->chunks[stream->at])
        strbuf_add_str(chunk, stream->chunks[stream->at++]);
    return stream->chunks[stream->at];
}

static bool keep_piece(void *context, struct slice bytes)
{
    struct stream *stream = context;

    assert_int_equal(bytes.len == 0, stream->pieces == 0);
    stream->pieces++;
    strbuf_add_slice(&stream->got, bytes);
    return stream->pieces != stream->enough_after;
}

static void test_bodies_in_pieces(void **state)
{
    static const char *const chunks[] = {"one\n", "two", "\nthree\n", NULL};
    static const struct {
        int status;
        enum fake_http_way way;
        size_t enough_after;
        int want, want_status;
        const char *got, *body, *why;
    } rows[] = {
        {200, FAKE_HTTP_ANSWER, 0, 0, 200, "one\ntwo\nthree\n", "", ""},
        {200, FAKE_HTTP_CLOSE, 0, HTTP_CLIENT_NO_ANSWER, 0, "one\ntwo\nthree\n", "",
         "transfer closed"},
        {200, FAKE_HTTP_HANG, 1, 0, 200, "", "", ""}, /* when the headers are there */
        {403, FAKE_HTTP_ANSWER, 0, 0, 403, "", "one\ntwo\nthree\n", ""},
        {201, FAKE_HTTP_ANSWER, 0, 0, 201, "", "one\ntwo\nthree\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stream stream = {
            .chunks = chunks, .enough_after = rows[i].enough_after, .got = STRBUF_INIT(100)};
        struct bench bench;

        start_plain(&bench);
        bench.script.answer = (struct fake_http_answer){.status = rows[i].status,
                                                        .way = rows[i].way,
                                                        .headers = "",
                                                        .next = next_chunk,
                                                        .next_context = &stream};
        bench.request.on_bytes = keep_piece;
        bench.request.context = &stream;
        bench.request.total_ms = 0;
        bench.request.idle_s = 1;
        assert_int_equal(send_it(&bench), rows[i].want);
        assert_int_equal(bench.answer.status, rows[i].want_status);
        assert_string_equal(strbuf_str(&stream.got), rows[i].got);
        assert_string_equal(strbuf_str(&bench.answer.body), rows[i].body);
        if (!strstr(bench.error.text, rows[i].why))
            fail_msg("%s", bench.error.text);
        strbuf_fini(&stream.got);
        stop(&bench);
    }
}

/* Before the headers, too. */
static void test_silence_has_an_end(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.script.answer.way = FAKE_HTTP_HANG;
    bench.request.total_ms = 0;
    bench.request.idle_s = 1;
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_non_null(strstr(bench.error.text, "too slow"));
    stop(&bench);
}

static void test_a_fresh_connection_is_not_kept(void **state)
{
    struct bench bench;

    (void)state;
    start_plain(&bench);
    for (unsigned i = 0; i < 4; i++) {
        bench.request.fresh = i < 3;
        assert_int_equal(send_it(&bench), 0);
        assert_int_equal(fake_http_connections(bench.server), i + 1);
    }
    assert_int_equal(send_it(&bench), 0);
    assert_int_equal(fake_http_connections(bench.server), 4);
    stop(&bench);
}

/* The number that the next descriptor would get. A lower limit than that would also keep poll()
 * from those that are there. */
static rlim_t lowest_free(void)
{
    int fd = dup(STDERR_FILENO);

    assert_true(fd >= 0);
    (void)close(fd);
    return (rlim_t)fd;
}

/* A failure of the connection, which may pass; whether an address or a name is asked. */
static void test_without_descriptors(void **state)
{
    static const char *const urls[] = {NULL, "http://name.test/"};

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct rlimit limit, none;
        struct bench bench;
        int result;

        start_plain(&bench);
        if (urls[i])
            bench.request.url = urls[i];
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit){lowest_free(), limit.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        result = send_it(&bench);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        if (result != HTTP_CLIENT_NO_ANSWER)
            fail_msg("%d: %s", result, bench.error.text);
        assert_string_not_equal(bench.error.text, "");
        bench.request.url = bench.url;
        assert_int_equal(send_it(&bench), 0);
        stop(&bench);
    }
}

static void test_proxies(void **state)
{
    struct bench bench;
    char proxy[URL_BYTES];

    (void)state;
    start_plain(&bench);
    (void)snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", fake_http_port(bench.server));
    assert_int_equal(setenv("http_proxy", proxy, 1), 0);
    bench.request.url = "http://nowhere.invalid/x";
    assert_int_equal(send_it(&bench), 0);
    assert_string_equal(bench.script.target, "http://nowhere.invalid/x");
    assert_int_equal(setenv("no_proxy", "nowhere.invalid", 1), 0);
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_int_equal(unsetenv("no_proxy"), 0);
    bench.request.direct = true;
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_int_equal(fake_http_requests(bench.server), 1);
    assert_int_equal(unsetenv("http_proxy"), 0);
    stop(&bench);
}

/* What libcurl makes of such URLs: hosts and ports that are parts of the password, and texts that
 * repeat all of it. */
static void test_a_proxys_password_is_not_shown(void **state)
{
    static const char *const urls[] = {
        "http://zaphod:47113#hush@127.0.0.1:1",
        "http://zaphod:47113/hush@127.0.0.1:1",
        "http://zaphod:47113?hush@127.0.0.1:1",
        "http://zaphod:47113@hush@127.0.0.1:1",
        "http://zaphod:47113 hush@127.0.0.1:1",
        "http://zaphod:hush#47113@127.0.0.1:1",
        "http://zaphod:hush/47113@127.0.0.1:1",
        "http://zaphod:hush\"47113@127.0.0.1:1",
        "http://zaphod:hush%47113@127.0.0.1:1",
        "http://zaphod:hush[47113@127.0.0.1:1",
        "http://zaphod:hush-47113@127.0.0.1:1",
        "http://zaphod:hush-47113@nowhere.invalid",
        "http://zaphod:hush-47113@",
        "hush://zaphod:hush-47113@127.0.0.1:1",
        "http:/zaphod:hush-47113@127.0.0.1:1",
        "zaphod:hush#47113@127.0.0.1:1",
        "http://hush#47113:zaphod@127.0.0.1:1",
        "socks5://zaphod:hush#47113@127.0.0.1:1",
        "https://zaphod:47113#hush@127.0.0.1:1",
        "http://zaphod:hush@:47113@:99999999@x",
        "http://zaphod:hush47113",
        "zaphod:hush47113",
        "http://zaphod:hush47113%40127.0.0.1:1",
    };
    static const char *const variables[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    struct bench bench;

    (void)state;
    start_plain(&bench);
    bench.request.url = "http://nowhere.invalid/x";
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const char *variable = variables[i % (sizeof(variables) / sizeof(variables[0]))];

        assert_int_equal(setenv(variable, urls[i], 1), 0);
        assert_int_not_equal(send_it(&bench), 0);
        assert_int_equal(unsetenv(variable), 0);
        if (strstr(bench.error.text, "hush") || strstr(bench.error.text, "47113") ||
            strstr(bench.error.text, "zaphod"))
            fail_msg("%s: %s", urls[i], bench.error.text);
        assert_non_null(strstr(bench.error.text, variable));
    }
    stop(&bench);
}

/* Of a proxy with a password, too: they say what to do. */
static void test_harmless_texts_are_shown(void **state)
{
    struct bench bench;
    char proxy[URL_BYTES];

    (void)state;
    start_plain(&bench);
    bench.script.answer = (struct fake_http_answer){.status = 407, .headers = ""};
    (void)snprintf(proxy, sizeof(proxy), "http://zaphod:hush@127.0.0.1:%u",
                   fake_http_port(bench.server));
    bench.request.url = "https://nowhere.invalid/x";
    assert_int_equal(setenv("https_proxy", proxy, 1), 0);
    (void)send_it(&bench);
    assert_string_equal(bench.error.text, "CONNECT tunnel failed, response 407");
    bench.request.url = "http://127.0.0.1:1/";
    bench.request.direct = true;
    assert_int_equal(send_it(&bench), HTTP_CLIENT_NO_ANSWER);
    assert_non_null(strstr(bench.error.text, "Failed to connect to 127.0.0.1 port 1"));
    assert_int_equal(unsetenv("https_proxy"), 0);
    stop(&bench);
}

/* A server with a certificate for `name`, and the outcome of asking 127.0.0.1. */
static int ask_over_tls(const char *name, bool with_ca, char *why, size_t size)
{
    const struct certificate_spec spec = {
        .name = "fake", .alternative = name, .constraints = "critical,CA:TRUE"};
    struct made_certificate *made = made_certificate_new(&spec);
    char path[] = "/tmp/test_http_client.XXXXXX";
    int fd = mkstemp(path), got;
    struct http_client_config config = {.ca_file = with_ca ? path : NULL};
    struct bench bench;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, made->pem, strlen(made->pem)), strlen(made->pem));
    start(&bench, &config, made->pem, made->key_pem);
    bench.request.plain = false;
    got = send_it(&bench);
    (void)snprintf(why, size, "%s", bench.error.text);
    stop(&bench);
    (void)close(fd);
    (void)unlink(path);
    made_certificate_free(made);
    return got;
}

static void test_certificates_are_checked(void **state)
{
    char why[ERROR_TEXT_BYTES];

    (void)state;
    assert_int_equal(ask_over_tls("IP:127.0.0.1", true, why, sizeof(why)), 0);
    assert_int_equal(ask_over_tls("IP:127.0.0.1", false, why, sizeof(why)), HTTP_CLIENT_UNTRUSTED);
    assert_non_null(strstr(why, "self-signed certificate"));
    assert_int_equal(ask_over_tls("DNS:elsewhere", true, why, sizeof(why)), HTTP_CLIENT_UNTRUSTED);
    assert_non_null(strstr(why, "no alternative certificate subject name matches"));
}

static int leave_out(const char *path)
{
    (void)path;
    return 0;
}

static int make_fifo(const char *path)
{
    return mkfifo(path, 0600);
}

static int make_empty(const char *path)
{
    return close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int make_nonsense(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    return write(fd, "nonsense\n", 9) == 9 ? close(fd) : -1;
}

/* As one that is not there, but looked at, and never waited for. */
static void test_a_ca_file_that_is_none(void **state)
{
    char folder[] = "/tmp/test_http_client.XXXXXX", path[sizeof(folder) + 10];
    const struct {
        const char *why;
        int (*make)(const char *path);
    } rows[] = {
        {": No such file or directory", leave_out},
        {": is a FIFO, not a regular file", make_fifo},
        {" is empty", make_empty},
        {" holds no certificates", make_nonsense},
    };

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/ca.pem", folder);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench bench;
        char want[200];

        assert_int_equal(rows[i].make(path), 0);
        start(&bench, &(struct http_client_config){.ca_file = path}, NULL, NULL);
        assert_int_equal(send_it(&bench), 0); /* without TLS it is of no use */
        (void)snprintf(bench.url, sizeof(bench.url), "https://127.0.0.1:%u/",
                       fake_http_port(bench.server));
        assert_int_equal(send_it(&bench), -1);
        (void)snprintf(want, sizeof(want), "the CA file: %s%s", path, rows[i].why);
        assert_string_equal(bench.error.text, want);
        stop(&bench);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_connections_are_reused),
        cmocka_unit_test(test_a_kept_connection_that_died_is_replaced),
        cmocka_unit_test(test_redirects_are_answers),
        cmocka_unit_test(test_answers_are_bounded),
        cmocka_unit_test(test_connections_that_break),
        cmocka_unit_test(test_nobody_listens),
        cmocka_unit_test(test_requests_that_are_not_sent),
        cmocka_unit_test(test_a_wait_can_be_cut_short),
        cmocka_unit_test(test_bodies_in_pieces),
        cmocka_unit_test(test_silence_has_an_end),
        cmocka_unit_test(test_a_fresh_connection_is_not_kept),
        cmocka_unit_test(test_a_silent_resolver_keeps_nobody),
        cmocka_unit_test(test_a_silent_resolver_is_given_up_in_time),
        cmocka_unit_test(test_without_descriptors),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_a_proxys_password_is_not_shown),
        cmocka_unit_test(test_harmless_texts_are_shown),
        cmocka_unit_test(test_certificates_are_checked),
        cmocka_unit_test(test_a_ca_file_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
