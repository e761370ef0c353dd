#include "pullthrough/edge/aws/image_client.h"

#include "aws_bench.h"
#include "fake_script.h"
#include "made_certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ECR      "AmazonEC2ContainerRegistry_V20150921."
#define DIGEST   "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MANIFEST "{\"schemaVersion\":2}"
/* echo -n '{"schemaVersion":2}' | sha256sum */
#define MANIFEST_DIGEST "sha256:bafebd36189ad3688b7b3915ea55d461e0bfcfbdde11e54b0a123999fb6be50f"
#define LOGIN(token)                                                                               \
    "{\"authorizationData\":[{\"authorizationToken\":\"" token "\",\"proxyEndpoint\":"             \
    "\"https://registry\"}]}"

/* ECR's API on one server, its registry on another. */
struct bench {
    struct fake_script api, registry;
    struct fake_http *api_server, *registry_server;
    struct made_certificate *leaf;
    struct fake_surroundings fake;
    struct aws_client *aws;
    struct http_client *http;
    struct image_client *client;
    struct arena arena;
    struct error error;
    char ca_file[40], found[REGISTRY_DIGEST_BYTES];
};

static void start_registry(struct bench *bench)
{
    int fd;

    (void)snprintf(bench->ca_file, sizeof(bench->ca_file), "/tmp/test_images.XXXXXX");
    fd = mkstemp(bench->ca_file);
    assert_true(fd >= 0);
    bench->leaf = made_certificate_new(&(struct certificate_spec){
        .name = "self", .alternative = "IP:127.0.0.1", .constraints = "critical,CA:TRUE"});
    assert_int_equal(write(fd, bench->leaf->pem, strlen(bench->leaf->pem)),
                     strlen(bench->leaf->pem));
    (void)close(fd);
    bench->registry_server = fake_http_start(fake_script_follow, &bench->registry, bench->leaf->pem,
                                             bench->leaf->key_pem);
    if (http_client_new(&bench->http,
                        &(struct http_client_config){.ca_file = bench->ca_file,
                                                     .stopped = bench->fake.timing.stopped,
                                                     .context = bench->fake.timing.context},
                        &bench->error) < 0)
        fail_msg("%s", bench->error.text);
}

static void start_api(struct bench *bench)
{
    bench->api_server = fake_http_start(fake_script_follow, &bench->api, NULL, NULL);
    bench->aws = aws_bench_client(&bench->fake, bench->api_server);
}

static int set_up(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    char host[40];

    assert_non_null(bench);
    fake_surroundings_init(&bench->fake);
    start_registry(bench);
    start_api(bench);
    (void)snprintf(host, sizeof(host), "127.0.0.1:%u", fake_http_port(bench->registry_server));
    bench->client = image_client_new(&(struct image_client_config){
        .aws = bench->aws, .http = bench->http, .timing = &bench->fake.timing, .host = host});
    arena_init(&bench->arena, 1000);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;

    image_client_free(bench->client);
    arena_fini(&bench->arena);
    aws_client_free(bench->aws);
    http_client_free(bench->http);
    fake_surroundings_fini(&bench->fake);
    fake_http_stop(bench->api_server);
    fake_http_stop(bench->registry_server);
    made_certificate_free(bench->leaf);
    (void)unlink(bench->ca_file);
    free(bench);
    return 0;
}

static void check_call(const struct bench *bench, size_t i, const char *target, const char *body)
{
    char value[200];

    assert_true(i < bench->api.n_requests);
    fake_script_header(&bench->api, i, "X-Amz-Target", value, sizeof(value));
    assert_string_equal(value, target);
    assert_string_equal(bench->api.requests[i].body, body);
}

static void check_reason(const struct bench *bench, const char *words)
{
    if (!strstr(bench->error.text, words))
        fail_msg("\"%s\" says nothing of \"%s\"", bench->error.text, words);
}

/* A call that is answered so, and what it comes to. */
struct row {
    int status;
    const char *body;
    enum image_outcome outcome;
    const char *reason; /* contained in the error's text */
};

static void check_rows(struct bench *bench, struct fake_script *script,
                       enum image_outcome (*call)(struct bench *bench), const struct row *rows,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fake_script_clear(script);
        fake_script_add(script, rows[i].status, "", rows[i].body);
        assert_int_equal(call(bench), rows[i].outcome);
        check_reason(bench, rows[i].reason);
    }
}

