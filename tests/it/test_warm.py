"""`pullthrough warm` beside the AWS stand-in: everything is cached in the end, or it is told what
isn't and what to do; whatever goes wrong on the way."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

import pytest

import standin
from commands import ACCOUNT_VALUE, ROOT, Commands
from upstream import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Upstream

SECRET = "ecr-pullthroughcache/dockerio"
QUAY = [f"quay.io/org/app:{i}" for i in range(1, 7)]
HUB = [f"docker.io/library/tool:{i}" for i in range(1, 4)]
EMPTY_POLICY = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture(scope="module")
def upstreams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstreams")
    quay, hub = Upstream(folder / "quay"), Upstream(folder / "hub")
    for image in QUAY:
        quay.image("org/app", image.rpartition(":")[2], image)
    for image in HUB:
        hub.index("library/tool", image.rpartition(":")[2], image)
    yield quay, hub
    quay.stop()
    hub.stop()


@pytest.fixture(scope="module")
def secure_standin(certs):
    process = standin.StandIn("--cert", str(certs.leaf.cert), "--key", str(certs.leaf.key))
    yield process
    assert process.stop() == 0


@pytest.fixture
def aws(secure_standin, upstreams):
    secure_standin.reset()
    reach(secure_standin, upstreams)
    return secure_standin


def reach(aws, upstreams, **hub):
    aws.set(upstreams={"quay.io": {"url": upstreams[0].url},
                       "registry-1.docker.io": {
                           "url": upstreams[1].url,
                           "accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}, **hub}})


class Warm(Commands):
    """`images` runs it for a pod with these images; -o json."""

    def pods(self, *images):
        file = self.folder / "pods.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{i}", "namespace": "web"},
             "spec": {"containers": [{"name": "c", "image": image}]}}
            for i, image in enumerate(images)]}))
        return str(file)

    def images(self, *images, status=0, options=()):
        """Image -> what became of it, and the whole document."""
        document = self.json("warm", "-f", self.pods(*images), *options, status=status)
        found = {each["image"]: each for each in document["images"]}
        for state in ("cached", "imported", "missing", "failed"):
            assert document[state] == sum(each["state"] == state for each in found.values())
        assert (status == 0) == (document["missing"] == document["failed"] == 0)
        return found, document

    def imports(self):
        """The images that were asked for at the registry, in order."""
        return [f"{call['parameters']['name']}:{call['parameters']['reference']}"
                for call in self.aws.calls(operation="GetManifest")]


@pytest.fixture
def warm(program, tmp_path, aws, certs):
    made = Warm(program, tmp_path, aws, registry={"host": aws.host})
    made.config["aws"]["caFile"] = str(certs.ca)
    aws.secret(SECRET, value=ACCOUNT_VALUE)
    made.config["upstreams"] = [{"registry": "docker.io"}, {"registry": "quay.io"}]
    made.run("rules", "apply", status=0)
    aws.admin("DELETE", "calls")
    return made


def states(found):
    return {name: each["state"] for name, each in found.items()}


# --- all is well ----------------------------------------------------------------------------------


def test_each_image_is_imported_once(warm, aws):
    found, document = warm.images(*QUAY, *HUB, QUAY[0], "gcr.io/not/ours:1")
    assert states(found) == dict.fromkeys(QUAY + HUB, "imported")
    assert sorted(warm.imports()) == sorted(
        [image.replace("quay.io", "quaycache") for image in QUAY]
        + [image.replace("docker.io", "dockercache") for image in HUB])
    held = aws.state()["repositories"]
    for image in QUAY:
        repository, tag = image.replace("quay.io", "quaycache").split(":")
        digest = held[repository]["tags"][tag]["digest"]
        assert found[image]["sizeBytes"] == held[repository]["images"][digest]["size"] > 0
    assert document["sizeBytes"] == sum(each["sizeBytes"] for each in found.values())
    assert warm.writes() == []
    again, _ = warm.images(*QUAY, *HUB)
    assert states(again) == dict.fromkeys(QUAY + HUB, "cached")
    assert len(warm.imports()) == len(QUAY + HUB)
    assert {name: each["sizeBytes"] for name, each in again.items()} == {
        name: each["sizeBytes"] for name, each in found.items()}


def test_what_a_person_reads(warm):
    warm.images(QUAY[0])
    done = warm.run("warm", "-f", warm.pods(QUAY[0], QUAY[1]), status=0)
    assert re.fullmatch(r"2 images: 1 was cached, 1 imported \(together \d+ B\)\n", done.stdout)
    assert done.stderr == ""


def test_a_dry_run_imports_nothing(warm):
    warm.images(QUAY[0])
    before = warm.imports()
    found, document = warm.images(QUAY[0], QUAY[1], HUB[0], status=1, options=["--dry-run"])
    assert states(found) == {QUAY[0]: "cached", QUAY[1]: "missing", HUB[0]: "missing"}
    assert document["sizeBytes"] == found[QUAY[0]]["sizeBytes"] > 0
    assert warm.imports() == before
    done = warm.run("warm", "--dry-run", "-f", warm.pods(QUAY[0], QUAY[1]), status=1)
    assert re.fullmatch(r"2 images: 1 cached \(together \d+ B\), 1 missing\n\n"
                        rf"Missing, and imported without --dry-run:\n{QUAY[1]}\n", done.stdout)
    warm.run("warm", "--dry-run", "-f", warm.pods(QUAY[0]), status=0)


def test_until_ecr_has_it(warm, aws):
    """What ECR serves but doesn't show for a while is waited for."""
    aws.set(importDelay=3)
    found, _ = warm.images(QUAY[0])
    assert states(found) == {QUAY[0]: "imported"}
    assert len(aws.calls(operation="DescribeImages")) > 2
    assert len(warm.imports()) == 1


