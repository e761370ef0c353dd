/*
 * A curl easy handle that is reset before each request: its connections, its DNS cache and its
 * TLS sessions survive that, its options don't.
 *
 * A CA file that was named is read by us, for each request: libcurl would wait for ever where it
 * is a FIFO, and would not see for a minute that it was exchanged.
 */
#include "pullthrough/edge/http/http_client.h"

#include "http_client_problem.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/edge/sys/file.h"

#include <curl/curl.h>
#include <openssl/crypto.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    HEADER_MAX = 32 * 1024, /* bytes of one header that we send */
    CA_MAX = 4 * 1024 * 1024,
    CA_CACHE_S = 60, /* the system's CAs may be exchanged, too */
    /* A peer that is gone from a connection that says nothing: found within some two minutes. */
    KEEPALIVE_IDLE_S = 30,
    KEEPALIVE_INTERVAL_S = 10,
};

struct http_client {
    CURL *curl;
    char *ca_file, *user_agent;
    bool (*stopped)(void *context);
    void *context;
};

static char *copy_text(const char *text)
{
    return text && text[0] ? alloc_string(text) : NULL;
}

int http_client_new(struct http_client **clientp, const struct http_client_config *config,
                    struct error *error)
{
    struct http_client *client;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counts; thread-safe since 7.84 */
        return error_set(error, "libcurl cannot be set up");
    client = alloc_zeroed(1, sizeof(*client));
    client->curl = curl_easy_init();
    if (!client->curl) {
        http_client_free(client);
        return error_set(error, "libcurl gives no handle");
    }
    client->ca_file = copy_text(config->ca_file);
    client->user_agent = copy_text(config->user_agent);
    client->stopped = config->stopped;
    client->context = config->context;
    *clientp = client;
    return 0;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client->ca_file);
    free(client->user_agent);
    free(client);
    curl_global_cleanup();
}

void http_client_answer_init(struct http_client_answer *answer, size_t max_bytes, bool secret)
{
    *answer = (struct http_client_answer){
        .headers = STRBUF_INIT(HTTP_CLIENT_HEADERS_MAX),
        .body = {.ceiling = max_bytes, .secret = secret},
    };
}

void http_client_answer_fini(struct http_client_answer *answer)
{
    strbuf_fini(&answer->headers);
    strbuf_fini(&answer->body);
}

static struct slice trim(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r", text.ptr[0]))
        text = slice_from(text, 1);
    while (text.len > 0 && strchr(" \t\r", text.ptr[text.len - 1]))
        text.len--;
    return text;
}

struct slice http_client_answer_header(const struct http_client_answer *answer, const char *name)
{
    struct slice rest = strbuf_slice(&answer->headers);
    size_t len = strlen(name);

    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');

        if (line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, name, len) == 0)
            return trim(slice_from(line, len + 1));
    }
    return (struct slice){0};
}

/* curl's own copies are wiped: a header may be a token. */
static void free_headers(struct curl_slist **listp)
{
    for (struct curl_slist *item = *listp; item; item = item->next)
        OPENSSL_cleanse(item->data, strlen(item->data));
    curl_slist_free_all(*listp);
}

static void append(struct curl_slist **listp, const char *line)
{
    *listp = alloc_made(curl_slist_append(*listp, line));
}

static bool has_break(struct slice text)
{
    return slice_find(text, '\n') < text.len || slice_find(text, '\r') < text.len ||
           slice_find(text, '\0') < text.len;
}

static int add_headers(struct curl_slist **listp, const struct http_client_request *request,
                       struct error *error)
{
    bool typed = false;

    for (size_t i = 0; i < request->n_headers; i++) {
        const struct http_client_header *header = &request->headers[i];
        STRBUF_CLEANUP struct strbuf line = STRBUF_SECRET_INIT(HEADER_MAX);

        if (has_break(header->value))
            return error_set(error, "the header %s would have a line break", header->name);
        strbuf_add_str(&line, header->name);
        strbuf_add_str(&line, ": ");
        strbuf_add_slice(&line, header->value);
        if (strbuf_overflowed(&line))
            return error_set(error, "the header %s is too long", header->name);
        append(listp, strbuf_str(&line));
        typed = typed || strcasecmp(header->name, "Content-Type") == 0;
    }
    if (!typed)
        append(listp, "Content-Type:"); /* else curl calls every body a form */
    append(listp, "Expect:");
    return 0;
}

/* What curl's callbacks are about. */
struct transfer {
    const struct http_client *client;
    const struct http_client_request *request;
    struct http_client_answer *answer;
    bool opened; /* the pieces go to on_bytes */
    bool enough; /* on_bytes said so */
};

static bool pass_on(struct transfer *transfer, struct slice piece)
{
    transfer->enough = !transfer->request->on_bytes(transfer->request->context, piece);
    return !transfer->enough;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *transfer = context;
    struct strbuf *body = &transfer->answer->body;

    if (transfer->opened)
        return pass_on(transfer, slice_of(bytes, size * n)) ? size * n : 0;
    strbuf_add(body, bytes, size * n);
    return strbuf_overflowed(body) ? 0 : size * n;
}

