"""Releases by real Helm, 3 and 4: what an installation makes, what an upgrade and a rollback keep,
and what an uninstallation leaves."""

import base64
import json
import shutil

import pytest
import tools
import yaml
from conftest import BY_ITSELF, IMAGE, Installation, fresh_name
from helm import CHART, Failed, JobController, Release
from http_peer import ROOT, wait_for
from kube import KINDS, Refused, images, pod
from load import Creations

MADE = [
    "ClusterRole", "ClusterRoleBinding", "ConfigMap", "Deployment", "MutatingWebhookConfiguration",
    "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "Secret", "Service",
    "ServiceAccount", "Job", "Pod",
]  # fmt: skip
SELF = {"config": BY_ITSELF}


@pytest.fixture
def kube(newest):
    return newest.kube


@pytest.fixture
def release(helm, kube):
    made = Release(helm, kube, "pullthrough", fresh_name("release"), SELF)
    yield made
    if made.configuration():
        made.uninstall()


def of_release(kube, release):
    """{(kind, name)} of all objects that carry the release's labels, and Helm's own Secrets."""
    selector = f"app.kubernetes.io/instance={release.name}"
    found = set()
    for kind in MADE:
        namespace = release.namespace if KINDS[kind].namespaced else None
        for obj in kube.list(kind, namespace, labelSelector=selector):
            name = obj["metadata"]["name"]
            if KINDS[kind].namespaced or name == release.cluster_name:
                found.add((kind, name))
    return found


def fill(kube, release):
    """What the program does in mode `self`: certificates into the Secret, its CA into caBundle.
    By the two patches that it is allowed."""
    account = kube.as_user(kube.token_of(release.fullname, release.namespace))
    data = {"tls.crt": "Q0VSVA==", "tls.key": "S0VZ", "ca.crt": "Q0E=", "ca.key": "Q0FLRVk="}
    secret = account.patch(
        "Secret", f"{release.fullname}-certificates", {"data": data}, release.namespace
    )
    assert secret["data"] == data
    bundle = base64.b64encode(release.ca.read_bytes()).decode()
    release.set_bundles(bundle, account)
    return data, [bundle, bundle]


def filled(kube, release):
    secret = kube.get("Secret", f"{release.fullname}-certificates", release.namespace)
    return secret.get("data"), release.bundles()


def test_installation_makes_this_and_no_more(kube, release):
    told = release.install()
    assert f"pullthrough 0.1.0 is installed in {release.namespace}" in told
    assert of_release(kube, release) == {
        ("ClusterRole", release.cluster_name),
        ("ClusterRoleBinding", release.cluster_name),
        ("ConfigMap", "pullthrough"),
        ("Deployment", "pullthrough"),
        ("MutatingWebhookConfiguration", release.cluster_name),
        ("PodDisruptionBudget", "pullthrough"),
        ("Role", "pullthrough"),
        ("RoleBinding", "pullthrough"),
        ("Secret", "pullthrough-certificates"),
        ("Service", "pullthrough"),
        ("Service", "pullthrough-status"),
        ("ServiceAccount", "pullthrough"),
    }


def test_upgrade_and_rollback_keep_keys_and_bundle(kube, release, certs):
    """Three-way merge (Helm 3) and server-side apply (Helm 4) leave alone what the chart doesn't
    name, also when the object itself changes."""
    release.ca = certs.ca
    release.install()
    assert filled(kube, release) == (None, ["", ""])
    wanted = fill(kube, release)
    release.upgrade(webhook={"timeoutSeconds": 5}, commonLabels={"team": "a"})
    assert release.configuration()["webhooks"][0]["timeoutSeconds"] == 5
    assert filled(kube, release) == wanted
    release.upgrade(webhook={"annotations": {"example.com/a": "b"}}, replicas=3)
    assert filled(kube, release) == wanted
    release.rollback(1)
    assert release.configuration()["webhooks"][0]["timeoutSeconds"] == 3
    assert filled(kube, release) == wanted


