"""The two objects of an API server that tls.mode self is about, and pods and Events (kube_pods), over
TLS, and its ways to fail.

What it keeps of the real one: a version of everything that counts up; a patch that carries an older
version is refused (409, or 422 where a JSON patch's `test` failed); a Secret's values are base64;
tokens are checked; every refusal is a Status object; answers carry a Date, which may be set.
"""

import base64
import contextlib
import email.utils
import http.server
import json
import re
import socket
import ssl
import threading
import time

import jsonpatch

from kube_pods import EVENTS, POD, Pods, Refusal

NAMESPACE, SECRET, CONFIGURATION = "images", "pullthrough-tls", "pullthrough"
HOST = f"pullthrough.{NAMESPACE}.svc"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods/"
WEBHOOKS = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/" + CONFIGURATION
)
REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}


def encode(text):
    return base64.b64encode(text.encode()).decode()


def decode(value):
    return base64.b64decode(value or "", validate=True).decode()


class Lost(Exception):
    """It was carried out, and the answer doesn't arrive."""


class KubeFake:
    """Use `with`: its ports and threads end there. All attributes may be changed while it runs."""

    def __init__(self, certs, folder, address="127.0.0.1", pair=None):
        self.folder, self.address = folder, address
        folder.mkdir()
        (folder / "ca.crt").write_text(certs.ca.read_text())
        (folder / "namespace").write_text(NAMESPACE)
        self.rotate_token("first")
        self.lock = threading.RLock()
        self.version = 100
        self.secret = self.configuration = None
        self.cluster = Pods(self.lock)  # pods that are written to, and Events
        self.pods = {}  # name: what each GET gives; of a list, the first until it is the last
        self.put_secret({})  # as the chart makes it
        self.put_configuration()
        self.denied = set()  # of "get secrets", "create secrets", "patch webhooks", ...
        self.lost = set()  # whose answers don't arrive: "patch pods", ...
        self.way = None  # how it fails: a status, "hang", "nonsense", "close"
        self.ahead_s = 0  # its clock
        self.requests = []  # "get secrets", ...; "hang"
        self.conflicts = 0
        self.before_write = None  # called before a write is carried out
        self._released = threading.Event()
        self._server = None
        self._sockets = []
        self._port = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*(pair or certs.leaf))

    def __enter__(self):
        self.come_back()
        return self

    def __exit__(self, *_):
        self.go_away()

    # What a test does

    def environ(self):
        return {
            "KUBERNETES_SERVICE_HOST": self.address,
            "KUBERNETES_SERVICE_PORT": str(self._port),
            "PULLTHROUGH_SERVICE_ACCOUNT": str(self.folder),
        }

    def go_away(self):
        """Nobody listens any more."""
        self._released.set()
        self.cluster.cut()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()
        self._server = None

    def come_back(self):
        """On the port of before."""
        self._released.clear()
        fake = self

        class Handler(_Handler):
            kube = fake

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            daemon_threads = True
            block_on_close = False

            def get_request(self):
                sock, address = super().get_request()
                sock = fake._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
                fake._sockets.append(sock)
                return sock, address

            def handle_error(self, request, client_address):
                pass  # the program under test has its own opinion of a broken connection

        self._server = Server((self.address, self._port), Handler)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def rotate_token(self, token):
        (self.folder / "token.new").write_text(token)
        (self.folder / "token.new").rename(self.folder / "token")
        self.token = token

    def release(self):
        """End what hangs."""
        self._released.set()
        self._released = threading.Event()

    def put_secret(self, texts):
        with self.lock:
            self.version += 1
            self.secret = {
                "kind": "Secret",
                "apiVersion": "v1",
                "metadata": {
                    "name": SECRET,
                    "namespace": NAMESPACE,
                    "resourceVersion": str(self.version),
                    "labels": {"app.kubernetes.io/managed-by": "Helm"},
                },
                "type": "Opaque",
            }
            if texts:
                self.secret["data"] = {key: encode(text) for key, text in texts.items()}

    def delete_secret(self):
        with self.lock:
            self.secret = None

    def secret_texts(self):
        with self.lock:
            return {k: decode(v) for k, v in (self.secret or {}).get("data", {}).items()}

    def put_configuration(self, bundle=None, new=None):
        """Two webhooks that have this bundle; but not the one that is called so."""
        names = ("pods.pullthrough.internal", "two.example")
        with self.lock:
            self.version += 1
            client = {"service": {"name": "pullthrough", "namespace": NAMESPACE, "path": "/mutate"}}
            self.configuration = {
                "kind": "MutatingWebhookConfiguration",
                "apiVersion": "admissionregistration.k8s.io/v1",
                "metadata": {"name": CONFIGURATION, "resourceVersion": str(self.version)},
                "webhooks": [
                    {
                        "name": name,
                        "clientConfig": {
                            **client,
                            **({"caBundle": encode(bundle)} if bundle and name != new else {}),
                        },
                        "failurePolicy": "Ignore",
                    }
                    for name in names
                ],
            }

    def bundles(self):
        with self.lock:
            webhooks = (self.configuration or {}).get("webhooks", [])
            return [decode(hook["clientConfig"].get("caBundle")) for hook in webhooks]

    def count(self, what):
        with self.lock:
            return self.requests.count(what)

    # What it answers

    def answer(self, method, path, headers, body):
        is_apply = headers.get("Content-Type") == "application/apply-patch+yaml"
        patching = "create" if is_apply else "patch"
        verb = {"GET": "get", "PATCH": patching, "POST": "create", "WATCH": "watch"}[method]
        kind = "secrets" if path.startswith(SECRETS) else "webhooks"
        kind = "pods" if POD.fullmatch(path) else kind
        kind = "events" if EVENTS.fullmatch(path) or verb == "watch" else kind
        with self.lock:
            self.requests.append(f"{verb} {kind}")
            if headers["Authorization"] != f"Bearer {self.token}":
                raise Refusal(401, "Unauthorized")
            if f"{verb} {kind}" in self.denied:
                raise Refusal(403, f'{kind} is forbidden: User "system:serviceaccount:x" cannot {verb}')
            if verb not in ("get", "watch") and self.before_write:
                self.before_write(verb, kind)
            if verb == "watch":
                return 200, None
            name = path.removeprefix(PODS)
            if kind == "pods" and name != path and (NAMESPACE, name) not in self.cluster.pods:
                return self._pods(verb, name)
            if kind in ("pods", "events"):
                answer = self.cluster.answer(verb, path, headers["Content-Type"], body)
                if f"{verb} {kind}" in self.lost:
                    raise Lost
                return answer
            if kind == "webhooks":
                return self._webhooks(verb, path, headers, body)
            return self._secrets(verb, path, headers, body)

    def _pods(self, verb, name):
        if name not in self.pods:
            raise Refusal(404, f'pods "{name}" not found')
        assert verb == "get"
        states = self.pods[name]
        return 200, states.pop(0) if len(states) > 1 else states[0]

    def _webhooks(self, verb, path, headers, body):
        assert path == WEBHOOKS, path
        if not self.configuration:
            raise Refusal(404, f'"{CONFIGURATION}" not found')
        if verb == "get":
            return 200, self.configuration
        assert headers["Content-Type"] == "application/json-patch+json"
        for op in json.loads(body):
            assert (op["op"], op["path"]) == ("test", "/metadata/resourceVersion") or re.fullmatch(
                r"/webhooks/\d/clientConfig/caBundle", op["path"]
            ), op
        try:
            changed = jsonpatch.JsonPatch.from_string(body.decode()).apply(self.configuration)
        except jsonpatch.JsonPatchTestFailed as problem:
            self.conflicts += 1
            raise Refusal(422, "the server rejected our request") from problem
        self.version += 1
        changed["metadata"]["resourceVersion"] = str(self.version)
        for bundle in [hook["clientConfig"]["caBundle"] for hook in changed["webhooks"]]:
            assert "BEGIN CERTIFICATE" in decode(bundle)
        self.configuration = changed
        return 200, changed

    def _secrets(self, verb, path, headers, body):
        if verb == "create":
            assert re.fullmatch(
                rf"{SECRETS}/{SECRET}\?fieldManager=pullthrough-[0-9a-f]{{16}}", path
            ), path
            document = json.loads(body)
            assert document["metadata"]["name"] == SECRET and document["kind"] == "Secret"
            if self.secret:
                self.conflicts += 1
                raise Refusal(409, "Apply failed with 4 conflicts")
            self.put_secret({key: decode(value) for key, value in document["data"].items()})
            return 201, self.secret
        assert path == f"{SECRETS}/{SECRET}", path
        if not self.secret:
            raise Refusal(404, f'secrets "{SECRET}" not found')
        if verb == "get":
            return 200, self.secret
        assert headers["Content-Type"] == "application/merge-patch+json"
        patch = json.loads(body)
        assert set(patch) == {"metadata", "data"} and set(patch["metadata"]) == {"resourceVersion"}
        if patch["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            self.conflicts += 1
            raise Refusal(409, "the object has been modified; please apply your changes")
        self.put_secret(self.secret_texts() | {k: decode(v) for k, v in patch["data"].items()})
        return 200, self.secret


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kube = None

    def log_message(self, format, *args):  # noqa: A002
        pass

    def date_time_string(self, timestamp=None):
        return email.utils.formatdate((timestamp or time.time()) + self.kube.ahead_s, usegmt=True)

    def _say(self, status, document):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        way = self.kube.way
        if way == "close":
            self.close_connection = True
            return
        if way == "hang":
            released = self.kube._released
            with self.kube.lock:
                self.kube.requests.append("hang")
            released.wait(60)
            self.close_connection = True
            return
        if way == "nonsense":
            self._say(200, b"<html>welcome</html>")
            return
        if way == "huge":
            self._say(200, b'{"metadata":{"resourceVersion":"1"},"x":"' + b"x" * 4_000_000 + b'"}')
            return
        try:
            if isinstance(way, int):
                raise Refusal(way, "out of order")
            path, _, query = self.path.partition("?")
            if path == "/api/v1/events":
                self._watch(path, query)
                return
            status, document = self.kube.answer(self.command, self.path, self.headers, body)
        except Lost:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            self.close_connection = True
            return
        except Refusal as refusal:
            status = refusal.code
            document = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": refusal.message,
                "reason": REASONS.get(refusal.code, "InternalError"),
                "code": refusal.code,
            }
        self._say(status, document)

    def _watch(self, path, query):
        self.kube.answer("WATCH", path, self.headers, b"")  # or a refusal
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.kube.cluster.watch(query, self._write_chunk):
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def _write_chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    do_GET = do_PATCH = do_POST = _handle
