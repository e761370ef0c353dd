"""Helm, and releases of the chart."""

import json
import os
import pathlib
import subprocess
import tempfile
import threading

import tools
import yaml
from kube import JSON_PATCH

from http_peer import ROOT
from mount import Mount

CHART = ROOT / "charts" / "pullthrough"
IMAGE = "registry.example/pullthrough"


class Failed(Exception):
    """Helm said no; str() is what it said."""


class Helm:
    """`version` is 3 or 4."""

    def __init__(self, version, kubeconfig, folder):
        self.version = version
        self._program = tools.path(f"helm{version}")
        self._environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("HELM_")},
            "KUBECONFIG": str(kubeconfig),
            **{f"HELM_{k}_HOME": str(folder / k.lower()) for k in ("CACHE", "CONFIG", "DATA")},
        }

    def run(self, *words, timeout=120):
        done = subprocess.run(
            [self._program, *map(str, words)],
            capture_output=True,
            text=True,
            env=self._environ,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise Failed(done.stderr + done.stdout)
        return done.stdout

    def template(self, name, namespace, values, *words):
        """The objects that would be installed, without hooks."""
        out = self.run(
            "template", name, CHART, "--namespace", namespace, "--no-hooks",
            *settings(values), *words,
        )  # fmt: skip
        return [document for document in yaml.safe_load_all(out) if document]


def settings(values):
    """As --set-json, so that no file and no quoting comes between."""
    return [word for k, v in values.items() for word in ("--set-json", f"{k}={json.dumps(v)}")]


class Release:
    """A release of the chart. Its values are what was set last."""

    chart = CHART

    def __init__(self, helm, kube, name, namespace, values):
        self.helm, self.kube, self.name, self.namespace = helm, kube, name, namespace
        self.fullname = name if "pullthrough" in name else f"{name}-pullthrough"
        self.cluster_name = f"{self.fullname}.{namespace}"
        self.values = {"image": {"repository": IMAGE}, "configCheck": {"enabled": False}, **values}

    def install(self, *words):
        return self._do("install", *words, "--create-namespace")

    def upgrade(self, *words, **values):
        changed = {**self.values, **values}
        told = self._do("upgrade", *words, values=changed)
        self.values = changed
        return told

    def _do(self, verb, *words, values=None):
        values = self.values if values is None else values
        return self.helm.run(
            verb, self.name, self.chart, "--namespace", self.namespace, *settings(values), *words
        )

    def rollback(self, revision=0):
        return self.helm.run("rollback", self.name, revision, "--namespace", self.namespace)

    def uninstall(self):
        return self.helm.run("uninstall", self.name, "--namespace", self.namespace)

    def configuration(self):
        """The MutatingWebhookConfiguration as it is, or None."""
        return self.kube.find("MutatingWebhookConfiguration", self.cluster_name)

    def bundles(self):
        """The caBundle of each webhook, in base64 or ""."""
        webhooks = self.configuration()["webhooks"]
        return [each["clientConfig"].get("caBundle", "") for each in webhooks]

    def set_bundles(self, text, kube=None):
        """All of them, in base64; as another user, with his `kube`."""
        change = [
            {"op": "add", "path": f"/webhooks/{i}/clientConfig/caBundle", "value": text}
            for i in range(len(self.bundles()))
        ]
        (kube or self.kube).patch(
            "MutatingWebhookConfiguration", self.cluster_name, change, how=JSON_PATCH
        )

    def config(self):
        """The program's configuration, as it is in the ConfigMap."""
        config_map = self.kube.get("ConfigMap", self.fullname, self.namespace)
        return config_map["data"]["config.yaml"]

    def call_local(self):
        """Let the API server find the Service on this machine."""
        change = {"spec": {"type": "ExternalName", "externalName": "localhost"}}
        self.kube.patch("Service", self.fullname, change, self.namespace)


def service_account(kube, name, namespace, folder):
    """What a pod of this ServiceAccount has of the API server, in variables and in a new folder."""
    token = kube.token_of(name, namespace)
    Mount(folder, {"token": token, "ca.crt": kube.ca.read_text(), "namespace": namespace})
    return {
        "KUBERNETES_SERVICE_HOST": kube.host,
        "KUBERNETES_SERVICE_PORT": str(kube.port),
        "PULLTHROUGH_SERVICE_ACCOUNT": str(folder),
    }


class JobController:
    """Runs the chart's Jobs, as a node would, on this machine: the check of the configuration, and
    those that make certificates, with a token of their service account. It tells the API server how
    they ended."""

    def __init__(self, kube, program, namespace):
        self._kube, self._program, self._namespace = kube, program, namespace
        self._enough = threading.Event()
        self.said, self.done, self.rights = [], [], []
        self.before = lambda account: None  # called before a Job that has a service account
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join()

    def _work(self):
        while not self._enough.wait(0.05):
            for job in self._kube.list("Job", self._namespace):
                if not job["status"].get("conditions"):
                    self._run(job)

    def _run(self, job):
        self.done.append(job["metadata"]["name"])
        spec = job["spec"]["template"]["spec"]
        if spec["automountServiceAccountToken"]:
            self._run_with_token(job, spec)
        else:
            self._run_check(job, spec)

    def _run_with_token(self, job, spec):
        account = spec["serviceAccountName"]
        self.before(account)
        with tempfile.TemporaryDirectory() as folder:
            environ = service_account(
                self._kube, account, self._namespace, pathlib.Path(folder) / "account"
            )
            done = subprocess.run(
                [self._program, *spec["containers"][0]["args"]],
                env={**os.environ, **environ},
                capture_output=True,
                text=True,
                check=False,
            )
        self.said.append(done.stdout + done.stderr)
        self._tell(job, done.returncode == 0)

    def _run_check(self, job, spec):
        (container,), (volume,), (mount,) = (
            spec["containers"], spec["volumes"], spec["containers"][0]["volumeMounts"],
        )  # fmt: skip
        config_map = self._kube.get("ConfigMap", volume["configMap"]["name"], self._namespace)
        command, path = container["args"]
        file = path.removeprefix(mount["mountPath"] + "/")
        done = subprocess.run(
            [self._program, command, "/dev/stdin"],
            input=config_map["data"][file],
            capture_output=True,
            text=True,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        self._tell(job, done.returncode == 0)

    def _tell(self, job, is_done):
        now = job["metadata"]["creationTimestamp"]
        kinds = ("SuccessCriteriaMet", "Complete") if is_done else ("FailureTarget", "Failed")
        condition = {"status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        status = {
            "startTime": now,
            "conditions": [{"type": kind, "reason": "Test", **condition} for kind in kinds],
            "succeeded" if is_done else "failed": 1,
            "uncountedTerminatedPods": {},
        }
        if is_done:
            status["completionTime"] = now
        self._kube.patch(
            "Job", job["metadata"]["name"], {"status": status}, self._namespace, sub="status"
        )