def test_uninstall_leaves_nothing_and_reinstall_begins_anew(kube, release, certs):
    release.ca = certs.ca
    release.install()
    fill(kube, release)
    release.uninstall()
    assert of_release(kube, release) == set()
    helms = kube.list("Secret", release.namespace, labelSelector="owner=helm")
    assert helms == []
    release.install()
    assert filled(kube, release) == (None, ["", ""])


def test_least_rights(kube, release):
    """What the program's account may do: its Secret and its webhook configuration, by name."""
    release.install()
    token = kube.token_of(release.fullname, release.namespace)
    account = kube.as_user(token)

    def may(verb, resource, name="", namespace="", group=""):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "verb": verb, "resource": resource, "name": name,
                    "namespace": namespace, "group": group,
                }
            },
        }  # fmt: skip
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return account.ask("POST", path, review)["status"]["allowed"]

    own, secret = release.namespace, f"{release.fullname}-certificates"
    group = "admissionregistration.k8s.io"
    webhooks = {"resource": "mutatingwebhookconfigurations", "group": group}
    for verb in ("get", "patch"):
        assert may(verb, "secrets", secret, own)
        assert may(verb, name=release.cluster_name, **webhooks)
    assert not may("create", "secrets", "", own)
    assert not may("create", name=release.cluster_name, **webhooks)
    for verb in ("get", "list", "watch", "update", "patch", "create", "delete"):
        assert not may(verb, "secrets", "another", own)
        assert not may(verb, "secrets", secret, "default")
        assert not may(verb, name="another", **webhooks)
        assert not may(verb, "pods", "web", own)
    for verb in ("list", "watch", "delete", "deletecollection"):
        assert not may(verb, "secrets", secret, own)
        assert not may(verb, name=release.cluster_name, **webhooks)


def test_deleted_secret_comes_back_by_name(kube, helm, release):
    """Rights by name reach far enough to make the Secret anew, and no other: by server-side
    apply, which names what it makes. One that lacks Helm's labels is nobody's to Helm 4, which
    then leaves it behind (the chart's README says so)."""
    release.install()
    account = kube.as_user(kube.token_of(release.fullname, release.namespace))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{release.fullname}-certificates", "namespace": release.namespace},
    }
    kube.delete("Secret", secret["metadata"]["name"], release.namespace)
    account.apply(secret, "pullthrough")
    assert kube.get("Secret", secret["metadata"]["name"], release.namespace)
    secret["metadata"]["name"] = "another"
    with pytest.raises(Refused) as refused:
        account.apply(secret, "pullthrough")
    assert refused.value.status == 403
    release.uninstall()
    assert of_release(kube, release) == set()
    left = kube.find("Secret", f"{release.fullname}-certificates", release.namespace)
    assert bool(left) == (helm.version == 4)


def test_configuration_goes_first(newest, helm, release):
    """Helm 4 removes it before anything else; Helm 3 last, which costs nothing (below)."""
    release.install()
    mark = newest.audit_mark()
    release.uninstall()
    gone = [
        e["objectRef"]["resource"]
        for e in newest.audit(mark, verb="delete")
        if e["objectRef"].get("name", "").startswith(release.fullname)
    ]
    place = 0 if helm.version == 4 else len(gone) - 1
    assert gone.index("mutatingwebhookconfigurations") == place


def test_upgrade_rollback_uninstall_under_creations(newest, helm, kube, services, certs):
    """Pods are created all the time, by nobody who knows of it: none fails, and until the release
    is gone all are rewritten."""
    one = Installation(helm, kube, services, certs).install().start()
    namespace = one.labelled()
    one.wait_taken(namespace)
    with Creations(kube, namespace) as load:
        load.wait_more(40)
        load.plain.clear()
        one.release.upgrade(replicas=3, commonLabels={"a": "b"})
        one.release.upgrade(webhook={**one.release.values["webhook"], "timeoutSeconds": 4})
        one.release.rollback(1)
        load.wait_more(40)
        assert not load.plain
        one.release.uninstall()
        load.wait_more(40)
        one.stop()
        one.wait_taken(namespace, rewritten=False)
    assert not load.failures


