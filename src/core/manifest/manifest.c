/*
 * The edits of a manifest: every image is judged where it stands, and the bytes of its scalar
 * are replaced in a copy of the text.
 *
 * It refuses to print YAML: what is not an image is copied byte for byte, and an image that can't
 * be replaced inside its own quotes on its own line is left as it is.
 */
#include "pullthrough/core/manifest/manifest.h"

#include "manifest_judge.h"
#include "manifest_walk.h"
#include "pullthrough/core/base/alloc.h"
#include "pullthrough/core/rules/rewrite.h"
#include "pullthrough/core/yaml/yaml_tree.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES_MAX = 8 * 1000 * 1000, DEPTH_MAX = 128 };

/* Bytes [start, end) of the text become [from, from + len) of `texts`. */
struct edit {
    size_t start, end, from, len;
};

struct editor {
    const struct rule_set *rules;
    struct slice text;
    const struct manifest_report *report;
    const struct manifest_piece *piece;
    bool only_looks; /* nothing is edited */
    struct strbuf texts;
    struct edit *edits;
    size_t n_edits, edits_size;
};

static void editor_fini(struct editor *editor)
{
    strbuf_fini(&editor->texts);
    free(editor->edits);
}

static const struct {
    const char *name, *explanation;
} words[] = {
    [MANIFEST_EDITABLE] = {"editable", "can be edited"},
    [MANIFEST_ALIAS] = {"alias", "reached through an alias or a merge key; only the text at the "
                                 "anchor could be edited"},
    [MANIFEST_BLOCK] = {"block-scalar", "written as a block scalar"},
    [MANIFEST_TEMPLATE] = {"template", "holds a template expression"},
    [MANIFEST_NO_STRING] = {"not-a-string", "not a string"},
    [MANIFEST_OTHER_KIND] = {"other-kind", "its kind isn't one of those that are known; with "
                                           "--kinds any-pod-spec it would be rewritten"},
};

const char *manifest_obstacle_name(enum manifest_obstacle obstacle)
{
    return words[obstacle].name;
}

const char *manifest_obstacle_explanation(enum manifest_obstacle obstacle)
{
    return words[obstacle].explanation;
}

static bool holds_braces(struct slice text)
{
    return text.len > 1 && memmem(text.ptr, text.len, "{{", 2) != NULL;
}

static struct slice source(const struct editor *editor, const struct yaml_node *node)
{
    return slice_of(editor->text.ptr + node->start, node->end - node->start);
}

/* What can't be judged. */
static enum manifest_obstacle obstacle_of_text(const struct yaml_node *node, struct slice text)
{
    if (holds_braces(text))
        return MANIFEST_TEMPLATE;
    return yaml_node_is_string(node) ? MANIFEST_EDITABLE : MANIFEST_NO_STRING;
}

/* What can be judged, and not edited. */
static enum manifest_obstacle obstacle_of_place(struct yaml_found image, bool other_kind)
{
    if (other_kind)
        return MANIFEST_OTHER_KIND;
    if (image.aliased)
        return MANIFEST_ALIAS;
    if (image.node->style == YAML_LITERAL || image.node->style == YAML_FOLDED)
        return MANIFEST_BLOCK;
    return MANIFEST_EDITABLE;
}

/* Letters, digits, and what else may stand between quotes of either kind as it is. */
static bool is_harmless(struct slice text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], letter = (char)(c | 0x20);

        if (!(c >= '0' && c <= '9') && !(letter >= 'a' && letter <= 'z') &&
            (c == '\0' || !strchr(others, c)))
            return false;
    }
    return text.len > 0;
}

/* "host:5000/a@b" is a plain scalar wherever one may stand; what begins with "[" is not. */
static bool is_plain(struct slice text)
{
    return is_harmless(text, "._-/:@+") && is_harmless(slice_of(text.ptr, 1), "") &&
           text.ptr[text.len - 1] != ':';
}

static void add_edit(struct editor *editor, const struct yaml_node *node, struct slice text)
{
    struct edit edit = {.start = node->start, .end = node->end, .from = editor->texts.len};

    if (node->style == YAML_PLAIN ? is_plain(text) : is_harmless(text, "._-/:@+[]%")) {
        edit.start += node->style != YAML_PLAIN; /* the quotes stay */
        edit.end -= node->style != YAML_PLAIN;
        strbuf_add_slice(&editor->texts, text);
    } else {
        strbuf_add_json(&editor->texts, text);
    }
    edit.len = editor->texts.len - edit.from;
    editor->edits = alloc_grown(editor->edits, editor->n_edits, &editor->edits_size, sizeof(edit));
    editor->edits[editor->n_edits++] = edit;
}

/* Fills in what becomes of the image of a pod that may be rewritten. */
static void judge(struct editor *editor, const struct manifest_place *place,
                  struct manifest_image *image, struct strbuf *rewritten)
{
    struct yaml_found found = place->image;
    bool block = found.node->style == YAML_LITERAL || found.node->style == YAML_FOLDED;
    struct rewrite_verdict verdict;

    image->obstacle = obstacle_of_text(found.node, image->original);
    if (image->obstacle != MANIFEST_EDITABLE) {
        image->outcome = OUTCOME_INVALID;
        return;
    }
    verdict = rewrite_image(editor->rules, image->original, rewritten);
    image->outcome = verdict.outcome;
    image->upstream = verdict.upstream;
    image->reason = verdict.reason;
    if (verdict.outcome == OUTCOME_REWRITTEN && place->skips_rewritten) {
        image->outcome = OUTCOME_PULL_SECRETS;
        return;
    }
    /* The line break that most blocks end with makes their text invalid; say what it is. */
    if (verdict.outcome == OUTCOME_REWRITTEN || (block && verdict.outcome == OUTCOME_INVALID))
        image->obstacle = obstacle_of_place(found, image->other_kind);
    if (image->obstacle != MANIFEST_EDITABLE) {
        image->outcome = OUTCOME_INVALID;
        image->reason = NULL;
    }
}

