/*
 * The page by what /status says: its sentence, its texts, and that it stays small whatever there is
 * to be said. What a browser makes of it: tests/it/test_serve_page.py.
 */
#include "app/serve/status_html.h"

#include "app/serve/html.h"
#include "app/serve/status_verdict.h"
#include "pullthrough/core/json/json_arena.h"
#include "pullthrough/core/rules/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1024 * 1024, NOW_S = 1795960800 /* 2026-11-29T14:00:00Z */ };

/* A replica that is well. A member that a row gives again counts as the row says. */
#define UPSTREAM(name, state, rewritten)                                                           \
    "{\"registry\":\"" name "\",\"prefix\":\"p-" name "\",\"rewritten\":" rewritten                \
    ",\"state\":\"" state "\",\"reason\":\"why\"}"
#define RULES(upstreams)                                                                           \
    "\"ruleSet\":{\"host\":\"h.example\",\"problem\":null,\"upstreams\":[" upstreams "]}"
#define WELL                                                                                       \
    "\"version\":\"1.2.3\",\"commit\":\"c0ffee\",\"replica\":\"web-1\",\"uptimeSeconds\":7200,"    \
    "\"draining\":false,\"counts\":{\"reviews\":1234567,\"notUnderstood\":0,\"rewritten\":1000,"   \
    "\"leftAlone\":[{\"reason\":\"digest\",\"images\":7}]},\"configuration\":{\"hash\":\"abc\","   \
    "\"loaded\":\"2026-11-29T12:00:00Z\",\"problem\":null},"                                       \
    "\"certificate\":{\"mode\":\"files\",\"problem\":null,\"notAfter\":\"2027-02-26T10:00:00Z\"}"  \
    "," RULES(UPSTREAM("a.io", "ready", "true") "," UPSTREAM(                                      \
        "b.io", "ready",                                                                           \
        "true")) ","                                                                               \
                 "\"reconcile\":{\"mode\":\"manage\",\"lastPass\":\"2026-11-29T13:58:00Z\","       \
                 "\"nextPass\":\"2026-11-29T14:08:30Z\",\"outcome\":\"complete\",\"problem\":"     \
                 "null,"                                                                           \
                 "\"account\":\"111122223333\",\"region\":\"us-west-2\",\"credentials\":"          \
                 "\"container\","                                                                  \
                 "\"changes\":0,\"notes\":[]},"                                                    \
                 "\"fallback\":{\"watch\":\"on\",\"probe\":\"good\",\"registryDownSince\":null,"   \
                 "\"upstreams\":[],\"imageCount\":0,\"images\":[]},\"cached\":{\"state\":\"off\"}"
#define CERTIFICATE(more) "\"certificate\":{\"notAfter\":\"2027-02-26T10:00:00Z\"," more "}"
#define FALLBACK(more)    "\"fallback\":{\"watch\":\"on\",\"probe\":\"good\"," more "}"
#define PASS(more)        "\"reconcile\":{\"mode\":\"manage\"," more "}"
#define TURNED(key, name, to)                                                                      \
    "{\"" key "\":\"" name "\",\"to\":\"" to "\",\"class\":\"absent\","                            \
    "\"until\":\"2026-11-29T14:15:00Z\"}"

