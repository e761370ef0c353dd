"""A pod that the cache fails runs anyway: for every way in which a pull can fail, the stuck pod gets its
own image back, new pods of that image keep it, and when the cause is over they go to the cache again."""

import itertools
import json
import re
import time

import kube
import pull_faults
import pytest
from installation import NAME, NAMESPACE
from pull_faults import CAUSES, IMAGE, name_of
from world import BUSYBOX, LABEL, ORIGINALS, cached, until

pytestmark = pytest.mark.own
_numbers = itertools.count()
LATER_S = 300  # until a healed pod is looked at again: HEAL_QUEUE_LATER_MS


@pytest.fixture(scope="module")
def healing(world, release):
    """The release, healing, digests rewritten."""
    installed, config = release.ensure(), release.config
    installed.upgrade(
        config={**config, "rewrite": {"digests": "rewrite"}},
        fallback={"heal": True, "remember": "2h"},
    )
    installed.wait_taken()
    yield installed
    pull_faults.forget_events(world)
    installed.upgrade(config=config, fallback={})


@pytest.fixture
def anew(world, healing):
    """Nobody has heard of the image."""
    pull_faults.forget_failures(healing)
    pull_faults.forget_images(world)
    return healing


def start(world, namespace, *images, seconds=90, **spec):
    """A pod that runs; how long that took, in seconds."""
    name, began = f"web-{next(_numbers)}", time.monotonic()
    world.kube.create(kube.pod(name, *images, namespace=namespace, **spec))
    pod = world.wait_running(name, namespace, seconds)
    return pod, time.monotonic() - began


def wait_sent_to_the_cache(world, namespace, image, seconds=90):
    until(lambda: world.try_image(namespace, image) == cached(image), "it goes to the cache", seconds)


def heals(world, namespace):
    return [e for e in world.kube.list("Event", namespace) if e["reason"] == "PulledFromUpstream"]


def is_healed(pod, originals, field="containers"):
    """By us, and not restarted."""
    annotations = pod["metadata"]["annotations"]
    assert annotations[LABEL] == "disabled" and json.loads(annotations[ORIGINALS]) == originals
    statuses = pod["status"][field.replace("ontainers", "ontainerStatuses")]
    assert all(status["restartCount"] == 0 for status in statuses)


# Causes


@pytest.mark.parametrize("cause", CAUSES)
def test_a_stuck_pod_runs_from_upstream(world, anew, figures, cause):
    make, kind = CAUSES[cause]
    image, namespace = name_of(world, kind), world.namespace("stuck")
    wait_sent_to_the_cache(world, namespace, image)
    with make(world):
        pod, seconds = start(world, namespace, image)
        assert kube.images(pod) == [image]
        is_healed(pod, {"containers/c0": image})
        figures.append(f"healed, {cause}: {seconds:.1f} s from its creation to running")
        until(lambda: world.try_image(namespace, image) == image, "new pods keep the image")
        (event,) = heals(world, namespace)
        assert event["involvedObject"]["uid"] == pod["metadata"]["uid"]
        assert image in event["message"]
    pull_faults.forget_failures(anew)
    wait_sent_to_the_cache(world, namespace, image)
    if kind == "tag":
        pod, seconds = start(world, namespace, image)
        assert kube.images(pod) == [cached(image)] and LABEL not in pod["metadata"]["annotations"]


def test_packets_are_dropped_and_what_is_remembered_ends(world, anew, figures):
    """82 s until a node says anything; meanwhile another image's time passes."""
    pull_faults.forget_failures(anew, remember="1m")
    namespace, digest = world.namespace("dropped"), name_of(world, "digest")
    start(world, namespace, digest)
    until(lambda: world.try_image(namespace, digest) == digest, "new pods keep the image")
    failed = time.monotonic()
    with pull_faults.dropped(world):
        name, began = f"web-{next(_numbers)}", time.monotonic()
        world.kube.create(kube.pod(name, IMAGE, namespace=namespace))
        assert kube.images(world.kube.get("Pod", name, namespace)) == [cached(IMAGE)]
        wait_sent_to_the_cache(world, namespace, digest, 90)
        remembered = time.monotonic() - failed
        pod = world.wait_running(name, namespace, 240)
        seconds = time.monotonic() - began
        is_healed(pod, {"containers/c0": IMAGE})
    assert remembered > 50
    figures.append(f"healed, dropped packets: {seconds:.1f} s from its creation to running")
    figures.append(f"an image that failed goes to the cache again {remembered:.0f} s later (1m)")


