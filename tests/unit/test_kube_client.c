#include "pullthrough/edge/kube/kube_client.h"

#include "kube_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define META "\"metadata\":{\"resourceVersion\":\"5\"}"

/* What the tests send and read. */
static struct {
    struct kube_secret secret;
    struct kube_webhooks webhooks;
    struct certificate_set *set;
} objects;

static int set_up(void **state)
{
    static const struct certificate_names names = {"web", "images"};
    static const unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES] = {1, 2, 3};

    kube_secret_init(&objects.secret);
    kube_webhooks_init(&objects.webhooks);
    objects.set = certificate_set_make(&names, FAKE_TIME_S, serials);
    return kube_bench_set_up(state);
}

static int tear_down(void **state)
{
    kube_secret_fini(&objects.secret);
    kube_webhooks_fini(&objects.webhooks);
    certificate_set_unref(objects.set);
    return kube_bench_tear_down(state);
}

static void test_get_a_secret(void **state)
{
    struct kube_bench *bench = *state;
    char value[200];

    fake_script_add(&bench->script, 200, "", "{" META ",\"data\":{\"tls.crt\":\"bGVhZg==\"}}");
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_DONE);
    assert_string_equal(objects.secret.version, "5");
    assert_string_equal(strbuf_str(&objects.secret.leaf), "leaf");
    kube_bench_asked(bench, 0, "GET /api/v1/namespaces/images/secrets/tls\n", "");
    fake_script_header(&bench->script, 0, "Authorization", value, sizeof(value));
    assert_string_equal(value, "Bearer secret-token");
    fake_script_header(&bench->script, 0, "User-Agent", value, sizeof(value));
    assert_string_equal(value, "tester/1");
}

/* As large as an object can be in etcd, which counts bytes: base64 has a third more of them. */
static void test_large_objects_are_read(void **state)
{
    enum { ETCD_BYTES = 3 * 512 * 1024, BASE64_BYTES = ETCD_BYTES / 3 * 4 };
    struct kube_bench *bench = *state;
    char *body = malloc(BASE64_BYTES + 1000);

    assert_non_null(body);
    (void)snprintf(body, BASE64_BYTES + 1000,
                   "{" META ",\"webhooks\":[{\"clientConfig\":{\"caBundle\":\"cGVt\"}}],"
                   "\"data\":{\"tls.crt\":\"bGVhZg==\",\"other\":\"%0*d\"}}",
                   BASE64_BYTES, 0);
    fake_script_add(&bench->script, 200, "", body);
    fake_script_add(&bench->script, 200, "", body);
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_DONE);
    assert_string_equal(strbuf_str(&objects.secret.leaf), "leaf");
    assert_int_equal(
        kube_client_get_webhooks(bench->client, "hooks", &objects.webhooks, &bench->error),
        KUBE_DONE);
    assert_true(slice_is(objects.webhooks.bundles[0], "pem"));
    free(body);
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

/* A failure like any other: the next look tries again. */
static void test_without_descriptors(void **state)
{
    struct kube_bench *bench = *state;
    struct rlimit limit, none;
    enum kube_outcome outcome;

    fake_script_add(&bench->script, 200, "", "{" META ",\"data\":{\"tls.crt\":\"bGVhZg==\"}}");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){lowest_free(), limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    outcome =
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(outcome, KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "/token: Too many open files"));
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_DONE);
}

static void test_files_that_are_none(void **state)
{
    static const char *const names[] = {"token", "ca.crt"};
    struct kube_bench *bench = *state;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128], want[200];

        kube_bench_remove(bench, names[i]);
        (void)snprintf(path, sizeof(path), "%s/%s", bench->folder, names[i]);
        (void)snprintf(want, sizeof(want), "%s: is a FIFO, not a regular file", path);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(
            kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
            KUBE_FAILED);
        assert_non_null(strstr(bench->error.text, want));
        kube_bench_remove(bench, names[i]);
        kube_bench_write(bench, names[i], "any");
    }
}

static void test_the_token_is_read_for_each_request(void **state)
{
    struct kube_bench *bench = *state;
    char value[200];

    fake_script_add(&bench->script, 200, "", "{" META "}");
    for (size_t i = 0; i < 2; i++) {
        kube_bench_write(bench, "token", i ? "second" : "first\r\n");
        assert_int_equal(
            kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
            KUBE_DONE);
        fake_script_header(&bench->script, i, "Authorization", value, sizeof(value));
        assert_string_equal(value, i ? "Bearer second" : "Bearer first");
    }
    assert_int_equal(fake_http_connections(bench->server), 1);
}

