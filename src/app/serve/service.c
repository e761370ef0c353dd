/*
 * The order is the point of this file. Up: log, parts, certificate and first rule set,
 * listeners, loops, upkeep. Down: readiness off, answers with "Connection: close" through
 * the drain time while the API server's view of our endpoints changes, then listeners and
 * loops, upkeep, parts. Signals are blocked in every thread and waited for here.
 */
#include "pullthrough/app/serve/service.h"

#include "limits.h"
#include "pullthrough/app/base/config_source.h"
#include "pullthrough/app/base/version.h"
#include "pullthrough/core/review/review.h"
#include "pullthrough/edge/http/http_server.h"
#include "pullthrough/edge/http/tls.h"
#include "pullthrough/edge/sys/clock.h"
#include "pullthrough/edge/sys/cpus.h"
#include "pullthrough/edge/sys/environment.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/metrics.h"
#include "pullthrough/edge/sys/process.h"
#include "snapshot.h"
#include "status_page.h"
#include "upkeep.h"
#include "webhook.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_DEFAULT_THREADS = 4,
    /* kube-apiserver closes idle connections after 90 s (Go's IdleConnTimeout) and does not
     * repeat a POST that meets a close: ours must be the longer time. */
    IDLE_MS = 120 * 1000,
    /* The longest that the API server waits for a webhook is 30 s (timeoutSeconds); a sender
     * that needs more than this for one review is none. */
    REQUEST_MS = 10 * 1000,
    HANDSHAKE_MS = 10 * 1000,
    /* Probes and scrapers say at once what they want, and come again. */
    STATUS_IDLE_MS = 10 * 1000,
    STATUS_REQUEST_MS = 5 * 1000,
    ADDRESS_MAX = 300, /* bytes of an address as text */
    STOP_GRACE_MS = 3 * 1000,
};

enum { WEBHOOK, STATUS, LISTENERS };

struct service {
    struct metrics *metrics;
    struct tls *tls;
    struct snapshots *snapshots;
    struct wish_rings *wishes;
    struct webhook webhook;
    struct status_page status_page;
    struct http_server *server;
    struct upkeep *upkeep;
    uint64_t drain_ms;
};

static void on_handshake(void *context, bool done, const char *why)
{
    static struct log_limit limit;
    struct service *service = context;
    uint64_t suppressed;

    metrics_handshake(service->metrics, done);
    if (!done && log_limit_pass(&limit, &suppressed))
        log_event(LOG_LEVEL_WARN, "TLS handshake failed", LOG_TEXT("problem", why),
                  LOG_NUMBER("suppressed", suppressed));
}

static void on_connections(void *context, int change)
{
    struct service *service = context;

    metrics_connections(service->metrics, change);
}

static void on_loss(void *context, size_t listener, enum http_loss loss)
{
    struct service *service = context;

    if (loss == HTTP_LOSS_REQUEST)
        metrics_refused(service->metrics);
    else
        metrics_evicted(service->metrics, listener == WEBHOOK ? METRICS_WEBHOOK : METRICS_STATUS);
}

static void set_up_log(const struct config *config)
{
    bool json = config->log.format == CONFIG_LOG_JSON ||
                (config->log.format == CONFIG_LOG_AUTO && !isatty(STDERR_FILENO));

    log_setup(STDERR_FILENO, json);
    log_set_level((enum log_level)config->log.level);
}

static unsigned loop_threads(const struct config *config)
{
    unsigned cpus = cpus_allowed();

    if (config->server.threads)
        return config->server.threads;
    return cpus < MOST_DEFAULT_THREADS ? cpus : MOST_DEFAULT_THREADS;
}

static int read_address(const char *key, const char *text, struct http_listener *listener,
                        struct error *error)
{
    if (config_address(slice_str(text), &listener->host, &listener->port, error))
        return error_prefix(error, "%s", key);
    return 0;
}

