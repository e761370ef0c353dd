"""What takes minutes where the cache fails pods. The one that takes longest is begun here, and looked
at in test_5_stranded.py: until then no test may replace a replica, or switch healing off."""

import time

import cached_images
import faults
import kube
import pull_faults
import pytest
from healing import GONE
from pull_faults import IMAGE, name_of
from test_5_fallback import heals, is_healed, start, wait_sent_to_the_cache
from tls_modes import SelfSigned
from world import LABEL, cached, seconds_until_it_ran, until

pytestmark = pytest.mark.own
SILENT = f"quay.io/org/silent:{cached_images.unheard_of()}"


def test_one_that_runs_from_nowhere_is_left_for_a_while(world, stranded):
    pod = stranded.pod()
    assert kube.images(pod) == [GONE] and pod["metadata"]["annotations"][LABEL] == "disabled"
    assert len(heals(world, stranded.namespace)) == 1


def test_packets_are_dropped_and_what_is_remembered_ends(world, stranded, figures):
    """A minute until a node says anything; meanwhile another image's time, of a minute, passes."""
    namespace, digest = world.namespace("dropped"), name_of(world, "digest")
    start(world, namespace, digest)
    until(lambda: world.try_image(namespace, digest) == digest, "new pods keep the image")
    failed = time.monotonic()
    with pull_faults.dropped(world):
        world.kube.create(kube.pod("late", IMAGE, namespace=namespace))
        assert kube.images(world.kube.get("Pod", "late", namespace)) == [cached(IMAGE)]
        wait_sent_to_the_cache(world, namespace, digest, 90)
        remembered = time.monotonic() - failed
        pod = world.wait_running("late", namespace, 240)
        is_healed(pod, {"containers/c0": IMAGE})
    assert remembered > 50
    figures.append(
        f"healed, dropped packets: {seconds_until_it_ran(pod):.0f} s from its creation to running"
    )
    figures.append(f"an image that failed goes to the cache again {remembered:.0f} s later (1m)")


@pytest.fixture(scope="module")
def silence():
    """What the next tests tell each other: its namespace, and when it was over."""
    return {}


def test_a_silent_registry_is_found_by_the_probe(world, stranded, healing, silence, figures):
    """So new pods avoid it, and the first one runs when it is over."""
    namespace = world.namespace("silent")
    cached_images.Upstreams(world).push(SILENT)
    wait_sent_to_the_cache(world, namespace, SILENT)
    with pull_faults.registry_is_silent(world):
        began = time.monotonic()
        world.kube.create(kube.pod("first", SILENT, namespace=namespace))
        until(lambda: world.try_image(namespace) == "busybox:1", "the registry is down", 120)
        figures.append(f"a silent registry: {time.monotonic() - began:.0f} s until new pods avoid it")
        pod, _ = start(world, namespace, SILENT)
        assert kube.images(pod) == [SILENT]
        for each in healing.pods():
            name = each["metadata"]["name"]
            until(lambda n=name: healing.status(n)["fallback"]["registryDownSince"], f"{name}: down")
            assert healing.metrics(name)["pullthrough_registry_open"] == 1
    silence.update(namespace=namespace, over=time.monotonic())


def test_a_bundle_that_goes_is_repaired_unasked(healing):
    """By the program's own look, which it takes every minute: the one that it leaves the registry
    alone for, too."""
    if healing.tls.values() != SelfSigned().values():
        pytest.skip("somebody else's task")
    good = healing.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    faults.set_bundle(healing, None)
    faults.wait_bundle(healing, good)


def test_a_registry_that_answers_again_is_used(world, silence, figures):
    namespace = silence["namespace"]
    waited = seconds_until_it_ran(world.wait_running("first", namespace, 150))
    figures.append(f"  the one that waited for its silence ran {waited:.0f} s later")
    wait_sent_to_the_cache(world, namespace, "busybox:1", 180)
    seconds = time.monotonic() - silence["over"]
    figures.append(f"  {seconds:.0f} s after the silence new pods went to it again")
