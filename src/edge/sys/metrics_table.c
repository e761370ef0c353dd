/*
 * Every metric once: what it is called, which labels it has with which values, what it means, and
 * how its numbers are printed. /metrics and docs/metrics.md are made from this table. Labels
 * multiply, so none has values that somebody else may choose, but for the configured upstreams.
 */
#include "metrics_numbers.h"

#include "prometheus_text.h"
#include "pullthrough/edge/sys/process.h"

#include <stddef.h>

/* 10 us to 1 s */
const int64_t metrics_bounds_us[METRICS_BUCKETS] = {10,     25,     50,     100,    250,   500,
                                                    1000,   2500,   5000,   10000,  25000, 50000,
                                                    100000, 250000, 500000, 1000000};

/* What a scrape is printed from. */
struct page {
    const struct metrics *metrics;
    struct process_facts process;
    struct strbuf *out;
};

/* Its values are words, in the order of their enum, or the names of an enum, or (n is 0) as many as
 * there are. */
struct label {
    const char *name;
    int n;
    const char *words[6];
    const char *(*word)(int i);
};

enum { LABELS_MAX = 3 };

struct metric {
    const char *name, *type, *help;
    const struct label *labels[LABELS_MAX];
    size_t at; /* where its numbers are in struct metrics, or in struct process_facts */
    void (*print)(const struct page *page, const struct metric *metric);
    const char *meaning; /* for an operator, behind the help */
};

static const char *operation_word(int i)
{
    return review_operation_name((enum review_operation)i);
}

static const char *review_word(int i)
{
    return review_outcome_name((enum review_outcome)i);
}

static const char *image_word(int i)
{
    return outcome_name((enum outcome)i);
}

static const char *state_word(int i)
{
    return upstream_state_name((enum upstream_state)i);
}

static const char *import_word(int i)
{
    return image_outcome_import_name((enum image_outcome)i);
}

static const char *class_word(int i)
{
    return pull_class_name((enum pull_class)i);
}

static const char *service_word(int i)
{
    return aws_service_name((enum aws_service)i);
}

static const char *call_word(int i)
{
    return aws_operation_name((enum aws_operation)i);
}

static const char *attempt_word(int i)
{
    return aws_outcome_name((enum aws_outcome)i);
}

static const struct label operations = {"operation", REVIEW_OPERATION_COUNT,
                                        .word = operation_word};
static const struct label reviewed = {"outcome", REVIEW_OUTCOME_COUNT, .word = review_word};
static const struct label upstream = {.name = "upstream"}, le = {.name = "le"};
static const struct label version = {.name = "version"}, commit = {.name = "commit"};
static const struct label judged = {"outcome", OUTCOME_COUNT, .word = image_word};
static const struct label states = {"state", UPSTREAM_DISABLED, .word = state_word};
static const struct label ok = {"outcome", 2, .words = {"ok", "failed"}};
static const struct label taken = {"outcome", 2, .words = {"taken", "refused"}};
static const struct label kinds = {"kind", METRICS_CERTIFICATE_COUNT, .words = {"leaf", "ca"}};
static const struct label objects = {"object", METRICS_CERTIFICATE_WRITE_COUNT,
                                     .words = {"secret", "bundle"}};
static const struct label passes = {"outcome", METRICS_PASS_COUNT,
                                    .words = {"complete", "incomplete", "failed"}};
static const struct label classes = {"class", PULL_CLASS_COUNT, .word = class_word};
static const struct label heals = {
    "outcome", METRICS_HEAL_COUNT,
    .words = {"healed", "put-back", "failed", "denied", "dropped", "stale"}};
static const struct label unheard = {"reason", METRICS_UNHEARD_COUNT,
                                     .words = {"too-long", "malformed", "no-room"}};
