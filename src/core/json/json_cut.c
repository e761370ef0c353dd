/*
 * A document is held until it is over or too large to be held; only then it is gone through again
 * and cut. So what is small is never cut, and a text that turns out to be YAML early is still
 * there.
 */
#include "pullthrough/core/json/json_cut.h"

enum where {
    BETWEEN, /* documents */
    DASHES,  /* in a line that may be "---", which is held */
    HOLDING, /* in a document, which is held */
    OUTSIDE, /* in one that is cut, and not in its items */
    ITEMS,   /* between them */
    ITEM,    /* in one, an object or array or string */
    LITERAL, /* in one, a number, true, false or null */
};
enum in_string { OUTSIDE_STRING, IN_STRING, BEHIND_BACKSLASH };
enum { NAME_MAX = 8, DEPTH_OF_DOCUMENT = 1, DEPTH_OF_ITEMS = 2 };

static const char items_name[] = "\"items\"";

void json_cut_init(struct json_cut *cut, size_t whole_max, size_t piece_max)
{
    *cut = (struct json_cut){
        .whole_max = whole_max, .piece_max = piece_max, .here = {.line = 1, .column = 1}};
    strbuf_init(&cut->held, piece_max);
    strbuf_init(&cut->rest, piece_max);
    strbuf_init(&cut->before, piece_max);
    strbuf_init(&cut->item, piece_max);
    strbuf_init(&cut->name, NAME_MAX);
}

void json_cut_fini(struct json_cut *cut)
{
    strbuf_fini(&cut->held);
    strbuf_fini(&cut->rest);
    strbuf_fini(&cut->before);
    strbuf_fini(&cut->item);
    strbuf_fini(&cut->name);
}