def test_it_waits_no_longer_than_it_is_told(warm, aws):
    aws.set(importDelay=600)
    found, _ = warm.images(QUAY[0], status=1, options=["--timeout", "1s"])
    assert found[QUAY[0]]["reason"] == "ECR gives it, but doesn't have it whole after 1 s"


def test_nothing_to_do(warm, aws):
    done = warm.run("warm", "-f", warm.pods("gcr.io/not/ours:1"), status=0)
    assert done.stdout == "0 images: 0 were cached, 0 imported\n"
    assert warm.imports() == []


# --- where the pods come from ---------------------------------------------------------------------


def kubectl(folder, text):
    folder.mkdir()
    (folder / "kubectl").write_text(f"#!/bin/sh\necho \"$*\" > {folder}/asked\ncat <<'E'\n{text}\nE\n")
    (folder / "kubectl").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_from_the_cluster(warm, tmp_path):
    """Also where standard input is no terminal."""
    path = kubectl(tmp_path / "bin", pathlib.Path(warm.pods(QUAY[2])).read_text())
    done = warm.run("warm", "--from-cluster", "--context", "there", "-n", "web", status=0, **path)
    assert done.stdout.startswith("1 image: 0 were cached, 1 imported")
    assert (tmp_path / "bin" / "asked").read_text() == (
        "get pods -o json --namespace web --context there\n")


def test_more_images_than_there_is_room_for(warm, aws):
    """ECR may have all that were counted, and that isn't all."""
    done = warm.run("warm", "--dry-run", "-f", warm.pods(*(f"quay.io/org/app:{i}" for i in range(65540))), status=3)
    assert done.stdout == "" and done.stderr.endswith(
        "pullthrough warm: more images than the 65536 that there is room for: 4 aren't counted; take a "
        "namespace at a time (-n)\n")
    assert not aws.calls(operation="DescribeImages")


def test_from_standard_input(warm, tmp_path):
    with open(warm.pods(QUAY[3]), encoding="utf-8") as file:
        done = subprocess.run(warm.command("warm", "-", "-o", "json"), env=warm.environment,
                              stdin=file, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)["imported"] == 1


@pytest.mark.parametrize("arguments, reason", [
    (["-", "-f", "-"], "standard input can be read once only"),
    (["pods.json"], "pods come from a file after -f, or from standard input by \"-\""),
    (["-f", "x", "--from-cluster"], "the pods come from the cluster or from files, not both"),
    (["--per-hour", "0"], "--per-hour: wants a number from 1 to 100000"),
    (["--per-hour", "4x"], "--per-hour: wants a number from 1 to 100000"),
    (["--timeout", "0s"], "--timeout: wants 1s to 24h")])
def test_wrong_usage(warm, aws, arguments, reason):
    assert reason in warm.run("warm", *arguments, status=2).stderr
    assert aws.calls() == []


# --- what can't be imported -----------------------------------------------------------------------


