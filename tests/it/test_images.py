"""`pullthrough images list` beside the AWS stand-in."""

import base64
import http.client
import json
import re

import pytest
import yaml

from commands import ACCOUNT_VALUE, Commands
from standin import ACCOUNT, REGION
from upstream import Upstream

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
TOOL, OTHER, APP = "dockercache/library/tool", "dockercache/org/other", "quaycache/org/app"


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstreams")
    quay, hub = Upstream(folder / "quay"), Upstream(folder / "hub")
    quay.image("org/app", "1.0")
    quay.image("org/app", "1.1", "other")
    hub.index("library/tool", "3")
    hub.image("org/other", "7")
    yield quay, hub
    quay.stop()
    hub.stop()


def pull(aws, *names):
    login = base64.b64encode(f"AWS:{aws.login('operator')}".encode()).decode()
    for name in names:
        repository, _, tag = name.rpartition(":")
        connection = http.client.HTTPConnection(aws.host, timeout=30)
        connection.request("GET", f"/v2/{repository}/manifests/{tag}",
                           headers={"Authorization": "Basic " + login})
        assert connection.getresponse().status == 200
        connection.close()


@pytest.fixture
def commands(program, tmp_path, aws, upstreams):
    """All that the upstreams have is cached, and so is a repository of somebody else's rule."""
    made = Commands(program, tmp_path, aws, registry={"account": ACCOUNT, "region": REGION})
    aws.set(upstreams={"quay.io": {"url": upstreams[0].url}, "registry-1.docker.io": {
        "url": upstreams[1].url, "accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}})
    aws.secret("ecr-pullthroughcache/dockerio", value=ACCOUNT_VALUE)
    made.config["upstreams"] = [{"registry": "quay.io", "prefix": "theirs"}]
    made.run("rules", "apply", status=0)
    pull(aws, "theirs/org/app:1.0")
    made.config["upstreams"] = [{"registry": "docker.io"}, {"registry": "quay.io"}]
    made.run("rules", "apply", status=0)
    pull(aws, f"{TOOL}:3", f"{OTHER}:7", f"{APP}:1.0", f"{APP}:1.1")
    aws.admin("DELETE", "calls")
    return made


def listed(commands, *arguments, status=0):
    """(repository, tag) of each image with a tag, sorted; the document's images."""
    images = commands.json("images", "list", *arguments, status=status)["images"]
    return sorted((each["repository"], tag) for each in images for tag in each["tags"]), images


def test_all_of_it(commands, aws):
    names, images = listed(commands)
    assert names == [(TOOL, "3"), (OTHER, "7"), (APP, "1.0"), (APP, "1.1")]
    held = aws.state()["repositories"]
    assert len(images) == sum(len(held[name]["images"]) for name in (TOOL, OTHER, APP)) == 6
    for each in images:
        image = held[each["repository"]]["images"][each["digest"]]
        assert each["sizeBytes"] == image["size"] > 0
        for name in ("pushedAt", "lastPulledAt"):
            assert (each[name] is None) == (image["pulledAt"] is None and name == "lastPulledAt")
            assert each[name] is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each[name])
    assert sum(each["lastPulledAt"] is None for each in images) == 2    # the list's parts
    assert commands.writes() == []


@pytest.mark.parametrize("word, names", [
    ("dockercache", [(TOOL, "3"), (OTHER, "7")]),
    ("dockercache/", [(TOOL, "3"), (OTHER, "7")]),
    ("dockercache/library", [(TOOL, "3")]),
    (f"{HOST}/dockercache/library", [(TOOL, "3")]),
    (APP, [(APP, "1.0"), (APP, "1.1")]),
    (f"{APP}:1.1", [(APP, "1.1")]),
    (f"{HOST}/{APP}:1.1", [(APP, "1.1")]),
    ("quay.io/org/app", [(APP, "1.0"), (APP, "1.1")]),
    ("quay.io/org/app:1.0", [(APP, "1.0")]),
    ("docker.io", [(TOOL, "3"), (OTHER, "7")]),
    ("registry-1.docker.io/", [(TOOL, "3"), (OTHER, "7")]),
    ("quay.io", [(APP, "1.0"), (APP, "1.1")]),
    ("tool", [(TOOL, "3")]),
    ("docker.io/org/other:7", [(OTHER, "7")])])
def test_a_part_of_it(commands, word, names):
    assert listed(commands, word)[0] == names


def test_by_digest(commands, aws):
    digest = aws.state()["repositories"][APP]["tags"]["1.1"]["digest"]
    for word in (f"quay.io/org/app@{digest}", f"{APP}@{digest}", f"{APP}:1.0@{digest}"):
        assert listed(commands, word)[0] == [(APP, "1.1")]


@pytest.mark.parametrize("word", ["dockercache/lib", "quay.io/org/app:2", "nginx", f"{APP}:latest"])
def test_what_is_not_there(commands, word):
    done = commands.run("images", "list", word, status=1)
    assert (done.stdout, done.stderr) == ("", "pullthrough images: ECR holds no such image; `pullthrough "
                                         "images list -o name` names those that it holds\n")
    assert listed(commands, word, status=1) == ([], [])


@pytest.mark.parametrize("word", ["gcr.io/not/ours", "theirs/org/app@x", "a b"])
def test_what_is_none(commands, aws, word):
    done = commands.run("images", "list", word, status=3)
    assert done.stderr.startswith(
        f"pullthrough images: {word}: is neither below an upstream's prefix nor an image of")
    assert aws.calls() == []


def test_lines_for_programs(commands, aws):
    done = commands.run("images", "list", TOOL, status=0)
    held = aws.state()["repositories"][TOOL]
    digest = held["tags"]["3"]["digest"]
    fields = done.stdout.rstrip("\n").split("\t")
    assert fields[:4] == [TOOL, "3", digest, str(held["images"][digest]["size"])]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each) for each in fields[4:])
    assert len(commands.run("images", "list", TOOL, "--all").stdout.splitlines()) == 3


