/*
 * A section that is switched off by the configuration isn't there at all.
 */
#include "status_sections.h"

#include "html.h"
#include "pullthrough/core/json/json_member.h"

/* Of an upstream or an image that goes one way for now. */
static bool put_turned(const struct html_page *page, yyjson_val *item, int which)
{
    yyjson_val *name = json_member(item, "prefix");

    (void)which;
    page_put(page, "<li>");
    page_text(page, name ? name : json_member(item, "image"));
    page_put(page,
             slice_is(json_text(json_member(item, "to")), "cache") ? ": from the cache, " : ": ");
    page_text(page, json_member(item, "class"));
    page_put(page, ", until ");
    page_time(page, json_member(item, "until"));
    page_put(page, "</li>");
    return true;
}

static void put_turned_list(const struct html_page *page, const char *name, yyjson_val *array,
                            uint64_t number)
{
    if (!number)
        return;
    page_row(page, name);
    html_number(page->out, number);
    page_items(page, array, put_turned);
    page_row_end(page);
}

void section_fallback(const struct html_page *page)
{
    static const struct page_meaning watch[] = {
        {"on", "watched", "good"},
        {"starting", "not watched yet", "waits"},
        {"forbidden", "not watched: RBAC doesn't allow it", "warns"},
        {"broken", "not watched: the API server can't be asked", "warns"},
        {"off", "not watched", "off"},
    };
    static const struct page_meaning probe[] = {
        {"good", "answers probes", "good"},
        {"failing", "doesn't answer probes", "bad"},
        {"unanswered", "hasn't answered probes so far, which counts for nothing", "waits"},
        {"off", "not probed", "off"},
    };
    yyjson_val *down = page_member(page, "fallback", "registryDownSince");
    yyjson_val *upstreams = page_member(page, "fallback", "upstreams");

    if (slice_is(json_text(page_member(page, "fallback", "watch")), "off") &&
        slice_is(json_text(page_member(page, "fallback", "probe")), "off"))
        return;
    page_put(page, "<h2>When the cache fails</h2><dl>");
    page_row(page, "Failed pulls of nodes");
    page_meaning(page, page_member(page, "fallback", "watch"), watch,
                 sizeof(watch) / sizeof(watch[0]));
    page_row_end(page);
    page_row(page, "Registry");
    page_meaning(page, page_member(page, "fallback", "probe"), probe,
                 sizeof(probe) / sizeof(probe[0]));
    if (down) {
        page_put(page, "<br><span class=bad>taken to be down since ");
        page_time(page, down);
        page_put(page, "</span>");
    }
    page_row_end(page);
    put_turned_list(page, "Upstreams turned away", upstreams, yyjson_arr_size(upstreams));
    put_turned_list(page, "Images turned away", page_member(page, "fallback", "images"),
                    status_number(page_member(page, "fallback", "imageCount")));
    page_put(page, "</dl>");
}

static bool put_refusal(const struct html_page *page, yyjson_val *item, int which)
{
    (void)which;
    page_put(page, "<li>");
    page_text(page, json_member(item, "image"));
    page_put(page, "<small>");
    page_text(page, json_member(item, "reason"));
    page_put(page, "</small></li>");
    return true;
}

static bool put_pause(const struct html_page *page, yyjson_val *item, int which)
{
    const struct slice pause = json_text(json_member(item, "pause"));

    (void)which;
    if (!pause.len)
        return false;
    page_put(page, "<li class=warns>");
    page_text(page, json_member(item, "prefix"));
    page_put(page, ": none until ");
    page_time(page, json_member(item, "pausedUntil"));
    page_put(page, slice_is(pause, "throttled") ? ": too many requests" : ": no answer");
    page_put(page, "</li>");
    return true;
}

static void put_held(const struct html_page *page)
{
    const uint64_t unlisted = status_number(page_member(page, "cached", "unlisted"));
    const uint64_t repositories = status_number(page_member(page, "cached", "repositories"));

    page_row(page, "Held");
    page_count(page, page_member(page, "cached", "tags"), "tag");
    page_put(page, ", ");
    page_count(page, page_member(page, "cached", "digests"), "digest");
    page_put(page, " in ");
    html_number(page->out, repositories);
    page_put(page, repositories == 1 ? " repository" : " repositories");
    if (unlisted) {
        page_put(page, "<br><span class=waits>");
        html_number(page->out, unlisted);
        page_put(page, " of them still to be listed</span>");
    }
    page_row_end(page);
}