def test_images_that_are_not_there(warm):
    found, _ = warm.images(QUAY[0], "quay.io/org/app:none", "quay.io/org/nobody:1", status=1)
    assert states(found) == {QUAY[0]: "imported", "quay.io/org/app:none": "failed",
                             "quay.io/org/nobody:1": "failed"}
    for name in ("quay.io/org/app:none", "quay.io/org/nobody:1"):
        assert found[name]["reason"].startswith("HTTP 404 MANIFEST_UNKNOWN: ")
        assert found[name]["advice"].startswith("check that the upstream has this image and tag")
    done = warm.run("warm", "-f", warm.pods(*found), status=1)
    shown = done.stdout.split("\n\nNot to be had through the cache:\n")[1]
    assert shown == """\
quay.io/org/app:none
quay.io/org/nobody:1
    HTTP 404 MANIFEST_UNKNOWN: Requested image not found
    What to do: check that the upstream has this image and tag; if it does,
    ecr:BatchImportUpstreamImage is missing for whoever runs this (`pullthrough
    iam verify`, or `iam registry`): ECR says the same then
"""


def test_digests(warm, aws, upstreams):
    warm.config["rewrite"] = {"digests": "rewrite"}
    warm.images(QUAY[0])
    held = aws.state()["repositories"]["quaycache/org/app"]["tags"]["1"]["digest"]
    other = upstreams[0].image("org/app", "other", "other")["digest"]
    found, _ = warm.images(f"quay.io/org/app@{held}", f"quay.io/org/app@{other}",
                           f"quay.io/org/app:2@{held}", f"quay.io/org/app:3@{other}", status=1)
    assert [each["state"] for each in found.values()] == ["cached", "failed", "cached", "failed"]
    assert found[f"quay.io/org/app@{other}"]["advice"].startswith("ECR can't import a digest alone")
    assert found[f"quay.io/org/app:3@{other}"]["reason"].startswith(
        "its tag 3 is another image by now: sha256:")
    found, _ = warm.images(f"quay.io/org/app:other@{other}")
    assert [each["state"] for each in found.values()] == ["imported"]


def test_archived_images(warm, aws):
    warm.images(QUAY[0])
    aws.archive("quaycache/org/app", tag="1")
    before = warm.imports()
    found, _ = warm.images(QUAY[0], status=1)
    assert found[QUAY[0]]["reason"] == "ECR has the image, but it is not ACTIVE"
    assert found[QUAY[0]]["advice"].startswith("it is archived, and can't be pulled: restore it")
    assert warm.imports() == before


def test_a_rule_that_is_not_ready(warm, aws):
    warm.run("rules", "delete", "quaycache", "--yes", status=0)
    found, _ = warm.images(QUAY[0], HUB[0], status=1)
    assert states(found) == {QUAY[0]: "failed", HUB[0]: "imported"}
    assert found[QUAY[0]]["reason"].startswith("quay.io is missing: ")
    assert "pullthrough rules apply" in found[QUAY[0]]["advice"]


