"""`pullthrough serve` when connections, or descriptors, are used up: probes, the API server's reviews
and what the program itself has to do go on."""

import concurrent.futures
import contextlib
import pathlib
import socket
import stat
import threading

import pytest

from http_peer import wait_for
from service import Client, Services, replace, review, settings
from crowd import may_open, shake_half

BODY = review("nginx:1.27")


@contextlib.contextmanager
def silent(port, count):
    """So many connections that say nothing."""
    may_open(count + 200)
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            for _ in range(count)
        ]


@contextlib.contextmanager
def in_use(clients):
    """Each sends reviews all the time, every one of which is answered."""
    enough = threading.Event()

    def use(client):
        while not enough.wait(0.1):
            assert client.mutate(BODY).images()

    with concurrent.futures.ThreadPoolExecutor() as pool:
        uses = [pool.submit(use, client) for client in clients]
        try:
            yield
        finally:
            enough.set()
    for each in uses:
        each.result()


def with_descriptors(program, folder, soft, hard):
    """The program under other limits of descriptors."""
    script = folder / "pullthrough"
    script.write_text(f'#!/bin/sh\nulimit -Sn {soft} && ulimit -Hn {hard} && exec "{program}" "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


@pytest.fixture(name="tight")
def _tight(program, certs, tmp_path):
    """Starts the program with few descriptors."""
    with contextlib.ExitStack() as stack:

        def start(soft, hard, **changes):
            services = Services(with_descriptors(program, tmp_path, soft, hard), certs, tmp_path)
            stack.callback(services.end)
            return services.start(**changes)

        yield start


EVICTIONS = "pullthrough_status_evictions_total"


def test_silent_clients_never_cost_a_probe(services):
    service = services.start()
    with silent(service.status_port, 530) as crowd:
        for _ in range(20):
            assert service.get("/healthz").status == 200
            assert service.ready() == (200, "ok\n")
        with silent(service.status_port, 530):
            assert service.get("/healthz").status == 200
            wait_for(lambda: service.metrics().value(EVICTIONS) >= 530, "all have come in")
        assert crowd[0].recv(1) == b""  # who was there first went first
    limited = service.log("connection limit reached, an idle one is closed")
    assert 0 < len(limited) <= 30  # not a line each


def test_a_connection_that_is_used_outlives_silent_ones(services):
    """A scraper's, on the status port."""
    service = services.start()
    with Client(service.status_port) as scraper:
        for _ in range(3):
            with silent(service.status_port, 300):
                assert scraper.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("kind", ["silent", "half a handshake"])
def test_a_flood_at_the_webhook_lets_new_clients_in(services, kind):
    service = services.start(server={"maxConnections": 40})
    with service.webhook() as kept:
        assert kept.mutate(BODY).images()
        with silent(service.webhook_port, 400) as crowd:
            if kind != "silent":
                for sock in crowd:
                    with contextlib.suppress(OSError):  # it went already
                        shake_half(sock)
            for _ in range(10):
                assert service.mutate(BODY).images()
            assert kept.mutate(BODY).images()  # the API server's is never the one
        assert service.metrics().value("pullthrough_evictions_total") > 0
        assert kept.mutate(BODY).images()


def test_connections_that_sent_reviews_stay(services):
    """They are the API server's; a new client waits until one of them goes."""
    service = services.start(server={"maxConnections": 3})
    *kept, other = [service.webhook() for _ in range(3)]
    for client in (*kept, other):
        assert client.mutate(BODY).images()
    with silent(service.webhook_port, 20), in_use(kept):
        service.wait_log("connection limit reached, accepting waits")
        other.close()
        assert service.mutate(BODY).images()
    for client in kept:
        assert client.mutate(BODY).images()
        client.close()


def test_one_request_each_does_not_keep_others_out(services):
    """Those that have been idle for seconds go, and those that are used stay."""
    service = services.start(server={"maxConnections": 20})
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(service.webhook())
        assert kept.mutate(BODY).images()  # one that never asked goes first
        for _ in range(19):
            client = stack.enter_context(service.webhook())
            assert client.ask("GET", "/").status == 404
        (new,) = stack.enter_context(silent(service.webhook_port, 1))
        shake_half(new)
        new.setblocking(False)

        def is_heard():
            assert kept.mutate(BODY).images()
            with contextlib.suppress(BlockingIOError):
                return new.recv(1, socket.MSG_PEEK)

        wait_for(is_heard, "a new client is let in")
        assert kept.mutate(BODY).images()


def test_the_soft_limit_of_descriptors_is_raised(tight):
    service = tight(soft=64, hard=1500)
    assert service.metrics().value("process_max_fds") == 1500
    (warning,) = service.log("server.maxConnections is more than descriptors allow, it is less now")
    assert warning["configured"] == 4096 and 500 < warning["maxConnections"] < 1500


def test_descriptors_are_kept_for_what_must_go_on(tight, certs):
    """Both ports are full, and more are asking."""
    service = tight(soft=200, hard=200)
    (warning,) = service.log("server.maxConnections is more than descriptors allow, it is less now")
    assert 0 < warning["maxConnections"] < 150
    with silent(service.webhook_port, 300), silent(service.status_port, 300):
        assert service.get("/healthz").status == 200
        assert service.mutate(BODY).images()
        metrics = service.metrics()
        assert metrics.value("process_open_fds") <= 200 - 30
        # Configuration and certificate are read again.
        replace(service.config, settings(service.tls, server={"drain": "1s"}, rewrite={
            "requireRule": False, "warnings": True}))  # fmt: skip
        service.wait_reloads("config", 1, 0)
        service.tls.write(certs.second.secret())
        wait_for(lambda: service.leaf() == certs.second.der(), "the new certificate")
        assert service.get("/healthz").status == 200
    assert not service.log("no file descriptor or memory for a connection, accepting waits")


def test_the_status_port_takes_no_body(services):
    service = services.start()
    for head in (b"Content-Length: 8000000", b"Content-Length: 9\r\nExpect: 100-continue",
                 b"Transfer-Encoding: chunked"):  # fmt: skip
        with socket.create_connection(("127.0.0.1", service.status_port)) as sock:
            sock.sendall(b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
            answer = b""
            while more := sock.recv(4096):
                answer += more
            assert answer.startswith(b"HTTP/1.1 413 ") and b"Connection: close" in answer


def queued(port):
    """Bytes that the kernel keeps for clients of a port, of connections that nobody has open too."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        int(words[4].partition(":")[0], 16) for words in lines if words[1].endswith(f":{port:04X}")
    )


def test_what_nobody_takes_is_thrown_away(services):
    """An answer is written and its connection closed: only the kernel still has both."""
    service = services.start()
    ask = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.connect(("127.0.0.1", service.status_port))
            sock.sendall(ask + b"\r\n" + ask + b"Connection: close\r\n\r\n")
        wait_for(lambda: queued(service.status_port) > 20 * 8192, "answers that nobody takes")
        wait_for(lambda: queued(service.status_port) == 0, "they are thrown away")
