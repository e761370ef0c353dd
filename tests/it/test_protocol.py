"""Odd HTTP, odd TLS and odd clients; after each of them the server answers as before.

Each case meets the program itself; those that need shorter deadlines than it can be told
(marker "deadlines") meet constant_server, which is the same HTTP server.
"""

import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from http_peer import DEADLINE_S, ENDS, REVIEW, Conversation, Server, request, wait_for

REQUEST_MS, IDLE_MS, HANDSHAKE_MS, MOST_BODY = 600, 2500, 1200, 100_000
OK = request()


def pytest_generate_tests(metafunc):
    if "start" in metafunc.fixturenames:
        short = metafunc.definition.get_closest_marker("deadlines")
        name = "constant_server" if short else "pullthrough"
        metafunc.parametrize("start", [name], indirect=True, scope="session", ids=[name])


@pytest.fixture(scope="session")
def start(request, program, build_dir, certs, tmp_path_factory):
    """Starts a server: start(pair=..., limit=..., threads=2, ...). Use what it gives as a context."""
    constant_server = build_dir / "tests" / "bench" / "constant_server"
    served = program if request.param == "pullthrough" else constant_server

    def start_one(**options):
        options.setdefault("threads", 2)
        return Server(served, certs, tmp_path_factory.mktemp("server"), **options)

    return start_one


@pytest.fixture(scope="module")
def shared(start):
    """One server for all the oddities, with short deadlines. It must end well after them all."""
    with start(
        request_ms=REQUEST_MS, idle_ms=IDLE_MS, handshake_ms=HANDSHAKE_MS, max_body=MOST_BODY
    ) as server:
        yield server


@pytest.fixture
def server(shared):
    """The shared server, which must be as it was after the test."""
    yield shared
    shared.ask()
    with shared.plain() as status:
        status.ask(request(b"GET", b"/healthz", None))


# HTTP


def with_headers(*lines, body=REVIEW):
    return b"POST /mutate HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def chunks(*sizes, extension=b"", trailer=b""):
    """The review in chunks of these sizes, and one of what is left."""
    out, at = b"", 0
    for size in (*sizes, len(REVIEW) - sum(sizes)):
        out += b"%x%s\r\n%s\r\n" % (size, extension, REVIEW[at : at + size])
        at += size
    return out + b"0\r\n" + trailer + b"\r\n"


def padded(size):
    return REVIEW + b" " * (size - len(REVIEW))


CHUNKED, LENGTH = b"Transfer-Encoding: chunked", b"Content-Length: %d" % len(REVIEW)
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")