static const struct label names = {"by", 2, .words = {"tag", "digest"}};
static const struct label imports = {"outcome", IMAGE_OUTCOME_COUNT, .word = import_word};
static const struct label services = {"service", AWS_SERVICE_COUNT, .word = service_word};
static const struct label calls = {"operation", AWS_OPERATION_COUNT, .word = call_word};
static const struct label attempts = {"outcome", AWS_OUTCOME_COUNT, .word = attempt_word};

static const char *value_name(const struct label *label, int i)
{
    return label->word ? label->word(i) : label->words[i];
}

/* The start of a line; the number is the caller's. `values`: of all labels, then NULL where there
 * are fewer than LABELS_MAX; or NULL for none. */
static void begin(const struct page *page, const struct metric *metric, const char *suffix,
                  const char *const *values)
{
    size_t n = 0;

    strbuf_add_format(page->out, "%s%s", metric->name, suffix);
    for (; values && n < LABELS_MAX && values[n]; n++)
        prometheus_text_label(page->out, n, metric->labels[n]->name, values[n]);
    strbuf_add_str(page->out, n ? "} " : " ");
}

static void print_one(const struct page *page, const struct metric *metric,
                      const char *const *values, int64_t n)
{
    begin(page, metric, "", values);
    strbuf_add_format(page->out, "%lld\n", (long long)n);
}

/* A number for each value of the label, for each pair of values of two labels, or just one. */
static void print_numbers(const struct page *page, const struct metric *metric)
{
    const number *counted = (const number *)((const char *)page->metrics + metric->at);
    const struct label *first = metric->labels[0], *second = metric->labels[1];

    for (int i = 0; i < (first ? first->n : 1); i++)
        for (int k = 0; k < (second ? second->n : 1); k++)
            print_one(page, metric,
                      (const char *[]){first ? value_name(first, i) : NULL,
                                       second ? value_name(second, k) : NULL, NULL},
                      metrics_value(counted++));
}

static void print_durations(const struct page *page, const struct metric *metric)
{
    int64_t total = 0;
    char bound[32];

    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        total += metrics_value(&page->metrics->duration_buckets[i]);
        (void)snprintf(bound, sizeof(bound), "%g", (double)metrics_bounds_us[i] / 1e6);
        begin(page, metric, "_bucket", (const char *[]){bound, NULL});
        strbuf_add_format(page->out, "%lld\n", (long long)total);
    }
    total += metrics_value(&page->metrics->duration_buckets[METRICS_BUCKETS]);
    begin(page, metric, "_bucket", (const char *[]){"+Inf", NULL});
    strbuf_add_format(page->out, "%lld\n%s_sum %.9f\n%s_count %lld\n", (long long)total,
                      metric->name, (double)metrics_value(&page->metrics->duration_ns) / 1e9,
                      metric->name, (long long)total);
}

/* The leaf has its series from the start, so that a rule can ask for it. */
static void print_validity(const struct page *page, const struct metric *metric)
{
    const number *dates = (const number *)((const char *)page->metrics + metric->at);

    for (int i = 0; i < METRICS_CERTIFICATE_COUNT; i++)
        if (i == METRICS_LEAF || metrics_value(&page->metrics->certificate_not_after[i]))
            print_one(page, metric, (const char *[]){value_name(&kinds, i), NULL, NULL},
                      metrics_value(&dates[i]));
}

static void print_ready(const struct page *page, const struct metric *metric)
{
    for (unsigned slot = 1; slot < atomic_load(&page->metrics->n_names); slot++) {
        int64_t ready = metrics_value(&page->metrics->ready[slot]);

        if (ready != METRICS_NONE)
            print_one(page, metric, (const char *[]){page->metrics->names[slot], NULL, NULL},
                      ready);
    }
}

/* Every state has its series, so that a rule can ask for any of them. */
static void print_states(const struct page *page, const struct metric *metric)
{
    for (unsigned slot = 1; slot < atomic_load(&page->metrics->n_names); slot++) {
        int64_t state = metrics_value(&page->metrics->state[slot]);

        for (int i = 0; state != METRICS_NONE && i < UPSTREAM_DISABLED; i++)
            print_one(page, metric,
                      (const char *[]){page->metrics->names[slot], state_word(i), NULL},
                      i == state);
    }
}

