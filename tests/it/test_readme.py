"""What the README shows is what the program prints: its `$ pullthrough rewrite` examples are run,
on a terminal as a reader would, and compared to the byte."""

import os
import pathlib
import pty
import re
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
README = REPO.joinpath("README.md").read_text()

# Every "    $ command" of ours with the indented lines below it.
EXAMPLES = re.findall(r"^    \$ (pullthrough rewrite .*)\n((?:    (?!\$).*\n)+)", README, re.M)


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


@pytest.mark.parametrize("path", re.findall(r"\]\(([a-zA-Z][^):]*)\)", README))
def test_links_lead_somewhere(path):
    assert REPO.joinpath(path).exists()
