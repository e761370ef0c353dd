/*
 * Any bytes on a connection to the server of edge/http/http_server, over a real socket: what is
 * said back is HTTP/1.1, a route is called only for its own path and method and never with a body
 * over the limit, and whatever came, the next client is answered. A byte 0xff ends a write, so that
 * an input decides where the pieces of a request are cut.
 */
#include "fuzz.h"

#include "pullthrough/edge/http/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BODY_MOST = 2000,
    ANSWER_BYTES = 256 * 1024,
    PIECE_END = 0xff,
    INPUT_MOST = 64 * 1024, /* less than a socket takes unread: nobody waits for anybody */
};

static struct http_server *server;
static const char hello[] =
    "POST /echo HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";

/* The body back. */
static void echo(void *context, const struct http_request *request, struct http_response *response)
{
    (void)context;
    FUZZ_ASSERT(slice_is(request->method, "POST"));
    FUZZ_ASSERT(slice_is(request->path, "/echo"));
    FUZZ_ASSERT(request->body.len <= BODY_MOST);
    strbuf_add_slice(&response->body, request->body);
}

static void start(void)
{
    static const struct http_route route = {"POST", "/echo", echo, NULL};
    static const struct http_listener listener = {
        .host = {"127.0.0.1", 9}, .routes = &route, .n_routes = 1, .max_connections = 64};
    static const struct http_server_config config = {
        .threads = 1,
        .max_body_bytes = BODY_MOST,
        .max_response_bytes = ANSWER_BYTES,
        .idle_ms = 120000,
        .request_ms = 5000,
        .handshake_ms = 5000,
        .listeners = &listener,
        .n_listeners = 1,
    };

    FUZZ_ASSERT(http_server_new(&server, &config, NULL) == 0);
    FUZZ_ASSERT(http_server_start(server, NULL) == 0);
}

/* A sanitizer would call what the threads still hold a leak. */
static void stop(void)
{
    http_server_stop(server, 0);
    http_server_free(server);
}

/* From another loopback address each time, for the ports of one would soon be used up. */
static int dial(void)
{
    static uint32_t calls;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    FUZZ_ASSERT(fd >= 0);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + calls++ % (1 << 20));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(http_server_port(server, 0));
    FUZZ_ASSERT(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    FUZZ_ASSERT(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    return fd;
}

/* Whether the server takes more; it may have closed by now. */
static bool say(int fd, const void *bytes, size_t size)
{
    return size == 0 || send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* All that is answered until the server closes, or resets: it need not read on to say no. */
static size_t hear(int fd, char *answer)
{
    size_t len = 0;

    for (;;) {
        ssize_t got = recv(fd, answer + len, ANSWER_BYTES - len, 0);

        if (got <= 0)
            return len;
        len += (size_t)got;
        FUZZ_ASSERT(len < ANSWER_BYTES);
    }
}

static void check_alive(char *answer)
{
    static const char status[] = "HTTP/1.1 200 OK\r\n", body[] = "\r\n\r\nabc";
    int fd = dial();
    size_t len;

    FUZZ_ASSERT(say(fd, hello, sizeof(hello) - 1));
    len = hear(fd, answer);
    FUZZ_ASSERT(len > sizeof(status) + sizeof(body));
    FUZZ_ASSERT(memcmp(answer, status, sizeof(status) - 1) == 0);
    FUZZ_ASSERT(memcmp(answer + len - (sizeof(body) - 1), body, sizeof(body) - 1) == 0);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[ANSWER_BYTES];
    size_t len;
    int fd;

    if (!server) {
        start();
        (void)atexit(stop);
    }
    if (size > INPUT_MOST)
        return 0;
    fd = dial();
    while (size > 0) {
        const uint8_t *end = memchr(data, PIECE_END, size);
        size_t piece = end ? (size_t)(end - data) : size;

        if (!say(fd, data, piece))
            break;
        data += end ? piece + 1 : piece;
        size -= end ? piece + 1 : piece;
    }
    (void)shutdown(fd, SHUT_WR);
    len = hear(fd, answer);
    FUZZ_ASSERT(len == 0 || (len > 9 && memcmp(answer, "HTTP/1.1 ", 9) == 0));
    (void)close(fd);
    check_alive(answer);
    return 0;
}
