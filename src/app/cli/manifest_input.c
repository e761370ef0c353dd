/*
 * Between a descriptor and core's stream of manifests: whose failure a failure is.
 */
#include "manifest_input.h"

#include "pullthrough/edge/sys/file.h"

#include <string.h>

const char manifest_input_hint[] = " (a Helm template? `helm template` renders it)";

const char *manifest_input_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

struct reading {
    struct manifest_stream *stream;
    struct error *error;
    bool misread; /* the reading went well, but not the text */
};

static int feed(void *context, struct slice bytes)
{
    struct reading *reading = context;

    reading->misread = manifest_stream_feed(reading->stream, bytes, reading->error) != 0;
    return reading->misread ? -1 : 0;
}

/* From a file, or where it is NULL from a descriptor. */
static int read_all(const struct manifest_input *input, const char *file, int fd, const char *name,
                    struct error *error)
{
    struct reading reading = {
        .stream = manifest_stream_new(input->rules, input->kinds, &input->report), .error = error};
    int r = file ? file_stream_argument(file, feed, &reading, error)
                 : file_stream_fd(fd, name, feed, &reading, error);

    if (r == 0) {
        r = manifest_stream_end(reading.stream, error);
        reading.misread = r != 0;
    }
    if (reading.misread) {
        struct error reason = *error;
        bool hint = manifest_stream_holds_templates(reading.stream);

        (void)error_set(error, "%s:%s%s", name, reason.text, hint ? manifest_input_hint : "");
    }
    if (input->seen) {
        input->seen->objects += manifest_stream_objects(reading.stream);
        input->seen->goes_on |= manifest_stream_goes_on(reading.stream);
    }
    manifest_stream_free(reading.stream);
    return r == 0 ? 0 : reading.misread ? -1 : MANIFEST_INPUT_UNREAD;
}

int manifest_input_file(const struct manifest_input *input, const char *file, struct error *error)
{
    return read_all(input, file, -1, manifest_input_name(file), error);
}

int manifest_input_fd(const struct manifest_input *input, int fd, const char *name,
                      struct error *error)
{
    return read_all(input, NULL, fd, name, error);
}
