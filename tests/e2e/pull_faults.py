"""Every way in which a node's pull through the cache can fail, each as a context; and how what the
program remembers of them is forgotten."""

import contextlib
import itertools
import re
import subprocess

import tools
from installation import NAME, NAMESPACE
from layout import AWS, NODE
from world import until

IMPORT, CREATE = "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"
IMAGE = "ghcr.io/org/app:2.5"
RULE = "ghcrcache"
_numbers = itertools.count(1)


@contextlib.contextmanager
def fault(world, service, operation, kind, **how):
    made = world.aws.ask("POST", "faults", {
        "kind": kind, "service": service, "operation": operation, "times": None, **how})  # fmt: skip
    try:
        yield
    finally:
        world.aws.ask("DELETE", f"faults/{made['id']}")


def registry_answers(status):
    return lambda world: fault(world, "registry", "GetManifest", "http", status=status)


def registry_resets(world):
    return fault(world, "registry", "GetManifest", "reset")


def registry_is_silent(world):
    """Accepts, and says nothing for longer than three probes take."""
    return fault(world, "registry", "*", "hang", seconds=45)


def denied(*actions):
    """To the nodes."""

    @contextlib.contextmanager
    def make(world):
        world.aws.ask("PATCH", "principals/puller", {"denied": list(actions)})
        try:
            yield
        finally:
            world.aws.ask("PATCH", "principals/puller", {"denied": []})

    return make


def rule_is(change):
    """Between two passes of the program: it isn't told."""

    @contextlib.contextmanager
    def make(world):
        saved = world.aws.state()["rules"]
        with fault(world, "ecr", "*", "error", code="ServerException", status=500):
            world.aws.ask("PATCH", "state", {"rules": change(saved)})
            try:
                yield
            finally:
                world.aws.ask("PATCH", "state", {"rules": saved})

    return make


def _without_it(rules):
    return {prefix: rule for prefix, rule in rules.items() if prefix != RULE}


def _leading_elsewhere(rules):
    """To where there is no such tag."""
    return {**rules, RULE: {**rules[RULE], "upstreamRepositoryPrefix": "elsewhere"}}


@contextlib.contextmanager
def packets(world, *verdict, to=NODE, port=AWS):
    """What the node itself sends to the registry; pods' packets are others."""
    inside = ("nsenter", f"--net={world.network()}", "iptables")
    rule = ("OUTPUT", "-p", "tcp", "-d", to, "--dport", str(port), "-j", *verdict)
    subprocess.run([*inside, "-I", *rule], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([*inside, "-D", *rule], check=True, capture_output=True)


def refused(world):
    return packets(world, "REJECT", "--reject-with", "tcp-reset")


def dropped(world):
    return packets(world, "DROP")


def nothing(world):
    return contextlib.nullcontext()


# How, and by which name the image is asked for.
CAUSES = {
    "a digest that was never imported": (nothing, "digest"),
    "a tag with its digest": (nothing, "both"),
    "a tag that the cache lacks": (rule_is(_leading_elsewhere), "tag"),
    "the rule is gone": (rule_is(_without_it), "tag"),
    "the import is denied": (denied(IMPORT), "tag"),
    "the repository's creation is denied": (denied(CREATE), "tag"),
    "401": (registry_answers(401), "tag"),
    "403": (registry_answers(403), "tag"),
    "429": (registry_answers(429), "tag"),
    "503": (registry_answers(503), "tag"),
    "refused": (refused, "tag"),
    "reset": (registry_resets, "tag"),
}
WITHOUT_AWS = ("a tag that the cache lacks", "the rule is gone")


def name_of(world, kind):
    digest = world.digests[IMAGE]
    return {"tag": IMAGE, "digest": f"ghcr.io/org/app@{digest}", "both": f"{IMAGE}@{digest}"}[kind]


def forget_images(world, path="org/app"):
    """The cache has never held any, and the node's garbage collector was there."""
    repositories = world.aws.state()["repositories"]
    kept = {k: v for k, v in repositories.items() if k != f"{RULE}/{path}"}
    world.aws.ask("PATCH", "state", {"repositories": kept})
    ctr = (tools.path("ctr"), "-a", world.where.containerd, "-n", "k8s.io", "images")
    names = subprocess.run([*ctr, "ls", "-q"], capture_output=True, text=True, check=True).stdout
    gone = [name for name in names.split() if path in name or name.startswith("sha256:")]
    if gone:
        subprocess.run([*ctr, "rm", "--sync", *gone], capture_output=True, check=False)


def forget_events(world):
    """Or replicas that start later would hear of them, and turn from a whole upstream."""
    for event in world.kube.list("Event"):
        if event["reason"] == "Failed":
            world.kube.delete("Event", event["metadata"]["name"], event["metadata"]["namespace"])


def take(inst, change, is_so=lambda status: True):
    """All replicas have taken the configuration that this makes, and say what is to be so."""
    names = [pod["metadata"]["name"] for pod in inst.pods()]
    before = {name: inst.status(name)["configuration"]["hash"] for name in names}
    change()
    _touch(inst, names)

    def begun(name):
        status = inst.status(name)
        return status["configuration"]["hash"] != before[name] and is_so(status["fallback"])

    for name in names:
        until(lambda n=name: begun(n), f"{name} begins anew")


def _touch(inst, names):
    """Kubelet looks at the ConfigMap of a pod that changed at once."""
    for name in names:
        touched = {"metadata": {"annotations": {"e2e/touched": str(next(_numbers))}}}
        inst.world.kube.patch("Pod", name, touched, NAMESPACE)


def listen(inst):
    """All replicas hear of failed pulls: of those, too, that they missed while they did not."""
    names = [pod["metadata"]["name"] for pod in inst.pods()]
    _touch(inst, names)
    for name in names:
        until(lambda n=name: inst.status(n)["fallback"]["watch"] == "on", f"{name} listens")


def _take_anew(inst, text, watch):
    """All replicas have taken this configuration, and nothing is held against the cache."""

    def is_so(now):
        held = now["imageCount"] or now["upstreams"] or now["registryDownSince"]
        return (now["watch"], now["probe"]) == watch and not held

    changed = {"data": {"config.yaml": text}}
    take(inst, lambda: inst.world.kube.patch("ConfigMap", NAME, changed, NAMESPACE), is_so)


def is_well(inst):
    """No replica holds anything against the cache."""
    said = [inst.status(pod["metadata"]["name"])["fallback"] for pod in inst.pods()]
    return not any(now["imageCount"] or now["upstreams"] or now["registryDownSince"] for now in said)


def forget_failures(inst, remember="7200s"):
    """Nothing is held against the cache: with `to: none` all is forgotten. So are the pods that
    were healed before, since healing is off meanwhile: nobody puts these back any more."""
    text = inst.world.kube.get("ConfigMap", NAME, NAMESPACE)["data"]["config.yaml"]
    text = re.sub(r"\bremember: \S+", f"remember: {remember}", text)
    none = re.sub(r"\bto: upstream\b", "to: none", re.sub(r"\bheal: true\b", "heal: false", text))
    assert none != text
    listen(inst)
    _take_anew(inst, none, ("off", "off"))
    _take_anew(inst, text, ("on", "good"))
