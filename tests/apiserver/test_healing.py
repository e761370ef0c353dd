"""What the program may change of a pod, by the chart's rights and its policy: what heals one. On the
oldest Kubernetes, which has no policies, by the rights alone."""

import json
import os
import pathlib
import subprocess

import pytest
from conftest import IMAGE, LABEL, REWRITTEN, Installation, fresh_name, only_newest
from helm import Helm
from http_peer import ROOT, wait_for
from kube import JSON_PATCH, STRATEGIC, Refused, images, pod
from service import HOST, ORIGINALS

HEALED = "pullthrough.internal/healed-images"
SIDE, SIDE_REWRITTEN = "ghcr.io/org/app:2", f"{HOST}/ghcrcache/org/app:2"
INIT, INIT_REWRITTEN = "quay.io/org/init:1", f"{HOST}/quaycache/org/init:1"
MARK_PATH = f"/metadata/annotations/{LABEL.replace('/', '~1')}"
HEALED_PATH = f"/metadata/annotations/{HEALED.replace('/', '~1')}"
WAITS = {"waiting": {"reason": "ErrImagePull"}}
RUNS = {"running": {"startedAt": "2026-11-29T09:41:11Z"}}


@pytest.fixture(scope="module")
def release(plane, services, certs, tmp_path_factory):
    helm = Helm(3, plane.kubeconfig, tmp_path_factory.mktemp("helm"))
    heal = {"heal": True, "healWithoutPolicy": not plane.kube.serves("ValidatingAdmissionPolicy")}
    made = Installation(helm, plane.kube, services, certs, fallback=heal)
    made.install().start()
    made.wait_taken(made.labelled())
    yield made
    made.release.uninstall()  # or its policy would be there for no other test's account


@pytest.fixture
def kube(plane):
    return plane.kube


@pytest.fixture(scope="module")
def us(plane, release):
    """The API server as the program's account sees it, once the policy confines that, if any does."""
    one = plane.kube.as_user(plane.kube.token_of(release.release.fullname, release.namespace))
    namespace = release.labelled()
    release.wait_taken(namespace)
    plane.kube.create(pod("probe", IMAGE, namespace=namespace))
    change = {"metadata": {"labels": {"probe": "x"}}}

    def is_confined():
        try:
            one.patch("Pod", "probe", change, namespace, STRATEGIC, dryRun="All")
        except Refused as refused:
            return "ValidatingAdmissionPolicy" in refused.message
        return False

    if plane.kube.serves("ValidatingAdmissionPolicy"):
        wait_for(is_confined, "the policy is in force")
    return one


