/*
 * A line a step, written when the step is done: the next one may take a minute.
 */
#include "verify_report.h"

#include "pullthrough/core/json/json_writer.h"

#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, DOCUMENT_MAX = 256 * 1024, TEXT_COLUMN = 15 };

static const char *const step_names[VERIFY_STEP_COUNT] = {
    [VERIFY_CREDENTIALS] = "credentials",
    [VERIFY_IMAGE] = "image",
    [VERIFY_RULE] = "rule",
    [VERIFY_SECRET] = "secret",
    [VERIFY_VALIDATION] = "validation",
    [VERIFY_TOKEN] = "token",
    [VERIFY_PULL] = "pull",
    [VERIFY_REPOSITORY] = "repository",
    [VERIFY_CACHED] = "cached",
};

void verify_report_init(struct verify_report *report, enum command_output output)
{
    *report = (struct verify_report){
        .json = output != OUTPUT_TEXT,
        .yaml = output == OUTPUT_YAML,
        .look = text_look_of(STDOUT_FILENO),
        .steps = STRBUF_INIT(DOCUMENT_MAX),
    };
}

void verify_report_fini(struct verify_report *report)
{
    strbuf_fini(&report->steps);
}

static void write_out(struct verify_report *report, const struct strbuf *text)
{
    if (strbuf_overflowed(text) || fwrite(strbuf_str(text), 1, text->len, stdout) != text->len ||
        fflush(stdout) != 0)
        report->unwritten = true;
}

/* In one line where a program may read it. */
static void add_text(struct strbuf *out, const char *text, struct text_look look)
{
    STRBUF_CLEANUP struct strbuf shown = STRBUF_INIT(LINE_MAX_BYTES);

    text_add_printable(&shown, slice_str(text));
    if (look.terminal) {
        text_add_wrapped(out, strbuf_slice(&shown), TEXT_COLUMN, TEXT_COLUMN);
        return;
    }
    strbuf_add_slice(out, strbuf_slice(&shown));
    strbuf_add_char(out, '\n');
}

static void add_line(const struct verify_report *report, enum verify_step step,
                     enum verify_result result, const char *detail, const char *advice,
                     struct strbuf *out)
{
    static const char *const signs[] = {
        [VERIFY_SKIPPED] = "-", [VERIFY_OK] = "\u2713", [VERIFY_FAILED] = "\u2717"};
    static const enum text_colour colours[] = {
        [VERIFY_SKIPPED] = TEXT_NO_COLOUR, [VERIFY_OK] = TEXT_GREEN, [VERIFY_FAILED] = TEXT_RED};

    text_colour_begin(out, colours[result], report->look);
    strbuf_add_str(out, signs[result]);
    text_colour_end(out, colours[result], report->look);
    strbuf_add_format(out, " %-13s", step_names[step]);
    add_text(out, detail, report->look);
    if (advice && *advice) {
        strbuf_add_format(out, "%*s", TEXT_COLUMN, "");
        add_text(out, advice, report->look);
    }
}

static void add_object(enum verify_step step, enum verify_result result, const char *detail,
                       const char *advice, struct strbuf *out)
{
    static const char *const words[] = {
        [VERIFY_SKIPPED] = "skipped", [VERIFY_OK] = "ok", [VERIFY_FAILED] = "failed"};
    struct json_writer json = {.out = out, .spaced = true, .more = out->len > 0};

    json_add_line(&json, 4);
    json_add_object(&json, NULL);
    json_add_text(&json, "step", step_names[step]);
    json_add_text(&json, "result", words[result]);
    json_add_text(&json, "detail", detail);
    json_add_given(&json, "advice", advice);
    json_end(&json);
}

void verify_report_step(struct verify_report *report, enum verify_step step,
                        enum verify_result result, const char *detail, const char *advice)
{
    STRBUF_CLEANUP struct strbuf line = STRBUF_INIT(LINE_MAX_BYTES);

    report->done[step] = true;
    report->failed |= result == VERIFY_FAILED;
    if (report->json) {
        add_object(step, result, detail, advice, &report->steps);
        return;
    }
    add_line(report, step, result, detail, advice, &line);
    write_out(report, &line);
}

void verify_report_end(struct verify_report *report, const char *image, const char *rewritten)
{
    STRBUF_CLEANUP struct strbuf document = STRBUF_INIT(DOCUMENT_MAX);
    struct json_writer json = json_begin(&document, true);

    for (int step = 0; step < VERIFY_STEP_COUNT; step++)
        if (!report->done[step])
            verify_report_step(report, (enum verify_step)step, VERIFY_SKIPPED, "not tried", NULL);
    if (!report->json)
        return;
    json_add_line(&json, 2);
    json_add_text(&json, "image", image);
    json_add_line(&json, 2);
    json_add_text(&json, "rewritten", rewritten);
    json_add_line(&json, 2);
    json_add_bool(&json, "ok", !report->failed);
    json_add_line(&json, 2);
    json_add_array(&json, "steps");
    strbuf_add_slice(&document, strbuf_slice(&report->steps));
    json_add_line(&json, 2);
    json_end(&json);
    json_add_line(&json, 0);
    json_end(&json);
    strbuf_add_char(&document, '\n');
    if (command_print_document(&command_verify, &document,
                               report->yaml ? OUTPUT_YAML : OUTPUT_JSON) != EXIT_FINE)
        report->unwritten = true;
}
