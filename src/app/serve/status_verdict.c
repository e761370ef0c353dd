/*
 * A list of questions, gravest first: the first that is answered with yes is the sentence. It asks
 * nothing but the JSON of /status, so that it can't say what isn't there.
 */
#include "status_verdict.h"

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_member.h"

#include <stdbool.h>

/* What the questions have in common. */
struct facts {
    yyjson_val *status;
    int64_t now_s;
    uint64_t upstreams, rewritten; /* those that are switched off don't count */
    struct slice left, one;        /* of the first that isn't rewritten, and that is */
    bool asked;                    /* the first pass has ended, or there is none */
};

/* Each says yes with its sentence. `verdict` holds the level of its row. */
typedef bool (*question)(const struct facts *facts, struct strbuf *out,
                         struct status_verdict *verdict);

const char *status_level_name(enum status_level level)
{
    static const char *const names[] = {"good", "waits", "warns", "bad"};

    return names[level];
}

yyjson_val *status_member(yyjson_val *status, const char *object, const char *name)
{
    return json_member(json_member(status, object), name);
}

uint64_t status_number(yyjson_val *value)
{
    struct slice text = yyjson_is_raw(value)
                            ? slice_of(yyjson_get_raw(value), yyjson_get_len(value))
                            : slice_of(NULL, 0);
    uint64_t number = 0;

    for (size_t i = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    return number;
}

int64_t status_time(yyjson_val *value)
{
    struct error ignored;
    int64_t seconds;

    return timestamp_parse_rfc3339(json_text(value), &seconds, &ignored) ? 0 : seconds;
}

static struct slice text_at(const struct facts *facts, const char *object, const char *name)
{
    return json_text(status_member(facts->status, object, name));
}

static uint64_t number_at(const struct facts *facts, const char *object, const char *name)
{
    return status_number(status_member(facts->status, object, name));
}

static bool say(struct strbuf *out, const char *sentence)
{
    strbuf_add_str(out, sentence);
    return true;
}

static bool drains(const struct facts *facts, struct strbuf *out, struct status_verdict *verdict)
{
    (void)verdict;
    return yyjson_is_true(json_member(facts->status, "draining")) &&
           say(out, "This replica is ending, and answers what still comes.");
}

static bool has_no_certificate(const struct facts *facts, struct strbuf *out,
                               struct status_verdict *verdict)
{
    int64_t end_s = status_time(status_member(facts->status, "certificate", "notAfter"));

    verdict->why = text_at(facts, "certificate", "problem");
    if (!end_s)
        return say(out, "No certificate is loaded: this replica takes no reviews.");
    return end_s < facts->now_s &&
           say(out, "The certificate has expired: the API server refuses this replica.");
}

static bool was_not_asked(const struct facts *facts, struct strbuf *out,
                          struct status_verdict *verdict)
{
    (void)verdict;
    return !facts->asked && !facts->rewritten &&
           say(out, "ECR has not been looked at yet: until then images keep their own names.");
}

static bool has_no_host(const struct facts *facts, struct strbuf *out,
                        struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "ruleSet", "problem");
    verdict->advice = "name `registry.account` and `registry.region` in the configuration, or give "
                      "the pods a role to ask AWS with";
    return !text_at(facts, "ruleSet", "host").len &&
           say(out, "Nothing is rewritten: the registry is not known.");
}

static bool is_down(const struct facts *facts, struct strbuf *out, struct status_verdict *verdict)
{
    verdict->advice = "see to the nodes' way to `ecr.dkr` and S3: endpoints, security groups, name "
                      "servers; and to AWS's own state. It ends by itself, once the registry "
                      "answers again";
    return text_at(facts, "fallback", "registryDownSince").len &&
           say(out, "The registry is down: all images keep their own names until it answers.");
}

static bool rewrites_nothing(const struct facts *facts, struct strbuf *out,
                             struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "reconcile", "problem");
    if (facts->rewritten)
        return false;
    if (!facts->upstreams)
        return say(out, "Nothing is rewritten: no upstream is switched on.");
    if (facts->upstreams == 1)
        strbuf_add_format(out, "Nothing is rewritten: %.*s is not ready.", SLICE_FMT(facts->left));
    else
        strbuf_add_format(out, "Nothing is rewritten: none of the %llu upstreams is ready.",
                          (unsigned long long)facts->upstreams);
    return true;
}