def test_an_upstream_that_is_away(warm, aws, upstreams):
    """Its images are given up after a few; others are imported."""
    aws.set(upstreams={"registry-1.docker.io": {
        "url": upstreams[1].url, "accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}})
    many = [f"quay.io/org/app:{i}" for i in range(100, 130)]
    found, _ = warm.images(*many, HUB[0], status=1)
    assert states(found) == {**dict.fromkeys(many, "failed"), HUB[0]: "imported"}
    for image in many:
        assert found[image]["reason"].startswith("HTTP 50"), found[image]
        assert found[image]["advice"].startswith("the upstream can't be reached from ECR")
    tried = {each for each in warm.imports() if each.startswith("quaycache")}
    assert 4 <= len(tried) < 10


def test_a_failure_that_passes(warm, aws):
    aws.fault("server-error", service="registry", operation="GetManifest", times=2)
    aws.fault("reset", service="ecr", operation="DescribeImages", times=1)
    found, _ = warm.images(*QUAY)
    assert states(found) == dict.fromkeys(QUAY, "imported")


def test_throttled(warm, aws):
    """By ECR, at first."""
    aws.fault("throttle", service="ecr", operation="DescribeImages", times=5)
    aws.fault("throttle", service="registry", operation="GetManifest", times=1)
    found, _ = warm.images(*QUAY[:2])
    assert states(found) == dict.fromkeys(QUAY[:2], "imported")


def test_the_limit_of_docker_hub(warm, aws, upstreams):
    """A list of two counts three pulls: one image fits at most."""
    reach(aws, upstreams, pulls={"limit": 3, "seconds": 3600})
    found, _ = warm.images(*HUB, QUAY[0], status=1, options=["--timeout", "1s"])
    assert found[QUAY[0]]["state"] == "imported"
    assert [found[name]["state"] for name in HUB].count("failed") >= len(HUB) - 1
    for image, each in found.items():
        if each["state"] == "failed":
            assert each["reason"].startswith("HTTP 429 TOOMANYREQUESTS: "), each
            assert each["advice"] == "ECR or the upstream is asked too often: try again later"
    reach(aws, upstreams)
    assert states(warm.images(*HUB)[0]) == {
        name: "cached" if each["state"] == "imported" else "imported"
        for name, each in found.items() if name in HUB}


def test_denied(warm, aws):
    """Nobody may import: one image is asked for, the others are not."""
    policy = json.loads(warm.run("iam", "verify", status=0).stdout)
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != "ecr:BatchGetImage"]
    aws.principal("webhook", policy=policy)
    warm.use(*aws.session("webhook"))
    found, _ = warm.images(*QUAY, status=1)
    assert states(found) == dict.fromkeys(QUAY, "failed")
    for image in QUAY:
        assert "ecr:BatchGetImage" in found[image]["reason"]
        assert found[image]["advice"].startswith("allow the action that is named")
    assert len(warm.imports()) <= 4


def test_a_reason_is_told_once(warm, aws):
    """Only the number of the request differs."""
    aws.fault("access-denied", operation="GetAuthorizationToken", times=None)
    text = warm.run("warm", "-f", warm.pods(*QUAY), status=1).stdout
    assert text.count("AccessDeniedException") == 1 and "request id" in text


def test_nobody_says_what_ecr_has(warm, aws):
    policy = json.loads(warm.run("iam", "verify", status=0).stdout)
    for statement in policy["Statement"]:
        statement["Action"] = [each for each in statement["Action"] if each != "ecr:DescribeImages"]
    aws.principal("webhook", policy=policy)
    warm.use(*aws.session("webhook"))
    done = warm.run("warm", "-f", warm.pods(*QUAY), status=3)
    assert done.stdout == ""
    assert "ECR does not say which images it holds: " in done.stderr
    assert "ecr:DescribeImages" in done.stderr
    assert done.stderr.endswith("; what it takes is printed by: pullthrough iam verify\n")
    assert warm.imports() == []


def test_the_rules_can_not_be_seen(warm, aws):
    aws.principal("webhook", policy=EMPTY_POLICY)
    warm.use(*aws.session("webhook"))
    done = warm.run("warm", "-f", warm.pods(*QUAY), status=3)
    assert "ecr:DescribePullThroughCacheRules" in done.stderr
    assert done.stderr.endswith("; what it takes is printed by: pullthrough iam verify\n")


def test_the_policy_of_verify_suffices(warm, aws):
    policy = json.loads(warm.run("iam", "verify", status=0).stdout)
    aws.principal("webhook", policy=policy)
    warm.use(*aws.session("webhook"))
    found, _ = warm.images(QUAY[0], HUB[0])
    assert states(found) == {QUAY[0]: "imported", HUB[0]: "imported"}


def test_another_account(warm, aws):
    del warm.config["registry"]
    done = warm.run("warm", "-f", warm.pods(*QUAY), "--account", "999988887777", status=3)
    assert done.stdout == ""
    assert done.stderr == (f"pullthrough warm: the credentials are of account {standin.ACCOUNT}, "
                           "the registry is of 999988887777\n")
    assert aws.calls(operation="DescribeImages") == [] == warm.imports()


def test_cached_mode(warm):
    """What `serve` would import once a pod wants it."""
    warm.config["rewrite"] = {"when": "cached"}
    assert states(warm.images(*QUAY[:2])[0]) == dict.fromkeys(QUAY[:2], "imported")


# --- pace and Ctrl-C ------------------------------------------------------------------------------


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_docker_hub_is_paced_and_ctrl_c_stops(warm, aws):
    """One of its images an hour; others don't wait for it. The next run goes on."""
    process = warm.start("warm", "-f", warm.pods(*HUB, *QUAY), "--per-hour", "1", "-o", "json")
    aws.calls(operation="GetManifest", count=1 + len(QUAY), wait=60)
    for line in process.stderr:
        if "docker.io has had its 1 an hour" in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    warm.check(out + err)
    document = json.loads(out)
    assert document["interrupted"] and document["imported"] == 1 + len(QUAY)
    assert document["missing"] == len(HUB) - 1 and document["failed"] == 0
    assert len(warm.imports()) == 1 + len(QUAY)
    found, document = warm.images(*HUB, *QUAY)
    assert not document["interrupted"]
    assert document["cached"] == 1 + len(QUAY) and document["imported"] == len(HUB) - 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_ecr_hangs(warm, aws, number):
    """Within seconds, and what isn't there is named."""
    aws.fault("hang", service="registry", operation="GetManifest", seconds=60, times=None)
    process = warm.start("warm", "-f", warm.pods(*QUAY))
    aws.calls(operation="GetManifest", count=4, wait=60)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    warm.check(out + err)
    assert "0 imported, 6 missing\n\nStopped; the next run goes on with these:\n" in out
    assert out.endswith("".join(f"{image}\n" for image in QUAY))


def test_a_signal_that_is_ignored_from_the_start(warm, aws):
    """As in the background of a script, where Ctrl-C is meant for another."""
    aws.fault("slow", service="registry", operation="GetManifest", seconds=2, times=None)
    command = ["env", "--ignore-signal=INT", *warm.command("warm", "-f", warm.pods(*QUAY))]
    process = subprocess.Popen(command, env=warm.environment, stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    aws.calls(operation="GetManifest", count=4, wait=60)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert len(warm.imports()) == len(QUAY)


def test_four_at_once(warm, aws):
    """No more, and no fewer where there is enough to do."""
    aws.fault("hang", service="registry", operation="GetManifest", seconds=5, times=None)
    process = warm.start("warm", "-f", warm.pods(*QUAY))
    calls = aws.calls(operation="GetManifest", count=4, wait=60)
    assert len(calls) == 4
    process.kill()
    process.communicate(timeout=30)


def test_progress_on_a_terminal(warm, aws):
    aws.fault("slow", service="registry", operation="GetManifest", seconds=2, times=None)
    status, text = warm.terminal("warm", "-f", warm.pods(*QUAY))
    assert status == 0
    assert re.search(r"pullthrough warm: \d of 6 done; importing quay\.io/org/app:\d( and \d more)? "
                     r"\(\d s\)", text)


# --- docs/warm.md ---------------------------------------------------------------------------------

MEBIBYTES = {"library/busybox:latest": 2.1, "library/nginx:1.27": 68.9, "library/redis:7": 43.4,
             "acme/search:9": 99.5, "prometheus/node-exporter:v1.8.2": 11.7}


def say_size(upstream, name, mebibytes):
    """An image whose layer is said to be so large."""
    repository, _, tag = name.rpartition(":")
    layer = {**upstream.blob(repository, name.encode()), "size": int(mebibytes * 2**20)}
    upstream.manifest(repository, tag, {
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, **upstream.blob(repository, b"{}")},
        "layers": [{"mediaType": OCI_LAYER, **layer}]})


def on_terminal(command, **options):
    """What it writes to standard output, which is a terminal, but for colours."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(command, shell=True, stdout=terminal, stderr=subprocess.DEVNULL, **options):
        os.close(terminal)
        output = b""
        while True:
            try:
                part = os.read(controller, 65536)
            except OSError:  # the other side is closed
                break
            output += part
    os.close(controller)
    return output.decode().replace("\r\n", "\n")


def test_the_transcript_of_the_page(warm, aws, upstreams, program, tmp_path):
    """What docs/warm.md shows is what is printed, but for the day."""
    page = (ROOT / "docs/warm.md").read_text()
    shown = re.findall(r"^    \$ (pullthrough .*)\n((?:    .*\n|\n(?=    (?!\$)))+)", page, re.M)
    assert len(shown) == 4
    for name, mebibytes in MEBIBYTES.items():
        say_size(upstreams["node-exporter" not in name], name, mebibytes)
    warm.command("warm")  # writes the configuration
    script = tmp_path / "bin" / "pullthrough"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {program} "$@" --config {tmp_path}/config.yaml\n')
    script.chmod(0o755)
    environment = {**warm.environment, "TERM": "dumb", "PATH": f"{script.parent}:{os.environ['PATH']}"}
    for command, output in shown:
        wanted = re.sub(r"^    ", "", output, flags=re.M)
        said = re.sub(r"\b\d{4}-\d\d-\d\d\b", "2026-11-29", on_terminal(command, cwd=ROOT, env=environment))
        assert said == wanted.rstrip("\n") + "\n", command