static const struct {
    const char *change;
    enum status_level level;
    const char *sentence, *why;
} verdicts[] = {
    {"", STATUS_GOOD, "Images of all 2 upstreams come from the cache.", ""},
    {RULES(UPSTREAM("a.io", "ready", "true")), STATUS_GOOD, "Images of a.io come from the cache.",
     ""},
    {RULES(UPSTREAM("a.io", "ready", "true") "," UPSTREAM("z.io", "disabled", "false")),
     STATUS_GOOD, "Images of a.io come from the cache.", ""},
    {"\"cached\":{\"state\":\"on\"}", STATUS_GOOD,
     "Images of all 2 upstreams that ECR holds come from the cache.", ""},
    {FALLBACK(
         "\"images\":[" TURNED("image", "x", "upstream") "," TURNED("image", "y", "cache") "]"),
     STATUS_GOOD, "Images of all 2 upstreams come from the cache, but for 1.", ""},
    {"\"draining\":true", STATUS_WAITS, "This replica is ending, and answers what still comes.",
     ""},
    {"\"certificate\":{\"problem\":\"no such file\"}", STATUS_BAD,
     "No certificate is loaded: this replica takes no reviews.", "no such file"},
    {"\"certificate\":{\"notAfter\":\"2026-11-29T13:59:59Z\"}", STATUS_BAD,
     "The certificate has expired: the API server refuses this replica.", ""},
    {RULES(UPSTREAM("a.io", "unknown", "false")) "," PASS("\"lastPass\":null"), STATUS_WAITS,
     "ECR has not been looked at yet: until then images keep their own names.", ""},
    {PASS("\"lastPass\":null"), STATUS_GOOD, "Images of all 2 upstreams come from the cache.", ""},
    {"\"ruleSet\":{\"host\":null,\"problem\":\"no account\",\"upstreams\":[" UPSTREAM(
         "a.io", "ready", "false") "]}",
     STATUS_BAD, "Nothing is rewritten: the registry is not known.", "no account"},
    {FALLBACK("\"registryDownSince\":\"2026-11-29T13:00:00Z\""), STATUS_BAD,
     "The registry is down: all images keep their own names until it answers.", ""},
    {RULES(""), STATUS_BAD, "Nothing is rewritten: no upstream is switched on.", ""},
    {RULES(UPSTREAM("a.io", "denied", "false")), STATUS_BAD,
     "Nothing is rewritten: a.io is not ready.", ""},
    {RULES(UPSTREAM("a.io", "denied", "false") "," UPSTREAM("b.io", "missing", "false")) "," PASS(
         "\"lastPass\":\"2026-11-29T13:00:00Z\",\"problem\":\"denied\""),
     STATUS_BAD, "Nothing is rewritten: none of the 2 upstreams is ready.", "denied"},
    {CERTIFICATE("\"bundle\":{\"state\":\"absent\",\"problem\":\"not there\"}"), STATUS_BAD,
     "The API server doesn't know of this webhook, so nothing is rewritten.", "not there"},
    {CERTIFICATE("\"bundle\":{\"state\":\"differs\",\"problem\":null}"), STATUS_WARNS,
     "The API server may refuse this replica: the webhook's caBundle isn't its.", ""},
    {RULES(UPSTREAM("a.io", "ready", "true") "," UPSTREAM("b.io", "missing", "false")),
     STATUS_WARNS, "b.io is not rewritten; the other upstream is.", ""},
    {RULES(UPSTREAM("b.io", "missing", "false") "," UPSTREAM("a.io", "ready", "true") "," UPSTREAM(
         "c.io", "ready", "true")),
     STATUS_WARNS, "b.io is not rewritten; the other upstreams are.", ""},
    {RULES(UPSTREAM("b.io", "missing", "false") "," UPSTREAM("a.io", "ready", "true") "," UPSTREAM(
         "c.io", "denied", "false")),
     STATUS_WARNS, "2 of 3 upstreams are not rewritten.", ""},
    {FALLBACK("\"upstreams\":[" TURNED("prefix", "p", "upstream") "," TURNED("prefix", "q",
                                                                             "cache") "]"),
     STATUS_WARNS,
     "Images of p keep their own names for now: nodes can't pull them from the cache.", ""},
    {FALLBACK("\"upstreams\":[" TURNED("prefix", "p", "upstream") "," TURNED("prefix", "q",
                                                                             "upstream") "]"),
     STATUS_WARNS,
     "Images of 2 upstreams keep their own names for now: nodes can't pull them from the cache.",
     ""},
    {"\"cached\":{\"state\":\"listing\",\"repositories\":17,\"unlisted\":3,\"problem\":null}",
     STATUS_WAITS,
     "What ECR holds is being listed, 3 of 17 repositories are still to come: until then images "
     "keep their own names.",
     ""},
    {"\"cached\":{\"state\":\"listing\",\"repositories\":17,\"unlisted\":3,\"problem\":\"slow\"}",
     STATUS_WARNS,
     "What ECR holds can't be listed now, 3 of 17 repositories are still to come: until then "
     "images keep their own names.",
     "slow"},
    {"\"cached\":{\"state\":\"listing\",\"repositories\":0,\"unlisted\":0,\"problem\":\"denied\"}",
     STATUS_BAD, "What ECR holds can't be listed now: until then images keep their own names.",
     "denied"},
    {"\"cached\":{\"state\":\"listing\",\"repositories\":0,\"unlisted\":0}", STATUS_WAITS,
     "What ECR holds is being listed: until then images keep their own names.", ""},
    {"\"cached\":{\"state\":\"on\",\"problem\":\"throttled\"}", STATUS_WARNS,
     "ECR can't be asked for images now: what it is known to hold goes on, nothing new is "
     "imported.",
     "throttled"},
    {PASS("\"lastPass\":\"2026-11-29T13:00:00Z\",\"outcome\":\"failed\",\"problem\":\"no way\""),
     STATUS_WARNS, "AWS could not be asked at the last pass: what was known before goes on.",
     "no way"},
    {"\"configuration\":{\"problem\":\"line 3\"}", STATUS_WARNS,
     "The configuration's file was refused: the one before is in use.", "line 3"},
    {CERTIFICATE("\"problem\":\"not a key\""), STATUS_WARNS,
     "The certificate can't be kept as it should: what is loaded goes on.", "not a key"},
    {CERTIFICATE("\"bundle\":{\"state\":\"current\",\"problem\":\"denied\"}"), STATUS_WARNS,
     "The certificate can't be kept as it should: what is loaded goes on.", "denied"},
    {"\"fallback\":{\"watch\":\"forbidden\"}", STATUS_WARNS,
     "What nodes can't pull isn't heard of: RBAC doesn't allow it.", ""},
    {"\"fallback\":{\"watch\":\"broken\"}", STATUS_WARNS,
     "What nodes can't pull isn't heard of: the API server can't be asked.", ""},
    /* the gravest goes first */
    {FALLBACK("\"registryDownSince\":\"2026-11-29T13:00:00Z\"") "," RULES(
         UPSTREAM("a.io", "missing", "false")) ",\"draining\":true",
     STATUS_WAITS, "This replica is ending, and answers what still comes.", ""},
    {FALLBACK("\"registryDownSince\":\"2026-11-29T13:00:00Z\"") "," RULES(
         UPSTREAM("a.io", "missing", "false")) ",\"configuration\":{\"problem\":\"line 3\"}",
     STATUS_BAD, "The registry is down: all images keep their own names until it answers.", ""},
};

