/*
 * poll() over the listener and its connections; a readable connection is read until its request
 * is whole, since the clients of these tests don't dribble.
 */
#include "fake_http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

enum { CONNECTIONS_MAX = 64, REQUEST_MAX = 1024 * 1024, READ_TIMEOUT_S = 10 };

struct connection {
    int fd;
    SSL *ssl;
};

struct fake_http {
    fake_http_fn fn;
    void *context;
    SSL_CTX *tls;
    int listener, stop;
    uint16_t port;
    pthread_t thread;
    struct connection connections[CONNECTIONS_MAX];
    size_t n_connections;
    atomic_uint n_requests, n_accepted;
};

static void must(bool fine)
{
    if (!fine)
        abort();
}

struct slice fake_http_header(const struct fake_http_request *request, const char *name)
{
    struct slice rest = request->headers;
    size_t len = strlen(name);

    while (rest.len > 0) {
        struct slice line = slice_cut(&rest, '\n');

        if (slice_ends_with(line, slice_str("\r")))
            line.len--;
        if (line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, name, len) == 0) {
            line = slice_from(line, len + 1);
            while (line.len > 0 && line.ptr[0] == ' ')
                line = slice_from(line, 1);
            return line;
        }
    }
    return (struct slice){0};
}

static ssize_t get(const struct connection *connection, char *bytes, size_t size)
{
    if (connection->ssl)
        return SSL_read(connection->ssl, bytes, (int)size);
    return recv(connection->fd, bytes, size, 0);
}

