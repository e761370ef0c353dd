/*
 * What the sections of the page are made of: texts, times, lists and rows, from the JSON of
 * /status.
 */
#ifndef PULLTHROUGH_APP_SERVE_HTML_PAGE_H
#define PULLTHROUGH_APP_SERVE_HTML_PAGE_H

#include "pullthrough/core/base/strbuf.h"
#include "status_verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct html_page {
    struct strbuf *out;
    yyjson_val *status; /* the root of /status */
    int64_t now_s;
    size_t list_most, text_most; /* bytes, of each */
};

/* status_member() of its /status. */
yyjson_val *page_member(const struct html_page *page, const char *object, const char *name);

/* HTML of ours. */
void page_put(const struct html_page *page, const char *html);
void page_text(const struct html_page *page, yyjson_val *value);
/* html_count() */
void page_count(const struct html_page *page, yyjson_val *value, const char *noun);
/* "15:04 UTC", or the day where that isn't near; then how far from now. Nothing without a time. */
void page_time(const struct html_page *page, yyjson_val *value);

/* Print an item of a list, or leave it to another round: then false, and nothing is printed. */
typedef bool (*page_item_fn)(const struct html_page *page, yyjson_val *item, int which);

/* Print the items of `array` that there is room for, then how many more there are, as a row or
 * as an item. Of several rounds each prints the items that are its own. */
void page_list(const struct html_page *page, yyjson_val *array, page_item_fn print, int rounds,
               bool in_table);

/* The same as a list of its own, which isn't there without items. */
void page_items(const struct html_page *page, yyjson_val *array, page_item_fn print);

/* A row of a list of facts; its value and end are the caller's. */
void page_row(const struct html_page *page, const char *name);
void page_row_end(const struct html_page *page);
/* A row of what is wrong, if anything is. */
void page_problem(const struct html_page *page, const char *name, yyjson_val *problem);

/* What a word of /status means to a reader, and how that is meant. */
struct page_meaning {
    const char *word, *text, *class; /* the text is HTML */
};
void page_meaning(const struct html_page *page, yyjson_val *word,
                  const struct page_meaning *meanings, size_t n);

#endif