static bool is_not_trusted(const struct facts *facts, struct strbuf *out,
                           struct status_verdict *verdict)
{
    yyjson_val *bundle = status_member(facts->status, "certificate", "bundle");
    const struct slice state = json_text(json_member(bundle, "state"));

    verdict->why = json_text(json_member(bundle, "problem"));
    if (slice_is(state, "absent"))
        verdict->level = STATUS_BAD;
    if (slice_is(state, "absent"))
        return say(out, "The API server doesn't know of this webhook, so nothing is rewritten.");
    return slice_is(state, "differs") &&
           say(out, "The API server may refuse this replica: the webhook's caBundle isn't its.");
}

static bool is_left_alone(const struct facts *facts, struct strbuf *out,
                          struct status_verdict *verdict)
{
    const uint64_t left = facts->upstreams - facts->rewritten;

    (void)verdict;
    if (!left)
        return false;
    if (left > 1)
        strbuf_add_format(out, "%llu of %llu upstreams are not rewritten.",
                          (unsigned long long)left, (unsigned long long)facts->upstreams);
    else
        strbuf_add_format(out, "%.*s is not rewritten; the other %s", SLICE_FMT(facts->left),
                          facts->rewritten == 1 ? "upstream is." : "upstreams are.");
    return true;
}

/* How many of a list of `fallback` keep their own names; one of them is in *name. */
static uint64_t turned_away(const struct facts *facts, const char *list, const char *key,
                            struct slice *name)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(status_member(facts->status, "fallback", list));
    uint64_t n = 0;

    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter));) {
        if (!slice_is(json_text(json_member(each, "to")), "upstream"))
            continue;
        *name = json_text(json_member(each, key));
        n++;
    }
    return n;
}

static bool is_turned_away(const struct facts *facts, struct strbuf *out,
                           struct status_verdict *verdict)
{
    struct slice prefix;
    const uint64_t n = turned_away(facts, "upstreams", "prefix", &prefix);

    (void)verdict;
    if (n == 1)
        strbuf_add_format(out, "Images of %.*s keep", SLICE_FMT(prefix));
    else if (n)
        strbuf_add_format(out, "Images of %llu upstreams keep", (unsigned long long)n);
    return n && say(out, " their own names for now: nodes can't pull them from the cache.");
}

static const char to_list[] =
    "see the reason: a permission, which `pullthrough iam webhook` prints "
    "with this configuration, or the way to `ecr.api`";

static bool is_listing(const struct facts *facts, struct strbuf *out,
                       struct status_verdict *verdict)
{
    const uint64_t repositories = number_at(facts, "cached", "repositories");
    const uint64_t unlisted = number_at(facts, "cached", "unlisted");

    verdict->why = text_at(facts, "cached", "problem");
    if (!slice_is(text_at(facts, "cached", "state"), "listing"))
        return false;
    if (verdict->why.len) {
        verdict->level = unlisted == repositories ? STATUS_BAD : STATUS_WARNS;
        verdict->advice = to_list;
    }
    strbuf_add_format(out, "What ECR holds %s",
                      verdict->why.len ? "can't be listed now" : "is being listed");
    if (repositories)
        strbuf_add_format(out, ", %llu of %llu repositories are still to come",
                          (unsigned long long)unlisted, (unsigned long long)repositories);
    return say(out, ": until then images keep their own names.");
}

static bool holds_old_images(const struct facts *facts, struct strbuf *out,
                             struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "cached", "problem");
    verdict->advice = to_list;
    return verdict->why.len && say(out, "ECR can't be asked for images now: what it is known to "
                                        "hold goes on, nothing new is imported.");
}

static bool has_old_rules(const struct facts *facts, struct strbuf *out,
                          struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "reconcile", "problem");
    return slice_is(text_at(facts, "reconcile", "outcome"), "failed") &&
           say(out, "AWS could not be asked at the last pass: what was known before goes on.");
}

