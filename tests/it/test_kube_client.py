"""Our client of the API server against the stand-in: a watch of Events, and the calls of healing."""

import contextlib
import json
import subprocess

import pytest
from http_peer import DEADLINE_S, wait_for
from kube_fake import KubeFake

DONE, ABSENT, CONFLICT, DENIED, FAILED = range(5)


class Watch:
    """The program call_kube while it watches; its lines as they come."""

    def __init__(self, program, kube, events, idle_s=0):
        self.process = subprocess.Popen(
            [program, "watch", str(events), str(idle_s)],
            env=kube.environ(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.lines = []

    def until(self, start):
        """The next line that begins like that; the others are kept in `lines`."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(start):
                return self.lines[-1]
        raise AssertionError(f"no line {start!r}: {self.lines}")

    def rest(self):
        self.lines += (line.rstrip("\n") for line in self.process.stdout)
        assert self.process.wait(DEADLINE_S) == 0, self.lines
        return self.lines

    def versions(self):
        return [int(line.split()[2]) for line in self.lines if line.startswith("event ")]


@pytest.fixture
def kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as made:
        yield made


@pytest.fixture
def call_kube(build_dir):
    return build_dir / "tests" / "it" / "call_kube"


@pytest.fixture
def watch(kube, call_kube):
    with contextlib.ExitStack() as stack:

        def start(events, **options):
            made = Watch(call_kube, kube, events, **options)
            stack.callback(made.process.wait)
            stack.callback(made.process.kill)
            return made

        yield start


@pytest.fixture
def call(kube, call_kube):
    def run(*words, body=None):
        text = body if isinstance(body, str) else json.dumps(body)
        done = subprocess.run([call_kube, *words], input=text, env=kube.environ(), check=True,
                              capture_output=True, text=True, timeout=DEADLINE_S)  # fmt: skip
        outcome, _, text = done.stdout.partition(" ")
        return int(outcome), text.rstrip("\n")

    return run


def fail(kube, n=1):
    return [kube.cluster.fail_pull("shop", "web", "x", "not found") for _ in range(n)]


def test_a_cut_watch_goes_on_where_it_was(kube, watch):
    before = fail(kube, 2)
    seen = watch(5)
    seen.until(f"event 0 {before[-1]}")
    kube.cluster.cut()
    seen.until("end 0 0")
    while_away = fail(kube)
    wait_for(lambda: kube.cluster.watching, "it watches again")
    after = fail(kube, 2)
    seen.rest()
    assert seen.versions() == before + while_away + after
    assert kube.cluster.asked == [None, str(before[-1])]


def test_a_bookmark_moves_the_place_to_go_on_from(kube, watch):
    seen = watch(2)
    first = fail(kube)
    seen.until("event")
    kube.cluster.bookmark()
    marked = kube.cluster.version
    second = fail(kube)
    seen.rest()
    assert seen.versions() == first + second
    assert marked not in seen.versions()


def test_a_forgotten_history_begins_anew(kube, watch):
    first = fail(kube, 2)
    seen = watch(5)
    seen.until(f"event 0 {first[-1]}")
    second = kube.cluster.version + 1
    with kube.lock:
        kube.cluster.cut()
        fail(kube)
        kube.cluster.forget()
    seen.rest()
    assert seen.versions() == [*first, *first, second]
    assert kube.cluster.asked == [None, str(first[-1]), None]
    ends = [line.split()[1:3] for line in seen.lines if line.startswith("end")]
    assert ends[:2] == [["0", "0"], ["200", "0"]]


def test_a_missing_permission_is_said_once(kube, watch):
    kube.denied.add("watch events")
    seen = watch(1)
    said = seen.until("end 403 1").split(" ", 5)
    assert 240_000 <= int(said[3]) <= 360_000
    assert said[5].startswith("may not watch events: events is forbidden: User ")
    kube.denied.clear()
    seen.process.kill()


def test_silence_is_cut(kube, watch):
    first = fail(kube)
    seen = watch(2, idle_s=1)
    assert "too slow" in seen.until("end 0 0")
    wait_for(lambda: kube.cluster.asked == [None, str(first[0])], "it watches again")
    second = fail(kube)
    seen.rest()
    assert seen.versions() == first + second


def test_a_flood_with_long_lines_and_nonsense(kube, watch):
    n = 5000
    seen = watch(n)
    seen.until("open")
    with kube.lock:
        for i in range(n - 1):
            fail(kube)
            if i % 1000 == 0:
                kube.cluster.say_text('{"type":"ADDED","x":"' + "x" * 500_000)
                kube.cluster.say_text("<html>")
        last = kube.cluster.fail_pull("shop", "web", "x", "y" * 65536)
    assert seen.rest()[-1] == f"tally {n} 5 5"
    # Not in order: what the server has before it begins is told by names.
    assert max(seen.versions()) == last and len(set(seen.versions())) == n


def test_a_token_that_rotates(kube, watch):
    seen = watch(2)
    first = fail(kube)
    seen.until("event")
    kube.rotate_token("second")
    kube.cluster.cut()
    wait_for(lambda: len(kube.cluster.asked) == 2, "it watches with the new token")
    second = fail(kube)
    seen.rest()
    assert seen.versions() == first + second
    assert not [line for line in seen.lines if line.startswith("end 401")]


def test_a_server_that_is_gone_for_a_while(kube, watch):
    first = fail(kube)
    seen = watch(2)
    seen.until("event")
    kube.go_away()
    for _ in range(3):
        seen.until("end 0 0")
    kube.come_back()
    second = fail(kube)
    seen.rest()
    assert seen.versions() == first + second


def make_pod(kube, image="cache/x"):
    return kube.cluster.put({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })  # fmt: skip


def heal(pod, image="x"):
    path = "/spec/containers/0/image"
    return [
        {"op": "test", "path": "/metadata/uid", "value": pod["metadata"]["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": pod["metadata"]["resourceVersion"]},
        {"op": "test", "path": path, "value": "cache/x"},
        {"op": "replace", "path": path, "value": image},
        {"op": "add", "path": "/metadata/annotations", "value": {"pullthrough.internal/rewrite": "disabled"}},
    ]


def test_a_pod_is_healed_once(kube, call):
    make_pod(kube)
    outcome, text = call("get", "shop", "web")
    pod = json.loads(text)
    assert outcome == DONE and pod["spec"]["containers"][0]["image"] == "cache/x"
    assert call("patch", "shop", "web", body=heal(pod))[0] == DONE
    healed = kube.cluster.pods["shop", "web"]
    assert healed["spec"]["containers"][0]["image"] == "x"
    assert call("patch", "shop", "web", body=heal(pod)) == (
        CONFLICT,
        "could not patch pods/web in namespace shop: the server rejected our request due to an "
        "error in our request",
    )
    assert len(kube.cluster.patches) == 1


def test_a_pod_that_changes_or_goes(kube, call):
    pod = make_pod(kube)
    kube.cluster.before_patch = lambda *_: make_pod(kube)  # another pod of that name
    assert call("patch", "shop", "web", body=heal(pod))[0] == CONFLICT
    kube.cluster.before_patch = kube.cluster.delete
    assert call("patch", "shop", "web", body=heal(pod))[0] == ABSENT
    kube.cluster.before_patch = None
    assert call("get", "shop", "web") == (
        ABSENT, 'could not get pods/web in namespace shop: pods "web" not found'
    )  # fmt: skip
    kube.way = 409
    assert call("patch", "shop", "web", body=[])[0] == CONFLICT
    assert kube.cluster.patches == []


def event(namespace):
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"generateName": "web-", "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"},
        "reason": "PulledFromUpstream",
        "type": "Normal",
    }


def test_an_event_is_made(kube, call):
    assert call("create", "shop", body=event("shop"))[0] == DONE
    assert [made["reason"] for made in kube.cluster.created] == ["PulledFromUpstream"]
    assert call("create", "other", body=event("other"))[0] == FAILED


def test_permissions(kube, call):
    make_pod(kube)
    kube.denied |= {"get pods", "patch pods", "create events"}
    for words, why in (
        (("get", "shop", "web"), "may not get pods/web in namespace shop: pods is forbidden"),
        (("patch", "shop", "web"), "may not patch pods/web in namespace shop: pods is forbidden"),
        (("create", "shop"), "may not create events in namespace shop: events is forbidden"),
    ):
        outcome, text = call(*words, body=[])
        assert outcome == DENIED and text.startswith(why), text
    assert kube.cluster.patches == [] and kube.cluster.created == []
