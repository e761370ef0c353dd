/*
 * A request is its verb, the object in words, and the object's path: the words are for the
 * reason when it is refused, which names what RBAC would have to allow.
 */
#include "pullthrough/edge/kube/kube_client.h"

#include "kube_call.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/base/url.h"
#include "pullthrough/edge/sys/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PATH_MAX_BYTES = 1024,
    TOKEN_MAX = 16 * 1024,
    NAMESPACE_MAX = 253,
};

#define FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

int kube_client_check(const struct environment *environment, struct error *error)
{
    if (environment_get(environment, "KUBERNETES_SERVICE_HOST").len)
        return 0;
    return error_set(error, "this is not a pod of a cluster (KUBERNETES_SERVICE_HOST is not set)");
}

/* An IPv6 address stands in brackets. */
static int find_server(struct strbuf *out, const struct environment *environment,
                       struct error *error)
{
    struct slice host = environment_get(environment, "KUBERNETES_SERVICE_HOST");
    struct slice port = environment_get(environment, "KUBERNETES_SERVICE_PORT");
    bool bare = slice_find(host, ':') < host.len && host.ptr[0] != '[';
    struct url url;

    if (kube_client_check(environment, error))
        return -1;
    strbuf_add_format(out, "https://%s%.*s%s:%.*s", bare ? "[" : "", SLICE_FMT(host),
                      bare ? "]" : "", SLICE_FMT(port.len ? port : slice_str("443")));
    if (strbuf_overflowed(out) || url_parse(&url, strbuf_slice(out), error) || url.path.len)
        return error_set(error,
                         "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT make no address");
    return 0;
}

static bool on_stopped(void *context)
{
    const struct kube_client *client = context;

    return client->timing.stopped(client->timing.context);
}

static void name_manager(struct kube_client *client)
{
    struct timing *timing = &client->timing;

    (void)snprintf(client->manager, sizeof(client->manager), "pullthrough-%08" PRIx32 "%08" PRIx32,
                   timing->random(timing->context), timing->random(timing->context));
}

static int make_http(struct kube_client *client, const char *user_agent, struct error *error)
{
    STRBUF_CLEANUP struct strbuf ca = STRBUF_INIT(PATH_MAX_BYTES);

    strbuf_add_format(&ca, "%s/ca.crt", strbuf_str(&client->folder));
    return http_client_new(&client->http,
                           &(struct http_client_config){.ca_file = strbuf_str(&ca),
                                                        .user_agent = user_agent,
                                                        .stopped = on_stopped,
                                                        .context = client},
                           error);
}

int kube_client_new(struct kube_client **clientp, const struct kube_client_config *config,
                    struct error *error)
{
    struct kube_client *client = alloc_zeroed(1, sizeof(*client));
    struct slice folder = environment_get(&config->environment, "PULLTHROUGH_SERVICE_ACCOUNT");

    client->timing = config->timing;
    name_manager(client);
    client->total_ms = config->total_ms ? config->total_ms : KUBE_CLIENT_TOTAL_MS;
    strbuf_init(&client->server, URL_MAX);
    strbuf_init(&client->folder, PATH_MAX_BYTES - NAMESPACE_MAX);
    strbuf_add_slice(&client->folder, folder.len ? folder : slice_str(FOLDER));
    if (find_server(&client->server, &config->environment, error) ||
        make_http(client, config->user_agent, error)) {
        kube_client_free(client);
        return -1;
    }
    *clientp = client;
    return 0;
}

void kube_client_free(struct kube_client *client)
{
    if (!client)
        return;
    http_client_free(client->http);
    strbuf_fini(&client->server);
    strbuf_fini(&client->folder);
    free(client);
}

/* A file of the service account, without line breaks at its end. */
static int read_file(const struct kube_client *client, const char *name, struct strbuf *out,
                     struct error *error)
{
    STRBUF_CLEANUP struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);

    strbuf_add_format(&path, "%s/%s", strbuf_str(&client->folder), name);
    if (file_read(strbuf_str(&path), out, error))
        return error_prefix(error, "the service account's %s", name);
    while (out->len && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
        strbuf_truncate(out, out->len - 1);
    if (out->len == 0)
        return error_set(error, "the service account's %s: %s is empty", name, strbuf_str(&path));
    return 0;
}

int kube_client_namespace(const struct kube_client *client, struct strbuf *out, struct error *error)
{
    return read_file(client, "namespace", out, error);
}

int64_t kube_client_skew_s(const struct kube_client *client)
{
    return client->skew_s;
}

static void note_date(struct kube_client *client, const struct http_client_answer *answer)
{
    int64_t date_s, skew_s;

    if (timestamp_parse_http(http_client_answer_header(answer, "Date"), &date_s, NULL))
        return;
    skew_s = date_s - client->timing.wall_s(client->timing.context);
    client->skew_s =
        skew_s < KUBE_CLIENT_SKEW_LEAST_S && skew_s > -KUBE_CLIENT_SKEW_LEAST_S ? 0 : skew_s;
}

