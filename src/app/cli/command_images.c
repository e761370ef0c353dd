/*
 * `pullthrough images`: what is in the cache. It changes nothing there.
 */
#include "command_config.h"
#include "images_list.h"
#include "pullthrough/app/base/aws_access.h"
#include "pullthrough/core/rules/rewrite.h"
#include "scan_rules.h"

#include <unistd.h>

enum { OUTPUT_MAX = 512 * 1024 * 1024 };

enum { ALL, OUTPUT, CONFIG, PROFILE, ACCOUNT, REGION };

static const struct command_option option_table[] = {
    [ALL] = {.name = "all", .help = "also images without a tag, in the table and by name"},
    [OUTPUT] = COMMAND_OUTPUT_NAMES("REPOSITORY:TAG of each, one a line"),
    [CONFIG] = COMMAND_CONFIG,
    [PROFILE] = COMMAND_PROFILE,
    [ACCOUNT] = COMMAND_ACCOUNT,
    [REGION] = COMMAND_REGION,
};

static const struct command_verb verbs[] = {
    {.name = "list",
     .word = "[PREFIX|IMAGE]",
     .values = VALUES_CACHED,
     .help = "what ECR holds: of all upstreams, of a registry, below a prefix, or of an image as "
             "pods or ECR name it"},
};

static int tell(const struct command_line *line, const struct images_list *list)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUTPUT_MAX);
    enum command_output output = command_output_of(line, OUTPUT);
    int printed;

    if (output == OUTPUT_NAME)
        images_list_names(list, command_line_option(line, ALL) != NULL, &out);
    else if (output != OUTPUT_TEXT)
        images_list_json(list, &out);
    else
        images_list_table(list, command_line_option(line, ALL) != NULL, text_look_of(STDOUT_FILENO),
                          &out);
    printed = command_print_document(line->command, &out, output);
    if (printed != EXIT_FINE || list->n > 0)
        return printed;
    return command_fail(line->command, EXIT_NEGATIVE,
                        "ECR holds no such image; `pullthrough images list -o name` names those "
                        "that it holds");
}

static int ask(struct images_list *list, const struct command_line *line,
               const struct images_wanted *wanted, const struct config *config, struct error *error)
{
    AWS_CLIENT_CLEANUP struct aws_client *aws = NULL;
    IMAGE_CLIENT_CLEANUP struct image_client *client = NULL;
    struct progress progress;
    struct timing timing;

    progress_init(&progress, "images");
    timing = progress_timing(&progress);
    if (aws_access_for_command(&aws, config, command_line_option(line, PROFILE), &timing, error) <
            0 ||
        aws_access_check_account(aws, config, error) < 0)
        return -1;
    client =
        image_client_new(&(struct image_client_config){.aws = aws, .timing = &timing, .host = ""});
    return images_list_ask(list, wanted, config, client, &progress, error);
}

static int list_images(const struct command_line *line, const struct config *config,
                       struct error *error)
{
    STRBUF_CLEANUP struct strbuf target = STRBUF_INIT(REWRITE_TEXT_MAX);
    struct images_wanted wanted = {.is_repository = false};
    struct images_list list = {.items = NULL};
    struct scan_rules rules = {0};
    int result =
        scan_rules_find(&rules, config, &(struct scan_rules_asker){.offline = true}, error);
    int status = EXIT_FAILED;

    if (result == 0 && line->n_words > 0)
        result = images_wanted_read(&wanted, line->words[0], config, rules.rules, &target, error);
    if (result == 0) {
        result = ask(&list, line, &wanted, config, error);
        if (result == 0)
            status = tell(line, &list);
        images_list_fini(&list);
    }
    scan_rules_fini(&rules);
    return result == 0 ? status : command_fail(line->command, EXIT_FAILED, error->text);
}

static int run(const struct command_line *line)
{
    CONFIG_CLEANUP const struct config *loaded = NULL;
    struct error error = {""};
    struct config config;

    if (command_config_load(line, &loaded, &config, &error) < 0)
        return command_fail(line->command, EXIT_FAILED, error.text);
    return list_images(line, &config, &error);
}

const struct command command_images = {
    .name = "images",
    .summary = "list what the cache holds",
    .usage = "list [PREFIX|IMAGE] [OPTION...]",
    .about =
        "The images that ECR holds below the prefixes of the configuration's upstreams, and can "
        "be pulled: repository, tag, digest, size, when it came, and when it was last pulled.",
    .notes = "The size is ECR's, compressed; of an image for several platforms it is the largest "
             "one's. Archived images can't be pulled, and aren't listed. On a terminal digests and "
             "times are shortened; lines for programs, divided by tabs, and -o json have the whole "
             "of them.\n\n"
             "It takes the rights that `pullthrough iam verify` prints.",
    .examples = "pullthrough images list\n"
                "pullthrough images list dockercache/library\n"
                "pullthrough images list nginx:1.27 -o json",
    .exits = {"listed", "ECR holds no such image", [EXIT_FAILED] = "ECR doesn't say what it holds"},
    COMMAND_VERBS(verbs),
    COMMAND_OPTIONS(option_table),
    .run = run,
};
