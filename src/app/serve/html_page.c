/*
 * What keeps a page small is here: texts are cut, and lists end early.
 */
#include "html_page.h"

#include "html.h"
#include "pullthrough/core/json/json_member.h"

enum { TIME_BYTES = sizeof("2026-11-21T12:00:00Z") - 1 };

yyjson_val *page_member(const struct html_page *page, const char *object, const char *name)
{
    return status_member(page->status, object, name);
}

void page_put(const struct html_page *page, const char *html)
{
    strbuf_add_str(page->out, html);
}

void page_text(const struct html_page *page, yyjson_val *value)
{
    html_text(page->out, json_text(value), page->text_most);
}

void page_count(const struct html_page *page, yyjson_val *value, const char *noun)
{
    html_count(page->out, status_number(value), noun);
}

void page_time(const struct html_page *page, yyjson_val *value)
{
    const int64_t away_s = status_time(value) - page->now_s;
    const struct slice text = json_text(value);

    if (text.len != TIME_BYTES)
        return;
    if (away_s > -24 * 60 * 60 && away_s < 24 * 60 * 60)
        strbuf_add_format(page->out, "%.5s UTC, ", text.ptr + 11);
    else
        strbuf_add_format(page->out, "%.10s, ", text.ptr);
    page_put(page, away_s > 0 ? "in " : "");
    html_span(page->out, away_s > 0 ? away_s : -away_s);
    page_put(page, away_s > 0 ? "" : " ago");
}

void page_list(const struct html_page *page, yyjson_val *array, page_item_fn print, int rounds,
               bool in_table)
{
    const size_t end = page->out->len + page->list_most;
    uint64_t left = 0;

    for (int which = 0; which < rounds; which++) {
        yyjson_arr_iter iter = yyjson_arr_iter_with(array);

        for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
            const size_t before = page->out->len;

            if (print(page, item, which) && (left || page->out->len > end)) {
                strbuf_truncate(page->out, before);
                left++;
            }
        }
    }
    if (left)
        strbuf_add_format(page->out, "<%s>and %llu more</%s>", in_table ? "tr><td colspan=3" : "li",
                          (unsigned long long)left, in_table ? "td></tr" : "li");
}

void page_items(const struct html_page *page, yyjson_val *array, page_item_fn print)
{
    const size_t before = page->out->len;
    size_t begun;

    page_put(page, "<ul>");
    begun = page->out->len;
    page_list(page, array, print, 1, false);
    if (page->out->len == begun)
        strbuf_truncate(page->out, before);
    else
        page_put(page, "</ul>");
}

void page_row(const struct html_page *page, const char *name)
{
    strbuf_add_format(page->out, "<div><dt>%s</dt><dd>", name);
}

void page_row_end(const struct html_page *page)
{
    page_put(page, "</dd></div>");
}

void page_problem(const struct html_page *page, const char *name, yyjson_val *problem)
{
    if (!json_text(problem).len)
        return;
    page_row(page, name);
    page_put(page, "<span class=warns>");
    page_text(page, problem);
    page_put(page, "</span>");
    page_row_end(page);
}

void page_meaning(const struct html_page *page, yyjson_val *word,
                  const struct page_meaning *meanings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_is(json_text(word), meanings[i].word))
            strbuf_add_format(page->out, "<span class=%s>%s</span>", meanings[i].class,
                              meanings[i].text);
}