class Stuck:
    """A pod of two containers and an init container, whose statuses a test sets."""

    def __init__(self, kube, release):
        self.kube, self.name = kube, "stuck"
        self.namespace = release.labelled()
        release.wait_taken(self.namespace)
        init = [{"name": "init", "image": INIT}]
        made = kube.create(
            pod(self.name, IMAGE, SIDE, namespace=self.namespace, initContainers=init)
        )
        assert images(made) == [REWRITTEN, SIDE_REWRITTEN]
        self.status(c0=WAITS, c1=WAITS)

    def get(self):
        return self.kube.get("Pod", self.name, self.namespace)

    def status(self, c0, c1, init=None):
        def entry(name, image, state):
            return {"name": name, "image": image, "imageID": "", "ready": False, "restartCount": 0,
                    "state": state}  # fmt: skip

        change = {
            "status": {
                "containerStatuses": [entry("c0", IMAGE, c0), entry("c1", SIDE, c1)],
                "initContainerStatuses": [entry("init", INIT, init or {"terminated": {"exitCode": 0}})],
            }
        }
        self.kube.patch("Pod", self.name, change, self.namespace, STRATEGIC, sub="status")

    def plan(self, container, image, *words, list_="containers"):
        """(patch, events) as the program makes them."""
        build = pathlib.Path(os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "dev")
        done = subprocess.run(
            [build / "tests" / "it" / "plan_heal", HOST, list_, container, image, *words],
            input=json.dumps(self.get()), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        patch, *events = map(json.loads, done.stdout.splitlines())
        return patch, events

    def patch(self, who, patch):
        return who.patch("Pod", self.name, patch, self.namespace, JSON_PATCH)

    def refused(self, who, patch):
        """Why. And nothing has changed."""
        before = self.get()
        with pytest.raises(Refused) as caught:
            self.patch(who, patch)
        assert self.get() == before
        assert caught.value.status == 422, caught.value
        return caught.value.message


@pytest.fixture
def stuck(kube, release, us):
    return Stuck(kube, release)


def healed(text):
    return json.loads(text["metadata"]["annotations"][HEALED])


def test_one_container(stuck, us):
    stuck.status(c0=WAITS, c1=RUNS)
    made = stuck.patch(us, stuck.plan("c0", REWRITTEN)[0])
    assert images(made) == [IMAGE, SIDE_REWRITTEN]
    assert made["metadata"]["annotations"][LABEL] == "disabled"
    assert healed(made) == {"containers/c0": REWRITTEN}
    assert stuck.get()["metadata"]["annotations"][ORIGINALS]


def test_a_word_of_cri_o(stuck, us):
    stuck.status(c0={"waiting": {"reason": "RegistryUnavailable"}}, c1=RUNS)
    assert images(stuck.patch(us, stuck.plan("c0", REWRITTEN)[0])) == [IMAGE, SIDE_REWRITTEN]


@only_newest
def test_another_reason_to_wait(stuck, us):
    stuck.status(c0={"waiting": {"reason": "SignatureValidationFailed"}}, c1=RUNS)
    assert "only a container that waits" in stuck.refused(us, heal_by_hand())


def test_both_then_an_init_container(stuck, us):
    made = stuck.patch(us, stuck.plan("c1", SIDE_REWRITTEN)[0])
    assert images(made) == [IMAGE, SIDE]
    stuck.status(c0=RUNS, c1=RUNS, init=WAITS)
    made = stuck.patch(us, stuck.plan("init", INIT_REWRITTEN, list_="initContainers")[0])
    assert images(made, "initContainers") == [INIT]
    assert healed(made) == {
        "containers/c0": REWRITTEN,
        "containers/c1": SIDE_REWRITTEN,
        "initContainers/init": INIT_REWRITTEN,
    }


def test_there_and_back(stuck, us):
    there_and_back(stuck, us)


@only_newest
def test_there_and_back_once(stuck, us):
    there_and_back(stuck, us)
    # and by hand not again
    again = [
        {"op": "replace", "path": "/spec/containers/0/image", "value": IMAGE},
        {"op": "add", "path": MARK_PATH, "value": "disabled"},
    ]
    assert "once each" in stuck.refused(us, again)


def there_and_back(stuck, us):
    stuck.patch(us, stuck.plan("c0", REWRITTEN)[0])
    made = stuck.patch(us, stuck.plan("c0", IMAGE, "back")[0])
    assert images(made) == [REWRITTEN, SIDE]
    assert healed(made) == {"containers/c0": "", "containers/c1": SIDE_REWRITTEN}
    assert LABEL not in made["metadata"]["annotations"]
    assert json.loads(made["metadata"]["annotations"][ORIGINALS])["containers/c0"] == IMAGE
    made = stuck.patch(us, stuck.plan("c1", SIDE, "back")[0])
    assert images(made) == [REWRITTEN, SIDE_REWRITTEN]


def test_the_pod_changed_meanwhile(stuck, us, kube):
    patch, _ = stuck.plan("c0", REWRITTEN)
    kube.patch("Pod", stuck.name, {"metadata": {"labels": {"a": "b"}}}, stuck.namespace)
    assert "the server rejected our request" in stuck.refused(us, patch)


def test_many_containers(kube, release, us):
    """What the policy costs grows with their square; the API server has a bound for it."""
    namespace = release.labelled()
    release.wait_taken(namespace)
    kube.create(pod("stuck", *[IMAGE] * 100, namespace=namespace))
    waiting = [
        {"name": f"c{i}", "image": IMAGE, "imageID": "", "ready": False, "restartCount": 0, "state": WAITS}
        for i in range(100)
    ]
    change = {"status": {"containerStatuses": waiting}}
    kube.patch("Pod", "stuck", change, namespace, STRATEGIC, sub="status")
    stuck = Stuck.__new__(Stuck)
    stuck.kube, stuck.name, stuck.namespace = kube, "stuck", namespace
    patch, events = stuck.plan("c50", REWRITTEN)
    assert len(events) == 100
    assert images(stuck.patch(us, patch)) == [IMAGE] * 100


def test_event(stuck, us, kube):
    _, (event, _) = stuck.plan("c0", REWRITTEN)
    us.create(event)
    (seen,) = kube.list("Event", stuck.namespace, fieldSelector="reason=PulledFromUpstream")
    assert seen["involvedObject"]["fieldPath"] == "spec.containers{c0}"
    assert seen["involvedObject"]["uid"] == stuck.get()["metadata"]["uid"]
    assert REWRITTEN in seen["message"] and IMAGE in seen["message"]
    with pytest.raises(Refused) as caught:
        us.create(event)
    assert caught.value.status == 409


def heal_by_hand(image=IMAGE, entry=REWRITTEN, mark="disabled", index=0, key="containers/c0"):
    """Operations of which each part may be wrong."""
    text = json.dumps({key: entry}, separators=(",", ":"))
    return [
        {"op": "replace", "path": f"/spec/containers/{index}/image", "value": image},
        {"op": "add", "path": MARK_PATH, "value": mark},
        {"op": "add", "path": HEALED_PATH, "value": text},
    ]


ONLY_ORIGINAL = "an image may only become what original-images names"
SAYS = "healed-images must say what was healed"
SWITCH = "the switch may only change with an image"
OTHER = "no other annotation may change"
ELSE = "nothing else may change"


def annotation(name, value="x"):
    return [{"op": "add", "path": "/metadata/annotations/" + name.replace("/", "~1"), "value": value}]


@only_newest
@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (heal_by_hand("evil.example/nginx:1.27"), ONLY_ORIGINAL),
        (heal_by_hand(SIDE), ONLY_ORIGINAL),
        (heal_by_hand(INIT), ONLY_ORIGINAL),
        (heal_by_hand(entry="evil.example/nginx:1.27"), SAYS),
        (heal_by_hand(key="containers/c1"), SAYS),
        (heal_by_hand()[:2], SAYS),
        (heal_by_hand(mark="enabled"), SWITCH),
        (heal_by_hand() + annotation(ORIGINALS, "{}"), OTHER),
        (heal_by_hand() + annotation("example.com/other"), OTHER),
        (annotation(LABEL, "disabled"), SWITCH),
        (annotation(HEALED, json.dumps({"containers/c0": "evil.example/x"})), SAYS),
        (annotation(ORIGINALS, json.dumps({"containers/c0": "evil.example/x"})), OTHER),
        ([{"op": "remove", "path": "/metadata/annotations"}], OTHER),
        ([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], ELSE),
        ([{"op": "add", "path": "/metadata/finalizers", "value": ["example.com/x"]}], ELSE),
        ([{"op": "add", "path": "/spec/activeDeadlineSeconds", "value": 1}], ELSE),
        ([{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "a", "operator": "Exists"}}],
         ELSE),
    ],
)  # fmt: skip
def test_nothing_else(stuck, us, patch, why):
    assert why in stuck.refused(us, patch)


