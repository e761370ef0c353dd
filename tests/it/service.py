"""`pullthrough serve` as a running process, and clients of its two ports."""

import base64
import contextlib
import copy
import fcntl
import http.client
import itertools
import json
import os
import re
import resource
import select
import signal
import socket
import ssl
import subprocess
import termios
import threading
import time

import jsonpatch
import pytest
import yaml

from exposition import Exposition
from http_peer import DEADLINE_S, ROOT, wait_for
from mount import Mount

ACCOUNT, REGION = "111122223333", "us-west-2"
HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
ORIGINALS = "pullthrough.internal/original-images"
SAMPLES = ROOT / "tests" / "fixtures" / "review" / "samples"

BURST = 10  # LOG_LIMIT_BURST: lines of a kind in a window
WINDOW_S = 10

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def environment(**more):
    """Nothing of AWS and of a cluster but `more`; sanitizers say what they find, and find what isn't libh2o's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KUBERNETES_"))}
    suppressions = f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0"
    return {
        **kept,
        "LSAN_OPTIONS": suppressions,
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        **more,
    }


def settings(certificates, /, **changes):
    """A configuration: free ports, the certificate of a folder, and changes of sections."""
    config = {
        "registry": {"account": ACCOUNT, "region": REGION},
        "reconcile": {"mode": "off"},
        "rewrite": {"requireRule": False},
        "listen": {"webhook": "127.0.0.1:0", "status": "127.0.0.1:0"},
        "tls": {
            "mode": "files",
            "certFile": str(certificates / "tls.crt"),
            "keyFile": str(certificates / "tls.key"),
        },
        "server": {"threads": 2, "drain": "0s"},
        "status": {"details": True},
        "fallback": {"watch": False, "probe": {"interval": "0s"}},
    }
    for section, value in changes.items():
        if isinstance(value, dict):
            config[section] = {**config.get(section, {}), **value}
        else:
            config[section] = value
    return yaml.safe_dump(config, sort_keys=False)


def utc_now():
    """In RFC 3339, which sorts as time does."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def window():
    """The log's, which begins where the kernel's monotonic clock is a multiple of it."""
    return int(time.monotonic() // WINDOW_S)


def replace(path, text):
    """Write a file as editors do: another one takes its name."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    os.replace(new, path)


def _object(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(pairs)


def decode(text):
    """JSON in UTF-8, no key twice."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    return json.loads(text, object_pairs_hook=_object)


def sample(name):
    """Bytes of a review as an API server sent it."""
    return (SAMPLES / f"admissionreview-{name}.json").read_bytes()


def review(*images, name="web", namespace="demo", labels=None, uid="0398c0e7-ecc5"):
    """A pod's CREATE with a container for each image."""
    containers = [{"name": f"c{i}", "image": image} for i, image in enumerate(images)]
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return json.dumps(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid,
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "name": name,
                "namespace": namespace,
                "operation": "CREATE",
                "object": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": metadata,
                    "spec": {"containers": containers},
                },
                "oldObject": None,
                "dryRun": False,
            },
        }
    ).encode()


class Response:
    def __init__(self, method, connection):
        message = http.client.HTTPResponse(connection, method=method)
        message.begin()
        assert message.version == 11
        self.status, self.headers = message.status, message.headers
        self.body = message.read()

    def json(self):
        assert self.headers["Content-Type"] == "application/json"
        return decode(self.body)

    def text(self):
        assert self.headers["Content-Type"] == "text/plain; charset=utf-8"
        return self.body.decode("utf-8")


class Client:
    """One connection, kept alive; what comes after its end is an error, never a new connection."""

    def __init__(self, port, context=None, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), DEADLINE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as Go's clients do
        if context:
            try:
                self.socket = context.wrap_socket(
                    self.socket, server_hostname="127.0.0.1", suppress_ragged_eofs=False
                )
            except BaseException:
                self.socket.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def ask(self, method, path, body=None):
        head = f"{method} {path} HTTP/1.1\r\nHost: pullthrough\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + (body or b""))
        return Response(method, self.socket)

    def begin(self, body, sent):
        """Send a review but for what lies behind its first `sent` bytes."""
        head = f"POST /mutate HTTP/1.1\r\nHost: pullthrough\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(head.encode() + b"\r\n" + body[:sent])

    def finish(self, rest):
        self.socket.sendall(rest)
        return Response("POST", self.socket)

    def mutate(self, body, path="/mutate"):
        """The answer to a review that must be answered."""
        response = self.ask("POST", path, body)
        assert response.status == 200, f"{response.status} {response.body!r}"
        return Answer(response)

    def is_ended(self):
        """Wait for the other side to close, which must be in good order: no reset, and with TLS
        a close_notify."""
        return self.socket.recv(1) == b""


