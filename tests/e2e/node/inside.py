"""Process 1 of a cluster: has a network, a tree of mounts and a tree of processes of its own,
starts all programs in order, each when what it needs answers, and ends them in the opposite order.

Whatever it leaves behind when it is killed, the kernel ends with it: processes, mounts, interfaces,
firewall rules. Called by __main__.py only.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import gate
import layout
import programs

DEADLINE_S = 120  # for each step; on a quiet machine none needs ten
ENDS = ("kubelet", "proxy", "scheduler", "controller-manager", "apiserver", "aws", "upstream",
        "private", "containerd", "etcd")  # fmt: skip
LAST_WORDS_S = 2
HIDDEN = ("/run", "/var/lib", "/var/log")  # programs write there whatever they are told


class Failed(Exception):
    """The cluster can't be started; str() says why."""


class Node:
    def __init__(self, where, tools):
        self.where, self.tools, self.running = where, tools, {}
        self.ssl = ssl.create_default_context(cafile=where.folder / "ca.crt")
        self.token = (where.folder / "tokens.csv").read_text().partition(",")[0]

    def start(self, name, command):
        # containerd's shim, and not that of a Debian package, which speaks another protocol
        shim = os.path.dirname(self.tools["containerd-shim-runc-v2"])
        with open(self.where.log(name), "ab") as out:
            self.running[name] = subprocess.Popen(
                [str(word) for word in command(self.where, self.tools)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.where.folder,
                env={"PATH": f"{shim}:{os.environ['PATH']}", "HOME": str(self.where.folder)},
            )  # fmt: skip

    def wait(self, what, condition):
        """Until condition(); a program that ended meanwhile is why it never comes."""
        end = time.monotonic() + DEADLINE_S
        while not condition():
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise Failed(f"{name} ended with {process.returncode}:\n{self.last(name)}")
            if time.monotonic() > end:
                logs = "\n".join(f"{name}: {self.last(name, 800)}" for name in self.running)
                raise Failed(f"waited {DEADLINE_S} s until {what}\n{logs}")
            time.sleep(0.05)

    def last(self, name, size=3000):
        return self.where.log(name).read_text(errors="replace")[-size:]

    def get(self, url):
        """The body of a 200, or None."""
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.ssl) as response:
                return response.read()
        except (urllib.error.URLError, OSError):
            return None

    def api(self, path):
        return self.get(f"https://127.0.0.1:{layout.API}{path}")

    def is_node_ready(self):
        found = self.api("/api/v1/nodes/node1")
        conditions = json.loads(found)["status"].get("conditions", []) if found else []
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    # In order

    def prepare(self):
        """Mounts and the network."""
        run("mount", "--make-rshared", "/")
        for folder in HIDDEN:
            run("mount", "-t", "tmpfs", "-o", "mode=755", "cluster", folder)
        for folder in ("/run/lock", "/run/netns", "/var/log/pods", "/var/log/containers",
                       "/var/lib/cni", "/var/lib/kubelet"):  # fmt: skip
            os.makedirs(folder)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "node0", "type", "veth", "peer", "name", "node1")
        run("ip", "addr", "add", f"{layout.NODE}/24", "dev", "node0")
        for name in ("node0", "node1"):
            run("ip", "link", "set", name, "up")
        run("ip", "route", "add", "default", "dev", "node0")
        # Pods reach the registry as on EKS, at its port; nodes by their hosts.toml.
        run("iptables", "-t", "nat", "-A", "PREROUTING", "-d", layout.NODE, "-p", "tcp", "--dport",
            "443", "-j", "REDIRECT", "--to-ports", layout.AWS)  # fmt: skip
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        bridged = pathlib.Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
        if bridged.exists():
            bridged.write_text("1")

    def start_all(self):
        self.start("etcd", programs.etcd)
        self.start("containerd", programs.containerd)
        self.start("upstream", programs.registry("upstream"))
        self.start("private", programs.registry("private"))
        self.wait("etcd answers", lambda: self.get(f"http://127.0.0.1:{layout.ETCD}/health"))
        self.start("apiserver", programs.apiserver)
        self.wait("containerd answers", lambda: answers(self.where.containerd))
        self.bring_images()
        self.wait("the API server is ready", lambda: self.api("/readyz"))
        (self.where.folder / "jwks.json").write_bytes(self.api("/openid/v1/jwks"))
        self.start("aws", programs.aws)
        self.start("controller-manager", programs.controller_manager)
        self.start("scheduler", programs.scheduler)
        self.start("proxy", programs.proxy)
        self.start("kubelet", programs.kubelet)
        self.teach_aws()
        self.wait("the node is ready", self.is_node_ready)
        self.wait(
            "there is a service account",
            lambda: self.api("/api/v1/namespaces/default/serviceaccounts/default"),
        )

    def bring_images(self):
        """The sandbox into containerd, the others into the registries that they are pulled from."""
        images = self.where.images
        run(self.tools["ctr"], "-a", self.where.containerd, "-n", "k8s.io", "images", "import",
            images / "sandbox.tar")  # fmt: skip
        for port in (layout.UPSTREAM, layout.PRIVATE):
            self.wait("a registry answers", lambda p=port: is_open(p))
        for name in (*layout.IMAGES, layout.PRIVATE_IMAGE):
            host, _, path = name.partition("/")
            private = host == layout.PRIVATE_HOST
            login = ("--dest-creds", "somebody:a-token") if private else ()
            port = layout.PRIVATE if private else layout.UPSTREAM
            run("skopeo", "copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", *login,
                f"oci:{images / path.replace('/', '_').replace(':', '_')}",
                f"docker://127.0.0.1:{port}/{path}")  # fmt: skip

    def teach_aws(self):
        """Where the stand-in finds its upstreams, and the secrets that rules need."""
        self.wait("the AWS stand-in answers", lambda: is_open(layout.AWS))
        upstream = {"url": f"http://127.0.0.1:{layout.UPSTREAM}"}
        settings = {"upstreams": dict.fromkeys(layout.UPSTREAMS.values(), upstream)}
        ask_aws("PATCH", "settings", settings)
        for name in ("dockerio", "ghcr"):
            value = {"username": "somebody", "accessToken": "a-token"}
            ask_aws("PUT", f"secrets/ecr-pullthroughcache/{name}", {"value": value})

    # The end

    def end_all(self):
        for name in ENDS:
            process = self.running.get(name)
            if process is None:
                continue
            end_of(process.pid)
            if name == "kubelet":
                self.end_containers()

    def end_containers(self):
        """Those that run end with us at the latest; asked for, their mounts go in good order."""
        ctr = (self.tools["ctr"], "-a", str(self.where.containerd), "-n", "k8s.io", "tasks")
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            said = subprocess.run([*ctr, "ls", "-q"], capture_output=True, text=True, timeout=10)
            for task in said.stdout.split():
                subprocess.run([*ctr, "rm", "-f", task], capture_output=True, timeout=10)


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")


def ask_aws(method, path, body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{layout.AWS}/_standin/{path}", json.dumps(body).encode(), method=method
    )
    urllib.request.urlopen(request, timeout=20).close()


def is_open(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def answers(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def end_of(pid):
    """SIGTERM, and SIGKILL for who lingers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        end = time.monotonic() + LAST_WORDS_S
        while time.monotonic() < end:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not pathlib.Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.02)


def reap_until_told():
    """Process 1 inherits whoever loses a parent. True when it is time to go."""
    while signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGCHLD:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def main():
    folder, settings = sys.argv[1], json.loads(sys.argv[2])
    where = layout.Layout(folder)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: end with `unshare`
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = os.fdopen(settings["report"], "w")
    node = Node(where, settings["tools"])
    try:
        node.prepare()
        node.start_all()
    except (Failed, OSError, subprocess.SubprocessError) as problem:
        report.write(json.dumps(str(problem)) + "\n")
        report.close()
        return 1
    gate.open_gate(socket.socket(fileno=settings["gate"]), ("127.0.0.1", layout.API))
    report.write("null\n")
    report.close()
    reap_until_told()
    node.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
