/*
 * An Event is read by yyjson, within the caller's arena; then the runtime's words are judged.
 *
 * Words are looked for where no image, URL, path or tag stands: those are the user's, and may be
 * called "unauthorized" or "not-found".
 */
#include "pullthrough/core/kube/pull_failure.h"

#include "pullthrough/core/base/strbuf.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_member.h"

static bool is_space(char c)
{
    return (unsigned char)c <= ' ';
}

/* The next word of *text, which is cut; empty at its end. */
static struct slice next_word(struct slice *text)
{
    struct slice word;
    size_t n = 0;

    while (text->len && is_space(*text->ptr))
        *text = slice_from(*text, 1);
    while (n < text->len && !is_space(text->ptr[n]))
        n++;
    word = slice_of(text->ptr, n);
    *text = slice_from(*text, n);
    return word;
}

/* A name has a slash: an image below a host, a URL, a path. Only "i/o timeout" has one, too. */
static bool is_name(struct slice word)
{
    return slice_find(word, '/') < word.len && !slice_is(word, "i/o");
}

/* "[manifests TAG]:" (containerd) and "reading manifest TAG in NAME:" (CRI-O). */
static bool is_tag(struct slice before, struct slice word, struct slice rest)
{
    return (slice_is(before, "[manifests") && slice_ends_with(word, slice_str("]:"))) ||
           (slice_is(before, "manifest") && slice_is(next_word(&rest), "in"));
}

/* The words that are left, in lower case, with one space before each. */
static void add_plain_words(struct strbuf *out, struct slice why)
{
    struct slice before = slice_of(NULL, 0), word;

    while ((word = next_word(&why)).len) {
        if (!is_name(word) && !is_tag(before, word, why)) {
            strbuf_add_char(out, ' ');
            for (size_t i = 0; i < word.len; i++) {
                char c = word.ptr[i];

                strbuf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
            }
        }
        before = word;
    }
}

/* In the order in which they outrank each other. tests/fixtures/pull_failures.txt has whole texts,
 * and where they come from. */
static const struct {
    const char *words;
    enum pull_class class;
} table[] = {
    /* What the node could not do by itself, though the words of others come with it. */
    {"no match for platform", PULL_OTHER},
    {"no space left on device", PULL_OTHER},
    {"permission denied", PULL_OTHER},
    {"signaturevalidationfailed", PULL_OTHER},
    {"source image rejected", PULL_OTHER},
    {"dial unix", PULL_OTHER},
    {"error reading from server", PULL_OTHER},
    {"failed to extract layer", PULL_OTHER},
    {"processing tar file", PULL_OTHER},
    {"unpacking failed", PULL_OTHER},

    {"too many requests", PULL_THROTTLED},
    {"toomanyrequests", PULL_THROTTLED},
    {"rate exceeded", PULL_THROTTLED},

    {"unauthorized", PULL_LOGIN},
    {"no basic auth credentials", PULL_LOGIN},
    {"authorization failed", PULL_LOGIN},
    {"authentication required", PULL_LOGIN},
    {"token has expired", PULL_LOGIN},
    {"unable to retrieve auth token", PULL_LOGIN},

    {"forbidden", PULL_REFUSED},
    {"denied:", PULL_REFUSED},
    {"access denied", PULL_REFUSED},
    {"access to the resource is denied", PULL_REFUSED},
    {"not authorized to perform", PULL_REFUSED},

    {"not found", PULL_ABSENT},
    {"code = notfound", PULL_ABSENT},
    {"manifest unknown", PULL_ABSENT},
    {"name unknown", PULL_ABSENT},
    {"does not exist", PULL_ABSENT},

    {"dial tcp", PULL_UNREACHABLE},
    {"i/o timeout", PULL_UNREACHABLE},
    {"no such host", PULL_UNREACHABLE},
    {"connection refused", PULL_UNREACHABLE},
    {"connection reset", PULL_UNREACHABLE},
    {"deadline exceeded", PULL_UNREACHABLE},
    {"code = deadlineexceeded", PULL_UNREACHABLE},
    {"while awaiting headers", PULL_UNREACHABLE},
    {"while waiting for connection", PULL_UNREACHABLE},
    {" tls", PULL_UNREACHABLE},
    {"x509:", PULL_UNREACHABLE},
    {"http response to https client", PULL_UNREACHABLE},
    {" eof", PULL_UNREACHABLE},
    {"internal server error", PULL_UNREACHABLE},
    {"bad gateway", PULL_UNREACHABLE},
    {"service unavailable", PULL_UNREACHABLE},
    {"gateway timeout", PULL_UNREACHABLE},
    {"registryunavailable", PULL_UNREACHABLE},
};