static void print_build(const struct page *page, const struct metric *metric)
{
    print_one(page, metric, (const char *[]){page->metrics->version, page->metrics->commit, NULL},
              1);
}

/* `counts` by slot, and by the value of the second label. Of a configured upstream from the start,
 * where `from_start`: what a series begins with is in no rate and no increase of it. Of others only
 * what was counted. */
static void print_of_upstreams(const struct page *page, const struct metric *metric,
                               const number *counts, bool from_start)
{
    const struct metrics *metrics = page->metrics;
    const struct label *label = metric->labels[1];

    for (unsigned slot = 0; slot < atomic_load(&metrics->n_names); slot++)
        for (int i = 0; i < label->n; i++) {
            int64_t n = metrics_value(counts++);

            if (n || (from_start && metrics_value(&metrics->ready[slot]) >= 0))
                print_one(page, metric,
                          (const char *[]){metrics->names[slot], value_name(label, i), NULL}, n);
        }
}

static void print_images(const struct page *page, const struct metric *metric)
{
    print_of_upstreams(page, metric, page->metrics->images[0], true);
}

static void print_pull_failures(const struct page *page, const struct metric *metric)
{
    print_of_upstreams(page, metric, page->metrics->pull_failures[0], true);
}

/* Only where images are imported at all. */
static void print_imports(const struct page *page, const struct metric *metric)
{
    print_of_upstreams(page, metric, page->metrics->imports[0],
                       metrics_value(&page->metrics->import_queue) != METRICS_NONE);
}

static void print_cached(const struct page *page, const struct metric *metric)
{
    if (metrics_value(&page->metrics->cached[0]) != METRICS_NONE)
        print_numbers(page, metric);
}

static void print_wanted(const struct page *page, const struct metric *metric)
{
    const number *gauge = (const number *)((const char *)page->metrics + metric->at);

    if (metrics_value(gauge) != METRICS_NONE)
        print_one(page, metric, NULL, metrics_value(gauge));
}

/* Only what there was, service by service. */
static void print_requests(const struct page *page, const struct metric *metric)
{
    for (int service = 0; service < AWS_SERVICE_COUNT; service++)
        for (int call = 0; call < AWS_OPERATION_COUNT; call++)
            for (int i = 0; i < AWS_OUTCOME_COUNT; i++) {
                int64_t n = metrics_value(&page->metrics->aws_requests[call][i]);

                if (n && (int)aws_operation_service((enum aws_operation)call) == service)
                    print_one(
                        page, metric,
                        (const char *[]){service_word(service), call_word(call), attempt_word(i)},
                        n);
            }
}

static void print_times(const struct page *page, const struct metric *metric)
{
    for (int service = 0; service < AWS_SERVICE_COUNT; service++) {
        const char *values[] = {service_word(service), NULL};
        int64_t ms = metrics_value(&page->metrics->aws_duration_ms[service]), total = 0;

        for (int call = 0; call < AWS_OPERATION_COUNT; call++)
            for (int i = 0; i < AWS_OUTCOME_COUNT; i++)
                if ((int)aws_operation_service((enum aws_operation)call) == service)
                    total += metrics_value(&page->metrics->aws_requests[call][i]);
        begin(page, metric, "_sum", values);
        strbuf_add_format(page->out, "%.3f\n", (double)ms / 1e3);
        begin(page, metric, "_count", values);
        strbuf_add_format(page->out, "%lld\n", (long long)total);
    }
}

static void print_real(const struct page *page, const struct metric *metric)
{
    const void *fact = (const char *)&page->process + metric->at;

    strbuf_add_format(page->out, "%s %.17g\n", metric->name, *(const double *)fact);
}