/* A JSON object: a replica that is well, but for that. */
static void add_status(struct strbuf *out, const char *change)
{
    strbuf_add_format(out, "{" WELL "%s%s}", *change ? "," : "", change);
}

static void test_the_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX), said = STRBUF_INIT(TEXT_MAX);
        ARENA_CLEANUP struct arena arena;
        struct status_verdict verdict;
        bool too_much;

        arena_init(&arena, 0);
        add_status(&text, verdicts[i].change);
        verdict = status_verdict_print(json_arena_read(&arena, strbuf_slice(&text), &too_much),
                                       NOW_S, &said);
        if (strcmp(strbuf_str(&said), verdicts[i].sentence) != 0 ||
            verdict.level != verdicts[i].level || !slice_is(verdict.why, verdicts[i].why))
            fail_msg("row %zu: %s, %s, %.*s", i, strbuf_str(&said),
                     status_level_name(verdict.level), SLICE_FMT(verdict.why));
    }
}

static void test_text_is_text(void **state)
{
    static const struct {
        const char *text;
        size_t most;
        const char *want;
    } rows[] = {
        {"", 10, ""},
        {"plain", 5, "plain"},
        {"plain!", 5, "pl\xe2\x80\xa6"},
        {"<a href='x'>\"&\"", 100, "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;"},
        {"a\tb\nc\x01\x7f", 100, "a b c  "},
        {"\xc3\xa9\xc3\xa9\xc3\xa9", 6, "\xc3\xa9\xc3\xa9\xc3\xa9"},
        {"\xc3\xa9\xc3\xa9\xc3\xa9", 5, "\xc3\xa9\xe2\x80\xa6"},
        {"&&&", 14, "&amp;&amp;\xe2\x80\xa6"},
        {"&&&", 12, "&amp;\xe2\x80\xa6"},
        {"\xf0\x9f\x90\x8b!", 4, "\xe2\x80\xa6"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);

        html_text(&out, slice_str(rows[i].text), rows[i].most);
        assert_string_equal(strbuf_str(&out), rows[i].want);
    }
}

static void test_words_numbers_and_times(void **state)
{
    static const struct {
        int64_t seconds;
        const char *want;
    } spans[] = {
        {-5, "0 seconds"},  {0, "0 seconds"},         {1, "1 second"},   {119, "119 seconds"},
        {120, "2 minutes"}, {7199, "119 minutes"},    {7200, "2 hours"}, {172799, "47 hours"},
        {172800, "2 days"}, {86400000, "1,000 days"},
    };
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(TEXT_MAX);

    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        strbuf_clear(&out);
        html_span(&out, spans[i].seconds);
        assert_string_equal(strbuf_str(&out), spans[i].want);
    }
    strbuf_clear(&out);
    html_words(&out, "`a<b` or `c`, d");
    assert_string_equal(strbuf_str(&out), "<code>a&lt;b</code> or <code>c</code>, d");
    strbuf_clear(&out);
    html_number(&out, 1000);
    strbuf_add_char(&out, ' ');
    html_number(&out, 999);
    strbuf_add_char(&out, ' ');
    html_number(&out, UINT64_MAX);
    strbuf_add_char(&out, ' ');
    html_count(&out, 1, "tag");
    assert_string_equal(strbuf_str(&out), "1,000 999 18,446,744,073,709,551,615 1 tag");
}

