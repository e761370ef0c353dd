"""An update never restarts what runs, whatever has changed since the pod was made: `kubectl apply` of
the pod as it was written leaves it the images that it has."""

import contextlib
import json

import kube
import pytest
from installation import REGISTRIES
from test_2_kinds import is_never_restarted
from test_5_rules import without_rule
from world import cached, until

pytestmark = pytest.mark.own
APP, BUSY = "ghcr.io/org/app:2.4", "busybox:1"
SECRET = "ecr-pullthroughcache/ghcr"


@contextlib.contextmanager
def rule_gone(world, installed):
    with without_rule(world, "ghcrcache", SECRET):
        yield


@contextlib.contextmanager
def changed(installed, **config):
    before = installed.config
    installed.upgrade(config={**before, **config})
    try:
        yield
    finally:
        installed.upgrade(config=before)


def excluded(world, installed):
    return changed(installed, rewrite={"exclude": ["ghcr.io/org/*"]})


@contextlib.contextmanager
def another_prefix(world, installed):
    upstreams = [{"registry": registry} for registry in REGISTRIES]
    upstreams[1]["prefix"] = "othercache"
    with changed(installed, upstreams=upstreams):
        yield
    for pod in installed.pods():  # else one would make the rule again
        name = pod["metadata"]["name"]
        until(lambda n=name: has_prefix(installed, n, "ghcrcache"), f"{name} has the old prefix")
    kept = {k: v for k, v in world.aws.state()["rules"].items() if k != "othercache"}
    world.aws.ask("PATCH", "state", {"rules": kept})


def has_prefix(installed, name, prefix):
    return installed.upstreams(name)["ghcr.io"]["prefix"] == prefix


def is_taken(world, namespace, image):
    """By every replica: each answers a share of the calls."""
    return all(world.try_image(namespace, APP) == image for _ in range(20))


# What becomes of a new pod's image then.
CHANGES = {
    "the rule is gone": (rule_gone, APP),
    "it is excluded": (excluded, APP),
    "it has another prefix": (another_prefix, cached(APP).replace("ghcrcache", "othercache")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_applied_again_goes_on(world, installed, change):
    make, image = CHANGES[change]
    namespace = world.namespace("updates")
    pod = kube.pod("bare", APP, BUSY, namespace=namespace)
    world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    before = world.wait_running("bare", namespace)
    assert kube.images(before) == [cached(APP), cached(BUSY)]
    with make(world, installed):
        until(lambda: is_taken(world, namespace, image), change)
        world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        pod["metadata"]["labels"] = {"a": "b"}
        world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        force = ("--server-side", "--force-conflicts")
        world.kubectl("apply", *force, "-f", "-", stdin=json.dumps(pod))
        after = world.kube.get("Pod", "bare", namespace)
        assert after["metadata"]["labels"] == {"a": "b"} and after["spec"] == before["spec"]
        is_never_restarted(world, before)
    until(lambda: world.try_image(namespace, APP) == cached(APP), "as it was")