static void test_without_a_token(void **state)
{
    struct kube_bench *bench = *state;

    kube_bench_write(bench, "token", "\n");
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "could not get secrets/tls in namespace images: the "
                                              "service account's token: "));
    assert_non_null(strstr(bench->error.text, "/token is empty"));
    kube_bench_remove(bench, "token");
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "No such file"));
    assert_int_equal(fake_http_requests(bench->server), 0);
}

static void test_writes(void **state)
{
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf pem = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf bundle = STRBUF_INIT(CERTIFICATE_TEXT_MAX);

    certificate_set_print_cas(objects.set, &pem);
    strbuf_add_base64(&bundle, strbuf_slice(&pem));
    fake_script_add(&bench->script, 201, "", "{}");
    fake_script_add(&bench->script, 200, "", "{}");
    fake_script_add(&bench->script, 200, "",
                    "{" META ",\"webhooks\":[{\"clientConfig\":{\"caBundle\":\"b25l\"}}]}");
    fake_script_add(&bench->script, 200, "", "{}");
    assert_int_equal(
        kube_client_create_secret(bench->client, "images", "tls", objects.set, &bench->error),
        KUBE_DONE);
    assert_int_equal(
        kube_client_patch_secret(bench->client, "images", "tls", "9", objects.set, &bench->error),
        KUBE_DONE);
    assert_int_equal(
        kube_client_get_webhooks(bench->client, "hooks", &objects.webhooks, &bench->error),
        KUBE_DONE);
    assert_int_equal(kube_client_patch_webhooks(bench->client, "hooks", &objects.webhooks,
                                                objects.set, &bench->error),
                     KUBE_DONE);
    kube_bench_asked(bench, 0,
                     "PATCH /api/v1/namespaces/images/secrets/tls?fieldManager=pullthrough-",
                     "application/apply-patch+yaml");
    assert_non_null(strstr(bench->script.requests[0].body, "\"name\":\"tls\""));
    kube_bench_asked(bench, 1, "PATCH /api/v1/namespaces/images/secrets/tls\n",
                     "application/merge-patch+json");
    assert_true(slice_starts_with(slice_str(bench->script.requests[1].body),
                                  slice_str("{\"metadata\":{\"resourceVersion\":\"9\"},")));
    assert_non_null(strstr(bench->script.requests[1].body, strbuf_str(&bundle)));
    kube_bench_asked(
        bench, 2, "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hooks\n",
        "");
    kube_bench_asked(
        bench, 3,
        "PATCH /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hooks\n",
        "application/json-patch+json");
    assert_non_null(strstr(bench->script.requests[3].body, strbuf_str(&bundle)));
}

static void test_refusals_name_what_was_asked(void **state)
{
    struct kube_bench *bench = *state;
    static const char body[] = "{\"kind\":\"Status\",\"message\":\"cannot\"}";

    fake_script_add(&bench->script, 403, "", body);
    fake_script_add(&bench->script, 409, "", body);
    fake_script_add(&bench->script, 404, "", body);
    fake_script_add(&bench->script, 422, "", body);
    fake_script_add(&bench->script, 404, "", body);
    assert_int_equal(
        kube_client_patch_secret(bench->client, "images", "tls", "9", objects.set, &bench->error),
        KUBE_DENIED);
    assert_string_equal(bench->error.text, "may not patch secrets/tls in namespace images: cannot");
    assert_int_equal(
        kube_client_create_secret(bench->client, "images", "tls", objects.set, &bench->error),
        KUBE_CONFLICT);
    assert_int_equal(
        kube_client_create_secret(bench->client, "images", "tls", objects.set, &bench->error),
        KUBE_FAILED);
    assert_string_equal(bench->error.text,
                        "could not create secrets/tls in namespace images: cannot");
    assert_int_equal(kube_client_patch_webhooks(bench->client, "hooks", &objects.webhooks,
                                                objects.set, &bench->error),
                     KUBE_CONFLICT);
    assert_int_equal(
        kube_client_get_webhooks(bench->client, "hooks", &objects.webhooks, &bench->error),
        KUBE_ABSENT);
    assert_string_equal(
        bench->error.text,
        "could not get mutatingwebhookconfigurations.admissionregistration.k8s.io/hooks: cannot");
}

static void test_answers_that_are_none(void **state)
{
    struct kube_bench *bench = *state;

    fake_script_add(&bench->script, 200, "", "<html>");
    fake_script_add_way(&bench->script, FAKE_HTTP_CLOSE);
    fake_script_add_way(&bench->script, FAKE_HTTP_CLOSE);
    fake_script_add_way(&bench->script, FAKE_HTTP_TRUNCATE);
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_FAILED);
    assert_string_equal(bench->error.text,
                        "the API server's answer about secrets/tls in namespace images: malformed "
                        "JSON at byte 0");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
            KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "could not get secrets/tls in namespace images: "));
}