def test_on_a_terminal(commands, aws):
    status, text = commands.terminal("images", "list", "dockercache")
    assert status == 0
    lines = text.splitlines()
    assert lines[:3] == ["REPOSITORY", "  TAG  DIGEST                SIZE   PUSHED      LAST PULL", TOOL]
    digest = aws.state()["repositories"][TOOL]["tags"]["3"]["digest"]
    assert lines[3].split()[:2] == ["3", digest[:19] + "…"]
    assert lines[4] == OTHER and lines[5].split()[0] == "7"
    assert lines[-1] == "2 images without a tag, mostly parts of these: --all"


def test_page_by_page(commands, aws):
    aws.set(pageSize=1)
    assert len(listed(commands)[1]) == 6


def test_archived_images_are_not_there(commands, aws):
    aws.archive(APP, tag="1.0")
    assert listed(commands, APP)[0] == [(APP, "1.1")]
    commands.run("images", "list", f"{APP}:1.0", status=1)


def test_the_policy_of_verify_suffices(commands, aws):
    policy = json.loads(commands.run("iam", "verify", status=0).stdout)
    aws.principal("webhook", policy=policy)
    commands.use(*aws.session("webhook"))
    assert len(listed(commands)[1]) == 6


def test_denied(commands, aws):
    aws.principal("webhook", policy={"Version": "2012-10-17", "Statement": []})
    commands.use(*aws.session("webhook"))
    for word, action in (("dockercache", "DescribeRepositories"), ("nginx", "DescribeImages")):
        done = commands.run("images", "list", word, status=3)
        assert "ECR does not say what it holds: " in done.stderr and f"ecr:{action}" in done.stderr
        assert done.stderr.endswith("; what it takes is printed by: pullthrough iam verify\n")


def test_another_account(commands, aws):
    done = commands.run("images", "list", "--account", "999988887777", "--region", REGION, status=3)
    assert done.stderr == (f"pullthrough images: the credentials are of account {ACCOUNT}, the "
                           "registry is of 999988887777\n")
    assert aws.calls(operation="Describe*") == []


def test_names_and_yaml(commands, aws):
    assert commands.run("images", "list", "-o", "name", status=0).stdout.splitlines() == [
        f"{TOOL}:3", f"{OTHER}:7", f"{APP}:1.0", f"{APP}:1.1"]
    names = commands.run("images", "list", TOOL, "--all", "-o", "name", status=0).stdout.splitlines()
    digests = aws.state()["repositories"][TOOL]["images"]
    assert sorted(names) == sorted([f"{TOOL}:3", *(f"{TOOL}@{each}" for each in digests
                                                   if each != aws.state()["repositories"][TOOL]["tags"]["3"]["digest"])])
    for name in names:   # each is what the command itself takes
        assert commands.run("images", "list", name, "--all", "-o", "name", status=0).stdout == name + "\n"
    document = commands.run("images", "list", "-o", "yaml", status=0).stdout
    assert yaml.safe_load(document) == commands.json("images", "list")
