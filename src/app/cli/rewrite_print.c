/*
 * The report as text: the table, the JSON document, the lines of --check and of standard error.
 *
 * Texts come from manifests of anybody; nothing of them reaches a terminal as it is.
 */
#include "rewrite_report.h"

#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/json/json_writer.h"

#include <stdlib.h>

static bool has_rule(const struct manifest_image *image)
{
    return image->upstream >= 0;
}

/* "docker.io -> dockercache", or nothing. */
static void add_rule(const struct rewrite_report *report, const struct manifest_image *image,
                     struct strbuf *out)
{
    if (!has_rule(image))
        return;
    strbuf_add_slice(out, rule_set_registry(report->rules, image->upstream));
    strbuf_add_str(out, " -> ");
    strbuf_add_slice(out, rule_set_prefix(report->rules, image->upstream));
}

static const char *word_for(const struct manifest_image *image)
{
    return image->obstacle != MANIFEST_EDITABLE ? manifest_obstacle_name(image->obstacle)
                                                : outcome_name(image->outcome);
}

static void add_explanation(const struct manifest_image *image, struct strbuf *out)
{
    if (image->obstacle != MANIFEST_EDITABLE) {
        strbuf_add_str(out, manifest_obstacle_explanation(image->obstacle));
        return;
    }
    strbuf_add_str(out, outcome_explanation(image->outcome));
    if (image->reason)
        strbuf_add_format(out, ": %s", image->reason);
}

static void add_place(const struct rewrite_entry *entry, struct strbuf *out)
{
    if (entry->file) {
        text_add_printable(out, slice_str(entry->file));
        strbuf_add_format(out, ":%zu:%zu", entry->image.line, entry->image.column);
    }
}

static enum text_colour colour_of(const struct manifest_image *image)
{
    switch (image->outcome) {
    case OUTCOME_REWRITTEN: return TEXT_GREEN;
    case OUTCOME_INVALID: return image->obstacle == MANIFEST_EDITABLE ? TEXT_RED : TEXT_YELLOW;
    case OUTCOME_RULE_NOT_READY:
    case OUTCOME_TOO_LONG: return TEXT_YELLOW;
    default: return TEXT_NO_COLOUR;
    }
}

enum { CELL_MAX = 8192, IMAGE_COLUMNS = 4, PLACE_COLUMNS = 3 };

static void add_row(const struct rewrite_report *report, const struct rewrite_entry *entry,
                    struct text_table *table)
{
    STRBUF_CLEANUP struct strbuf cell = STRBUF_INIT(CELL_MAX);
    const struct manifest_image *image = &entry->image;

    if (entry->file) {
        add_place(entry, &cell);
        text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
        strbuf_clear(&cell);
        strbuf_add_slice(&cell, image->kind);
        strbuf_add_str(&cell, image->object.len ? "/" : "");
        strbuf_add_slice(&cell, image->object);
        text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
        text_table_add(table, image->container, TEXT_NO_COLOUR);
    }
    text_table_add(table, image->original, TEXT_NO_COLOUR);
    text_table_add(table, slice_str(word_for(image)), colour_of(image));
    strbuf_clear(&cell);
    add_rule(report, image, &cell);
    text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
    strbuf_clear(&cell);
    if (image->outcome != OUTCOME_REWRITTEN)
        add_explanation(image, &cell);
    strbuf_add_slice(&cell, image->rewritten);
    text_table_add(table, strbuf_slice(&cell), TEXT_NO_COLOUR);
}

void rewrite_report_table(const struct rewrite_report *report, struct text_look look,
                          struct strbuf *out)
{
    static const char *const headings[] = {"WHERE",   "OBJECT", "CONTAINER",         "IMAGE",
                                           "OUTCOME", "RULE",   "BECOMES OR WHY NOT"};
    bool places = report->n_entries > 0 && report->entries[0].file;
    struct text_table *table = text_table_new(headings + (places ? 0 : PLACE_COLUMNS),
                                              IMAGE_COLUMNS + (places ? PLACE_COLUMNS : 0));