static int make_server(struct service *service, const struct config *config, unsigned threads,
                       struct error *error)
{
    struct http_route mutate = {"POST", "/mutate", webhook_mutate, &service->webhook};
    struct http_route status[STATUS_PAGE_ROUTES];
    struct limits limits = limits_find(config, threads);
    struct http_listener listeners[LISTENERS] = {
        [WEBHOOK] = {.tls = service->tls,
                     .routes = &mutate,
                     .n_routes = 1,
                     .max_connections = limits.memory.connections},
        [STATUS] = {.routes = status,
                    .n_routes = STATUS_PAGE_ROUTES,
                    .max_connections = limits.status_connections,
                    .closes_any = true,
                    .takes_no_body = true,
                    .idle_ms = STATUS_IDLE_MS,
                    .request_ms = STATUS_REQUEST_MS},
    };
    struct http_server_config server = {
        .threads = threads,
        .max_body_bytes = limits.memory.max_body_bytes,
        .request_memory_bytes = limits.memory.request_bytes,
        .memory_most_bytes = limits.memory.process_bytes,
        .large_at_once = limits.memory.large_at_once,
        .max_response_bytes = REVIEW_ANSWER_MAX,
        .idle_ms = IDLE_MS,
        .request_ms = REQUEST_MS,
        .handshake_ms = HANDSHAKE_MS,
        .on_connections = on_connections,
        .on_loss = on_loss,
        .context = service,
        .listeners = listeners,
        .n_listeners = LISTENERS,
    };

    status_page_routes(&service->status_page, status);
    if (read_address("listen.webhook", config->listen.webhook, &listeners[WEBHOOK], error) ||
        read_address("listen.status", config->listen.status, &listeners[STATUS], error) ||
        http_server_new(&service->server, &server, error))
        return -1;
    service->status_page.server = service->server;
    return 0;
}

/* "HOST:PORT" with the port that was got. */
static void print_address(struct strbuf *out, const char *configured, uint16_t port)
{
    struct slice text = slice_str(configured);

    strbuf_add_slice(out, slice_of(text.ptr, slice_find_last(text, ':')));
    strbuf_add_format(out, ":%u", port);
}

static void log_listening(const struct service *service, const struct config *config,
                          unsigned threads)
{
    STRBUF_CLEANUP struct strbuf webhook = STRBUF_INIT(ADDRESS_MAX),
                                 status = STRBUF_INIT(ADDRESS_MAX);

    print_address(&webhook, config->listen.webhook, http_server_port(service->server, WEBHOOK));
    print_address(&status, config->listen.status, http_server_port(service->server, STATUS));
    log_event(LOG_LEVEL_INFO, "listening", LOG_SLICE("webhook", strbuf_slice(&webhook)),
              LOG_SLICE("status", strbuf_slice(&status)), LOG_NUMBER("threads", threads),
              LOG_TEXT("version", version_number), LOG_TEXT("commit", version_commit));
}

static void make_parts(struct service *service, const struct config *config, unsigned threads)
{
    const struct environment environment = environment_of_process();

    service->drain_ms = config->server.drain_ms;
    service->metrics = metrics_new(version_number, version_commit);
    service->tls = tls_new(on_handshake, service);
    service->snapshots = snapshots_new(threads);
    service->wishes = wish_rings_new(threads);
    service->webhook = (struct webhook){service->snapshots, service->metrics, service->wishes};
    service->status_page.snapshots = service->snapshots;
    service->status_page.metrics = service->metrics;
    service->status_page.tls = service->tls;
    service->status_page.replica = environment_text(&environment, "HOSTNAME");
    service->status_page.started_ns = clock_monotonic_ns();
}

/* The certificate's key and AWS's are in it. */
static void hide_memory(void)
{
    struct error error;

    if (process_hide_memory(&error))
        log_event(LOG_LEVEL_WARN, "a core dump may show keys", LOG_TEXT("problem", error.text));
}

