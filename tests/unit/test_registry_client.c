#include "pullthrough/edge/aws/registry_client.h"

#include "fake_http.h"
#include "made_certificate.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct made_certificate *ca, *leaf;
    struct fake_http *server;
    struct fake_http_answer answer;
    struct http_client *http;
    struct error error;
    char ca_file[40], host[40], target[40], authorization[40];
    bool stopped;
    pthread_mutex_t lock; /* over the answer: a client that gave up leaves the server at it */
};

static void follow(void *context, const struct fake_http_request *request,
                   struct fake_http_answer *answer)
{
    struct bench *bench = context;

    (void)snprintf(bench->target, sizeof(bench->target), "%.*s %.*s", SLICE_FMT(request->method),
                   SLICE_FMT(request->target));
    (void)snprintf(bench->authorization, sizeof(bench->authorization), "%.*s",
                   SLICE_FMT(fake_http_header(request, "Authorization")));
    (void)pthread_mutex_lock(&bench->lock);
    *answer = bench->answer;
    (void)pthread_mutex_unlock(&bench->lock);
}

static void set_way(struct bench *bench, enum fake_http_way way)
{
    (void)pthread_mutex_lock(&bench->lock);
    bench->answer.way = way;
    (void)pthread_mutex_unlock(&bench->lock);
}

static bool is_stopped(void *context)
{
    return ((struct bench *)context)->stopped;
}

static void make_http(struct bench *bench)
{
    const struct http_client_config config = {
        .ca_file = bench->ca_file, .stopped = is_stopped, .context = bench};

    http_client_free(bench->http);
    if (http_client_new(&bench->http, &config, &bench->error))
        fail_msg("%s", bench->error.text);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int fd;

    assert_non_null(bench);
    (void)pthread_mutex_init(&bench->lock, NULL);
    (void)snprintf(bench->ca_file, sizeof(bench->ca_file), "/tmp/test_registry.XXXXXX");
    fd = mkstemp(bench->ca_file);
    assert_true(fd >= 0);
    bench->ca = made_certificate_new(
        &(struct certificate_spec){.name = "ca", .constraints = "critical,CA:TRUE"});
    bench->leaf = made_certificate_new(&(struct certificate_spec){.name = "registry",
                                                                  .alternative = "IP:127.0.0.1",
                                                                  .extended = "serverAuth",
                                                                  .issuer = bench->ca});
    assert_int_equal(write(fd, bench->ca->pem, strlen(bench->ca->pem)), strlen(bench->ca->pem));
    (void)close(fd);
    bench->answer = (struct fake_http_answer){
        .status = 401, .headers = "", .body = slice_str("Not Authorized\n")};
    bench->server = fake_http_start(follow, bench, bench->leaf->pem, bench->leaf->key_pem);
    (void)snprintf(bench->host, sizeof(bench->host), "127.0.0.1:%u", fake_http_port(bench->server));
    make_http(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    http_client_free(bench->http);
    if (bench->server)
        fake_http_stop(bench->server);
    made_certificate_free(bench->leaf);
    made_certificate_free(bench->ca);
    (void)unlink(bench->ca_file);
    (void)pthread_mutex_destroy(&bench->lock);
    free(bench);
    return 0;
}

static int probe(struct bench *bench, uint64_t timeout_ms)
{
    bench->error.text[0] = '\0';
    return registry_client_probe(bench->http, slice_str(bench->host), timeout_ms, &bench->error);
}

static void assert_dead(struct bench *bench, uint64_t timeout_ms, const char *why)
{
    assert_int_equal(probe(bench, timeout_ms), REGISTRY_CLIENT_NOT_ALIVE);
    if (!strstr(bench->error.text, why))
        fail_msg("%s", bench->error.text);
}

static void test_answers(void **state)
{
    static const int alive[] = {401, 200, 403, 404, 429, 302};
    static const int dead[] = {500, 502, 503, 504, 599};
    struct bench *bench = *state;
    unsigned n = 0;
    char why[40];

    for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
        bench->answer.status = alive[i];
        assert_int_equal(probe(bench, 20000), 0);
        assert_string_equal(bench->error.text, "");
        assert_int_equal(fake_http_connections(bench->server), ++n); /* each on its own */
    }
    assert_string_equal(bench->target, "GET /v2/");
    assert_string_equal(bench->authorization, "");
    for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
        bench->answer.status = dead[i];
        (void)snprintf(why, sizeof(why), "HTTP status %d", dead[i]);
        assert_dead(bench, 20000, why);
    }
}

