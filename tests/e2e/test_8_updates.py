"""What an update of a pod costs that changes no spec, as most: the API server has to see so, and asks
nobody. Beside it, what each costs where the webhook is asked."""

import copy

import burst
import pytest
from turns import ROUNDS, Turns
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
    turns = Turns(world, TITLES, request.config.getoption("--pods"))
    for name in namespaces.values():  # connections, caches
        burst.label(world.kube, name, 80, "warm")
    calls = dict.fromkeys(TITLES, 0)
    for turn in range(ROUNDS):
        for mode, name in namespaces.items():
            calls[mode] -= updates(installed)
            turns.take(mode, burst.label, world.kube, name, turns.share, f"turn-{turn}")
            calls[mode] += updates(installed)
    # Up to two a label: the API server begins with what its cache has, and where that is behind, it
    # asks again with what etcd has. Nobody else writes these pods.
    assert calls["none"] == calls["spared"] == 0, calls
    assert turns.count <= calls["asked"] <= 2 * turns.count, calls
    more = {mode: f"  {n:.0f} calls" for mode, n in calls.items()}
    figures.extend(turns.lines(f"updates: {turns.count} labels", "updates", more))