static enum image_outcome list(struct bench *bench, unsigned page, struct ecr_image_ids *ids)
{
    return image_client_list(bench->client, "q/a", page, &bench->arena, ids, &bench->error);
}

#define LIST(token) "{\"repositoryName\":\"q/a\",\"maxResults\":1000" token FILTER
#define FILTER      ",\"filter\":{\"imageStatus\":\"ACTIVE\"}}"

static void test_lists_page_by_page(void **state)
{
    struct bench *bench = *state;
    struct ecr_image_ids ids;

    fake_script_add(&bench->api, 200, "",
                    "{\"imageIds\":[{\"imageDigest\":\"sha256:1\",\"imageTag\":\"v1\"}],"
                    "\"nextToken\":\"on\"}");
    fake_script_add(&bench->api, 400, "", "{\"__type\":\"InvalidParameterException\"}");
    fake_script_add(&bench->api, 200, "", "{\"imageIds\":[{\"imageDigest\":\"sha256:2\"}]}");
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    assert_string_equal(ids.items[0].tag, "v1");
    assert_string_equal(ids.next_token, "on");
    assert_int_equal(list(bench, 1, &ids), IMAGE_REFUSED);
    check_reason(bench, "InvalidParameterException");
    assert_int_equal(list(bench, 1, &ids), IMAGE_THERE); /* the one that failed, again */
    assert_string_equal(ids.items[0].digest, "sha256:2");
    assert_string_equal(ids.next_token, "");
    check_call(bench, 0, ECR "ListImages", LIST(""));
    check_call(bench, 1, ECR "ListImages", LIST(",\"nextToken\":\"on\""));
    check_call(bench, 2, ECR "ListImages", LIST(",\"nextToken\":\"on\""));
    assert_int_equal(list(bench, 2, &ids), IMAGE_NO_ANSWER);
    assert_string_equal(bench->error.text, "there is no page before this one");
    assert_int_equal(bench->api.n_requests, 3);
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE); /* from the beginning */
    check_call(bench, 3, ECR "ListImages", LIST(""));
}

/* Beside another list of the same repository: each goes on where it was. */
static void test_images_page_by_page(void **state)
{
    struct bench *bench = *state;
    struct ecr_images images;
    struct ecr_image_ids ids;

    fake_script_add(&bench->api, 200, "",
                    "{\"imageDetails\":[{\"imageDigest\":\"sha256:1\",\"imageTags\":[\"v1\"],"
                    "\"imageSizeInBytes\":7,\"imagePushedAt\":1.5,\"lastRecordedPullTime\":2e9}],"
                    "\"nextToken\":\"on\"}");
    fake_script_add(&bench->api, 200, "", "{\"imageIds\":[],\"nextToken\":\"other\"}");
    fake_script_add(&bench->api, 200, "", "{\"imageDetails\":[{\"imageDigest\":\"sha256:2\"}]}");
    assert_int_equal(
        image_client_images(bench->client, "q/a", 0, &bench->arena, &images, &bench->error),
        IMAGE_THERE);
    assert_int_equal(images.n, 1);
    assert_int_equal(images.items[0].size_bytes, 7);
    assert_int_equal(images.items[0].pushed_s, 1);
    assert_int_equal(images.items[0].pulled_s, 2000000000);
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    assert_int_equal(
        image_client_images(bench->client, "q/a", 1, &bench->arena, &images, &bench->error),
        IMAGE_THERE);
    assert_string_equal(images.items[0].digest, "sha256:2");
    assert_int_equal(images.items[0].pushed_s, 0);
    assert_string_equal(images.next_token, "");
    check_call(bench, 0, ECR "DescribeImages", LIST(""));
    check_call(bench, 2, ECR "DescribeImages", LIST(",\"nextToken\":\"on\""));
}

/* A list that was left behind has no say in the next one. */
static void test_a_list_from_the_beginning(void **state)
{
    struct bench *bench = *state;
    struct ecr_image_ids ids;

    fake_script_add(&bench->api, 200, "", "{\"imageIds\":[],\"nextToken\":\"on\"}");
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    check_call(bench, 1, ECR "ListImages", LIST(""));
}

