"""A webhook that isn't ours: a small TLS server, the answers that it may give, and how the API
server is told."""

import base64
import contextlib
import http.server
import json
import ssl
import threading


def answer_with(patch):
    """The answer that makes these changes."""

    def answer(review):
        response = {"uid": review["request"]["uid"], "allowed": True}
        if patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(json.dumps(patch).encode()).decode()
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    return answer


def sidecar(image):
    """The answer of a webhook that adds a container to each pod, once."""

    def answer(review):
        containers = review["request"]["object"]["spec"]["containers"]
        container = {"name": "injected", "image": image}
        patch = [{"op": "add", "path": "/spec/containers/-", "value": container}]
        is_there = any(each["name"] == "injected" for each in containers)
        return answer_with([] if is_there else patch)(review)

    return answer


@contextlib.contextmanager
def https_server(pair, port, answer, address="127.0.0.1"):
    """Answers each POST with what answer(review) gives: an object, or bytes as they are; None ends
    the connection without a word. Gives the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = answer(json.loads(body))
            if said is None:
                self.close_connection = True
                return
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
    with Server((address, port), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def registered(
    kube, certs, name, namespace, answer, address="127.0.0.1", operation="CREATE"
):
    """The API server calls it for one namespace's pods. Names decide the order: a... is before
    ours, z... after."""
    pair = certs.issue(f"webhook-{name}", names=f"IP:{address}")
    with https_server(pair, 0, answer, address) as port:
        url = f"https://{address}:{port}/"
        kube.create(_configuration(name, url, certs.ca, namespace, operation))
        try:
            yield
        finally:
            kube.delete("MutatingWebhookConfiguration", name)


def _configuration(name, url, ca, namespace, operation):
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation],
            "resources": ["pods"]}  # fmt: skip
    bundle = base64.b64encode(ca.read_bytes()).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": f"{name}.example.com",
                "clientConfig": {"url": url, "caBundle": bundle},
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }
        ],
    }
