"""HTTP/1.1 on a socket: requests as they came, byte for byte, and answers as badly as a test wants.

A signature can only be checked against what was really sent, so header lines are kept in their
order, with their repetitions. Chunked requests are read, trailers are dropped; obsolete line
folding, bare line feeds and two lengths are refused, as AWS's front ends do.
"""

import errno
import socket
import struct
import threading
import time
from dataclasses import dataclass, field

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 16 * 1024 * 1024
REASONS = {100: "Continue", 200: "OK", 307: "Temporary Redirect", 308: "Permanent Redirect",
           400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 409: "Conflict", 413: "Content Too Large",
           416: "Range Not Satisfiable", 429: "Too Many Requests",
           500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout"}


class Refused(Exception):
    """The bytes are not a request that this server reads."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Gone(Exception):
    """The other side went away."""


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: list          # (name, value) as sent, in order
    body: bytes
    secure: bool = False

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    def values(self, name):
        name = name.lower()
        return [value for key, value in self.headers if key.lower() == name]

    def header(self, name, default=None):
        found = self.values(name)
        return found[0] if found else default


@dataclass
class Delivery:
    """How an answer leaves: what a fault may do to it on the way."""
    wait: float = 0.0              # seconds before the first byte
    hang: float = None             # seconds of silence, then the connection is closed
    reset: bool = False            # TCP RST instead of an answer
    close: bool = False            # FIN instead of an answer
    keep: int = None               # bytes of the body that are sent before the connection is closed
    length: int = None             # Content-Length that is claimed
    drip: tuple = None             # (bytes, seconds between them)
    filler: int = 0                # blanks sent before the body


@dataclass
class Response:
    status: int = 200
    headers: list = field(default_factory=list)
    body: bytes = b""
    delivery: Delivery = field(default_factory=Delivery)

    def header(self, name, default=None):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return default


def parse_head(head):
    """The request line and the header lines of `head` (without the empty line)."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[0].isalpha():
        raise Refused(400, "the request line is malformed")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\r" in line:
            raise Refused(400, "a header line is malformed")
        headers.append((name, value.strip(" \t")))
    return parts[0], parts[1], parts[2], headers


class Connection:
    """One accepted socket: reads requests, hands them to `handle`, writes the answers."""

    def __init__(self, sock, handle, stopping, secure=False):
        self.sock = sock
        self.handle = handle
        self.stopping = stopping
        self.secure = secure
        self.buffer = bytearray()

    def serve(self):
        try:
            while not self.stopping.is_set():
                try:
                    request = self.read_request()
                except Refused as refusal:
                    self.write(Response(refusal.status, [("Connection", "close")],
                                        f"{refusal}\n".encode()), "GET")
                    self.drain()
                    return
                if request is None:
                    return
                response = self.handle(request)
                keep = (request.version == "HTTP/1.1"
                        and (request.header("Connection") or "").lower() != "close")
                if not keep:
                    response.headers.append(("Connection", "close"))
                if not self.deliver(response, request.method) or not keep:
                    return
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def fill(self):
        try:
            data = self.sock.recv(65536)
        except OSError as error:
            raise Gone(str(error)) from error
        if not data:
            raise Gone("closed")
        self.buffer += data

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def take_line(self, limit=1024):
        while True:
            end = self.buffer.find(b"\r\n")
            if end >= 0:
                return self.take(end + 2)[:-2]
            if len(self.buffer) > limit:
                raise Refused(400, "a line is too long")
            self.fill()

    def read_request(self):
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end > HEAD_LIMIT or (end < 0 and len(self.buffer) > HEAD_LIMIT):
                raise Refused(400, "the head is too long")
            if end >= 0:
                break
            try:
                self.fill()
            except Gone:
                if self.buffer:
                    raise
                return None
        head = self.take(end + 4)[:-4]
        method, target, version, headers = parse_head(head)
        request = Request(method, target, version, headers, b"", self.secure)
        request.body = self.read_body(request)
        return request

    def read_body(self, request):
        lengths = request.values("Content-Length")
        encoding = request.header("Transfer-Encoding")
        if encoding is None and not lengths:
            return b""
        if encoding is not None and (lengths or encoding.lower() != "chunked"):
            raise Refused(400, "the length of the body is not clear")
        if encoding is None and (len(lengths) != 1 or not lengths[0].isdigit()):
            raise Refused(400, "Content-Length is malformed")
        if encoding is None and int(lengths[0]) > BODY_LIMIT:
            raise Refused(413, "the body is too large")
        if (request.header("Expect") or "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if encoding is None:
            return self.take(int(lengths[0]))
        return self.read_chunks()

    def read_chunks(self):
        body = bytearray()
        while True:
            try:
                size = int(self.take_line().partition(b";")[0], 16)
            except ValueError:
                raise Refused(400, "a chunk size is malformed") from None
            if size < 0 or len(body) + size > BODY_LIMIT:
                raise Refused(413, "the body is too large")
            if size == 0:
                break
            body += self.take(size)
            if self.take(2) != b"\r\n":
                raise Refused(400, "a chunk is malformed")
        while self.take_line():
            pass
        return bytes(body)

    def drain(self):
        """Read on for a moment: closing with bytes unread would take the refusal back."""
        self.sock.shutdown(socket.SHUT_WR)
        self.sock.settimeout(0.5)
        while self.sock.recv(65536):
            pass

    def deliver(self, response, method):
        """Write `response` the way its delivery says; false when the connection must end."""
        how = response.delivery
        if how.hang is not None:
            self.idle(how.hang)
            return False
        if how.wait and not self.idle(how.wait):
            return False
        if how.reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if how.close:
            return False
        return self.write(response, method)

    def idle(self, seconds):
        """Wait, but no longer than the server lives or the other side stays: true at the end."""
        until = time.monotonic() + seconds
        while not self.stopping.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return True
            self.sock.settimeout(min(left, 0.2))
            try:
                if self.sock.recv(1, socket.MSG_PEEK) == b"":
                    return False
                time.sleep(min(left, 0.05))
            except (socket.timeout, BlockingIOError):
                pass
            except ValueError:          # a TLS socket can't peek
                time.sleep(min(left, 0.1))
            finally:
                self.sock.settimeout(None)
        return False

    def write(self, response, method):
        how = response.delivery
        body = b" " * how.filler + response.body
        length = len(body) if how.length is None else how.length
        reason = REASONS.get(response.status, "Status")
        lines = [f"HTTP/1.1 {response.status} {reason}"]
        lines += [f"{name}: {value}" for name, value in response.headers]
        if response.header("Content-Length") is None:
            lines.append(f"Content-Length: {length}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if method == "HEAD":
            self.sock.sendall(head)
            return True
        if how.keep is not None:
            self.sock.sendall(head + body[:how.keep])
            return False
        if how.drip is None:
            self.sock.sendall(head + body)
        else:
            self.sock.sendall(head)
            step, pause = how.drip
            for at in range(0, len(body), step):
                self.sock.sendall(body[at:at + step])
                if not self.idle(pause):
                    return False
        return how.length is None and response.header("Connection") != "close"


class Listener:
    """A listening socket and a thread for each connection."""

    def __init__(self, host, port, handle, tls=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.create_server((host, port), family=family, backlog=128)
        self.port = self.sock.getsockname()[1]
        self.handle = handle
        self.tls = tls
        self.stopping = threading.Event()
        self.open = set()
        self.lock = threading.Lock()

    def run(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self.sock.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    time.sleep(0.05)
                    continue
                return
            with self.lock:
                self.open.add(sock)
            threading.Thread(target=self.connection, args=(sock,), daemon=True).start()

    def connection(self, sock):
        accepted = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # One port for both: a TLS record of type handshake begins with 0x16, no method does.
            # Without a certificate such a client is sent away: container tools try TLS first.
            secure = sock.recv(1, socket.MSG_PEEK) == b"\x16"
            if secure and self.tls is None:
                sock.close()
                return
            if secure:
                sock = self.tls.wrap_socket(sock, server_side=True)
            Connection(sock, self.handle, self.stopping, secure).serve()
        except OSError:
            sock.close()
        finally:
            with self.lock:
                self.open.discard(accepted)

    def stop(self):
        self.stopping.set()
        with self.lock:
            sockets = [self.sock, *self.open]
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sock.close()
