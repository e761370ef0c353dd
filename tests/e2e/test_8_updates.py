"""What an update of a pod costs that changes no spec, as most: the API server has to see so, and asks
nobody. Beside it, what each costs where the webhook is asked."""

import copy
import os
import statistics
import time

import burst
import pytest
from test_8_scale import ROUNDS, cpu_seconds
from world import LABEL, cached, until

pytestmark = pytest.mark.own
TITLES = {
    "none": "no webhook",
    "spared": "pullthrough",
    "asked": "pullthrough, without the matchCondition",
}


@pytest.fixture
def asked(world, installed):
    """The webhook once more, for one namespace, and without the condition."""
    webhook = copy.deepcopy(installed.configuration()["webhooks"][1])
    assert webhook.pop("matchConditions")
    webhook["name"] = "asked.example.com"
    webhook["rules"][0]["operations"] = ["CREATE", "UPDATE"]
    webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "updates-asked"}}
    meta = {"name": "e2e-asked"}
    world.create({"kind": "MutatingWebhookConfiguration", "metadata": meta, "webhooks": [webhook]})
    yield
    world.kube.delete("MutatingWebhookConfiguration", meta["name"])


@pytest.fixture
def namespaces(world, asked):
    names = {mode: f"updates-{mode}" for mode in TITLES}
    for mode, name in names.items():
        world.kube.namespace(name, **({LABEL: "enabled"} if mode == "spared" else {}))
        until(lambda n=name: world.kube.find("ServiceAccount", "default", n), "an account")
        if mode != "none":
            until(lambda n=name: world.try_image(n) == cached("busybox:1"), mode)
        burst.create(world.kube, name, burst.WORKERS)
    yield names
    for name in names.values():
        world.kube.delete("Namespace", name)


def updates(installed):
    """How many the program has been asked about."""
    return installed.sum('pullthrough_reviews_total\\{.*operation="UPDATE".*')


def test_what_an_update_costs(world, installed, namespaces, figures, request):
    share = request.config.getoption("--pods") // ROUNDS // burst.WORKERS * burst.WORKERS
    (pid,) = world.processes("kube-apiserver", "--etcd-servers")
    for name in namespaces.values():  # connections, caches
        burst.label(world.kube, name, 80, "warm")
    rates, costs = ({mode: [] for mode in TITLES} for _ in range(2))
    calls = dict.fromkeys(TITLES, 0)
    for turn in range(ROUNDS):
        for mode, name in namespaces.items():
            calls[mode] -= updates(installed)
            theirs, began = cpu_seconds(pid), time.monotonic()
            rewritten = burst.label(world.kube, name, share, f"turn-{turn}")
            rates[mode].append(share / (time.monotonic() - began))
            costs[mode].append((cpu_seconds(pid) - theirs) / share * 1e6)
            calls[mode] += updates(installed)
            assert rewritten == (0 if mode == "none" else share), mode
    # More than one a label: the API server begins with what its cache has, and where that is behind,
    # it asks again with what etcd has.
    assert calls["none"] == calls["spared"] == 0 and calls["asked"] >= ROUNDS * share, calls
    figures.append(
        f"updates: {ROUNDS * share} labels each way, interleaved, {os.cpu_count()} CPUs; "
        f"load {os.getloadavg()[0]:.1f}"
    )
    for mode, title in TITLES.items():
        low = statistics.quantiles(costs[mode], n=4)[0]
        figures.append(
            f"  {title:45} {statistics.median(rates[mode]):6.0f} updates/s"
            f"  {low:6.0f} us CPU of the API server each (lower quartile)  {calls[mode]:.0f} calls"
        )