static void print_whole(const struct page *page, const struct metric *metric)
{
    const void *fact = (const char *)&page->process + metric->at;

    strbuf_add_format(page->out, "%s %.17g\n", metric->name, (double)*(const uint64_t *)fact);
}

#define LABELS(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define NO_LABELS                                                                                  \
    {                                                                                              \
        NULL                                                                                       \
    }
#define NUMBERS(member) offsetof(struct metrics, member), print_numbers
#define FACT(member)    offsetof(struct process_facts, member)

static const struct metric table[] = {
    {"pullthrough_reviews_total", "counter", "AdmissionReviews answered.",
     LABELS(&operations, &reviewed), NUMBERS(reviews),
     "Any `not-understood` or `bad-request` is worth a look: such pods were left alone."},
    {"pullthrough_images_total", "counter",
     "Images judged, by upstream and by what became of them.", LABELS(&upstream, &judged), 0,
     print_images,
     "What each outcome means stands in the README. `upstream` is a registry of the "
     "configuration; `other` are all the rest."},
    {"pullthrough_review_duration_seconds", "histogram",
     "From the whole request read to its answer made.", LABELS(&le), 0, print_durations,
     "What the webhook itself adds to the making of a pod; network and TLS are not in it."},
    {"pullthrough_requests_refused_total", "counter",
     "Requests answered 503 because all of them together took their memory.", NO_LABELS,
     NUMBERS(refused),
     "If it grows, pods are made without being rewritten: more memory, or more replicas."},
    {"pullthrough_evictions_total", "counter",
     "Connections on the webhook port that were closed to make room.", NO_LABELS,
     NUMBERS(evicted[METRICS_WEBHOOK]),
     "If it grows, somebody other than the API server keeps connections open."},
    {"pullthrough_status_evictions_total", "counter",
     "Connections on the status port that were closed to make room.", NO_LABELS,
     NUMBERS(evicted[METRICS_STATUS]),
     "The same of the plain port: too many scrapers, or connections that are left open."},
    {"pullthrough_tls_handshakes_total", "counter", "TLS handshakes ended.", LABELS(&ok),
     NUMBERS(handshakes),
     "`failed`, with \"unknown ca\" in the log: the webhook's `caBundle` is not ours."},
    {"pullthrough_config_reloads_total", "counter", "New configurations seen while running.",
     LABELS(&taken), NUMBERS(config_reloads),
     "After one was `refused` the old one stays in use; the log and `/status` have its line and "
     "column."},
    {"pullthrough_config_last_reload_successful", "gauge",
     "1: the newest configuration that was seen is in use; 0: it was refused.", NO_LABELS,
     NUMBERS(config_successful), "The alert's. That of the start counts, too."},
    {"pullthrough_config_last_reload_success_timestamp_seconds", "gauge",
     "When the configuration in use was taken, since 1970.", NO_LABELS, NUMBERS(config_success_s),
     "Replicas that differ for long: one of them doesn't get what the others have."},
    {"pullthrough_certificate_reloads_total", "counter", "New certificates seen while running.",
     LABELS(&taken), NUMBERS(certificate_reloads),
     "After one was `refused` the old one is served until it ends."},
    {"pullthrough_certificate_not_after_seconds", "gauge",
     "End of validity since 1970, of the served certificate and of its CA; 0: none is loaded.",
     LABELS(&kinds), offsetof(struct metrics, certificate_not_after), print_validity,
     "Less than now: the API server refuses the connection. The CA only with `tls.mode: self`."},
    {"pullthrough_certificate_not_before_seconds", "gauge",
     "Start of validity since 1970, of the same certificates.", LABELS(&kinds),
     offsetof(struct metrics, certificate_not_before), print_validity,
     "With the end, how long they live; mostly they are renewed at two thirds of that."},
    {"pullthrough_certificate_problem", "gauge",
     "1: what there is now as certificate could not be taken or kept; /status says why.", NO_LABELS,
     NUMBERS(certificate_problem), "What is loaded goes on until it ends."},
    {"pullthrough_certificate_looks_total", "counter", "Looks at the program's own certificates.",
     LABELS(&ok), NUMBERS(certificate_looks),
     "With `tls.mode: self`. Only `failed`: the API server can't be asked, or RBAC forbids it."},
    {"pullthrough_certificate_writes_total", "counter",
     "Writes of the program's own certificates to the Secret and to the caBundle.",
     LABELS(&objects), NUMBERS(certificate_writes),
     "Many to the `bundle`: something else writes it too."},
    {"pullthrough_connections", "gauge", "Open connections on the webhook port.", NO_LABELS,
     NUMBERS(connections), "A few for each API server are usual."},
    {"pullthrough_upstream_ready", "gauge", "1: images of this upstream are rewritten now.",
     LABELS(&upstream), 0, print_ready,
     "0: they are pulled from the upstream itself; `pullthrough_upstream_state` has the cause."},
    {"pullthrough_build_info", "gauge", "Which build this is; always 1.", LABELS(&version, &commit),
     0, print_build, "Two versions for long: a rollout that hangs."},
    {"pullthrough_upstream_state", "gauge", "1: this is the state of the upstream now.",
     LABELS(&upstream, &states), 0, print_states,
     "docs/aws.md has the states and what to do in each; `/status` has the reason in words."},
    {"pullthrough_reconcile_passes_total", "counter", "Passes of the reconciler.", LABELS(&passes),
     NUMBERS(passes),
     "`incomplete`: ECR was looked at, and something could not be done. `failed`: it could not be "
     "looked at."},
    {"pullthrough_reconcile_last_success_timestamp_seconds", "gauge",
     "End of the last pass that could look at ECR, since 1970; 0: none.", NO_LABELS,
     NUMBERS(last_success_s),
     "If it is old, what was ready stays in use, and nothing new becomes ready."},
    {"pullthrough_pull_failures_total", "counter",
     "Pulls from the cache that nodes reported as failed.", LABELS(&upstream, &classes), 0,
     print_pull_failures,
     "docs/operations.md has the classes and what to do about each. All but `other` keep new pods "
     "away from the image for a while."},
    {"pullthrough_pull_watch", "gauge", "1: nodes' failed pulls are heard of; 0: they are not.",
     NO_LABELS, offsetof(struct metrics, pull_watch), print_wanted,
     "Only with `fallback.watch`. 0: RBAC doesn't allow it, or the API server can't be asked; the "
     "log says which."},
    {"pullthrough_pull_reports_dropped_total", "counter",
     "What was heard of failed pulls, and not made use of.", LABELS(&unheard), NUMBERS(unheard),
     "`too-long`, `malformed`: lines of the watch. `no-room`: images that were forgotten before "
     "their time, since too many failed."},
    {"pullthrough_fallback_images", "gauge",
     "Images that pods pull from their upstream, since they failed in the cache.", NO_LABELS,
     NUMBERS(fallback_images), "`/status` names them."},
    {"pullthrough_fallback_upstreams", "gauge",
     "Upstreams of which several images failed in the cache.", NO_LABELS,
     NUMBERS(fallback_upstreams), "New pods pull all of their images from the upstream itself."},
    {"pullthrough_registry_open", "gauge",
     "1: the registry is taken to be down, and all images are pulled from their upstreams.",
     NO_LABELS, NUMBERS(registry_down), "It ends by itself, when the registry answers again."},
    {"pullthrough_heals_total", "counter", "Stuck pods that were changed, or not.", LABELS(&heals),
     NUMBERS(heals),
     "With `fallback.heal`. `healed`: they pull from upstream now. `put-back`: that failed too, "
     "and the cache is well. Else they stay as they are for now. `failed`: the API server gave no "
     "answer of use; tried again. `denied`: a right to pods is missing, or the policy refused. "
     "`dropped`: too many waited. `stale`: their node may be pulling again; the next report "
     "counts."},
    {"pullthrough_cached_images", "gauge", "Images that ECR is known to hold.", LABELS(&names),
     offsetof(struct metrics, cached), print_cached,
     "Only in cached mode. An image counts for each of its tags, and for its digest."},
    {"pullthrough_import_queue", "gauge", "Images that wait to be imported.", NO_LABELS,
     offsetof(struct metrics, import_queue), print_wanted,
     "Only in cached mode. It goes down as fast as `import.perHour` allows; if it doesn't, /status "
     "says why."},
    {"pullthrough_imports_total", "counter", "Imports that ECR was asked for.",
     LABELS(&upstream, &imports), 0, print_imports,
     "Only in cached mode. `absent`: nobody has it, or ECR may not import it. `denied`: whatever "
     "the image is. `/status` has the reasons."},
    {"pullthrough_wishes_dropped_total", "counter",
     "Images that pods wanted from the cache, without room to remember that.", NO_LABELS,
     NUMBERS(wishes_dropped), "The next pod with such an image brings it again."},
    {"pullthrough_aws_requests_total", "counter", "Calls to AWS, each attempt.",
     LABELS(&services, &calls, &attempts), 0, print_requests,
     "Only what there was. `throttled` and `transient` are tried again; `access-denied` wants a "
     "policy (`pullthrough iam`)."},
    {"pullthrough_aws_request_duration_seconds", "summary", "How long these took.",
     LABELS(&services), 0, print_times,
     "Sum by count is the mean of an attempt, without quantiles."},
    {"process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
     NO_LABELS, FACT(cpu_s), print_real, "A rate near 1: a whole CPU is busy."},
    {"process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", NO_LABELS,
     FACT(resident_bytes), print_whole, "Compare with the container's limit."},
    {"process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", NO_LABELS,
     FACT(virtual_bytes), print_whole, "Address space; it is not what the limit counts."},
    {"process_open_fds", "gauge", "Number of open file descriptors.", NO_LABELS, FACT(open_fds),
     print_whole, "About the connections, and a few."},
    {"process_max_fds", "gauge", "Maximum number of open file descriptors.", NO_LABELS,
     FACT(max_fds), print_whole, "What the system allows."},
    {"process_start_time_seconds", "gauge",
     "Start time of the process since unix epoch in seconds.", NO_LABELS, FACT(start_time_s),
     print_real, "A change is a restart."},
};
enum { METRICS = sizeof(table) / sizeof(table[0]) };

