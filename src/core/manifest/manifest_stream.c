/*
 * The pieces that the cutter of core/json makes, judged one by one. Of a list that is cut it keeps
 * what kind it is, for items that don't say theirs.
 */
#include "pullthrough/core/manifest/manifest_stream.h"

#include "manifest_judge.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/json/json_cut.h"

#include <stdlib.h>

enum { NAME_MAX = 1024, NODES_MAX = 8 * 1000 * 1000, DEPTH_MAX = 128 };

struct manifest_stream {
    const struct rule_set *rules;
    enum config_kinds kinds;
    struct manifest_report report;
    struct json_cut cut;
    struct strbuf raw; /* what isn't JSON, from here on */
    struct manifest_piece raw_at;
    bool is_raw, in_list;
    struct strbuf kind, version; /* of the list whose items come */
    size_t pods, objects;
    bool goes_on;
};

struct manifest_stream *manifest_stream_new(const struct rule_set *rules, enum config_kinds kinds,
                                            const struct manifest_report *report)
{
    struct manifest_stream *stream = alloc_zeroed(1, sizeof(*stream));

    stream->rules = rules;
    stream->kinds = kinds;
    stream->report = *report;
    json_cut_init(&stream->cut, MANIFEST_STREAM_WHOLE_MAX, MANIFEST_TEXT_MAX);
    strbuf_init(&stream->raw, MANIFEST_TEXT_MAX);
    strbuf_init(&stream->kind, NAME_MAX);
    strbuf_init(&stream->version, NAME_MAX);
    return stream;
}

void manifest_stream_set_whole_max(struct manifest_stream *stream, size_t bytes)
{
    stream->cut.whole_max = bytes;
}

void manifest_stream_free(struct manifest_stream *stream)
{
    if (!stream)
        return;
    json_cut_fini(&stream->cut);
    strbuf_fini(&stream->raw);
    strbuf_fini(&stream->kind);
    strbuf_fini(&stream->version);
    free(stream);
}

static int judge(struct manifest_stream *stream, struct slice text, struct manifest_piece piece,
                 struct error *error)
{
    int r;

    piece.pods = stream->pods;
    piece.objects = stream->objects;
    r = manifest_judge(stream->rules, stream->kinds, text, &piece, &stream->report, error);
    stream->pods = piece.pods;
    stream->objects = piece.objects;
    stream->goes_on |= piece.goes_on;
    return r;
}

/* What a list says of itself. */
static int read_kind(struct manifest_stream *stream, const struct json_piece *piece,
                     struct slice text, struct error *error)
{
    static const struct yaml_limits limits = {
        .max_bytes = MANIFEST_TEXT_MAX, .max_nodes = NODES_MAX, .max_depth = DEPTH_MAX};
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct yaml_node *root, *kind, *version, *more;
    struct error reason = {""};

    if (yaml_tree_parse(&tree, text, &limits, &reason) != 0)
        return error_set(error, "%zu:%zu: beside its items this is not JSON", piece->at.line,
                         piece->at.column);
    root = yaml_tree_root(tree, 0);
    kind = yaml_node_get(root, "kind");
    version = yaml_node_get(root, "apiVersion");
    more = yaml_node_get(yaml_node_get(root, "metadata"), "continue");
    stream->goes_on |= more && yaml_node_is_string(more) && more->text.len > 0;
    strbuf_clear(&stream->kind);
    strbuf_clear(&stream->version);
    strbuf_add_slice(&stream->kind, kind ? kind->text : slice_str(""));
    strbuf_add_slice(&stream->version, version ? version->text : slice_str(""));
    return 0;
}

/* The end of a document that was cut, or could have been. */
static int end_list(struct manifest_stream *stream, const struct json_piece *piece,
                    struct error *error)
{
    if (!stream->in_list)
        return judge(stream, piece->text,
                     (struct manifest_piece){.document = piece->document,
                                             .line = piece->at.line - 1,
                                             .column = piece->at.column - 1},
                     error);
    stream->in_list = false;
    if (read_kind(stream, piece, piece->text, error) != 0)
        return -1;
    stream->objects++;
    return manifest_is_list(strbuf_slice(&stream->kind))
               ? 0
               : error_set(error, "%zu:%zu: it has items, and its kind isn't a List",
                           piece->at.line, piece->at.column);
}

static int take_piece(struct manifest_stream *stream, const struct json_piece *piece,
                      struct error *error)
{
    struct manifest_piece place = {
        .document = piece->document, .line = piece->at.line - 1, .column = piece->at.column - 1};

    if (piece->kind == JSON_PIECE_REST)
        return end_list(stream, piece, error);
    if (piece->kind == JSON_PIECE_ITEM) {
        if (!stream->in_list && read_kind(stream, piece, piece->before, error) != 0)
            return -1;
        stream->in_list = true;
        place.is_item = true;
        place.index = piece->index;
        place.kind = strbuf_slice(&stream->kind);
        place.version = strbuf_slice(&stream->version);
    }
    return judge(stream, piece->text, place, error);
}

static void begin_raw(struct manifest_stream *stream)
{
    struct json_cut_place at;

    stream->is_raw = true;
    strbuf_add_slice(&stream->raw, json_cut_held(&stream->cut, &at, &stream->raw_at.document));
    stream->raw_at.line = at.line - 1;
    stream->raw_at.column = at.column - 1;
}

int manifest_stream_feed(struct manifest_stream *stream, struct slice bytes, struct error *error)
{
    struct json_piece piece;
    int r = 0;

    while (!stream->is_raw) {
        r = json_cut_next(&stream->cut, &bytes, &piece, error);
        if (r == JSON_CUT_NOT_JSON)
            begin_raw(stream);
        else if (r != JSON_CUT_PIECE)
            return r;
        else if (take_piece(stream, &piece, error) != 0)
            return -1;
    }
    strbuf_add_slice(&stream->raw, bytes);
    if (strbuf_overflowed(&stream->raw))
        return error_set(error, "%zu:%zu: more than %d bytes that aren't JSON",
                         stream->raw_at.line + 1, stream->raw_at.column + 1, MANIFEST_TEXT_MAX);
    return 0;
}

int manifest_stream_end(struct manifest_stream *stream, struct error *error)
{
    int r = 0;

    if (!stream->is_raw) {
        r = json_cut_end(&stream->cut, error);
        if (r <= 0)
            return r;
        begin_raw(stream);
    }
    return judge(stream, strbuf_slice(&stream->raw), stream->raw_at, error);
}

size_t manifest_stream_objects(const struct manifest_stream *stream)
{
    return stream->objects;
}

bool manifest_stream_goes_on(const struct manifest_stream *stream)
{
    return stream->goes_on;
}

bool manifest_stream_holds_templates(const struct manifest_stream *stream)
{
    return stream->raw.len > 1 && memmem(stream->raw.ptr, stream->raw.len, "{{", 2) != NULL;
}