static int send(struct kube_client *client, const struct kube_call *request,
                struct http_client_answer *answer, struct error *error)
{
    STRBUF_CLEANUP struct strbuf token = STRBUF_SECRET_INIT(TOKEN_MAX);
    STRBUF_CLEANUP struct strbuf bearer = STRBUF_SECRET_INIT(TOKEN_MAX + 10);
    struct http_client_header headers[] = {{"Accept", slice_str("application/json")},
                                           {"Authorization", {0}},
                                           {"Content-Type", slice_str(request->content_type)}};

    if (read_file(client, "token", &token, error))
        return -1;
    strbuf_add_str(&bearer, "Bearer ");
    strbuf_add_slice(&bearer, strbuf_slice(&token));
    headers[1].value = strbuf_slice(&bearer);
    return http_client_send(client->http,
                            &(struct http_client_request){
                                .method = request->method,
                                .url = strbuf_str(&request->url),
                                .headers = headers,
                                .n_headers = request->content_type ? 3 : 2,
                                .body = request->body,
                                .connect_ms = KUBE_CLIENT_CONNECT_MS < client->total_ms
                                                  ? KUBE_CLIENT_CONNECT_MS
                                                  : client->total_ms,
                                .total_ms = request->on_bytes ? 0 : client->total_ms,
                                .direct = true,
                                .on_bytes = request->on_bytes,
                                .context = request->context,
                                .idle_s = request->idle_s,
                            },
                            answer, error);
}

enum kube_outcome kube_call_send(struct kube_client *client, const struct kube_call *call,
                                 struct http_client_answer *answer, struct error *error)
{
    bool json_patch =
        call->content_type && strcmp(call->content_type, "application/json-patch+json") == 0;
    struct slice body;
    enum kube_outcome outcome;
    char asked[KUBE_ASKED_BYTES];

    (void)snprintf(asked, sizeof(asked), "%s %s", call->verb, call->object);
    if (send(client, call, answer, error)) {
        (void)error_prefix(error, "could not %s", asked);
        return KUBE_FAILED;
    }
    note_date(client, answer);
    body = strbuf_slice(&answer->body);
    outcome = kube_judge_status(answer->status, json_patch, body);
    if (outcome != KUBE_DONE)
        kube_describe_refusal(error, asked, answer->status, body);
    return outcome;
}

void kube_call_fini(struct kube_call *call)
{
    strbuf_fini(&call->url);
}

static void begin_namespaced(struct kube_call *request, const struct kube_client *client,
                             const char *kind, const char *namespace, const char *name)
{
    strbuf_init(&request->url, URL_MAX);
    strbuf_add_format(&request->url, "%s/api/v1/namespaces/%s/%s/%s", strbuf_str(&client->server),
                      namespace, kind, name);
    (void)snprintf(request->object, sizeof(request->object), "%s/%s in namespace %s", kind, name,
                   namespace);
}

static void begin_secret(struct kube_call *request, const struct kube_client *client,
                         const char *namespace, const char *name)
{
    begin_namespaced(request, client, "secrets", namespace, name);
}

static void begin_webhooks(struct kube_call *request, const struct kube_client *client,
                           const char *name)
{
    strbuf_init(&request->url, URL_MAX);
    strbuf_add_format(&request->url,
                      "%s/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/%s",
                      strbuf_str(&client->server), name);
    (void)snprintf(request->object, sizeof(request->object),
                   "mutatingwebhookconfigurations.admissionregistration.k8s.io/%s", name);
}

static enum kube_outcome malformed(const struct kube_call *request, struct error *error)
{
    (void)error_prefix(error, "the API server's answer about %s", request->object);
    return KUBE_FAILED;
}

enum kube_outcome kube_client_get_secret(struct kube_client *client, const char *namespace,
                                         const char *name, struct kube_secret *secret,
                                         struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {.method = "GET", .verb = "get"};
    enum kube_outcome outcome;

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, true);
    begin_secret(&request, client, namespace, name);
    outcome = kube_call_send(client, &request, &answer, error);
    if (outcome == KUBE_DONE && kube_decode_secret(secret, strbuf_slice(&answer.body), error))
        return malformed(&request, error);
    return outcome;
}

/* The four texts of a set, for the time of a request. */
struct texts {
    struct strbuf ca, ca_key, leaf, leaf_key;
};

