/*
 * One GET of a manifest, no layers, no redirects followed. What the registry says is read by
 * registry_messages; of what it says to a probe only the status counts.
 */
#include "pullthrough/edge/aws/registry_client.h"

#include "pullthrough/core/base/url.h"

enum {
    URL_BYTES = 2048,
    LOGIN_MAX = 128 * 1024,
    MANIFEST_MAX = 4 * 1024 * 1024, /* what registries take */
    CONNECT_MS = 10000,
    PROBE_MAX = 64 * 1024, /* what is said to a probe is a sentence */
};

/* Copy a header as far as it is plain text; else nothing. */
static void copy_header(char *to, size_t bytes, struct slice value)
{
    to[0] = '\0';
    if (value.len >= bytes)
        return;
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return;
    memcpy(to, value.ptr ? value.ptr : "", value.len);
    to[value.len] = '\0';
}

int registry_client_manifest(struct http_client *http, const struct registry_request *request,
                             struct registry_manifest *manifest, struct registry_refusal *refusal,
                             struct error *error)
{
    STRBUF_CLEANUP struct strbuf url = STRBUF_INIT(URL_BYTES);
    STRBUF_CLEANUP struct strbuf login = STRBUF_SECRET_INIT(LOGIN_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    struct http_client_header headers[] = {
        {"Accept", slice_str(registry_messages_manifests)},
        {"Authorization", {0}},
    };
    int result;

    http_client_answer_init(&answer, MANIFEST_MAX, false);
    strbuf_add_format(&url, "https://%.*s/v2/%.*s/manifests/%.*s", SLICE_FMT(request->host),
                      SLICE_FMT(request->repository), SLICE_FMT(request->reference));
    strbuf_add_format(&login, "Basic %.*s", SLICE_FMT(request->login));
    if (strbuf_overflowed(&url) || strbuf_overflowed(&login))
        return error_set(error, "the request for the manifest is too long");
    headers[1].value = strbuf_slice(&login);
    result = http_client_send(http,
                              &(struct http_client_request){
                                  .method = "GET",
                                  .url = strbuf_str(&url),
                                  .headers = headers,
                                  .n_headers = sizeof(headers) / sizeof(headers[0]),
                                  .connect_ms = CONNECT_MS,
                                  .total_ms = request->timeout_ms,
                              },
                              &answer, error);
    if (result != 0)
        return result < 0 ? result : REGISTRY_CLIENT_NO_ANSWER;
    if (answer.status != 200) {
        registry_messages_decode(refusal, answer.status, strbuf_slice(&answer.body));
        return REGISTRY_CLIENT_REFUSED;
    }
    if (registry_messages_digest(manifest->digest, strbuf_slice(&answer.body),
                                 http_client_answer_header(&answer, "Docker-Content-Digest"),
                                 error) < 0)
        return -1;
    copy_header(manifest->media_type, sizeof(manifest->media_type),
                http_client_answer_header(&answer, "Content-Type"));
    return 0;
}

int registry_client_probe(struct http_client *http, struct slice host, uint64_t timeout_ms,
                          struct error *error)
{
    STRBUF_CLEANUP struct strbuf url = STRBUF_INIT(URL_BYTES);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    struct url checked;
    int result;

    http_client_answer_init(&answer, PROBE_MAX, false);
    strbuf_add_format(&url, "https://%.*s/v2/", SLICE_FMT(host));
    if (strbuf_overflowed(&url) || url_parse(&checked, strbuf_slice(&url), error) ||
        !slice_is(checked.path, "/v2/"))
        return error_set(error, "the registry's host makes no URL");
    result = http_client_send(http,
                              &(struct http_client_request){
                                  .method = "GET",
                                  .url = strbuf_str(&url),
                                  .connect_ms = timeout_ms,
                                  .total_ms = timeout_ms,
                                  .fresh = true,
                              },
                              &answer, error);
    if (result == HTTP_CLIENT_NO_ANSWER || result == HTTP_CLIENT_UNTRUSTED ||
        strbuf_overflowed(&answer.body) || strbuf_overflowed(&answer.headers))
        return REGISTRY_CLIENT_NOT_ALIVE;
    if (result != 0)
        return -1;
    if (answer.status < 500)
        return 0;
    (void)error_set(error, "HTTP status %d", answer.status);
    return REGISTRY_CLIENT_NOT_ALIVE;
}