    text_table_fold(table, places ? 1u << 1 | 1u << 2 | 1u << 5 | 1u << 6 : 1u << 2 | 1u << 3);
    for (size_t i = 0; i < report->n_entries; i++)
        add_row(report, &report->entries[i], table);
    text_table_print(table, look, out);
    text_table_free(table);
}

static void add_image_json(const struct rewrite_report *report, const struct rewrite_entry *entry,
                           struct json_writer *json)
{
    STRBUF_CLEANUP struct strbuf explanation = STRBUF_INIT(CELL_MAX);
    const struct manifest_image *image = &entry->image;

    json_add_line(json, 0);
    json_add_object(json, NULL);
    json_add_slice(json, "image", image->original);
    json_add_text(json, "outcome", outcome_name(image->outcome));
    if (image->obstacle != MANIFEST_EDITABLE)
        json_add_text(json, "obstacle", manifest_obstacle_name(image->obstacle));
    if (image->outcome == OUTCOME_REWRITTEN)
        json_add_slice(json, "rewritten", image->rewritten);
    add_explanation(image, &explanation);
    json_add_slice(json, "explanation", strbuf_slice(&explanation));
    if (has_rule(image)) {
        json_add_slice(json, "upstream", rule_set_registry(report->rules, image->upstream));
        json_add_slice(json, "prefix", rule_set_prefix(report->rules, image->upstream));
    }
    if (entry->file) {
        json_add_text(json, "file", entry->file);
        json_add_number(json, "document", image->document);
        json_add_number(json, "line", image->line);
        json_add_number(json, "column", image->column);
        json_add_slice(json, "kind", image->kind);
        json_add_slice(json, "namespace", image->namespace);
        json_add_slice(json, "name", image->object);
        json_add_slice(json, "path", slice_str(image->path));
        json_add_slice(json, "container", image->container);
    }
    json_end(json);
}

static void add_other_json(const struct rewrite_other *entry, struct json_writer *json)
{
    json_add_line(json, 0);
    json_add_object(json, NULL);
    json_add_slice(json, "file", slice_str(entry->file));
    json_add_number(json, "document", entry->other.document);
    json_add_number(json, "line", entry->other.line);
    json_add_slice(json, "apiVersion", entry->other.version);
    json_add_slice(json, "kind", entry->other.kind);
    json_add_slice(json, "name", entry->other.object);
    json_add_number(json, "images", entry->other.images);
    json_end(json);
}

void rewrite_report_json_images(const struct rewrite_report *report, struct json_writer *json)
{
    for (size_t i = 0; i < report->n_entries; i++)
        add_image_json(report, &report->entries[i], json);
}

void rewrite_report_json_end(const struct rewrite_report *report, struct json_writer *json)
{
    json_end(json);
    json_add_array(json, "others");
    for (size_t i = 0; i < report->n_others; i++)
        add_other_json(&report->others[i], json);
    json_end(json);
    json_add_number(json, "rewritten", report->n_rewritten);
    json_end_all(json);
    strbuf_add_char(json->out, '\n');
}

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

struct change {
    const struct rewrite_entry *entry;
};

/* Of one file, by their places; two of one place stay as they were. */
static int compare_places(const void *left, const void *right)
{
    const struct rewrite_entry *a = ((const struct change *)left)->entry;
    const struct rewrite_entry *b = ((const struct change *)right)->entry;
    int order = compare_sizes(a->image.line, b->image.line);

    order = order ? order : compare_sizes(a->image.column, b->image.column);
    return order ? order : (a > b) - (a < b);
}

static void add_change(const struct rewrite_entry *entry, struct strbuf *out)
{
    add_place(entry, out);
    strbuf_add_str(out, entry->file ? ": " : "");
    text_add_printable(out, entry->image.original);
    strbuf_add_str(out, " -> ");
    text_add_printable(out, entry->image.rewritten);
    strbuf_add_char(out, '\n');
}

/* Images are found in the order of a pod's fields; who reads along in the file wants that of the
 * file. */
