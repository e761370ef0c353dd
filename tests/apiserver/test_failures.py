"""The webhook is away, or wrong, or not itself: pods are created all the same, in time."""

import base64
import contextlib
import time

import pytest
from backend import silent_server, talking_server
from certificates import Certificates
from conftest import IMAGE, REWRITTEN, Installation
from foreign_webhook import answer_with, https_server
from http_peer import wait_for
from kube import images, pod
from load import Creations

CREATIONS = 6


@pytest.fixture(scope="module")
def one(helm3, newest, services, certs):
    """A release whose program isn't started: something else takes its port."""
    made = Installation(helm3, newest.kube, services, certs, webhook={"timeoutSeconds": 1})
    made.install()
    made.on = made.labelled()
    yield made
    made.release.uninstall()


def failed_open(plane, since, namespace):
    """Of the pods created since: how many went on without the webhook, by the audit log."""
    events = plane.audit(since, verb="create", resource="pods", namespace=namespace)
    return sum(any(k.startswith("failed-open") for k in e["annotations"]) for e in events)


def create_some(one, plane):
    """Pods for real, one after another: all are made, unchanged, and soon; the API server says
    that it went on without us. Gives the seconds of the slowest."""
    wait_for(lambda: one.try_pod(one.on) == IMAGE, "the API server has noticed")
    mark, slowest = plane.audit_mark(), 0.0
    for number in range(CREATIONS):
        begin = time.monotonic()
        name = f"pod-{begin}".replace(".", "-")
        made = one.kube.create(pod(name, IMAGE, namespace=one.on))
        slowest = max(slowest, time.monotonic() - begin)
        assert images(made) == [IMAGE], number
    wait_for(lambda: failed_open(plane, mark, one.on) == CREATIONS, "the audit log tells it")
    return slowest


def test_dead(one, newest):
    create_some(one, newest)


def test_hanging(one, newest):
    with silent_server(one.port):
        assert create_some(one, newest) < 5  # the timeout is 1 s, and this machine is busy


WORDS = {
    "nothing": b"",
    "plain HTTP": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_no_tls_at_all(one, newest, words):
    with talking_server(one.port, words):
        create_some(one, newest)


NONSENSE = {
    "no JSON": b"hello",
    "nothing": b"",
    "an empty object": b"{}",
    "JSON of another kind": {"apiVersion": "v1", "kind": "Status", "status": "Failure"},
    "a wrong uid": {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "another", "allowed": True},
    },
    "cut short": b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","resp',
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE)
def test_nonsense(one, newest, said):
    with https_server(one.leaf, one.port, lambda review: said):
        create_some(one, newest)


def test_leaf_of_another_name(one, newest, certs):
    """What a certificate that ended, or one for another Service, comes to."""
    with https_server(certs.leaf, one.port, answer_with([])):
        create_some(one, newest)


def test_leaf_that_ended(one, newest, certs):
    with https_server(certs.expired, one.port, answer_with([])):
        create_some(one, newest)


@contextlib.contextmanager
def running(one):
    one.start()
    try:
        yield
    finally:
        one.stop()


def test_bundle_missing_wrong_emptied_and_repaired(one, newest, certs, tmp_path):
    right, _ = one.release.bundles()
    folder = tmp_path / "stranger"
    folder.mkdir()
    stranger = Certificates(folder).ca.read_bytes()
    with running(one):
        one.wait_taken(one.on)
        for wrong in (base64_of(stranger), base64_of(b"no certificate"), ""):
            one.release.set_bundles(wrong)
            create_some(one, newest)
            one.release.set_bundles(right)
            one.wait_taken(one.on)
        both = base64_of(stranger + certs.ca.read_bytes())
        one.release.set_bundles(both)
        assert one.try_pod(one.on) == REWRITTEN
        one.release.set_bundles(right)


def base64_of(data):
    return base64.b64encode(data).decode()


def test_killed_and_started_again_under_creations(one, newest):
    """kill -9 in the middle: no creation fails; afterwards pods are rewritten again."""
    with Creations(newest.kube, one.on) as load:
        one.start()
        one.wait_taken(one.on)
        load.wait_more(50)
        load.plain.clear()
        one.kill()
        load.wait_more(50)
        assert load.plain
        one.start()
        one.wait_taken(one.on)
    assert not load.failures
    one.stop()


def test_stopped_under_creations(one, newest):
    """SIGTERM with a drain: as long as the drain lasts, every pod is still rewritten."""
    one.release.upgrade(config={**one.release.values["config"], "server": {"drain": "3s"}})
    one.start()
    one.wait_taken(one.on)
    with Creations(newest.kube, one.on) as load:
        load.wait_more(50)
        load.plain.clear()
        one.service.send(15)
        one.service.wait_log("draining")
        load.wait_more(20)
        still_plain = list(load.plain)
        one.service.end(None)
        load.wait_more(20)
    one.service = None
    assert not load.failures and not still_plain


ODD = ["\u0000", "nginx:1.27\ud7ff", "a" * 4000, "~0~1/-/..", '"}]', "\\u0022", "x" * 255 + "/y"]


@pytest.mark.parametrize("image", ODD, ids=range(len(ODD)))
def test_no_answer_is_a_hard_error(one, newest, image):
    """What is odd in one place is left alone, and costs neither the pod nor its other image: a
    patch that can't be applied would, with failurePolicy Ignore too."""
    with running(one):
        one.wait_taken(one.on)
        wanted = pod("odd", image, IMAGE, namespace=one.on)
        wanted["metadata"]["annotations"] = {"a/b.c": image}
        made = one.kube.create(wanted, dryRun="All")
        assert images(made) == [image, REWRITTEN]
        assert made["metadata"]["annotations"]["a/b.c"] == image
