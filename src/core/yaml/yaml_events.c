/*
 * libyaml's events, one by one, into the builder.
 *
 * libyaml 0.2.5 counts characters, not bytes, and lets a node begin at its anchor or tag:
 * both are put right here. An alias stays a node of its own that points at what it means, so
 * nothing is ever expanded, and "&a [*a]" is a tree with a pointer upwards.
 */
#include "yaml_events.h"

#include "pullthrough/core/base/alloc.h"
#include "yaml_marks.h"

#include <search.h>
#include <string.h>

#include <yaml.h>

static const char MERGE_TAG[] = "tag:yaml.org,2002:merge";

struct anchor {
    struct slice name;
    struct yaml_node *node;
};

struct reader {
    yaml_parser_t parser;
    struct yaml_builder *builder;
    struct slice text;       /* all of it */
    size_t from;             /* bytes of it that libyaml doesn't get */
    struct yaml_marks marks; /* the rest, and what libyaml gets of it */
    size_t at, index;        /* byte marks.text[at] begins character `index` as libyaml counts */
    void *anchors;           /* of this document; tsearch()'s tree */
    struct yaml_place *problem;
    struct error *error;
};

static int compare_anchors(const void *left, const void *right)
{
    struct slice a = ((const struct anchor *)left)->name, b = ((const struct anchor *)right)->name;
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static void keep(void *anchor)
{
    (void)anchor; /* the arena has it */
}

static void forget_anchors(struct reader *reader)
{
    tdestroy(reader->anchors, keep);
    reader->anchors = NULL;
}

static void reader_fini(struct reader *reader)
{
    forget_anchors(reader);
    yaml_marks_fini(&reader->marks);
    yaml_parser_delete(&reader->parser);
}

static void event_fini(yaml_event_t *event)
{
    yaml_event_delete(event);
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Moves to where character `index` begins. Marks hardly ever go back, so a cursor is enough. */
static size_t seek(struct reader *reader, size_t index)
{
    struct slice text = reader->marks.text;

    for (; reader->index < index && reader->at < text.len; reader->index++)
        for (reader->at++; reader->at < text.len && is_continuation(text.ptr[reader->at]);)
            reader->at++;
    for (; reader->index > index; reader->index--)
        for (reader->at--; is_continuation(text.ptr[reader->at]);)
            reader->at--;
    return reader->at;
}

static size_t start_of(struct reader *reader, yaml_mark_t start)
{
    return reader->from + yaml_marks_start(&reader->marks, seek(reader, start.index));
}

static size_t end_of(struct reader *reader, yaml_mark_t end)
{
    return reader->from + yaml_marks_end(&reader->marks, seek(reader, end.index));
}

static struct yaml_place place_of(yaml_mark_t mark)
{
    return (struct yaml_place){.line = mark.line + 1, .column = mark.column + 1};
}

/* Where the byte `offset` stands; for reader errors, which have no mark. */
static struct yaml_place place_of_byte(const struct reader *reader, size_t offset)
{
    struct yaml_place place = {.line = 1, .column = 1};
    struct slice text = reader->marks.text;

    for (size_t at = 0; at < offset && at < text.len; at++) {
        if (text.ptr[at] == '\n') {
            place.line++;
            place.column = 1;
        } else if (!is_continuation(text.ptr[at])) {
            place.column++;
        }
    }
    return place;
}

/* libyaml 0.2.5 takes no plain scalar that ends in ":" inside brackets (yaml_parser_scan_plain_
 * scalar()); other readers do. */
static bool is_colon_in_flow(const yaml_parser_t *parser)
{
    return parser->problem && strcmp(parser->problem, "found unexpected ':'") == 0;
}

/* Nor one that begins with ":" (yaml_parser_fetch_next_token()). */
static bool begins_with_colon_in_flow(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    struct slice text = reader->marks.text;
    size_t at;

    if (!parser->problem || !parser->context ||
        strcmp(parser->problem, "did not find expected node content") != 0 ||
        strcmp(parser->context, "while parsing a flow node") != 0)
        return false;
    at = seek(reader, parser->problem_mark.index);
    return at < text.len && text.ptr[at] == ':';
}

static int parser_failed(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;

    alloc_must(parser->error != YAML_MEMORY_ERROR);
    *reader->problem = parser->error == YAML_READER_ERROR
                           ? place_of_byte(reader, parser->problem_offset)
                           : place_of(parser->problem_mark);
    error_set(reader->error, "%s", parser->problem ? parser->problem : "this is not YAML");
    if (parser->context && parser->error != YAML_READER_ERROR)
        error_set(reader->error, "%s %s that begins in line %zu", parser->problem, parser->context,
                  parser->context_mark.line + 1);
    if (is_colon_in_flow(parser))
        error_set(reader->error, "a text that ends in \":\" inside [] or {} must be quoted");
    if (begins_with_colon_in_flow(reader))
        error_set(reader->error, "a text that begins with \":\" inside [] or {} must be quoted");
    return -1;
}

/* Bytes of the blank or line break (YAML 1.1's) at text[at], 0 if it is none. */
static size_t white_length(struct slice text, size_t at)
{
    struct slice rest;

    if (at >= text.len)
        return 0;
    rest = slice_of(text.ptr + at, text.len - at);
    if (rest.ptr[0] == ' ' || rest.ptr[0] == '\t' || rest.ptr[0] == '\r' || rest.ptr[0] == '\n')
        return 1;
    if (slice_starts_with(rest, slice_str("\xc2\x85")))
        return 2;
    if (slice_starts_with(rest, slice_str("\xe2\x80\xa8")) ||
        slice_starts_with(rest, slice_str("\xe2\x80\xa9")))
        return 3;
    return 0;
}

static bool is_break(struct slice text, size_t at)
{
    return white_length(text, at) > 0 && text.ptr[at] != ' ' && text.ptr[at] != '\t';
}

/* The first byte of [start, end) behind anchors, tags, and the white and comments that follow
 * each of them. */
static size_t behind_properties(struct slice text, size_t start, size_t end)
{
    size_t at = start;

    while (at < end && (text.ptr[at] == '&' || text.ptr[at] == '!')) {
        while (at < end && !white_length(text, at))
            at++;
        while (at < end && (white_length(text, at) || text.ptr[at] == '#')) {
            if (text.ptr[at] == '#')
                while (at < end && !is_break(text, at))
                    at++;
            else
                at += white_length(text, at);
        }
    }
    return at < end ? at : end;
}

static struct slice copied(struct reader *reader, const void *bytes, size_t len)
{
    return slice_of(arena_text(&reader->builder->arena, slice_of(bytes, len)), len);
}

static int too_large(struct reader *reader, struct yaml_place place)
{
    *reader->problem = place;
    return -1;
}

/* The node that `event` begins; NULL over a limit. */
static struct yaml_node *add_node(struct reader *reader, const yaml_event_t *event,
                                  enum yaml_kind kind)
{
    struct yaml_place place = place_of(event->start_mark);
    struct yaml_node *node = yaml_builder_add(reader->builder, kind, place, reader->error);

    if (!node) {
        too_large(reader, place);
        return NULL;
    }
    node->start = start_of(reader, event->start_mark);
    node->end = end_of(reader, event->end_mark);
    node->start = behind_properties(reader->text, node->start, node->end);
    return node;
}

static bool is_tag(const yaml_char_t *tag, const char *wanted)
{
    return tag && strcmp((const char *)tag, wanted) == 0;
}

static void set_properties(struct reader *reader, struct yaml_node *node, const yaml_char_t *name,
                           const yaml_char_t *tag)
{
    struct anchor *anchor, **known;

    node->tagged = tag != NULL;
    node->tagged_str = is_tag(tag, YAML_STR_TAG) || is_tag(tag, "!");
    node->tagged_merge = is_tag(tag, MERGE_TAG) || is_tag(tag, "!");
    node->anchored = name != NULL;
    if (!name)
        return;
    anchor = arena_alloc(&reader->builder->arena, sizeof(*anchor));
    anchor->name = copied(reader, name, strlen((const char *)name));
    anchor->node = node;
    known = alloc_made(tsearch(anchor, &reader->anchors, compare_anchors));
    (*known)->node = node; /* an anchor may be given anew */
}

static int add_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_node *node = add_node(reader, event, YAML_SCALAR);

    if (!node)
        return -1;
    set_properties(reader, node, event->data.scalar.anchor, event->data.scalar.tag);
    node->text = copied(reader, event->data.scalar.value, event->data.scalar.length);
    switch (event->data.scalar.style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: node->style = YAML_SINGLE_QUOTED; break;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: node->style = YAML_DOUBLE_QUOTED; break;
    case YAML_LITERAL_SCALAR_STYLE: node->style = YAML_LITERAL; break;
    case YAML_FOLDED_SCALAR_STYLE: node->style = YAML_FOLDED; break;
    default: node->style = YAML_PLAIN; break;
    }
    return 0;
}

static int add_alias(struct reader *reader, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    struct anchor wanted = {.name = slice_str(name)}, **known;
    struct yaml_node *node = add_node(reader, event, YAML_ALIAS);

    if (!node)
        return -1;
    known = tfind(&wanted, &reader->anchors, compare_anchors);
    if (!known) {
        too_large(reader, place_of(event->start_mark));
        return error_set(reader->error, "no anchor \"%s\" stands before this alias", name);
    }
    node->target = (*known)->node;
    return 0;
}

static int open_collection(struct reader *reader, const yaml_event_t *event, enum yaml_kind kind)
{
    bool sequence = kind == YAML_SEQUENCE;
    bool flow = sequence ? event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                         : event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
    struct yaml_node *node = add_node(reader, event, kind);

    if (!node)
        return -1;
    set_properties(reader, node,
                   sequence ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
                   sequence ? event->data.sequence_start.tag : event->data.mapping_start.tag);
    if (yaml_builder_open(reader->builder, node, flow, reader->error) != 0)
        return too_large(reader, place_of(event->start_mark));
    return 0;
}

/* A block collection ends for libyaml where the next token begins; here, behind its last child. */
static void close_collection(struct reader *reader, const yaml_event_t *event)
{
    struct yaml_node *node = yaml_builder_close(reader->builder);

    if (event->end_mark.index > event->start_mark.index) { /* a bracket */
        node->end = end_of(reader, event->end_mark);
        return;
    }
    if (node->n > 0) {
        const struct yaml_node *last =
            node->kind == YAML_MAPPING ? node->values[node->n - 1] : node->items[node->n - 1];

        /* A value that was left out may stand at the next token, behind white and comments. */
        if (last->start == last->end && node->kind == YAML_MAPPING && last->start > 0 &&
            reader->text.ptr[last->start - 1] != ':')
            last = node->items[node->n - 1];
        if (last->end > node->end)
            node->end = last->end;
    }
}

static int take(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return add_scalar(reader, event);
    case YAML_ALIAS_EVENT: return add_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT: return open_collection(reader, event, YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT: return open_collection(reader, event, YAML_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: close_collection(reader, event); return 0;
    case YAML_DOCUMENT_END_EVENT:
        forget_anchors(reader);
        yaml_builder_end_document(reader->builder);
        return 0;
    default: return 0;
    }
}

int yaml_events_read(struct yaml_builder *builder, struct slice text, size_t from,
                     struct yaml_place *problem, struct error *error)
{
    __attribute__((cleanup(reader_fini))) struct reader reader = {
        .builder = builder, .text = text, .from = from, .problem = problem, .error = error};
    struct slice rest;
    bool ended = false;

    yaml_marks_init(&reader.marks, slice_from(text, from));
    rest = reader.marks.text;
    alloc_must(yaml_parser_initialize(&reader.parser));
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(rest.len ? rest.ptr : ""),
                                 rest.len);
    while (!ended) {
        __attribute__((cleanup(event_fini))) yaml_event_t event = {0};

        if (!yaml_parser_parse(&reader.parser, &event))
            return parser_failed(&reader);
        ended = event.type == YAML_STREAM_END_EVENT;
        if (take(&reader, &event) != 0)
            return -1;
    }
    return 0;
}
