"""The two servers that are compared, each as a process of its own: what it takes to start one,
and what Linux says of it (ports, processor time, resident memory)."""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import typing

CONFIG = """
registry: {{account: "111122223333", region: us-west-2}}
rewrite: {{requireRule: false}}
{reconcile}
fallback: {{to: none}} # a probe of a registry that isn't there is no part of a review
listen: {{webhook: "{webhook}:0", status: "{status}:0"}}
tls: {{mode: files, certFile: {cert}, keyFile: {key}}}
server: {{threads: {threads}, drain: 0s}}
log: {{level: {level}, format: json}}
"""

# At level warn the log doesn't name the ports, so they are told apart by their addresses.
WEBHOOK, STATUS = "127.0.0.1", "127.0.0.2"


@dataclasses.dataclass
class Program:
    """A command, and how the port that it got is found out: None while there is none yet."""

    command: list
    find_port: typing.Callable


class Certificate:
    """A key and a certificate of its own for localhost, in a folder."""

    def __init__(self, folder):
        self.cert, self.key = folder / "tls.crt", folder / "tls.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", f"subjectAltName=DNS:localhost,IP:{WEBHOOK}"]
            + ["-keyout", self.key, "-out", self.cert],
            check=True,
            capture_output=True,
        )


STANDIN = pathlib.Path(__file__).parent.parent / "fakes" / "aws"
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIASTANDINOPERATOR2",
    "AWS_SECRET_ACCESS_KEY": "standin/operator+not+a+real+secret+0000=",
}


class HangingAws:
    """The AWS stand-in, which takes every call and answers none. Use as a context."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-B", STANDIN], stdout=subprocess.PIPE, text=True
        )
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.admin("POST", "faults", {"kind": "hang", "service": "*", "times": None})

    def admin(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, f"/_standin/{path}", body and json.dumps(body))
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status >= 300:
            raise RuntimeError(text.decode())
        return json.loads(text)

    def wait_for_a_call(self):
        if not self.admin("GET", "calls?service=ecr&count=1&wait=60")["calls"]:
            raise RuntimeError("the reconciler asks nothing")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stdout.close()
        self.process.wait(60)


def serve(build, certificate, folder, threads, level="warn", aws=None):
    """`pullthrough serve` with every default rule taken as ready; without AWS, or with one whose
    rules it tries to make."""
    config = folder / f"config-{threads}-{level}-{aws and aws.port}.yaml"
    reconcile = 'reconcile: {mode: "off"}'
    if aws:
        reconcile = f"aws: {{endpoint: {{ecr: 'http://127.0.0.1:{aws.port}'}}}}"
    text = CONFIG.format(
        reconcile=reconcile,
        webhook=WEBHOOK,
        status=STATUS,
        cert=certificate.cert,
        key=certificate.key,
        threads=threads,
        level=level,
    )
    config.write_text(text.lstrip())
    return Program(
        [build / "src" / "pullthrough", "serve", "--config", config],
        lambda server: server.listening().get(WEBHOOK),
    )


def constant(build, certificate, threads):
    """The same HTTP server with a constant answer; it prints its ports."""
    program = build / "tests" / "bench" / "constant_server"
    options = ["--cert", certificate.cert, "--key", certificate.key, "--threads", threads]

    def printed(server):
        match = re.search(r'"webhook":(\d+)', server.log.read_text())
        return int(match[1]) if match else None

    return Program([program, *options], printed)


class Server:
    """A server process; what it prints is in a file. Use as a context."""

    def __init__(self, program, log, cpu=None, wrapper=()):
        self.program = program
        self.started = time.perf_counter()
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                [str(word) for word in (*wrapper, *program.command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | KEYS,
                preexec_fn=(lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None,
            )
        self.log = pathlib.Path(log)
        self.proc = pathlib.Path("/proc") / str(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def port(self, seconds=60):
        """The webhook port, once the process listens on it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            found = self.program.find_port(self)
            if found:
                return found
            time.sleep(0.0005)
        raise RuntimeError(f"it doesn't listen; it said:\n{self.log.read_text()}")

    def listening(self):
        """The TCP ports that it listens on: address to port, the last where there are more."""
        sockets = set()
        for fd in (self.proc / "fd").iterdir():
            try:
                sockets.add(os.readlink(fd))
            except OSError:
                pass
        ports = {}
        for line in (self.proc / "net" / "tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                address, port = words[1].split(":")
                host = ".".join(str(b) for b in reversed(bytes.fromhex(address)))
                ports[host] = int(port, 16)
        return ports

    def cpu_seconds(self):
        words = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def rss_kib(self):
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def libraries(self):
        """How many shared objects are mapped."""
        maps = (self.proc / "maps").read_text()
        return len(set(re.findall(r"(/\S+\.so[.\d]*)$", maps, re.M)))

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"it didn't stop; it said:\n{self.log.read_text()}") from None
