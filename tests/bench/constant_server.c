/*
 * The server without the webhook: POST /mutate gets a constant answer of 500 bytes. It is
 * what benchmarks are compared with, and what the protocol tests talk to. Links edge only.
 *
 * SIGHUP reads certificate and key again; SIGTERM drains, then stops.
 */
#include "pullthrough/edge/http/http_server.h"
#include "pullthrough/edge/sys/file.h"
#include "pullthrough/edge/sys/log.h"
#include "pullthrough/edge/sys/metrics.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANSWER_BYTES = 500, FILE_MOST_BYTES = 1024 * 1024, SILENT_MS = 5000 };

struct options {
    const char *cert, *key, *client_ca; /* no cert: plain HTTP */
    uint64_t threads, max_connections, max_body, idle_ms, request_ms, handshake_ms, drain_ms;
};

struct program {
    struct http_server *server;
    struct metrics *metrics;
};

static char constant[ANSWER_BYTES];

static void mutate(void *context, const struct http_request *request,
                   struct http_response *response)
{
    (void)context;
    (void)request;
    response->content_type = "application/json";
    strbuf_add(&response->body, constant, sizeof(constant));
}

static void healthz(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct program *program = context;
    uint64_t silence_ms = http_server_silence_ms(program->server);

    (void)request;
    response->status = silence_ms < SILENT_MS ? 200 : 503;
    strbuf_add_format(&response->body, "silent for %llu ms\n", (unsigned long long)silence_ms);
}

static void metrics(void *context, const struct http_request *request,
                    struct http_response *response)
{
    struct program *program = context;

    (void)request;
    metrics_print(program->metrics, &response->body);
}

static void on_connections(void *context, int change)
{
    metrics_connections(((struct program *)context)->metrics, change);
}

static void on_handshake(void *context, bool done, const char *why)
{
    metrics_handshake(((struct program *)context)->metrics, done);
    if (!done)
        log_event(LOG_LEVEL_INFO, "handshake failed", LOG_TEXT("why", why));
}

static int load(struct tls *tls, const struct options *options, struct error *error)
{
    STRBUF_CLEANUP struct strbuf cert = STRBUF_INIT(FILE_MOST_BYTES);
    STRBUF_CLEANUP struct strbuf key = STRBUF_INIT(FILE_MOST_BYTES);
    STRBUF_CLEANUP struct strbuf client_ca = STRBUF_INIT(FILE_MOST_BYTES);
    struct key_pair *pair;

    if (file_read(options->cert, &cert, error) || file_read(options->key, &key, error) ||
        (options->client_ca && file_read(options->client_ca, &client_ca, error)))
        return -1;
    return key_pair_read(&pair, strbuf_slice(&cert), strbuf_slice(&key), strbuf_slice(&client_ca),
                         error) < 0
               ? -1
               : tls_load(tls, pair, error);
}

static bool parse_number(const char *text, uint64_t *number)
{
    *number = 0;
    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '9' || *number > UINT32_MAX)
            return false;
        *number = *number * 10 + (uint64_t)(*at - '0');
    }
    return *text != '\0';
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},
        {"client-ca", required_argument, NULL, 'a'},
        {"threads", required_argument, NULL, 't'},
        {"max-connections", required_argument, NULL, 'm'},
        {"max-body", required_argument, NULL, 'b'},
        {"idle-ms", required_argument, NULL, 'i'},
        {"request-ms", required_argument, NULL, 'r'},
        {"handshake-ms", required_argument, NULL, 'h'},
        {"drain-ms", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        uint64_t *number = NULL;

        switch (letter) {
        case 'c': options->cert = optarg; break;
        case 'k': options->key = optarg; break;
        case 'a': options->client_ca = optarg; break;
        case 't': number = &options->threads; break;
        case 'm': number = &options->max_connections; break;
        case 'b': number = &options->max_body; break;
        case 'i': number = &options->idle_ms; break;
        case 'r': number = &options->request_ms; break;
        case 'h': number = &options->handshake_ms; break;
        case 'd': number = &options->drain_ms; break;
        default: return -1;
        }
        if (number && !parse_number(optarg, number))
            return -1;
    }
    return optind == argc && !options->cert == !options->key ? 0 : -1;
}

static int start(struct program *program, struct tls *tls, const struct options *options,
                 struct error *error)
{
    const struct http_route webhook[] = {{"POST", "/mutate", mutate, NULL}};
    const struct http_route status[] = {{"GET", "/healthz", healthz, program},
                                        {"GET", "/metrics", metrics, program}};
    const struct http_listener listeners[] = {
        {.host = slice_str("127.0.0.1"),
         .tls = options->cert ? tls : NULL,
         .routes = webhook,
         .n_routes = 1,
         .max_connections = (unsigned)options->max_connections},
        {.host = slice_str("127.0.0.1"), .routes = status, .n_routes = 2, .max_connections = 64},
    };
    const struct http_server_config config = {
        .threads = (unsigned)options->threads,
        .max_body_bytes = options->max_body,
        .max_response_bytes = 1024 * 1024,
        .idle_ms = options->idle_ms,
        .request_ms = options->request_ms,
        .handshake_ms = options->handshake_ms,
        .on_connections = on_connections,
        .context = program,
        .listeners = listeners,
        .n_listeners = 2,
    };

    if (http_server_new(&program->server, &config, error) ||
        http_server_start(program->server, error))
        return -1;
    (void)printf("{\"webhook\":%u,\"status\":%u}\n", http_server_port(program->server, 0),
                 http_server_port(program->server, 1));
    return fflush(stdout);
}

static void wait_for_end(const struct program *program, struct tls *tls,
                         const struct options *options, const sigset_t *signals)
{
    struct error error;
    int number;

    while (sigwait(signals, &number) == 0 && number == SIGHUP) {
        bool refused = options->cert && load(tls, options, &error);

        metrics_certificate_reload(program->metrics, !refused);
        if (refused)
            log_event(LOG_LEVEL_ERROR, "not loaded", LOG_TEXT("error", error.text));
    }
}

static void drain(struct http_server *server, const struct options *options)
{
    struct timespec left = {.tv_sec = (time_t)(options->drain_ms / 1000),
                            .tv_nsec = (long)(options->drain_ms % 1000) * 1000000};

    http_server_drain(server);
    (void)nanosleep(&left, NULL);
    http_server_stop(server, options->request_ms);
}

int main(int argc, char **argv)
{
    struct options options = {.threads = 1,
                              .max_connections = 4096,
                              .max_body = 8 * 1024 * 1024,
                              .idle_ms = 120000,
                              .request_ms = 10000,
                              .handshake_ms = 10000};
    struct program program = {.metrics = metrics_new("test", "test")};
    struct tls *tls;
    struct error error;
    sigset_t signals;
    int failed;

    if (parse_options(argc, argv, &options)) {
        (void)fprintf(stderr, "wrong usage\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)snprintf(constant, sizeof(constant), "{\"constant\":\"%0*d\"}", ANSWER_BYTES - 16, 0);
    tls = tls_new(on_handshake, &program);
    failed =
        (options.cert && load(tls, &options, &error)) || start(&program, tls, &options, &error);
    if (failed) {
        (void)fprintf(stderr, "%s\n", error.text);
    } else {
        wait_for_end(&program, tls, &options, &signals);
        drain(program.server, &options);
    }
    http_server_free(program.server);
    metrics_free(program.metrics);
    tls_free(tls);
    return failed ? 3 : 0;
}