static void has(const struct strbuf *page, const char *part)
{
    if (!strstr(strbuf_str(page), part))
        fail_msg("%s\nis not in\n%s", part, strbuf_str(page));
}

static void make_page(struct strbuf *page, const char *change)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX);

    add_status(&text, change);
    strbuf_clear(page);
    assert_int_equal(status_html_print(strbuf_slice(&text), NOW_S, page), 0);
    assert_true(page->len <= STATUS_HTML_MAX);
}

static void hasnt(const struct strbuf *page, const char *part)
{
    if (strstr(strbuf_str(page), part))
        fail_msg("%s\nis in\n%s", part, strbuf_str(page));
}

#define REASON                                                                                     \
    "ECR could not be asked: DescribePullThroughCacheRules: AccessDeniedException: not authorized"
#define FAILED(name)                                                                               \
    "{\"registry\":\"" name "\",\"prefix\":\"p-" name "\",\"rewritten\":false,\"state\":"          \
    "\"unknown\",\"reason\":\"" REASON "\"}"

static void test_what_a_page_says(void **state)
{
    STRBUF_CLEANUP struct strbuf page = STRBUF_INIT(TEXT_MAX);

    (void)state;
    make_page(&page, "");
    has(&page, "<title>pullthrough: Images of all 2 upstreams come from the cache.</title>");
    has(&page, "pullthrough 1.2.3 on <b>web-1</b>");
    has(&page, "Since the start, 2 hours ago");
    has(&page, "<dd>1,234,567</dd>");
    has(&page, "<td class=n>7</td><td class=s>digest</td><td>pinned by digest");
    has(&page, "last pass 13:58 UTC, 2 minutes ago: complete<br>next pass 14:08 UTC, in 8 minutes");
    has(&page, "account 111122223333, us-west-2<br>keys from container");
    has(&page, "valid until 2027-02-26, in 88 days</span>; from files");
    has(&page, "<code>abc</code>, loaded 12:00 UTC, 2 hours ago");
    has(&page, "As of 2026-11-29T14:00:00Z, commit c0ffee");
    hasnt(&page, "What ECR holds");
    hasnt(&page, "What to do");
    hasnt(&page, "Notes");
    make_page(&page, RULES(UPSTREAM("a.io", "ready", "true") "," UPSTREAM("b.io", "secret-missing",
                                                                          "false")));
    has(&page, "What to do: make the secret, with the keys <code>username</code>");
    assert_true(strstr(strbuf_str(&page), "p-b.io") < strstr(strbuf_str(&page), "p-a.io"));
    make_page(&page, RULES(FAILED("a.io") "," FAILED("b.io")));
    has(&page, "<td>" REASON "<small>What to do: see the reason");
    has(&page, "<td>as for a.io</td>");
    make_page(&page, PASS("\"lastPass\":null,\"nextPass\":null,\"notes\":[\"<i>&\"]"));
    has(&page, "next pass now");
    has(&page, "<li>&lt;i&gt;&amp;</li>");
    hasnt(&page, "last pass");
    make_page(&page, "\"reconcile\":{\"mode\":\"off\"}");
    hasnt(&page, "next pass");
    hasnt(&page, "AWS");
    make_page(&page, "\"fallback\":{\"watch\":\"off\",\"probe\":\"off\"}");
    hasnt(&page, "When the cache fails");
    make_page(&page, "\"cached\":{\"state\":\"on\",\"tags\":1200,\"digests\":1,\"repositories\":1,"
                     "\"queued\":3,\"refusedCount\":60,\"upstreams\":[{\"prefix\":\"q\",\"pause\":"
                     "null},{\"prefix\":\"p\",\"pause\":\"throttled\",\"pausedUntil\":"
                     "\"2026-11-29T14:03:00Z\"}],\"refused\":[{\"image\":\"p/x:1\",\"reason\":"
                     "\"gone\"}]}");
    has(&page, "1,200 tags, 1 digest in 1 repository");
    has(&page,
        "3 images to come<ul><li class=warns>p: none until 14:03 UTC, in 3 minutes: too many "
        "requests</li></ul>");
    has(&page, "60 images<ul><li>p/x:1<small>gone</small></li></ul>");
    assert_int_equal(status_html_print(slice_str("{"), NOW_S, &page), -1);
}

