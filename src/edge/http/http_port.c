/*
 * Listening sockets: for each port as many as there are loops, bound to one address with
 * SO_REUSEPORT, so that the kernel spreads connections over the loops. (With one shared socket
 * a single loop takes them all.)
 *
 * The first socket is bound without SO_REUSEPORT and gets it afterwards: otherwise a second
 * process of the same user could silently share our port, and its traffic.
 */
#include "http_loop.h"

#include "pullthrough/core/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* net.core.somaxconn may cut it */
    HOST_BYTES = INET6_ADDRSTRLEN,
    UNTAKEN_MS = 10 * 1000, /* as the API server waits for an answer at most, by default */
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t address_length(const union address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

static uint16_t address_port(const union address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

static void set_port(union address *address, uint16_t number)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(number);
    else
        address->v4.sin_port = htons(number);
}

/* "::" and "" both mean every address. */
static int parse_host(struct slice host, union address *address, struct error *error)
{
    char text[HOST_BYTES];

    memset(address, 0, sizeof(*address));
    if (host.len == 0) {
        address->v6.sin6_family = AF_INET6;
        return 0;
    }
    if (host.len >= sizeof(text))
        return error_set(error, "not an IP address: %.*s", SLICE_FMT(host));
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        return 0;
    }
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        return 0;
    }
    return error_set(error, "not an IP address: %.*s", SLICE_FMT(host));
}

/* Sockets that are accepted inherit these. Without them the kernel lets each grow to megabytes,
 * which a container's memory limit counts, and one read would bring all of it. */
static bool set_buffers(int fd)
{
    const int bytes = HTTP_KERNEL_BYTES;

    return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0;
}

/* These too: what a client doesn't take for so long is thrown away, also after we have closed the
 * connection, when nobody but the kernel knows of it, and keeps it for minutes. */
static bool set_patience(int fd)
{
    const unsigned ms = UNTAKEN_MS;

    return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) == 0;
}

/* A bound socket, or -1 with errno. */
static int bind_socket(const union address *address, bool share_first)
{
    const int on = 1, off = 0;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), kept;

    if (fd < 0)
        return -1;
    /* Not held up by connections of a predecessor that are in TIME_WAIT. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 && set_buffers(fd) &&
        set_patience(fd) &&
        (address->any.sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
        (!share_first || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, &address->any, address_length(address)) == 0 &&
        (share_first || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0))
        return fd;
    kept = errno;
    (void)close(fd);
    errno = kept;
    return -1;
}

static bool is_unspecified(const union address *address)
{
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

/* Bind the first socket; *address becomes what was got. */
static int bind_first(union address *address, uint16_t number)
{
    socklen_t len = sizeof(*address);
    int fd;

    set_port(address, number);
    fd = bind_socket(address, false);
    if (fd < 0 && is_unspecified(address) && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
        memset(address, 0, sizeof(*address)); /* 0.0.0.0: this machine has no IPv6 */
        address->v4.sin_family = AF_INET;
        set_port(address, number);
        fd = bind_socket(address, false);
    }
    if (fd >= 0 && getsockname(fd, &address->any, &len) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int http_port_bind(struct http_port *port, struct slice host, uint16_t number, unsigned n_sockets,
                   struct error *error)
{
    union address address;

    port->sockets = alloc_zeroed(n_sockets, sizeof(*port->sockets));
    if (parse_host(host, &address, error))
        return -1;
    for (; port->n_sockets < n_sockets; port->n_sockets++) {
        int fd = port->n_sockets == 0 ? bind_first(&address, number) : bind_socket(&address, true);

        if (fd < 0)
            return error_set(error, "cannot listen on port %u: %s", number, strerror(errno));
        port->sockets[port->n_sockets] = fd;
    }
    port->number = address_port(&address);
    for (unsigned i = 0; i < n_sockets; i++)
        if (listen(port->sockets[i], BACKLOG) != 0)
            return error_set(error, "cannot listen on port %u: %s", number, strerror(errno));
    return 0;
}

void http_port_fini(struct http_port *port)
{
    for (unsigned i = 0; i < port->n_sockets; i++)
        if (port->sockets[i] >= 0)
            (void)close(port->sockets[i]);
    free(port->sockets);
    free(port->routes);
}