/* Everything up to running threads. What was made is in *service, also when it fails. */
static int start(struct service *service, const struct upkeep_parts *parts,
                 const struct config *config, struct error *error)
{
    struct upkeep_parts upkeep = *parts;
    unsigned threads;

    set_up_log(config);
    hide_memory();
    threads = loop_threads(config);
    make_parts(service, config, threads);
    if (make_server(service, config, threads, error))
        return -1;
    upkeep.snapshots = service->snapshots;
    upkeep.metrics = service->metrics;
    upkeep.tls = service->tls;
    upkeep.wishes = service->wishes;
    service->upkeep = upkeep_new(&upkeep, config);
    if (http_server_start(service->server, error))
        return -1;
    log_listening(service, config, threads);
    return upkeep_start(service->upkeep, error);
}

/* Frees whatever there is; the loops are stopped before what they use. */
static void tear_down(struct service *service)
{
    if (service->server)
        http_server_stop(service->server, STOP_GRACE_MS);
    http_server_free(service->server);
    upkeep_free(service->upkeep);
    snapshots_free(service->snapshots);
    wish_rings_free(service->wishes);
    tls_free(service->tls);
    metrics_free(service->metrics);
}

static void wait_for_end(const sigset_t *signals, struct service *service)
{
    int signal = 0;

    while (signal != SIGTERM && signal != SIGINT)
        if (sigwait(signals, &signal) == 0 && signal == SIGHUP)
            upkeep_reload(service->upkeep);
}

/* A second SIGTERM or SIGINT cuts the drain short; a SIGHUP is of no use any more. */
static void drain(const sigset_t *signals, struct service *service)
{
    uint64_t end_ns = clock_monotonic_ns() + service->drain_ms * 1000000;
    uint64_t now_ns;
    int signal = SIGHUP;

    log_event(LOG_LEVEL_INFO, "draining", LOG_NUMBER("drainMs", service->drain_ms));
    atomic_store(&service->status_page.draining, true);
    http_server_drain(service->server);
    while (signal != SIGTERM && signal != SIGINT && (now_ns = clock_monotonic_ns()) < end_ns) {
        uint64_t rest_ns = end_ns - now_ns;
        struct timespec rest = {(time_t)(rest_ns / 1000000000), (long)(rest_ns % 1000000000)};

        signal = sigtimedwait(signals, NULL, &rest);
    }
}

static void end_at_once(int number)
{
    _exit(128 + number);
}

/* Standard input may be a pipe that is never closed, and nothing is to be stopped in good order
 * yet. As process 1 of a container we get no signal that has no handler. */
static int load_config(const char *path, const struct config **configp, struct error *error)
{
    sigset_t obeyed, later;

    (void)sigemptyset(&later);
    (void)sigaddset(&later, SIGHUP);
    (void)sigemptyset(&obeyed);
    (void)sigaddset(&obeyed, SIGTERM);
    (void)sigaddset(&obeyed, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &later, NULL);
    (void)signal(SIGTERM, end_at_once);
    (void)signal(SIGINT, end_at_once);
    (void)pthread_sigmask(SIG_UNBLOCK, &obeyed, NULL);
    return config_source_load_for_serve(path, configp, error);
}

int service_run(const char *config_path, struct error *error)
{
    struct upkeep_parts upkeep = {.config_path = config_path,
                                  .config_stamp = file_stamp_of(config_path ? config_path : "")};
    struct service service = {0};
    CONFIG_CLEANUP const struct config *config = NULL;
    sigset_t signals;
    int result;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    if (load_config(config_path, &config, error) < 0)
        return -1;
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* libh2o writes without MSG_NOSIGNAL */
    result = start(&service, &upkeep, config, error);
    if (result == 0) {
        wait_for_end(&signals, &service);
        drain(&signals, &service);
    }
    tear_down(&service);
    if (result == 0)
        log_event(LOG_LEVEL_INFO, "stopped", LOG_TEXT("version", version_number));
    return result;
}
