"""A whole cluster, our chart installed in it by Helm, and what a person needs when a test fails."""

import contextlib
import json
import os
import pathlib
import sys
import time

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
for folder in ("it", "apiserver", "e2e/node", "e2e"):
    sys.path.insert(0, str(TESTS / folder))

import installation  # noqa: E402
import tls_modes  # noqa: E402
import world as the_world  # noqa: E402
from healing import Healing, Stranded  # noqa: E402
from helm import Helm  # noqa: E402

_seen = {}  # what a failure report is made of
_figures = []


def pytest_addoption(parser):
    parser.addoption("--soak", type=int, default=120, help="seconds of the soak")
    parser.addoption("--seed", type=int, default=None, help="seed of the soak's faults")
    parser.addoption("--tls", choices=["self", "files"], default="self", help="certificates")
    parser.addoption("--pods", type=int, default=2000, help="pods a series of the scale test")


def pytest_configure(config):
    config.addinivalue_line("markers", "own: needs the node of hack/cluster.sh")


def pytest_collection_modifyitems(items):
    if os.environ.get("PULLTHROUGH_CLUSTER"):
        return
    for item in items:
        if item.get_closest_marker("own"):
            item.add_marker(pytest.mark.skip(reason="needs the node of hack/cluster.sh"))


@pytest.fixture(scope="session")
def world():
    made = the_world.World(os.environ["KUBECONFIG"], os.environ.get("PULLTHROUGH_CLUSTER"))
    _seen["world"] = made
    yield made
    made.end()


@pytest.fixture(scope="session")
def image():
    """As the chart's values have it; PULLTHROUGH_IMAGE=REPOSITORY:TAG for a foreign cluster."""
    given = os.environ.get("PULLTHROUGH_IMAGE")
    if not given:
        return installation.IMAGE
    repository, _, tag = given.rpartition(":")
    return {"repository": repository, "tag": tag}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def release(world, image, folder, request):
    """One release for the whole run; ask for `installed`, which sees that it is whole."""
    helm = Helm(3, os.environ["KUBECONFIG"], folder / "helm")
    is_self = request.config.getoption("--tls") == "self"
    tls = tls_modes.SelfSigned() if is_self else tls_modes.Files(folder)
    made = installation.Installation(world, helm, image, tls)
    _seen["release"] = made
    yield made
    if not world.is_ours:
        made.leave()


@pytest.fixture
def installed(release):
    return release.ensure()


@pytest.fixture(scope="session")
def healing_state(world, release):
    """Begun by the first test of `healing`; whoever wants the release as it was ends it."""
    made = Healing(world, release)
    yield made
    made.end()


@pytest.fixture
def healing(healing_state):
    return healing_state.begin()


@pytest.fixture(scope="session")
def stranded(world, healing_state):
    return Stranded(world, healing_state.begin())


@pytest.fixture(scope="session")
def figures():
    """Lines for the end of the report."""
    return _figures


def pytest_terminal_summary(terminalreporter):
    for line in _figures:
        terminalreporter.write_line(line)


# Failures


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if not report.failed or "world" not in _seen:
        return
    for title, tell in (("events", _events), ("pods", _pods), ("pullthrough", _ours)):
        try:
            report.sections.append((title, "\n".join(tell())))
        except Exception as problem:  # the cluster may be what failed
            report.sections.append((title, repr(problem)))
    if _seen["world"].is_ours:
        report.sections.append(("last reviews", "\n".join(_reviews())))


def _events():
    events = _seen["world"].kube.list("Event")
    events.sort(key=lambda event: event["lastTimestamp"] or event["eventTime"] or "")
    for event in events[-25:]:
        ref = event["involvedObject"]
        yield "{} {} {}/{}: {} {}".format(
            event["lastTimestamp"], event["type"], ref.get("namespace", ""), ref["name"],
            event["reason"], event["message"][:300],
        )  # fmt: skip


def _pods():
    for pod in _seen["world"].kube.list("Pod"):
        if not the_world.is_running(pod):
            meta = pod["metadata"]
            states = {s["name"]: s["state"] for s in pod["status"].get("containerStatuses", [])}
            yield f"{meta['namespace']}/{meta['name']}: {pod['status'].get('phase')} {states}"


def _ours():
    release = _seen.get("release")
    for pod in release.all_pods() if release else ():
        name = pod["metadata"]["name"]
        lines = [each for each in release.logs(name) if each["message"] != "images rewritten"]
        for line in lines[-60:]:
            yield f"{name}: {json.dumps(line)}"
        with contextlib.suppress(Exception):  # it may be the one that is dead
            yield f"{name}: /status {json.dumps(release.status(name))}"


def _reviews():
    """The last creations of pods: who asked, what came of it."""
    world = _seen["world"]
    for event in world.audit("create", "pods", since=world.audit_mark())[-5:]:
        annotations = event.get("annotations", {})
        yield json.dumps({
            "at": event["stageTimestamp"], "user": event["user"]["username"],
            "object": event["objectRef"], "code": event["responseStatus"].get("code"),
            "annotations": annotations,
        })[:2000]  # fmt: skip


@pytest.fixture(autouse=True)
def _times(request):
    """Which test the programs' logs were in."""
    began = time.strftime("%H:%M:%S", time.gmtime())
    yield
    print(f"from {began} UTC to {time.strftime('%H:%M:%S', time.gmtime())}")
