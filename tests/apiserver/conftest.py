"""A real API server, Helm, and the program behind the chart's Service."""

import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "it"))

import control_plane  # noqa: E402
from backend import serve  # noqa: E402
from certificates import Certificates  # noqa: E402
from helm import Helm, Release  # noqa: E402
from http_peer import ROOT, wait_for  # noqa: E402
from kube import images, pod  # noqa: E402
from service import ACCOUNT, HOST, REGION, Services  # noqa: E402

LABEL = "pullthrough.internal/rewrite"
# Without AWS: what is configured is rewritten.
BY_ITSELF = {
    "registry": {"account": ACCOUNT, "region": REGION},
    "rewrite": {"requireRule": False},
    "reconcile": {"mode": "off"},
}
IMAGE, REWRITTEN = "nginx:1.27", f"{HOST}/dockercache/library/nginx:1.27"


@pytest.fixture(scope="session")
def program():
    """The pullthrough program: PULLTHROUGH, or the one of the build under test."""
    folder = pathlib.Path(os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "dev")
    path = pathlib.Path(os.environ.get("PULLTHROUGH") or folder / "src" / "pullthrough")
    assert path.is_file(), f"{path} isn't built"
    return path


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def newest(certs, tmp_path_factory):
    """The newest Kubernetes that hack/tools pins."""
    plane = control_plane.make("", certs, tmp_path_factory.mktemp("newest"))
    yield plane
    plane.end()


@pytest.fixture(scope="session")
def oldest(certs, tmp_path_factory):
    """The oldest that Chart.yaml allows."""
    plane = control_plane.make("1.28", certs, tmp_path_factory.mktemp("oldest"))
    yield plane
    plane.end()


@pytest.fixture(scope="session", params=["newest", "oldest"])
def plane(request):
    """Each of the two; for tests that ask nothing else, `newest` is enough."""
    return request.getfixturevalue(request.param)


# For tests of what the oldest hasn't got: test_oldest.py hears that from itself.
only_newest = pytest.mark.parametrize("plane", ["newest"], indirect=True)


@pytest.fixture(scope="session")
def helm3(newest, tmp_path_factory):
    return Helm(3, newest.kubeconfig, tmp_path_factory.mktemp("helm3"))


@pytest.fixture(scope="session", params=[3, 4])
def helm(request, newest, tmp_path_factory):
    """Helm 3 and Helm 4, for the newest Kubernetes."""
    return Helm(request.param, newest.kubeconfig, tmp_path_factory.mktemp(f"helm{request.param}"))


@pytest.fixture(scope="session", params=[3, 4])
def each_helm(request, plane, tmp_path_factory):
    """Helm 3 and Helm 4, for each Kubernetes."""
    return Helm(request.param, plane.kubeconfig, tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def services(program, certs, tmp_path_factory):
    """Starts the program; whatever still runs at the end of the module is ended."""
    made = Services(program, certs, tmp_path_factory.mktemp("services"))
    yield made
    made.end()


_numbers = itertools.count(1)


def fresh_name(word):
    """Namespaces aren't ever really deleted here, so each test has its own."""
    return f"{word}-{next(_numbers)}"


class Installation:
    """A release with mode `files` and the program behind it, so far as start() was called."""

    def __init__(self, helm, kube, services, certs, name="pullthrough", **values):
        self.kube, self._services, self._certs = kube, services, certs
        self.namespace = fresh_name("release")
        self.release = Release(helm, kube, name, self.namespace, self._values(certs, values))
        self.service_name = f"{self.release.fullname}.{self.namespace}.svc"
        (self.port,) = control_plane.free_ports(1)
        webhook = self.release.values.setdefault("webhook", {})
        selector = webhook.setdefault("namespaceSelector", {})
        # Of its own unless a test says otherwise, so that no other test's release helps.
        self.value = selector.setdefault("value", self.namespace)
        webhook["servicePort"] = self.port
        self.leaf = self.issue()
        self.service = None

    def _values(self, certs, values):
        files = {"secretName": "webhook-tls", "caBundle": certs.ca.read_text()}
        return {
            "config": {
                **BY_ITSELF,
                "server": {"threads": 2, "drain": "0s"},
            },
            "tls": {"mode": "files", "files": files},
            **values,
        }

    def issue(self, certs=None):
        """A leaf for the Service."""
        name = fresh_name("webhook-leaf")
        return (certs or self._certs).issue(name, names=f"DNS:{self.service_name}")

    def install(self):
        self.told = self.release.install()
        self.release.call_local()
        return self

    def start(self):
        self.service = serve(self.release, self._services, self.port, self.leaf)
        return self

    def stop(self):
        self.service.end()
        self.service = None

    def kill(self):
        """kill -9."""
        self.service.process.kill()
        self.service.process.wait()
        self._services.forget(self.service)
        self.service = None

    def wait_taken(self, namespace, rewritten=True):
        """The API server takes a changed configuration within a moment."""
        wait_for(
            lambda: (self.try_pod(namespace) == REWRITTEN) == rewritten,
            f"pods are {'' if rewritten else 'not '}rewritten",
        )

    def try_pod(self, namespace):
        """What becomes of an image, by a dry run."""
        made = self.kube.create(pod("probe", IMAGE, namespace=namespace), dryRun="All")
        return images(made)[0]

    def labelled(self, **labels):
        """A namespace that is switched on, unless `labels` say otherwise."""
        return self.kube.namespace(fresh_name("on"), **{LABEL: self.value, **labels})


@pytest.fixture(scope="module")
def install(helm3, newest, services, certs):
    """install(**values): a release on the newest Kubernetes by Helm 3, its program running."""
    made = []

    def make(**values):
        made.append(Installation(helm3, newest.kube, services, certs, **values))
        return made[-1].install().start()

    yield make
    for one in made:
        if one.release.configuration():
            one.release.uninstall()


