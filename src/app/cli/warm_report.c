/*
 * What failed is told by what to do about it, since one cause mostly has many images.
 */
#include "warm_report.h"

#include "pullthrough/core/json/json_writer.h"
#include <string.h>

enum { LINE_MAX_BYTES = 8192, INDENT = 4 };

struct sums {
    size_t n[WARM_STATE_COUNT];
    uint64_t bytes;
};

static struct sums sums_of(const struct warm_list *list)
{
    struct sums sums = {.bytes = 0};

    for (int i = 0; i < WARM_STATE_COUNT; i++)
        sums.n[i] = warm_list_count(list, (enum warm_state)i, &sums.bytes);
    return sums;
}

bool warm_report_is_whole(const struct warm_report *report)
{
    const struct sums sums = sums_of(report->list);

    return sums.n[WARM_MISSING] == 0 && sums.n[WARM_FAILED] == 0;
}

static void add_sums(const struct warm_report *report, const struct sums *sums, struct strbuf *out)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(LINE_MAX_BYTES);

    strbuf_add_format(&text, "%zu image%s: ", report->list->n, report->list->n == 1 ? "" : "s");
    if (report->dry_run)
        strbuf_add_format(&text, "%zu cached", sums->n[WARM_CACHED]);
    else
        strbuf_add_format(&text, "%zu %s cached, %zu imported", sums->n[WARM_CACHED],
                          sums->n[WARM_CACHED] == 1 ? "was" : "were", sums->n[WARM_IMPORTED]);
    if (sums->bytes) {
        strbuf_add_str(&text, " (together ");
        text_add_bytes(&text, sums->bytes);
        strbuf_add_char(&text, ')');
    }
    if (sums->n[WARM_MISSING])
        strbuf_add_format(&text, ", %zu missing", sums->n[WARM_MISSING]);
    if (sums->n[WARM_FAILED])
        strbuf_add_format(&text, ", %zu can't be imported", sums->n[WARM_FAILED]);
    text_add_wrapped(out, strbuf_slice(&text), 0, INDENT);
}

static void add_name(const struct warm_image *image, enum text_colour colour, struct text_look look,
                     struct strbuf *out)
{
    text_colour_begin(out, colour, look);
    text_add_printable(out, image->name);
    text_colour_end(out, colour, look);
    strbuf_add_char(out, '\n');
}

static void add_missing(const struct warm_report *report, struct text_look look, struct strbuf *out)
{
    strbuf_add_str(out, report->interrupted ? "\nStopped; the next run goes on with these:\n"
                                            : "\nMissing, and imported without --dry-run:\n");
    for (size_t i = 0; i < report->list->n; i++)
        if (report->list->items[i].state == WARM_MISSING)
            add_name(&report->list->items[i], TEXT_YELLOW, look, out);
}

static bool is_same_advice(const struct warm_image *a, const struct warm_image *b)
{
    return a->state == WARM_FAILED && b->state == WARM_FAILED &&
           strcmp(a->advice ? a->advice : "", b->advice ? b->advice : "") == 0;
}

/* But for the number of the request, which AWS gives each call. */
static bool is_same_reason(const char *a, const char *b)
{
    const char *end_a = strstr(a, ", request id "), *end_b = strstr(b, ", request id ");

    if (!end_a || !end_b)
        return strcmp(a, b) == 0;
    return slice_equal(slice_of(a, (size_t)(end_a - a)), slice_of(b, (size_t)(end_b - b)));
}

static void add_wrapped(struct strbuf *out, const char *before, const char *text)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(LINE_MAX_BYTES);

    strbuf_add_format(out, "%*s", INDENT, "");
    strbuf_add_str(&shown, before);
    text_add_printable(&shown, slice_str(text));
    text_add_wrapped(out, strbuf_slice(&shown), INDENT, INDENT);
}

/* All that want what number `first` wants, if none before it does. */
static void add_failed(const struct warm_list *list, size_t first, struct text_look look,
                       struct strbuf *out)
{
    const struct warm_image *of = &list->items[first];
    const char *said = NULL;

    for (size_t i = 0; i < first; i++)
        if (is_same_advice(&list->items[i], of))
            return;
    for (size_t i = first; i < list->n; i++) {
        const struct warm_image *image = &list->items[i];

        if (!is_same_advice(image, of))
            continue;
        if (said && !is_same_reason(said, image->reason))
            add_wrapped(out, "", said);
        said = image->reason;
        add_name(image, TEXT_RED, look, out);
    }
    add_wrapped(out, "", said);
    if (of->advice)
        add_wrapped(out, "What to do: ", of->advice);
}

void warm_report_text(const struct warm_report *report, struct text_look look, struct strbuf *out)
{
    const struct sums sums = sums_of(report->list);
    const enum text_colour sums_colour =
        warm_report_is_whole(report) && report->list->n ? TEXT_GREEN : TEXT_NO_COLOUR;

    text_colour_begin(out, sums_colour, look);
    add_sums(report, &sums, out);
    text_colour_end(out, sums_colour, look);
    if (sums.n[WARM_MISSING])
        add_missing(report, look, out);
    if (sums.n[WARM_FAILED])
        strbuf_add_str(out, "\nNot to be had through the cache:\n");
    for (size_t i = 0; i < report->list->n; i++)
        if (report->list->items[i].state == WARM_FAILED)
            add_failed(report->list, i, look, out);
}

static void add_image(const struct warm_image *image, struct json_writer *json)
{
    json_add_line(json, 4);
    json_add_object(json, NULL);
    json_add_slice(json, "image", image->name);
    json_add_text(json, "repository", image->repository);
    json_add_given(json, "tag", image->tag);
    json_add_given(json, "digest", image->digest);
    json_add_text(json, "state", warm_state_name(image->state));
    if (image->state == WARM_CACHED || image->state == WARM_IMPORTED)
        json_add_number(json, "sizeBytes", image->size_bytes);
    json_add_given(json, "reason", image->reason);
    json_add_given(json, "advice", image->state == WARM_FAILED ? image->advice : NULL);
    json_end(json);
}

void warm_report_json(const struct warm_report *report, struct strbuf *out)
{
    const struct sums sums = sums_of(report->list);
    struct json_writer json = json_begin(out, false);

    for (int i = 0; i < WARM_STATE_COUNT; i++)
        json_add_number(&json, warm_state_name((enum warm_state)i), sums.n[i]);
    json_add_number(&json, "sizeBytes", sums.bytes);
    json_add_bool(&json, "interrupted", report->interrupted);
    json_add_line(&json, 2);
    json_add_array(&json, "images");
    for (size_t i = 0; i < report->list->n; i++)
        add_image(&report->list->items[i], &json);
    json_end_all(&json);
    strbuf_add_char(out, '\n');
}
