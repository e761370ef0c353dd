"""A client of the Kubernetes API, and nothing that hides what it says."""

import collections
import http.client
import json
import ssl
import threading
from urllib.parse import quote, urlencode

import yaml

from http_peer import wait_for

Kind = collections.namedtuple("Kind", "prefix plural namespaced", defaults=(True,))
KINDS = {
    "Certificate": Kind("/apis/cert-manager.io/v1", "certificates"),
    "ClusterRole": Kind("/apis/rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": Kind("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ConfigMap": Kind("/api/v1", "configmaps"),
    "CustomResourceDefinition": Kind(
        "/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False
    ),
    "Deployment": Kind("/apis/apps/v1", "deployments"),
    "Event": Kind("/api/v1", "events"),
    "Issuer": Kind("/apis/cert-manager.io/v1", "issuers"),
    "Job": Kind("/apis/batch/v1", "jobs"),
    "MutatingWebhookConfiguration": Kind(
        "/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", False
    ),
    "Namespace": Kind("/api/v1", "namespaces", False),
    "NetworkPolicy": Kind("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Pod": Kind("/api/v1", "pods"),
    "PodDisruptionBudget": Kind("/apis/policy/v1", "poddisruptionbudgets"),
    "Role": Kind("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": Kind("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": Kind("/api/v1", "secrets"),
    "Service": Kind("/api/v1", "services"),
    "ServiceAccount": Kind("/api/v1", "serviceaccounts"),
    "ValidatingAdmissionPolicy": Kind(
        "/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicies", False
    ),
    "ValidatingAdmissionPolicyBinding": Kind(
        "/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicybindings", False
    ),
}
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


class Refused(Exception):
    """The API server said no."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body

    @property
    def message(self):
        return json.loads(self.body)["message"]


class Kube:
    """One user's view. Each thread has a connection of its own, which is kept."""

    def __init__(self, port, ca, token, host="127.0.0.1"):
        self.port, self.ca, self.token, self.host = port, ca, token, host
        self._context = ssl.create_default_context(cafile=ca)
        self._local = threading.local()

    def as_user(self, token):
        return Kube(self.port, self.ca, token, self.host)

    def raw(self, method, path, body=None, content_type="application/json"):
        """(status, headers, bytes)."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        try:
            return self._exchange(method, path, data, headers)
        except (http.client.RemoteDisconnected, ssl.SSLEOFError):  # idle for so long that it closed it
            return self._exchange(method, path, data, headers)

    def _exchange(self, *request):
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=60, context=self._context
            )
        connection = self._local.connection
        try:
            connection.request(*request)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def ask(self, method, path, body=None, content_type="application/json"):
        status, _, answer = self.raw(method, path, body, content_type)
        if status >= 300:
            raise Refused(status, answer.decode())
        return json.loads(answer)

    def path(self, kind, namespace=None, name=None, sub=None, **query):
        known = KINDS[kind]
        path = known.prefix
        if known.namespaced and namespace is not None:
            path += f"/namespaces/{quote(namespace)}"
        path += f"/{known.plural}"
        for part in (name, sub):
            path += f"/{quote(part)}" if part else ""
        return f"{path}?{urlencode(query)}" if query else path

    def get(self, kind, name, namespace=None):
        return self.ask("GET", self.path(kind, namespace, name))

    def find(self, kind, name, namespace=None):
        """The object, or None."""
        try:
            return self.get(kind, name, namespace)
        except Refused as refused:
            if refused.status != 404:
                raise
            return None

    def serves(self, kind):
        """Whether the API server has such objects, by its own list."""
        listed = self.ask("GET", KINDS[kind].prefix)["resources"]
        return KINDS[kind].plural in {each["name"] for each in listed}

    def list(self, kind, namespace=None, **query):
        return self.ask("GET", self.path(kind, namespace, **query))["items"]

    def create(self, obj, **query):
        namespace = obj["metadata"].get("namespace")
        return self.ask("POST", self.path(obj["kind"], namespace, **query), obj)

    def patch(self, kind, name, change, namespace=None, how=MERGE, sub=None, **query):
        return self.ask("PATCH", self.path(kind, namespace, name, sub, **query), change, how)

    def apply(self, obj, manager, **query):
        meta = obj["metadata"]
        path = self.path(
            obj["kind"], meta.get("namespace"), meta["name"], fieldManager=manager, **query
        )
        return self.ask("PATCH", path, obj, APPLY)

    def delete(self, kind, name, namespace=None):
        now = {"gracePeriodSeconds": 0}
        return self.ask("DELETE", self.path(kind, namespace, name), now)

    def token_of(self, account, namespace):
        """A token of a ServiceAccount, as kubelet asks for one."""
        path = self.path("ServiceAccount", namespace, account, "token")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return self.ask("POST", path, request)["status"]["token"]

    def namespace(self, name, **labels):
        obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        obj["metadata"]["labels"] = labels
        self.create(obj)
        return name

    def install_crds(self, paths):
        """And wait until the API server serves them."""
        for path in paths:
            for crd in filter(None, yaml.safe_load_all(path.read_text())):
                name = crd["metadata"]["name"]
                if not self.find("CustomResourceDefinition", name):
                    self.create(crd)
                wait_for(lambda n=name: self._is_established(n), f"{name} is served")

    def _is_established(self, name):
        status = self.get("CustomResourceDefinition", name).get("status", {})
        is_true = {c["type"] for c in status.get("conditions") or [] if c["status"] == "True"}
        return "Established" in is_true


def pod(name, *images, namespace, labels=None, **spec):
    """A pod with a container for each image."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {
            "containers": [{"name": f"c{i}", "image": image} for i, image in enumerate(images)],
            **spec,
        },
    }


def images(obj, part="containers"):
    return [container["image"] for container in obj["spec"].get(part, [])]
