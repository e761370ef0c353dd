/*
 * It shows what /status says, and asks nothing else, so that there is one truth, which has been
 * redacted once. Where there is more of it than fits, lists end early and say so, and texts are
 * cut.
 */
#include "status_html.h"

#include "html.h"
#include "html_page.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/core/rules/outcome.h"
#include "pullthrough/core/rules/upstream_status.h"
#include "status_sections.h"
#include "status_verdict.h"

#include <stdbool.h>

enum {
    ARENA_MAX = 16 * 1024 * 1024, /* for /status in memory, which has 1 MiB at most */
    SENTENCE_MAX = 1024,
};

const struct http_header status_html_headers[] = {
    {"content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'"},
    {"x-content-type-options", "nosniff"},
    {"referrer-policy", "no-referrer"},
    {"cache-control", "no-store"},
    {0},
};

/* Light and dark; a table's rows become blocks where there is no room for columns. */
static const char head[] =
    "<!doctype html><html lang=en><head><meta charset=utf-8>"
    "<meta name=viewport content=\"width=device-width\">"
    "<meta name=color-scheme content=\"light dark\"><style>"
    ":root{--b:#f7f6f3;--c:#fff;--i:#1e1c1a;--d:#625c55;--l:#e4e0d9;"
    "--good:#1a6b3c;--waits:#3a5a94;--warns:#8a4d00;--bad:#a8231d}"
    "@media(prefers-color-scheme:dark){:root{--b:#161513;--c:#201f1c;--i:#ece8e2;--d:#a8a299;"
    "--l:#37342f;--good:#78d197;--waits:#9fbaec;--warns:#ecb368;--bad:#ff958c}}"
    "*{box-sizing:border-box;margin:0}"
    "body{max-width:60rem;margin:auto;padding:2rem 1rem;background:var(--b);color:var(--i);"
    "font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}"
    "h1{margin:.6rem 0;padding-left:.9rem;border-left:.3rem solid;font-size:1.6rem;"
    "line-height:1.25;text-wrap:balance}h1 span{color:var(--i)}"
    "h2{margin:2.2rem 0 .6rem;font-size:1rem}"
    ".good{color:var(--good)}.waits{color:var(--waits)}.warns{color:var(--warns)}"
    ".bad{color:var(--bad)}small,footer,header p,dt,.off{color:var(--d)}"
    "small,footer,header p,dt{font-size:.9rem}small{display:block;font-weight:400}"
    "b,th{font-weight:600}i{padding:.1rem .6rem;border-radius:1rem;font-style:normal;"
    "font-size:.9rem;background:color-mix(in srgb,currentColor 10%,transparent)}"
    "a{color:inherit}code{font:.95em ui-monospace,monospace}"
    "table,dl{width:100%;background:var(--c);border:1px solid var(--l);border-radius:.6rem;"
    "border-spacing:0}"
    "th,td,dl div{padding:.6rem .9rem;text-align:left;vertical-align:top}"
    "tr+tr>*,dl div+div{border-top:1px solid var(--l)}"
    "th{min-width:12rem}.s{white-space:nowrap}td:last-child{width:99%}"
    ".n{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}"
    "dl div{display:grid;grid-template-columns:12rem 1fr}"
    ".k{display:flex}.k div{display:block;flex:1}.k div+div{border:0;border-left:1px solid "
    "var(--l)}"
    ".k dd{font-size:1.4rem}"
    "ul{padding-left:1.1rem}footer{margin-top:2rem}"
    "@media(max-width:40rem){th{min-width:0}tr{display:grid;grid-template-columns:1fr auto}"
    ".r tr{grid-template-columns:auto 1fr}td:last-child{width:auto;grid-column:1/3;padding-top:0}"
    "tr+tr>td:last-child{border:0}dl div{display:block}.k div{padding:.5rem .6rem}"
    "h1{font-size:1.35rem}}"
    "</style>";

