#include "pullthrough/core/aws/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { EXAMPLE_TIME = 1795262400 /* 20261121T120000Z */ };

static const char example_id[] = "AKIDEXAMPLE";
static const char example_secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static void set_keys(struct aws_keys *keys, const char *token)
{
    struct error error;

    if (aws_keys_set(keys, slice_str(example_id), slice_str(example_secret), slice_str(token),
                     &error) < 0)
        fail_msg("%s", error.text);
}

/* tests/vectors/sigv4.txt: a title line "V1 ECR Operation, session token", then lines "
 * name=value". */
struct vector {
    char title[200], operation[100], host[200], region[50], service[50], body[400];
    char signed_headers[200], body_hash[100], canonical_hash[100], key[100], signature[100];
    bool has_token;
};

static void copy_after(char *to, size_t size, const char *line, const char *name, char end)
{
    const char *at = strstr(line, name);
    size_t len;

    if (!at)
        return;
    at += strlen(name);
    len = strcspn(at, (char[]){end, '\n', '\0'});
    assert_true(len < size);
    memcpy(to, at, len);
    to[len] = '\0';
}

static void read_line(struct vector *vector, const char *line)
{
    copy_after(vector->host, sizeof(vector->host), line, "  host=", ' ');
    copy_after(vector->region, sizeof(vector->region), line, " region=", ' ');
    copy_after(vector->service, sizeof(vector->service), line, " service=", ' ');
    copy_after(vector->body, sizeof(vector->body), line, " body=", '\n');
    copy_after(vector->signed_headers, sizeof(vector->signed_headers), line,
               "  SignedHeaders=", '\n');
    copy_after(vector->body_hash, sizeof(vector->body_hash), line, "  sha256(body)=", '\n');
    copy_after(vector->canonical_hash, sizeof(vector->canonical_hash), line,
               "  sha256(canonical request)=", '\n');
    copy_after(vector->key, sizeof(vector->key), line, "  signing key=", '\n');
    copy_after(vector->signature, sizeof(vector->signature), line, "  Signature=", '\n');
}

static void read_title(struct vector *vector, const char *line)
{
    const char *comma = strchr(line, ','), *space = comma;

    assert_non_null(comma);
    *vector = (struct vector){.has_token = strstr(comma, "session token") != NULL};
    while (space[-1] != ' ')
        space--;
    assert_true((size_t)(comma - space) < sizeof(vector->operation));
    memcpy(vector->operation, space, (size_t)(comma - space));
    assert_true(strlen(line) < sizeof(vector->title));
    memcpy(vector->title, line, strcspn(line, "\n"));
}

