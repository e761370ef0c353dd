/*
 * On a terminal a digest is shown by its beginning, with dots behind it, and a time by its day;
 * lines for programs and JSON have the whole of them.
 */
#include "images_list.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/base/timestamp.h"
#include "pullthrough/core/json/json_writer.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST_SHOWN = sizeof("sha256:") - 1 + 12, DAY_BYTES = 10, CELL_MAX = 1024, COLUMNS = 6 };

struct row {
    const struct images_found *found;
    const char *tag; /* "" where it has none */
};

static int by_name(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = strcmp(a->found->repository, b->found->repository);

    if (order == 0)
        order = strcmp(a->tag, b->tag);
    return order ? order : strcmp(a->found->image.digest, b->found->image.digest);
}

static void add_time(struct text_table *table, int64_t seconds, struct text_look look)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CELL_MAX);

    if (seconds)
        timestamp_print_rfc3339(&text, seconds);
    if (look.terminal && text.len > DAY_BYTES)
        strbuf_truncate(&text, DAY_BYTES);
    text_table_add(table, strbuf_slice(&text), TEXT_NO_COLOUR);
}

/* Without its repository on a terminal. */
static void add_row(struct text_table *table, const struct row *row, struct text_look look)
{
    STRBUF_CLEANUP struct strbuf cell = STRBUF_INIT(CELL_MAX);
    const struct ecr_image *image = &row->found->image;

    if (!look.terminal)
        text_table_add(table, slice_str(row->found->repository), TEXT_NO_COLOUR);
    strbuf_add_format(&cell, "%s%s", look.terminal ? "  " : "",
                      look.terminal && !*row->tag ? "-" : row->tag);
    text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
    strbuf_clear(&cell);
    strbuf_add_str(&cell, image->digest);
    if (look.terminal && cell.len > DIGEST_SHOWN) {
        strbuf_truncate(&cell, DIGEST_SHOWN);
        strbuf_add_str(&cell, "\xe2\x80\xa6");
    }
    text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
    strbuf_clear(&cell);
    if (look.terminal)
        text_add_bytes(&cell, image->size_bytes);
    else
        strbuf_add_u64(&cell, image->size_bytes);
    text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
    add_time(table, image->pushed_s, look);
    add_time(table, image->pulled_s, look);
}

/* In the order of the table; the caller frees. *untagged: how many were left out. */
static struct row *rows_of(const struct images_list *list, bool all, size_t *n, size_t *untagged)
{
    struct row *rows = NULL;
    size_t size = 0;

    *n = *untagged = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct ecr_image *image = &list->items[i].image;

        for (size_t k = 0; k < image->n_tags || (k == 0 && all); k++) {
            rows = alloc_grown(rows, *n, &size, sizeof(*rows));
            rows[(*n)++] = (struct row){&list->items[i], image->n_tags ? image->tags[k] : ""};
        }
        *untagged += image->n_tags == 0 && !all;
    }
    if (*n)
        qsort(rows, *n, sizeof(*rows), by_name);
    return rows;
}

/* Each repository above its own. */
static void add_rows(struct strbuf *out, const struct text_table *table, const struct row *rows,
                     size_t n, struct text_look look)
{
    strbuf_add_str(out, "REPOSITORY\n");
    text_table_print_heading(table, look, out);
    for (size_t i = 0; i < n; i++) {
        const char *repository = rows[i].found->repository;

        if (i == 0 || strcmp(rows[i - 1].found->repository, repository) != 0) {
            text_add_printable(out, slice_str(repository));
            strbuf_add_char(out, '\n');
        }
        text_table_print_row(table, i, look, out);
    }
}

void images_list_table(const struct images_list *list, bool all, struct text_look look,
                       struct strbuf *out)
{
    static const char *const headings[] = {"REPOSITORY", "  TAG",  "DIGEST",
                                           "SIZE",       "PUSHED", "LAST PULL"};
    struct text_table *table = look.terminal ? text_table_new(headings + 1, COLUMNS - 1)
                                             : text_table_new(headings, COLUMNS);
    size_t n, untagged;
    struct row *rows = rows_of(list, all, &n, &untagged);

    for (size_t i = 0; i < n; i++)
        add_row(table, &rows[i], look);
    if (look.terminal && n)
        add_rows(out, table, rows, n, look);
    else
        text_table_print(table, look, out);
    if (look.terminal && untagged)
        strbuf_add_format(out, "%s%zu image%s without a tag, mostly parts of these: --all\n",
                          n ? "\n" : "", untagged, untagged == 1 ? "" : "s");
    text_table_free(table);
    free(rows);
}

void images_list_names(const struct images_list *list, bool all, struct strbuf *out)
{
    size_t n, untagged;
    struct row *rows = rows_of(list, all, &n, &untagged);

    for (size_t i = 0; i < n; i++) {
        const struct images_found *found = rows[i].found;

        strbuf_add_format(out, "%s%c%s\n", found->repository, *rows[i].tag ? ':' : '@',
                          *rows[i].tag ? rows[i].tag : found->image.digest);
    }
    free(rows);
}

static void add_json_time(struct json_writer *json, const char *name, int64_t seconds)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(CELL_MAX);

    if (seconds)
        timestamp_print_rfc3339(&text, seconds);
    json_add_text(json, name, seconds ? strbuf_str(&text) : NULL);
}

void images_list_json(const struct images_list *list, struct strbuf *out)
{
    struct json_writer json = json_begin(out, false);

    json_add_array(&json, "images");
    for (size_t i = 0; i < list->n; i++) {
        const struct ecr_image *image = &list->items[i].image;

        json_add_line(&json, 4);
        json_add_object(&json, NULL);
        json_add_text(&json, "repository", list->items[i].repository);
        json_add_array(&json, "tags");
        for (size_t k = 0; k < image->n_tags; k++)
            json_add_text(&json, NULL, image->tags[k]);
        json_end(&json);
        json_add_text(&json, "digest", image->digest);
        json_add_number(&json, "sizeBytes", image->size_bytes);
        add_json_time(&json, "pushedAt", image->pushed_s);
        add_json_time(&json, "lastPulledAt", image->pulled_s);
        json_end(&json);
    }
    json_end_all(&json);
    strbuf_add_char(out, '\n');
}
