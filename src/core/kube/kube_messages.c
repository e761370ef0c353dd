/*
 * A Secret's answer is read within a buffer that is wiped, and written without a tree in between;
 * the rest is no secret and read by jansson.
 */
#include "pullthrough/core/kube/kube_messages.h"

#include "pullthrough/core/aws/secret_json.h"
#include "pullthrough/core/base/base64.h"
#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/json/json_fields.h"
#include "pullthrough/core/json/json_writer.h"

_Static_assert((int)KUBE_ANSWER_MAX <= (int)SECRET_JSON_MAX, "a Secret is read by secret_json");

enum { MESSAGE_MAX = 300 }; /* bytes of the API server's own words */

/* The keys of the Secret, and where their values lie. */
enum { KEYS = 4 };
static const char *const key_names[KEYS] = {"ca.crt", "ca.key", "tls.crt", "tls.key"};

static struct strbuf *key_value(struct kube_secret *secret, unsigned key)
{
    struct strbuf *values[KEYS] = {&secret->ca, &secret->ca_key, &secret->leaf, &secret->leaf_key};

    return values[key];
}

void kube_secret_init(struct kube_secret *secret)
{
    secret->version[0] = '\0';
    for (unsigned key = 0; key < KEYS; key++)
        *key_value(secret, key) = (struct strbuf)STRBUF_SECRET_INIT(CERTIFICATE_TEXT_MAX);
}

void kube_secret_fini(struct kube_secret *secret)
{
    for (unsigned key = 0; key < KEYS; key++)
        strbuf_fini(key_value(secret, key));
}

struct certificate_texts kube_secret_texts(const struct kube_secret *secret)
{
    return (struct certificate_texts){
        .ca = strbuf_slice(&secret->ca),
        .ca_key = strbuf_slice(&secret->ca_key),
        .leaf = strbuf_slice(&secret->leaf),
        .leaf_key = strbuf_slice(&secret->leaf_key),
    };
}

bool kube_secret_is_empty(const struct kube_secret *secret)
{
    return !secret->ca.len && !secret->ca_key.len && !secret->leaf.len && !secret->leaf_key.len;
}

static int take_version(char version[static KUBE_VERSION_BYTES], struct slice text,
                        struct error *error)
{
    version[0] = '\0';
    if (text.len == 0 || text.len >= KUBE_VERSION_BYTES || memchr(text.ptr, '\0', text.len))
        return error_set(error, "metadata.resourceVersion is missing or too long");
    memcpy(version, text.ptr, text.len);
    version[text.len] = '\0';
    return 0;
}

static int take_value(struct strbuf *out, const struct secret_json *json, const char *key,
                      struct error *error)
{
    char path[sizeof("data/") + 16] = "data/";
    struct slice text;

    strbuf_clear(out);
    memcpy(path + strlen("data/"), key, strlen(key) + 1);
    if (secret_json_text(json, path, &text, error) < 0)
        return -1;
    if (base64_decode(out, text, error))
        return error_prefix(error, "%s", path);
    return 0;
}

int kube_decode_secret(struct kube_secret *secret, struct slice body, struct error *error)
{
    SECRET_JSON_CLEANUP struct secret_json *json = NULL;
    struct slice text;

    if (secret_json_parse(&json, body, error) ||
        secret_json_text(json, "metadata/resourceVersion", &text, error) < 0 ||
        take_version(secret->version, text, error))
        return -1;
    for (unsigned key = 0; key < KEYS; key++)
        if (take_value(key_value(secret, key), json, key_names[key], error))
            return -1;
    return 0;
}

static void add_base64(struct json_writer *json, const char *name, struct slice bytes)
{
    strbuf_add_char(json_add(json, name), '"');
    strbuf_add_base64(json->out, bytes);
    strbuf_add_char(json->out, '"');
}

static void add_data(struct json_writer *json, const struct certificate_texts *texts)
{
    const struct slice values[KEYS] = {texts->ca, texts->ca_key, texts->leaf, texts->leaf_key};

    json_add_object(json, "data");
    for (unsigned key = 0; key < KEYS; key++)
        if (values[key].len)
            add_base64(json, key_names[key], values[key]);
    json_end(json);
}

void kube_encode_secret_patch(struct strbuf *out, const char *version,
                              const struct certificate_texts *texts)
{
    struct json_writer json = json_begin(out, false);

    json_add_object(&json, "metadata");
    json_add_text(&json, "resourceVersion", version);
    json_end(&json);
    add_data(&json, texts);
    json_end(&json);
}

void kube_encode_secret(struct strbuf *out, const char *namespace, const char *name,
                        const struct certificate_texts *texts)
{
    struct json_writer json = json_begin(out, false);

    json_add_text(&json, "apiVersion", "v1");
    json_add_text(&json, "kind", "Secret");
    json_add_text(&json, "type", texts->ca_key.len ? "Opaque" : "kubernetes.io/tls");
    json_add_object(&json, "metadata");
    json_add_text(&json, "name", name);
    json_add_text(&json, "namespace", namespace);
    strbuf_add_str(json_add(&json, "labels"), "{\"app.kubernetes.io/name\":\"pullthrough\"}");
    json_end(&json);
    add_data(&json, texts);
    json_end(&json);
}