def test_a_silent_registry_is_found_by_the_probe(world, anew, figures):
    namespace = world.namespace("silent")
    with pull_faults.registry_is_silent(world):
        began = time.monotonic()
        world.kube.create(kube.pod("first", IMAGE, namespace=namespace))
        until(lambda: world.try_image(namespace) == "busybox:1", "the registry is down", 120)
        figures.append(f"a silent registry: {time.monotonic() - began:.0f} s until new pods avoid it")
        pod, _ = start(world, namespace, IMAGE)
        assert kube.images(pod) == [IMAGE]
        for each in anew.pods():
            name = each["metadata"]["name"]
            until(lambda n=name: anew.status(n)["fallback"]["registryDownSince"], f"{name}: down")
            assert anew.metrics(name)["pullthrough_registry_open"] == 1
    over = time.monotonic()
    world.wait_running("first", namespace, 150)
    figures.append(f"  the one that waited for its silence ran {time.monotonic() - began:.0f} s later")
    wait_sent_to_the_cache(world, namespace, "busybox:1", 180)
    figures.append(f"  {time.monotonic() - over:.0f} s after the silence new pods went to it again")


# Kinds


def _controllers(image):
    """{kind: spec}, of pods that can't be pulled from the cache."""
    container = {"name": "c0", "image": image}
    job = {"containers": [{**container, "command": [BUSYBOX, "true"]}], "restartPolicy": "Never"}

    def spec(kind, **more):
        labels = {"kind": kind.lower()}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        return {"selector": {"matchLabels": labels}, "template": template, **more}

    return {
        "Deployment": spec("Deployment", replicas=2),
        "StatefulSet": spec("StatefulSet", serviceName="none"),
        "DaemonSet": spec("DaemonSet"),
        "Job": {"template": {"metadata": {"labels": {"kind": "job"}}, "spec": job}},
    }


def test_controllers_keep_their_pods(world, anew):
    namespace, digest = world.namespace("controllers"), name_of(world, "digest")
    wait_sent_to_the_cache(world, namespace, digest)
    specs = _controllers(digest)
    for kind, spec in specs.items():
        meta = {"name": kind.lower(), "namespace": namespace}
        world.create({"kind": kind, "metadata": meta, "spec": spec})
    count = {kind: 2 if kind == "Deployment" else 1 for kind in specs}

    def pods():
        found = {kind: world.pods(namespace, kind=kind.lower()) for kind in specs}
        return found if all(len(found[k]) == count[k] for k in specs) else None

    first = until(pods, "all pods are there")
    for kind in specs:
        if kind != "Job":
            world.wait_pods(namespace, count[kind], kind=kind.lower())
    until(lambda: world.kube.get("Job", "job", namespace)["status"].get("succeeded") == 1, "the job")
    last = pods()
    for kind in specs:
        uids = [{p["metadata"]["uid"] for p in each[kind]} for each in (first, last)]
        assert uids[0] == uids[1], kind
        for pod in last[kind]:
            assert kube.images(pod) == [digest], kind
            is_healed(pod, {"containers/c0": digest})
    assert len(heals(world, namespace)) == sum(count.values())


