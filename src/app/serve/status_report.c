/*
 * What is not known is null, and so is what is empty: a reader asks for the member and need not
 * know when it would be there.
 */
#include "status_report.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_writer.h"

enum {
    WORDS_MAX = 16 * 1024, /* what is longer is cut */
    /* Of what is turned away from the cache. Anybody who may write Events can have images named. */
    FALLBACK_MOST = 50,
};

static void add_text(struct json_writer *json, const char *name, const char *text)
{
    json_add_text(json, name, text && *text ? text : NULL);
}

static void add_time(struct json_writer *json, const char *name, int64_t seconds)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(WORDS_MAX);

    if (seconds)
        timestamp_print_rfc3339(&text, seconds);
    add_text(json, name, strbuf_str(&text));
}

/* What somebody else wrote, or we did about a file. */
static void add_prose(struct json_writer *json, const struct status_report *report,
                      const char *name, const char *words)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(WORDS_MAX);

    if (!words || !*words) {
        json_add_text(json, name, NULL);
        return;
    }
    if (report->details)
        strbuf_add_str(&shown, words);
    else
        redact_details(&shown, slice_str(words), report->paths, STATUS_REPORT_PATHS);
    json_add_slice(json, name, strbuf_slice(&shown));
}

static void add_source(struct json_writer *json, const struct status_report *report,
                       const struct status_source *source)
{
    add_text(json, "file", report->details ? source->path : NULL);
    add_time(json, "loaded", source->loaded_s);
    add_prose(json, report, "problem", source->problem);
}

static void add_upstream(struct json_writer *json, const struct status_report *report, int upstream)
{
    const struct rule_set *rules = report->rules;
    const struct upstream_status *status = &report->statuses[upstream];

    json_add_object(json, NULL);
    json_add_slice(json, "registry", rule_set_registry(rules, upstream));
    json_add_slice(json, "prefix", rule_set_prefix(rules, upstream));
    json_add_bool(json, "rewritten", status->rewrite);
    add_text(json, "state", upstream_state_name(status->state));
    add_prose(json, report, "reason", status->reason);
    add_time(json, "since", status->since_s);
    json_end(json);
}

static void add_rules(struct json_writer *json, const struct status_report *report)
{
    struct slice host = rule_set_host(report->rules);

    json_add_object(json, "ruleSet");
    if (host.len)
        json_add_slice(json, "host", host);
    else
        json_add_text(json, "host", NULL);
    add_prose(json, report, "problem", report->host_problem);
    json_add_array(json, "upstreams");
    for (size_t i = 0; i < rule_set_upstreams(report->rules); i++)
        add_upstream(json, report, (int)i);
    json_end_all(json);
}

static void add_reconcile(struct json_writer *json, const struct status_report *report)
{
    const struct reconcile_report *pass = report->reconcile;

    json_add_object(json, "reconcile");
    add_text(json, "mode", report->mode);
    add_time(json, "lastPass", pass->ended_s);
    add_time(json, "nextPass", pass->next_s);
    add_text(json, "outcome", pass->ended_s ? reconcile_outcome_name(pass->outcome) : "");
    add_prose(json, report, "problem", pass->problem.text);
    add_text(json, "account", pass->account);
    add_text(json, "region", pass->region);
    add_text(json, "credentials", pass->credentials);
    json_add_number(json, "changes", pass->changes);
    json_add_array(json, "notes");
    for (size_t i = 0; i < pass->n_notes; i++)
        add_prose(json, report, NULL, pass->notes[i]);
    json_end_all(json);
}

static void add_fallback_entry(struct json_writer *json, const struct fallback_report *fallback,
                               const char *name, size_t i)
{
    const struct fallback_entry entry = fallback_table_entry(fallback->table, i);

    json_add_object(json, NULL);
    json_add_slice(json, name, entry.name);
    add_text(json, "to", entry.own ? "cache" : "upstream");
    add_text(json, "class", pull_class_name(entry.class));
    add_time(json, "since", (fallback->epoch_ms + entry.since_ms) / 1000);
    add_time(json, "until", (fallback->epoch_ms + entry.until_ms) / 1000);
    json_end(json);
}

static void add_fallback(struct json_writer *json, const struct status_report *report)
{
    const struct fallback_report *fallback = report->fallback;
    const struct fallback_counts counts = fallback_table_counts(fallback->table);
    size_t images = counts.images < FALLBACK_MOST ? counts.images : FALLBACK_MOST;

    json_add_object(json, "fallback");
    add_text(json, "watch", fallback->watch);
    add_text(json, "probe", fallback->probe);
    add_time(json, "registryDownSince",
             counts.open ? (fallback->epoch_ms + counts.open_since_ms) / 1000 : 0);
    json_add_array(json, "upstreams");
    for (size_t i = 0; i < counts.upstreams; i++)
        add_fallback_entry(json, fallback, "prefix", i);
    json_end(json);
    json_add_number(json, "imageCount", counts.images);
    json_add_array(json, "images");
    for (size_t i = 0; i < images; i++)
        add_fallback_entry(json, fallback, "image", counts.upstreams + i);
    json_end_all(json);
}

