/*
 * What ECR holds and imports, with the program's own client, for tests against a stand-in:
 *
 *     call_images HOST CA_FILE
 *
 * Each line of standard input is a call, its words between blanks: "list REPOSITORY" and
 * "repositories", of which all pages are asked for; "look REPOSITORY TAG|-  DIGEST|-"; "import
 * REPOSITORY TAG". Each is answered by a line of JSON: outcome, reason, digest, pages, items, and
 * the most bytes that the program held after a page, but for the answer. Everything else comes from
 * the environment.
 */
#include "pullthrough/edge/aws/image_client.h"

#include "pullthrough/core/json/json_writer.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>

enum { OUT_MAX = 64 * 1024 * 1024 };

struct answer {
    enum image_outcome outcome;
    struct error error;
    char digest[REGISTRY_DIGEST_BYTES];
    unsigned pages;
    size_t bytes;
};

static size_t allocated(void)
{
    /* Where the program is built with AddressSanitizer, malloc is its own. */
    size_t (*sanitizer)(void) =
        (size_t(*)(void))dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    struct mallinfo2 info;

    if (sanitizer)
        return sanitizer();
    info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* All but what the answer takes, which grows. */
static void measure(struct answer *answer, const struct strbuf *out)
{
    size_t bytes = allocated() - out->size;

    answer->pages++;
    answer->bytes = bytes > answer->bytes ? bytes : answer->bytes;
}

/* A page of images, or of repositories where `repository` is NULL; whether there is another. */
static bool one_page(struct image_client *client, const char *repository, struct answer *answer,
                     struct json_writer *json)
{
    ARENA_CLEANUP struct arena arena;
    struct ecr_repositories repositories = {0};
    struct ecr_image_ids ids = {0};
    const char *next;

    arena_init(&arena, 1000);
    answer->outcome = repository ? image_client_list(client, repository, answer->pages, &arena,
                                                     &ids, &answer->error)
                                 : image_client_repositories(client, answer->pages, &arena,
                                                             &repositories, &answer->error);
    if (answer->outcome != IMAGE_THERE)
        return false;
    measure(answer, json->out);
    for (size_t i = 0; i < ids.n; i++) {
        json_add_array(json, NULL);
        json_add_text(json, NULL, ids.items[i].tag);
        json_add_text(json, NULL, ids.items[i].digest);
        json_end(json);
    }
    for (size_t i = 0; i < repositories.n; i++) {
        json_add_array(json, NULL);
        json_add_text(json, NULL, repositories.items[i].name);
        json_add_number(json, NULL, (uint64_t)repositories.items[i].created_s);
        json_end(json);
    }
    next = repository ? ids.next_token : repositories.next_token;
    return *next;
}

static const char *given(const char *word)
{
    return strcmp(word, "-") == 0 ? "" : word;
}

static void call(struct image_client *client, char words[4][512], struct strbuf *out)
{
    struct answer answer = {.outcome = IMAGE_REFUSED};
    struct json_writer json = json_begin(out, false);
    bool lists = strcmp(words[0], "list") == 0 || strcmp(words[0], "repositories") == 0;

    json_add_array(&json, "items");
    while (lists && one_page(client, *words[1] ? words[1] : NULL, &answer, &json))
        ;
    json_end(&json);
    if (strcmp(words[0], "look") == 0)
        answer.outcome = image_client_look(client, words[1], given(words[2]), given(words[3]),
                                           answer.digest, &answer.error);
    else if (strcmp(words[0], "import") == 0)
        answer.outcome =
            image_client_import(client, words[1], words[2], answer.digest, &answer.error);
    json_add_text(&json, "outcome", image_outcome_name(answer.outcome));
    json_add_text(&json, "reason", answer.error.text);
    json_add_text(&json, "digest", answer.digest);
    json_add_number(&json, "pages", answer.pages);
    json_add_number(&json, "bytes", answer.bytes);
    json_end_all(&json);
}

static int run(struct aws_client *aws, struct http_client *http, const char *host)
{
    const struct timing timing = timing_of_process();
    IMAGE_CLIENT_CLEANUP struct image_client *client = image_client_new(
        &(struct image_client_config){.aws = aws, .http = http, .timing = &timing, .host = host});
    char line[2048];

    while (fgets(line, sizeof(line), stdin)) {
        STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(OUT_MAX);
        char words[4][512] = {"", "", "", ""};

        (void)sscanf(line, "%511s %511s %511s %511s", words[0], words[1], words[2], words[3]);
        call(client, words, &out);
        (void)printf("%s\n", strbuf_str(&out));
        (void)fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    AWS_CLIENT_CLEANUP struct aws_client *aws = NULL;
    struct http_client *http = NULL;
    struct error error = {""};
    int result = 1;

    if (argc != 3)
        return 2;
    if (aws_client_new(&aws,
                       &(struct aws_client_config){.environment = environment_of_process(),
                                                   .timing = timing_of_process()},
                       &error) == 0 &&
        http_client_new(&http, &(struct http_client_config){.ca_file = argv[2]}, &error) == 0)
        result = run(aws, http, argv[1]);
    http_client_free(http);
    if (error.text[0])
        (void)fprintf(stderr, "%s\n", error.text);
    return result;
}