static void test_connections_that_break(void **state)
{
    struct bench *bench = *state;

    set_way(bench, FAKE_HTTP_HANG);
    assert_dead(bench, 200, "timed out");
    set_way(bench, FAKE_HTTP_CLOSE);
    assert_dead(bench, 20000, "Empty reply");
    fake_http_stop(bench->server);
    bench->server = NULL;
    assert_dead(bench, 20000, "Failed to connect");
}

/* What comes is no registry's, but it was asked. */
static void test_an_answer_without_end(void **state)
{
    enum { MANY = 100000 };
    struct bench *bench = *state;
    char *many = malloc(MANY);

    assert_non_null(many);
    memset(many, 'x', MANY);
    bench->answer.body = slice_of(many, MANY);
    assert_dead(bench, 20000, "the answer has over 65536 bytes");
    free(many);
}

/* The usual variables count, as for every call to AWS. */
static void test_proxies(void **state)
{
    struct bench *bench = *state;
    struct fake_http *proxy;
    char url[40];

    bench->answer.status = 407;
    proxy = fake_http_start(follow, bench, NULL, NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake_http_port(proxy));
    assert_int_equal(setenv("https_proxy", url, 1), 0);
    assert_dead(bench, 20000, "CONNECT tunnel failed, response 407");
    assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
    assert_int_equal(probe(bench, 20000), 0);
    assert_int_equal(unsetenv("https_proxy") | unsetenv("no_proxy"), 0);
    fake_http_stop(proxy);
}

/* What no Event tells of: the kernel takes connections, and nobody ever reads. */
static void test_accepts_and_stays_silent(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    struct bench *bench = *state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(bench->host, sizeof(bench->host), "127.0.0.1:%u", ntohs(address.sin_port));
    /* curl has a sentence of its own where it got as far as to begin a handshake. */
    assert_int_equal(probe(bench, 200), REGISTRY_CLIENT_NOT_ALIVE);
    if (!strstr(bench->error.text, "timed out") && !strstr(bench->error.text, "timeout"))
        fail_msg("%s", bench->error.text);
    (void)close(fd);
}

static void test_certificates(void **state)
{
    struct bench *bench = *state;
    struct made_certificate *other = made_certificate_new(&(struct certificate_spec){
        .name = "other", .alternative = "DNS:elsewhere", .issuer = bench->ca});

    fake_http_stop(bench->server); /* another name */
    bench->server = fake_http_start(follow, bench, other->pem, other->key_pem);
    (void)snprintf(bench->host, sizeof(bench->host), "127.0.0.1:%u", fake_http_port(bench->server));
    assert_dead(bench, 20000, "no alternative certificate subject name matches");
    made_certificate_free(other);

    other = made_certificate_new(&(struct certificate_spec){
        .name = "self", .alternative = "IP:127.0.0.1", .constraints = "critical,CA:TRUE"});
    fake_http_stop(bench->server); /* another CA */
    bench->server = fake_http_start(follow, bench, other->pem, other->key_pem);
    (void)snprintf(bench->host, sizeof(bench->host), "127.0.0.1:%u", fake_http_port(bench->server));
    assert_dead(bench, 20000, "self-signed certificate");
    made_certificate_free(other);
}

/* What is wrong with us says nothing about the registry. */
static void test_not_even_tried(void **state)
{
    static const char *const hosts[] = {"", "a b", "host/path", "user@host", "host:0", "host?x"};
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_int_equal(
            registry_client_probe(bench->http, slice_str(hosts[i]), 2000, &bench->error), -1);
        assert_string_equal(bench->error.text, "the registry's host makes no URL");
    }
    bench->stopped = true;
    assert_int_equal(probe(bench, 20000), -1);
    assert_string_equal(bench->error.text, "stopped");
    bench->stopped = false;
    assert_int_equal(unlink(bench->ca_file), 0);
    assert_int_equal(probe(bench, 20000), -1);
    assert_non_null(strstr(bench->error.text, "the CA file: "));
    assert_int_equal(fake_http_requests(bench->server), 0);
}

#define BENCH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_answers),
        BENCH_TEST(test_connections_that_break),
        BENCH_TEST(test_accepts_and_stays_silent),
        BENCH_TEST(test_an_answer_without_end),
        BENCH_TEST(test_proxies),
        BENCH_TEST(test_certificates),
        BENCH_TEST(test_not_even_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
