"""What answers behind a release's Service: the program as the chart configures it, run on this
machine; or something that isn't the program at all."""

import base64
import contextlib
import http.server
import itertools
import json
import socket
import ssl
import threading

import yaml

from mount import Mount

_numbers = itertools.count(1)


def serve(release, services, port, certificate=None, **environ):
    """Run the program with the configuration that the release's ConfigMap has, which is changed in
    two things only: the addresses, and the folder where a Secret is mounted. In mode `self` it has
    what a pod has of the API server: its address, and the files of the service account."""
    folder = services.folder / f"{release.cluster_name}-{next(_numbers)}"
    folder.mkdir()
    config = yaml.safe_load(release.config())
    config["listen"] = {"webhook": f"127.0.0.1:{port}", "status": "127.0.0.1:0"}
    tls = None
    if config["tls"]["mode"] == "files":
        tls = Mount(folder / "tls", certificate.secret())
        for key in ("certFile", "keyFile"):
            config["tls"][key] = str(tls / config["tls"][key].rpartition("/")[2])
    else:
        environ = {**_service_account(release, folder / "account"), **environ}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    service = services.run(path, **environ)
    service.tls = tls
    return service


def _service_account(release, folder):
    token = release.kube.token_of(release.fullname, release.namespace)
    files = {
        "token": token,
        "ca.crt": release.kube.ca.read_text(),
        "namespace": release.namespace,
    }
    Mount(folder, files)
    return {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(release.kube.port),
        "PULLTHROUGH_SERVICE_ACCOUNT": str(folder),
    }


def answer_with(patch):
    """The answer that makes these changes."""

    def answer(review):
        response = {"uid": review["request"]["uid"], "allowed": True}
        if patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    return answer


@contextlib.contextmanager
def https_server(pair, port, answer):
    """Answers each POST with what answer(review) gives: an object, or bytes as they are."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = answer(json.loads(body))
            said = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.send_header("Connection", "close")  # or its thread would outlive the server
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass  # a client that leaves is none of ours

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with Server(("127.0.0.1", port), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def silent_server(port):
    """Accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def talking_server(port, words):
    """Says the same to whoever connects, before TLS even begins, and closes."""
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.1)

        def talk():
            while not enough.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection, contextlib.suppress(OSError):
                    connection.sendall(words)

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        enough.set()
        thread.join()