static bool has_status_200(const struct transfer *transfer)
{
    long status = 0;

    (void)curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

/* Only the last answer's headers count: before it there may be a proxy's or "100 Continue". */
static size_t on_header(char *bytes, size_t size, size_t n, void *context)
{
    struct transfer *transfer = context;
    struct strbuf *headers = &transfer->answer->headers;
    struct slice line = slice_of(bytes, size * n);

    if (slice_starts_with(line, slice_str("HTTP/")))
        strbuf_clear(headers);
    strbuf_add_slice(headers, line);
    if (strbuf_overflowed(headers))
        return 0;
    if (transfer->request->on_bytes && slice_is(line, "\r\n") && has_status_200(transfer)) {
        transfer->opened = true;
        return pass_on(transfer, (struct slice){0}) ? size * n : 0;
    }
    return size * n;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct http_client *client = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return client->stopped && client->stopped(client->context) ? 1 : 0;
}

/* The first option that this libcurl refuses is remembered in *result. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (*result == CURLE_OK)                                                                   \
            *result = curl_easy_setopt(curl, option, value);                                       \
    } while (0)

static void set_policy(const struct http_client *client, const struct http_client_request *request,
                       const struct strbuf *ca, CURLcode *result)
{
    struct curl_blob blob = {ca->ptr, ca->len, CURL_BLOB_NOCOPY};
    CURL *curl = client->curl;

    SET(CURLOPT_NOSIGNAL, 1L);
    /* getaddrinfo() can't be interrupted, and asks a silent name server for half a minute: leave
     * its thread to itself, which frees what it has, instead of joining it. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, request->plain ? "http,https" : "https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_S);
    if (client->ca_file) {
        SET(CURLOPT_CAINFO_BLOB, &blob);
        SET(CURLOPT_CAINFO, NULL); /* else the system's CAs count as well */
        SET(CURLOPT_CAPATH, NULL);
    }
    if (request->direct)
        SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    SET(CURLOPT_FORBID_REUSE, request->fresh ? 1L : 0L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_USERAGENT, client->user_agent);
}

static void set_request(const struct http_client *client, const struct http_client_request *request,
                        const struct curl_slist *headers, CURLcode *result)
{
    CURL *curl = client->curl;

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    if (strcmp(request->method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDS, request->body.len > 0 ? request->body.ptr : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    if (request->idle_s) {
        SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(CURLOPT_LOW_SPEED_TIME, (long)request->idle_s);
        SET(CURLOPT_TCP_KEEPALIVE, 1L);
        SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
        SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    }
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, client);
}

static void set_answer(struct transfer *transfer, char *problem, CURLcode *result)
{
    CURL *curl = transfer->client->curl;

    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_ERRORBUFFER, problem);
}

/* Whether a failure lies in the connection, so that another try may fare better. */
static bool is_passing(CURLcode result)
{
    switch (result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return true;
    default: return false;
    }
}

static int explain(CURLcode result, const struct http_client_request *request,
                   const struct http_client_answer *answer, const char *problem,
                   struct error *error)
{
    if (strbuf_overflowed(&answer->body))
        return error_set(error, "the answer has over %zu bytes", answer->body.ceiling);
    if (strbuf_overflowed(&answer->headers))
        return error_set(error, "the answer's headers have over %d bytes", HTTP_CLIENT_HEADERS_MAX);
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return error_set(error, "stopped");
    (void)http_client_problem_set(error, result, problem, request->direct);
    if (result == CURLE_PEER_FAILED_VERIFICATION)
        return HTTP_CLIENT_UNTRUSTED;
    return is_passing(result) ? HTTP_CLIENT_NO_ANSWER : -1;
}

static int read_ca(const struct http_client *client, const struct http_client_request *request,
                   struct strbuf *ca, struct error *error)
{
    if (!client->ca_file || slice_starts_with(slice_str(request->url), slice_str("http://")))
        return 0;
    if (file_read(client->ca_file, ca, error) < 0)
        return error_prefix(error, "the CA file");
    if (ca->len == 0)
        return error_set(error, "the CA file: %s is empty", client->ca_file);
    return 0;
}

int http_client_send(struct http_client *client, const struct http_client_request *request,
                     struct http_client_answer *answer, struct error *error)
{
    __attribute__((cleanup(free_headers))) struct curl_slist *headers = NULL;
    STRBUF_CLEANUP struct strbuf ca = STRBUF_INIT(CA_MAX);
    struct transfer transfer = {.client = client, .request = request, .answer = answer};
    char problem[CURL_ERROR_SIZE] = "";
    CURLcode result = CURLE_OK;
    long status = 0;

    strbuf_clear(&answer->headers);
    strbuf_clear(&answer->body);
    answer->status = 0;
    if (add_headers(&headers, request, error) < 0 || read_ca(client, request, &ca, error) < 0)
        return -1;
    curl_easy_reset(client->curl);
    set_policy(client, request, &ca, &result);
    set_request(client, request, headers, &result);
    set_answer(&transfer, problem, &result);
    if (result == CURLE_OK)
        result = curl_easy_perform(client->curl);
    (void)curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_reset(client->curl); /* it must not keep pointers into our frame */
    if (transfer.enough)
        result = CURLE_OK;
    if (result == CURLE_SSL_CACERT_BADFILE && ca.len)
        return error_set(error, "the CA file: %s holds no certificates", client->ca_file);
    if (result != CURLE_OK)
        return explain(result, request, answer, problem, error);
    answer->status = (int)status;
    return 0;
}

const char *http_client_library(void)
{
    static char name[64];

    (void)snprintf(name, sizeof(name), "libcurl %s", curl_version_info(CURLVERSION_NOW)->version);
    return name;
}