static struct certificate_texts print_texts(struct texts *texts, const struct certificate_set *set)
{
    struct strbuf *all[] = {&texts->ca, &texts->ca_key, &texts->leaf, &texts->leaf_key};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i] = (struct strbuf)STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);
    certificate_set_print_cas(set, &texts->ca);
    certificate_set_print_ca_key(set, &texts->ca_key);
    certificate_set_print_leaf(set, &texts->leaf);
    certificate_set_print_leaf_key(set, &texts->leaf_key);
    return (struct certificate_texts){
        .ca = strbuf_slice(&texts->ca),
        .ca_key = strbuf_slice(&texts->ca_key),
        .leaf = strbuf_slice(&texts->leaf),
        .leaf_key = strbuf_slice(&texts->leaf_key),
    };
}

static void texts_fini(struct texts *texts)
{
    strbuf_fini(&texts->ca);
    strbuf_fini(&texts->ca_key);
    strbuf_fini(&texts->leaf);
    strbuf_fini(&texts->leaf_key);
}
#define TEXTS_CLEANUP __attribute__((cleanup(texts_fini)))

/* Applied, not posted: RBAC can allow `create` for one name only where the request has the name.
 * Two replicas are two field managers, so that the second one to come is in conflict. */
enum kube_outcome kube_client_create_secret(struct kube_client *client, const char *namespace,
                                            const char *name, const struct certificate_set *set,
                                            struct error *error)
{
    TEXTS_CLEANUP struct texts printed;
    STRBUF_CLEANUP struct strbuf body = STRBUF_SECRET_INIT(KUBE_REQUEST_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {
        .method = "PATCH", .verb = "create", .content_type = "application/apply-patch+yaml"};
    struct certificate_texts texts = print_texts(&printed, set);
    enum kube_outcome outcome;

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, true);
    begin_secret(&request, client, namespace, name);
    strbuf_add_format(&request.url, "?fieldManager=%s", client->manager);
    kube_encode_secret(&body, namespace, name, &texts);
    request.body = strbuf_slice(&body);
    outcome = kube_call_send(client, &request, &answer, error);
    return outcome == KUBE_ABSENT ? KUBE_FAILED : outcome; /* the namespace is gone */
}

enum kube_outcome kube_client_patch_secret(struct kube_client *client, const char *namespace,
                                           const char *name, const char *version,
                                           const struct certificate_set *set, struct error *error)
{
    TEXTS_CLEANUP struct texts printed;
    STRBUF_CLEANUP struct strbuf body = STRBUF_SECRET_INIT(KUBE_REQUEST_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {
        .method = "PATCH", .verb = "patch", .content_type = "application/merge-patch+json"};
    struct certificate_texts texts = print_texts(&printed, set);

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, true);
    begin_secret(&request, client, namespace, name);
    kube_encode_secret_patch(&body, version, &texts);
    request.body = strbuf_slice(&body);
    return kube_call_send(client, &request, &answer, error);
}

enum kube_outcome kube_client_get_webhooks(struct kube_client *client, const char *name,
                                           struct kube_webhooks *webhooks, struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {.method = "GET", .verb = "get"};
    enum kube_outcome outcome;

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, false);
    begin_webhooks(&request, client, name);
    outcome = kube_call_send(client, &request, &answer, error);
    if (outcome == KUBE_DONE && kube_decode_webhooks(webhooks, strbuf_slice(&answer.body), error))
        return malformed(&request, error);
    return outcome;
}

enum kube_outcome kube_client_patch_webhooks(struct kube_client *client, const char *name,
                                             const struct kube_webhooks *webhooks,
                                             const struct certificate_set *set, struct error *error)
{
    STRBUF_CLEANUP struct strbuf cas = STRBUF_INIT(CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(KUBE_REQUEST_MAX);
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {
        .method = "PATCH", .verb = "patch", .content_type = "application/json-patch+json"};

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, false);
    begin_webhooks(&request, client, name);
    certificate_set_print_cas(set, &cas);
    kube_encode_bundle_patch(&body, webhooks, strbuf_slice(&cas));
    if (strbuf_overflowed(&body)) {
        (void)error_set(error, "the patch of %s has over %d bytes", request.object,
                        KUBE_REQUEST_MAX);
        return KUBE_FAILED;
    }
    request.body = strbuf_slice(&body);
    return kube_call_send(client, &request, &answer, error);
}

enum kube_outcome kube_client_get_container(struct kube_client *client, const char *namespace,
                                            const char *pod, const char *name,
                                            struct kube_container *container, struct error *error)
{
    HTTP_CLIENT_ANSWER_CLEANUP struct http_client_answer answer;
    KUBE_CALL_CLEANUP struct kube_call request = {.method = "GET", .verb = "get"};
    enum kube_outcome outcome;

    http_client_answer_init(&answer, KUBE_ANSWER_MAX, false);
    begin_namespaced(&request, client, "pods", namespace, pod);
    outcome = kube_call_send(client, &request, &answer, error);
    if (outcome == KUBE_DONE &&
        kube_decode_container(container, strbuf_slice(&answer.body), name, error))
        return malformed(&request, error);
    return outcome;
}
