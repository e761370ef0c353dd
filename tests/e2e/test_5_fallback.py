"""A pod that the cache fails runs anyway: for every way in which a pull can fail, the stuck pod gets its
own image back, new pods of that image keep it, and when the cause is over they go to the cache again."""

import contextlib
import itertools
import json
import subprocess
import time

import kube
import pytest
from layout import AWS
from test_5_nodes_role import IMPORT
from world import LABEL, ORIGINALS, cached, until

pytestmark = pytest.mark.own
IMAGE = "ghcr.io/org/app:2.5"
REPOSITORY = "ghcrcache/org/app"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def healing(world, release):
    """The release, healing, digests rewritten, a memory that is short enough to be waited for."""
    installed, config = release.ensure(), release.config
    installed.upgrade(
        config={**config, "rewrite": {"digests": "rewrite"}},
        fallback={"heal": True, "remember": "1m"},
    )
    installed.wait_taken()
    for pod in installed.pods():
        name = pod["metadata"]["name"]
        until(
            lambda n=name: installed.status(n)["fallback"]["watch"] == "on", f"{name} is watching"
        )
    yield installed
    installed.upgrade(config=config, fallback={})


@pytest.fixture
def empty(world):
    """The cache has never held the image, nor has the node."""

    def forget():
        kept = {k: v for k, v in world.aws.state()["repositories"].items() if k != REPOSITORY}
        world.aws.ask("PATCH", "state", {"repositories": kept})
        remove_images(world, "org/app")

    forget()
    yield
    forget()


def remove_images(world, part):
    """From the node, as its garbage collector would."""
    ctr = ("ctr", "-a", world.where.containerd, "-n", "k8s.io", "images")
    names = subprocess.run([*ctr, "ls", "-q"], capture_output=True, text=True, check=True).stdout
    for name in names.split():
        if part in name or name.startswith("sha256:"):
            subprocess.run([*ctr, "rm", "--sync", name], capture_output=True, check=False)


@contextlib.contextmanager
def registry_answers(world, status):
    fault = world.aws.ask("POST", "faults", {
        "kind": "http", "service": "registry", "operation": "GetManifest", "status": status,
        "times": None})  # fmt: skip
    try:
        yield
    finally:
        world.aws.ask("DELETE", f"faults/{fault['id']}")


@contextlib.contextmanager
def registry_resets(world):
    fault = world.aws.ask("POST", "faults", {
        "kind": "reset", "service": "registry", "operation": "GetManifest", "times": None})  # fmt: skip
    try:
        yield
    finally:
        world.aws.ask("DELETE", f"faults/{fault['id']}")


@contextlib.contextmanager
def import_is_denied(world):
    world.aws.ask("PATCH", "principals/puller", {"denied": [IMPORT]})
    try:
        yield
    finally:
        world.aws.ask("PATCH", "principals/puller", {"denied": []})


@contextlib.contextmanager
def packets(world, *verdict):
    """What the node itself sends to the registry; pods' packets are others."""
    inside = ("nsenter", f"--net={world.network()}", "iptables")
    rule = ("OUTPUT", "-p", "tcp", "--dport", str(AWS), "-j", *verdict)
    subprocess.run([*inside, "-I", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "-D", *rule], check=True, capture_output=True)


def refused(world):
    return packets(world, "REJECT", "--reject-with", "tcp-reset")


def dropped(world):
    return packets(world, "DROP")


def nothing(world):
    return contextlib.nullcontext()


CAUSES = {
    "a digest that was never imported": (nothing, "digest"),
    "a tag with its digest": (nothing, "both"),
    "the import is denied": (import_is_denied, "tag"),
    "401": (lambda world: registry_answers(world, 401), "tag"),
    "403": (lambda world: registry_answers(world, 403), "tag"),
    "429": (lambda world: registry_answers(world, 429), "tag"),
    "503": (lambda world: registry_answers(world, 503), "tag"),
    "refused": (refused, "tag"),
    "reset": (registry_resets, "tag"),
}


def name_of(world, kind):
    digest = world.digests[IMAGE]
    return {"tag": IMAGE, "digest": f"ghcr.io/org/app@{digest}", "both": f"{IMAGE}@{digest}"}[kind]


def start(world, namespace, *images, **spec):
    """A pod, by its name; seconds until it runs."""
    name, began = f"web-{next(_numbers)}", time.monotonic()
    world.kube.create(kube.pod(name, *images, namespace=namespace, **spec))
    return world.wait_running(name, namespace), time.monotonic() - began


def is_sent_to_the_cache(world, namespace, image):
    return world.try_image(namespace, image) == cached(image)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_stuck_pod_runs_from_upstream(world, healing, empty, figures, cause):
    make, kind = CAUSES[cause]
    image, namespace = name_of(world, kind), world.namespace("stuck")
    until(lambda: is_sent_to_the_cache(world, namespace, image), "it would go to the cache", 150)
    with make(world):
        pod, seconds = start(world, namespace, image)
        (own,) = kube.images(pod)
        assert own == image and pod["metadata"]["annotations"][LABEL] == "disabled"
        assert json.loads(pod["metadata"]["annotations"][ORIGINALS]) == {"containers/c0": image}
        (status,) = pod["status"]["containerStatuses"]
        assert status["restartCount"] == 0
        figures.append(f"healed, {cause}: {seconds:.1f} s from its creation to running")
        until(lambda: world.try_image(namespace, image) == image, "new pods keep the image")
        (event,) = [
            e for e in world.kube.list("Event", namespace) if e["reason"] == "PulledFromUpstream"
        ]
        assert event["involvedObject"]["uid"] == pod["metadata"]["uid"]
        assert image in event["message"]
    until(lambda: is_sent_to_the_cache(world, namespace, image), "it goes to the cache again", 150)


def test_the_one_that_runs_beside_is_not_restarted(world, healing, empty):
    namespace, good = world.namespace("beside"), "busybox:1"
    digest = name_of(world, "digest")
    until(lambda: is_sent_to_the_cache(world, namespace, digest), "it would go to the cache", 150)
    world.kube.create(kube.pod("two", good, digest, namespace=namespace))

    def first_runs():
        pod = world.kube.get("Pod", "two", namespace)
        for status in pod["status"].get("containerStatuses", []):
            if status["name"] == "c0" and "running" in status["state"]:
                return status["containerID"]
        return None

    container = until(first_runs, "the first container runs")
    pod = world.wait_running("two", namespace)
    assert kube.images(pod) == [cached(good), digest]
    assert world.containers(pod)["c0"] == container
    assert all(each["restartCount"] == 0 for each in pod["status"]["containerStatuses"])