static void add_cached_upstream(struct json_writer *json, const struct importer_report *cached,
                                const struct importer_upstream *upstream)
{
    const struct import_pause *pause = &upstream->counts.pause;
    const bool pauses = pause->why != IMAGE_THERE;

    json_add_object(json, NULL);
    add_text(json, "prefix", upstream->prefix);
    json_add_number(json, "queued", upstream->counts.queued);
    json_add_number(json, "refused", upstream->counts.refused);
    json_add_number(json, "importsLeft", upstream->counts.tokens);
    add_text(json, "pause", pauses ? image_outcome_name(pause->why) : NULL);
    add_time(json, "pausedUntil", pauses ? (cached->epoch_ms + pause->until_ms) / 1000 : 0);
    json_end(json);
}

static void add_refusal(struct json_writer *json, const struct status_report *report,
                        const struct importer_refusal *refusal)
{
    const int64_t epoch_ms = report->cached->epoch_ms;

    json_add_object(json, NULL);
    add_text(json, "image", refusal->image);
    add_prose(json, report, "reason", refusal->reason);
    json_add_number(json, "tries", refusal->tries);
    add_time(json, "since", (epoch_ms + refusal->since_ms) / 1000);
    add_time(json, "until", (epoch_ms + refusal->until_ms) / 1000);
    json_end(json);
}

static void add_cached(struct json_writer *json, const struct status_report *report)
{
    const struct importer_report *cached = report->cached;

    json_add_object(json, "cached");
    add_text(json, "state", cached->state ? cached->state : "off");
    add_prose(json, report, "problem", cached->problem.text);
    json_add_number(json, "repositories", cached->counts.repositories);
    json_add_number(json, "unlisted", cached->counts.unlisted);
    json_add_number(json, "partial", cached->counts.partial);
    json_add_number(json, "repositoriesDropped", cached->counts.dropped_repositories);
    json_add_bool(json, "tooManyRepositories", cached->counts.too_many_repository_pages);
    json_add_number(json, "tags", cached->held.tags);
    json_add_number(json, "digests", cached->held.digests);
    json_add_number(json, "evicted", cached->held.evicted);
    json_add_number(json, "queued", cached->counts.queued);
    json_add_number(json, "dropped", cached->counts.dropped);
    json_add_array(json, "upstreams");
    for (size_t i = 0; i < cached->n_upstreams; i++)
        add_cached_upstream(json, cached, &cached->upstreams[i]);
    json_end(json);
    json_add_number(json, "refusedCount", cached->counts.refused);
    json_add_array(json, "refused");
    for (size_t i = 0; i < cached->n_refusals; i++)
        add_refusal(json, report, &cached->refusals[i]);
    json_end_all(json);
}

static void add_dates(struct json_writer *json, int64_t not_before_s, int64_t not_after_s)
{
    add_time(json, "notBefore", not_before_s);
    add_time(json, "notAfter", not_after_s);
}

/* What the program keeps itself: the Secret, its CAs, the webhooks' bundle. */
static void add_kept(struct json_writer *json, const struct status_report *report)
{
    const struct certificate_report *kept = report->kept;

    strbuf_add_format(json_add(json, "secret"), "\"%s%s%s\"", kept->namespace,
                      kept->namespace[0] ? "/" : "", report->secret_name);
    add_time(json, "looked", kept->looked_s);
    strbuf_add_format(json_add(json, "clockSkewSeconds"), "%lld", (long long)kept->skew_s);
    json_add_array(json, "authorities");
    for (size_t i = 0; i < kept->n_cas; i++) {
        json_add_object(json, NULL);
        add_dates(json, kept->cas[i].not_before_s, kept->cas[i].not_after_s);
        json_end(json);
    }
    json_end(json);
    json_add_object(json, "bundle");
    add_text(json, "configuration", report->webhook_name);
    add_text(json, "state", certificate_bundle_state_name(kept->bundle_state));
    add_prose(json, report, "problem", kept->bundle_problem.text);
    json_end(json);
}

void status_report_print(const struct status_report *report, struct strbuf *out)
{
    struct json_writer json = {.out = out};

    json_add_object(&json, "configuration");
    json_add_slice(&json, "hash", report->configuration_hash);
    add_source(&json, report, &report->configuration);
    json_end(&json);
    json_add_object(&json, "certificate");
    json_add_text(&json, "mode", report->kept ? "self" : "files");
    add_source(&json, report, &report->certificate);
    add_dates(&json, report->not_before_s, report->not_after_s);
    if (report->kept)
        add_kept(&json, report);
    json_end(&json);
    add_rules(&json, report);
    add_reconcile(&json, report);
    add_fallback(&json, report);
    add_cached(&json, report);
}
