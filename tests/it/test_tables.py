"""What a person sees on a terminal of 80 columns: nothing is cut, whatever the names, and nothing is
wider that could be narrower; colour only there."""

import json
import re

import pytest

from commands import ACCOUNT_VALUE, Commands
from standin import ACCOUNT, REGION
from test_images import pull
from upstream import Upstream

LONG = "docker.io/" + "/".join(["a" * 60] * 3)      # 192 characters
LONG_TAG = "t" * 128
DIGEST = "sha256:" + "0123456789abcdef" * 4
SECRET = "ecr-pullthroughcache/" + "s" * 60
IMAGES = [LONG + ":" + LONG_TAG, "nginx@" + DIGEST, "registry." + "b" * 60 + ".example/x/y:1", "BAD",
          "quay.io/org/app:1.0", "ghcr.io/org/app:2"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    made = Upstream(tmp_path_factory.mktemp("hub") / "images")
    made.image("a" * 60 + "/" + "a" * 60 + "/" + "a" * 60, LONG_TAG)
    made.image("library/tool", "3")
    yield made
    made.stop()


@pytest.fixture
def commands(program, tmp_path, aws, hub):
    made = Commands(program, tmp_path, aws, registry={"account": ACCOUNT, "region": REGION})
    aws.set(upstreams={"registry-1.docker.io": {
        "url": hub.url, "accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}})
    aws.secret(SECRET, value=ACCOUNT_VALUE)
    made.config["upstreams"] = [{"registry": "docker.io", "prefix": "p" * 20, "secret": SECRET},
                                {"registry": "ghcr.io"}, {"registry": "quay.io"}]
    made.run("rules", "apply", status=1)    # ghcr.io lacks its secret
    (tmp_path / "pods.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [{
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n" * 200, "namespace": "m" * 63},
        "spec": {"containers": [{"name": f"c{i}" + "c" * 60, "image": image}
                                for i, image in enumerate(IMAGES)]}}]}))
    return made


def plain(text):
    return re.sub(r"\033\[\d*[mK]|\r", "", text)


def check_width(text, columns=80):
    """A line is longer only by one word, or by the first of several, which can't be shorter."""
    for line in plain(text).splitlines():
        words = line.split()
        assert len(line) <= columns or len(words) == 1 or max(map(len, words)) + 20 > columns, line


COMMANDS = [
    ("rules", "list"), ("rules", "apply"), ("rules", "apply", "--dry-run"),
    ("rewrite", "--explain", *IMAGES), ("rewrite", "--explain", "-f", "PODS"), ("images", "list", "--all"),
    ("scan", "-f", "PODS"), ("scan", "-f", "PODS", "--by", "namespace"), ("scan", "-f", "PODS", "--verbose"),
    ("warm", "-f", "PODS", "--dry-run"), ("verify", "ghcr.io/org/app:2"), ("iam",)]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words)[:40])
def test_80_columns(commands, aws, tmp_path, words):
    pull(aws, "p" * 20 + LONG.removeprefix("docker.io") + ":" + LONG_TAG, "p" * 20 + "/library/tool:3")
    command = [str(tmp_path / "pods.json") if word == "PODS" else word for word in words]
    _, text = commands.terminal(*command, NO_COLOR="")
    if words != ("iam",):   # policies are made to be copied
        check_width(text)
    said = re.sub(r"\s+", " ", plain(text))
    for image in IMAGES if "rewrite" in words else IMAGES[1:4] if "--verbose" in words else []:
        assert image.removeprefix("docker.io/") in said
    if words[0] == "images":
        assert LONG_TAG in said and LONG.removeprefix("docker.io") in said
    if words == ("rules", "list"):
        assert SECRET in said
    # the same, but for colours
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        _, bare = commands.terminal(*command, **environment)
        assert "\033" not in bare.replace("\r\033[K", "")
        if words[0] not in ("verify",):
            assert bare == plain(text)
    piped = commands.run(*command)
    assert "\033" not in piped.stdout + piped.stderr


@pytest.mark.parametrize("words, good, bad", [
    (("rules", "list"), "ready", "secret-missing"),
    (("rewrite", "--explain", *IMAGES), "rewritten", "invalid"),
    (("verify", "ghcr.io/org/app:2"), "✓", "✗"),
    (("scan", "-f", "PODS"), "1", "rule-not-ready 1"),
    (("warm", "-f", "PODS", "--dry-run"), None, "ghcr.io/org/app:2"),
])
def test_good_and_bad(commands, tmp_path, words, good, bad):
    command = [str(tmp_path / "pods.json") if word == "PODS" else word for word in words]
    _, text = commands.terminal(*command, NO_COLOR="")
    assert good is None or f"\033[32m{good}\033[0m" in text
    assert f"\033[31m{bad}\033[0m" in text or f"\033[33m{bad}\033[0m" in text