static void take_image(void *context, const struct manifest_place *place)
{
    STRBUF_CLEANUP struct strbuf rewritten = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct editor *editor = context;
    const struct yaml_node *node = place->image.node;
    struct manifest_image image = {
        .document = place->document,
        .line = editor->piece->line + node->line,
        .column = node->column + (node->line == 1 ? editor->piece->column : 0),
        .kind = place->kind,
        .object = place->object,
        .namespace = place->namespace,
        .pod = place->pod,
        .pull_policy = place->pull_policy,
        .names_pull_secrets = place->names_pull_secrets,
        .owner_version = place->owner_version,
        .owner_kind = place->owner_kind,
        .image_id = place->image_id,
        .path = place->path,
        .container = place->container,
        .original = yaml_lookup_text(place->image),
        .outcome = place->gate,
        .upstream = -1,
        .other_kind = place->other_kind,
    };

    if (node->kind != YAML_SCALAR && slice_starts_with(source(editor, node), slice_str("{{")))
        image.original = source(editor, node);
    if (place->gate == OUTCOME_REWRITTEN)
        judge(editor, place, &image, &rewritten);
    if (image.outcome == OUTCOME_REWRITTEN) {
        image.rewritten = strbuf_slice(&rewritten);
        if (!editor->only_looks)
            add_edit(editor, node, image.rewritten);
    }
    if (editor->report && editor->report->image)
        editor->report->image(editor->report->context, &image);
}

static void take_other(void *context, const struct manifest_other *other)
{
    struct editor *editor = context;
    struct manifest_other found = *other;

    found.line += editor->piece->line;
    if (editor->report && editor->report->other)
        editor->report->other(editor->report->context, &found);
}

static int compare_edits(const void *left, const void *right)
{
    const struct edit *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

static size_t bytes_after(const struct editor *editor)
{
    size_t bytes = editor->text.len;

    for (size_t i = 0; i < editor->n_edits; i++)
        bytes += editor->edits[i].len - (editor->edits[i].end - editor->edits[i].start);
    return bytes;
}

static int apply(struct editor *editor, struct strbuf *out, struct error *error)
{
    size_t at = 0, most = out->ceiling - out->len;

    if (strbuf_overflowed(&editor->texts) || bytes_after(editor) > most)
        return error_set(error, "1:1: rewritten, this is more than %zu bytes", most);
    if (editor->n_edits)
        qsort(editor->edits, editor->n_edits, sizeof(*editor->edits), compare_edits);
    for (size_t i = 0; i < editor->n_edits; i++) {
        const struct edit *edit = &editor->edits[i];

        strbuf_add(out, editor->text.ptr + at, edit->start - at);
        strbuf_add(out, editor->texts.ptr + edit->from, edit->len);
        at = edit->end;
    }
    strbuf_add_slice(out, slice_from(editor->text, at));
    return 0;
}

static int look(struct editor *editor, enum config_kinds kinds, struct manifest_piece *piece,
                struct error *error)
{
    static const struct yaml_limits limits = {
        .max_bytes = MANIFEST_TEXT_MAX, .max_nodes = NODES_MAX, .max_depth = DEPTH_MAX};
    YAML_TREE_CLEANUP struct yaml_tree *tree = NULL;
    const struct manifest_visitor visitor = {
        .image = take_image, .other = take_other, .context = editor};

    editor->piece = piece;
    return yaml_tree_parse(&tree, editor->text, &limits, error) != 0 ||
                   manifest_walk(tree, editor->rules, kinds, &visitor, piece, error) != 0
               ? -1
               : 0;
}

int manifest_rewrite(const struct rule_set *rules, enum config_kinds kinds, struct slice text,
                     struct strbuf *out, const struct manifest_report *report, struct error *error)
{
    struct manifest_piece all = {0};
    __attribute__((cleanup(editor_fini))) struct editor editor = {
        .rules = rules,
        .text = text,
        .report = report,
        .texts = STRBUF_INIT(out->ceiling),
    };

    return look(&editor, kinds, &all, error) != 0 ? -1 : apply(&editor, out, error);
}

/* "LINE:COL: message", where the piece stands. */
static int move_error(struct error *error, const struct manifest_piece *piece)
{
    static const char begins[] = "that begins in line ";
    size_t line = 0, column = 0, begin = 0;
    int n = 0;
    struct error moved;
    char *other;

    if (!error || sscanf(error->text, "%zu:%zu: %n", &line, &column, &n) != 2 || n == 0)
        return -1;
    other = strstr(error->text, begins);
    if (other && sscanf(other + strlen(begins), "%zu", &begin) == 1)
        (void)snprintf(other, (size_t)(error->text + sizeof(error->text) - other), "%s%zu", begins,
                       begin + piece->line);
    (void)error_set(&moved, "%zu:%zu: %s", line + piece->line,
                    column + (line == 1 ? piece->column : 0), error->text + n);
    *error = moved;
    return -1;
}

int manifest_judge(const struct rule_set *rules, enum config_kinds kinds, struct slice text,
                   struct manifest_piece *piece, const struct manifest_report *report,
                   struct error *error)
{
    struct editor editor = {.rules = rules, .text = text, .report = report, .only_looks = true};

    return look(&editor, kinds, piece, error) != 0 ? move_error(error, piece) : 0;
}
