/*
 * Whether a node can pull through the cache, by what kubelet says of a pod that was made for it:
 * only the node has the node's role. It asks the API server for that pod, and never AWS.
 */
#include "verify_pod.h"

#include "progress.h"
#include "pullthrough/app/base/version.h"
#include "pullthrough/app/cli/commands.h"
#include "pullthrough/core/config/kube_names.h"
#include "pullthrough/edge/kube/kube_client.h"
#include "verify_report.h"

#include <stdio.h>
#include <string.h>

enum { AGAIN_MS = 500, NAME_MAX_BYTES = 254, AGENT_MAX = 100, DETAIL_MAX = 8 * 1024 };

struct look {
    struct progress progress;
    struct timing timing;
    struct kube_client *client; /* owned */
    struct strbuf namespace;
    char pod[NAME_MAX_BYTES];
    const char *container; /* borrowed */
    struct kube_container now;
    struct strbuf image, failure; /* of the last pull that failed: kubelet's words */
    const char *advice;
    struct error error; /* why the API server was of no use, the last time */
};

static int split(struct look *look, const char *where, struct error *error)
{
    const char *slash = strchr(where, '/');
    size_t len = slash ? (size_t)(slash - where) : 0;

    if (!slash || len == 0 || len >= sizeof(look->pod))
        return error_set(error, "--pod wants POD/CONTAINER");
    memcpy(look->pod, where, len);
    look->pod[len] = '\0';
    look->container = slash + 1;
    if (kube_name_object(slice_str(look->pod), error))
        return error_prefix(error, "--pod: %s", look->pod);
    if (kube_name_object(slice_str(look->container), error))
        return error_prefix(error, "--pod: %s", look->container);
    return 0;
}

static void look_init(struct look *look)
{
    *look = (struct look){.namespace = STRBUF_INIT(NAME_MAX_BYTES),
                          .image = STRBUF_INIT(KUBE_POD_TEXT_MAX),
                          .failure = STRBUF_INIT(DETAIL_MAX)};
    kube_container_init(&look->now);
    progress_init(&look->progress, "verify");
    look->timing = progress_timing(&look->progress);
}

static void look_fini(struct look *look)
{
    progress_end(&look->progress);
    kube_client_free(look->client);
    kube_container_fini(&look->now);
    strbuf_fini(&look->namespace);
    strbuf_fini(&look->image);
    strbuf_fini(&look->failure);
}
#define LOOK_CLEANUP __attribute__((cleanup(look_fini)))

static int connect_to_api(struct look *look, struct error *error)
{
    STRBUF_CLEANUP struct strbuf agent = STRBUF_INIT(AGENT_MAX);
    struct kube_client_config config = {.environment = environment_of_process(),
                                        .timing = look->timing};

    strbuf_add_format(&agent, "pullthrough/%s", version_number);
    config.user_agent = strbuf_str(&agent);
    if (kube_client_new(&look->client, &config, error) ||
        kube_client_namespace(look->client, &look->namespace, error))
        return -1;
    return kube_name_namespace(strbuf_slice(&look->namespace), error);
}

/* While it waits for its next try, kubelet may say no more than that: the words of the try itself
 * are worth more. */
static void note_failure(struct look *look)
{
    const struct kube_container *now = &look->now;
    bool waits = strcmp(strbuf_str(&now->reason), "ImagePullBackOff") == 0;

    if (waits && look->failure.len)
        return;
    strbuf_clear(&look->failure);
    strbuf_add_format(&look->failure, "%s%s", strbuf_str(&now->reason),
                      now->message.len ? ": " : "");
    strbuf_add_slice(&look->failure, strbuf_slice(&now->message));
    look->advice = kube_pull_advice(now);
}

/* Ask until the image is there, no try can help, or the time is over. The pod may not be made yet,
 * and a role may have to make its way to the API server's authorizer. */
static enum kube_outcome watch(struct look *look, uint64_t timeout_ms)
{
    const uint64_t until = look->timing.monotonic_ms(look->timing.context) + timeout_ms;
    enum kube_outcome outcome;

    progress_begin(&look->progress, "waiting for the node to pull the image");
    for (;;) {
        outcome = kube_client_get_container(look->client, strbuf_str(&look->namespace), look->pod,
                                            look->container, &look->now, &look->error);
        if (outcome == KUBE_DONE) {
            strbuf_clear(&look->image);
            strbuf_add_slice(&look->image, strbuf_slice(&look->now.image));
            if (look->now.pull == KUBE_PULL_FAILED)
                note_failure(look);
            if (look->now.pull == KUBE_PULL_DONE || look->now.hopeless)
                return outcome;
        }
        if (look->timing.monotonic_ms(look->timing.context) + AGAIN_MS > until)
            return look->image.len ? KUBE_DONE : outcome;
        (void)look->timing.wait(look->timing.context, AGAIN_MS);
    }
}

static int tell(struct look *look, uint64_t timeout_ms, enum command_output output)
{
    STRBUF_CLEANUP struct strbuf detail = STRBUF_INIT(DETAIL_MAX);
    bool pulled = look->now.pull == KUBE_PULL_DONE;
    struct verify_report report;
    bool unwritten;

    strbuf_add_format(&detail, "the node %s ", pulled ? "pulled" : "can't pull");
    strbuf_add_slice(&detail, strbuf_slice(&look->image));
    if (!pulled && look->failure.len) {
        strbuf_add_str(&detail, ": ");
        strbuf_add_slice(&detail, strbuf_slice(&look->failure));
    } else if (!pulled) {
        strbuf_add_format(&detail, ": it has said nothing about it in %llu s",
                          (unsigned long long)timeout_ms / 1000);
    }
    verify_report_init(&report, output);
    progress_end(&look->progress);
    verify_report_step(&report, VERIFY_PULL, pulled ? VERIFY_OK : VERIFY_FAILED,
                       strbuf_str(&detail), pulled ? NULL : look->advice);
    if (output != OUTPUT_TEXT)
        verify_report_end(&report, strbuf_str(&look->image), "");
    unwritten = report.unwritten;
    verify_report_fini(&report);
    if (unwritten)
        (void)fputs("pullthrough verify: can't write all of the output\n", stderr);
    return unwritten ? EXIT_FAILED : pulled ? EXIT_FINE : EXIT_NEGATIVE;
}

int verify_pod(const char *where, uint64_t timeout_ms, enum command_output output)
{
    LOOK_CLEANUP struct look look;
    struct error error = {""};

    look_init(&look);
    if (split(&look, where, &error)) {
        (void)fprintf(stderr, "pullthrough verify: %s\n", error.text);
        return EXIT_USAGE;
    }
    if (connect_to_api(&look, &error) != 0) {
        struct error reason = error;

        (void)error_set(&error, "%s; `helm test` runs this in one", reason.text);
    } else {
        if (watch(&look, timeout_ms) == KUBE_DONE)
            return tell(&look, timeout_ms, output);
        error = look.error;
    }
    progress_end(&look.progress);
    (void)fprintf(stderr, "pullthrough verify: %s\n", error.text);
    return EXIT_FAILED;
}