static bool has_old_configuration(const struct facts *facts, struct strbuf *out,
                                  struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "configuration", "problem");
    return verdict->why.len &&
           say(out, "The configuration's file was refused: the one before is in use.");
}

static bool has_old_certificate(const struct facts *facts, struct strbuf *out,
                                struct status_verdict *verdict)
{
    verdict->why = text_at(facts, "certificate", "problem");
    if (!verdict->why.len)
        verdict->why = json_text(
            json_member(status_member(facts->status, "certificate", "bundle"), "problem"));
    return verdict->why.len &&
           say(out, "The certificate can't be kept as it should: what is loaded goes on.");
}

static bool is_deaf(const struct facts *facts, struct strbuf *out, struct status_verdict *verdict)
{
    const struct slice watch = text_at(facts, "fallback", "watch");

    (void)verdict;
    if (slice_is(watch, "forbidden"))
        return say(out, "What nodes can't pull isn't heard of: RBAC doesn't allow it.");
    return slice_is(watch, "broken") &&
           say(out, "What nodes can't pull isn't heard of: the API server can't be asked.");
}

/* It is no question any more. */
static bool is_fine(const struct facts *facts, struct strbuf *out, struct status_verdict *verdict)
{
    struct slice image;
    const uint64_t images = turned_away(facts, "images", "image", &image);
    const char *held = slice_is(text_at(facts, "cached", "state"), "on") ? " that ECR holds" : "";

    (void)verdict;
    if (facts->upstreams == 1)
        strbuf_add_format(out, "Images of %.*s%s come", SLICE_FMT(facts->one), held);
    else
        strbuf_add_format(out, "Images of all %llu upstreams%s come",
                          (unsigned long long)facts->upstreams, held);
    strbuf_add_str(out, " from the cache");
    if (images)
        strbuf_add_format(out, ", but for %llu", (unsigned long long)images);
    return say(out, ".");
}

static const struct {
    question ask;
    enum status_level level;
} questions[] = {
    {drains, STATUS_WAITS},
    {has_no_certificate, STATUS_BAD},
    {was_not_asked, STATUS_WAITS},
    {has_no_host, STATUS_BAD},
    {is_down, STATUS_BAD},
    {rewrites_nothing, STATUS_BAD},
    {is_not_trusted, STATUS_WARNS},
    {is_left_alone, STATUS_WARNS},
    {is_turned_away, STATUS_WARNS},
    {is_listing, STATUS_WAITS},
    {holds_old_images, STATUS_WARNS},
    {has_old_rules, STATUS_WARNS},
    {has_old_configuration, STATUS_WARNS},
    {has_old_certificate, STATUS_WARNS},
    {is_deaf, STATUS_WARNS},
    {is_fine, STATUS_GOOD},
};

static void look_at_upstreams(struct facts *facts)
{
    yyjson_val *upstreams = status_member(facts->status, "ruleSet", "upstreams"), *each;
    yyjson_arr_iter iter = yyjson_arr_iter_with(upstreams);

    while ((each = yyjson_arr_iter_next(&iter))) {
        const struct slice registry = json_text(json_member(each, "registry"));

        if (slice_is(json_text(json_member(each, "state")), "disabled"))
            continue;
        facts->upstreams++;
        if (yyjson_is_true(json_member(each, "rewritten"))) {
            facts->rewritten++;
            facts->one = registry;
        } else if (!facts->left.len) {
            facts->left = registry;
        }
    }
}

struct status_verdict status_verdict_print(yyjson_val *status, int64_t now_s,
                                           struct strbuf *sentence)
{
    struct facts facts = {.status = status, .now_s = now_s};
    struct status_verdict verdict;
    size_t i = 0;

    look_at_upstreams(&facts);
    facts.asked = text_at(&facts, "reconcile", "lastPass").len ||
                  slice_is(text_at(&facts, "reconcile", "mode"), "off");
    do
        verdict = (struct status_verdict){.level = questions[i].level};
    while (!questions[i++].ask(&facts, sentence, &verdict));
    return verdict;
}
