#include "status_report.h"

#include "pullthrough/core/base/redact.h"
#include "pullthrough/core/base/timestamp.h"

enum { WORDS_MAX = 16 * 1024 }; /* what is longer is cut */

static void add_text(struct strbuf *out, const char *name, const char *text)
{
    strbuf_add_format(out, "\"%s\":", name);
    if (text && *text)
        strbuf_add_json(out, slice_str(text));
    else
        strbuf_add_str(out, "null");
}

static void add_time(struct strbuf *out, const char *name, int64_t seconds)
{
    strbuf_add_format(out, "\"%s\":", name);
    if (!seconds) {
        strbuf_add_str(out, "null");
        return;
    }
    strbuf_add_char(out, '"');
    timestamp_print_rfc3339(out, seconds);
    strbuf_add_char(out, '"');
}

/* What somebody else wrote, or we did about a file. */
static void add_words(struct strbuf *out, const struct status_report *report, const char *words)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(WORDS_MAX);

    if (report->details)
        strbuf_add_str(&shown, words);
    else
        redact_details(&shown, slice_str(words), report->paths, STATUS_REPORT_PATHS);
    strbuf_add_json(out, strbuf_slice(&shown));
}

static void add_prose(struct strbuf *out, const struct status_report *report, const char *name,
                      const char *words)
{
    strbuf_add_format(out, "\"%s\":", name);
    if (words && *words)
        add_words(out, report, words);
    else
        strbuf_add_str(out, "null");
}

static void add_source(struct strbuf *out, const struct status_report *report,
                       const struct status_source *source)
{
    add_text(out, "file", report->details ? source->path : NULL);
    strbuf_add_char(out, ',');
    add_time(out, "loaded", source->loaded_s);
    strbuf_add_char(out, ',');
    add_prose(out, report, "problem", source->problem);
}

static void add_upstream(struct strbuf *out, const struct status_report *report, int upstream)
{
    const struct rule_set *rules = report->rules;
    const struct upstream_status *status = &report->statuses[upstream];

    strbuf_add_str(out, upstream ? ",{\"registry\":" : "{\"registry\":");
    strbuf_add_json(out, rule_set_registry(rules, upstream));
    strbuf_add_str(out, ",\"prefix\":");
    strbuf_add_json(out, rule_set_prefix(rules, upstream));
    strbuf_add_format(out, ",\"rewritten\":%s,", status->rewrite ? "true" : "false");
    add_text(out, "state", upstream_state_name(status->state));
    strbuf_add_char(out, ',');
    add_prose(out, report, "reason", status->reason);
    strbuf_add_char(out, ',');
    add_time(out, "since", status->since_s);
    strbuf_add_char(out, '}');
}

static void add_rules(struct strbuf *out, const struct status_report *report)
{
    struct slice host = rule_set_host(report->rules);

    strbuf_add_str(out, "\"ruleSet\":{\"host\":");
    if (host.len)
        strbuf_add_json(out, host);
    else
        strbuf_add_str(out, "null");
    strbuf_add_char(out, ',');
    add_prose(out, report, "problem", report->host_problem);
    strbuf_add_str(out, ",\"upstreams\":[");
    for (size_t i = 0; i < rule_set_upstreams(report->rules); i++)
        add_upstream(out, report, (int)i);
    strbuf_add_str(out, "]}");
}

static void add_reconcile(struct strbuf *out, const struct status_report *report)
{
    const struct reconcile_report *pass = report->reconcile;

    strbuf_add_str(out, "\"reconcile\":{");
    add_text(out, "mode", report->mode);
    strbuf_add_char(out, ',');
    add_time(out, "lastPass", pass->ended_s);
    strbuf_add_char(out, ',');
    add_text(out, "outcome", pass->ended_s ? reconcile_outcome_name(pass->outcome) : "");
    strbuf_add_char(out, ',');
    add_prose(out, report, "problem", pass->problem.text);
    strbuf_add_char(out, ',');
    add_text(out, "account", pass->account);
    strbuf_add_char(out, ',');
    add_text(out, "region", pass->region);
    strbuf_add_format(out, ",\"changes\":%u,\"notes\":[", pass->changes);
    for (size_t i = 0; i < pass->n_notes; i++) {
        if (i)
            strbuf_add_char(out, ',');
        add_words(out, report, pass->notes[i]);
    }
    strbuf_add_str(out, "]}");
}

static void add_dates(struct strbuf *out, int64_t not_before_s, int64_t not_after_s)
{
    add_time(out, "notBefore", not_before_s);
    strbuf_add_char(out, ',');
    add_time(out, "notAfter", not_after_s);
}

/* What the program keeps itself: the Secret, its CAs, the webhooks' bundle. */
static void add_kept(struct strbuf *out, const struct status_report *report)
{
    const struct certificate_report *kept = report->kept;

    strbuf_add_str(out, ",\"secret\":\"");
    if (kept->namespace[0])
        strbuf_add_format(out, "%s/", kept->namespace);
    strbuf_add_format(out, "%s\",", report->secret_name);
    add_time(out, "looked", kept->looked_s);
    strbuf_add_format(out, ",\"clockSkewSeconds\":%lld,\"authorities\":[", (long long)kept->skew_s);
    for (size_t i = 0; i < kept->n_cas; i++) {
        strbuf_add_str(out, i ? ",{" : "{");
        add_dates(out, kept->cas[i].not_before_s, kept->cas[i].not_after_s);
        strbuf_add_char(out, '}');
    }
    strbuf_add_str(out, "],\"bundle\":{");
    add_text(out, "configuration", report->webhook_name);
    strbuf_add_char(out, ',');
    add_text(out, "state", certificate_bundle_state_name(kept->bundle_state));
    strbuf_add_char(out, ',');
    add_prose(out, report, "problem", kept->bundle_problem.text);
    strbuf_add_char(out, '}');
}

void status_report_print(const struct status_report *report, struct strbuf *out)
{
    strbuf_add_str(out, "\"configuration\":{\"hash\":");
    strbuf_add_json(out, report->configuration_hash);
    strbuf_add_char(out, ',');
    add_source(out, report, &report->configuration);
    strbuf_add_format(out, "},\"certificate\":{\"mode\":\"%s\",", report->kept ? "self" : "files");
    add_source(out, report, &report->certificate);
    strbuf_add_char(out, ',');
    add_dates(out, report->not_before_s, report->not_after_s);
    if (report->kept)
        add_kept(out, report);
    strbuf_add_str(out, "},");
    add_rules(out, report);
    strbuf_add_char(out, ',');
    add_reconcile(out, report);
}
