/*
 * `pullthrough version`: a report of a bug needs the commit and each library.
 */
#include "command_line.h"
#include "pullthrough/app/base/version.h"
#include "pullthrough/core/json/json_writer.h"
#include "pullthrough/edge/http/http_client.h"
#include "pullthrough/edge/http/http_server.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <yaml.h>
#include <yyjson.h>

enum { OUTPUT };

static const struct command_option options[] = {[OUTPUT] = COMMAND_OUTPUT};

/* "libcurl 7.88.1, …" as members; what stands behind the second word is left out. */
static void add_libraries(struct json_writer *json, const char *libraries)
{
    struct slice rest = slice_str(libraries);

    while (rest.len) {
        struct slice number = slice_cut(&rest, ','), library = slice_cut(&number, ' ');
        char name[32];

        (void)snprintf(name, sizeof(name), "%.*s", SLICE_FMT(library));
        json_add_slice(json, name, slice_cut(&number, ' '));
        if (rest.len)
            (void)slice_cut(&rest, ' ');
    }
}

static void add_json(struct strbuf *out, const char *libraries)
{
    struct json_writer json = json_begin(out, true);

    json_add_text(&json, "version", version_number);
    json_add_text(&json, "commit", version_commit);
    json_add_line(&json, 2);
    json_add_object(&json, "libraries");
    add_libraries(&json, libraries);
    json_end_all(&json);
    strbuf_add_char(out, '\n');
}

static int run(const struct command_line *line)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(COMMAND_TEXT_MAX);
    STRBUF_CLEANUP struct strbuf libraries = STRBUF_INIT(COMMAND_TEXT_MAX);
    enum command_output output = command_output_of(line, OUTPUT);

    strbuf_add_format(&libraries, "%s, %s, %s, yyjson %s, jansson %s, libyaml %s",
                      http_server_library(), http_client_library(),
                      OpenSSL_version(OPENSSL_VERSION), YYJSON_VERSION_STRING,
                      jansson_version_str(), yaml_get_version_string());
    if (output != OUTPUT_TEXT)
        add_json(&text, strbuf_str(&libraries));
    else
        strbuf_add_format(&text, "pullthrough %s (commit %s)\n%s\n", version_number, version_commit,
                          strbuf_str(&libraries));
    return command_print_document(line->command, &text, output);
}

const struct command command_version = {
    .name = "version",
    .summary = "print version, commit and libraries",
    .usage = "[-o json|yaml]",
    .about = "Print the version, the commit that it was built from, and the libraries.",
    .exits = {[EXIT_FINE] = "printed", [EXIT_FAILED] = "could not write it"},
    COMMAND_OPTIONS(options),
    .run = run,
};