/* So many items, which all are the same. */
static void add_many(struct strbuf *out, const char *name, const char *item, int n)
{
    strbuf_add_format(out, ",\"%s\":[", name);
    for (int i = 0; i < n; i++)
        strbuf_add_format(out, "%s%s", i ? "," : "", item);
    strbuf_add_char(out, ']');
}

static void test_it_stays_small(void **state)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(TEXT_MAX), page = STRBUF_INIT(TEXT_MAX),
                                 item = STRBUF_INIT(TEXT_MAX);
    char foul[2001];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(foul); i++)
        foul[i] = "<&'>"[i % 4];
    foul[sizeof(foul) - 1] = '\0';
    strbuf_add_format(&text,
                      "{\"version\":\"%s\",\"commit\":\"%s\",\"replica\":\"%s\","
                      "\"uptimeSeconds\":99999999,\"counts\":{\"reviews\":18446744073709551615,"
                      "\"notUnderstood\":18446744073709551615,\"rewritten\":18446744073709551615",
                      foul, foul, foul);
    add_many(&text, "leftAlone", "{\"reason\":\"pull-secrets\",\"images\":18446744073709551615}",
             OUTCOME_COUNT);
    strbuf_add_format(&text,
                      "},\"configuration\":{\"hash\":\"%s\",\"loaded\":\"2020-01-01T00:00:00Z\","
                      "\"problem\":\"%s\"},\"certificate\":{\"notAfter\":\"2020-01-01T00:00:00Z\","
                      "\"problem\":\"%s\",\"bundle\":{\"state\":\"unknown\",\"problem\":\"%s\"}},"
                      "\"ruleSet\":{\"host\":\"%s\"",
                      foul, foul, foul, foul, foul);
    strbuf_add_format(&item,
                      "{\"registry\":\"%s\",\"prefix\":\"%s\",\"rewritten\":false,"
                      "\"state\":\"missing\",\"reason\":\"%s\"}",
                      foul, foul, foul);
    add_many(&text, "upstreams", strbuf_str(&item), 60);
    strbuf_add_format(&text,
                      "},\"reconcile\":{\"mode\":\"manage\",\"lastPass\":"
                      "\"2020-01-01T00:00:00Z\",\"nextPass\":\"2030-01-01T00:00:00Z\","
                      "\"outcome\":\"incomplete\",\"problem\":\"%s\",\"account\":\"%s\","
                      "\"region\":\"%s\",\"credentials\":\"%s\"",
                      foul, foul, foul, foul);
    strbuf_clear(&item);
    strbuf_add_format(&item, "\"%s\"", foul);
    add_many(&text, "notes", strbuf_str(&item), 3);
    strbuf_add_str(&text, "},\"fallback\":{\"watch\":\"broken\",\"probe\":\"unanswered\","
                          "\"registryDownSince\":\"2020-01-01T00:00:00Z\",\"imageCount\":512");
    strbuf_clear(&item);
    strbuf_add_format(&item,
                      "{\"image\":\"%.255s\",\"to\":\"cache\",\"class\":\"unreachable\","
                      "\"until\":\"2030-01-01T00:00:00Z\",\"reason\":\"%s\","
                      "\"prefix\":null,\"pause\":\"no-answer\"}",
                      foul, foul);
    add_many(&text, "images", strbuf_str(&item), 50);
    add_many(&text, "upstreams", strbuf_str(&item), 50);
    strbuf_add_format(&text,
                      "},\"cached\":{\"state\":\"listing\",\"problem\":\"%s\","
                      "\"refusedCount\":4096,\"unlisted\":8192,\"repositories\":8192",
                      foul);
    add_many(&text, "upstreams", strbuf_str(&item), 50);
    add_many(&text, "refused", strbuf_str(&item), 50);
    strbuf_add_str(&text, "}}");
    assert_false(strbuf_overflowed(&text));
    assert_int_equal(status_html_print(strbuf_slice(&text), NOW_S, &page), 0);
    assert_true(page.len <= STATUS_HTML_MAX);
    has(&page, "</footer></body></html>\n");
    has(&page, "and 60 more");
    hasnt(&page, "<&");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_sentence),
        cmocka_unit_test(test_text_is_text),
        cmocka_unit_test(test_words_numbers_and_times),
        cmocka_unit_test(test_what_a_page_says),
        cmocka_unit_test(test_it_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
