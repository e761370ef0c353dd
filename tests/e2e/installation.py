"""The release under test: our chart, our image, by Helm; and what the program says of itself."""

import base64
import json
import re

import kube
from helm import Release
from layout import NODE, AWS
from world import DEADLINE_S, is_leaving, is_running, until

NAMESPACE = NAME = "pullthrough"
IMAGE = {"repository": "pullthrough", "pullPolicy": "IfNotPresent"}
ROLE = "arn:aws:iam::111122223333:role/webhook"
TOKENS, REGISTRY_CA = "/var/run/secrets/aws", "/etc/registry-ca.crt"
REGISTRIES = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")


def own_values(where):
    """On our own node: a registry that is found by asking the AWS stand-in, with the credentials
    of the pod's service account. The same that IRSA's webhook would add. The registry answers
    probes by its name, with a certificate of the cluster's own CA."""
    url = f"http://{NODE}:{AWS}"
    files = {"hosts": ("/etc/hosts", where.pods_hosts), "ca": (REGISTRY_CA, where.ca)}
    return {
        "config": {
            "registry": {"region": "us-west-2"},
            "reconcile": {"interval": "10s"},
            "aws": {
                "endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"), url),
                "caFile": REGISTRY_CA,
            },
            "server": {"drain": "5s"},
        },
        "extraEnv": [
            {"name": "AWS_ROLE_ARN", "value": ROLE},
            {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": f"{TOKENS}/token"},
        ],
        "extraVolumes": [{"name": "aws", "projected": {"sources": [{"serviceAccountToken": {
            "audience": "sts.amazonaws.com", "path": "token", "expirationSeconds": 3600}}]}}, *(
                {"name": name, "hostPath": {"path": str(path), "type": "File"}}
                for name, (_, path) in files.items())],
        "extraVolumeMounts": [{"name": "aws", "mountPath": TOKENS, "readOnly": True}, *(
            {"name": name, "mountPath": place, "readOnly": True}
            for name, (place, _) in files.items())],
    }  # fmt: skip


def foreign_values():
    """Anywhere else: no AWS at all."""
    return {
        "config": {
            "registry": {"account": "111122223333", "region": "us-west-2"},
            "rewrite": {"requireRule": False},
            "reconcile": {"mode": "off"},
            "server": {"drain": "5s"},
        }
    }


