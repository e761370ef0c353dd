/*
 * One call to AWS with the program's own client, for tests against a stand-in:
 *
 *     call_aws OPERATION BODY [TIMES]
 *
 * Everything else comes from the environment. Prints an answer a line; a failure as "refused",
 * "no-answer" or "failed", its class and its text, and goes on. The last line is a JSON object:
 * the region, the source of the keys, and the attempts. Exit 0 if the last call was answered.
 */
#include "pullthrough/edge/aws/aws_client.h"

#include <stdio.h>
#include <stdlib.h>

struct attempts {
    struct strbuf text;
};

static void count(void *context, const struct aws_sender_attempt *attempt)
{
    struct attempts *attempts = context;

    if (attempts->text.len > 0)
        strbuf_add_char(&attempts->text, ',');
    strbuf_add_json(&attempts->text, slice_str(aws_outcome_name(attempt->outcome)));
}

static int find_operation(const char *name, enum aws_operation *operation)
{
    for (int i = 0; i < AWS_OPERATION_COUNT; i++)
        if (strcmp(aws_operation_name((enum aws_operation)i), name) == 0) {
            *operation = (enum aws_operation)i;
            return 0;
        }
    return -1;
}

static int call_once(struct aws_client *client, const struct aws_call *call)
{
    STRBUF_CLEANUP struct strbuf answer = STRBUF_INIT(AWS_SENDER_ANSWER_MAX);
    struct aws_error failure;
    struct error error;
    int result = aws_client_call(client, call, &answer, &failure, &error);

    if (result == 0)
        (void)printf("%s\n", strbuf_str(&answer));
    else
        (void)printf("%s %s %s\n",
                     result == AWS_CLIENT_REFUSED     ? "refused"
                     : result == AWS_CLIENT_NO_ANSWER ? "no-answer"
                                                      : "failed",
                     result == AWS_CLIENT_REFUSED ? aws_error_class_name(failure.class) : "-",
                     error.text);
    (void)fflush(stdout);
    return result;
}

int main(int argc, char **argv)
{
    AWS_CLIENT_CLEANUP struct aws_client *client = NULL;
    struct attempts attempts = {.text = STRBUF_INIT(64 * 1024)};
    struct aws_call call = {0};
    const char *region = "";
    struct error error = {""};
    int times = 1, result = 0;

    if (argc < 3 || find_operation(argv[1], &call.operation) < 0 ||
        (argc > 3 && sscanf(argv[3], "%d", &times) != 1))
        return 2;
    call.body = slice_str(argv[2]);
    if (aws_client_new(&client,
                       &(struct aws_client_config){
                           .environment = environment_of_process(),
                           .timing = timing_of_process(),
                           .user_agent = "pullthrough/test",
                           .count = count,
                           .context = &attempts,
                       },
                       &error) < 0) {
        (void)printf("failed - %s\n", error.text);
        return 1;
    }
    for (int i = 0; i < times; i++)
        result = call_once(client, &call);
    (void)aws_client_region(client, &region, &error);
    (void)printf("{\"region\":\"%s\",\"source\":\"%s\",\"attempts\":[%s]}\n", region,
                 aws_source_name(aws_client_source(client)), strbuf_str(&attempts.text));
    strbuf_fini(&attempts.text);
    return result == 0 ? 0 : 1;
}
