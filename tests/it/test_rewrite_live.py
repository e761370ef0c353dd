"""`pullthrough rewrite --live` beside the AWS stand-in: what ECR holds, and when it is asked."""

import base64
import http.client
import json

import pytest

from commands import Commands
from standin import ACCOUNT, REGION
from upstream import Upstream

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
NONE = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def quay(tmp_path_factory):
    made = Upstream(tmp_path_factory.mktemp("quay") / "data")
    made.image("org/app", "1.0")
    made.image("org/app", "latest")
    yield made
    made.stop()


@pytest.fixture
def commands(program, tmp_path, aws, quay):
    """quay.io/org/app is cached as 1.0 and latest."""
    made = Commands(program, tmp_path, aws, registry={"account": ACCOUNT, "region": REGION})
    aws.set(upstreams={"quay.io": {"url": quay.url}})
    made.config["upstreams"] = [{"registry": "quay.io"}]
    made.run("rules", "apply", status=0)
    login = base64.b64encode(f"AWS:{aws.login('operator')}".encode()).decode()
    for tag in ("1.0", "latest"):
        connection = http.client.HTTPConnection(aws.host, timeout=30)
        connection.request("GET", f"/v2/quaycache/org/app/manifests/{tag}",
                           headers={"Authorization": "Basic " + login})
        assert connection.getresponse().status == 200
        connection.close()
    made.config["rewrite"] = {"when": "cached"}
    aws.admin("DELETE", "calls")
    return made


def digest_of(aws, tag):
    return aws.state()["repositories"]["quaycache/org/app"]["tags"][tag]["digest"]


def outcomes(commands, *images):
    found = commands.json("rewrite", "--live", *images)["images"]
    assert [each["image"] for each in found] == list(images)
    for each in found:
        assert ("rewritten" in each) == (each["outcome"] == "rewritten")
    return [each["outcome"] for each in found]


def test_what_ecr_holds(commands, aws):
    held = digest_of(aws, "1.0")
    assert outcomes(commands, "quay.io/org/app:1.0", "quay.io/org/app", "quay.io/org/app:2",
                    "quay.io/org/none:1", f"quay.io/org/app@{held}", f"quay.io/org/app:7@{held}",
                    f"quay.io/org/app:1.0@{NONE}", "gcr.io/x") == [
        "rewritten", "rewritten", "not-cached", "not-cached", "rewritten", "rewritten",
        "not-cached", "not-upstream"]
    assert {call["operation"] for call in aws.calls()} == {"GetCallerIdentity", "DescribeImages"}
    assert commands.writes() == []


def test_an_image_is_asked_for_once(commands, aws):
    assert set(outcomes(commands, *["quay.io/org/app:1.0"] * 20)) == {"rewritten"}
    assert set(outcomes(commands, *["quay.io/org/app:2"] * 20)) == {"not-cached"}
    assert len(aws.calls(operation="DescribeImages")) == 2


def test_archived_images_are_not_held(commands, aws):
    aws.archive("quaycache/org/app", tag="1.0")
    assert outcomes(commands, "quay.io/org/app:1.0") == ["not-cached"]
    aws.archive("quaycache/org/app", "ACTIVE", tag="1.0")
    assert outcomes(commands, "quay.io/org/app:1.0") == ["rewritten"]


def test_only_digests(commands, aws):
    commands.config["rewrite"] = {"digests": "cached"}
    assert outcomes(commands, "quay.io/org/app:2", f"quay.io/org/app:1.0@{NONE}") == [
        "rewritten", "not-cached"]
    assert len(aws.calls(operation="DescribeImages")) == 1


def test_nobody_is_asked_for_what_is_left_alone(commands, aws):
    assert outcomes(commands, "gcr.io/x", "docker.io/library/nginx") == ["not-upstream"] * 2
    assert aws.calls() == []