void rewrite_report_changes(const struct rewrite_report *report, struct strbuf *out)
{
    struct change *changes = alloc_zeroed(report->n_entries + 1, sizeof(*changes));
    size_t n = 0;

    for (size_t i = 0; i < report->n_entries; i++)
        if (report->entries[i].image.outcome == OUTCOME_REWRITTEN)
            changes[n++].entry = &report->entries[i];
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && changes[i + same].entry->file == changes[i].entry->file;)
            same++;
        qsort(changes + i, same, sizeof(*changes), compare_places);
    }
    for (size_t i = 0; i < n; i++)
        add_change(changes[i].entry, out);
    free(changes);
}

static void add_image_remark(const struct rewrite_entry *entry, struct strbuf *out)
{
    add_place(entry, out);
    strbuf_add_str(out, entry->file ? "" : "pullthrough rewrite");
    strbuf_add_str(out, ": left alone: \"");
    text_add_printable(out, entry->image.original);
    strbuf_add_str(out, "\": ");
    add_explanation(&entry->image, out);
    strbuf_add_char(out, '\n');
}

static int compare_slices(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_kinds(const void *left, const void *right)
{
    const struct manifest_other *a = left, *b = right;
    int order = compare_slices(a->version, b->version);

    return order ? order : compare_slices(a->kind, b->kind);
}

static void add_number(struct strbuf *out, size_t n, const char *noun)
{
    strbuf_add_format(out, "%zu %s%s", n, noun, n == 1 ? "" : "s");
}

/* Objects of one kind. */
static void add_kind(const struct manifest_other *objects, size_t n, struct strbuf *out)
{
    struct slice version = objects->version, kind = objects->kind;
    size_t images = 0;

    for (size_t i = 0; i < n; i++)
        images += objects[i].images;
    text_add_printable(out, version.len ? version : slice_str("(no apiVersion)"));
    strbuf_add_char(out, '/');
    text_add_printable(out, kind.len ? kind : slice_str("(no kind)"));
    strbuf_add_str(out, " (");
    if (n > 1) {
        add_number(out, n, "object");
        strbuf_add_str(out, ", ");
    }
    add_number(out, images, "image");
    strbuf_add_char(out, ')');
}

/* The kinds of others[0 .. n), which are of one file and hold images. */
static void add_kinds(const char *file, struct manifest_other *others, size_t n, struct strbuf *out)
{
    size_t same, in_pods = 0;

    qsort(others, n, sizeof(*others), compare_kinds);
    text_add_printable(out, slice_str(file));
    strbuf_add_str(out, ": left alone, no pods known in: ");
    for (size_t i = 0; i < n; i += same) {
        for (same = 1; i + same < n && compare_kinds(&others[i], &others[i + same]) == 0;)
            same++;
        strbuf_add_str(out, i ? ", " : "");
        add_kind(&others[i], same, out);
    }
    for (size_t i = 0; i < n; i++)
        in_pods += others[i].images_in_pods;
    if (in_pods) {
        strbuf_add_str(out, "; --kinds any-pod-spec takes ");
        strbuf_add_format(out, "%zu of them for those of pods", in_pods);
    }
    strbuf_add_char(out, '\n');
}

/* Of the file of others[from]: what has images. Where the next file begins. */
static size_t add_file(const struct rewrite_report *report, size_t from, struct strbuf *out)
{
    const char *file = report->others[from].file;
    struct manifest_other *telling = alloc_zeroed(report->n_others - from, sizeof(*telling));
    size_t n = 0, i = from;

    for (; i < report->n_others && report->others[i].file == file; i++)
        if (report->others[i].other.images)
            telling[n++] = report->others[i].other;
    if (n)
        add_kinds(file, telling, n, out);
    free(telling);
    return i;
}

void rewrite_report_remarks(const struct rewrite_report *report, bool images, struct strbuf *out)
{
    for (size_t i = 0; images && i < report->n_entries; i++) {
        const struct manifest_image *image = &report->entries[i].image;

        if (image->outcome == OUTCOME_INVALID && !image->other_kind)
            add_image_remark(&report->entries[i], out);
    }
    for (size_t i = 0; i < report->n_others;)
        i = add_file(report, i, out);
}
