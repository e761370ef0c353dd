"""Whatever happens to the webhook, no creation fails; and while a replica is there that can answer,
none that should be rewritten isn't."""

import os
import signal
import time

import faults
import kube
import pytest
from steady import Steady
from tls_modes import Authority
from world import FAILED_OPEN, b64, cached, until

own = pytest.mark.own


@pytest.fixture
def load(world, installed):
    namespace = world.namespace("load")
    with Steady(world, namespace) as made:
        made.wait_rewritten()
        yield made


@pytest.mark.parametrize(
    "fault",
    [*faults.CALM, pytest.param(faults.aws_out_of_order, marks=own)],
    ids=lambda fault: fault.__name__,
)
def test_while_a_replica_answers_every_creation_is_rewritten(installed, load, fault):
    fault(installed, load)
    load.go_on()
    load.all_well()


@own
def test_one_replica_killed(installed, load, figures):
    """No creation fails. What was on its way to the killed one goes unrewritten: few, and only
    until the cluster has noticed."""
    began = time.monotonic()
    faults.killed(installed, load)
    load.go_on()
    assert not load.failures
    late = [when for when, _ in load.plain if when > began + 15]
    assert not late, load.plain
    figures.append(f"one replica killed: {len(load.plain)} of {load.made} creations kept their image")


def start_anyway(world, load, installed):
    """While nobody answers: creations go on, unrewritten, and a pod starts."""
    load.go_on(20)
    name = f"anyway-{time.monotonic_ns()}"
    made = world.kube.create(kube.pod(name, "busybox:1", namespace=load.namespace))
    assert kube.images(made) == ["busybox:1"]
    world.wait_running(name, load.namespace)
    assert not load.failures, load.failures
    (event,) = world.audit("create", "pods", load.namespace, name)
    assert any(key.startswith(FAILED_OPEN) for key in event["annotations"])


def back_to_normal(load):
    assert load.wait_rewritten(), "the fault was none"
    load.go_on(50)
    load.all_well()


@own
def test_dead(world, installed, load):
    with faults.dead(installed):
        start_anyway(world, load, installed)
    back_to_normal(load)


@own
def test_hanging(world, installed, load):
    """Each creation takes the webhook's timeout longer, and then goes on."""
    with faults.hanging(installed):
        began = time.monotonic()
        start_anyway(world, load, installed)
        assert time.monotonic() - began < 90
    back_to_normal(load)


def nonsense(review):
    return b"<html>I am a proxy</html>"


def wrong_uid(review):
    response = {"uid": "another", "allowed": True}
    return {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}


def silence(review):
    return None


@own
@pytest.mark.parametrize("answer", [nonsense, wrong_uid, silence], ids=lambda a: a.__name__)
def test_nonsense(world, installed, load, folder, answer):
    with faults.imposter(installed, folder, answer):
        # Its certificate is believed from some moment on; unrewritten they are at any rate.
        start_anyway(world, load, installed)
    back_to_normal(load)


@own
@pytest.mark.parametrize("bundle", ["another", "none"])
def test_wrong_bundle(world, installed, load, folder, bundle):
    """The program repairs it where the certificate is its own; else somebody has to."""
    good = installed.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    bad = None if bundle == "none" else b64(Authority(folder).ca.read_bytes())
    faults.set_bundle(installed, bad)
    if installed.tls.values()["mode"] == "self":
        until(
            lambda: installed.configuration()["webhooks"][0]["clientConfig"].get("caBundle")
            == good,
            "the bundle is repaired",
            180,
        )
        assert not load.failures, load.failures
        load.wait_rewritten()
    else:
        load.go_on(40)
        start_anyway(world, load, installed)
        faults.set_bundle(installed, good)
        back_to_normal(load)
    load.go_on(50)
    load.all_well()


@own
def test_one_of_two_hangs_for_a_moment(world, installed, load):
    """A replica that stops answering delays creations, by the timeout at most, and fails none."""
    victim = installed.pods()[0]
    pid = world.process_of(victim, "/usr/bin/pullthrough")
    os.kill(pid, signal.SIGSTOP)
    try:
        load.go_on(30)
    finally:
        os.kill(pid, signal.SIGCONT)
    installed.settle()
    assert not load.failures, load.failures
    load.wait_rewritten()
    load.go_on(50)
    load.all_well()
    assert world.try_image(load.namespace) == cached("busybox:1")