def test_an_init_container_is_healed_and_the_pod_goes_on(world, anew):
    namespace, digest = world.namespace("init"), name_of(world, "digest")
    wait_sent_to_the_cache(world, namespace, digest)
    pod = kube.pod("one", "busybox:1", namespace=namespace)
    pod["spec"]["initContainers"] = [
        {"name": "first", "image": digest, "command": [BUSYBOX, "true"]}
    ]
    world.kube.create(pod)
    running = world.wait_running("one", namespace)
    assert kube.images(running, "initContainers") == [digest]
    assert kube.images(running) == [cached("busybox:1")]
    is_healed(running, {"initContainers/first": digest, "containers/c0": "busybox:1"},
              "initContainers")  # fmt: skip


def test_the_one_that_runs_beside_is_not_restarted(world, anew):
    namespace, good = world.namespace("beside"), "busybox:1"
    digest = name_of(world, "digest")
    wait_sent_to_the_cache(world, namespace, digest)
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
    is_healed(pod, {"containers/c0": good, "containers/c1": digest})


def test_of_two_replicas_one_heals(world, anew):
    """One patch, one Event, and the log says whose."""
    namespace, digest = world.namespace("race"), name_of(world, "digest")
    wait_sent_to_the_cache(world, namespace, digest)
    mark = world.audit_mark()
    pod, _ = start(world, namespace, digest)
    name = pod["metadata"]["name"]
    (event,) = until(lambda: heals(world, namespace), "an event")
    done = [
        each for each in world.audit("patch", "pods", namespace, name, since=mark)
        if re.search(f":{NAMESPACE}:{NAME}$", each["user"]["username"])
        and each["responseStatus"]["code"] == 200
    ]  # fmt: skip
    assert len(done) == 1
    said = [
        (each["metadata"]["name"], line["now"])
        for each in anew.pods()
        for line in anew.logs(each["metadata"]["name"])
        if (line["message"], line.get("namespace")) == ("pod healed", namespace)
    ]
    assert said == [(event["reportingInstance"], digest)]
    assert anew.replicas == 2


# The one that takes longest comes last: whoever makes all be forgotten makes it be forgotten, too.

GONE = "ghcr.io/org/gone:1"


@pytest.fixture(scope="module")
def stranded(world, healing):
    """A pod that nodes can't pull from anywhere; then the cache has its image, and the node still
    can't pull the original. When that began."""
    namespace = world.namespace("stranded")
    pull_faults.forget_failures(healing, remember="1m")
    pull_faults.forget_images(world, "org/gone")
    wait_sent_to_the_cache(world, namespace, GONE)
    world.kube.create(kube.pod("stranded", GONE, namespace=namespace))

    def is_given_up():
        (image,) = kube.images(world.kube.get("Pod", "stranded", namespace))
        return image == GONE

    until(is_given_up, "it gets its own image")
    began = time.monotonic()
    start(world, namespace, "ghcr.io/org/app:2.4")
    repositories = world.aws.state()["repositories"]
    held = json.loads(json.dumps(repositories["ghcrcache/org/app"]))
    held["repositoryName"], held["tags"] = "ghcrcache/org/gone", {"1": held["tags"]["2.4"]}
    repositories[held["repositoryName"]] = held
    world.aws.ask("PATCH", "state", {"repositories": repositories})
    return namespace, began


def test_one_that_runs_from_nowhere_is_left_for_a_while(world, stranded):
    namespace, _ = stranded
    pod = world.kube.get("Pod", "stranded", namespace)
    assert kube.images(pod) == [GONE] and pod["metadata"]["annotations"][LABEL] == "disabled"
    assert len(heals(world, namespace)) == 1


def test_it_is_put_back_when_the_cache_is_well(world, stranded, figures):
    """It could not run under its own name either, and the cache has it now."""
    namespace, began = stranded
    pod = world.wait_running("stranded", namespace, 2 * LATER_S + 60)
    assert kube.images(pod) == [cached(GONE)]
    (status,) = pod["status"]["containerStatuses"]
    assert status["restartCount"] == 0
    figures.append(f"put back to the cache {time.monotonic() - began:.0f} s after it was healed")
