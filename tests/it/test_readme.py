"""What the README shows is what the program prints: its `$ pullthrough` examples are run, on a
terminal as a reader would, and compared to the byte; those that ask AWS, in the README's order beside
the AWS stand-in, but for what differs with every run."""

import os
import pathlib
import pty
import re
import subprocess

import pytest

import standin
from commands import ACCOUNT_VALUE, Commands
from upstream import Upstream

REPO = pathlib.Path(__file__).resolve().parents[2]
README = REPO.joinpath("README.md").read_text()

# Every "    $ command" of ours with the indented lines below it.
EXAMPLES = re.findall(r"^    \$ (pullthrough rewrite .*)\n((?:    (?!\$).*\n)+)", README, re.M)
# The same of those that ask AWS; an empty line may stand within.
SESSION = re.findall(
    r"^    \$ pullthrough ((?:rules|verify)\b.*)\n((?:    (?!\$).*\n|\n(?=    (?!\$)))+)", README, re.M)
HOST = f"{standin.ACCOUNT}.dkr.ecr.{standin.REGION}.amazonaws.com"


def on_a_terminal(command, folder):
    """Standard output of a shell command whose standard output is a terminal."""
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "AWS_ACCOUNT_ID": "111122223333",
        "AWS_REGION": "us-west-2",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    ours, theirs = pty.openpty()
    output = b""
    with subprocess.Popen(
        ["sh", "-c", command], cwd=REPO, env=environment, stdout=theirs, stderr=subprocess.PIPE
    ) as process:
        os.close(theirs)
        try:
            while chunk := os.read(ours, 65536):
                output += chunk
        except OSError:  # the other end is closed: Linux says EIO
            pass
        os.close(ours)
        process.communicate(timeout=60)
    return output.decode().replace("\r\n", "\n")


def test_there_are_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("command, shown", EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_example(command, shown, program, tmp_path):
    tmp_path.joinpath("pullthrough").symlink_to(program)
    printed = on_a_terminal(command, tmp_path)
    assert printed == re.sub(r"^    ", "", shown, flags=re.M)


@pytest.fixture
def account(certs, tmp_path):
    """An account of the stand-in without a rule, with the secret for docker.io alone."""
    hub = Upstream(tmp_path / "hub")
    hub.index("library/alpine", "3")
    aws = standin.StandIn("--cert", str(certs.leaf.cert), "--key", str(certs.leaf.key))
    aws.set(upstreams={"registry-1.docker.io": {
        "url": hub.url, "accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}})
    aws.secret("ecr-pullthroughcache/dockerio", value=ACCOUNT_VALUE)
    yield aws
    aws.stop()
    hub.stop()


def without_chance(text):
    """The parts that AWS chooses, written in one way; and no seconds of waiting, which a machine that
    is busy shows."""
    text = re.sub(r"\r\033\[K(pullthrough \w+: [^\r\n]*(?=\r\033\[K))?", "", text)
    text = re.sub(r"(ecr-pullthroughcache/dockerio-)\w{6}", r"\1Ab12Cd", text)
    return re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + 64 * "0", text)


def test_the_session_with_aws(account, certs, program, tmp_path):
    assert [command for command, _ in SESSION] == [
        "rules apply --dry-run", "rules apply", "rules list", "verify"]
    commands = Commands(program, tmp_path, account, registry={"host": account.host})
    commands.config["aws"]["caFile"] = str(certs.ca)
    for command, shown in SESSION:
        _, printed = commands.terminal(*command.split(), NO_COLOR="1", LC_ALL="C.UTF-8")
        printed = printed.replace(account.host, HOST)
        assert without_chance(printed) == without_chance(re.sub(r"^    ", "", shown, flags=re.M))


@pytest.mark.parametrize("path", re.findall(r"\]\(([a-zA-Z][^):]*)\)", README))
def test_links_lead_somewhere(path):
    path, _, anchor = path.partition("#")
    assert REPO.joinpath(path).exists()
    headings = re.findall(r"^#+ (.*)$", REPO.joinpath(path).read_text() if anchor else "", re.M)
    assert not anchor or anchor in [re.sub(r"[^a-z -]", "", each.lower()).replace(" ", "-")
                                    for each in headings]  # fmt: skip
