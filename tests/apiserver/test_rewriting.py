"""What the API server makes of our answers: on the newest Kubernetes and on the oldest."""

import json

import pytest
from conftest import IMAGE, LABEL, REWRITTEN, Installation, fresh_name, only_newest
from foreign_webhook import answer_with, registered, sidecar
from helm import Helm
from http_peer import wait_for
from kube import JSON_PATCH, STRATEGIC, Refused, images, pod
from service import HOST, ORIGINALS


@pytest.fixture(scope="module")
def release(plane, services, certs, tmp_path_factory):
    helm = Helm(3, plane.kubeconfig, tmp_path_factory.mktemp("helm"))
    selector = {"namespaceSelector": {"value": "enabled"}}  # as the chart has it
    made = Installation(helm, plane.kube, services, certs, webhook=selector)
    made.install().start()
    made.wait_taken(made.labelled())
    return made


@pytest.fixture(scope="module")
def on(release):
    """A namespace that is switched on."""
    namespace = release.labelled()
    release.wait_taken(namespace)
    return namespace


@pytest.fixture
def kube(plane):
    return plane.kube


def reviews(release):
    """How many reviews the program has answered."""
    samples = release.service.metrics().samples()
    return sum(n for (name, _), n in samples.items() if name == "pullthrough_reviews_total")


def test_pod_is_rewritten_and_valid(kube, on):
    made = kube.create(
        pod(
            "web",
            IMAGE,
            "ghcr.io/org/app:2",
            "registry.acme.example/team/app:7",
            namespace=on,
            initContainers=[
                {"name": "init", "image": "quay.io/org/init:1"},
                {"name": "side", "image": "k8s.gcr.io/pause:3.9", "restartPolicy": "Always"},
            ],
        )
    )
    assert images(made) == [
        REWRITTEN,
        f"{HOST}/ghcrcache/org/app:2",
        "registry.acme.example/team/app:7",
    ]
    assert images(made, "initContainers") == [
        f"{HOST}/quaycache/org/init:1",
        f"{HOST}/k8scache/pause:3.9",
    ]
    assert json.loads(made["metadata"]["annotations"][ORIGINALS]) == {
        "containers/c0": IMAGE,
        "containers/c1": "ghcr.io/org/app:2",
        "initContainers/init": "quay.io/org/init:1",
        "initContainers/side": "k8s.gcr.io/pause:3.9",
    }
    assert kube.get("Pod", "web", on)["spec"] == made["spec"]


def test_defaults_come_from_the_original(kube, on):
    made = kube.create(pod("defaults", "nginx", "nginx:1.27", namespace=on))
    policies = [c["imagePullPolicy"] for c in made["spec"]["containers"]]
    assert policies == ["Always", "IfNotPresent"]
    assert images(made)[0] == f"{HOST}/dockercache/library/nginx"


@only_newest
def test_image_volume(kube, on):
    volumes = [{"name": "model", "image": {"reference": "quay.io/org/model:v1"}}]
    made = kube.create(pod("volume", IMAGE, namespace=on, volumes=volumes))
    assert made["spec"]["volumes"][0]["image"]["reference"] == f"{HOST}/quaycache/org/model:v1"


def test_generated_name(kube, on):
    wanted = pod("", IMAGE, namespace=on)
    wanted["metadata"] = {"generateName": "web-", "namespace": on}
    assert images(kube.create(wanted)) == [REWRITTEN]


@pytest.mark.parametrize("labels", [{}, {LABEL: "disabled"}, {LABEL: "true"}])
def test_elsewhere_nothing_is_asked(kube, release, labels):
    elsewhere = kube.namespace(fresh_name("off"), **labels)
    before = reviews(release)
    assert images(kube.create(pod("web", IMAGE, namespace=elsewhere))) == [IMAGE]
    assert reviews(release) == before


@pytest.mark.parametrize("name", ["kube-system", "kube-public", "the release's own"])
def test_namespaces_that_are_always_left_out(kube, release, name):
    namespace = release.namespace if name == "the release's own" else name
    kube.patch("Namespace", namespace, {"metadata": {"labels": {LABEL: "enabled"}}})
    before = reviews(release)
    for _ in range(20):  # the API server learns of a label after a moment
        made = kube.create(pod("probe", IMAGE, namespace=namespace), dryRun="All")
        assert images(made) == [IMAGE]
    assert reviews(release) == before


def test_pod_that_opts_out_is_not_asked_about(kube, release, on):
    before = reviews(release)
    made = kube.create(pod("out", IMAGE, namespace=on, labels={LABEL: "disabled"}))
    assert images(made) == [IMAGE]
    assert reviews(release) == before


