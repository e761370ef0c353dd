"""Every fault that we can make, each as one function: make it, wait until it is over.

Each takes the installation and the load that goes on meanwhile. `calm` faults must not cost a single
rewriting; `blind` ones leave nobody who could answer, and must cost nothing else; `sudden` is a
replica that is killed: what it was answering, and calls that are sent to it until the cluster knows,
go unrewritten, which `failurePolicy: Ignore` is for.
"""

import collections
import contextlib
import itertools
import os
import signal

import own_certificates as own
from foreign_webhook import https_server
from installation import NAME, NAMESPACE
from kube import Refused
from layout import NODE
from tls_modes import Authority
from world import b64, is_running, until

_numbers = itertools.count(1)


# Calm: at least one replica can answer


def rolling_restart(inst, load):
    inst.world.kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{NAME}")
    inst.settle()


def upgrade(inst, load):
    """Helm replaces every pod, because of a setting that is read at the start only; as somebody
    would do it, so the configuration is checked first."""
    config = inst.config
    config["server"]["maxConnections"] = 4000 + next(_numbers)
    inst.upgrade(check=True, config=config)


def rolled_back(inst, load):
    """Helm goes back to the edition before the last."""
    before = inst.release.values
    upgrade(inst, load)
    inst.release.rollback()
    inst.release.values = before
    inst.settle()


def one_evicted(inst, load):
    """As a drained node does it: asked for, within the disruption budget."""
    victim = inst.pods()[0]["metadata"]["name"]
    body = {"apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": victim, "namespace": NAMESPACE}}  # fmt: skip
    inst.world.kube.ask(
        "POST", inst.world.kube.path("Pod", NAMESPACE, victim, "eviction"), body
    )
    until(lambda: not inst.world.kube.find("Pod", victim, NAMESPACE), "the evicted pod is gone")
    inst.settle()


def configuration_changed(inst, load):
    """Taken while it runs: no pod is replaced, and new reviews follow it."""
    before = {pod["metadata"]["name"] for pod in inst.pods()}
    config = inst.config
    pattern = f"docker.io/never/{next(_numbers)}"
    config["rewrite"] = {**config.get("rewrite", {}), "exclude": ["auto", pattern]}
    hashes = {name: inst.status(name)["configuration"]["hash"] for name in before}
    inst.upgrade(config=config)
    until(
        lambda: all(inst.status(n)["configuration"]["hash"] != h for n, h in hashes.items()),
        "every replica has the new configuration",
    )
    assert {pod["metadata"]["name"] for pod in inst.pods()} == before


def configuration_broken(inst, load):
    """By hand, past the chart's check: refused with its place, and the old one goes on."""
    config = inst.world.kube.get("ConfigMap", NAME, NAMESPACE)["data"]["config.yaml"]
    series = 'pullthrough_config_reloads_total\\{.*outcome="refused".*\\}'
    refused = inst.sum(series)
    _set_config(inst, config + "\nrewrite:\n  nonsense: 1\n")
    until(lambda: inst.sum(series) >= refused + inst.replicas, "every replica refuses it")
    _set_config(inst, config)
    # Brought to them, or the next fault of this kind would change nothing in their eyes.
    until(
        lambda: all(
            inst.status(pod["metadata"]["name"])["configuration"]["problem"] is None
            for pod in inst.pods()
        ),
        "every replica has the good one again",
    )


def _set_config(inst, text):
    change = {"data": {"config.yaml": text}}
    inst.world.kube.patch("ConfigMap", NAME, change, NAMESPACE)


@contextlib.contextmanager
def ecr_fault(inst, kind, **how):
    """ECR is out of order until the end of the context."""
    fault = inst.world.aws.ask(
        "POST", "faults", {"kind": kind, "service": "ecr", "times": None, **how}
    )
    try:
        yield
    finally:
        inst.world.aws.ask("DELETE", f"faults/{fault['id']}")


def ecr_errors(inst):
    return ecr_fault(inst, "error", code="ServerException", status=500, message="out of order")


def failed_passes(inst):
    return inst.sum('pullthrough_reconcile_passes_total\\{.*outcome="failed".*\\}')


def aws_out_of_order(inst, load):
    """The program loses ECR: everything it has seen ready stays so."""
    with ecr_errors(inst):
        before = failed_passes(inst)
        until(lambda: failed_passes(inst) > before, "a pass fails")
        load.go_on(50)


