/*
 * The webhook without the network: the same answer to the same bytes.
 */
#include "pullthrough/app/commands.h"
#include "pullthrough/app/config_source.h"
#include "pullthrough/core/review.h"
#include "pullthrough/edge/file.h"

#include <getopt.h>
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

    if (file_read("-", &body, error))
        return -1;
    if (config_source_host(config, &host, error)) {
        (void)fprintf(stderr, "pullthrough review: nothing is rewritten: %s\n", error->text);
        strbuf_clear(&host);
    }
    facts.host = strbuf_slice(&host);
    rules = rule_set_new(config, &facts);
    arena_init(&arena, review_arena_bytes(body.len));
    review_answer(&review, rules, strbuf_slice(&body), &arena, &out);
    rule_set_unref(rules);
    strbuf_add_char(&out, '\n');
    if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout))
        return error_set(error, "cannot write the answer");
    return review.status == 200 ? EXIT_FINE : EXIT_NEGATIVE;
}

int command_review(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    CONFIG_CLEANUP struct config *config = NULL;
    const char *config_path = NULL;
    struct error error = {""};
    int option, result;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return EXIT_FINE;
        }
        if (option != 'c') {
            (void)fputs(usage, stderr);
            return EXIT_USAGE;
        }
        config_path = optarg;
    }
    if (optind < argc) {
        (void)fputs(usage, stderr);
        return EXIT_USAGE;
    }
    result = config_source_load(config_path, &config, &error);
    if (result == 0)
        result = answer(config, &error);
    if (result < 0) {
        (void)fprintf(stderr, "pullthrough review: %s\n", error.text);
        return EXIT_FAILED;
    }
    return result;
}
