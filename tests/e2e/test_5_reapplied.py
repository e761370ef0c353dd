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
APP, METRICS, TOOL, BUSY = (
    "ghcr.io/org/app:2.4", "quay.io/prometheus/prometheus:v3.1.0", "acme/tool:3", "busybox:1",
)  # fmt: skip
IMAGES = (APP, METRICS, TOOL, BUSY)
# What becomes of a new pod's images: the first one's rule is gone, the second one's upstream has
# another prefix, the third one is excluded, and the last is as ever.
CHANGED = (APP, cached(METRICS).replace("quaycache", "othercache"), TOOL, cached(BUSY))


@contextlib.contextmanager
def changed(world, installed):
    """Each of these in a way of its own."""
    before = installed.config
    upstreams = [{"registry": registry} for registry in REGISTRIES]
    upstreams[REGISTRIES.index("quay.io")]["prefix"] = "othercache"
    rewrite = {"exclude": ["docker.io/acme/*"]}
    with without_rule(world, "ghcrcache", "ecr-pullthroughcache/ghcr"):
        installed.upgrade(config={**before, "upstreams": upstreams, "rewrite": rewrite})
        try:
            yield
        finally:
            installed.upgrade(config=before)
    for pod in installed.pods():  # else one would make the rule again
        name = pod["metadata"]["name"]
        until(lambda n=name: has_prefix(installed, n, "quaycache"), f"{name} has the old prefix")
    kept = {k: v for k, v in world.aws.state()["rules"].items() if k != "othercache"}
    world.aws.ask("PATCH", "state", {"rules": kept})


def has_prefix(installed, name, prefix):
    return installed.upstreams(name)["quay.io"]["prefix"] == prefix


def tried(world, namespace):
    """What becomes of a new pod's images, by a dry run."""
    made = world.kube.create(kube.pod("probe", *IMAGES, namespace=namespace), dryRun="All")
    return tuple(kube.images(made))


def is_taken(world, namespace):
    """By every replica: each answers a share of the calls."""
    return all(tried(world, namespace) == CHANGED for _ in range(20))


def test_what_is_applied_again_goes_on(world, installed):
    namespace = world.namespace("updates")
    pod = kube.pod("bare", *IMAGES, namespace=namespace)
    world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    before = world.wait_running("bare", namespace)
    assert kube.images(before) == [cached(image) for image in IMAGES]
    with changed(world, installed):
        until(lambda: is_taken(world, namespace), "every replica has all of it")
        world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        pod["metadata"]["labels"] = {"a": "b"}
        world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
        force = ("--server-side", "--force-conflicts")
        world.kubectl("apply", *force, "-f", "-", stdin=json.dumps(pod))
        after = world.kube.get("Pod", "bare", namespace)
        assert after["metadata"]["labels"] == {"a": "b"} and after["spec"] == before["spec"]
        is_never_restarted(world, before)
    usual = tuple(cached(image) for image in IMAGES)
    until(lambda: tried(world, namespace) == usual, "as it was")
