/*
 * A request goes to the route of its port whose path is the same, byte for byte, after
 * libh2o's normalisation; there are no prefixes and no patterns. The body stays where libh2o
 * received it. The answer leaves at once: nothing here waits, but a large request may have to
 * (http_gate.c).
 */
#include "http_loop.h"

#include <string.h>

#include "pullthrough/edge/http/http_memory.h"

enum {
    PIECE_BYTES = 64 * 1024,
    SHARE_MOST_BYTES = 8 * 1024, /* of an answer: a connection's share */
    PULL_MOST_BYTES = 32 * 1024, /* with the headers it must stay under libh2o's 64 KiB */
    KEEP_MOST_BYTES = 64 * 1024,
    PIPELINED_MOST = 64,
};

struct handler {
    h2o_handler_t super; /* must be first: libh2o hands out this */
    struct http_port *port;
};

struct generator {
    h2o_generator_t super; /* must be first */
    struct slice body;
};

struct large_answer {
    h2o_generator_t super; /* must be first */
    struct strbuf body;
    size_t sent;
};

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Payload Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

static h2o_send_state_t give_body(h2o_generator_t *super, h2o_req_t *req, h2o_iovec_t *buffer)
{
    const struct generator *generator = (const struct generator *)super;

    (void)req;
    h2o_memcpy(buffer->base, generator->body.ptr, generator->body.len);
    buffer->len = generator->body.len;
    return H2O_SEND_STATE_FINAL;
}

/*
 * libh2o's pull way puts headers and body into one buffer, so that they become one TLS record
 * and one write; h2o_send_inline() makes two records. It all happens within start_pull().
 */
static void send_body(h2o_req_t *req, struct slice body)
{
    struct generator generator = {.body = body};

    if (body.len > PULL_MOST_BYTES || h2o_memis(req->method.base, req->method.len, "HEAD", 4)) {
        h2o_send_inline(req, body.ptr ? body.ptr : "", body.len);
        return;
    }
    h2o_start_response(req, &generator.super);
    req->_ostr_top->start_pull(req->_ostr_top, give_body);
}

static void dispose_large(void *data)
{
    struct large_answer *large = data;

    strbuf_fini(&large->body);
}

static void give_piece(h2o_generator_t *super, h2o_req_t *req)
{
    struct large_answer *large = (struct large_answer *)super;
    size_t left = large->body.len - large->sent;
    h2o_iovec_t piece =
        h2o_iovec_init(large->body.ptr + large->sent, left < PIECE_BYTES ? left : PIECE_BYTES);

    large->sent += piece.len;
    h2o_send(req, &piece, 1, piece.len == left ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

/* Piece by piece, so that it isn't there three times: as it is, in libh2o's pool, and encrypted.
 * *body is empty afterwards. */
static void send_large(h2o_req_t *req, struct strbuf *body)
{
    struct large_answer *large = h2o_mem_alloc_shared(&req->pool, sizeof(*large), dispose_large);

    *large = (struct large_answer){.super = {give_piece, NULL}, .body = *body};
    strbuf_init(body, large->body.ceiling);
    h2o_start_response(req, &large->super);
    give_piece(&large->super, req);
}

static void send_answer(struct http_connection *connection, h2o_req_t *req,
                        struct http_response *response)
{
    size_t len = response->body.len;

    req->res.status = response->status;
    req->res.reason = reason_of(response->status);
    req->res.content_length = len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   response->content_type, strlen(response->content_type));
    for (const struct http_header *header = response->headers; header && header->name; header++)
        h2o_add_header_by_str(&req->pool, &req->res.headers, header->name, strlen(header->name), 0,
                              NULL, header->value, strlen(header->value));
    if (len > SHARE_MOST_BYTES) /* with what of it is encrypted */
        connection->answer_bytes = len < 2 * PIECE_BYTES ? 2 * len : len + 2 * PIECE_BYTES;
    if (len > PULL_MOST_BYTES && !h2o_memis(req->method.base, req->method.len, "HEAD", 4))
        send_large(req, &response->body);
    else
        send_body(req, strbuf_slice(&response->body));
}

static void preset(struct http_response *response, int status, const char *body)
{
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    response->headers = NULL;
    strbuf_clear(&response->body);
    if (body)
        strbuf_add_str(&response->body, body);
}

/* RFC 9110, section 15.5.6: a 405 lists the methods that the path has. */
static void add_allow(h2o_req_t *req, const struct http_port *port, struct slice path)
{
    STRBUF_CLEANUP struct strbuf methods = STRBUF_INIT(256);
    h2o_iovec_t value;

    for (size_t i = 0; i < port->n_routes; i++) {
        if (!slice_is(path, port->routes[i].path))
            continue;
        if (methods.len)
            strbuf_add_str(&methods, ", ");
        strbuf_add_str(&methods, port->routes[i].method);
    }
    value = h2o_strdup(&req->pool, strbuf_str(&methods), methods.len);
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL, value.base, value.len);
}

