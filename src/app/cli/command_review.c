/*
 * The webhook without the network: the same answer to the same bytes.
 */
#include "options.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/review/review.h"
#include "pullthrough/edge/sys/file.h"

#include <stdio.h>

enum { HOST_MAX = 512 };

static const char usage[] =
    "usage: pullthrough review [--config FILE] < REVIEW\n"
    "\n"
    "Reads one AdmissionReview (JSON) and writes the answer that the webhook would give.\n"
    "\n"
    "  --config FILE  the configuration (docs/configuration.md); without it the defaults hold\n"
    "  --help         this text\n"
    "\n"
    "Exit status: 0 an answer, 1 the answer is HTTP 400, 2 wrong usage, 3 could not do it.\n";

static int answer(const struct config *config, struct error *error)
{
    STRBUF_CLEANUP struct strbuf body = STRBUF_INIT(config->server.max_body_bytes);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(REVIEW_ANSWER_MAX);
    STRBUF_CLEANUP struct strbuf host = STRBUF_INIT(HOST_MAX);
    ARENA_CLEANUP struct arena arena = {0};
    struct rule_set_facts facts = {0};
    struct rule_set *rules;
    struct review review;

    if (file_read_argument("-", &body, error))
        return -1;
    if (config_source_host(config, &host, error)) {
        (void)fprintf(stderr, "pullthrough review: nothing is rewritten: %s\n", error->text);
        strbuf_clear(&host);
    }
    facts.host = strbuf_slice(&host);
    rules = rule_set_new(config, &facts);
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&review, rules, strbuf_slice(&body), &arena, &out);
    rule_set_free(rules);
    strbuf_add_char(&out, '\n');
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout))
        return error_set(error, "cannot write the answer");
    return review.status == 200 ? EXIT_FINE : EXIT_NEGATIVE;
}

int command_review(int argc, char **argv)
{
    CONFIG_CLEANUP const struct config *config = NULL;
    struct error error = {""};
    struct options options;
    int status = options_read(&options, argc, argv, usage);

    if (status != OPTIONS_GO_ON)
        return status;
    if (config_source_load(options.config_path, &config, &error) == 0)
        status = answer(config, &error);
    if (status < 0) {
        (void)fprintf(stderr, "pullthrough review: %s\n", error.text);
        return EXIT_FAILED;
    }
    return status;
}
