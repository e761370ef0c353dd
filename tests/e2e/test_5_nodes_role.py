"""Nodes whose role lacks what a first pull through the cache needs: pods wait for ever while every
step before is fine, so `helm test` asks a node, and says what is missing."""

import os
import re

import pytest
from helm import CHART, Failed, Helm
from installation import NAME, NAMESPACE
from pull_faults import CREATE, IMPORT
from world import cached, until

pytestmark = pytest.mark.own
IMAGE = "registry.k8s.io/pause:3.10"


@pytest.fixture(scope="module")
def tested(world, release):
    """The release with a registry that the chart can name."""
    installed, config = release.ensure(), release.config
    known = {**config, "registry": {**config["registry"], "account": "111122223333"}}
    # Kubelet tries after 0 and 10 s.
    installed.upgrade(config=known, test={"pull": {"timeoutSeconds": 15}})
    installed.wait_taken()
    yield installed
    world.aws.ask("PATCH", "principals/puller", {"denied": []})
    installed.upgrade(config=config, test={})


def deny(world, *actions):
    """The nodes may do all but this, and the image was never pulled."""
    world.aws.ask("PATCH", "principals/puller", {"denied": list(actions)})
    kept = {k: v for k, v in world.aws.state()["repositories"].items() if k != "k8scache/pause"}
    world.aws.ask("PATCH", "state", {"repositories": kept})


def helm_test(folder, version):
    """What `helm test` prints."""
    helm = Helm(version, os.environ["KUBECONFIG"], folder / f"helm{version}")
    return helm.run("test", NAME, "--namespace", NAMESPACE)


@pytest.mark.parametrize("version, actions", [
    (3, (IMPORT, CREATE)), (4, (IMPORT,)), (4, (CREATE,)),
], ids=["Helm 3, both", "Helm 4, import", "Helm 4, create"])  # fmt: skip
def test_it_says_what_the_nodes_lack(world, tested, folder, version, actions):
    deny(world, *actions)
    with pytest.raises(Failed) as failed:
        helm_test(folder, version)
    said = str(failed.value)
    print(said)
    assert f"the node can't pull {cached(IMAGE)}: ErrImagePull" in said
    assert "not found" in said
    # After 1 and 6 s; Helm 4 puts all that a pod wrote into one line, with the reason at its end.
    assert said.count("waiting for the node") <= 2
    assert IMPORT in said and CREATE in said and "`pullthrough iam nodes`" in said


@pytest.mark.parametrize("version", [3, 4])
def test_it_passes_once_they_have_it(world, tested, folder, version):
    deny(world)
    said = helm_test(folder, version)
    print(said)
    assert "Failed" not in said
    assert "k8scache/pause" in world.aws.state()["repositories"]
    kinds = "statefulset,role,rolebinding,pod"
    mine = ("-n", NAMESPACE, "get", kinds, "-o", "name")
    until(
        lambda: "test-pull" not in world.kubectl(*mine).stdout, "what the test made is gone"
    )


def test_the_check_of_the_configuration_keeps_why_its_image_cannot_be_pulled(world, folder):
    """Helm says no more than that the Job failed."""
    helm = Helm(3, os.environ["KUBECONFIG"], folder / "helm3")
    namespace = world.namespace("unpulled", rewritten=False)
    with pytest.raises(Failed) as failed:
        helm.run(
            "install", "unpulled", CHART, "--namespace", namespace,
            "--set", "image.repository=registry.acme.example/nowhere",
            "--set", "configCheck.timeoutSeconds=10",
        )  # fmt: skip
    assert re.search("unpulled-pullthrough-check-config-[0-9a-f]+ failed", str(failed.value))
    said = world.kubectl("-n", namespace, "get", "events").stdout
    assert 'Failed to pull image "registry.acme.example/nowhere:0.1.0"' in said
    (pod,) = world.pods(namespace)
    assert pod["status"]["reason"] == "DeadlineExceeded"
    helm.run("uninstall", "unpulled", "--namespace", namespace)
