/*
 * JSON of any bytes that arrives in any pieces: what comes out doesn't depend on the pieces, and
 * nothing is lost. The first two bytes say how large a document is left whole, and how the rest is
 * cut up.
 */
#include "fuzz.h"

#include "pullthrough/core/json/json_cut.h"

#include <stdlib.h>

enum { TRACE_MAX = 64 * 1024 * 1024, PIECE_MAX = 4096 };

static void add_piece(struct strbuf *trace, const struct json_piece *piece)
{
    strbuf_add_format(trace, "%d %zu %zu %zu:%zu ", (int)piece->kind, piece->document, piece->index,
                      piece->at.line, piece->at.column);
    strbuf_add_slice(trace, piece->text);
    strbuf_add_slice(trace, piece->before);
}

static void add_held(struct strbuf *trace, const struct json_cut *cut)
{
    struct json_cut_place at;
    size_t documents;
    struct slice held = json_cut_held(cut, &at, &documents);

    strbuf_add_format(trace, "held %zu %zu:%zu ", documents, at.line, at.column);
    strbuf_add_slice(trace, held);
}

static void cut_text(struct slice text, size_t whole_max, size_t step, struct strbuf *trace)
{
    JSON_CUT_CLEANUP struct json_cut cut;
    struct error error = {""};
    struct json_piece piece;
    int r = 0;

    json_cut_init(&cut, whole_max, PIECE_MAX);
    while (r == 0 && text.len) {
        size_t n = step < text.len ? step : text.len;
        struct slice input = slice_of(text.ptr, n);

        text = slice_from(text, n);
        while ((r = json_cut_next(&cut, &input, &piece, &error)) == JSON_CUT_PIECE)
            add_piece(trace, &piece);
        if (r != JSON_CUT_NOT_JSON)
            continue;
        add_held(trace, &cut);
        strbuf_add_slice(trace, input);
        strbuf_add_slice(trace, text);
    }
    if (r == 0 && (r = json_cut_end(&cut, &error)) == JSON_CUT_NOT_JSON)
        add_held(trace, &cut);
    /* Where a piece is too large is found when it is, so the reason alone counts. */
    strbuf_add_str(trace, r < 0 ? error.text : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    STRBUF_CLEANUP struct strbuf whole = STRBUF_INIT(TRACE_MAX);
    STRBUF_CLEANUP struct strbuf pieces = STRBUF_INIT(TRACE_MAX);
    struct slice text;

    if (size < 2)
        return 0;
    text = slice_of((const char *)data + 2, size - 2);
    cut_text(text, data[0], SIZE_MAX, &whole);
    cut_text(text, data[0], 1 + (size_t)data[1], &pieces);
    if (!slice_equal(strbuf_slice(&whole), strbuf_slice(&pieces)))
        abort();
    return 0;
}