# name: (sent, statuses in their order); the connection stays usable
KEPT = {
    "a review": (OK, [200]),
    "no length": (request(b"PUT", body=None), [405]),
    "no Host": (with_headers(LENGTH), [200]),
    "two Hosts": (with_headers(b"Host: a", b"Host: b", LENGTH), [200]),
    "an empty line first": (b"\r\n" + OK, [200]),
    "bare line feeds": (b"POST /mutate HTTP/1.1\n" + LENGTH + b"\n\n" + REVIEW, [200]),
    "a folded header": (with_headers(b"X: a", b" b", LENGTH), [200]),
    "chunked": (with_headers(CHUNKED, body=chunks(1, 30)), [200]),
    "chunked, extension, trailer": (
        with_headers(CHUNKED, body=chunks(7, extension=b";a=b", trailer=b"X: y\r\n")),
        [200],
    ),
    "both lengths": (
        with_headers(b"Content-Length: 9999", CHUNKED, body=chunks(5)),
        [200],
    ),
    "two equal lengths": (with_headers(LENGTH, LENGTH), [200]),
    "two lengths": (with_headers(LENGTH, b"Content-Length: 9999"), [200]),
    "pipelined": (OK * 3 + request(path=b"/x") + OK, [200, 200, 200, 404, 200]),
    "pipelined, many": (OK * 60, [200] * 60),
    "100 headers": (
        with_headers(LENGTH, *(b"X-%d: y" % i for i in range(99))),
        [200],
    ),
    "300 KB of headers": (with_headers(LENGTH, b"X: " + b"y" * 300_000), [200]),
    "Expect: 100-continue": (
        with_headers(b"Expect: 100-continue", LENGTH),
        [100, 200],
    ),
    "Upgrade: h2c": (
        with_headers(
            b"Upgrade: h2c", b"Connection: keep-alive, Upgrade", b"HTTP2-Settings: AAMAAABkAAQAAP__",
            LENGTH,
        ),
        [200],
    ),
    "Upgrade: websocket": (
        with_headers(
            b"Upgrade: websocket", b"Connection: keep-alive, Upgrade", LENGTH,
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13",
        ),
        [200],
    ),
    "no query": (request(path=b"/mutate"), [200]),
    "a path to be normalised": (request(path=b"/x/./../%6dutate?a=b"), [200]),
    "below the path": (request(path=b"/mutate/x"), [404]),
    "behind a slash": (request(path=b"/mutate/"), [404]),
    "another path": (request(path=b"/"), [404]),
    "the other port's path": (request(b"GET", b"/healthz", None), [404]),
    "an escaped NUL": (request(path=b"/mutate%00"), [404]),
    "a whole URL": (request(path=b"https://localhost/mutate"), [404]),
    "OPTIONS *": (request(b"OPTIONS", b"*", None), [404]),
    "as large as it may be": (request(body=padded(MOST_BODY)), [200]),
    "chunked, as large as it may be": (
        with_headers(CHUNKED, body=b"%x\r\n" % MOST_BODY + padded(MOST_BODY) + b"\r\n0\r\n\r\n"),
        [200],
    ),
}  # fmt: skip

# name: (sent, status); the connection ends
ENDED = {
    "HTTP/1.0": (b"POST /mutate HTTP/1.0\r\n" + LENGTH + b"\r\n\r\n" + REVIEW, 200),
    "Connection: close": (request(headers=[b"Connection: close"]), 200),
    "no HTTP": (b"\x00\x01\x02\x03 nonsense\r\n\r\n", 400),
    "HTTP/2.0 in the line": (b"POST /mutate HTTP/2.0\r\n\r\n", 400),
    "HTTP/2 preface": (H2_PREFACE, 400),
    "a NUL in a header": (with_headers(b"X: a\0b", LENGTH), 400),
    "a header without a colon": (with_headers(b"nonsense", LENGTH), 400),
    "a space before the colon": (with_headers(b"Content-Length : 2"), 400),
    "101 headers": (with_headers(*(b"X-%d: y" % i for i in range(101))), 400),
    "500 KB of headers": (b"POST /mutate HTTP/1.1\r\nX: " + b"y" * 500_000, 400),
    "a negative length": (with_headers(b"Content-Length: -1"), 400),
    "a length with a sign": (with_headers(b"Content-Length: +2"), 400),
    "a length in hex": (with_headers(b"Content-Length: 0x2"), 400),
    "an empty length": (with_headers(b"Content-Length: "), 400),
    "a list of lengths": (with_headers(b"Content-Length: 2, 2"), 400),
    "a length beyond 64 bits": (with_headers(b"Content-Length: 99999999999999999999"), 400),
    "another coding": (with_headers(b"Transfer-Encoding: gzip, chunked"), 400),
    "identity": (with_headers(b"Transfer-Encoding: identity"), 400),
    "no chunk size": (with_headers(CHUNKED, body=b"zz\r\n{}\r\n0\r\n\r\n"), 400),
    "another expectation": (with_headers(b"Expect: tea", LENGTH), 417),
    "too large, and asks first": (
        with_headers(b"Expect: 100-continue", b"Content-Length: %d" % (MOST_BODY + 2), body=b""),
        413,
    ),
    "too large, without the body": (
        with_headers(b"Content-Length: %d" % (MOST_BODY + 2), body=b""),
        413,
    ),
    "too large by one": (request(body=b"x" * (MOST_BODY + 1)), 413),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_keeps_the_connection(server, name):
    sent, statuses = KEPT[name]
    with server.tls() as peer:
        peer.send(sent)
        answers = [peer.answer() for _ in statuses]
        assert [answer and answer.status for answer in answers] == statuses
        assert not any(answer.closes for answer in answers)
        peer.ask()


@pytest.mark.parametrize("name", ENDED)
def test_what_ends_the_connection(server, name):
    sent, status = ENDED[name]
    with server.tls() as peer:
        try:
            peer.send(sent)
        except ENDS:
            pass  # it may be refused before it is all sent
        answer = peer.answer()
        assert answer is not None and answer.status == status
        assert answer.closes
        assert peer.ended()


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"OPTIONS", b"post", b"X" * 1000])
def test_another_method(server, method):
    with server.tls() as peer:
        answer = peer.send(request(method)).answer()
        assert answer.status == 405
        assert answer.header("allow") == ["POST"]
        peer.ask()


