"""Uninstalled, nothing is left, and pods start as if we had never been."""

import json
import os
import re
import subprocess

import kube
import pytest
from installation import NAMESPACE
from world import ROOT, until


def test_uninstall_leaves_nothing(world, installed):
    namespace = world.namespace("after")
    name = installed.release.cluster_name
    installed.uninstall()
    made = world.kube.create(kube.pod("one", "busybox:1", namespace=namespace))
    assert kube.images(made) == ["busybox:1"]
    assert not world.kube.find("MutatingWebhookConfiguration", name)
    for kind in ("ClusterRole", "ClusterRoleBinding"):
        assert not [each for each in world.kube.list(kind) if "pullthrough" in json.dumps(each)]
    until(lambda: not world.pods(NAMESPACE), "our pods are gone")
    kinds = [kind for kind, known in kube.KINDS.items() if known.namespaced]
    own = {"Event"}  # they expire
    foreign = {"Certificate", "Issuer"}  # their kind may not be installed
    for kind in set(kinds) - own - foreign:
        left = [
            each["metadata"]["name"] for each in world.kube.list(kind, NAMESPACE)
            if each["metadata"]["name"] not in ("kube-root-ca.crt", "default", "webhook-tls")
        ]  # fmt: skip
        assert not left, f"{kind}: {left}"
    if world.is_ours:
        world.wait_running("one", namespace)


@pytest.mark.own
def test_on_a_cluster_of_which_only_a_kubeconfig_is_known(world, installed):
    """hack/e2e.sh --use-kubeconfig: tests that make sense anywhere, and nothing is left behind."""
    (container,) = installed.pods()[0]["spec"]["containers"]
    installed.leave()
    until(lambda: NAMESPACE not in namespaces(world), "our namespace is gone")
    before = namespaces(world)
    done = elsewhere(world, container["image"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("3 passed, 2 skipped", done.stdout), done.stdout
    until(lambda: namespaces(world) <= before, "its namespaces are gone")
    assert not installed.configuration()


@pytest.mark.own
def test_what_somebody_uses_is_not_touched(world, installed):
    """A cluster that has a namespace of our name is none for these tests."""
    done = elsewhere(world, "pullthrough:unused")
    assert done.returncode == 1
    assert f"this cluster has a namespace {NAMESPACE} already" in done.stdout
    installed.wait_taken()


def elsewhere(world, image):
    """Tests that make sense on any cluster, as a user calls them."""
    return subprocess.run(
        [ROOT / "hack" / "e2e.sh", "--use-kubeconfig", image, "tests/e2e/test_1_rewriting.py"],
        env={**os.environ, "KUBECONFIG": world.kubeconfig}, capture_output=True, text=True,
    )  # fmt: skip


def namespaces(world):
    return {each["metadata"]["name"] for each in world.kube.list("Namespace")}


def test_it_can_be_installed_again(world, installed):
    namespace = world.namespace("again")
    until(lambda: world.try_image(namespace) != "busybox:1", "pods are rewritten")
