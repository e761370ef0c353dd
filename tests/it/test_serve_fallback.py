"""What `serve` does when the cache fails: by what nodes report as Events, and by a probe of the
registry, new pods keep their images, and stuck ones are healed; against a fake of the API server and
a registry on a port."""

import json

import pytest

from http_peer import wait_for
from kube_fake import KubeFake
from service import HOST, ORIGINALS, review

NGINX = f"{HOST}/dockercache/library/nginx:1.27"
NOT_FOUND = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "IMAGE": failed to resolve'
    ' reference "IMAGE": IMAGE: not found'
)
REFUSED = "pulling from host HOST failed with status code [manifests 1.27]: 403 Forbidden"
UNREACHABLE = 'failed to do request: Head "https://HOST": dial tcp 10.0.0.9:443: i/o timeout'
FALLBACK = {"probe": {"interval": "0s"}}


@pytest.fixture(name="kube")
def _kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture(name="start")
def _start(services, kube):
    def start(fallback=None, watched=True, **changes):
        service = services.start(
            environ=kube.environ(), fallback={**FALLBACK, **(fallback or {})}, **changes
        )
        if watched:
            wait_for(lambda: kube.cluster.watching, "it watches")
        return service

    return start


def image_of(service, image="nginx:1.27"):
    """What a new pod of this image gets."""
    return service.mutate(review(image)).images().get("/spec/containers/0/image", image)


def pod(image=NGINX, original="nginx:1.27", namespace="shop", name="web-0", reason="ImagePullBackOff"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "annotations": {ORIGINALS: json.dumps({"containers/web": original})},
        },
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {"name": "web", "image": image, "state": {"waiting": {"reason": reason}}}
            ],
        },
    }


def fail(kube, image=NGINX, why=NOT_FOUND, **more):
    text = why.replace("IMAGE", image).replace("HOST", HOST)
    return kube.cluster.fail_pull("shop", "web-0", image, text, **more)


def test_an_image_that_a_node_can_not_pull_keeps_its_name(start, kube):
    service = start()
    assert image_of(service) == NGINX
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    assert image_of(service, "nginx:1.28") == NGINX.replace("1.27", "1.28")
    fallback = service.status()["fallback"]
    assert fallback["watch"] == "on" and fallback["imageCount"] == 1
    assert fallback["images"][0]["image"] == "dockercache/library/nginx:1.27"
    assert fallback["images"][0]["class"] == "absent"
    assert fallback["images"][0]["since"] < fallback["images"][0]["until"]
    metrics = service.metrics()
    assert metrics.value("pullthrough_pull_failures_total", upstream="docker.io", **{"class": "absent"}) == 1
    assert metrics.value("pullthrough_fallback_images") == 1
    assert metrics.value("pullthrough_images_total", upstream="docker.io", outcome="pull-failed") > 0


def test_a_stuck_pod_is_healed(start, kube):
    start({"heal": True})
    uid = kube.cluster.put(pod())["metadata"]["uid"]
    fail(kube, uid=uid)
    wait_for(lambda: kube.cluster.created, "it is healed, and said so")
    healed = kube.cluster.pods["shop", "web-0"]
    assert healed["spec"]["containers"][0]["image"] == "nginx:1.27"
    assert healed["metadata"]["annotations"]["pullthrough.internal/rewrite"] == "disabled"
    (event,) = kube.cluster.created
    assert event["reason"] == "PulledFromUpstream" and event["involvedObject"]["uid"] == uid
    assert len(kube.cluster.patches) == 1


def test_without_heal_a_pod_is_only_read_by_nobody(start, kube):
    service = start()
    kube.cluster.put(pod())
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    assert not kube.cluster.patches
    assert not any("pods" in each for each in kube.requests)