def test_head_has_no_body(server):
    with server.tls() as peer:
        peer.send(request(b"HEAD", body=None))
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.sock.recv(1)
        assert head.startswith(b"HTTP/1.1 405 ")
        peer.ask()


@pytest.mark.parametrize("rest", [b"%x\r\n" % (8 * MOST_BODY), b"ffffffffffffffff\r\n"])
def test_chunks_over_the_limit(server, rest):
    """The body isn't read to its end, so the client may see a reset instead of the 413."""
    with server.tls() as peer:
        try:
            peer.send(with_headers(CHUNKED, body=rest))
            for _ in range(8):
                peer.send(b"x" * MOST_BODY)
            answer = peer.answer()
        except ENDS:
            answer = None
        assert answer is None or (answer.status == 413 and answer.closes)
        if answer:
            assert peer.ended()


def test_an_answer_is_the_constant(server):
    answer = server.ask()
    assert answer.header("content-type") == ["application/json"]
    assert len(answer.body) > 0


# Slow and rude clients


def trickle(peer, begin, drop):
    """Send drop again and again until the connection ends; how long that took in seconds."""
    peer.send(begin)
    started = time.monotonic()
    peer.sock.settimeout(0.05)
    while time.monotonic() - started < DEADLINE_S:
        try:
            peer.send(drop)
            assert peer.sock.recv(1000) == b"", "it answered"
            break
        except TimeoutError:
            continue
        except ENDS:
            break
    return time.monotonic() - started


@pytest.mark.deadlines
@pytest.mark.parametrize(
    "begin, drop",
    [
        (b"POST /mutate HTTP/1.1\r\n", b"X: y\r\n"),
        (b"P", b"O"),
        (with_headers(b"Content-Length: 99999", body=b"{"), b"x"),
        (with_headers(CHUNKED, body=b""), b"1\r\nx\r\n"),
        (with_headers(CHUNKED, body=b"1;"), b"extension"),
        (OK[:-1], b""),
    ],
    ids=["headers", "method", "body", "chunks", "chunk extension", "last byte"],
)
def test_a_slow_request_is_cut(server, begin, drop):
    with server.tls() as peer:
        took = trickle(peer, begin, drop)
    assert REQUEST_MS / 1000 * 0.9 <= took < DEADLINE_S


@pytest.mark.deadlines
def test_a_second_request_has_its_own_deadline(start):
    with start(request_ms=3000) as server, server.tls() as peer:
        for _ in range(4):
            peer.send(OK[:-1])
            time.sleep(1.5)  # not waited for: it is what is tested
            assert peer.send(OK[-1:]).answer().status == 200


@pytest.mark.deadlines
def test_an_idle_connection_outlives_a_request(server):
    with server.tls() as peer:
        peer.ask()
        started = time.monotonic()
        time.sleep(REQUEST_MS / 1000 * 1.7)
        peer.ask()
        assert peer.ended()
        assert time.monotonic() - started >= (REQUEST_MS * 1.7 + IDLE_MS) / 1000 * 0.95