static void put_header(const struct html_page *page)
{
    STRBUF_CLEANUP struct strbuf sentence = STRBUF_INIT(SENTENCE_MAX);
    const struct status_verdict verdict =
        status_verdict_print(page->status, page->now_s, &sentence);
    yyjson_val *replica = json_member(page->status, "replica");

    page_put(page, "<title>pullthrough: ");
    html_text(page->out, strbuf_slice(&sentence), page->text_most);
    page_put(page, "</title></head><body><header><p>pullthrough ");
    page_text(page, json_member(page->status, "version"));
    if (replica) {
        page_put(page, " on <b>");
        page_text(page, replica);
        page_put(page, "</b>");
    }
    strbuf_add_format(page->out, "</p><h1 class=%s><span>", status_level_name(verdict.level));
    html_text(page->out, strbuf_slice(&sentence), page->text_most);
    page_put(page, "</span></h1>");
    if (verdict.why.len) {
        page_put(page, "<p>");
        html_text(page->out, verdict.why, page->text_most);
        page_put(page, "</p>");
    }
    if (verdict.advice) {
        page_put(page, "<p>What to do: ");
        html_words(page->out, verdict.advice);
        page_put(page, ".</p>");
    }
    page_put(page, "</header><main>");
}

/* UPSTREAM_STATE_COUNT where there is no such state. */
static int state_of(yyjson_val *upstream)
{
    const struct slice name = json_text(json_member(upstream, "state"));
    int state = 0;

    while (state < UPSTREAM_STATE_COUNT &&
           !slice_is(name, upstream_state_name((enum upstream_state)state)))
        state++;
    return state;
}

/* First those that want a look, last those that are switched off. */
static int round_of(yyjson_val *upstream)
{
    const int state = state_of(upstream);

    if (state == UPSTREAM_DISABLED)
        return 2;
    return yyjson_is_true(json_member(upstream, "rewritten")) && state == UPSTREAM_READY;
}

enum { UPSTREAM_ROUNDS = 3, REASON_LONG = 60 };

/* The first one of the same round that tells the same, at length: one call failed for all. NULL:
 * it is itself the first. */
static yyjson_val *same_before(const struct html_page *page, yyjson_val *upstream)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(page_member(page, "ruleSet", "upstreams"));
    const struct slice reason = json_text(json_member(upstream, "reason"));

    for (yyjson_val *each; (each = yyjson_arr_iter_next(&iter)) && each != upstream;)
        if (reason.len > REASON_LONG && state_of(each) == state_of(upstream) &&
            round_of(each) == round_of(upstream) &&
            slice_equal(json_text(json_member(each, "reason")), reason))
            return each;
    return NULL;
}

/* Why, and what to do. */
static void put_why(const struct html_page *page, yyjson_val *upstream)
{
    const int state = state_of(upstream);
    const char *advice =
        state < UPSTREAM_STATE_COUNT ? upstream_state_advice((enum upstream_state)state) : NULL;
    yyjson_val *same = same_before(page, upstream);

    if (same) {
        page_put(page, "as for ");
        page_text(page, json_member(same, "registry"));
        return;
    }
    page_text(page, json_member(upstream, "reason"));
    if (advice) {
        page_put(page, "<small>What to do: ");
        html_words(page->out, advice);
        page_put(page, ".</small>");
    }
}

static bool put_upstream(const struct html_page *page, yyjson_val *upstream, int which)
{
    static const char *const levels[UPSTREAM_ROUNDS] = {"warns", "good", "off"};

    if (which != round_of(upstream))
        return false;
    page_put(page, "<tr><th scope=row>");
    page_text(page, json_member(upstream, "registry"));
    page_put(page, "<small>");
    page_text(page, json_member(upstream, "prefix"));
    strbuf_add_format(page->out, "</small></th><td class=\"s %s\"><i>", levels[which]);
    page_text(page, json_member(upstream, "state"));
    page_put(page, "</i></td><td>");
    put_why(page, upstream);
    page_put(page, "</td></tr>");
    return true;
}

