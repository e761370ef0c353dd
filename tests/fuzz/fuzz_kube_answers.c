/*
 * Any bytes as an answer of Kubernetes' API server, and certificates that were spoilt: the first
 * byte picks who reads the rest. Each of them refuses with a reason on one line, or gives what
 * holds together.
 */
#include "fuzz.h"

#include "core/certificate/certificate_plan.h"
#include "pullthrough/core/base/base64.h"
#include "pullthrough/core/certificate/certificate.h"
#include "pullthrough/core/kube/kube_messages.h"
#include "pullthrough/core/kube/kube_pod.h"
#include "pullthrough/core/kube/kube_watch.h"

enum { NOW_S = 1795262400, EDIT_BYTES = 4 };

static const struct certificate_names names = {"pullthrough", "system"};

static void check_printable(const char *text)
{
    for (; *text; text++)
        FUZZ_ASSERT((unsigned char)*text >= 0x20 && *text != 0x7f);
}

/* What was read can be printed, and is read as the same. */
static void check_set(const struct certificate_set *set)
{
    STRBUF_CLEANUP struct strbuf ca = STRBUF_INIT(2 * CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf ca_key = STRBUF_SECRET_INIT(2 * CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf leaf = STRBUF_INIT(2 * CERTIFICATE_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf leaf_key = STRBUF_SECRET_INIT(2 * CERTIFICATE_TEXT_MAX);
    CERTIFICATE_SET_CLEANUP struct certificate_set *again = NULL;
    CERTIFICATE_BUNDLE_CLEANUP struct certificate_bundle *bundle = NULL;
    struct certificate_texts texts;
    struct error error = {""};
    const char *why;

    FUZZ_ASSERT(certificate_set_cas(set) > 0);
    FUZZ_ASSERT(certificate_set_leaf_ca(set) < certificate_set_cas(set));
    certificate_set_print_cas(set, &ca);
    certificate_set_print_ca_key(set, &ca_key);
    certificate_set_print_leaf(set, &leaf);
    certificate_set_print_leaf_key(set, &leaf_key);
    texts = (struct certificate_texts){strbuf_slice(&ca), strbuf_slice(&ca_key),
                                       strbuf_slice(&leaf), strbuf_slice(&leaf_key)};
    FUZZ_ASSERT(certificate_set_read(&again, &texts, &error) == 0);
    FUZZ_ASSERT(certificate_set_same_leaf(set, again));
    bundle = certificate_bundle_read(strbuf_slice(&ca));
    FUZZ_ASSERT(certificate_bundle_holds(bundle, set, 0));
    (void)certificate_plan(set, &names, true, NOW_S, &why);
}

static int read_texts(const struct certificate_texts *texts, struct error *error)
{
    CERTIFICATE_SET_CLEANUP struct certificate_set *set = NULL;

    if (certificate_set_read(&set, texts, error) < 0)
        return -1;
    check_set(set);
    return 0;
}

static int read_secret(struct slice body, struct error *error)
{
    struct kube_secret secret;
    int result;

    kube_secret_init(&secret);
    result = kube_decode_secret(&secret, body, error);
    if (result == 0 && !kube_secret_is_empty(&secret)) {
        struct certificate_texts texts = kube_secret_texts(&secret);

        result = read_texts(&texts, error);
    }
    kube_secret_fini(&secret);
    return result;
}

static int read_webhooks(struct slice body, struct error *error)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(KUBE_REQUEST_MAX);
    struct kube_webhooks webhooks;
    int result;

    kube_webhooks_init(&webhooks);
    result = kube_decode_webhooks(&webhooks, body, error);
    if (result == 0) {
        for (size_t i = 0; i < webhooks.n; i++)
            certificate_bundle_free(certificate_bundle_read(webhooks.bundles[i]));
        kube_encode_bundle_patch(&out, &webhooks, slice_str("pem"));
        FUZZ_ASSERT(out.ptr[0] == '[' && out.ptr[out.len - 1] == ']');
    }
    kube_webhooks_fini(&webhooks);
    return result;
}

static int read_pod(struct slice body, struct error *error)
{
    struct kube_container container;
    int result;

    kube_container_init(&container);
    result = kube_decode_container(&container, body, "pull", error);
    FUZZ_ASSERT(!container.hopeless || container.pull == KUBE_PULL_FAILED);
    FUZZ_ASSERT((container.reason.len > 0) == (container.pull == KUBE_PULL_FAILED));
    FUZZ_ASSERT(*kube_pull_advice(&container));
    kube_container_fini(&container);
    return result;
}

/* What a watch takes of it is a version that can stand in a URL, or the end. */
static int read_line(struct slice line, struct error *error)
{
    ARENA_CLEANUP struct arena arena;
    struct kube_watch watch = {0};
    struct kube_watch_event event;
    uint64_t wait_ms;

    arena_init(&arena, 1000);
    arena.ceiling = KUBE_WATCH_MEMORY_MAX;
    if (kube_watch_decode(&event, line, &arena, error) < 0)
        return -1;
    FUZZ_ASSERT(yyjson_is_obj(event.object));
    FUZZ_ASSERT((event.type == KUBE_WATCH_ERROR) == (event.code != 0));
    FUZZ_ASSERT((event.type == KUBE_WATCH_ERROR) == !event.version[0]);
    (void)kube_watch_take(&watch, &event, 1);
    FUZZ_ASSERT(kube_watch_is_over(&watch) == (event.type == KUBE_WATCH_ERROR));
    FUZZ_ASSERT(!strpbrk(watch.version, "&?#%/ \r\n"));
    (void)kube_watch_end(&watch, 200, 1, UINT32_MAX, &wait_ms);
    FUZZ_ASSERT(wait_ms <= KUBE_WATCH_DENIED_MS / 5 * 6);
    return 0;
}

static int read_base64(struct slice text, struct error *error)
{
    STRBUF_CLEANUP struct strbuf bytes = STRBUF_INIT(1 << 20);
    STRBUF_CLEANUP struct strbuf again = STRBUF_INIT(1 << 21);

    if (base64_decode(&bytes, text, error) < 0)
        return -1;
    strbuf_add_base64(&again, strbuf_slice(&bytes));
    FUZZ_ASSERT(slice_equal(strbuf_slice(&again), text)); /* no two texts for the same bytes */
    return 0;
}

/* The texts of good certificates, with bytes changed where the input says: each edit is which
 * text, where (two bytes), and what. No key is kept in the corpus. */
static int read_edited(struct slice edits, struct error *error)
{
    static const unsigned char serials[2 * CERTIFICATE_SERIAL_BYTES] = {1, 2, 3};
    static struct strbuf good[4];
    struct strbuf texts[4];
    struct slice all[4];
    int result;

    if (!good[0].len) {
        struct certificate_set *set = certificate_set_make(&names, NOW_S, serials);

        for (size_t i = 0; i < 4; i++)
            strbuf_init(&good[i], CERTIFICATE_TEXT_MAX);
        certificate_set_print_cas(set, &good[0]);
        certificate_set_print_ca_key(set, &good[1]);
        certificate_set_print_leaf(set, &good[2]);
        certificate_set_print_leaf_key(set, &good[3]);
        certificate_set_unref(set);
    }
    for (size_t i = 0; i < 4; i++) {
        strbuf_init(&texts[i], CERTIFICATE_TEXT_MAX);
        strbuf_add_slice(&texts[i], strbuf_slice(&good[i]));
    }
    for (; edits.len >= EDIT_BYTES; edits = slice_from(edits, EDIT_BYTES)) {
        struct strbuf *text = &texts[edits.ptr[0] & 3];
        size_t at = (size_t)(unsigned char)edits.ptr[1] << 8 | (unsigned char)edits.ptr[2];

        text->ptr[at % text->len] = edits.ptr[3];
    }
    for (size_t i = 0; i < 4; i++)
        all[i] = strbuf_slice(&texts[i]);
    result = read_texts(&(struct certificate_texts){all[0], all[1], all[2], all[3]}, error);
    for (size_t i = 0; i < 4; i++)
        strbuf_fini(&texts[i]);
    return result;
}

static int read_refusal(struct slice body, struct error *error)
{
    kube_describe_refusal(error, "get secrets/x", 403, body);
    FUZZ_ASSERT(slice_starts_with(slice_str(error->text), slice_str("may not get secrets/x: ")));
    return -1;
}

static int read_as(uint8_t reader, struct slice body, struct error *error)
{
    switch (reader) {
    case 's': return read_secret(body, error);
    case 'w': return read_webhooks(body, error);
    case 'p': return read_pod(body, error);
    case 'l': return read_line(body, error);
    case 'b': return read_base64(body, error);
    case 'e': return read_edited(body, error);
    case 'c': return read_texts(&(struct certificate_texts){body, body, body, body}, error);
    default: return read_refusal(body, error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {""};

    if (size == 0)
        return 0;
    if (read_as(data[0], slice_of((const char *)data + 1, size - 1), &error) < 0)
        FUZZ_ASSERT(error.text[0]);
    check_printable(error.text);
    return 0;
}