def restart_while_aws_is_slow(inst, load):
    """As it may be from far away: new replicas aren't sent reviews before they know their rules."""
    with ecr_fault(inst, "slow", seconds=0.8):
        rolling_restart(inst, load)


AWS = (aws_out_of_order, restart_while_aws_is_slow)


# Calm, in mode `self`


def leaf_grown_old(inst, load):
    """The program issues another one."""
    old = own.let_leaf_grow_old(inst)["tls.crt"]
    until(lambda: own.kept(inst)["tls.crt"] != old, "a new leaf")


def ca_grown_old(inst, load):
    """The program adds a CA to the bundle; those who trust the old one go on."""
    held = own.bundle(inst)
    old = own.first_ca(own.let_ca_grow_old(inst))

    def is_joined():
        new = own.first_ca(own.kept(inst))
        return new not in held | {old} and {new, old} <= own.bundle(inst)

    until(is_joined, "a new CA in Secret and bundle")


SELF = (leaf_grown_old, ca_grown_old)


# Sudden


def killed(inst, load):
    """SIGKILL, as the kernel does when memory is short. The container starts again."""
    victim = inst.pods()[0]
    before = victim["status"]["containerStatuses"][0]["restartCount"]
    inst.world.kill(victim)

    def is_back():
        pod = inst.world.kube.get("Pod", victim["metadata"]["name"], NAMESPACE)
        status = pod["status"]["containerStatuses"][0]
        return status["restartCount"] > before and is_running(pod)

    until(is_back, "the killed container is back", 120)
    inst.settle()


# Blind: nobody answers, or nobody who is believed


@contextlib.contextmanager
def dead(inst):
    inst.scale(0)
    try:
        yield
    finally:
        inst.scale(inst.replicas)


@contextlib.contextmanager
def hanging(inst):
    """Both stopped: connections are accepted, and nothing comes."""
    pids = [inst.world.process_of(pod, "/usr/bin/pullthrough") for pod in inst.pods()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        inst.settle()


class Imposter:
    """Gives the `answer` that was set last, none before; `asked` counts for each how often."""

    def __init__(self):
        self.answer, self.asked = None, collections.Counter()

    def __call__(self, review):
        answer = self.answer
        self.asked[answer] += 1
        return answer(review) if answer else None


@contextlib.contextmanager
def imposter(inst, folder):
    """Something else answers behind our Service, with a certificate that is believed."""
    authority, made = Authority(folder), Imposter()
    pair = authority.leaf(inst.service_name)
    saved = inst.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    with dead(inst), https_server(pair, 0, made, NODE) as port:
        slice_name = f"imposter-{next(_numbers)}"
        inst.world.create({
            "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": slice_name, "namespace": NAMESPACE, "labels": {
                "kubernetes.io/service-name": NAME,
                "endpointslice.kubernetes.io/managed-by": "e2e"}},
            "endpoints": [{"addresses": [NODE]}],
            "ports": [{"name": _port_name(inst), "port": port, "protocol": "TCP"}],
        })  # fmt: skip
        set_bundle(inst, b64(authority.ca.read_bytes()))
        try:
            yield made
        finally:
            inst.world.kube.delete("EndpointSlice", slice_name, NAMESPACE)
            set_bundle(inst, saved)


def _port_name(inst):
    (port,) = inst.world.kube.get("Service", NAME, NAMESPACE)["spec"]["ports"]
    return port.get("name", "")


def set_bundle(inst, text):
    """As somebody might who edits the configuration; None takes it away."""
    at = {"path": "/clientConfig/caBundle"}
    now = inst.configuration()["webhooks"][0]["clientConfig"]
    if text is None:
        with contextlib.suppress(Refused):
            inst.change_webhook({"op": "remove", **at})
    elif now.get("caBundle") != text:
        inst.change_webhook({"op": "add", **at, "value": text})


def wait_bundle(inst, text):
    """Until the program has repaired it, in mode `self`."""
    until(
        lambda: inst.configuration()["webhooks"][0]["clientConfig"].get("caBundle") == text,
        "the bundle is repaired",
    )


CALM = (rolling_restart, upgrade, rolled_back, one_evicted, configuration_changed,
        configuration_broken)  # fmt: skip