static void check_key(const struct vector *vector, const struct aws_keys *keys)
{
    unsigned char key[SIGV4_KEY_BYTES];
    char hex[2 * SIGV4_KEY_BYTES + 1];

    if (!vector->key[0])
        return;
    sigv4_signing_key(key, keys->secret, slice_str("20261121"), slice_str(vector->region),
                      slice_str(vector->service));
    for (size_t i = 0; i < sizeof(key); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", key[i]);
    assert_string_equal(hex, vector->key);
}

static void check_vector(const struct vector *vector, const char *token)
{
    bool is_sts = strcmp(vector->service, "sts") == 0;
    struct aws_keys keys;
    struct sigv4_signature signature;
    struct error error;
    char target[200] = "", want[600];
    struct sigv4_request request = {
        .method = slice_str("POST"),
        .host = slice_str(vector->host),
        .path = slice_str("/"),
        .content_type = slice_str(is_sts ? "application/x-www-form-urlencoded; charset=utf-8"
                                         : "application/x-amz-json-1.1"),
        .body = slice_str(vector->body),
        .region = slice_str(vector->region),
        .service = slice_str(vector->service),
    };

    if (!is_sts)
        (void)snprintf(target, sizeof(target), "%s.%s",
                       strcmp(vector->service, "ecr") == 0 ? "AmazonEC2ContainerRegistry_V20150921"
                                                           : "secretsmanager",
                       vector->operation);
    request.target = slice_str(target);
    set_keys(&keys, vector->has_token ? token : "");
    if (sigv4_sign(&signature, &keys, &request, EXAMPLE_TIME, &error) < 0)
        fail_msg("%s: %s", vector->title, error.text);
    assert_string_equal(signature.date, "20261121T120000Z");
    if (vector->body_hash[0])
        assert_string_equal(signature.body_hash, vector->body_hash);
    assert_string_equal(signature.canonical_hash, vector->canonical_hash);
    check_key(vector, &keys);
    (void)snprintf(want, sizeof(want),
                   "AWS4-HMAC-SHA256 Credential=%s/20261121/%s/%s/aws4_request, "
                   "SignedHeaders=%s, Signature=%s",
                   example_id, vector->region, vector->service, vector->signed_headers,
                   vector->signature);
    assert_string_equal(signature.authorization, want);
}

static void read_token(char *token, int size)
{
    FILE *file = fopen(VECTORS "/sigv4.txt", "r");

    assert_non_null(file);
    do
        assert_non_null(fgets(token, size, file));
    while (strncmp(token, "Session token, ", 15) != 0);
    assert_non_null(fgets(token, size, file));
    token[strcspn(token, "\n")] = '\0';
    assert_int_equal(fclose(file), 0);
}

static void test_vectors_of_our_calls(void **state)
{
    FILE *file = fopen(VECTORS "/sigv4.txt", "r");
    char line[2000], token[2000];
    struct vector vector = {0};
    size_t n = 0;

    (void)state;
    assert_non_null(file);
    read_token(token, sizeof(token));
    while (fgets(line, sizeof(line), file)) {
        if (line[0] == 'V') {
            read_title(&vector, line);
        } else {
            read_line(&vector, line);
        }
        if (strstr(line, "  Signature=")) {
            check_vector(&vector, token);
            n++;
        }
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(n, 5);
}

/* Two cases of AWS's own signing test suite (aws-c-auth, tests/aws-signing-test-suite/v4). */
static void test_vectors_of_aws(void **state)
{
    static const struct {
        const char *name, *method, *token, *want;
    } rows[] = {
        {"post-sts-header-before", "POST", NULL, /* the token of sigv4.txt */
         "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
        {"get-vanilla-with-session-token", "GET",
         "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
         "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
    };

    char token[2000];

    (void)state;
    read_token(token, sizeof(token));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sigv4_request request = {
            .method = slice_str(rows[i].method),
            .host = slice_str("example.amazonaws.com"),
            .path = slice_str("/"),
            .region = slice_str("us-east-1"),
            .service = slice_str("service"),
        };
        struct sigv4_signature signature;
        struct aws_keys keys;
        struct error error;
        int64_t at;

        set_keys(&keys, rows[i].token ? rows[i].token : token);
        assert_int_equal(timestamp_parse_rfc3339(slice_str("2015-08-30T12:36:00Z"), &at, &error),
                         0);
        assert_int_equal(sigv4_sign(&signature, &keys, &request, at, &error), 0);
        if (!slice_ends_with(slice_str(signature.authorization), slice_str(rows[i].want)))
            fail_msg("%s: %s", rows[i].name, signature.authorization);
    }
}

static void test_what_cannot_be_signed_is_refused(void **state)
{
    static const struct {
        const char *method, *host, *path, *type, *region, *service, *why;
    } rows[] = {
        {"", "h", "/", "t", "r", "s", "method to sign is empty"},
        {"POST", "", "/", "t", "r", "s", "host to sign is empty"},
        {"POST", "h h", "/", "t", "r", "s", "host to sign is more than a word"},
        {"POST", "h\r\nX-Evil: 1", "/", "t", "r", "s", "host to sign is more than a word"},
        {"POST", "h\r\nX-Evil:1", "/", "t", "r", "s", "host to sign is not printable ASCII"},
        {"POST", "h", "", "t", "r", "s", "path to sign does not begin"},
        {"POST", "h", "x", "t", "r", "s", "path to sign does not begin"},
        {"POST", "h", "/a//b", "t", "r", "s", "empty or dot segments"},
        {"POST", "h", "/a/../b", "t", "r", "s", "empty or dot segments"},
        {"POST", "h", "/.", "t", "r", "s", "empty or dot segments"},
        {"POST", "h", "/a?b", "t", "r", "s", "would be escaped"},
        {"POST", "h", "/%20", "t", "r", "s", "would be escaped"},
        {"POST", "h", "/", "a  b", "r", "s", "content type to sign has blanks"},
        {"POST", "h", "/", " a", "r", "s", "content type to sign has blanks"},
        {"POST", "h", "/", "a ", "r", "s", "content type to sign has blanks"},
        {"POST", "h", "/", "t\n", "r", "s", "content type to sign is not printable"},
        {"POST", "h", "/", "t", "", "s", "region to sign is empty"},
        {"POST", "h", "/", "t", "r", "\xc3\xa9", "service to sign is not printable"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sigv4_request request = {
            .method = slice_str(rows[i].method),
            .host = slice_str(rows[i].host),
            .path = slice_str(rows[i].path),
            .content_type = slice_str(rows[i].type),
            .region = slice_str(rows[i].region),
            .service = slice_str(rows[i].service),
        };
        struct sigv4_signature signature;
        struct aws_keys keys;
        struct error error = {""};

        set_keys(&keys, "");
        assert_int_equal(sigv4_sign(&signature, &keys, &request, EXAMPLE_TIME, &error), -1);
        if (!strstr(error.text, rows[i].why))
            fail_msg("row %zu: %s", i, error.text);
    }
}

static void test_paths_that_can_be_signed(void **state)
{
    static const char *rows[] = {"/", "/ecr", "/ecr/", "/a/b.c_d~e-F9"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sigv4_request request = {
            .method = slice_str("POST"),
            .host = slice_str("h"),
            .path = slice_str(rows[i]),
            .region = slice_str("r"),
            .service = slice_str("s"),
        };
        struct sigv4_signature signature;
        struct aws_keys keys;
        struct error error;

        set_keys(&keys, "");
        if (sigv4_sign(&signature, &keys, &request, EXAMPLE_TIME, &error) < 0)
            fail_msg("%s: %s", rows[i], error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_our_calls),
        cmocka_unit_test(test_vectors_of_aws),
        cmocka_unit_test(test_what_cannot_be_signed_is_refused),
        cmocka_unit_test(test_paths_that_can_be_signed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
