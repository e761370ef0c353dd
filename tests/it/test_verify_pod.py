"""`verify --pod`: what kubelet says of a pod's image, waited for and told. Whether a real kubelet
says it so is what tests/e2e/test_5_nodes_role.py sees."""

import json
import os
import subprocess

import pytest

from commands import ROOT
from kube_fake import KubeFake

IMAGE = "111122223333.dkr.ecr.us-west-2.amazonaws.com/k8scache/pause:3.10"
NOT_FOUND = f'failed to pull and unpack image "{IMAGE}": {IMAGE}: not found'


def pod(**state):
    """A pod whose container "pull" is in this state."""
    return {
        "kind": "Pod", "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "tell", "image": "ours"},
                                {"name": "pull", "image": IMAGE}]},
        "status": {"containerStatuses": [{"name": "tell", "state": {"running": {}}},
                                         {"name": "pull", "state": state}]},
    }  # fmt: skip


def waiting(reason, message=""):
    return pod(waiting={"reason": reason, **({"message": message} if message else {})})


@pytest.fixture
def kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture
def verify(program, kube):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KUBERNETES_"))}

    def run(*words, environ=None, where="probe/pull", timeout="1s"):
        return subprocess.run(
            [program, "verify", "--pod", where, "--timeout", timeout, *words],
            env={**kept, **(kube.environ() if environ is None else environ), "LC_ALL": "C.UTF-8",
                 "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def test_an_image_that_comes(kube, verify):
    """Also after a try that failed: an import may take longer than a node waits."""
    kube.pods["probe"] = [pod(), waiting("ContainerCreating"), waiting("ErrImagePull", NOT_FOUND),
                          waiting("ImagePullBackOff"), pod(terminated={"exitCode": 0})]  # fmt: skip
    done = verify(timeout="30s")
    assert (done.returncode, done.stdout) == (0, f"✓ pull         the node pulled {IMAGE}\n")
    assert kube.count("get pods") == 5


def test_an_image_that_does_not_come(kube, verify):
    """Kubelet's words are those of its try, not those of the wait after it."""
    kube.pods["probe"] = [waiting("ErrImagePull", NOT_FOUND),
                          waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')]
    done = verify()
    assert done.returncode == 1, done.stderr
    first, advice = done.stdout.splitlines()
    assert first == f"✗ pull         the node can't pull {IMAGE}: ErrImagePull: {NOT_FOUND}"
    assert "ecr:BatchImportUpstreamImage" in advice and "ecr:CreateRepository" in advice
    assert "`pullthrough iam nodes`" in advice


def test_a_name_that_no_node_takes_is_said_at_once(kube, verify):
    kube.pods["probe"] = [waiting("InvalidImageName", "couldn't parse image name")]
    done = verify(timeout="10m")
    assert done.returncode == 1, done.stderr
    assert "InvalidImageName: couldn't parse image name" in done.stdout


def test_a_pod_that_is_yet_to_be_made(kube, verify):
    asked = []

    def answer(verb, name):
        asked.append(name)
        if len(asked) > 2:
            kube.pods["probe"] = [pod(running={})]
        return KubeFake._pods(kube, verb, name)

    kube._pods = answer
    done = verify(timeout="30s")
    assert done.returncode == 0, done.stderr
    assert len(asked) == 3


def test_a_node_that_says_nothing(kube, verify):
    kube.pods["probe"] = [pod()]
    done = verify()
    assert done.returncode == 1
    assert f"the node can't pull {IMAGE}: it has said nothing about it in 1 s" in done.stdout


def test_one_json_document(kube, verify):
    kube.pods["probe"] = [waiting("ErrImagePull", "unexpected\nthings \"https://x?Signature=1\"")]
    done = verify("-o", "json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["image"], said["ok"]) == (IMAGE, False)
    (step,) = [each for each in said["steps"] if each["result"] == "failed"]
    assert step["step"] == "pull" and "Signature" not in step["detail"]


@pytest.mark.parametrize("way, words", [
    ("absent", 'could not get pods/probe in namespace images: pods "probe" not found'),
    ("denied", "may not get pods/probe in namespace images: pods is forbidden"),
    ("no container", "the pod has no container \"pull\""),
    ("nonsense", "the API server's answer about pods/probe in namespace images: malformed JSON"),
    ("no cluster", "this is not a pod of a cluster"),
])  # fmt: skip
def test_nobody_to_ask(kube, verify, way, words):
    kube.pods["probe"] = [{"kind": "Pod"}] if way == "no container" else [pod()]
    if way == "absent":
        kube.pods.clear()
    if way == "denied":
        kube.denied.add("get pods")
    if way == "nonsense":
        kube.way = "nonsense"
    done = verify(environ={} if way == "no cluster" else None)
    assert (done.returncode, done.stdout) == (3, "")
    assert words in done.stderr


@pytest.mark.parametrize("where, words", [
    ("probe", "--pod wants POD/CONTAINER"),
    ("/pull", "--pod wants POD/CONTAINER"),
    ("../x/pull", "--pod: .."),
    ("probe/", "--pod: "),
    ("p" * 300 + "/pull", "--pod wants POD/CONTAINER"),
])  # fmt: skip
def test_wrong_usage(kube, verify, where, words):
    done = verify(where=where)
    assert done.returncode == 2 and words in done.stderr
    assert not kube.requests


def test_no_image_with_it(verify):
    done = verify("nginx")
    assert done.returncode == 2
    assert "--pod: takes no image, and no configuration or option of AWS" in done.stderr