/* Each list goes on where it was, whatever the other one does meanwhile. */
static void test_two_lists_at_once(void **state)
{
    struct bench *bench = *state;
    struct ecr_repositories repositories;
    struct ecr_image_ids ids;

    fake_script_add(&bench->api, 200, "", "{\"imageIds\":[],\"nextToken\":\"i\"}");
    fake_script_add(&bench->api, 200, "",
                    "{\"repositories\":[{\"repositoryName\":\"q/a\",\"createdAt\":1.5}],"
                    "\"nextToken\":\"r\"}");
    fake_script_add(&bench->api, 200, "", "{\"imageIds\":[]}");
    fake_script_add(&bench->api, 200, "", "{\"repositories\":[]}");
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    assert_int_equal(
        image_client_repositories(bench->client, 0, &bench->arena, &repositories, &bench->error),
        IMAGE_THERE);
    assert_string_equal(repositories.items[0].name, "q/a");
    assert_int_equal(repositories.items[0].created_s, 1);
    assert_int_equal(list(bench, 1, &ids), IMAGE_THERE);
    assert_int_equal(
        image_client_repositories(bench->client, 1, &bench->arena, &repositories, &bench->error),
        IMAGE_THERE);
    assert_int_equal(repositories.n, 0);
    check_call(bench, 1, ECR "DescribeRepositories", "{\"maxResults\":1000}");
    check_call(bench, 2, ECR "ListImages", LIST(",\"nextToken\":\"i\""));
    check_call(bench, 3, ECR "DescribeRepositories", "{\"maxResults\":1000,\"nextToken\":\"r\"}");
}

static void test_lists_without_an_end(void **state)
{
    struct bench *bench = *state;
    struct ecr_repositories repositories;
    struct ecr_image_ids ids;
    unsigned page = 0;

    fake_script_add(&bench->api, 200, "",
                    "{\"imageIds\":[{\"imageDigest\":\"sha256:1\"}],\"nextToken\":\"on\"}");
    assert_int_equal(list(bench, 0, &ids), IMAGE_THERE);
    assert_int_equal(list(bench, 1, &ids), IMAGE_REFUSED);
    assert_string_equal(bench->error.text, "ListImages gives the same page again and again");
    assert_int_equal(ids.n, 1); /* what it showed is true */
    fake_script_clear(&bench->api);
    fake_script_add(&bench->api, 200, "", "{\"repositories\":[],\"nextToken\":\"on\"}");
    assert_int_equal(
        image_client_repositories(bench->client, 0, &bench->arena, &repositories, &bench->error),
        IMAGE_THERE);
    assert_int_equal(
        image_client_repositories(bench->client, 1, &bench->arena, &repositories, &bench->error),
        IMAGE_REFUSED);
    assert_string_equal(bench->error.text,
                        "DescribeRepositories gives the same page again and again");

    for (enum image_outcome outcome = IMAGE_THERE; outcome == IMAGE_THERE; page++) {
        STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(100);

        strbuf_add_format(&body, "{\"nextToken\":\"%u\"}", page);
        fake_script_clear(&bench->api);
        fake_script_add(&bench->api, 200, "", strbuf_str(&body));
        outcome = list(bench, page, &ids);
    }
    assert_int_equal(page, IMAGE_CLIENT_PAGES_MAX);
    assert_string_equal(bench->error.text, "ListImages has over 1000 pages");
}

static enum image_outcome list_first_page(struct bench *bench)
{
    struct ecr_image_ids ids;

    return list(bench, 0, &ids);
}

static void test_lists_that_fail(void **state)
{
    static const struct row rows[] = {
        {400, "{\"__type\":\"RepositoryNotFoundException\",\"message\":\"gone\"}", IMAGE_ABSENT,
         "ListImages: RepositoryNotFoundException: gone"},
        {400, "{\"__type\":\"AccessDeniedException\",\"Message\":\"not you\"}", IMAGE_DENIED,
         "ListImages: AccessDeniedException: not you"},
        {400, "{\"__type\":\"ThrottlingException\",\"message\":\"Rate exceeded\"}", IMAGE_THROTTLED,
         "ListImages: ThrottlingException: Rate exceeded"},
        {500, "", IMAGE_NO_ANSWER, "ListImages: "},
        {200, "{\"imageIds\":[{}]}", IMAGE_NO_ANSWER,
         "the answer to ListImages: imageIds[0]: imageDigest is missing"},
    };
    struct bench *bench = *state;

    check_rows(bench, &bench->api, list_first_page, rows, sizeof(rows) / sizeof(rows[0]));
}

