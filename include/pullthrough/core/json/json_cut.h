/*
 * JSON that arrives in pieces, cut into what can be parsed piece by piece: documents, and of a
 * large one that has `items` (a Kubernetes List) each item by itself. So memory is that of the
 * largest piece, however long the text is.
 *
 * It counts braces outside of strings, and refuses to check what is between them: whoever parses
 * the pieces does. What can't be JSON is given back, for a reader of YAML.
 */
#ifndef PULLTHROUGH_CORE_JSON_JSON_CUT_H
#define PULLTHROUGH_CORE_JSON_JSON_CUT_H

#include "pullthrough/core/base/error.h"
#include "pullthrough/core/base/slice.h"
#include "pullthrough/core/base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

struct json_cut_place {
    size_t line, column; /* from 1; the column in characters. Lines end with LF. */
};

enum json_piece_kind {
    JSON_PIECE_DOCUMENT, /* a whole one */
    JSON_PIECE_ITEM,     /* an item of the `items` of one that is cut */
    JSON_PIECE_REST,     /* that document, at its end, without them: "items":[] */
};

/* Its texts are dead at the next call. */
struct json_piece {
    enum json_piece_kind kind;
    struct slice text;
    struct json_cut_place at; /* of its first byte; of the rest: of its document's */
    size_t document;          /* from 0 */
    size_t index;             /* of an item, from 0 */
    struct slice before;      /* of an item: its document up to the items, and closed */
};

struct json_cut {
    size_t whole_max; /* bytes of a document that is left whole, whatever it holds */
    size_t piece_max; /* bytes of any piece */

    /* Its own. */
    int where, string; /* enum where and enum in_string of json_cut.c */
    bool handed_out, key, is_items, had_items, comma;
    size_t depth, document, index;
    struct json_cut_place here, document_at, piece_at;
    struct strbuf held, rest, before, item;
    struct strbuf name;      /* the key of the document that is being read */
    struct slice held_again; /* what is still to be cut of `held` */
};

#define JSON_CUT_CLEANUP __attribute__((cleanup(json_cut_fini)))

void json_cut_init(struct json_cut *cut, size_t whole_max, size_t piece_max);
void json_cut_fini(struct json_cut *cut);

enum { JSON_CUT_PIECE = 1, JSON_CUT_NOT_JSON = 2 };

/* Take bytes off `input`. 0: all are taken, and more are wanted; JSON_CUT_PIECE, and call again;
 * JSON_CUT_NOT_JSON: what follows isn't JSON, and begins with json_cut_held(); -1 with
 * "LINE:COL: message" where a document that is being cut breaks, or a piece is too large. After
 * the last two only json_cut_held() and _fini() may be called. */
int json_cut_next(struct json_cut *cut, struct slice *input, struct json_piece *piece,
                  struct error *error);

/* The input has ended. 0; JSON_CUT_NOT_JSON or -1 as above: within a document. */
int json_cut_end(struct json_cut *cut, struct error *error);

/* What was taken and is in no piece, where it stands, and how many documents came before. */
struct slice json_cut_held(const struct json_cut *cut, struct json_cut_place *at,
                           size_t *documents);

#endif
