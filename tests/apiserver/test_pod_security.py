"""A namespace that enforces Pod Security `restricted` lets in every pod that the chart makes."""

import pytest
import yaml
from conftest import fresh_name
from helm import CHART, IMAGE, settings
from http_peer import ROOT
from kube import Refused, pod

PREFIX = "pod-security.kubernetes.io"
MODES = sorted((CHART / "ci").glob("*-values.yaml"))
MODES += sorted((ROOT / "deploy" / "examples").glob("values-*.yaml"))
VOLUMES = [
    {"name": "a", "emptyDir": {}},
    {"name": "b", "csi": {"driver": "secrets-store.csi.k8s.io", "readOnly": True}},
]
CASES = {
    **{path.stem: ("--values", path, "--set", "hostNetwork=false") for path in MODES},
    "certificates by Jobs": settings({"tls.self.caBundle": "job"}),
    "OpenShift": ("--api-versions", "security.openshift.io/v1"),
    "another user": settings({"podSecurityContext": {"runAsUser": 1000, "fsGroup": 1000}}),
    "volumes": settings({"extraVolumes": VOLUMES}),
}  # fmt: skip


@pytest.fixture(scope="module", name="namespace")
def _namespace(newest):
    labels = {f"{PREFIX}/{mode}": "restricted" for mode in ("enforce", "warn")}
    return newest.kube.namespace(fresh_name("restricted"), **labels)


def pods_of(helm, namespace, words):
    """{(kind of what makes it, name of that): the pod}; of hooks, too."""
    image = settings({"image.repository": IMAGE, "test.pull.image": f"{IMAGE}:1"})
    text = helm.run("template", "pullthrough", CHART, "--namespace", namespace, *image, *words)
    found = {}
    for each in filter(None, yaml.safe_load_all(text)):
        inner = each if each["kind"] == "Pod" else each.get("spec", {}).get("template")
        if inner:
            name = each["metadata"]["name"]
            inner["spec"].pop("priorityClassName", None)  # nobody has made it
            meta = {**inner.get("metadata", {}), "name": name, "namespace": namespace}
            made = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": inner["spec"]}
            found[each["kind"], name] = made
    kinds = [kind for kind, _ in found]
    assert {"Deployment", "Job", "StatefulSet"} < set(kinds) and kinds.count("Pod") == 2
    return found


def said_of(kube, made):
    """What the API server has against it, or None."""
    path = kube.path("Pod", made["metadata"]["namespace"], dryRun="All")
    status, headers, body = kube.raw("POST", path, made)
    assert status in (201, 403), body
    return headers["Warning"] if status == 201 else body.decode()


@pytest.mark.parametrize("words", CASES.values(), ids=CASES)
def test_every_pod_is_let_in(newest, helm3, namespace, words):
    found = pods_of(helm3, namespace, words)
    said = {name: said_of(newest.kube, made) for name, made in found.items()}
    assert said == dict.fromkeys(found)


WHAT = 'violates PodSecurity "restricted:latest": '
REFUSED = {
    "the node's network": (
        {"hostNetwork": True},
        "host namespaces (hostNetwork=true), hostPort (container"
        ' "pullthrough" uses hostPorts 8080, 8443)',
    ),
    "a way to more rights": (
        {"securityContext": {"allowPrivilegeEscalation": True}},
        'allowPrivilegeEscalation != false (container "pullthrough" must set'
        " securityContext.allowPrivilegeEscalation=false)",
    ),
}


@pytest.mark.parametrize("values, reason", REFUSED.values(), ids=REFUSED)
def test_who_asks_for_more_is_refused(newest, helm3, namespace, values, reason):
    """What values can do; this is also how it shows that the namespace judges."""
    found = pods_of(helm3, namespace, settings(values))
    with pytest.raises(Refused) as refused:
        newest.kube.create(found["Deployment", "pullthrough"], dryRun="All")
    assert refused.value.message == f'pods "pullthrough" is forbidden: {WHAT}{reason}'


def test_a_privileged_pod_is_refused(newest, namespace):
    with pytest.raises(Refused) as refused:
        made = pod("privileged", IMAGE, namespace=namespace)
        made["spec"]["containers"][0]["securityContext"] = {"privileged": True}
        newest.kube.create(made, dryRun="All")
    assert f'{WHAT}privileged (container "c0" must not set' in refused.value.message
