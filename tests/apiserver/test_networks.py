"""A cluster that has IPv6 only, and one that has both: each is a network namespace, where nothing has
another address than the cluster gives. Its API server calls the Service's own address."""

import pytest
from backend import serve
from conftest import BY_ITSELF, IMAGE, LABEL, REWRITTEN, fresh_name
from helm import Helm, Release
from http_peer import wait_for
from kube import images, pod
from service import Services

import control_plane
from network import add_address, network

PORT = 8443  # of the Service and of the pod, for there is no kube-proxy in between
IPV4, IPV6 = "10.0.0.0/24", "fd00:10::/112"


class Cluster:
    def __init__(self, plane, program, certs, folder):
        self.plane, self.kube = plane, plane.kube
        self._helm = Helm(3, plane.kubeconfig, folder / "helm")
        self.services = Services(program, certs, folder)

    def install(self, **values):
        """The default chart, but for AWS; the program has the address of its Service, and runs."""
        namespace = fresh_name("release")
        values = {"config": {**BY_ITSELF, "server": {"threads": 1, "drain": "0s"}}, **values}
        values["webhook"] = {"servicePort": PORT, "namespaceSelector": {"value": namespace}}
        release = Release(self._helm, self.kube, "pullthrough", namespace, values)
        release.install()
        environ = {"KUBERNETES_SERVICE_HOST": self.plane.first[0]}
        service = serve(release, self.services, **environ)
        service.host = self.addresses(release)[0]
        add_address(service.host)
        return release, service

    def addresses(self, release, suffix=""):
        service = self.kube.get("Service", release.fullname + suffix, release.namespace)
        return service["spec"]["clusterIPs"]

    def is_rewritten(self, namespace):
        made = self.kube.create(pod("web", IMAGE, namespace=namespace), dryRun="All")
        return images(made) == [REWRITTEN]

    def try_release(self, release, service):
        """A pod is rewritten, by the CA that the program told the API server; Events are heard."""
        namespace = self.kube.namespace(fresh_name("on"), **{LABEL: release.namespace})
        wait_for(lambda: self.is_rewritten(namespace), "pods are rewritten")
        assert images(self.kube.create(pod("web", IMAGE, namespace=namespace))) == [REWRITTEN]
        wait_for(lambda: service.ready() == (200, "ok\n"), "ready")
        assert set(release.bundles()) != {""}
        wait_for(lambda: service.status()["fallback"]["watch"] == "on", "Events are watched")

    def end(self, release):
        release.uninstall()
        self.services.end()


@pytest.fixture(scope="module", name="only6")
def _only6(program, certs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ipv6")
    with network("::1", "fd00:10::1"):
        plane = control_plane.make("", certs, folder, host="fd00:10::1", services=IPV6)
        yield Cluster(plane, program, certs, folder)
        plane.end()


@pytest.fixture(scope="module", name="both")
def _both(program, certs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    with network("127.0.0.1", "::1", "10.0.0.1"):
        plane = control_plane.make("", certs, folder, host="10.0.0.1", services=f"{IPV4},{IPV6}")
        yield Cluster(plane, program, certs, folder)
        plane.end()


def test_ipv6_only(only6):
    release, service = only6.install()
    (address,) = only6.addresses(release)
    assert address.startswith("fd00:10::")
    only6.try_release(release, service)
    only6.end(release)


FAMILIES = {
    "of the cluster": ({}, ["IPv4"]),
    "IPv6": ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
    "both": ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"]),
    "IPv6 first": (
        {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}, ["IPv6", "IPv4"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("values, families", FAMILIES.values(), ids=FAMILIES)
def test_both(both, values, families):
    release, service = both.install(service=values)
    for suffix in ("", "-status"):
        found = both.addresses(release, suffix)
        assert ["IPv6" if ":" in each else "IPv4" for each in found] == families
    both.try_release(release, service)
    both.end(release)
