"""`pullthrough serve` beside the AWS stand-in, as a process, and clients of its two ports."""

import base64
import contextlib
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

import yaml

from standin import OPERATOR, REGION

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 60  # for what takes no time at all, on a machine under load


def wait_for(condition, what, seconds=DEADLINE_S):
    """What condition() gives once that is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.02)
    return value


class Program:
    """One replica. Its configuration is a mapping; `configure` changes sections of it."""

    def __init__(self, program, folder, pair, aws, config=None, keys=OPERATOR, environment=None):
        self.program, self.file, self.lines = program, folder / "config.yaml", []
        self.config = {
            "aws": {"endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"), aws.url)},
            "listen": {"webhook": "127.0.0.1:0", "status": "127.0.0.1:0"},
            "tls": {"mode": "files", "certFile": str(pair.cert), "keyFile": str(pair.key)},
            "server": {"threads": 1, "drain": "0s"},
            "fallback": {"watch": False, "probe": {"interval": "0s"}},
            **(config or {}),
        }
        self.write()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.environment = {
            **kept,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(folder),
            "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        }
        if len(keys) > 2:
            self.environment["AWS_SESSION_TOKEN"] = keys[2]
        self.environment.update(environment or {})
        self.start()

    def write(self):
        new = self.file.with_suffix(".new")
        new.write_text(yaml.safe_dump(self.config))
        os.replace(new, self.file)

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "serve", "--config", self.file], env=self.environment,
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read, args=(self.process,))
        self.reader.start()
        line = wait_for(lambda: self.logged("listening") or self.process.poll() is not None,
                        "listening")
        assert line is not True, "\n".join(map(str, self.lines))
        self.webhook = line[0]["webhook"]
        self.status_port = line[0]["status"]

    def _read(self, process):
        for line in process.stderr:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.lines.append({"message": line.rstrip("\n")})

    def logged(self, message):
        return [line for line in list(self.lines) if line["message"] == message]

    def stop(self):
        """The exit status, and the seconds that it took."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DEADLINE_S)
        self.reader.join()
        self.process.stderr.close()
        return status, time.monotonic() - begin

    def kill(self):
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.reader.join()
        self.process.stderr.close()

    def configure(self, **sections):
        self.config.update(sections)
        self.write()

    def again(self):
        """Start a pass now; returns when it is done."""
        before = self.passes()
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.passes() > before, "a pass")

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.status_port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def readiness(self):
        """(status, text) of /readyz."""
        try:
            return 200, self.get("/readyz")
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def status(self):
        return json.loads(self.get("/status"))

    def upstreams(self):
        return {each["registry"]: each for each in self.status()["ruleSet"]["upstreams"]}

    def states(self):
        return {name: each["state"] for name, each in self.upstreams().items()}

    def wait_states(self, **wanted):
        """wait_states(docker_io="ready", ...); `all` is for the others."""
        other = wanted.pop("all", None)
        named = {name.replace("_", "."): state for name, state in wanted.items()}

        def reached():
            states = self.states()
            return all(state == named.get(name, other) for name, state in states.items())

        try:
            wait_for(reached, f"{named} {other}")
        except AssertionError:
            raise AssertionError(json.dumps([self.status(), self.lines], indent=1)) from None

    def metric(self, line):
        """The value of one line, 0 where it isn't there."""
        for each in self.get("/metrics").splitlines():
            name, _, value = each.rpartition(" ")
            if name == line:
                return float(value)
        return 0.0

    def passes(self):
        return sum(self.metric(f'pullthrough_reconcile_passes_total{{outcome="{outcome}"}}')
                   for outcome in ("complete", "incomplete", "failed"))

    def review(self, *images, dry_run=False):
        """The images as they are after the webhook, and why the others stayed (by the metrics)."""
        pod = {"spec": {"containers": [{"name": f"c{i}", "image": image}
                                       for i, image in enumerate(images)]}}
        request = {"uid": "u", "operation": "CREATE", "namespace": "demo",
                   "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": pod,
                   "dryRun": dry_run}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                           "request": request}).encode()
        context = ssl._create_unverified_context()
        call = urllib.request.Request(f"https://{self.webhook}/mutate", body,
                                      {"Content-Type": "application/json"})
        with urllib.request.urlopen(call, timeout=10, context=context) as answer:
            response = json.loads(answer.read())["response"]
        assert response["allowed"] is True
        got = list(images)
        for operation in json.loads(base64.b64decode(response.get("patch", "W10="))):
            parts = operation["path"].split("/")
            if parts[-1] == "image":
                got[int(parts[3])] = operation["value"]
        return got


@contextlib.contextmanager
def running(*arguments, **more):
    """A program that ends well."""
    replica = Program(*arguments, **more)
    try:
        yield replica
    except BaseException:
        replica.kill()
        print(json.dumps(replica.lines, indent=1))
        raise
    status, _ = replica.stop()
    assert status == 0, replica.lines
