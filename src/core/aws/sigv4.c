/*
 * Canonical request -> string to sign -> signature. Nothing is normalised: a part that
 * AWS would normalise before it checks is refused instead, so both sides see the same
 * bytes.
 */
#include "pullthrough/core/aws/sigv4.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/strbuf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <stdio.h>

enum {
    CANONICAL_MAX = 64 * 1024,
    PART_MAX = 255, /* of host, region and so on */
};

static void print_hex(char text[static SIGV4_HEX_BYTES], const unsigned char *digest)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    text[SIGV4_HEX_BYTES - 1] = '\0';
}

static void hash(char text[static SIGV4_HEX_BYTES], struct slice bytes)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    alloc_must(SHA256((const unsigned char *)(bytes.len ? bytes.ptr : ""), bytes.len, digest));
    print_hex(text, digest);
}

static void hmac(unsigned char out[static SIGV4_KEY_BYTES], const void *key, size_t key_len,
                 struct slice text)
{
    unsigned int len = 0;

    alloc_must(HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text.ptr, text.len, out,
                    &len) &&
               len == SIGV4_KEY_BYTES);
}

void sigv4_signing_key(unsigned char key[static SIGV4_KEY_BYTES], const char *secret,
                       struct slice day, struct slice region, struct slice service)
{
    STRBUF_CLEANUP struct strbuf first = STRBUF_SECRET_INIT(AWS_KEYS_SECRET_MAX + 4);

    strbuf_add_str(&first, "AWS4");
    strbuf_add_str(&first, secret);
    hmac(key, first.ptr, first.len, day);
    hmac(key, key, SIGV4_KEY_BYTES, region);
    hmac(key, key, SIGV4_KEY_BYTES, service);
    hmac(key, key, SIGV4_KEY_BYTES, slice_str("aws4_request"));
}

/* A header's value or a part of the scope; only such as AWS would not fold or trim. */
static int check_part(struct slice part, const char *what, struct error *error)
{
    if (part.len > PART_MAX)
        return error_set(error, "the %s to sign has over %d bytes", what, PART_MAX);
    for (size_t i = 0; i < part.len; i++) {
        bool at_edge = i == 0 || i == part.len - 1;

        if (part.ptr[i] < 0x20 || part.ptr[i] >= 0x7f)
            return error_set(error, "the %s to sign is not printable ASCII", what);
        if (part.ptr[i] == ' ' && (at_edge || part.ptr[i + 1] == ' '))
            return error_set(error, "the %s to sign has blanks that would be folded", what);
    }
    return 0;
}

static int check_word(struct slice word, const char *what, struct error *error)
{
    if (word.len == 0)
        return error_set(error, "the %s to sign is empty", what);
    if (slice_find(word, ' ') < word.len || slice_find(word, ';') < word.len)
        return error_set(error, "the %s to sign is more than a word", what);
    return check_part(word, what, error);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static int check_path(struct slice path, struct error *error)
{
    size_t segment = 1;

    if (path.len == 0 || path.ptr[0] != '/')
        return error_set(error, "the path to sign does not begin with \"/\"");
    for (size_t i = 1; i <= path.len; i++) {
        struct slice name = slice_of(path.ptr + segment, i - segment);

        if (i < path.len && path.ptr[i] != '/') {
            if (!is_unreserved(path.ptr[i]))
                return error_set(error, "the path to sign has bytes that would be escaped");
            continue;
        }
        if (slice_is(name, ".") || slice_is(name, "..") || (name.len == 0 && i < path.len))
            return error_set(error, "the path to sign has empty or dot segments");
        segment = i + 1;
    }
    return 0;
}

static int check(const struct sigv4_request *request, struct error *error)
{
    if (check_word(request->method, "method", error) < 0 ||
        check_word(request->host, "host", error) < 0 ||
        check_word(request->region, "region", error) < 0 ||
        check_word(request->service, "service", error) < 0 ||
        check_path(request->path, error) < 0 ||
        check_part(request->content_type, "content type", error) < 0)
        return -1;
    return check_part(request->target, "target", error);
}

struct header {
    const char *name;
    struct slice value;
};

/* In the order of their names, as both lists want them. */
static void add_headers(struct strbuf *canonical, struct strbuf *names,
                        const struct header *headers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (headers[i].value.len == 0)
            continue;
        if (names->len)
            strbuf_add_char(names, ';');
        strbuf_add_str(names, headers[i].name);
        strbuf_add_str(canonical, headers[i].name);
        strbuf_add_char(canonical, ':');
        strbuf_add_slice(canonical, headers[i].value);
        strbuf_add_char(canonical, '\n');
    }
}

static void hash_canonical_request(struct sigv4_signature *signature, const struct aws_keys *keys,
                                   const struct sigv4_request *request, struct strbuf *names)
{
    STRBUF_CLEANUP struct strbuf canonical = STRBUF_SECRET_INIT(CANONICAL_MAX);
    const struct header headers[] = {
        {"content-type", request->content_type},
        {"host", request->host},
        {"x-amz-date", slice_str(signature->date)},
        {"x-amz-security-token", slice_str(keys->token)},
        {"x-amz-target", request->target},
    };

    hash(signature->body_hash, request->body);
    strbuf_add_slice(&canonical, request->method);
    strbuf_add_char(&canonical, '\n');
    strbuf_add_slice(&canonical, request->path);
    strbuf_add_str(&canonical, "\n\n"); /* no query */
    add_headers(&canonical, names, headers, sizeof(headers) / sizeof(headers[0]));
    strbuf_add_char(&canonical, '\n');
    strbuf_add_slice(&canonical, strbuf_slice(names));
    strbuf_add_char(&canonical, '\n');
    strbuf_add_str(&canonical, signature->body_hash);
    hash(signature->canonical_hash, strbuf_slice(&canonical));
}

int sigv4_sign(struct sigv4_signature *signature, const struct aws_keys *keys,
               const struct sigv4_request *request, int64_t time_s, struct error *error)
{
    STRBUF_CLEANUP struct strbuf names = STRBUF_INIT(128);
    STRBUF_CLEANUP struct strbuf scope = STRBUF_INIT(2 * PART_MAX + 32);
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(2 * PART_MAX + 256);
    unsigned char key[SIGV4_KEY_BYTES], mac[SIGV4_KEY_BYTES];
    char hex[SIGV4_HEX_BYTES];
    struct slice day = slice_of(signature->date, 8);

    if (check(request, error) < 0)
        return -1;
    timestamp_print_basic(time_s, signature->date);
    hash_canonical_request(signature, keys, request, &names);
    strbuf_add_slice(&scope, day);
    strbuf_add_format(&scope, "/%.*s/%.*s/aws4_request", SLICE_FMT(request->region),
                      SLICE_FMT(request->service));
    strbuf_add_format(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", signature->date, strbuf_str(&scope),
                      signature->canonical_hash);
    sigv4_signing_key(key, keys->secret, day, request->region, request->service);
    hmac(mac, key, sizeof(key), strbuf_slice(&text));
    OPENSSL_cleanse(key, sizeof(key));
    print_hex(hex, mac);
    (void)snprintf(signature->authorization, sizeof(signature->authorization),
                   "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", keys->id,
                   strbuf_str(&scope), strbuf_str(&names), hex);
    return 0;
}