static enum image_outcome look(struct bench *bench, const char *tag, const char *digest)
{
    return image_client_look(bench->client, "q/a", tag, digest, bench->found, &bench->error);
}

static enum image_outcome look_at_tag(struct bench *bench)
{
    return look(bench, "v1", "");
}

static void test_looks(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->api, 200, "",
                    "{\"imageDetails\":[{\"imageDigest\":\"" DIGEST
                    "\",\"imageStatus\":\"ACTIVE\"}]}");
    assert_int_equal(look(bench, "v1", ""), IMAGE_THERE);
    assert_string_equal(bench->found, DIGEST);
    assert_int_equal(look(bench, "", DIGEST), IMAGE_THERE);
    check_call(bench, 0, ECR "DescribeImages",
               "{\"repositoryName\":\"q/a\",\"imageIds\":[{\"imageTag\":\"v1\"}]}");
    check_call(bench, 1, ECR "DescribeImages",
               "{\"repositoryName\":\"q/a\",\"imageIds\":[{\"imageDigest\":\"" DIGEST "\"}]}");
}

static void test_looks_at_what_is_not_there(void **state)
{
    static const struct row rows[] = {
        {200, "{\"imageDetails\":[{\"imageDigest\":\"" DIGEST "\",\"imageStatus\":\"ARCHIVED\"}]}",
         IMAGE_ABSENT, "ECR has the image, but it is not ACTIVE"},
        {200, "{\"imageDetails\":[]}", IMAGE_ABSENT, "ECR describes no such image"},
        {400, "{\"__type\":\"ImageNotFoundException\"}", IMAGE_ABSENT,
         "DescribeImages: ImageNotFoundException"},
        {200, "{\"imageDetails\":[{\"imageDigest\":\"" DIGEST "0\"}]}", IMAGE_REFUSED,
         "ECR's digest of the image is not a SHA-256"},
        {400, "{\"__type\":\"ThrottlingException\"}", IMAGE_THROTTLED, "ThrottlingException"},
    };
    struct bench *bench = *state;

    check_rows(bench, &bench->api, look_at_tag, rows, sizeof(rows) / sizeof(rows[0]));
}

static enum image_outcome import(struct bench *bench)
{
    return image_client_import(bench->client, "q/a", "v1", bench->found, &bench->error);
}

static void check_login(const struct bench *bench, size_t i, const char *login)
{
    char value[200];

    assert_true(i < bench->registry.n_requests);
    fake_script_header(&bench->registry, i, "Authorization", value, sizeof(value));
    assert_string_equal(value, login);
}

static void test_imports(void **state)
{
    struct bench *bench = *state;
    char value[400];

    fake_script_add(&bench->api, 200, "", LOGIN("QVdTOmE="));
    fake_script_add(&bench->api, 200, "", LOGIN("QVdTOmI="));
    fake_script_add(&bench->registry, 200, "", MANIFEST);
    assert_int_equal(import(bench), IMAGE_THERE);
    assert_string_equal(bench->found, MANIFEST_DIGEST);
    assert_int_equal(bench->registry.n_requests, 1);
    assert_true(slice_starts_with(slice_str(bench->registry.requests[0].head),
                                  slice_str("GET /v2/q/a/manifests/v1\n")));
    fake_script_header(&bench->registry, 0, "Accept", value, sizeof(value));
    assert_string_equal(value, registry_messages_manifests);
    check_login(bench, 0, "Basic QVdTOmE=");

    bench->fake.monotonic_ms += 6 * 3600 * 1000 - 1; /* one login for six hours */
    assert_int_equal(import(bench), IMAGE_THERE);
    check_login(bench, 1, "Basic QVdTOmE=");
    assert_int_equal(bench->api.n_requests, 1);
    bench->fake.monotonic_ms += 1;
    assert_int_equal(import(bench), IMAGE_THERE);
    check_login(bench, 2, "Basic QVdTOmI=");
    check_call(bench, 1, ECR "GetAuthorizationToken", "{}");
}