/* A status without its phrase, as HTTP allows. */
static enum pull_class classify_status(const char *plain)
{
    static const char *const before[] = {" request to ",
                                         " status: ", " statuscode: ", " code from registry "};

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        const char *at = strstr(plain, before[i]);
        struct slice rest = slice_str(at ? at + strlen(before[i]) : "");

        if (slice_starts_with(rest, slice_str("401")))
            return PULL_LOGIN;
        if (slice_starts_with(rest, slice_str("403")))
            return PULL_REFUSED;
        if (slice_starts_with(rest, slice_str("404")))
            return PULL_ABSENT;
        if (slice_starts_with(rest, slice_str("429")))
            return PULL_THROTTLED;
        if (slice_starts_with(rest, slice_str("5")))
            return PULL_UNREACHABLE;
    }
    return PULL_OTHER;
}

/* "[A, B]": kubelet has tried each login that it has, the node's and those of the pod's
 * imagePullSecrets (kuberuntime_image.go, PullImage), which a pod may choose to be wrong: that one
 * was refused says nothing of the registry where another came further. */
static enum pull_class classify(struct slice why)
{
    STRBUF_CLEANUP struct strbuf plain = STRBUF_INIT(PULL_FAILURE_WHY_MAX + 1);
    bool several = slice_starts_with(why, slice_str("[")), login = false;

    add_plain_words(&plain, why);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!strstr(strbuf_str(&plain), table[i].words))
            continue;
        if (!several || table[i].class != PULL_LOGIN)
            return table[i].class;
        login = true;
    }
    return login ? PULL_LOGIN : classify_status(strbuf_str(&plain));
}

/* Which image it is; false where it is none that is or could be in the cache. */
static bool take_image(struct pull_failure *failure, const struct rule_set *rules,
                       struct slice image)
{
    STRBUF_CLEANUP struct strbuf cached = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct image_ref ref;

    failure->image = image;
    if (image_ref_parse(&ref, image, NULL))
        return false;
    failure->upstream = rewrite_upstream_of(rules, image, &failure->name);
    if (failure->upstream >= 0)
        return true;
    failure->own = rewrite_static(rules, image, &cached);
    if (!failure->own)
        return false;
    memcpy(failure->text, cached.ptr, cached.len);
    failure->upstream =
        rewrite_upstream_of(rules, slice_of(failure->text, cached.len), &failure->name);
    return failure->upstream >= 0;
}

/* `Failed to pull image "IMAGE": WHY` */
static bool take_message(struct pull_failure *failure, const struct rule_set *rules,
                         struct slice message)
{
    static const char start[] = "Failed to pull image \"";
    static const char combined[] = "(combined from similar events): "; /* client-go, after ten */
    size_t end;

    if (slice_starts_with(message, slice_str(combined))) {
        message = slice_from(message, sizeof(combined) - 1);
        failure->count = 0; /* it is that of other failures as well */
    }
    if (!slice_starts_with(message, slice_str(start)))
        return false;
    message = slice_from(message, sizeof(start) - 1);
    end = slice_find(message, '"');
    if (end == message.len)
        return false;
    failure->why = slice_from(message, end + 1);
    if (slice_starts_with(failure->why, slice_str(": ")))
        failure->why = slice_from(failure->why, 2);
    if (failure->why.len > PULL_FAILURE_WHY_MAX)
        failure->why.len = PULL_FAILURE_WHY_MAX;
    return take_image(failure, rules, slice_of(message.ptr, end));
}