/* The route for path and method; NULL, with *path_known, if there is none. */
static const struct http_route *find_route(const struct http_port *port,
                                           const struct http_request *request, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < port->n_routes; i++) {
        if (!slice_is(request->path, port->routes[i].path))
            continue;
        *path_known = true;
        if (slice_is(request->method, port->routes[i].method))
            return &port->routes[i];
    }
    return NULL;
}

static void answer(h2o_req_t *req, const struct http_port *port, const struct http_request *request,
                   struct http_response *response)
{
    bool path_known;
    const struct http_route *route = find_route(port, request, &path_known);

    if (!route && path_known) {
        preset(response, 405, "method not allowed\n");
        add_allow(req, port, request->path);
    } else if (!route) {
        preset(response, 404, "not found\n");
    } else if (request->body.len >
               (port->takes_no_body ? 0 : port->server->config.max_body_bytes)) {
        preset(response, 413, "the body is too large\n");
        req->http1_is_persistent = 0;
    } else {
        preset(response, 200, NULL);
        route->handle(route->context, request, response);
        if (strbuf_overflowed(&response->body))
            preset(response, 500, "the answer is too large\n");
    }
}

static struct slice query_of(const h2o_req_t *req)
{
    size_t from = req->query_at == SIZE_MAX ? req->path.len : req->query_at + 1;

    return slice_of(req->path.base + from, req->path.len - from);
}

static void answer_now(struct http_connection *connection, h2o_req_t *req,
                       const struct http_port *port)
{
    struct http_loop *loop = http_loop_of(connection);
    struct http_request request = {
        .method = slice_of(req->method.base, req->method.len),
        .path = slice_of(req->path_normalized.base, req->path_normalized.len),
        .query = query_of(req),
        .body = slice_of(req->entity.base, req->entity.len),
        .loop = loop->index,
    };
    struct http_response response = {.body = loop->body};

    if (atomic_load_explicit(&port->server->draining, memory_order_relaxed))
        req->http1_is_persistent = 0;
    answer(req, port, &request, &response);
    send_answer(connection, req, &response);
    if (response.body.size > KEEP_MOST_BYTES)
        strbuf_fini(&response.body);
    loop->body = response.body;
}

/*
 * Whether its connection may stay open after the answer. libh2o works off everything that a client
 * has sent ahead before it looks at anybody else, and goes on when the answers can't be written any
 * more. Clients that wait for answers send one request a turn.
 */
static bool note_request(struct http_connection *connection)
{
    uint64_t turn = connection->acceptor->loop->turns;

    if (connection->acceptor->port->closes_any)
        http_evict_allow(connection);
    else
        http_evict_use(connection);
    connection->requests++;
    if (connection->turn != turn) {
        connection->turn = turn;
        connection->requests_in_turn = 0;
    }
    return ++connection->requests_in_turn < PIPELINED_MOST && !connection->warned;
}

static int on_request(h2o_handler_t *super, h2o_req_t *req)
{
    const struct http_port *port = ((struct handler *)super)->port;
    struct http_connection *connection =
        http_connection_of(req->conn->callbacks->get_socket(req->conn));
    bool large = req->entity.len > HTTP_LARGE_BYTES;

    if (!note_request(connection))
        req->http1_is_persistent = 0;
    if (large && !http_gate_enter(connection, req))
        return 0;
    answer_now(connection, req, port);
    if (large)
        http_gate_leave(http_loop_of(connection));
    return 0;
}

void http_answer_waiting(struct http_connection *connection, h2o_req_t *req)
{
    answer_now(connection, req, connection->acceptor->port);
}

void http_answer_refused(struct http_connection *connection)
{
    h2o_req_t *req = http_gate_forget(connection);
    struct http_response response = {.body = STRBUF_INIT(256)};

    preset(&response, 503, "requests under way take all of their memory\n");
    req->http1_is_persistent = 0;
    send_answer(connection, req, &response);
    strbuf_fini(&response.body);
}

void http_answer_register(struct http_port *port, h2o_hostconf_t *host)
{
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *super = h2o_create_handler(path, sizeof(struct handler));

    super->on_req = on_request;
    ((struct handler *)super)->port = port;
}
