"""Another webhook that adds a sidecar, as service meshes do, before ours and after it."""

import kube
import pytest
from foreign_webhook import registered, sidecar
from layout import NODE
from tls_modes import Authority
from world import cached, patches, until

pytestmark = pytest.mark.own
PROXY = "docker.io/istio/proxyv2:1.24"


@pytest.mark.parametrize("name", ["a-mesh", "z-mesh"])
def test_an_injected_sidecar_is_rewritten_and_runs(world, installed, folder, name):
    namespace = world.namespace(name)
    certs = Authority(folder).certs
    with registered(world.kube, certs, name, namespace, sidecar(PROXY), NODE):
        until(
            lambda: len(kube.images(world.kube.create(
                kube.pod("probe", "busybox:1", namespace=namespace), dryRun="All"
            ))) == 2,
            "the other webhook is called",
        )  # fmt: skip
        world.kube.create(kube.pod("meshed", "busybox:1", namespace=namespace))
    running = world.wait_running("meshed", namespace)
    assert kube.images(running) == [cached("busybox:1"), cached(PROXY)]
    (event,) = world.audit("create", "pods", namespace, "meshed")
    rounds = [key.rpartition("/")[2] for key in patches(event)]
    # After ours, ours is asked again; before it, once is enough.
    assert len(rounds) == (3 if name == "z-mesh" else 2), rounds