static void move_on(struct json_cut_place *place, struct slice bytes)
{
    size_t last = slice_find_last(bytes, '\n');

    if (last < bytes.len) {
        for (size_t i = 0; i <= last; i++)
            place->line += bytes.ptr[i] == '\n';
        place->column = 1;
        bytes = slice_from(bytes, last + 1);
    }
    for (size_t i = 0; i < bytes.len; i++)
        place->column += ((unsigned char)bytes.ptr[i] & 0xc0) != 0x80;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What stands outside of strings, but for brackets. */
static bool may_be_outside(char c)
{
    return c && strchr(" \t\r\n,:0123456789+-.eEtrufalsn", c) != NULL;
}

static bool is_literal(char c)
{
    return may_be_outside(c) && !is_white(c) && c != ',' && c != ':';
}

static int at_place(const struct json_cut *cut, struct error *error, const char *reason)
{
    return error_set(error, "%zu:%zu: %s", cut->here.line, cut->here.column, reason);
}

/* Behind the value whose first byte is text.ptr[0] or was taken before: where it ends, at depth
 * `floor`; or text.len, if it goes on. *bad: where it can't be JSON, at the byte that is returned.
 */
static size_t skip(struct json_cut *cut, struct slice text, size_t floor, bool *over, bool *bad)
{
    size_t at = 0;

    *over = *bad = false;
    while (at < text.len && !*over) {
        char c = text.ptr[at];

        if (cut->string == IN_STRING && c != '"' && c != '\\') {
            at++;
            continue;
        }
        if (cut->string == BEHIND_BACKSLASH)
            cut->string = IN_STRING;
        else if (c == '\\' && cut->string == IN_STRING)
            cut->string = BEHIND_BACKSLASH;
        else if (c == '"')
            cut->string = cut->string == IN_STRING ? OUTSIDE_STRING : IN_STRING;
        else if (c == '{' || c == '[')
            cut->depth++;
        else if (c == '}' || c == ']')
            cut->depth--;
        else if (!may_be_outside(c)) {
            *bad = true;
            break;
        }
        *over = (c == '"' || c == '}' || c == ']') && cut->string == OUTSIDE_STRING &&
                cut->depth == floor;
        at++;
    }
    return at;
}

/* The next n bytes of the input, which are taken into `into` (NULL: dropped). */
static void take(struct json_cut *cut, struct slice *input, size_t n, struct strbuf *into)
{
    struct slice bytes = slice_of(input->ptr, n);

    if (into)
        strbuf_add_slice(into, bytes);
    move_on(&cut->here, bytes);
    *input = slice_from(*input, n);
}

static int hand_out(struct json_cut *cut, struct json_piece *piece, enum json_piece_kind kind,
                    struct slice text)
{
    cut->handed_out = true;
    *piece = (struct json_piece){
        .kind = kind, .text = text, .at = cut->document_at, .document = cut->document};
    return JSON_CUT_PIECE;
}

/* BETWEEN and DASHES. */
static int look_for_document(struct json_cut *cut, struct slice *input)
{
    char c = *input->ptr;

    if (cut->where == DASHES) {
        bool dash = c == '-' && cut->held.len < 3;

        if (!dash && (cut->held.len < 3 || !is_white(c)))
            return JSON_CUT_NOT_JSON;
        take(cut, input, 1, &cut->held);
        if (c == '\n') {
            strbuf_clear(&cut->held);
            cut->where = BETWEEN;
        }
        return 0;
    }
    if (is_white(c)) {
        take(cut, input, 1, NULL);
        return 0;
    }
    cut->document_at = cut->here;
    if (c == '{')
        cut->where = HOLDING;
    else if (c == '-' && cut->here.column == 1)
        cut->where = DASHES;
    else
        return JSON_CUT_NOT_JSON;
    return 0;
}

/* What is held is too large: it is gone through again. */
static void begin_to_cut(struct json_cut *cut)
{
    cut->held_again = strbuf_slice(&cut->held);
    cut->here = cut->document_at;
    cut->where = OUTSIDE;
    cut->depth = 0;
    cut->string = OUTSIDE_STRING;
    cut->had_items = cut->key = cut->is_items = false;
    strbuf_clear(&cut->rest);
}

static int hold(struct json_cut *cut, struct slice *input, struct json_piece *piece)
{
    size_t room = cut->whole_max + 1 - cut->held.len;
    struct slice text = slice_of(input->ptr, input->len < room ? input->len : room);
    bool over, bad;
    size_t n = skip(cut, text, 0, &over, &bad);

    take(cut, input, n, &cut->held);
    if (bad)
        return JSON_CUT_NOT_JSON;
    if (over && cut->held.len <= cut->whole_max) {
        int r = hand_out(cut, piece, JSON_PIECE_DOCUMENT, strbuf_slice(&cut->held));

        cut->where = BETWEEN;
        cut->document++;
        return r;
    }
    if (cut->held.len > cut->whole_max)
        begin_to_cut(cut);
    return 0;
}

/* In a string at the document's own depth, which may be the key "items". */
static void take_string(struct json_cut *cut, struct slice *input)
{
    bool over, bad;
    size_t n = skip(cut, *input, DEPTH_OF_DOCUMENT, &over, &bad);

    if (cut->key)
        strbuf_add(&cut->name, input->ptr, n);
    take(cut, input, n, &cut->rest);
    if (over && cut->key)
        cut->is_items =
            !strbuf_overflowed(&cut->name) && slice_is(strbuf_slice(&cut->name), items_name);
}

static int enter_items(struct json_cut *cut, struct slice *input, struct error *error)
{
    if (cut->had_items)
        return at_place(cut, error, "a second list of items");
    take(cut, input, 1, &cut->rest);
    strbuf_clear(&cut->before);
    strbuf_add_slice(&cut->before, strbuf_slice(&cut->rest));
    strbuf_add_str(&cut->before, "]}");
    cut->had_items = true;
    cut->where = ITEMS;
    cut->depth = DEPTH_OF_ITEMS;
    cut->index = 0;
    cut->comma = false;
    return 0;
}

/* OUTSIDE: at the document's own depth, or in a value of it that isn't its items. */
static int read_outside(struct json_cut *cut, struct slice *input, struct json_piece *piece,
                        struct error *error)
{
    char c = *input->ptr;
    bool over, bad;
    size_t n;

    if (cut->depth > DEPTH_OF_DOCUMENT) {
        n = skip(cut, *input, DEPTH_OF_DOCUMENT, &over, &bad);
        take(cut, input, n, &cut->rest);
        return bad ? at_place(cut, error, "this is not JSON") : 0;
    }
    if (cut->string != OUTSIDE_STRING || (c == '"' && cut->depth == DEPTH_OF_DOCUMENT)) {
        if (cut->string == OUTSIDE_STRING)
            strbuf_clear(&cut->name);
        take_string(cut, input);
        return 0;
    }
    if (c == '[' && cut->is_items && !cut->key)
        return enter_items(cut, input, error);
    if (!strchr("{}[]", c) && !may_be_outside(c))
        return at_place(cut, error, "this is not JSON");
    if (c == '{' || c == ',')
        cut->key = true;
    else if (c == ':')
        cut->key = false;
    cut->depth += c == '{' || c == '[';
    cut->depth -= c == '}' || c == ']';
    take(cut, input, 1, &cut->rest);
    if (cut->depth > 0)
        return 0;
    cut->where = BETWEEN;
    hand_out(cut, piece, JSON_PIECE_REST, strbuf_slice(&cut->rest));
    cut->document++;
    return JSON_CUT_PIECE;
}

static int hand_out_item(struct json_cut *cut, struct json_piece *piece)
{
    hand_out(cut, piece, JSON_PIECE_ITEM, strbuf_slice(&cut->item));
    piece->at = cut->piece_at;
    piece->index = cut->index++;
    piece->before = strbuf_slice(&cut->before);
    cut->comma = true;
    cut->where = ITEMS;
    return JSON_CUT_PIECE;
}

static int read_between_items(struct json_cut *cut, struct slice *input, struct error *error)
{
    char c = *input->ptr;

    if (is_white(c)) {
        take(cut, input, 1, NULL);
        return 0;
    }
    if (c == ']' && (cut->comma || cut->index == 0)) {
        cut->where = OUTSIDE;
        cut->depth = DEPTH_OF_DOCUMENT;
        cut->is_items = false;
        take(cut, input, 1, &cut->rest);
        return 0;
    }
    if (cut->comma) {
        if (c != ',')
            return at_place(cut, error, "a comma or ] was expected");
        cut->comma = false;
        take(cut, input, 1, NULL);
        return 0;
    }
    cut->piece_at = cut->here;
    if (c == '{' || c == '[' || c == '"')
        cut->where = ITEM;
    else if (is_literal(c))
        cut->where = LITERAL;
    else
        return at_place(cut, error, "a JSON value was expected");
    return 0;
}

static int read_item(struct json_cut *cut, struct slice *input, struct json_piece *piece,
                     struct error *error)
{
    bool over = false, bad = false;
    size_t n = 0;

    if (cut->where == ITEM)
        n = skip(cut, *input, DEPTH_OF_ITEMS, &over, &bad);
    while (cut->where == LITERAL && !over && n < input->len)
        if (is_literal(input->ptr[n]))
            n++;
        else
            over = true;
    take(cut, input, n, &cut->item);
    if (bad)
        return at_place(cut, error, "this is not JSON");
    return over ? hand_out_item(cut, piece) : 0;
}

static int step(struct json_cut *cut, struct slice *input, struct json_piece *piece,
                struct error *error)
{
    switch ((enum where)cut->where) {
    case BETWEEN:
    case DASHES: return look_for_document(cut, input);
    case HOLDING: return hold(cut, input, piece);
    case OUTSIDE: return read_outside(cut, input, piece, error);
    case ITEMS: return read_between_items(cut, input, error);
    case ITEM:
    case LITERAL: break;
    }
    return read_item(cut, input, piece, error);
}

static bool is_full(const struct json_cut *cut)
{
    return strbuf_overflowed(&cut->held) || strbuf_overflowed(&cut->rest) ||
           strbuf_overflowed(&cut->before) || strbuf_overflowed(&cut->item);
}

static void forget_piece(struct json_cut *cut)
{
    cut->handed_out = false;
    strbuf_clear(&cut->item);
    if (cut->where == BETWEEN) {
        strbuf_clear(&cut->held);
        strbuf_clear(&cut->rest);
    }
}

int json_cut_next(struct json_cut *cut, struct slice *input, struct json_piece *piece,
                  struct error *error)
{
    int r = 0;

    if (cut->handed_out)
        forget_piece(cut);
    while (r == 0 && (cut->held_again.len || input->len)) {
        bool again = cut->held_again.len > 0;

        r = step(cut, again ? &cut->held_again : input, piece, error);
        if (is_full(cut))
            return error_set(error, "%zu:%zu: more than %zu bytes in one piece",
                             cut->document_at.line, cut->document_at.column, cut->piece_max);
    }
    return r;
}

int json_cut_end(struct json_cut *cut, struct error *error)
{
    if (cut->handed_out)
        forget_piece(cut);
    switch ((enum where)cut->where) {
    case BETWEEN: return 0;
    case DASHES:
    case HOLDING: return JSON_CUT_NOT_JSON;
    default: return at_place(cut, error, "the JSON text ends too early");
    }
}

struct slice json_cut_held(const struct json_cut *cut, struct json_cut_place *at, size_t *documents)
{
    *at = cut->held.len ? cut->document_at : cut->here;
    *documents = cut->document;
    return strbuf_slice(&cut->held);
}
