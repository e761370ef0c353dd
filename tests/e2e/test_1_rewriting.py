"""Pods of a labelled namespace start from the cache; others are left alone."""

import json

import kube
import pytest
from world import LABEL, ORIGINALS, cached, patches, until

FOUR = (
    "nginx:1.27",
    "ghcr.io/org/app:2.4",
    "quay.io/prometheus/prometheus:v3.1.0",
    "registry.k8s.io/pause:3.10",
)
WEB = {"app": "web"}


def deployment(namespace, images=FOUR, name="web", replicas=2, **spec):
    template = kube.pod("unused", *images, namespace=namespace, labels=WEB, **spec)
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": WEB},
            "template": {"metadata": {"labels": WEB}, "spec": template["spec"]},
        },
    }


@pytest.mark.own
def test_all_four_registries_are_pulled_through_the_cache_and_run(world, installed):
    namespace = world.namespace("web")
    world.create(deployment(namespace))
    for pod in world.wait_pods(namespace, 2, **WEB):
        assert kube.images(pod) == [cached(image) for image in FOUR]
        originals = json.loads(pod["metadata"]["annotations"][ORIGINALS])
        assert originals == {f"containers/c{i}": image for i, image in enumerate(FOUR)}
        for status, image in zip(
            sorted(pod["status"]["containerStatuses"], key=lambda each: each["name"]), FOUR,
            strict=True,
        ):  # fmt: skip
            assert status["image"] == cached(image)
            assert status["imageID"].startswith(cached(image).rpartition(":")[0] + "@sha256:")
    for image in FOUR:
        path = cached(image).partition("/")[2].rpartition(":")[0]
        assert world.aws.pulled(path), f"{path} was never asked for"
        repositories = [each["repositoryName"] for each in world.aws.state()["repositories"].values()]
        assert path in repositories
    events = [e for e in world.kube.list("Event", namespace) if e["reason"] == "Pulled"]
    assert events and all("amazonaws.com/" in event["message"] for event in events)
    # The Deployment itself is as it was written.
    template = world.kube.get("Deployment", "web", namespace)["spec"]["template"]
    assert kube.images(template) == list(FOUR)


@pytest.mark.own
def test_the_audit_log_shows_patch_and_annotations(world, installed):
    namespace = world.namespace("audited")
    world.kube.create(kube.pod("one", *FOUR, namespace=namespace))
    (event,) = world.audit("create", "pods", namespace, "one")
    (patch,) = patches(event).values()
    assert patch["patchType"] == "JSONPatch"
    values = {op["path"]: op["value"] for op in patch["patch"] if op["path"].startswith("/spec")}
    assert values == {f"/spec/containers/{i}/image": cached(im) for i, im in enumerate(FOUR)}
    name = f"{installed.release.cluster_name}.pullthrough.internal"
    assert event["annotations"][f"{name}/rewritten"] == "4"


def test_every_creation_is_rewritten(world, installed):
    """By dry run, so on any cluster."""
    namespace = world.namespace("dry")
    until(lambda: world.try_image(namespace) == cached("busybox:1"), "pods are rewritten")
    for image in FOUR:
        assert world.try_image(namespace, image) == cached(image)


def test_an_unlabelled_namespace_is_left_alone(world, installed):
    namespace = world.namespace("plain", rewritten=False)
    made = world.kube.create(kube.pod("one", *FOUR, namespace=namespace))
    assert kube.images(made) == list(FOUR) and "annotations" not in made["metadata"]
    if world.is_ours:
        assert kube.images(world.wait_running("one", namespace)) == list(FOUR)
        pulls = [e["message"] for e in world.kube.list("Event", namespace) if e["reason"] == "Pulled"]
        assert pulls and not any("amazonaws.com" in message for message in pulls)


def test_a_label_that_goes_away_ends_it(world, installed):
    namespace = world.namespace("leaving")
    until(lambda: world.try_image(namespace) == cached("busybox:1"), "pods are rewritten")
    world.kube.patch("Namespace", namespace, {"metadata": {"labels": {LABEL: None}}})
    until(lambda: world.try_image(namespace) == "busybox:1", "pods are left alone")
    made = world.kube.create(kube.pod("one", "busybox:1", namespace=namespace))
    assert kube.images(made) == ["busybox:1"]
    if world.is_ours:
        world.wait_running("one", namespace)
