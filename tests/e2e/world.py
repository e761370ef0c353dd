"""The cluster under test: a client of its API, what its programs wrote, what runs on its node."""

import base64
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import secrets
import signal
import subprocess
import time
import urllib.parse

import kube
import tools
import yaml
from layout import AWS, ECR, IMAGES, Layout

ROOT = pathlib.Path(__file__).resolve().parents[2]
LABEL = "pullthrough.internal/rewrite"
ORIGINALS = "pullthrough.internal/original-images"
HEALED = "pullthrough.internal/healed-images"
PATCH = "patch.webhook.admission.k8s.io/"
FAILED_OPEN = "failed-open.mutation.webhook.admission.k8s.io/"
DEADLINE_S = 90  # for what takes seconds, on a machine that is busy
# The busybox image's own program, in every test image.
BUSYBOX = "/bin/busybox"

kube.KINDS.update(
    {
        "CronJob": kube.Kind("/apis/batch/v1", "cronjobs"),
        "DaemonSet": kube.Kind("/apis/apps/v1", "daemonsets"),
        "EndpointSlice": kube.Kind("/apis/discovery.k8s.io/v1", "endpointslices"),
        "Event": kube.Kind("/api/v1", "events"),
        "MutatingAdmissionPolicy": kube.Kind(
            "/apis/admissionregistration.k8s.io/v1", "mutatingadmissionpolicies", False
        ),
        "MutatingAdmissionPolicyBinding": kube.Kind(
            "/apis/admissionregistration.k8s.io/v1", "mutatingadmissionpolicybindings", False
        ),
        "ReplicaSet": kube.Kind("/apis/apps/v1", "replicasets"),
        "StatefulSet": kube.Kind("/apis/apps/v1", "statefulsets"),
    }
)
_PREFIXES = {
    "docker.io": "dockercache",
    "ghcr.io": "ghcrcache",
    "quay.io": "quaycache",
    "registry.k8s.io": "k8scache",
}


def cached(image):
    """What an image of an upstream becomes; written out here, by a rule of our own."""
    first = image.partition("/")[0]
    if first not in _PREFIXES:
        image = f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}"
    registry, _, path = image.partition("/")
    return f"{ECR}/{_PREFIXES[registry]}/{path}"


def until(condition, what, seconds=DEADLINE_S):
    """What condition() gives once that is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.05)
    return value


class ProxiedKube(kube.Kube):
    """The API as `kubectl proxy` passes it on: for clusters whose logins we don't know."""

    def __init__(self, port):
        super().__init__(port, None, "")

    def raw(self, method, path, body=None, content_type="application/json"):
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        ) as connection:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": content_type})
            response = connection.getresponse()
            return response.status, response.headers, response.read()


class Aws:
    """The AWS stand-in's administration."""

    def ask(self, method, path, body=None):
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", AWS, timeout=60)
        ) as connection:
            connection.request(
                method, f"/_standin/{path}", None if body is None else json.dumps(body)
            )
            response = connection.getresponse()
            answer = json.loads(response.read())
        assert response.status < 400, answer
        return answer

    def calls(self, **query):
        return self.ask("GET", "calls?" + urllib.parse.urlencode(query))["calls"]

    def state(self):
        return self.ask("GET", "state")

    def pulled(self, prefix):
        """Whether a manifest was pulled through a prefix."""
        calls = self.calls(service="registry", operation="GetManifest")
        return any(prefix in json.dumps(call) for call in calls)