static void put_upstreams(const struct html_page *page)
{
    page_put(page, "<h2>Upstreams</h2><table>");
    page_list(page, page_member(page, "ruleSet", "upstreams"), put_upstream, UPSTREAM_ROUNDS, true);
    page_put(page, "</table>");
}

static bool put_reason(const struct html_page *page, yyjson_val *item, int which)
{
    const struct slice reason = json_text(json_member(item, "reason"));

    (void)which;
    page_put(page, "<tr><td class=n>");
    html_number(page->out, status_number(json_member(item, "images")));
    page_put(page, "</td><td class=s>");
    page_text(page, json_member(item, "reason"));
    page_put(page, "</td><td>");
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (slice_is(reason, outcome_name((enum outcome)i)))
            page_put(page, outcome_explanation((enum outcome)i));
    page_put(page, "</td></tr>");
    return true;
}

static void put_tile(const struct html_page *page, const char *name, uint64_t number)
{
    page_row(page, name);
    html_number(page->out, number);
    page_row_end(page);
}

static void put_counts(const struct html_page *page)
{
    yyjson_val *reasons = page_member(page, "counts", "leftAlone"), *each;
    yyjson_arr_iter iter = yyjson_arr_iter_with(reasons);
    uint64_t left = 0;

    while ((each = yyjson_arr_iter_next(&iter)))
        left += status_number(json_member(each, "images"));
    page_put(page, "<h2>Since the start, ");
    html_span(page->out, (int64_t)status_number(json_member(page->status, "uptimeSeconds")));
    page_put(page, " ago</h2><dl class=k>");
    put_tile(page, "reviews", status_number(page_member(page, "counts", "reviews")));
    put_tile(page, "images rewritten", status_number(page_member(page, "counts", "rewritten")));
    put_tile(page, "images left alone", left);
    page_put(page, "</dl>");
    if (status_number(page_member(page, "counts", "notUnderstood"))) {
        page_put(page, "<p class=warns>");
        page_count(page, page_member(page, "counts", "notUnderstood"), "review");
        page_put(page, " not understood: their pods went by unchanged. The log says why.</p>");
    }
    if (left) {
        page_put(page, "<h2>Images left alone</h2><table class=r>");
        page_list(page, reasons, put_reason, 1, true);
        page_put(page, "</table>");
    }
}

static void put_footer(const struct html_page *page)
{
    page_put(page, "</main><footer>As of ");
    timestamp_print_rfc3339(page->out, page->now_s);
    page_put(page, ", commit ");
    page_text(page, json_member(page->status, "commit"));
    page_put(page, ". More: <a href=\"status?pretty\">status</a>, <a href=metrics>metrics</a>."
                   "</footer></body></html>\n");
}

static void put_page(const struct html_page *page)
{
    page_put(page, head);
    put_header(page);
    put_upstreams(page);
    put_counts(page);
    section_fallback(page);
    section_cached(page);
    section_replica(page);
    put_footer(page);
}

int status_html_print(struct slice status, int64_t now_s, struct strbuf *out)
{
    static const struct {
        size_t list_most, text_most;
    } rooms[] = {{4096, 400}, {2048, 300}, {1024, 200}, {512, 120}, {256, 80}, {0, 40}};
    const size_t begin = out->len;
    ARENA_CLEANUP struct arena arena;
    struct html_page page = {.out = out, .now_s = now_s};
    bool too_much;

    arena_init(&arena, json_arena_bytes(status.len));
    arena.ceiling = ARENA_MAX;
    page.status = json_arena_read(&arena, status, &too_much);
    if (!page.status)
        return -1;
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        page.list_most = rooms[i].list_most;
        page.text_most = rooms[i].text_most;
        strbuf_truncate(out, begin);
        put_page(&page);
        if (out->len - begin <= STATUS_HTML_MAX)
            break;
    }
    return 0;
}