def test_an_autoscaler_has_the_last_word(kube, release):
    """`replicas: null` names no number, so that neither a three-way merge (Helm 3) nor server-side
    apply (Helm 4) takes back what somebody else set."""

    def replicas():
        return kube.get("Deployment", release.fullname, release.namespace)["spec"]["replicas"]

    def scale(number):
        change = {"spec": {"replicas": number}}
        kube.patch("Deployment", release.fullname, change, release.namespace, sub="scale")

    release.install()
    assert replicas() == 2
    scale(4)
    release.upgrade(replicas=None)
    # What the last release named goes, and Kubernetes has a default; unless somebody else owns it.
    assert replicas() == {3: 1, 4: 4}[release.helm.version]
    for number, label in ((5, "a"), (7, "b")):
        scale(number)
        release.upgrade(commonLabels={label: "x"})
        assert replicas() == number


def test_configuration_change_is_taken_without_a_rollout(helm, kube, release):
    """Only what the program reads at its start makes new pods."""

    def template():
        return kube.get("Deployment", release.fullname, release.namespace)["spec"]["template"]

    release.install()
    first = template()
    config = {**SELF["config"], "rewrite": {"requireRule": False, "exclude": ["nginx:*"]}}
    release.upgrade(config=config)
    assert template() == first
    assert "nginx:*" in release.config()
    release.upgrade(config={**config, "server": {"threads": 3}})
    assert template() != first


def without_hooks_key(folder):
    """The chart as it was before it had the value `hooks`."""
    chart = folder / "pullthrough"
    shutil.copytree(CHART, chart)
    values = yaml.safe_load((chart / "values.yaml").read_text())
    del values["hooks"]
    (chart / "values.yaml").write_text(yaml.safe_dump(values))
    schema = json.loads((chart / "values.schema.json").read_text())
    schema["required"].remove("hooks")
    (chart / "values.schema.json").write_text(json.dumps(schema))
    for path in (chart / "templates").iterdir():
        text = path.read_text()
        path.write_text(text.replace(".Values.hooks.enabled", "true"))
    return chart


def test_values_are_kept_over_charts(helm, release, tmp_path):
    """As the documents say it. --reuse-values takes the older chart's defaults, too, which lack what
    the newer one asks for."""
    release.chart = without_hooks_key(tmp_path)
    release.install()
    upgrade = ("upgrade", release.name, CHART, "--namespace", release.namespace)
    change = ("--set", "fallback.to=none")
    with pytest.raises(Failed, match="hooks"):
        helm.run(*upgrade, "--reuse-values", *change)
    helm.run(*upgrade, "--reset-then-reuse-values", *change)
    config = yaml.safe_load(release.config())
    assert config["fallback"]["to"] == "none" and config["registry"] == BY_ITSELF["registry"]
    told = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert "--reset-then-reuse-values" in told and " --reuse-values" not in told


BAD = {
    # What the schema knows goes no further than Helm.
    "schema": ({**BY_ITSELF, "rewrite": {"digest": "skip"}}, "digest"),
    "type": ({**BY_ITSELF, "registry": {"account": 1.5}}, "account"),
    # What only the program knows is said by the program.
    "program": ({**BY_ITSELF, "upstreams": [{"registry": "registry.example"}]}, None),
}


