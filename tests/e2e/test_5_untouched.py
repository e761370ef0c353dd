"""Where pods are not healed, none is touched; and what the watch of failed pulls costs."""

import statistics

import cached_images
import faults
import kube
import pull_faults
import pytest
from installation import NAME, NAMESPACE
from pull_faults import IMPORT, denied
from world import LABEL, cached, until

pytestmark = pytest.mark.own
# What is set, the image, and whether new pods of it keep its name.
SETTINGS = {
    "heal: false": ({"heal": False}, "docker.io/acme/untouched", True),
    "to: none": ({"to": "none", "heal": False}, "ghcr.io/org/untouched", False),
    "watch: false": ({"watch": False, "heal": False}, "quay.io/org/untouched", False),
}


@pytest.fixture(scope="module")
def stuck(world, release, healing_state):
    """{pod's namespace: (its image, the audit log's mark)}; as they come."""
    healing_state.end()
    installed = release.ensure()
    yield {}
    pull_faults.forget_events(world)
    installed.upgrade(fallback={})


def is_stuck(world, namespace):
    """Kubelet has failed, and has said so."""
    pod = world.kube.get("Pod", "stuck", namespace)
    (status,) = pod["status"].get("containerStatuses") or [{"state": {}}]
    return status["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"


@pytest.mark.parametrize("setting", SETTINGS)
def test_nobody_is_touched(world, release, stuck, setting):
    installed, namespace = release, world.namespace("untouched")
    fallback, name, keep = SETTINGS[setting]
    image = f"{name}:{cached_images.unheard_of()}"
    cached_images.Upstreams(world).push(image)
    values = {"remember": "1m", **fallback}
    pull_faults.take(installed, lambda: installed.upgrade(fallback=values))
    until(lambda: world.try_image(namespace, image) == cached(image), "as always")
    with denied(IMPORT)(world):
        stuck[namespace] = image, world.audit_mark()
        world.kube.create(kube.pod("stuck", image, namespace=namespace))
        until(lambda: is_stuck(world, namespace), "it is in back-off")
        if keep:
            until(lambda: world.try_image(namespace, image) == image, "new ones keep it")
        until(lambda: len(tries(world, namespace)) >= 2, "a second attempt has failed")
        pod = world.kube.get("Pod", "stuck", namespace)
        assert kube.images(pod) == [cached(image)]
        assert LABEL not in pod["metadata"]["annotations"]
        assert world.try_image(namespace, image) == (image if keep else cached(image))


def tries(world, namespace):
    """Attempts that failed, as kubelet counts them."""
    events = world.kube.list("Event", namespace)
    failed = [e for e in events if e["message"].startswith("Failed to pull image")]
    return range(sum(event.get("count") or 1 for event in failed))


def memory(inst, namespace):
    """Of a replica that has just begun, and has answered some reviews; MiB."""
    faults.rolling_restart(inst, None)
    inst.wait_taken()
    for _ in range(100):
        inst.world.try_image(namespace)
    return [
        inst.metrics(pod["metadata"]["name"])["process_resident_memory_bytes"] / 2**20
        for pod in inst.pods()
    ]


def test_what_the_watch_costs(world, release, stuck, figures):
    installed, namespace = release.ensure(), world.namespace("watch")
    found = {}
    pull_faults.forget_events(world)  # what is heard of them is no cost of listening
    for watch in (False, True):
        installed.upgrade(fallback={"watch": watch})
        found[watch] = memory(installed, namespace)
    with_it, without = (statistics.median(found[watch]) for watch in (True, False))
    figures.append(f"a replica with the watch {with_it:.2f} MiB, without {without:.2f} MiB")
    assert with_it < without + 0.3, found


def test_they_run_once_they_can_be_pulled(world, stuck):
    """As they were made: none of our replicas has changed them."""
    assert stuck
    for namespace, (image, mark) in stuck.items():
        assert kube.images(world.wait_running("stuck", namespace, 150)) == [cached(image)]
        patched = world.audit("patch", "pods", namespace, "stuck", since=mark)
        assert not [e for e in patched if f":{NAMESPACE}:{NAME}" in e["user"]["username"]]