def test_the_table_and_the_check(commands):
    images = ("quay.io/org/app:1.0", "quay.io/org/app:2", f"quay.io/org/app@{NONE}",
              "quay.io/org/none")
    done = commands.run("rewrite", "--explain", "--live", *images, status=0)
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        [images[0], "rewritten"]] + [[image, "not-cached"] for image in images[1:]]
    by_tag = "ECR doesn't hold it: it is imported by its tag once a pod wants it"
    alone = "ECR doesn't hold it: a digest without a tag is used, but not imported"
    for line, reason in zip(done.stdout.splitlines()[1:], (by_tag, alone, by_tag), strict=True):
        assert line.endswith(f"\t{reason}")
    assert done.stderr == ""
    done = commands.run("rewrite", "--check", "--live", *images, status=1)
    assert done.stdout == f"{images[0]} -> {HOST}/quaycache/org/app:1.0\n"
    commands.run("rewrite", "--check", "--live", images[1], status=0)


def test_a_manifest(commands, tmp_path):
    manifest = tmp_path / "pod.json"
    manifest.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [
            {"name": "a", "image": "quay.io/org/app:1.0"},
            {"name": "b", "image": "quay.io/org/app:2"}]}}))
    found = commands.json("rewrite", "--live", "-f", str(manifest))
    assert [(each["container"], each["outcome"]) for each in found["images"]] == [
        ("a", "rewritten"), ("b", "not-cached")]
    assert found["rewritten"] == 1


def test_more_images_than_are_kept(commands, aws, tmp_path):
    """They are told while they come, and asked for once in a while."""
    pods = 30000
    manifest = tmp_path / "pods.json"
    manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{i}"}, "spec": {"containers": [
            {"name": "a", "image": "quay.io/org/app:1.0"},
            {"name": "b", "image": "quay.io/org/app:2"}]}} for i in range(pods)]}))
    found = commands.json("rewrite", "--live", "-f", str(manifest))
    assert [each["outcome"] for each in found["images"]] == ["rewritten", "not-cached"] * pods
    assert found["rewritten"] == pods
    assert 2 < len(aws.calls(operation="DescribeImages")) < 20


@pytest.mark.parametrize("arguments", [("--explain",), ("--check",), ()])
def test_it_says_that_nobody_was_asked(commands, aws, arguments):
    done = commands.run("rewrite", *arguments, "quay.io/org/app:2")
    assert f"{HOST}/quaycache/org/app:2" in done.stdout
    assert done.stderr == ("pullthrough rewrite: ECR is taken to hold every image; --live with "
                           "--explain asks it\n")
    assert commands.run("rewrite", *arguments, "gcr.io/x").stderr == ""
    assert commands.run("rewrite", *arguments, "-o", "json", "quay.io/org/app:2").stderr == ""
    commands.config["rewrite"] = {"when": "always"}
    assert commands.run("rewrite", *arguments, "quay.io/org/app:2").stderr == ""
    assert aws.calls() == []


def test_what_it_refuses(commands, aws):
    done = commands.run("rewrite", "--live", "quay.io/org/app:1.0", status=2)
    assert "--live goes with --explain, --check or -o json" in done.stderr
    commands.config["rewrite"] = {"digests": "rewrite"}
    done = commands.run("rewrite", "--live", "--explain", "quay.io/org/app:1.0", status=3)
    assert done.stderr == ("pullthrough rewrite: --live: no image depends on what ECR holds, since "
                           "neither rewrite.when nor rewrite.digests is cached\n")
    assert aws.calls() == []


def test_no_permission(commands, aws):
    aws.principal("webhook", policy={"Version": "2012-10-17", "Statement": []})
    commands.use(*aws.session("webhook"))
    done = commands.run("rewrite", "--live", "--explain", "quay.io/org/app:1.0", status=3)
    assert done.stdout == ""
    assert "ECR does not say which images it holds: " in done.stderr
    assert "ecr:DescribeImages" in done.stderr


def test_the_policy_of_verify_suffices(commands, aws):
    policy = json.loads(commands.run("iam", "verify", status=0).stdout)
    aws.principal("webhook", policy=policy)
    commands.use(*aws.session("webhook"))
    assert outcomes(commands, "quay.io/org/app:1.0", "quay.io/org/app:2") == [
        "rewritten", "not-cached"]


def test_another_account(commands, aws):
    done = commands.run("rewrite", "--live", "--explain", "--account", "999988887777", "--region",
                        REGION, "quay.io/org/app:1.0", status=3)
    assert done.stderr == (f"pullthrough rewrite: the credentials are of account {ACCOUNT}, the "
                           "registry is of 999988887777\n")
    assert aws.calls(operation="DescribeImages") == []
