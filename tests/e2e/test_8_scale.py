"""What the webhook costs: creations a second, the API server's CPU, ours, and memory."""

import re

import burst
import pytest
from layout import ECR
from turns import ROUNDS, Turns
from world import LABEL, until

pytestmark = pytest.mark.own
TITLES = {
    "none": "no webhook",
    "webhook": "pullthrough",
    "policy": "a MutatingAdmissionPolicy, the same images",
}
IMAGE = "object.spec.containers[i].image"
EXPRESSION = f"""
[0, 1].filter(i, i < object.spec.containers.size() && !{IMAGE}.startsWith("{ECR}/")).map(i,
  JSONPatch{{op: "replace", path: "/spec/containers/" + string(i) + "/image",
    value: {IMAGE}.startsWith("ghcr.io/")
      ? {IMAGE}.replace("ghcr.io/", "{ECR}/ghcrcache/")
      : "{ECR}/dockercache/library/" + {IMAGE}}})
"""


@pytest.fixture
def policy(world):
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["pods"]}  # fmt: skip
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "scale-policy"}}
    meta = {"name": "e2e-same-effect"}
    patch = {"patchType": "JSONPatch", "jsonPatch": {"expression": EXPRESSION}}
    world.create({"kind": "MutatingAdmissionPolicy", "metadata": meta, "spec": {
        "matchConstraints": {"namespaceSelector": selector, "resourceRules": [rule]},
        "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded", "mutations": [patch]}})  # fmt: skip
    world.create({"kind": "MutatingAdmissionPolicyBinding", "metadata": meta,
                  "spec": {"policyName": meta["name"]}})  # fmt: skip
    yield
    for kind in ("MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"):
        world.kube.delete(kind, meta["name"])


@pytest.fixture
def namespaces(world, policy):
    names = {mode: f"scale-{mode}" for mode in TITLES}
    for mode, name in names.items():
        if not world.kube.find("Namespace", name):
            world.kube.namespace(name, **({LABEL: "enabled"} if mode == "webhook" else {}))
        until(lambda n=name: world.kube.find("ServiceAccount", "default", n), "an account")
    for mode in ("webhook", "policy"):
        until(lambda m=mode: world.try_image(names[m], "nginx:1.27").startswith(ECR), mode)
    yield names
    for name in names.values():
        world.kube.ask("DELETE", world.kube.path("Pod", name, gracePeriodSeconds=0))


def histogram(world, name):
    """{upper bound: count} of the API server's own measure of a webhook, and (sum, count)."""
    _, _, body = world.kube.raw("GET", "/metrics")
    family = "apiserver_admission_webhook_admission_duration_seconds"
    buckets, sums = {}, {}
    for line in body.decode().splitlines():
        if line.startswith(family) and f'name="{name}"' in line and 'operation="CREATE"' in line:
            value = float(line.rpartition(" ")[2])
            bound = re.search(r'le="([^"]+)"', line)
            if bound:
                buckets[float(bound[1])] = buckets.get(float(bound[1]), 0) + value
            else:
                kind = line.partition("{")[0].rpartition("_")[2]
                sums[kind] = sums.get(kind, 0) + value
    return buckets, sums


def bound_of(before, after, share):
    """The bucket that the quantile lies in, in words."""
    total = after[float("inf")] - before.get(float("inf"), 0)
    for bound in sorted(after):
        if after[bound] - before.get(bound, 0) >= share * total:
            return f"below {bound * 1000:g} ms"
    return "?"


def our_cpu(installed):
    """Seconds, of all replicas together."""
    return installed.sum("process_cpu_seconds_total")


def our_memory(installed):
    """Resident MiB of each replica."""
    return [
        installed.metrics(pod["metadata"]["name"])["process_resident_memory_bytes"] / 2**20
        for pod in installed.pods()
    ]


def test_what_it_costs(world, installed, namespaces, figures, request):
    turns = Turns(world, TITLES, request.config.getoption("--pods"))
    webhook = f"{installed.release.cluster_name}.pullthrough.internal"
    for name in namespaces.values():  # connections, caches
        burst.create(world.kube, name, 80)
    shown, memory, cpu = histogram(world, webhook), our_memory(installed), 0
    reviewed = installed.sum("pullthrough_reviews_total\\{.*")
    for _ in range(ROUNDS):
        for mode, name in namespaces.items():
            cpu -= our_cpu(installed) if mode == "webhook" else 0
            turns.take(mode, burst.create, world.kube, name, turns.share)
            cpu += our_cpu(installed) if mode == "webhook" else 0
    now, afterwards = histogram(world, webhook), our_memory(installed)
    reviews = installed.sum("pullthrough_reviews_total\\{.*") - reviewed
    assert reviews >= turns.count
    figures.extend(turns.lines(f"scale: {turns.count} pods of two containers", "creations"))
    mean = (now[1]["sum"] - shown[1]["sum"]) / (now[1]["count"] - shown[1]["count"]) * 1e6
    figures.append(
        f"  a call as the API server sees it: mean {mean:.0f} us, p50 "
        f"{bound_of(shown[0], now[0], 0.5)}, p99 {bound_of(shown[0], now[0], 0.99)}"
    )
    figures.append(f"  our CPU a review: {cpu / reviews * 1e6:.0f} us")
    figures.append(
        f"  our memory: {' and '.join(f'{mib:.1f}' for mib in memory)} MiB before, "
        f"{' and '.join(f'{mib:.1f}' for mib in afterwards)} MiB after {reviews:.0f} reviews"
    )
    assert max(afterwards) < max(memory) + 8