@pytest.mark.parametrize("config, word", BAD.values(), ids=BAD)
def test_bad_configuration_rolls_nothing_out(helm, kube, release, program, config, word):
    release.values["configCheck"] = {"enabled": True}
    release.values["tls"] = {"mode": "files", "files": {"secretName": "webhook-tls"}}
    kube.namespace(release.namespace)
    with JobController(kube, program, release.namespace) as jobs:
        release.install()
        assert jobs.said and "prefix: dockercache" in jobs.said[0]
        before = versions(kube, release)
        with pytest.raises(Failed) as failed:
            release.upgrade(config=config, replicas=5)
        if word:
            assert word in str(failed.value) and len(jobs.said) == 1
        else:
            assert "pre-upgrade hooks failed" in str(failed.value)
            assert "registry.example" in jobs.said[1]
        assert versions(kube, release) == before
        release.upgrade(replicas=4)
        assert kube.get("Deployment", "pullthrough", release.namespace)["spec"]["replicas"] == 4
        # Kubernetes takes a Job that said no away after an hour.
        left = [each for each in of_release(kube, release) if "check-config" in each[1]]
        assert left == ([] if word else [("Job", jobs.done[1])])


def versions(kube, release):
    """{(kind, name): resourceVersion} of what is installed, without hooks."""
    return {
        (kind, name): kube.get(kind, name, release.namespace)["metadata"]["resourceVersion"]
        for kind, name in of_release(kube, release)
        if "-check-config" not in name
    }


def test_two_releases_of_one_name(kube, helm, release):
    """In two namespaces: nothing of one is the other's."""
    other = Release(helm, kube, release.name, fresh_name("release"), SELF)
    release.install()
    other.install()
    first, second = of_release(kube, release), of_release(kube, other)
    assert len(first) == len(second) == 12
    other.uninstall()
    assert of_release(kube, release) == first and of_release(kube, other) == set()


MODES = sorted((CHART / "ci").glob("*-values.yaml"))


@pytest.mark.parametrize("values", MODES, ids=lambda p: p.name.removesuffix("-values.yaml"))
def test_every_mode_installs(plane, each_helm, values):
    """Each file of ci/ as it is: the API server takes every object, and warns of none."""
    kube, helm = plane.kube, each_helm
    kube.install_crds(tools.crds())
    namespace = fresh_name("mode")
    kube.namespace(namespace, **{"pod-security.kubernetes.io/warn": "baseline"})
    name = "pullthrough"
    words = ("--namespace", namespace, "--values", values)
    check = ("--set", "configCheck.enabled=false")
    told = helm.run("install", name, CHART, *words, *check)
    assert "is installed in" in told
    objects = helm.run("get", "manifest", name, "--namespace", namespace)
    strict = plane.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts",
        "-f", "-", stdin=objects,
    )  # fmt: skip
    assert "unknown field" not in strict.stderr
    assert len(strict.stdout.splitlines()) == len(
        [d for d in yaml.safe_load_all(objects) if d]
    )
    helm.run("upgrade", name, CHART, *words, *check)
    helm.run("uninstall", name, "--namespace", namespace)


def test_release_pods_never_need_the_webhook(newest, kube, helm3, services, certs):
    """Even with every namespace switched on and failurePolicy Fail, and nothing answering: the
    pods that the Deployment describes can be created, in their namespace and with their labels."""
    webhook = {"failurePolicy": "Fail", "timeoutSeconds": 1}
    one = Installation(helm3, kube, services, certs, webhook=webhook)
    one.install()
    on = one.labelled()

    def is_refused():
        try:
            kube.create(pod("other", IMAGE, namespace=on), dryRun="All")
        except Refused as refused:
            return "failed calling webhook" in refused.message
        return False

    wait_for(is_refused, "other pods are refused")
    template = kube.get("Deployment", "pullthrough", one.namespace)["spec"]["template"]
    own = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "own", "namespace": one.namespace, **template["metadata"]},
        "spec": template["spec"],
    }
    own["spec"].pop("priorityClassName", None)
    assert images(kube.create(own, dryRun="All")) == ["registry.example/pullthrough:0.1.0"]
    own["metadata"]["namespace"] = on
    assert images(kube.create(own, dryRun="All"))
    one.release.uninstall()