@pytest.mark.deadlines
def test_a_client_that_reads_no_answer_is_cut(server):
    with server.tls(receive_buffer=4096) as peer:
        peer.sock.setblocking(False)
        poll = select.poll()
        poll.register(peer.sock, select.POLLOUT)
        events, end = 0, time.monotonic() + DEADLINE_S
        while not events & (select.POLLHUP | select.POLLERR) and time.monotonic() < end:
            events = dict(poll.poll(50)).get(peer.sock.fileno(), 0)
            try:
                peer.sock.send(OK * 100)
            except ssl.SSLWantWriteError:
                continue
            except ENDS:
                break
        assert time.monotonic() < end


def test_half_closed_after_a_request(server):
    with server.plain() as peer:
        peer.send(request(b"GET", b"/healthz", None))
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.answer().status == 200
        assert peer.ended()


def test_half_closed_within_a_request(server):
    with server.plain() as peer:
        peer.send(b"GET /healthz HT")
        peer.sock.shutdown(socket.SHUT_WR)
        assert peer.ended()


@pytest.mark.deadlines
def test_close_notify_after_a_request(server):
    with server.tls() as peer:
        peer.send(OK)
        outgoing = peer.sock
        assert peer.answer().status == 200
        outgoing.unwrap().close()


def test_resets_at_every_stage(server):
    before = server.metric("pullthrough_connections")
    for _ in range(10):
        Conversation(server.connect()).reset()
        cut = server.wrap(server.connect(), do_handshake_on_connect=False)
        cut.settimeout(0)
        try:
            cut.do_handshake()
        except ssl.SSLWantReadError:
            pass
        Conversation(cut).reset()
        for sent in (b"", OK[:20], OK[:-1], OK, OK * 50):
            server.tls().send(sent).reset()
    wait_for(lambda: server.metric("pullthrough_connections") == before, "the connections to end")


# TLS


def test_alpn(server):
    for offered, chosen in (
        (["http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], "http/1.1"),
        (["h2"], None),
        (["spdy/1", "x"], None),
    ):
        context = server.trusting()
        context.set_alpn_protocols(offered)
        with server.tls(context) as peer:
            assert peer.sock.selected_alpn_protocol() == chosen
            peer.ask()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(server, version):
    context = server.trusting()
    context.minimum_version = context.maximum_version = version
    with server.tls(context) as peer:
        assert peer.ask().status == 200
        assert peer.sock.session_reused is False
        assert not peer.sock.session.has_ticket


def untrusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused(server):
    failed = server.handshakes("failed")
    context = untrusting()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, *ENDS)):
        server.tls(context)
    wait_for(lambda: server.handshakes("failed") == failed + 1, "one failed handshake")


def test_a_client_that_distrusts_us_is_counted(server):
    failed, done = server.handshakes("failed"), server.handshakes("ok")
    with pytest.raises(ssl.SSLCertVerificationError):
        server.tls(ssl.create_default_context())
    wait_for(lambda: server.handshakes("failed") == failed + 1, "one failed handshake")
    assert server.handshakes("ok") == done


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 600,
        b"\x16\x03\x01\x00\x05\x63garbage",
        b"\x16\x03\x01\xff\xff" + b"x" * 70_000,
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x80\x2e\x01\x00\x02" + b"\x00" * 60,
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        request(),
        H2_PREFACE,
    ],
    ids=["hello", "message", "record", "alert", "SSL 2", "zeros", "GET", "POST", "HTTP/2"],
)
def test_what_is_no_client_hello(server, sent):
    failed = server.handshakes("failed")
    with Conversation(server.connect()) as peer:
        try:
            peer.send(sent)
        except ENDS:
            pass
        assert peer.ended()
    wait_for(lambda: server.handshakes("failed") == failed + 1, "one failed handshake")


@pytest.mark.deadlines
def test_a_slow_handshake_is_cut(server):
    failed = server.handshakes("failed")
    with Conversation(server.connect()) as peer:
        took = trickle(peer, b"\x16\x03\x01\x02\x00\x01", b"\x00")
    assert took >= HANDSHAKE_MS / 1000 * 0.9
    wait_for(lambda: server.handshakes("failed") == failed + 1, "one failed handshake")


