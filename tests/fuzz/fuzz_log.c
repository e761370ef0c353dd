/*
 * Any bytes as the message and the fields of a log line, in both formats: one line always, which
 * fits a pipe, holds nothing that steers a terminal, and is an object of JSON where it should be.
 *
 * The input: a byte of flags (1: JSON), then pieces: a byte for the kind, one for an eighth of the
 * length, and the bytes. The first piece is the message.
 */
#include "fuzz.h"

#include "pullthrough/core/base/utf8.h"
#include "pullthrough/edge/sys/log.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

enum { FIELDS_MOST = 16, UNIT_BYTES = 8, PIECE_MOST_BYTES = 255 * UNIT_BYTES };

static const char *const names[FIELDS_MOST] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                               "i", "j", "k", "l", "m", "n", "o", "p"};

struct piece {
    uint8_t kind;
    struct slice text;
};

static struct piece take_piece(struct slice *rest)
{
    struct piece piece = {0};
    size_t len;

    if (rest->len < 2) {
        *rest = (struct slice){0};
        return piece;
    }
    piece.kind = (uint8_t)rest->ptr[0];
    len = (size_t)(uint8_t)rest->ptr[1] * UNIT_BYTES;
    *rest = slice_from(*rest, 2);
    piece.text = slice_of(rest->ptr, len < rest->len ? len : rest->len);
    *rest = slice_from(*rest, piece.text.len);
    return piece;
}

static struct log_field field_of(size_t i, const struct piece *piece)
{
    struct log_field field = {
        .name = names[i], .kind = (enum log_field_kind)(piece->kind % 4), .text = piece->text};

    if (piece->text.len)
        memcpy(&field.number, piece->text.ptr,
               piece->text.len < sizeof(field.number) ? piece->text.len : sizeof(field.number));
    return field;
}

/* But for the end, every character is one, and none of them is a control. */
static void check_line(const char *line, size_t len)
{
    FUZZ_ASSERT(len > 0 && len <= PIPE_BUF && line[len - 1] == '\n');
    for (size_t i = 0, step; i < len - 1; i += step) {
        unsigned char c = (unsigned char)line[i];

        step = utf8_length(line + i, len - 1 - i);
        FUZZ_ASSERT(step > 0);
        FUZZ_ASSERT(c >= ' ' && c != 0x7f);
        FUZZ_ASSERT(!(c == 0xc2 && (unsigned char)line[i + 1] < 0xa0));
    }
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < ' ' || text.ptr[i] > '~')
            return false;
    return text.len <= 512;
}

/* A field is there, or the line says that something was cut. */
static void check_json(const char *line, size_t len, const struct log_field *fields, size_t n)
{
    json_t *root = json_loadb(
        line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

    FUZZ_ASSERT(json_is_object(root));
    FUZZ_ASSERT(json_is_string(json_object_get(root, "time")));
    FUZZ_ASSERT(json_is_string(json_object_get(root, "level")));
    FUZZ_ASSERT(json_is_string(json_object_get(root, "message")));
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(root, fields[i].name);

        FUZZ_ASSERT(value || json_is_true(json_object_get(root, "cut")));
        if (value && fields[i].kind == LOG_FIELD_TEXT && is_plain(fields[i].text))
            FUZZ_ASSERT(slice_equal(slice_of(json_string_value(value), json_string_length(value)),
                                    fields[i].text));
    }
    json_decref(root);
}

static void set_up(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    log_set_level(LOG_LEVEL_DEBUG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ends[2];
    struct slice rest = slice_of((const char *)data, size);
    struct log_field fields[FIELDS_MOST];
    char message[PIECE_MOST_BYTES + 1], line[2 * PIPE_BUF];
    struct piece piece;
    uint8_t flags;
    size_t n = 0;
    ssize_t got;

    if (size == 0)
        return 0;
    if (!ends[1])
        set_up(ends);
    flags = data[0];
    rest = slice_from(rest, 1);
    piece = take_piece(&rest);
    if (piece.text.len)
        memcpy(message, piece.text.ptr, piece.text.len);
    message[piece.text.len] = '\0';
    while (rest.len && n < FIELDS_MOST) {
        piece = take_piece(&rest);
        fields[n] = field_of(n, &piece);
        n++;
    }
    log_setup(ends[1], flags & 1);
    log_write((enum log_level)(flags >> 1 & 3), message, fields, n);
    got = read(ends[0], line, sizeof(line));
    FUZZ_ASSERT(got > 0);
    check_line(line, (size_t)got);
    if (flags & 1)
        check_json(line, (size_t)got, fields, n);
    return 0;
}