static bool put(const struct connection *connection, struct slice text)
{
    while (text.len > 0) {
        ssize_t sent = connection->ssl ? SSL_write(connection->ssl, text.ptr, (int)text.len)
                                       : send(connection->fd, text.ptr, text.len, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        text = slice_from(text, (size_t)sent);
    }
    return true;
}

static void close_connection(struct fake_http *server, size_t i)
{
    struct connection *connection = &server->connections[i];

    if (connection->ssl)
        SSL_free(connection->ssl);
    (void)close(connection->fd);
    *connection = server->connections[--server->n_connections];
}

static void accept_connection(struct fake_http *server)
{
    const struct timeval timeout = {.tv_sec = READ_TIMEOUT_S};
    struct connection connection = {.fd = accept(server->listener, NULL, NULL)};

    must(connection.fd >= 0 && server->n_connections < CONNECTIONS_MAX);
    (void)setsockopt(connection.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(connection.fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (server->tls) {
        connection.ssl = SSL_new(server->tls);
        must(connection.ssl && SSL_set_fd(connection.ssl, connection.fd) == 1);
    }
    server->connections[server->n_connections++] = connection;
    if (connection.ssl && SSL_accept(connection.ssl) != 1)
        close_connection(server, server->n_connections - 1);
    else
        atomic_fetch_add(&server->n_accepted, 1);
}

/* Bytes of the whole request once its head is there, else 0. */
static size_t request_bytes(const struct strbuf *text)
{
    const char *end = memmem(strbuf_str(text), text->len, "\r\n\r\n", 4);
    struct fake_http_request request = {0};
    struct slice length;
    size_t body = 0;

    if (!end)
        return 0;
    request.headers = slice_of(text->ptr, (size_t)(end - text->ptr) + 2);
    length = fake_http_header(&request, "Content-Length");
    for (size_t i = 0; i < length.len; i++)
        body = body * 10 + (size_t)(length.ptr[i] - '0');
    return request.headers.len + 2 + body;
}

static bool read_request(const struct connection *connection, struct strbuf *text)
{
    char chunk[4096];

    while (request_bytes(text) == 0 || text->len < request_bytes(text)) {
        ssize_t got = get(connection, chunk, sizeof(chunk));

        if (got <= 0)
            return false;
        strbuf_add(text, chunk, (size_t)got);
        must(!strbuf_overflowed(text));
    }
    return true;
}

static void parse(struct fake_http_request *request, struct slice text)
{
    const char *end = memmem(text.ptr, text.len, "\r\n\r\n", 4);
    struct slice head = slice_of(text.ptr, (size_t)(end - text.ptr) + 2);

    request->body = slice_from(text, head.len + 2);
    request->method = slice_cut(&head, ' ');
    request->target = slice_cut(&head, ' ');
    (void)slice_cut(&head, '\n');
    request->headers = head;
}

/* Chunks as long as there are any; false where the client is gone. */
static bool put_chunks(const struct connection *connection, const struct fake_http_answer *answer)
{
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(2 * REQUEST_MAX);
    STRBUF_CLEANUP struct strbuf chunk = STRBUF_INIT(REQUEST_MAX);

    strbuf_add_format(&out, "HTTP/1.1 %d Scripted\r\nTransfer-Encoding: chunked\r\n%s\r\n",
                      answer->status, answer->headers);
    while (put(connection, strbuf_slice(&out))) {
        bool more = answer->next(answer->next_context, &chunk);

        must(!strbuf_overflowed(&chunk));
        strbuf_clear(&out);
        if (chunk.len)
            strbuf_add_format(&out, "%zx\r\n%s\r\n", chunk.len, strbuf_str(&chunk));
        strbuf_clear(&chunk);
        if (!more) {
            if (answer->way == FAKE_HTTP_ANSWER)
                strbuf_add_str(&out, "0\r\n\r\n");
            return put(connection, strbuf_slice(&out));
        }
    }
    return false;
}

static void serve(struct fake_http *server, size_t i)
{
    const struct connection *connection = &server->connections[i];
    STRBUF_CLEANUP struct strbuf text = STRBUF_INIT(REQUEST_MAX);
    STRBUF_CLEANUP struct strbuf out = STRBUF_INIT(64 * REQUEST_MAX);
    struct fake_http_request request = {0};
    struct fake_http_answer answer = {.status = 200, .headers = ""};

    if (!read_request(connection, &text)) {
        close_connection(server, i);
        return;
    }
    parse(&request, strbuf_slice(&text));
    request.number = atomic_fetch_add(&server->n_requests, 1);
    server->fn(server->context, &request, &answer);
    if (answer.next && !put_chunks(connection, &answer)) {
        close_connection(server, i);
        return;
    }
    if (answer.way == FAKE_HTTP_HANG)
        return;
    if (answer.way != FAKE_HTTP_CLOSE && !answer.next) {
        strbuf_add_format(
            &out, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n", answer.status,
            answer.body.len + (answer.way == FAKE_HTTP_TRUNCATE ? 100 : 0), answer.headers);
        strbuf_add_slice(&out, answer.body);
        (void)put(connection, strbuf_slice(&out));
    }
    if (answer.way != FAKE_HTTP_ANSWER)
        close_connection(server, i);
}

static void *run(void *context)
{
    struct fake_http *server = context;

    for (;;) {
        struct pollfd fds[CONNECTIONS_MAX + 2];
        size_t n = server->n_connections;

        for (size_t i = 0; i < n; i++)
            fds[i] = (struct pollfd){.fd = server->connections[i].fd, .events = POLLIN};
        fds[n] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        fds[n + 1] = (struct pollfd){.fd = server->stop, .events = POLLIN};
        must(poll(fds, n + 2, -1) > 0);
        if (fds[n + 1].revents)
            return NULL;
        for (size_t i = n; i-- > 0;) /* from the end: closing moves the last one */
            if (fds[i].revents)
                serve(server, i);
        if (fds[n].revents)
            accept_connection(server);
    }
}

static SSL_CTX *make_tls(const char *chain, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    BIO *chain_bio = BIO_new_mem_buf(chain, -1), *key_bio = BIO_new_mem_buf(key, -1);
    X509 *leaf = PEM_read_bio_X509(chain_bio, NULL, NULL, NULL);
    EVP_PKEY *pair = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);

    must(tls && leaf && pair && SSL_CTX_use_certificate(tls, leaf) == 1 &&
         SSL_CTX_use_PrivateKey(tls, pair) == 1);
    X509_free(leaf);
    EVP_PKEY_free(pair);
    BIO_free(chain_bio);
    BIO_free(key_bio);
    return tls;
}

struct fake_http *fake_http_start(fake_http_fn fn, void *context, const char *chain,
                                  const char *key)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct fake_http *server = calloc(1, sizeof(*server));
    socklen_t size = sizeof(address);

    must(server && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    server->fn = fn;
    server->context = context;
    server->tls = chain ? make_tls(chain, key) : NULL;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    server->stop = eventfd(0, EFD_CLOEXEC);
    must(server->listener >= 0 && server->stop >= 0 &&
         bind(server->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
         listen(server->listener, CONNECTIONS_MAX) == 0 &&
         getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->thread, NULL, run, server) == 0);
    return server;
}

void fake_http_stop(struct fake_http *server)
{
    const uint64_t one = 1;

    must(write(server->stop, &one, sizeof(one)) == (ssize_t)sizeof(one));
    must(pthread_join(server->thread, NULL) == 0);
    while (server->n_connections > 0)
        close_connection(server, 0);
    (void)close(server->listener);
    (void)close(server->stop);
    SSL_CTX_free(server->tls);
    free(server);
}

uint16_t fake_http_port(const struct fake_http *server)
{
    return server->port;
}

unsigned fake_http_requests(const struct fake_http *server)
{
    return atomic_load(&server->n_requests);
}

unsigned fake_http_connections(const struct fake_http *server)
{
    return atomic_load(&server->n_accepted);
}
