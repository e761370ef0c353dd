"""docs/commands.md: each command is run, on a terminal of 80 columns, in the page's order beside the AWS
stand-in, and prints what the page shows, but for what differs with every run."""

import os
import re

from commands import ROOT, Commands
from service import environment
from test_command_line import COMMANDS
from test_readme import HOST, account  # noqa: F401: a fixture
from test_warm import on_terminal

PAGE = ROOT / "docs/commands.md"
SHOWN = re.compile(r"^    \$ (.*)\n((?:    (?!\$).*\n|\n(?=    (?!\$)))+)", re.M)
CONFIGURED = ("rules", "verify", "images", "iam", "rewrite", "review")


def without_chance(text):
    text = re.sub(r"(ecr-pullthroughcache/dockerio-)\w{6}", r"\1Ab12Cd", text)
    text = re.sub(r"sha256:[0-9a-f]{12}(…|[0-9a-f]{52})", r"sha256:0123456789ab\1", text)
    text = re.sub(r"([0-9a-f…])[0-9a-f]{52}\b", r"\g<1>" + 52 * "0", text)
    text = re.sub(r"\b\d{4}-\d\d-\d\d\b(?!\")", "2026-11-29", text)
    return re.sub(r"\d+\.\d+\.\d+ \(commit \w+\)", "0.1.0 (commit 0123456789ab)", text)


def test_the_page(account, certs, program, tmp_path):  # noqa: F811
    commands = Commands(program, tmp_path, account, registry={"host": account.host})
    commands.config["aws"]["caFile"] = str(certs.ca)
    commands.command("rules")   # writes the configuration
    script = tmp_path / "bin" / "pullthrough"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\ncase $1 in {"|".join(CONFIGURED)}) set -- "$@" --config {tmp_path}/config.yaml ;; esac\n'
                      f'exec {program} "$@"\n')  # fmt: skip
    script.chmod(0o755)
    surroundings = {**environment(), **commands.environment, "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
                    "PATH": f"{script.parent}:{os.environ['PATH']}"}  # fmt: skip

    def run(command):
        said = on_terminal(command, cwd=ROOT, env=surroundings).replace(account.host, HOST)
        return "".join(f"    {line}\n" if line else "\n" for line in without_chance(said).splitlines())

    page = PAGE.read_text()
    told = SHOWN.sub(lambda shown: f"    $ {shown[1]}\n{run(shown[1])}", page)
    if "PULLTHROUGH_WRITE_FIXTURES" in os.environ:
        PAGE.write_text(told)
    assert told == page, "hack/fixtures.sh writes it"


def test_each_command_has_its_transcript():
    shown = "".join(f"{command}\n" for page in ("commands", "scan", "warm")
                    for command, _ in SHOWN.findall((ROOT / f"docs/{page}.md").read_text()))  # fmt: skip
    assert set(re.findall(r"^(?:echo .*\| )?pullthrough (\S+)", shown, re.M)) >= set(COMMANDS)