def test_namespace_switched_off_again(kube, release):
    namespace = release.labelled()
    release.wait_taken(namespace)
    kube.patch("Namespace", namespace, {"metadata": {"labels": {LABEL: None}}})
    release.wait_taken(namespace, rewritten=False)


def set_image(kube, name, namespace, image):
    replaced = [{"op": "replace", "path": "/spec/containers/0/image", "value": image}]
    return kube.patch("Pod", name, replaced, namespace, JSON_PATCH)


def test_running_containers_are_left_alone(kube, on):
    """What an update doesn't bring stays; kubelet would start a container anew."""
    off = kube.create(pod("update", IMAGE, namespace=on, labels={LABEL: "disabled"}))
    assert images(off) == [IMAGE]
    change = {"metadata": {"labels": {LABEL: None, "more": "labels"}}}
    assert images(kube.patch("Pod", "update", change, on)) == [IMAGE]
    assert images(set_image(kube, "update", on, "nginx:1.28")) == [
        REWRITTEN.replace("1.27", "1.28")
    ]


def test_the_original_image_asked_for_again_changes_nothing(kube, on):
    """As `kubectl apply` of an unchanged manifest does."""
    made = kube.create(pod("again", IMAGE, namespace=on))
    assert images(made) == [REWRITTEN]
    after = set_image(kube, "again", on, IMAGE)
    assert images(after) == [REWRITTEN]
    assert after["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


QUIET = {
    "labels": {"metadata": {"labels": {"a": "b"}}},
    "annotations": {"metadata": {"annotations": {"example.com/a": "b"}}},
    "a finalizer": {"metadata": {"finalizers": ["example.com/a"]}},
    "none again": {"metadata": {"finalizers": None}},
    "an owner": {"metadata": {"ownerReferences": [
        {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "a"}]}},
}  # fmt: skip


def test_updates_that_change_no_spec_ask_nothing(kube, on, release):
    """As controllers make them all the time: Jobs, garbage collection, schedulers. Whatever the
    spec has in it."""
    resources = {"requests": {"cpu": "1000m", "memory": "0.5Gi"}}
    spec = {
        "initContainers": [{"name": "init", "image": "quay.io/org/init:1"}],
        "volumes": [{"name": "model", "image": {"reference": "quay.io/org/model:v1"}}],
        "tolerations": [{"operator": "Exists"}],
        "overhead": None,
    }
    wanted = pod("quiet", IMAGE, namespace=on, **spec)
    wanted["spec"]["containers"][0] |= {"resources": resources, "ports": [{"containerPort": 80}]}
    kube.create(wanted)
    ephemeral = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "busybox:1"}]}}
    sub = {"namespace": on, "how": STRATEGIC}
    kube.patch("Pod", "quiet", ephemeral, sub="ephemeralcontainers", **sub)
    before = reviews(release)
    for change in QUIET.values():
        made = kube.patch("Pod", "quiet", change, on)
    kube.patch("Pod", "quiet", {"status": {"message": "a"}}, sub="status", **sub)
    made = kube.get("Pod", "quiet", on)
    made["metadata"]["labels"]["c"] = "d"
    kube.ask("PUT", kube.path("Pod", on, "quiet"), made)
    assert reviews(release) == before
    assert images(set_image(kube, "quiet", on, "nginx:1.28")) == [
        REWRITTEN.replace("1.27", "1.28")
    ]
    assert reviews(release) == before + 1


@pytest.mark.parametrize("place", ["aa", "zz"])
def test_what_another_webhook_brings_in_an_update(kube, on, certs, place):
    """Before us it is as if the user had brought it. After us it isn't seen where the update itself
    left the spec alone: the API server asks again only whom it has asked."""
    name, brought = f"brought-{place}", "nginx:1.29"
    kube.create(pod(name, IMAGE, namespace=on))
    patch = [{"op": "replace", "path": "/spec/containers/0/image", "value": brought}]
    other = registered(
        kube, certs, fresh_name(f"{place}-other"), on, answer_with(patch), operation="UPDATE"
    )
    rewritten = REWRITTEN.replace("1.27", "1.29")

    def label():
        (made,) = images(kube.patch("Pod", name, QUIET["labels"], on, dryRun="All"))
        return made if made != REWRITTEN else None

    with other:
        made = wait_for(label, "the other webhook is called")
    assert made == (rewritten if place == "aa" else brought)


