"""etcd and kube-apiserver as two processes on the loopback interface: the real API, without nodes.

No controller runs: pods stay pending, a Deployment makes none, a deleted namespace lingers.
"""

import contextlib
import http.client
import ipaddress
import json
import pathlib
import secrets
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import tools
from http_peer import wait_for
from kube import Kube

AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Request",
            "resources": [
                {"group": "", "resources": ["pods", "pods/ephemeralcontainers"]},
                {"group": "apps"},
                {"group": "admissionregistration.k8s.io"},
            ],
        },
        {"level": "Metadata"},
    ],
}
LAST_WORDS_S = 2  # kube-apiserver may linger for a minute after SIGTERM


def free_ports(count, host="127.0.0.1"):
    """Ports that nobody has now. These servers can't say which one they got."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(family)) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]


class Process:
    def __init__(self, log, *words):
        self.log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen([str(w) for w in words], stdout=out, stderr=out)

    def is_running(self):
        return self.process.poll() is None

    def end(self, number=signal.SIGTERM):
        if self.is_running():
            self.process.send_signal(number)
        try:
            self.process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class ControlPlane:
    """Ready when made. `version` is "1.28", or "" for the newest of hack/tools; `host` an address of
    this machine, `services` the ranges of the Services' addresses."""

    def __init__(self, version, certs, folder, host="127.0.0.1", services="10.0.0.0/24"):
        self.folder, self.certs, self.host, self.services = folder, certs, host, services
        self._place = f"[{host}]" if ":" in host else host  # in a URL
        self._version = version
        self.token = secrets.token_hex(16)
        self.audit_log = folder / "audit.log"
        self.kubeconfig = folder / "kubeconfig"
        self._write_files()
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._running = stack.pop_all()

    def _write_files(self):
        ranges = [ipaddress.ip_network(each) for each in self.services.split(",")]
        self.first = [str(each[1]) for each in ranges]  # the addresses of the Service "kubernetes"
        names = ",".join(f"IP:{each}" for each in (self.host, *self.first))
        # A name of its own: a server takes another certificate as soon as the file has it.
        name = f"apiserver-{self.folder.parent.name}-{self.folder.name}"
        self.pair = self.certs.issue(name, names=f"DNS:localhost,{names}")
        (self.folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        (self.folder / "audit.yaml").write_text(json.dumps(AUDIT_POLICY))
        subprocess.run(
            ["openssl", "genrsa", "-out", self.folder / "accounts.key", "2048"],
            check=True,
            capture_output=True,
        )

    def _start(self, stack):
        client, peer, self.port = free_ports(3, self.host)
        data = self.folder / "etcd"
        self.etcd = Process(
            self.folder / "etcd.log",
            tools.path("etcd"), "--data-dir", data, "--unsafe-no-fsync", "--log-level", "warn",
            "--listen-client-urls", f"http://{self._place}:{client}",
            "--advertise-client-urls", f"http://{self._place}:{client}",
            "--listen-peer-urls", f"http://{self._place}:{peer}",
            "--initial-advertise-peer-urls", f"http://{self._place}:{peer}",
            "--initial-cluster", f"default=http://{self._place}:{peer}",
        )  # fmt: skip
        stack.callback(self.etcd.end, signal.SIGKILL)
        wait_for(lambda: self._answers(self.etcd, f"http://{self._place}:{client}/health"), "etcd")
        self._start_apiserver(client)
        stack.callback(self.apiserver.end)
        self.kube = Kube(self.port, self.certs.ca, self.token, self.host)
        ready = f"https://{self._place}:{self.port}/readyz"
        wait_for(lambda: self._answers(self.apiserver, ready), "the API server is ready")
        wait_for(lambda: self.kube.find("Namespace", "default"), "a default namespace")
        self._write_kubeconfig()

    def _start_apiserver(self, etcd_port):
        name = "kube-apiserver" + (f"-{self._version}" if self._version else "")
        accounts = self.folder / "accounts.key"
        self.apiserver = Process(
            self.folder / "apiserver.log",
            tools.path(name), "--etcd-servers", f"http://{self._place}:{etcd_port}",
            "--secure-port", self.port, "--bind-address", self.host,
            "--advertise-address", self.host, "--endpoint-reconciler-type", "none",
            "--tls-cert-file", self.pair.cert, "--tls-private-key-file", self.pair.key,
            "--cert-dir", self.folder, "--service-cluster-ip-range", self.services,
            "--service-account-issuer", "https://kubernetes.default.svc",
            "--service-account-key-file", accounts, "--service-account-signing-key-file", accounts,
            "--token-auth-file", self.folder / "tokens.csv", "--authorization-mode", "RBAC",
            "--disable-admission-plugins", "ServiceAccount", "--allow-privileged=true",
            "--audit-policy-file", self.folder / "audit.yaml",
            "--audit-log-path", self.audit_log, "--audit-log-mode", "blocking",
        )  # fmt: skip

    def _answers(self, process, url):
        assert process.is_running(), process.log.read_text()[-4000:]
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})
        context = ssl.create_default_context(cafile=self.certs.ca)
        try:
            with urllib.request.urlopen(request, timeout=5, context=context) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError, http.client.HTTPException):
            return False

    def _write_kubeconfig(self):
        cluster = {
            "server": f"https://{self._place}:{self.port}",
            "certificate-authority": str(self.certs.ca),
        }
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(json.dumps(document))

    def kubectl(self, *words, stdin=None, check=True):
        return subprocess.run(
            [tools.path("kubectl"), "--kubeconfig", self.kubeconfig, *words],
            input=stdin,
            check=check,
            capture_output=True,
            text=True,
            timeout=60,
        )

    # What the API server wrote

    def audit_mark(self):
        """A place in the audit log."""
        return self.audit_log.stat().st_size if self.audit_log.exists() else 0

    def audit(self, since=0, **fields):
        """Events after a mark: verb=..., and of objectRef resource=..., namespace=..., name=..."""
        with open(self.audit_log, "rb") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith(b"\n")]
        return [event for event in events if _has(event, fields)]

    def end(self):
        self._running.close()


def _has(event, fields):
    ref = event.get("objectRef", {})
    return all((event if k == "verb" else ref).get(k) == v for k, v in fields.items())


def make(version, certs, folder: pathlib.Path, **where):
    """A control plane. Another program may take a port between our look and its start: again."""
    for attempt in range(3):
        place = folder / f"attempt-{attempt}"
        place.mkdir(parents=True)
        try:
            return ControlPlane(version, certs, place, **where)
        except AssertionError as problem:
            if "address already in use" not in str(problem) or attempt == 2:
                raise
    return None
