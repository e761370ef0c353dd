"""Where pods are not healed, none is touched; and what the watch of failed pulls costs."""

import statistics

import faults
import kube
import pull_faults
import pytest
from installation import NAME, NAMESPACE
from pull_faults import IMAGE, denied
from test_5_nodes_role import IMPORT
from world import LABEL, cached, until

pytestmark = pytest.mark.own
ROUNDS = 2


def is_stuck(world, namespace):
    """Kubelet has failed, and has said so."""
    pod = world.kube.get("Pod", "stuck", namespace)
    (status,) = pod["status"].get("containerStatuses") or [{"state": {}}]
    return status["state"].get("waiting", {}).get("reason") == "ImagePullBackOff"


# And whether new pods of the image keep it.
@pytest.mark.parametrize("fallback, keep", [
    ({"to": "none"}, False), ({"heal": False}, True), ({"watch": False}, False),
], ids=["to: none", "heal: false", "watch: false"])  # fmt: skip
def test_nobody_is_touched(world, release, fallback, keep):
    installed, namespace = release.ensure(), world.namespace("untouched")
    pull_faults.forget_failures(installed)
    values = {"heal": False, "remember": "1m", **fallback}
    pull_faults.take(installed, lambda: installed.upgrade(fallback=values))
    pull_faults.forget_images(world)
    try:
        until(lambda: world.try_image(namespace, IMAGE) == cached(IMAGE), "as always", 150)
        with denied(IMPORT)(world):
            mark = world.audit_mark()
            world.kube.create(kube.pod("stuck", IMAGE, namespace=namespace))
            until(lambda: is_stuck(world, namespace), "it is in back-off")
            if keep:
                until(lambda: world.try_image(namespace, IMAGE) == IMAGE, "new ones keep it")
            until(lambda: len(tries(world, namespace)) >= 2, "a second attempt has failed")
            pod = world.kube.get("Pod", "stuck", namespace)
            assert kube.images(pod) == [cached(IMAGE)]
            assert LABEL not in pod["metadata"]["annotations"]
            assert world.try_image(namespace, IMAGE) == (IMAGE if keep else cached(IMAGE))
        assert kube.images(world.wait_running("stuck", namespace)) == [cached(IMAGE)]
        patched = world.audit("patch", "pods", namespace, "stuck", since=mark)
        assert not [e for e in patched if f":{NAMESPACE}:{NAME}" in e["user"]["username"]]
    finally:
        pull_faults.forget_events(world)
        installed.upgrade(fallback={})


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


def test_what_the_watch_costs(world, release, figures):
    installed, namespace = release.ensure(), world.namespace("watch")
    found = {True: [], False: []}
    try:
        for _ in range(ROUNDS):
            for watch in found:
                installed.upgrade(fallback={"watch": watch})
                found[watch] += memory(installed, namespace)
    finally:
        installed.upgrade(fallback={})
    with_it, without = (statistics.median(found[watch]) for watch in (True, False))
    figures.append(f"a replica with the watch {with_it:.2f} MiB, without {without:.2f} MiB")
    assert with_it < without + 0.3, found