def test_ephemeral_containers(kube, on):
    """The new one is rewritten; one that is there may not be changed, and isn't."""
    kube.create(pod("debug", IMAGE, namespace=on, labels={LABEL: "disabled"}))
    first = [{"name": "first", "image": "busybox:1"}]
    sub = {"namespace": on, "sub": "ephemeralcontainers", "how": STRATEGIC}
    made = kube.patch("Pod", "debug", {"spec": {"ephemeralContainers": first}}, **sub)
    assert images(made, "ephemeralContainers") == ["busybox:1"]

    kube.patch("Pod", "debug", {"metadata": {"labels": {LABEL: None}}}, on)
    second = [{"name": "second", "image": "busybox:2"}]
    made = kube.patch("Pod", "debug", {"spec": {"ephemeralContainers": second}}, **sub)
    assert sorted(images(made, "ephemeralContainers")) == sorted(
        ["busybox:1", f"{HOST}/dockercache/library/busybox:2"]
    )
    assert images(made) == [IMAGE]


def test_dry_run(kube, on):
    made = kube.create(pod("dry", IMAGE, namespace=on), dryRun="All")
    assert images(made) == [REWRITTEN]
    assert kube.find("Pod", "dry", on) is None


def test_server_side_apply(kube, on):
    """A second apply of the same text by the same manager is not a conflict. It asks for the
    original image again, which is a change of the pod that nothing forbids; the field has become
    the applier's, as with every webhook."""
    wanted = pod("applied", IMAGE, namespace=on)
    assert images(kube.apply(wanted, "gitops")) == [REWRITTEN]
    again = kube.apply(wanted, "gitops")
    assert again["metadata"]["uid"] == kube.get("Pod", "applied", on)["metadata"]["uid"]


def test_kubectl_apply(plane, kube, on):
    text = json.dumps(pod("kubectl", IMAGE, namespace=on))
    for words in (["--dry-run=server", "-o", "json"], [], ["--server-side", "--force-conflicts"]):
        done = plane.kubectl("apply", *words, "-f", "-", stdin=text)
        assert "Warning" not in done.stderr
    assert images(kube.get("Pod", "kubectl", on))


def test_workloads_keep_what_they_say(kube, on, release):
    before = reviews(release)
    template = pod("", IMAGE, namespace=on, labels={"app": "web"})
    template["metadata"] = {"labels": {"app": "web"}}
    made = kube.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": on},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": template["metadata"], "spec": template["spec"]},
            },
        }
    )
    assert images(made["spec"]["template"]) == [IMAGE]
    assert reviews(release) == before


def test_audit_log(plane, kube, on, release):
    mark = plane.audit_mark()
    kube.create(pod("audited", IMAGE, namespace=on))
    (event,) = wait_for(
        lambda: plane.audit(mark, verb="create", resource="pods", namespace=on), "the audit event"
    )
    told = event["annotations"]
    webhook = f"{release.release.cluster_name}.pullthrough.internal"
    assert json.loads(told["mutation.webhook.admission.k8s.io/round_0_index_0"]) == {
        "configuration": release.release.cluster_name,
        "webhook": webhook,
        "mutated": True,
    }
    patch = json.loads(told["patch.webhook.admission.k8s.io/round_0_index_0"])
    assert patch["patchType"] == "JSONPatch"
    assert {op["op"] for op in patch["patch"]} <= {"replace", "add"}
    assert {"op": "replace", "path": "/spec/containers/0/image", "value": REWRITTEN} in patch[
        "patch"
    ]
    assert told[f"{webhook}/rewritten"] == "1"
    assert not [key for key in told if key.startswith("failed-open")]


def test_invalid_pods_are_refused_by_validation_only(kube, on):
    """What is not a pod stays the API server's to refuse, in its own words."""
    with pytest.raises(Refused) as refused:
        kube.create(pod("invalid", "", namespace=on))
    assert refused.value.status == 422 and "spec.containers[0].image" in refused.value.message
    with pytest.raises(Refused) as refused:
        kube.create(pod("invalid", namespace=on))
    assert refused.value.status == 422 and "spec.containers" in refused.value.message
    odd = pod("odd", "UPPER//case::", "nginx:1.27@sha256:abc", " nginx", namespace=on)
    with pytest.raises(Refused) as refused:
        kube.create(odd)
    assert "leading or trailing whitespace" in refused.value.message
    odd["spec"]["containers"].pop()
    assert images(kube.create(odd)) == ["UPPER//case::", "nginx:1.27@sha256:abc"]


def test_what_a_later_webhook_injects_is_rewritten(kube, on, certs, release):
    """reinvocationPolicy IfNeeded: the images of an injected container, and only once."""
    with registered(kube, certs, fresh_name("zz-injector"), on, sidecar("istio/proxyv2:1")):
        made = wait_for(lambda: _with_sidecar(kube, on), "the injector is called")
    assert images(made) == [REWRITTEN, f"{HOST}/dockercache/istio/proxyv2:1"]


def _with_sidecar(kube, namespace):
    made = kube.create(pod("injected", IMAGE, namespace=namespace), dryRun="All")
    return made if len(images(made)) == 2 else None