void kube_webhooks_init(struct kube_webhooks *webhooks)
{
    *webhooks = (struct kube_webhooks){.text = STRBUF_INIT(KUBE_ANSWER_MAX)};
}

void kube_webhooks_fini(struct kube_webhooks *webhooks)
{
    strbuf_fini(&webhooks->text);
}

static struct slice text_of(const json_t *value)
{
    return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
                                 : (struct slice){0};
}

/* Text that is not base64 counts as none: the bundle is there to be repaired. */
static size_t take_bundle(struct kube_webhooks *webhooks, const json_t *webhook)
{
    const json_t *bundle = json_object_get(json_object_get(webhook, "clientConfig"), "caBundle");
    size_t before = webhooks->text.len;

    (void)base64_decode(&webhooks->text, text_of(bundle), NULL);
    return webhooks->text.len - before;
}

int kube_decode_webhooks(struct kube_webhooks *webhooks, struct slice body, struct error *error)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, error);
    size_t lengths[KUBE_WEBHOOKS_MAX];
    const json_t *list;
    const char *at;

    webhooks->n = 0;
    strbuf_clear(&webhooks->text);
    if (!root ||
        take_version(webhooks->version,
                     text_of(json_object_get(json_object_get(root, "metadata"), "resourceVersion")),
                     error) ||
        json_fields_list(root, "webhooks", KUBE_WEBHOOKS_MAX, &list, error))
        return -1;
    webhooks->n = json_array_size(list);
    for (size_t i = 0; i < webhooks->n; i++)
        lengths[i] = take_bundle(webhooks, json_array_get(list, i));
    at = strbuf_str(&webhooks->text);
    for (size_t i = 0; i < webhooks->n; at += lengths[i], i++)
        webhooks->bundles[i] = slice_of(at, lengths[i]);
    return 0;
}

/* Left open for its value. */
static void add_operation(struct json_writer *json, const char *operation, const char *path)
{
    json_add_object(json, NULL);
    json_add_text(json, "op", operation);
    json_add_text(json, "path", path);
}

void kube_encode_bundle_patch(struct strbuf *out, const struct kube_webhooks *webhooks,
                              struct slice bundle)
{
    struct json_writer json = {.out = out};

    json_add_array(&json, NULL);
    add_operation(&json, "test", "/metadata/resourceVersion");
    json_add_text(&json, "value", webhooks->version);
    json_end(&json);
    for (size_t i = 0; i < webhooks->n; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "/webhooks/%zu/clientConfig/caBundle", i);
        add_operation(&json, "add", path);
        add_base64(&json, "value", bundle);
        json_end(&json);
    }
    json_end(&json);
}

static bool holds(struct slice text, const char *words)
{
    return text.len && memmem(text.ptr, text.len, words, strlen(words));
}

/* A failed `test`, a policy's refusal and an object that would be invalid are all of status 422 and
 * reason Invalid; only the message tells (apiserver 0.36: handlers/patch.go,
 * admission/plugin/policy/validating/dispatcher.go, apimachinery errors.NewInvalid). */
static enum kube_outcome judge_invalid(struct slice body)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, NULL);
    struct slice message = text_of(json_object_get(root, "message"));

    if (holds(message, "ValidatingAdmissionPolicy"))
        return KUBE_DENIED;
    return holds(message, " is invalid") ? KUBE_FAILED : KUBE_CONFLICT;
}

enum kube_outcome kube_judge_status(int status, bool json_patch, struct slice body)
{
    switch (status) {
    case 200:
    case 201: return KUBE_DONE;
    case 401:
    case 403: return KUBE_DENIED;
    case 404: return KUBE_ABSENT;
    case 409: return KUBE_CONFLICT;
    case 422: return json_patch ? judge_invalid(body) : KUBE_FAILED;
    default: return KUBE_FAILED;
    }
}

void kube_describe_refusal(struct error *error, const char *asked, int status, struct slice body)
{
    JSON_FIELDS_CLEANUP json_t *root = json_fields_parse(body, NULL);
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(2 * KUBE_ANSWER_MAX);
    struct slice message;
    const char *start = status == 403   ? "may not "
                        : status == 401 ? "the service account's token is not accepted: "
                                        : "could not ";

    redact_text(&shown, text_of(json_object_get(root, "message")));
    message = strbuf_slice(&shown);
    if (message.len > MESSAGE_MAX)
        message.len = MESSAGE_MAX;
    if (message.len)
        (void)error_set(error, "%s%s: %.*s", start, asked, SLICE_FMT(message));
    else
        (void)error_set(error, "%s%s: HTTP status %d", start, asked, status);
}