class Installation:
    def __init__(self, world, helm, image, tls):
        self.world, self.tls = world, tls
        values = {**(own_values(world.where) if world.is_ours else foreign_values())}
        self.release = Release(helm, world.kube, NAME, NAMESPACE, {
            "image": image, "tls": tls.values(), **values,
        })  # fmt: skip
        self.service_name = f"{NAME}.{NAMESPACE}.svc"
        self.is_installed = self._has_namespace = False

    @property
    def replicas(self):
        return self.release.values.get("replicas", 2)

    @property
    def config(self):
        return json.loads(json.dumps(self.release.values["config"]))

    def ensure(self):
        """Installed, as a whole, and rewriting."""
        if not self.is_installed:
            self._make_room()
            self.tls.before(self)
            self._check_configurations(True)
            self.told = self.release.install("--wait", "--timeout", "90s")
            self._check_configurations(False)
            self.is_installed = True
            self.tls.after(self)
        self.settle()
        self.wait_taken()
        return self

    def _make_room(self):
        """On our own node, what a run that was interrupted left goes. Elsewhere it may be what
        somebody uses."""
        if self.world.is_ours:
            if self.configuration():
                self.release.uninstall()
            until(lambda: not self.all_pods(), "former pods are gone")
        elif not self._has_namespace:
            found = self.world.kube.find("Namespace", NAMESPACE)
            assert not found, f"this cluster has a namespace {NAMESPACE} already: not touching it"
        self._has_namespace = True

    def leave(self):
        """As if we had never been here."""
        if self.is_installed:
            self.uninstall()
        if self._has_namespace:
            self.world.kube.delete("Namespace", NAMESPACE)
            self._has_namespace = False

    def wait_taken(self, seconds=DEADLINE_S):
        """The API server calls, and every replica rewrites all four registries."""
        for pod in self.pods():
            name = pod["metadata"]["name"]
            what = f"{name} rewrites everything"
            until(lambda n=name: all(self.rewrites(n).values()), what, seconds)

    def _check_configurations(self, check):
        """The Job that does it takes some seconds each time: by itself an upgrade goes without."""
        self.release.values = {**self.release.values, "configCheck": {"enabled": check}}

    def upgrade(self, check=False, **values):
        """And wait until it has come to rest. `check`: as the chart has it."""
        self._check_configurations(check)
        self.release.upgrade(**values)
        self._check_configurations(False)
        self.settle()

    def secret_text(self, name, key):
        data = self.world.kube.get("Secret", name, self.release.namespace)["data"]
        return base64.b64decode(data[key]).decode()

    def uninstall(self):
        self.release.uninstall()
        self.is_installed = False

    def change_tls(self, tls):
        """Installed anew, with another source of certificates."""
        self.uninstall()
        self.tls.forget(self)
        self.tls = tls
        self.release.values["tls"] = tls.values()
        return self.ensure()

    def all_pods(self):
        return self.world.pods(NAMESPACE, **{"app.kubernetes.io/component": "webhook"})

    def pods(self):
        """Those that are here to stay, oldest first."""
        found = [pod for pod in self.all_pods() if not is_leaving(pod)]
        return sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"])

    def settle(self):
        """Every replica is of the last edition and ready, and no other one is left."""

        def at_rest():
            deployment = self.world.kube.get("Deployment", NAME, NAMESPACE)
            status, meta = deployment["status"], deployment["metadata"]
            wanted = deployment["spec"]["replicas"]
            pods = self.all_pods()
            return (
                status.get("observedGeneration") == meta["generation"]
                and wanted == len(pods)
                and [status.get(k, 0) for k in ("updatedReplicas", "availableReplicas")]
                == [wanted, wanted]
                and all(is_running(pod) and not is_leaving(pod) for pod in pods)
            )

        until(at_rest, "the release is at rest")

    # What the program says

    def _get(self, name, path):
        where = self.world.kube.path("Pod", NAMESPACE, f"{name}:8080", "proxy")
        status, _, body = self.world.kube.raw("GET", f"{where}{path}")
        if status != 200:
            raise kube.Refused(status, body.decode())
        return body.decode()

    def status(self, name):
        return json.loads(self._get(name, "/status"))

    def upstreams(self, name):
        return {each["registry"]: each for each in self.status(name)["ruleSet"]["upstreams"]}

    def rewrites(self, name):
        """{registry: whether it is rewritten}, as the pod says."""
        try:
            return {k: each["rewritten"] for k, each in self.upstreams(name).items()}
        except (kube.Refused, OSError):
            return {"unknown": False}

    def metrics(self, name):
        """{line without its value: value}"""
        lines = (line for line in self._get(name, "/metrics").splitlines() if line[0] != "#")
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def sum(self, pattern):
        """Over all replicas, of all series that match."""
        return sum(
            value
            for pod in self.pods()
            for key, value in self.metrics(pod["metadata"]["name"]).items()
            if re.fullmatch(pattern, key)
        )

    def logs(self, name, previous=False):
        """Lines, each an object."""
        query = {"previous": "true"} if previous else {}
        path = self.world.kube.path("Pod", NAMESPACE, name, "log", **query)
        status, _, body = self.world.kube.raw("GET", path)
        lines = body.decode(errors="replace").splitlines() if status == 200 else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    # The API server's side

    def configuration(self):
        return self.release.configuration()

    def change_webhook(self, *operations):
        """A JSON Patch below the place of each webhook in the configuration."""
        change = [
            {**each, "path": f"/webhooks/{i}{each['path']}"}
            for i in range(len(self.configuration()["webhooks"]))
            for each in operations
        ]
        self.world.kube.patch(
            "MutatingWebhookConfiguration", self.release.cluster_name, change, how=kube.JSON_PATCH
        )

    def scale(self, replicas):
        change = {"spec": {"replicas": replicas}}
        self.world.kube.patch("Deployment", NAME, change, NAMESPACE)
        self.settle()