/* "spec.containers{web}" (k8s.io/kubernetes, pkg/kubelet/container/ref.go). */
static void take_field(struct pull_failure *failure, struct slice field)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    static const char spec[] = "spec.";

    if (!slice_starts_with(field, slice_str(spec)) || !slice_ends_with(field, slice_str("}")))
        return;
    field = slice_from(field, sizeof(spec) - 1);
    field.len--;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct slice list = slice_str(lists[i]);

        if (field.len > list.len + 1 && slice_starts_with(field, list) &&
            field.ptr[list.len] == '{') {
            failure->list = lists[i];
            failure->container = slice_from(field, list.len + 1);
        }
    }
}

static bool take_object(struct pull_failure *failure, yyjson_val *object, yyjson_val *metadata)
{
    yyjson_val *kind, *namespace, *name, *uid, *field;
    const struct json_wanted wanted[] = {
        JSON_WANTED("kind", &kind),       JSON_WANTED("namespace", &namespace),
        JSON_WANTED("name", &name),       JSON_WANTED("uid", &uid),
        JSON_WANTED("fieldPath", &field),
    };

    json_members(object, wanted, sizeof(wanted) / sizeof(wanted[0]));
    failure->namespace = json_text(namespace);
    failure->pod = json_text(name);
    failure->uid = json_text(uid);
    take_field(failure, json_text(field));
    /* Who may write Events in one namespace may not speak of another's pods. */
    return slice_is(json_text(kind), "Pod") && failure->pod.len &&
           slice_equal(failure->namespace, json_text(json_member(metadata, "namespace")));
}

static int64_t seconds_of(struct slice time)
{
    int64_t seconds;

    return time.len && timestamp_parse_rfc3339(time, &seconds, NULL) == 0 ? seconds : 0;
}

/* Numbers are left as they are written (json_arena.h); what has more digits is as good as most. */
static unsigned count_of(yyjson_val *count)
{
    const char *digits = yyjson_get_raw(count);
    unsigned n = 0;

    for (size_t i = 0; digits && i < yyjson_get_len(count) && i < 6; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return 0;
        else
            n = n * 10 + (unsigned)(digits[i] - '0');
    return n;
}

static bool take_event(struct pull_failure *failure, const struct rule_set *rules,
                       yyjson_val *event)
{
    yyjson_val *type, *reason, *message, *metadata, *object, *source, *last, *first, *series,
        *component, *instance, *host, *by, *count;
    const struct json_wanted wanted[] = {
        JSON_WANTED("type", &type),
        JSON_WANTED("reason", &reason),
        JSON_WANTED("message", &message),
        JSON_WANTED("metadata", &metadata),
        JSON_WANTED("involvedObject", &object),
        JSON_WANTED("source", &source),
        JSON_WANTED("lastTimestamp", &last),
        JSON_WANTED("eventTime", &first),
        JSON_WANTED("series", &series),
        JSON_WANTED("count", &count),
        JSON_WANTED("reportingComponent", &component),
        JSON_WANTED("reportingInstance", &instance),
    };
    const struct json_wanted in_source[] = {JSON_WANTED("host", &host),
                                            JSON_WANTED("component", &by)};

    json_members(event, wanted, sizeof(wanted) / sizeof(wanted[0]));
    json_members(source, in_source, 2);
    failure->node = json_text(json_text(host).len ? host : instance);
    if (!last)
        last = json_member(series, "lastObservedTime");
    failure->count = count_of(count);
    failure->last_s = seconds_of(json_text(last ? last : first));
    return slice_is(json_text(type), "Warning") && slice_is(json_text(reason), "Failed") &&
           (slice_is(json_text(by), "kubelet") || slice_is(json_text(component), "kubelet")) &&
           take_object(failure, object, metadata) &&
           take_message(failure, rules, json_text(message));
}

bool pull_failure_read(struct pull_failure *failure, const struct rule_set *rules,
                       yyjson_val *event)
{
    *failure = (struct pull_failure){.upstream = -1};
    if (!take_event(failure, rules, event))
        return false;
    failure->class = classify(failure->why);
    return true;
}

int64_t pull_failure_age_ms(const struct pull_failure *failure, int64_t now_s, bool again)
{
    int64_t age_s = now_s - failure->last_s;

    if (failure->last_s == 0 || age_s < -PULL_FAILURE_AHEAD_S || (again && age_s < 0))
        return INT64_MAX;
    return age_s > 0 ? age_s * 1000 : 0;
}