void metrics_print(const struct metrics *metrics, struct strbuf *out)
{
    const struct page page = {metrics, process_facts_now(), out};

    for (size_t i = 0; i < METRICS; i++) {
        prometheus_text_heading(out, table[i].name, table[i].type, table[i].help);
        table[i].print(&page, &table[i]);
    }
}

/* " `outcome`: `ok`, `failed`.", where the values are ours. */
static void print_values(const struct label *label, struct strbuf *out)
{
    for (int i = 0; i < label->n; i++) {
        if (i == 0)
            strbuf_add_format(out, " `%s`: ", label->name);
        strbuf_add_format(out, "`%s`%s", value_name(label, i), i + 1 < label->n ? ", " : ".");
    }
}

void metrics_print_document(struct strbuf *out)
{
    strbuf_add_str(out, "| metric | type | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < METRICS; i++) {
        const struct label *const *labels = table[i].labels;
        size_t n = 0;

        strbuf_add_format(out, "| `%s", table[i].name);
        for (; n < LABELS_MAX && labels[n]; n++)
            strbuf_add_format(out, "%s%s", n ? "," : "{", labels[n]->name);
        strbuf_add_format(out, "%s` | %s | %s %s", n ? "}" : "", table[i].type, table[i].help,
                          table[i].meaning);
        for (size_t k = 0; k < n; k++)
            print_values(labels[k], out);
        strbuf_add_str(out, " |\n");
    }
}
