/*
 * `pullthrough review`: the webhook without the network: the same answer to the same bytes. It asks
 * nobody, so every rule is taken to be ready, and ECR to hold every image.
 */
#include "command_line.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/core/review/review.h"
#include "pullthrough/edge/sys/file.h"

#include <stdio.h>

enum { HOST_MAX = 512 };

enum { CONFIG };

static const struct command_option options[] = {[CONFIG] = COMMAND_CONFIG};

static int answer(const struct config *config, struct error *error)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(config->server.max_body_bytes);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REVIEW_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    ARENA_CLEANUP struct arena arena = {0};
    struct rule_set_facts facts = {.all_cached = true};
    struct rule_set *rules;
    struct review review;

    command_say_reading(&command_review, NULL);
    if (file_read_argument("-", &body, error))
        return -1;
    if (config_source_host(config, &host, error)) {
        (void)fprintf(stderr, "pullthrough review: nothing is rewritten: %s\n", error->text);
        strbuf_clear(&host);
    }
    facts.host = strbuf_slice(&host);
    rules = rule_set_new(config, &facts);
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&review, rules, NULL, NULL, strbuf_slice(&body), &arena, &out);
    rule_set_free(rules);
    strbuf_add_char(&out, '\n');
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout))
        return error_set(error, "cannot write the answer");
    return review.status == 200 ? EXIT_FINE : EXIT_NEGATIVE;
}

static int run(const struct command_line *line)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    struct error error = {""};
    int status = config_source_load(command_line_option(line, CONFIG), &config, &error);

    if (status == 0)
        status = answer(config, &error);
    return status < 0 ? command_fail(line->command, EXIT_FAILED, error.text) : status;
}

const struct command command_review = {
    .name = "review",
    .summary = "answer one AdmissionReview from standard input",
    .usage = "[--config FILE] < REVIEW",
    .about = "Read one AdmissionReview (JSON) and write the answer that the webhook would give.",
    .examples = "pullthrough review < review.json",
    .exits = {"an answer", "the answer is HTTP 400", [EXIT_FAILED] = "could not do it"},
    COMMAND_OPTIONS(options),
    .run = run,
};