@pytest.mark.deadlines
def test_no_byte_at_all_is_no_failure(server):
    failed = server.handshakes("failed")
    server.connect().close()
    with Conversation(server.connect()) as peer:
        started = time.monotonic()
        assert peer.ended()
        assert time.monotonic() - started >= HANDSHAKE_MS / 1000 * 0.9
    with server.plain() as peer:
        assert peer.ended()
    assert server.handshakes("failed") == failed


def test_tls_on_the_plain_port(server):
    sock = server.connect(server.status)
    with pytest.raises((ssl.SSLError, *ENDS)):
        server.wrap(sock)
    sock.close()


def test_http_2_preface_on_the_plain_port(server):
    with server.plain() as peer:
        answer = peer.send(H2_PREFACE).answer()
        assert answer.status == 400 and answer.closes
        assert peer.ended()


def test_no_port_serves_the_other_ones_paths(server):
    with server.plain() as peer:
        assert peer.send(request()).answer().status == 404
        assert peer.send(request(b"POST", b"/healthz")).answer().header("allow") == ["GET"]


def s_client(server, words, steps):
    """openssl s_client: for each step wait for some output, then type something into it; what
    it printed after the last, up to an answer or its end."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.webhook}", "-crlf", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    heard = b""

    def hear(wanted):
        nonlocal heard
        while wanted not in heard:
            more = os.read(client.stdout.fileno(), 65536)
            if not more:
                return
            heard += more

    for wanted, typed in steps:
        hear(wanted)
        heard = heard.partition(wanted)[2]
        client.stdin.write(typed)
        client.stdin.flush()
    hear(b"\r\n\r\n")
    client.stdin.close()
    client.stdout.close()
    client.wait(DEADLINE_S)
    return heard


LAST = b"PUT /mutate HTTP/1.1\nConnection: close\n\n"


def test_key_updates(server):
    steps = [(b"---\n", b"k\n"), (b"KEYUPDATE\n", b"K\n"), (b"KEYUPDATE\n", LAST)]
    assert b"HTTP/1.1 405 " in s_client(server, ["-tls1_3"], steps)


def test_renegotiation_is_refused(server):
    steps = [(b"---\n", b"R\n"), (b"RENEGOTIATING\n", LAST)]
    assert b"HTTP/1.1" not in s_client(server, ["-tls1_2"], steps)


def test_client_certificates(start, certs):
    with start(client_ca=certs.ca) as server:
        with server.tls(server.trusting(certs.client)) as peer:
            peer.ask()
        for wrong in (None, certs.stranger):
            with pytest.raises((ssl.SSLError, *ENDS)):
                with server.tls(server.trusting(wrong)) as peer:
                    assert peer.send(OK).answer() is None  # TLS 1.3: told after the handshake
                    raise ConnectionError
        wait_for(lambda: server.handshakes("failed") == 2, "two failed handshakes")
        assert server.handshakes("ok") == 1


# Certificates that change


def replace(target, source):
    """As a mounted Secret does: each file at once."""
    for old, new in zip(target, source):
        fresh = old.with_suffix(".new")
        fresh.write_bytes(new.read_bytes())
        fresh.rename(old)


@pytest.fixture
def mounted(certs, tmp_path):
    pair = type(certs.leaf)(tmp_path / "tls.crt", tmp_path / "tls.key")
    replace(pair, certs.leaf)
    return pair


def test_reload_under_load(start, certs, mounted):
    failures, asked, over = [], [0, 0, 0, 0], threading.Event()

    def load(number, server):
        try:
            kept = server.tls() if number < 2 else None
            while not over.is_set():
                _ = kept.ask() if kept else server.ask()
                asked[number] += 1
            if kept:
                kept.sock.close()
        except Exception as failure:  # whatever it is, a request failed
            failures.append(failure)

    with start(pair=mounted) as server:
        threads = [threading.Thread(target=load, args=(i, server)) for i in range(4)]
        for thread in threads:
            thread.start()
        try:
            for name in ["second", "rsa", "leaf"] * 4:
                replace(mounted, getattr(certs, name))
                server.process.send_signal(signal.SIGHUP)
                wait_for(lambda: server.subject() == name, f"certificate {name}")
                before = list(asked)
                wait_for(
                    lambda: failures or all(now > then for now, then in zip(asked, before)),
                    "requests on old and on new connections",
                )
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert failures == []
        assert server.handshakes("failed") == 0


def refused(server):
    return server.metric('pullthrough_certificate_reloads_total{outcome="refused"}')


def test_a_bad_pair_changes_nothing(start, certs, mounted):
    with start(pair=mounted) as server:
        for source in ((certs.leaf.cert, certs.second.key), (certs.ca, certs.leaf.key)):
            before = refused(server)
            replace(mounted, source)
            server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: refused(server) > before, "a refusal")
            assert server.subject() == "leaf"


def test_an_expired_certificate_is_served_and_the_refusal_counted(start, certs):
    with start(pair=certs.expired) as server:
        with server.tls(untrusting()) as peer:
            peer.ask()
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            server.tls()
        wait_for(lambda: server.handshakes("failed") == 1, "one failed handshake")


# Limits


def assert_quiet(server, seconds=0.6):
    before = server.cpu_seconds()
    time.sleep(seconds)  # it is this span that must be quiet
    assert server.cpu_seconds() - before < seconds / 2


def test_connection_limit(start):
    with start(max_connections=4) as server:
        held = [server.tls() for _ in range(4)]
        for peer in held:
            peer.ask()

        def come():
            return server.wrap(server.connect(), do_handshake_on_connect=False)

        waiting = [come() for _ in range(8)]
        for sock in waiting:
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.do_handshake()
        assert_quiet(server)
        assert server.metric("pullthrough_connections") == 4
        held[0].ask()  # who is in is served
        held[0].sock.close()
        served, lost = [], []  # one place serves them all in turn, in whatever order they came

        def serve(sock):
            while len(lost) < 100:
                try:
                    sock.settimeout(DEADLINE_S)
                    sock.do_handshake()
                    with Conversation(sock) as peer:
                        return served.append(peer.ask(request(headers=[b"Connection: close"])))
                except (AssertionError, *ENDS) as problem:
                    lost.append(problem)
                    sock = come()  # as a client does

        threads = [threading.Thread(target=serve, args=(sock,)) for sock in waiting]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # one that doesn't ask for a while, on a machine that is busy, makes room for the next
        assert len(lost) <= server.metric("pullthrough_evictions_total"), lost
        assert len(served) == 8
        for peer in held[1:]:
            peer.ask()
            peer.sock.close()


def test_no_file_descriptors(start):
    def tight():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    with start(limit=tight) as server:
        socks = [server.connect() for _ in range(60)]
        assert_quiet(server)
        for sock in socks:
            sock.close()
        server.ask()


# The end


def test_drain(start):
    with start(drain_ms=5000, request_ms=20000) as server:
        kept, idle, half = server.tls(), server.tls(), server.tls()
        for peer in (kept, idle, half):
            assert not peer.ask().closes
        half.send(OK[:-1])
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.ask().closes, "the drain to begin")
        assert kept.ask().closes and kept.ended()
        assert half.send(OK[-1:]).answer().closes and half.ended()
        assert server.ask().closes  # new ones are answered to the end of the drain
        assert idle.ask().closes and idle.ended()  # and so is one that was silent
        server.end()
        assert time.monotonic() - started >= 4.9
        assert time.monotonic() - started < 5 + 20
        with pytest.raises(ConnectionRefusedError):
            server.connect()


def test_the_end_waits_for_a_request_but_not_for_ever(start):
    with start(request_ms=800) as server:
        half = server.tls()
        half.ask()
        half.send(OK[:-1])
        wait_for(lambda: server.metric("pullthrough_connections") == 1, "the connection")
        server.process.send_signal(signal.SIGTERM)
        assert half.ended()
        server.end()


def test_the_end_with_silent_connections(start):
    with start(request_ms=800) as server:
        socks = [server.connect() for _ in range(20)] + [server.connect(server.status)]
        server.ask()
        server.process.send_signal(signal.SIGINT)
        server.end()
        for sock in socks:
            sock.close()