@only_newest
def test_an_annotation_that_lies(stuck, us, kube):
    """Somebody who may write it; another image's name than that which fails doesn't pass."""
    lie = {"metadata": {"annotations": {ORIGINALS: json.dumps(
        {"containers/c0": "evil.example/other:1"}, separators=(",", ":"))}}}  # fmt: skip
    kube.patch("Pod", stuck.name, lie, stuck.namespace)
    assert ONLY_ORIGINAL in stuck.refused(us, heal_by_hand("evil.example/other:1"))


@only_newest
@pytest.mark.parametrize("image", ["evil.example/library/nginx:1.27", SIDE_REWRITTEN])
def test_back_to_another_image(stuck, us, image):
    stuck.patch(us, stuck.plan("c0", REWRITTEN)[0])
    patch, _ = stuck.plan("c0", IMAGE, "back")
    for operation in patch:
        if operation["op"] == "replace":
            operation["value"] = image
    assert ONLY_ORIGINAL in stuck.refused(us, patch)


@only_newest
def test_a_running_container(stuck, us):
    stuck.status(c0=RUNS, c1=WAITS)
    assert "only a container that waits" in stuck.refused(us, heal_by_hand())


def test_no_other_way_to_a_pod(stuck, us, kube, release):
    """By rights alone."""
    for verb, path in (
        ("POST", kube.path("Pod", stuck.namespace)),
        ("DELETE", kube.path("Pod", stuck.namespace, stuck.name)),
        ("GET", kube.path("Pod", stuck.namespace)),
        ("PATCH", kube.path("Pod", stuck.namespace, stuck.name, "status")),
        ("PATCH", kube.path("Pod", stuck.namespace, stuck.name, "ephemeralcontainers")),
        ("GET", kube.path("Secret", stuck.namespace)),
    ):
        body = pod("other", IMAGE, namespace=stuck.namespace) if verb == "POST" else {}
        status, _, _ = us.raw(verb, path, body, STRATEGIC if verb == "PATCH" else "application/json")
        assert status == 403, (verb, path)
    with pytest.raises(Refused) as caught:  # where there is no pod of this name
        us.apply(pod("new", IMAGE, namespace=stuck.namespace), "us")
    assert caught.value.status == 403


@only_newest
def test_others_are_not_confined(stuck, kube):
    made = kube.patch("Pod", stuck.name, {"metadata": {"labels": {"a": "b"}}}, stuck.namespace)
    assert made["metadata"]["labels"]["a"] == "b"


def test_nothing_is_granted_by_default(kube, plane, services, certs, tmp_path_factory):
    helm = Helm(3, plane.kubeconfig, tmp_path_factory.mktemp("helm-watch"))
    made = Installation(helm, plane.kube, services, certs).install()
    name = made.release.cluster_name
    assert kube.find("ValidatingAdmissionPolicy", name) is None
    one = kube.as_user(kube.token_of(made.release.fullname, made.namespace))
    namespace = kube.namespace(fresh_name("watched"))
    assert one.list("Event", namespace) == []
    for verb, path in (
        ("POST", kube.path("Event", namespace)),
        ("GET", kube.path("Pod", namespace, "x")),
        ("PATCH", kube.path("Pod", namespace, "x")),
    ):
        body = {} if verb != "GET" else None
        status, _, _ = one.raw(verb, path, body, STRATEGIC if verb == "PATCH" else "application/json")
        assert status == 403, (verb, path)
    made.release.uninstall()
