"""Whatever happens to the webhook, no creation fails; and while a replica is there that can answer,
none that should be rewritten isn't."""

import os
import signal
import time

import faults
import kube
import pytest
from own_certificates import look
from steady import Steady
from tls_modes import Authority
from world import FAILED_OPEN, b64, cached, until

own = pytest.mark.own
# What another one does, too: going back takes an upgrade first, and what restarts while AWS is slow
# restarts one by one.
COVERED = (faults.upgrade, faults.rolling_restart)
CALM = [fault for fault in faults.CALM if fault not in COVERED]


@pytest.fixture
def load(world, installed):
    namespace = world.namespace("load")
    with Steady(world, namespace) as made:
        made.wait_rewritten()
        yield made


@pytest.mark.parametrize(
    "fault",
    [*CALM, *(pytest.param(fault, marks=own) for fault in faults.AWS)],
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
    assert not load.failures, load.failures
    last = max((when - began for when, _ in load.plain), default=0)
    assert last < 15, load.plain
    plain = load.forget_unanswered()
    figures.append(
        f"one replica killed: {len(plain)} of {load.made} creations kept their image, "
        f"the last one {last:.1f} s after"
    )


@own
def test_a_replica_that_starts_while_aws_is_away(installed, load):
    """It has seen no rule, so it rewrites nothing and says why, until AWS is back."""
    with faults.ecr_errors(installed):
        faults.rolling_restart(installed, load)
        load.go_on(50)
        for pod in installed.pods():
            name = pod["metadata"]["name"]
            assert not any(installed.rewrites(name).values())
            until(
                lambda n=name: "out of order" in installed.upstreams(n)["docker.io"]["reason"],
                f"{name} says why",
            )
    # After three passes that failed the next may be two minutes away, after four it is four.
    installed.wait_taken(300)
    assert not load.failures, load.failures
    assert load.wait_rewritten(answered=True), "they were rewritten by who knows no rule"
    load.go_on(50)
    load.all_well()


def start_anyway(world, load, installed):
    """While nobody answers: creations go on, unrewritten, and a pod starts. Each may take as long as
    the API server waits for us."""
    load.go_on(9)
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
def test_nonsense(world, installed, load, folder):
    """Something else answers behind our Service, with a certificate that is believed."""
    with faults.imposter(installed, folder) as imposter:
        for answer in (nonsense, wrong_uid, silence):
            imposter.answer = answer
            start_anyway(world, load, installed)
            until(lambda a=answer: imposter.asked[a], f"{answer.__name__} was given")
    back_to_normal(load)


@own
@pytest.mark.parametrize("bundle", ["another", "none"])
def test_wrong_bundle(world, installed, load, folder, bundle):
    """The program repairs it where the certificate is its own, here as soon as it is told to look
    (unasked: test_5_fallback_slow.py); else somebody has to."""
    good = installed.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    bad = None if bundle == "none" else b64(Authority(folder).ca.read_bytes())
    faults.set_bundle(installed, bad)
    if installed.tls.values()["mode"] == "self":
        load.go_on(20)
        look(installed)
        faults.wait_bundle(installed, good)
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