class World:
    """`folder` is the cluster's own, None where it isn't ours."""

    def __init__(self, kubeconfig, folder):
        self.kubeconfig, self.is_ours = kubeconfig, folder is not None
        self._proxy, self._namespaces = None, []
        if self.is_ours:
            self.where = Layout(folder)
            user = yaml.safe_load(self.where.inside.read_text())["users"][0]["user"]
            self.kube = kube.Kube(6443, self.where.folder / "ca.crt", user["token"])
            self.aws = Aws()
            self.digests = json.loads((self.where.images / "digests.json").read_text())
            assert set(IMAGES) < set(self.digests)
        else:
            self.kube = ProxiedKube(self._start_proxy())

    def _start_proxy(self):
        words = [tools.path("kubectl"), "--kubeconfig", self.kubeconfig, "proxy", "--port=0"]
        self._proxy = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        return int(self._proxy.stdout.readline().strip().rpartition(":")[2])

    def end(self):
        """On a cluster that stays, nothing of ours does."""
        for name in self._namespaces:
            self.kube.delete("Namespace", name)
        if self._proxy:
            self._proxy.terminate()
            self._proxy.wait(10)

    def kubectl(self, *words, stdin=None, check=True):
        done = subprocess.run(
            [tools.path("kubectl"), "--kubeconfig", self.kubeconfig, *map(str, words)],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr + done.stdout
        return done

    def create(self, obj, **query):
        """From an object that leaves out its apiVersion."""
        known = kube.KINDS[obj["kind"]].prefix.removeprefix("/apis/").removeprefix("/api/")
        return self.kube.create({"apiVersion": known, **obj}, **query)

    # Namespaces

    def namespace(self, word, rewritten=True):
        """A new one. Its default service account is there, so that pods can be made."""
        name = f"e2e-{word}-{secrets.token_hex(3)}"
        self._namespaces.append(name)
        self.kube.namespace(name, **({LABEL: "enabled"} if rewritten else {}))
        until(lambda: self.kube.find("ServiceAccount", "default", name), "a service account")
        if rewritten:
            self.wait_selected(name)
        return name

    def wait_selected(self, namespace):
        """The API server takes a namespace's label from its cache, moments later. Where nothing
        answers as the webhook, there is nothing to wait for."""
        if not self.kube.list("MutatingWebhookConfiguration"):
            return
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if self.try_image(namespace) != "busybox:1":
                return
            time.sleep(0.05)

    def try_image(self, namespace, image="busybox:1"):
        """What becomes of an image, by a dry run."""
        made = self.kube.create(kube.pod("probe", image, namespace=namespace), dryRun="All")
        return kube.images(made)[0]

    # Pods

    def pods(self, namespace, **labels):
        selector = ",".join(f"{k}={v}" for k, v in labels.items())
        return self.kube.list("Pod", namespace, labelSelector=selector)

    def wait_running(self, name, namespace, seconds=DEADLINE_S):
        """The pod, once all its containers run."""

        def look():
            pod = self.kube.get("Pod", name, namespace)
            return pod if is_running(pod) else None

        return until(look, f"pod {namespace}/{name} runs", seconds)

    def wait_pods(self, namespace, count=1, **labels):
        """That many, all running, none that is on its way out."""

        def look():
            found = [p for p in self.pods(namespace, **labels) if not is_leaving(p)]
            return found if len(found) == count and all(map(is_running, found)) else None

        return until(look, f"{count} pods of {labels} in {namespace} run")

    # What the node's programs wrote and are

    def audit_mark(self):
        """A place in the audit log, a little before its end: its last line may be half written."""
        return max(0, self.where.audit.stat().st_size - 2**16)

    def audit(self, verb, resource, namespace=None, name=None, sub=None, since=0):
        """Events of the audit log; those after a mark, and some before."""
        wanted = {"resource": resource, "namespace": namespace, "name": name}
        found = []
        with open(self.where.audit, "rb") as log:
            log.seek(since)
            if since:
                log.readline()  # the rest of one
            for line in log:
                if verb.encode() not in line or not line.endswith(b"\n"):
                    continue
                event = json.loads(line)
                ref = event.get("objectRef", {})
                if (event["verb"], ref.get("subresource")) == (verb, sub) and all(
                    ref.get(key) == value for key, value in wanted.items() if value
                ):
                    found.append(event)
        return found

    def failed_open(self, namespace, since=0):
        """Names of the pods that the API server let pass because it had no answer."""
        return {
            event["objectRef"]["name"]
            for event in self.audit("create", "pods", namespace, since=since)
            if any(key.startswith(FAILED_OPEN) for key in event["annotations"])
        }

    def processes(self, *words):
        """{pid: command line} of the node's own programs that have all these words."""
        mine, found = self._mount_namespace(), {}
        for pid, line in command_lines().items():
            with contextlib.suppress(OSError):
                if all(word in line for word in words) and os.readlink(f"/proc/{pid}/ns/mnt") == mine:
                    found[pid] = line
        return found

    def _process(self):
        """The node's process 1, as /proc has it."""
        return pathlib.Path("/proc", str(json.loads(self.where.process.read_text())["pid"]))

    def _mount_namespace(self):
        return os.readlink(self._process() / "ns/mnt")

    def network(self):
        """The node's network namespace, as a path."""
        return self._process() / "ns/net"

    def root(self):
        """The node's tree of files."""
        return self._process() / "root"

    def containers(self, pod):
        """{name: container id}"""
        statuses = pod["status"].get("containerStatuses", [])
        return {each["name"]: each.get("containerID") for each in statuses}

    def process_of(self, pod, program):
        """The process id of the program in a pod's container."""
        ids = [each.rpartition("/")[2] for each in self.containers(pod).values() if each]
        for pid, line in command_lines().items():
            with contextlib.suppress(OSError):
                group = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
                if line.startswith(program) and any(each in group for each in ids):
                    return pid
        raise AssertionError(f"no process of {program} in {pod['metadata']['name']}")

    def signal(self, pod, number, program="/usr/bin/pullthrough"):
        os.kill(self.process_of(pod, program), number)

    def kill(self, pod):
        self.signal(pod, signal.SIGKILL)


def command_lines():
    """{pid: command line} of all that runs on this machine."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found[int(path.parent.name)] = path.read_bytes().replace(b"\0", b" ").decode()
    return found


def seconds_between(earlier, later):
    """Two times as the API writes them: by its own and kubelet's clocks, which are the same."""
    first, last = (datetime.datetime.fromisoformat(each) for each in (earlier, later))
    return (last - first).total_seconds()


def running_since(pod):
    """Its only container, as the API writes a time."""
    (status,) = pod["status"]["containerStatuses"]
    return status["state"]["running"]["startedAt"]


def seconds_until_it_ran(pod):
    return seconds_between(pod["metadata"]["creationTimestamp"], running_since(pod))


def references(pod):
    """Of its image volumes."""
    return [v["image"]["reference"] for v in pod["spec"]["volumes"] if "image" in v]


def is_leaving(pod):
    return "deletionTimestamp" in pod["metadata"]


def is_running(pod):
    """All containers and sidecars run, and are ready."""
    status = pod["status"]
    statuses = status.get("containerStatuses", [])
    return (
        status.get("phase") == "Running"
        and len(statuses) == len(pod["spec"]["containers"])
        and all("running" in each["state"] and each["ready"] for each in statuses)
    )


def patches(event):
    """The patches that webhooks made, of an audit event: {annotation: patch}."""
    found = event.get("annotations", {})
    return {k: json.loads(v) for k, v in found.items() if k.startswith(PATCH)}


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
