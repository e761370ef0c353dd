"""Uninstalled, nothing is left, and pods start as if we had never been."""

import json

import kube
from installation import NAMESPACE
from world import until


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


def test_it_can_be_installed_again(world, installed):
    namespace = world.namespace("again")
    until(lambda: world.try_image(namespace) != "busybox:1", "pods are rewritten")
