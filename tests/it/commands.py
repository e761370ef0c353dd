"""The commands that ask AWS, run beside the stand-in; and what no output of theirs may hold."""

import fcntl
import json
import os
import pathlib
import pty
import select
import struct
import subprocess
import termios
import time

import yaml

from standin import OPERATOR, REGION

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# In every secret that these tests make, and in no output.
SECRET_TOKEN = "token-that-nobody-may-see"
ACCOUNT_VALUE = {"username": "somebody", "accessToken": SECRET_TOKEN}
WRITES = ("Create*", "Update*", "Delete*", "Put*", "Set*")


class Commands:
    """`run` gives what subprocess.run gives, as text; `config` may be changed between runs."""

    def __init__(self, program, folder, aws, **config):
        self.program, self.folder, self.aws = program, folder, aws
        self.config = {"aws": {"endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"),
                                                         aws.url)},
                       **config}
        kept = {k: v for k, v in os.environ.items()
                if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}
        self.environment = {
            **kept, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder),
            "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
        self.use(*OPERATOR)

    def use(self, key, secret, token=None):
        """From now on with these keys."""
        self.hidden = [each for each in (secret, token, SECRET_TOKEN) if each]
        self.environment |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        self.environment.pop("AWS_SESSION_TOKEN", None)
        if token:
            self.environment["AWS_SESSION_TOKEN"] = token
        return self

    def command(self, *arguments):
        """The command line, and the configuration written for it."""
        file = self.folder / "config.yaml"
        file.write_text(yaml.safe_dump(self.config))
        return [str(self.program), *arguments, "--config", str(file)]

    def start(self, *arguments, **environment):
        return subprocess.Popen(self.command(*arguments), env={**self.environment, **environment},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, *arguments, status=None, **environment):
        done = subprocess.run(self.command(*arguments), env={**self.environment, **environment},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120)
        self.check(done.stdout + done.stderr)
        if status is not None:
            assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *arguments, status=0):
        return json.loads(self.run(*arguments, "-o", "json", status=status).stdout)

    def terminal(self, *arguments, answer="", columns=80, **environment):
        """(status, all output) on a terminal of so many columns where `answer` is typed."""
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 50, columns, 0, 0))
        process = subprocess.Popen(self.command(*arguments), stdin=terminal, stdout=terminal,
                                   stderr=terminal,
                                   env={**self.environment, "TERM": "xterm", **environment})
        os.close(terminal)
        os.write(controller, answer.encode())
        output, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            select.select([controller], [], [], 1)
            try:
                part = os.read(controller, 65536)
            except OSError:   # the other side is closed
                break
            if not part:
                break
            output += part
        os.close(controller)
        text = output.decode().replace("\r\n", "\n")
        self.check(text)
        return process.wait(60), text

    def check(self, output):
        for text in self.hidden:
            assert text not in output and text[:40] not in output
        assert "Sanitizer" not in output and "runtime error" not in output, output

    def writes(self):
        """The writing calls that the stand-in got."""
        return [call["operation"] for each in WRITES for call in self.aws.calls(operation=each)]
