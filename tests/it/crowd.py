"""Clients by the thousand, each in a thread or in none: what they send, and what they heard."""

import collections
import contextlib
import json
import resource
import socket
import ssl
import threading
import time

from http_peer import DEADLINE_S
from service import review

MIB = 1024 * 1024
SENT_AT_ONCE = 256 * 1024


def may_open(count):
    """Raise this process's limit of descriptors to so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
    assert min(count, hard) == count, f"this takes {count} descriptors, and {hard} are allowed"


def head(length):
    return (
        f"POST /mutate HTTP/1.1\r\nHost: crowd\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def large(size, shape):
    """A review of a pod of `size` bytes, but for a few."""
    document = json.loads(review("nginx:1.27"))
    pod = document["request"]["object"]
    left = size - len(json.dumps(document)) - 64
    if shape == "one string":
        pod["metadata"]["annotations"] = {"a": "x" * left}
    elif shape == "containers":
        each = {"name": "c", "image": "nginx"}
        pod["spec"]["containers"] = [each] * (left // (len(json.dumps(each)) + 2))
    elif shape == "nothing but zeros":
        pod["spec"]["zeros"] = [0] * (left // 3)
    else:
        assert shape == "deep", shape
        return json.dumps(document).encode()[:-3] + b',"deep":' + b"[" * left + b"}}}"
    return json.dumps(document).encode()


def first_line(sock):
    """The status of the next answer; "closed", "reset" or "silent" without one."""
    data = b""
    try:
        while b"\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return "closed"
            data += more
    except TimeoutError:
        return "silent"
    except OSError:
        return "reset"
    return data.split(b" ", 2)[1].decode()


def shake_half(sock):
    """Begin a handshake, and never end it."""
    outgoing = ssl.MemoryBIO()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="localhost"
    )
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    sock.sendall(outgoing.read())


class Crowd:
    """Of TLS connections to one port. Use as a context: at the end all are closed."""

    def __init__(self, service, context):
        self.service, self._context = service, context
        self.heard = collections.Counter()
        self._open, self._lock = [], threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for sock in self._open:
            sock.close()
        self._open.clear()

    def _connect(self, buffers=None):
        plain = socket.socket()
        plain.settimeout(DEADLINE_S)
        for each in (socket.SO_RCVBUF, socket.SO_SNDBUF) if buffers else ():
            plain.setsockopt(socket.SOL_SOCKET, each, buffers)
        plain.connect(("127.0.0.1", self.service.webhook_port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open.append(plain)
        made = self._context.wrap_socket(plain, server_hostname="localhost")
        with self._lock:
            self._open[self._open.index(plain)] = made
        return made

    def _hear(self, what):
        with self._lock:
            self.heard[what] += 1

    def _each(self, count, work):
        """In threads, all of them at once."""
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def idle(self, count, workers=8):
        """Connect, shake hands, say nothing."""

        def some():
            for _ in range(count // workers):
                try:
                    self._connect()
                    self._hear("connected")
                except (OSError, ssl.SSLError) as problem:
                    self._hear(f"not connected: {problem}")

        self._each(workers, some)

    def half_handshakes(self, count):
        """Everybody says hello, and nothing to the answer."""
        for _ in range(count):
            plain = socket.create_connection(("127.0.0.1", self.service.webhook_port), DEADLINE_S)
            self._open.append(plain)
            with contextlib.suppress(OSError):  # it had to go already
                shake_half(plain)

    def incomplete(self, count, size=8 * MIB, seconds=2):
        """All of a body but its last bytes; what is said to that within some seconds."""
        piece = b"x" * SENT_AT_ONCE

        def one():
            try:
                sock = self._connect()
                sock.sendall(head(size))
                for _ in range((size - 1) // SENT_AT_ONCE):
                    sock.sendall(piece)
                sock.settimeout(seconds)
                self._hear(first_line(sock))
            except OSError:
                self._hear("reset")

        self._each(count, one)

    def untaken(self, count, seconds=6, workers=4):
        """Reviews one after the other, whose answers are never read, until nothing can be sent."""
        body = review(*["n"] * 40)
        ahead = (head(len(body)) + body) * 4

        def send(sock):
            try:
                sock.send(ahead)
                return True
            except (ssl.SSLWantWriteError, BlockingIOError):
                self._hear("nothing can be sent")
                return True
            except OSError:
                self._hear("closed")
                return False

        def some():
            socks = []
            for _ in range(count // workers):
                with contextlib.suppress(OSError):
                    socks.append(self._connect(buffers=8192))
                    socks[-1].setblocking(False)
            end = time.monotonic() + seconds
            while socks and time.monotonic() < end:
                socks = [sock for sock in socks if send(sock)]

        self._each(workers, some)

    def reviews(self, count, body):
        """Whole ones, all at once."""

        def one():
            try:
                sock = self._connect()
                sock.sendall(head(len(body)) + body)
                self._hear(first_line(sock))
            except OSError:
                self._hear("reset")

        self._each(count, one)


class Pulse:
    """A normal review every 100 ms, and a probe, each in a thread. Use as a context."""

    def __init__(self, service):
        self.service = service
        self.answered, self.failed, self.slowest_s = collections.Counter(), [], 0
        self._enough = threading.Event()
        works = {
            "review on a kept connection": self._kept,
            "review on a new connection": self._new,
            "probe": self._probe,
        }
        self._names = list(works)
        self._threads = [threading.Thread(target=self._beat, args=each) for each in works.items()]
        self._body = review("nginx:1.27", "quay.io/prometheus/prometheus:v3.1.0")
        self._client = None

    def __enter__(self):
        self._client = self.service.webhook()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()
        self._client.close()

    def _beat(self, name, once):
        while not self._enough.wait(0.1):
            began = time.monotonic()
            try:
                once()
                self.answered[name] += 1
            except Exception as problem:  # whatever it is, it wasn't answered
                self.failed.append((name, repr(problem)))
                if name.endswith("kept connection"):
                    with contextlib.suppress(OSError):
                        self._client = self.service.webhook()
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    def _kept(self):
        assert self._client.mutate(self._body).images()

    def _new(self):
        assert self.service.mutate(self._body).images()

    def _probe(self):
        assert self.service.get("/healthz").status == 200

    def beats(self, count=3):
        """Wait for so many more of each."""
        wanted = {name: self.answered[name] + count for name in self._names}
        end = time.monotonic() + DEADLINE_S
        while any(self.answered[name] < least for name, least in wanted.items()):
            assert time.monotonic() < end, f"{self.answered}, wanted {wanted}: {self.failed[-3:]}"
            time.sleep(0.01)