void section_cached(const struct html_page *page)
{
    const struct slice state = json_text(page_member(page, "cached", "state"));

    if (!state.len || slice_is(state, "off"))
        return;
    page_put(page, "<h2>What ECR holds</h2><dl>");
    put_held(page);
    page_problem(page, "Problem", page_member(page, "cached", "problem"));
    page_row(page, "Imports");
    page_count(page, page_member(page, "cached", "queued"), "image");
    page_put(page, " to come");
    page_items(page, page_member(page, "cached", "upstreams"), put_pause);
    page_row_end(page);
    if (status_number(page_member(page, "cached", "refusedCount"))) {
        page_row(page, "Not imported");
        page_count(page, page_member(page, "cached", "refusedCount"), "image");
        page_items(page, page_member(page, "cached", "refused"), put_refusal);
        page_row_end(page);
    }
    page_put(page, "</dl>");
}

static bool put_note(const struct html_page *page, yyjson_val *item, int which)
{
    (void)which;
    page_put(page, "<li>");
    page_text(page, item);
    page_put(page, "</li>");
    return true;
}

static void put_pass(const struct html_page *page)
{
    yyjson_val *last = page_member(page, "reconcile", "lastPass"),
               *next = page_member(page, "reconcile", "nextPass");
    const bool off = slice_is(json_text(page_member(page, "reconcile", "mode")), "off");

    page_row(page, "ECR's rules");
    page_put(page, "mode ");
    page_text(page, page_member(page, "reconcile", "mode"));
    if (last) {
        page_put(page, "<br>last pass ");
        page_time(page, last);
        page_put(page, ": ");
        page_text(page, page_member(page, "reconcile", "outcome"));
    }
    if (!off) {
        page_put(page, "<br>next pass ");
        page_time(page, next);
        page_put(page, next ? "" : "now");
    }
    page_row_end(page);
    page_problem(page, "Problem", page_member(page, "reconcile", "problem"));
    if (yyjson_arr_size(page_member(page, "reconcile", "notes"))) {
        page_row(page, "Notes");
        page_items(page, page_member(page, "reconcile", "notes"), put_note);
        page_row_end(page);
    }
}

static void put_aws(const struct html_page *page)
{
    yyjson_val *account = page_member(page, "reconcile", "account"),
               *host = page_member(page, "ruleSet", "host");
    yyjson_val *keys = page_member(page, "reconcile", "credentials");

    page_row(page, "Registry");
    if (host)
        page_text(page, host);
    else
        page_put(page, "<span class=bad>not known</span>");
    page_row_end(page);
    if (!account && !keys)
        return;
    page_row(page, "AWS");
    page_put(page, account ? "account " : "");
    page_text(page, account);
    page_put(page, account ? ", " : "");
    page_text(page, page_member(page, "reconcile", "region"));
    page_put(page, keys ? "<br>keys from " : "");
    page_text(page, keys);
    page_row_end(page);
}

static void put_certificate(const struct html_page *page)
{
    static const struct page_meaning bundles[] = {
        {"current", "<br>trusted by the webhook's caBundle", "good"},
        {"differs", "<br>not what the webhook's caBundle trusts", "warns"},
        {"absent", "<br>there is no MutatingWebhookConfiguration", "warns"},
        {"unknown", "<br>the caBundle was not seen yet", "waits"},
    };
    yyjson_val *end = page_member(page, "certificate", "notAfter");
    yyjson_val *bundle = page_member(page, "certificate", "bundle");

    page_row(page, "Certificate");
    if (end) {
        page_put(page, status_time(end) < page->now_s ? "<span class=bad>expired "
                                                      : "<span>valid until ");
        page_time(page, end);
        page_put(page, "</span>");
    } else {
        page_put(page, "<span class=bad>none</span>");
    }
    page_put(page, bundle ? "; made by the program" : "; from files");
    page_meaning(page, json_member(bundle, "state"), bundles, sizeof(bundles) / sizeof(bundles[0]));
    page_row_end(page);
    page_problem(page, "Problem", page_member(page, "certificate", "problem"));
    page_problem(page, "caBundle", json_member(bundle, "problem"));
}

void section_replica(const struct html_page *page)
{
    page_put(page, "<h2>This replica</h2><dl>");
    put_aws(page);
    put_pass(page);
    put_certificate(page);
    page_row(page, "Configuration");
    page_put(page, "<code>");
    page_text(page, page_member(page, "configuration", "hash"));
    page_put(page, "</code>, loaded ");
    page_time(page, page_member(page, "configuration", "loaded"));
    page_row_end(page);
    page_problem(page, "Problem", page_member(page, "configuration", "problem"));
    page_put(page, "</dl>");
}