static void test_a_server_that_hangs(void **state)
{
    struct kube_bench *bench = *state;
    struct kube_client_config config = {
        .environment = bench->around.environment, .timing = bench->around.timing, .total_ms = 200};
    struct kube_client *hasty;

    fake_script_add_way(&bench->script, FAKE_HTTP_HANG);
    assert_int_equal(kube_client_new(&hasty, &config, &bench->error), 0);
    assert_int_equal(kube_client_get_secret(hasty, "images", "tls", &objects.secret, &bench->error),
                     KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "timed out"));
    kube_client_free(hasty);
}

static void test_another_ca(void **state)
{
    struct kube_bench *bench = *state;
    struct made_certificate *other = made_certificate_new(
        &(struct certificate_spec){.name = "other", .constraints = "critical,CA:TRUE"});

    kube_bench_write(bench, "ca.crt", other->pem);
    assert_int_equal(
        kube_client_get_secret(bench->client, "images", "tls", &objects.secret, &bench->error),
        KUBE_FAILED);
    assert_non_null(strstr(bench->error.text, "certificate"));
    assert_int_equal(fake_http_requests(bench->server), 0);
    made_certificate_free(other);
}

/* FAKE_TIME_S is 2026-11-21T12:00:00Z. */
static void test_the_api_servers_clock(void **state)
{
    static const struct {
        const char *header;
        int64_t want;
    } rows[] = {
        {"Date: Sat, 21 Nov 2026 12:00:29 GMT\r\n", 0},
        {"Date: Sat, 21 Nov 2026 12:00:30 GMT\r\n", 30},
        {"Date: Sat, 21 Nov 2026 11:00:00 GMT\r\n", -3600},
        {"Date: yesterday\r\n", -3600}, /* as it was */
        {"", -3600},
        {"Date: Sat, 21 Nov 2026 11:59:31 GMT\r\n", 0},
    };
    struct kube_bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        fake_script_add(&bench->script, i % 2 ? 200 : 500, rows[i].header, "{" META "}");
    assert_int_equal(kube_client_skew_s(bench->client), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)kube_client_get_secret(bench->client, "images", "tls", &objects.secret,
                                     &bench->error);
        assert_int_equal(kube_client_skew_s(bench->client), rows[i].want);
    }
}

static void test_the_namespace(void **state)
{
    struct kube_bench *bench = *state;
    STRBUF_CLEANUP struct strbuf name = STRBUF_INIT(100);

    assert_int_equal(kube_client_namespace(bench->client, &name, &bench->error), 0);
    assert_string_equal(strbuf_str(&name), "images");
    kube_bench_remove(bench, "namespace");
    assert_int_equal(kube_client_namespace(bench->client, &name, &bench->error), -1);
    assert_non_null(strstr(bench->error.text, "the service account's namespace: "));
}

static void test_addresses(void **state)
{
    static const struct {
        const char *host, *port, *problem;
    } rows[] = {
        {"10.0.0.1", "443", NULL},
        {"10.0.0.1", NULL, NULL},
        {"fd00::1", "6443", NULL},
        {"[fd00::1]", "6443", NULL},
        {"kubernetes.default.svc", "443", NULL},
        {NULL, "443", "this is not a pod of a cluster (KUBERNETES_SERVICE_HOST is not set)"},
        {"", "443", "this is not a pod of a cluster (KUBERNETES_SERVICE_HOST is not set)"},
        {"10.0.0.1", "no", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT make no address"},
        {"10.0.0.1/x", "443",
         "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT make no address"},
        {"a b", "443", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT make no address"},
    };
    struct kube_bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kube_client_config config = {.environment = bench->around.environment,
                                            .timing = bench->around.timing};
        struct kube_client *client = NULL;
        struct error error = {""};

        fake_surroundings_set(&bench->around, "KUBERNETES_SERVICE_HOST", rows[i].host);
        fake_surroundings_set(&bench->around, "KUBERNETES_SERVICE_PORT", rows[i].port);
        assert_int_equal(kube_client_new(&client, &config, &error), rows[i].problem ? -1 : 0);
        assert_string_equal(error.text, rows[i].problem ? rows[i].problem : "");
        kube_client_free(client);
    }
}

#define BENCH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_get_a_secret),
        BENCH_TEST(test_large_objects_are_read),
        BENCH_TEST(test_without_descriptors),
        BENCH_TEST(test_files_that_are_none),
        BENCH_TEST(test_the_token_is_read_for_each_request),
        BENCH_TEST(test_without_a_token),
        BENCH_TEST(test_writes),
        BENCH_TEST(test_refusals_name_what_was_asked),
        BENCH_TEST(test_answers_that_are_none),
        BENCH_TEST(test_a_server_that_hangs),
        BENCH_TEST(test_another_ca),
        BENCH_TEST(test_the_api_servers_clock),
        BENCH_TEST(test_the_namespace),
        BENCH_TEST(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
