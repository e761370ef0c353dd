"""A pod that the cache fails runs anyway: for every way in which a pull can fail, the stuck pod gets its
own image back, new pods of that image keep it, and when the cause is over they go to the cache again.
What takes a minute is in test_5_fallback_slow.py."""

import itertools
import json
import re
import time

import kube
import pull_faults
import pytest
from installation import NAME, NAMESPACE
from pull_faults import CAUSES, IMPORT, denied, name_of
from world import BUSYBOX, HEALED, LABEL, ORIGINALS, cached, references, until

pytestmark = pytest.mark.own
_numbers = itertools.count()


@pytest.fixture
def anew(world, healing):
    """Nobody has heard of the image."""
    if not pull_faults.is_well(healing):
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


def statuses(inst):
    """What each replica says of failed pulls."""
    return [inst.status(pod["metadata"]["name"])["fallback"] for pod in inst.pods()]


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


def test_an_image_volume_is_left_and_so_is_who_waits_for_it(world, anew):
    """Nobody may change a volume. The program hears that it can't be pulled, as of a container, and
    heals the one container whose own image can't."""
    namespace, good = world.namespace("volume"), "busybox:1"
    tag, digest = name_of(world, "tag"), name_of(world, "digest")
    for image in (tag, digest):
        wait_sent_to_the_cache(world, namespace, image)
    pod = kube.pod("one", good, tag, namespace=namespace)
    pod["spec"]["volumes"] = [{"name": "model", "image": {"reference": digest}}]
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "model", "mountPath": "/model"}]

    def states():
        found = world.kube.get("Pod", "one", namespace)["status"].get("containerStatuses", [])
        return {each["name"]: each["state"] for each in found}

    with denied(IMPORT)(world):
        world.kube.create(pod)
        until(lambda: "running" in states().get("c1", {}), "the healed one runs")
        until(lambda: world.try_image(namespace, digest) == digest, "new pods keep the volume's")
    told = [each for one in statuses(anew) for each in one["images"]]
    assert (cached(digest).partition("/")[2], "upstream", "absent") in [
        (each["image"], each["to"], each["class"]) for each in told
    ]
    assert states()["c0"]["waiting"]["reason"] in ("ErrImagePull", "ImagePullBackOff")
    pod = world.kube.get("Pod", "one", namespace)
    assert references(pod) == [cached(digest)] and kube.images(pod) == [cached(good), tag]
    assert json.loads(pod["metadata"]["annotations"][HEALED]) == {"containers/c1": cached(tag)}
    (event,) = heals(world, namespace)
    assert tag in event["message"]


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