class Answer:
    """An AdmissionReview with `allowed: true`; everything else is an AssertionError."""

    def __init__(self, response):
        self.headers = response.headers
        self.document = response.json()
        assert set(self.document) == {"apiVersion", "kind", "response"}
        assert self.document["kind"] == "AdmissionReview"
        self.api_version = self.document["apiVersion"]
        inner = self.document["response"]
        assert inner["allowed"] is True
        self.uid = inner["uid"]
        self.patch = []
        if "patch" in inner:
            assert inner["patchType"] == "JSONPatch"
            self.patch = decode(base64.b64decode(inner["patch"], validate=True))

    def images(self):
        """{JSON pointer: new image} of the patch."""
        return {op["path"]: op["value"] for op in self.patch if op["path"].startswith("/spec/")}

    def apply(self, document):
        return jsonpatch.JsonPatch(self.patch).apply(copy.deepcopy(document))


def without_rights(program, folder):
    """The program as somebody whom the modes of files concern, who root isn't."""
    if os.geteuid() != 0:
        return program
    wrapper = folder / "without-rights"
    wrapper.write_text(
        "#!/bin/sh\n"
        f'exec setpriv --bounding-set=-dac_override,-dac_read_search {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper


def descriptors(pid):
    """The folder of a process' descriptors, which is root's where it hides its memory."""
    folder = f"/proc/{pid}/fd"
    if not os.access(folder, os.R_OK):
        pytest.skip("needs root")
    return folder


def run(program, *arguments, stdin=b"", **variables):
    """A process that ends by itself; a sanitizer report is an AssertionError."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment(**variables),
        timeout=DEADLINE_S,
        check=False,
    )
    assert b"Sanitizer" not in done.stderr and b"runtime error" not in done.stderr, done.stderr
    return done


class Service:
    """The process. Its standard error must be log lines, each an object
    of JSON, and nothing else, so that a sanitizer report fails the test too."""

    def __init__(self, program, config, context, stdin=None, **variables):
        self.config = config
        self._context = context
        self._enough = os.eventfd(0)
        self._lock = threading.Lock()  # reading, and putting it into the two below
        self._lines = []
        self._noise = []
        self.process = subprocess.Popen(
            [program, "serve", "--config", str(config)],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**variables),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        self.webhook_port = self.status_port = None
        self.host = "127.0.0.1"  # where clients look for it

    def _read(self):
        pipe, rest = self.process.stderr.fileno(), b""
        while True:
            ready, _, _ = select.select([pipe, self._enough], [], [])
            if self._enough in ready:
                return
            with self._lock:
                data = os.read(pipe, 65536)
                if not data:
                    self._noise += [rest.decode("utf-8", "replace")] if rest else []
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._take(line)

    def _take(self, line):
        try:
            record = decode(line)
            assert _TIME.fullmatch(record["time"]) and isinstance(record["message"], str)
            assert record["level"] in ("debug", "info", "warn", "error")
            self._lines.append(record)
        except (ValueError, AssertionError, KeyError, TypeError):
            self._noise.append(line.decode("utf-8", "replace"))

    def _is_read(self):
        """Whether everything that has been written is in _lines."""
        if self.process.stderr.closed:
            return True
        with self._lock:
            size = fcntl.ioctl(self.process.stderr, termios.FIONREAD, b"\0" * 4)
        return size == b"\0" * 4

    def wait_listening(self):
        def said():
            return self.log("listening") or self.process.poll() is not None

        wait_for(said, "listening")
        assert self.log("listening"), f"exit {self.process.poll()}: {self._noise}"
        addresses = [self.log("listening")[0][port] for port in ("webhook", "status")]
        assert all(re.fullmatch(r".*:[1-9][0-9]*", address) for address in addresses)
        self.webhook_port, self.status_port = (int(a.rpartition(":")[2]) for a in addresses)
        return self

    # The log

    def mark(self):
        """A place in the log: log(..., since=mark) tells what came after it."""
        return len(self.log())

    def log(self, message=None, since=0):
        """What was written until now. (A review's line is written before its answer.)"""
        wait_for(self._is_read, "the log is read")
        return [r for r in self._lines[since:] if message in (None, r["message"])]

    @contextlib.contextmanager
    def log_stands_still(self):
        """Nobody reads the log meanwhile."""
        with self._lock:
            yield

    def close_log(self):
        """Nobody reads the log from now on: writing it is an error."""
        os.eventfd_write(self._enough, 1)
        self._reader.join()
        self.process.stderr.close()

    def wait_log(self, message, since=0, count=1):
        """The first records with this message, once there are so many."""
        found = wait_for(
            lambda: len(self.log(message, since)) >= count and self.log(message, since),
            f"{count} of {message!r} in the log",
        )
        return found[0] if count == 1 else found[:count]

    # The ports

    def webhook(self, context=None):
        return Client(self.webhook_port, context or self._context, self.host)

    def mutate(self, body, path="/mutate"):
        with self.webhook() as client:
            return client.mutate(body, path)

    def leaf(self):
        """The certificate that a new connection gets, in DER; also where it isn't trusted."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.webhook(context) as client:
            return client.socket.getpeercert(binary_form=True)

    def get(self, path):
        with Client(self.status_port, host=self.host) as client:
            return client.ask("GET", path)

    def ready(self):
        response = self.get("/readyz")
        return response.status, response.text()

    def status(self):
        response = self.get("/status")
        assert response.status == 200
        return response.json()

    def metrics(self):
        response = self.get("/metrics")
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return Exposition(response.body.decode("utf-8"))

    def quiet(self):
        """The metrics once the connections of the past are gone."""
        wait_for(
            lambda: self.metrics().value("pullthrough_connections") == 0, "no connection is left"
        )
        return self.metrics()

    def reloads(self, what):
        """(taken, refused) of "config" or "certificate"."""
        metrics = self.metrics()
        name = f"pullthrough_{what}_reloads_total"
        return tuple(metrics.value(name, outcome=o) for o in ("taken", "refused"))

    def wait_reloads(self, what, taken, refused):
        wait_for(
            lambda: self.reloads(what) == (taken, refused),
            f"{what} reloads: {taken} taken, {refused} refused",
        )

    def _lowest_free_descriptor(self):
        used = {int(name) for name in os.listdir(descriptors(self.process.pid))}
        return next(number for number in itertools.count() if number not in used)

    @contextlib.contextmanager
    def without_descriptors(self):
        """It gets no new one meanwhile, for whatever it is; those that are open go on."""
        limit = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        lowest = min(self._lowest_free_descriptor() for _ in range(5))  # some come and go
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (lowest, limit[1]))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, limit)

    # The end

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Signal it, unless it is None, and see that it ends as it should."""
        is_heard = not self.process.stderr.closed
        if number is not None:
            self.send(number)
        self._wait()
        if is_heard:
            assert self.log()[-1]["message"] == "stopped"

    def _wait(self):
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f"{self.process.wait()}, killed after {DEADLINE_S} s"
        self._reader.join(DEADLINE_S)
        self.process.stderr.close()
        os.close(self._enough)
        with self.process.stdout as stdout:
            assert stdout.read() == b""
        assert not self._noise, "\n".join(self._noise)
        assert status == 0, f"exit {status}"

    def end_if_running(self):
        """For the end of a test: however long the drain would be."""
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None and time.monotonic() < end:
            self.send(signal.SIGTERM)
            time.sleep(0.02)
        if not self.process.stdout.closed:
            self._wait()


class Services:
    """Starts services, each with a folder of its own: config.yaml, and the mounted tls/."""

    def __init__(self, program, certs, folder):
        self.program, self.certs, self.folder = program, certs, folder
        self._started = []

    def start(self, environ=None, certificate=None, **changes):
        """With settings(**changes) in its configuration, environ in its environment, and the
        files of the leaf unless others are given."""
        folder = self.folder / f"service-{len(self._started)}"
        folder.mkdir()
        files = self.certs.leaf.secret() if certificate is None else certificate
        tls = Mount(folder / "tls", files)
        config = folder / "config.yaml"
        config.write_text(settings(tls, **changes))
        service = self.run(config, **(environ or {}))
        service.tls = tls
        return service

    def run(self, config, stdin=None, **environ):
        trusted = ssl.create_default_context(cafile=self.certs.ca)
        trusted.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Client.is_ended() wants to know
        self._started.append(Service(self.program, config, trusted, stdin, **environ))
        return self._started[-1].wait_listening()

    def forget(self, service):
        """One that was killed: how it ended says nothing."""
        self._started.remove(service)
        service._reader.join(DEADLINE_S)
        service.process.stdout.close()
        service.process.stderr.close()

    def end(self):
        """End what runs; one that ended badly is told once all have ended."""
        problems = []
        for service in self._started:
            try:
                service.end_if_running()
            except AssertionError as problem:
                problems.append(problem)
        assert not problems, problems