/* A login that was kept is fetched anew, once; one that is new is not. */
static void test_logins_that_are_not_taken(void **state)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        {401, "Not Authorized"},
        {400, "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"Your Authorization Token is "
              "invalid.\"}]}"},
        {403, "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"Your authorization token has "
              "expired. Reauthenticate and try again.\"}]}"},
    };
    struct bench *bench = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fake_script_clear(&bench->api);
        fake_script_clear(&bench->registry);
        fake_script_add(&bench->api, 200, "", LOGIN("QVdTOmE="));
        fake_script_add(&bench->api, 200, "", LOGIN("QVdTOmI="));
        fake_script_add(&bench->registry, 200, "", MANIFEST);
        fake_script_add(&bench->registry, rows[i].status, "", rows[i].body);
        fake_script_add(&bench->registry, 200, "", MANIFEST);
        fake_script_add(&bench->registry, rows[i].status, "", rows[i].body);
        assert_int_equal(import(bench), IMAGE_THERE);
        assert_int_equal(import(bench), IMAGE_THERE);
        check_login(bench, 1, "Basic QVdTOmE=");
        check_login(bench, 2, "Basic QVdTOmI=");
        assert_int_equal(bench->api.n_requests, 2);
        /* Refused, and refused with a new one: three answers, and no fourth. */
        assert_int_equal(import(bench), IMAGE_DENIED);
        assert_int_equal(bench->registry.n_requests, 5);
        assert_int_equal(bench->api.n_requests, 3);
        assert_int_equal(import(bench), IMAGE_DENIED); /* none is kept */
        assert_int_equal(bench->registry.n_requests, 6);
        assert_int_equal(bench->api.n_requests, 4);
        check_reason(bench, "HTTP 4");
        assert_null(strstr(bench->error.text, "QVdT"));
    }
}

static void test_imports_that_fail(void **state)
{
    static const struct row rows[] = {
        {404,
         "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"Requested image not "
         "found\"}]}",
         IMAGE_ABSENT, "HTTP 404 MANIFEST_UNKNOWN: Requested image not found"},
        {403,
         "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"The authentication to the upstream "
         "registry failed.\"}]}",
         IMAGE_REFUSED, "HTTP 403 DENIED: The authentication to the upstream registry failed."},
        {429, "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"Rate exceeded\"}]}",
         IMAGE_THROTTLED, "HTTP 429 TOOMANYREQUESTS: Rate exceeded"},
        {502, "<html>", IMAGE_NO_ANSWER, "HTTP 502: the registry gave no reason"},
        {200, "<html>", IMAGE_REFUSED, "the answer is not a manifest"},
    };
    struct bench *bench = *state;

    fake_script_add(&bench->api, 200, "", LOGIN("QVdTOmE="));
    check_rows(bench, &bench->registry, import, rows, sizeof(rows) / sizeof(rows[0]));
    assert_int_equal(bench->api.n_requests, 1); /* none of that is the login's fault */
    fake_script_clear(&bench->registry);
    fake_script_add_way(&bench->registry, FAKE_HTTP_CLOSE);
    assert_int_equal(import(bench), IMAGE_NO_ANSWER);
    check_reason(bench, "Empty reply");
    bench->fake.stopped = true;
    assert_int_equal(import(bench), IMAGE_NO_ANSWER);
    assert_string_equal(bench->error.text, "stopped");
}

static void test_without_a_login(void **state)
{
    struct bench *bench = *state;

    fake_script_add(&bench->api, 400, "", "{\"__type\":\"AccessDeniedException\"}");
    assert_int_equal(import(bench), IMAGE_DENIED);
    check_reason(bench, "GetAuthorizationToken: AccessDeniedException");
    fake_script_clear(&bench->api);
    fake_script_add(&bench->api, 200, "", LOGIN("QVdT OmE="));
    assert_int_equal(import(bench), IMAGE_NO_ANSWER);
    assert_string_equal(bench->error.text, "the answer to GetAuthorizationToken: authorizationData "
                                           "holds no token");
    assert_int_equal(bench->registry.n_requests, 0);
}

#define BENCH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(test_lists_page_by_page),
        BENCH_TEST(test_images_page_by_page),
        BENCH_TEST(test_a_list_from_the_beginning),
        BENCH_TEST(test_two_lists_at_once),
        BENCH_TEST(test_lists_without_an_end),
        BENCH_TEST(test_lists_that_fail),
        BENCH_TEST(test_looks),
        BENCH_TEST(test_looks_at_what_is_not_there),
        BENCH_TEST(test_imports),
        BENCH_TEST(test_logins_that_are_not_taken),
        BENCH_TEST(test_imports_that_fail),
        BENCH_TEST(test_without_a_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
