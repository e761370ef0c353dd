"""Webhooks that aren't ours: small TLS servers on the node, and how the API server is told."""

import base64
import contextlib
import http.server
import json
import ssl
import threading

from layout import NODE
from world import b64


@contextlib.contextmanager
def server(pair, answer, address=NODE):
    """Answers each POST with answer(review), an object or bytes; None ends the connection without
    a word. Gives the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            said = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if said is None:
                self.close_connection = True
                return
            said = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
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
    with Server((address, 0), Handler) as made:
        made.socket = context.wrap_socket(
            made.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.server_address[1]
        made.shutdown()
        thread.join()


def sidecar(image):
    """The answer of a webhook that adds a container to each pod, once."""

    def answer(review):
        pod = review["request"]["object"]
        response = {"uid": review["request"]["uid"], "allowed": True}
        if all(each["name"] != "injected" for each in pod["spec"]["containers"]):
            container = {"name": "injected", "image": image}
            patch = [{"op": "add", "path": "/spec/containers/-", "value": container}]
            encoded = base64.b64encode(json.dumps(patch).encode()).decode()
            response.update(patchType="JSONPatch", patch=encoded)
        return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}

    return answer


@contextlib.contextmanager
def registered(world, authority, name, namespace, answer):
    """A webhook for one namespace's pods. Names decide the order: a... is before ours, z... after."""
    pair = authority.certs.issue(f"injector-{name}", names=f"IP:{NODE}")
    with server(pair, answer) as port:
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                "resources": ["pods"]}  # fmt: skip
        url = {"url": f"https://{NODE}:{port}/", "caBundle": b64(authority.ca.read_bytes())}
        world.create({
            "kind": "MutatingWebhookConfiguration", "metadata": {"name": name},
            "webhooks": [{
                "name": f"{name}.example.com", "clientConfig": url, "rules": [rule],
                "namespaceSelector": selector, "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            }],
        })  # fmt: skip
        try:
            yield
        finally:
            world.kube.delete("MutatingWebhookConfiguration", name)
