/*
 * The program's own client of the API server, for tests against a stand-in or a real one:
 *
 *     call_kube watch EVENTS IDLE_S     failed pulls, until so many events came
 *     call_kube get NAMESPACE POD
 *     call_kube patch NAMESPACE POD     a JSON Patch from standard input
 *     call_kube create NAMESPACE        an Event from standard input
 *
 * Where and who comes from the environment, as in a pod. A watch prints a line for each thing that
 * happens; what it should wait is printed, and waited a fiftieth. A call prints its outcome's
 * number and the reason, or the pod.
 */
#include "pullthrough/core/json/json_member.h"
#include "pullthrough/edge/kube/kube_events.h"
#include "pullthrough/edge/kube/kube_pods.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned long wanted;

static bool has_all(void *context)
{
    (void)context;
    return wanted == 0;
}

static void say_open(void *context)
{
    (void)context;
    (void)printf("open\n");
    (void)fflush(stdout);
}

static void say_event(void *context, const struct kube_watch_event *event)
{
    struct slice name = json_text(json_member(json_member(event->object, "metadata"), "name"));

    (void)context;
    (void)printf("event %d %s %.*s\n", event->type, event->version, SLICE_FMT(name));
    (void)fflush(stdout);
    wanted -= wanted > 0;
}

static void watch(struct kube_client *client, const struct timing *timing, unsigned idle_s)
{
    const struct kube_events_watch how = {
        .on_open = say_open, .on_event = say_event, .idle_s = idle_s};
    struct kube_events_tally tally = {0};
    struct kube_watch state = {0};

    while (wanted) {
        struct error error = {""};
        uint64_t wait_ms;
        int status, result;

        kube_watch_begin(&state, timing->monotonic_ms(timing->context));
        status = kube_events_watch(client, &state, &how, &tally, &error);
        result = kube_watch_end(&state, status, timing->monotonic_ms(timing->context),
                                timing->random(timing->context), &wait_ms);
        (void)printf("end %d %d %" PRIu64 " \"%s\" %s\n", status, result, wait_ms, state.version,
                     error.text);
        (void)fflush(stdout);
        (void)timing->wait(timing->context, wait_ms / 50);
    }
    (void)printf("tally %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", tally.events, tally.too_long,
                 tally.malformed);
}

static void read_input(struct strbuf *input)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0)
        strbuf_add(input, bytes, (size_t)n);
}

static void call(struct kube_client *client, char **words)
{
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(KUBE_ANSWER_MAX);
    struct slice namespace = slice_str(words[2]), pod = slice_str(words[3]);
    struct error error = {""};
    enum kube_outcome outcome;

    if (strcmp(words[1], "get") != 0)
        read_input(&text);
    if (strcmp(words[1], "create") == 0)
        outcome = kube_pods_create_event(client, namespace, strbuf_slice(&text), &error);
    else if (strcmp(words[1], "patch") == 0)
        outcome = kube_pods_patch(client, namespace, pod, strbuf_slice(&text), &error);
    else
        outcome = kube_pods_get(client, namespace, pod, &text, &error);
    (void)printf("%d %s\n", outcome, outcome == KUBE_DONE ? strbuf_str(&text) : error.text);
}

int main(int argc, char **argv)
{
    struct kube_client_config config = {.environment = environment_of_process(),
                                        .timing = timing_of_process(),
                                        .user_agent = "call_kube"};
    struct kube_client *client;
    struct error error;

    config.timing.stopped = has_all;
    wanted = 1;
    if (argc < 3 || kube_client_new(&client, &config, &error)) {
        (void)fprintf(stderr, "%s\n", argc < 3 ? "wrong usage" : error.text);
        return 2;
    }
    if (argc > 3 && strcmp(argv[1], "watch") == 0) {
        wanted = strtoul(argv[2], NULL, 10);
        watch(client, &config.timing, (unsigned)strtoul(argv[3], NULL, 10));
    } else {
        call(client, argv);
    }
    kube_client_free(client);
    return 0;
}
