"""The server under test as a process, and the client's end of a conversation with it, byte by
byte: what it sends is given, what it hears is taken apart and checked for what must never be."""

import json
import os
import pathlib
import signal
import socket
import ssl
import struct
import subprocess
import time

DEADLINE_S = 60  # for what should happen at once, on a machine that is busy
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENDS = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError, BrokenPipeError)


# Not a pod, but with a uid: it is admitted by whatever answers.
REVIEW = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1"}}'


def request(method=b"POST", path=b"/mutate?timeout=10s", body=REVIEW, headers=()):
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: pullthrough.pullthrough.svc:443"]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, *headers, b"", b""]) + (body or b"")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        return [value for key, value in self.headers if key == name]

    @property
    def closes(self):
        return self.header("connection") == ["close"]


class Conversation:
    """A connection. Use as a context; reads nothing ahead of what is asked for."""

    def __init__(self, sock):
        self.sock = sock
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)
        return self

    def _receive(self):
        """More bytes; b"" at the end of the connection, in good order or not."""
        try:
            return self.sock.recv(65536)
        except ENDS:
            return b""

    def answer(self):
        """The next answer, or None if the connection ends before one begins."""
        while b"\r\n\r\n" not in self._buffer:
            more = self._receive()
            if not more:
                assert self._buffer == b"", f"cut short: {self._buffer!r}"
                return None
            self._buffer += more
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers = [(k.lower(), v) for k, v in (line.split(": ", 1) for line in lines)]
        return self._finish(Answer(int(status), headers, b""))

    def _finish(self, answer):
        names = [name for name, _ in answer.headers]
        assert "server" not in names and "retry-after" not in names and "upgrade" not in names
        if answer.status == 100:
            return answer
        (length,) = answer.header("content-length")
        while len(self._buffer) < int(length):
            more = self._receive()
            assert more, "the body is cut short"
            self._buffer += more
        answer.body, self._buffer = self._buffer[: int(length)], self._buffer[int(length) :]
        if answer.status >= 400:
            assert answer.header("content-type") == ["text/plain; charset=utf-8"]
            assert len(answer.body) < 100
        return answer

    def ended(self):
        """Wait for the end; whether nothing came before it."""
        return self._buffer == b"" and self._receive() == b""

    def ask(self, data=None):
        """An answer that must be 200."""
        answer = self.send(request() if data is None else data).answer()
        assert answer is not None and answer.status == 200
        return answer

    def reset(self):
        """End it with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def serve_config(pair, flags):
    """What constant_server's flags are in the program's configuration. It has no deadlines."""
    config = {
        "registry": {"account": "111122223333", "region": "us-west-2"},
        "reconcile": {"mode": "off"},
        "rewrite": {"requireRule": False},
        "listen": {"webhook": "127.0.0.1:0", "status": "127.0.0.1:0"},
        "tls": {
            "mode": "files",
            "certFile": str(pair.cert),
            "keyFile": str(pair.key),
            "clientCAFile": str(flags.get("client_ca", "")),
        },
        "server": {
            "threads": flags["threads"],
            "maxConnections": flags.get("max_connections", 4096),
            "maxBody": flags.get("max_body", "8MiB"),
            "drain": f"{flags.get('drain_ms', 0)}ms",
        },
        "log": {"format": "json"},
        "fallback": {"watch": False, "probe": {"interval": "0s"}},
    }
    return json.dumps(config)  # which is YAML


class Server:
    """The process: constant_server, or `pullthrough serve`. Use as a context: it must end with 0
    and without a sanitizer's report."""

    def __init__(self, program, certs, folder, pair=None, limit=None, **flags):
        self.certs, self.log = certs, folder / "log"
        pair = pair or certs.leaf
        is_serve = pathlib.Path(program).name == "pullthrough"
        if is_serve:
            config = folder / "config.yaml"
            config.write_text(serve_config(pair, flags))
            words = [program, "serve", "--config", config]
        else:
            words = [program, "--cert", pair.cert, "--key", pair.key]
            for name, value in flags.items():
                words += [f"--{name.replace('_', '-')}", value]
        environment = dict(
            os.environ,
            LSAN_OPTIONS=f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
        )
        with open(self.log, "wb") as errors:
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                preexec_fn=limit,
            )
        self.webhook, self.status = self._logged_ports() if is_serve else self._printed_ports()

    def _printed_ports(self):
        line = self.process.stdout.readline()
        assert line, f"it didn't start: {self.log.read_text()}"
        ports = json.loads(line)
        return ports["webhook"], ports["status"]

    def _logged_ports(self):
        def listening():
            assert self.process.poll() is None, f"it didn't start: {self.log.read_text()}"
            lines = self.log.read_text().splitlines(keepends=True)
            found = [json.loads(line) for line in lines if '"listening"' in line and line[-1] == "\n"]
            return found

        wait_for(listening, "listening")
        (record,) = listening()
        return tuple(int(record[name].rpartition(":")[2]) for name in ("webhook", "status"))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if kind is None:
            self.end()
        else:
            self.process.wait(DEADLINE_S)

    def end(self):
        """Wait for the end that a signal has begun."""
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        said = self.log.read_text(errors="replace")
        assert "Sanitizer" not in said and "runtime error" not in said, said
        assert status == 0, f"exit {status}: {said}"

    def connect(self, port=None, receive_buffer=None):
        """A bare TCP connection, to the webhook port unless told otherwise."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(DEADLINE_S)
        sock.connect(("127.0.0.1", port or self.webhook))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def trusting(self, pair=None):
        """A client's settings, like the API server's; `pair` is what it shows of itself."""
        context = ssl.create_default_context(cafile=self.certs.ca)
        context.set_alpn_protocols(["http/1.1"])
        if pair:
            context.load_cert_chain(pair.cert, pair.key)
        return context

    def wrap(self, sock, context=None, **options):
        context = context or self.trusting()
        return context.wrap_socket(sock, server_hostname="pullthrough.pullthrough.svc", **options)

    def tls(self, context=None, **options):
        return Conversation(self.wrap(self.connect(**options), context))

    def plain(self, port=None):
        return Conversation(self.connect(port or self.status))

    def ask(self):
        with self.tls() as fresh:
            return fresh.ask()

    def metric(self, name):
        with self.plain() as status:
            text = status.ask(request(b"GET", b"/metrics", None)).body.decode()
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))

    def handshakes(self, outcome):
        return self.metric(f'pullthrough_tls_handshakes_total{{outcome="{outcome}"}}')

    def subject(self):
        """The CN of the certificate that a new connection is shown."""
        with self.tls() as fresh:
            return dict(part[0] for part in fresh.sock.getpeercert()["subject"])["commonName"]

    def cpu_seconds(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        words = stat.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, what):
    """What condition() gives once that is true."""
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < end, f"waited for: {what}"
        time.sleep(0.01)
    return value
