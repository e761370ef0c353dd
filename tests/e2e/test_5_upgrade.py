"""After an upgrade the new replicas answer: the API server keeps connections to the old ones, which
close them when they are told to stop, so that not even the first pod is judged by what they knew."""

import subprocess

import kube
import pytest
from installation import NAME, NAMESPACE
from steady import Steady
from world import cached, is_leaving, until

pytestmark = pytest.mark.own
IMAGE = "nginx:1.27"
DRAIN = "10s"  # old replicas would answer for long
NOBODY = {"region": ""}


def generation(world):
    return world.kube.get("Deployment", NAME, NAMESPACE)["metadata"]["generation"]


def upgrade(world, installed, **changes):
    """Helm replaces every pod; until the rollout is over, and not a moment longer."""
    before = generation(world)
    installed.release.upgrade(config={**installed.config, **changes})
    assert generation(world) > before
    world.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{NAME}", "--timeout", "90s")


def try_image(world, namespace, number):
    """What becomes of an image, by one call of the API server's webhook client."""
    made = world.kube.create(kube.pod(f"try-{number}", IMAGE, namespace=namespace), dryRun="All")
    return kube.images(made)


def old_replicas(installed):
    """Those that were told to stop, and still answer who comes to them."""
    return [pod for pod in installed.all_pods() if is_leaving(pod)]


def is_left_alone(address):
    """Whether kube-proxy leads no new connection to a pod any more."""
    rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True, check=True)
    return f" -> {address}:" not in rules.stdout


@pytest.fixture(name="registry")
def _registry(world, installed):
    """Of a release that doesn't know it, so it rewrites nothing; whole again afterwards."""
    before = installed.config
    slow = {**before["server"], "drain": DRAIN}
    upgrade(world, installed, registry=NOBODY, server=slow)
    installed.settle()
    yield before["registry"]
    installed.upgrade(config=before)
    installed.wait_taken()


def test_the_first_pod_after_a_rollout_gets_the_new_answer(world, installed, registry):
    namespace = world.namespace("upgrade")
    for round_number in range(4):
        until(lambda: try_image(world, namespace, 0) == [IMAGE], "nothing is rewritten")
        for number in range(20):  # the API server has connections to every replica
            assert try_image(world, namespace, number) == [IMAGE]
        upgrade(world, installed, registry=registry)
        old = old_replicas(installed)
        # Only a connection that the API server kept could lead to them now.
        for pod in old:
            until(lambda ip=pod["status"]["podIP"]: is_left_alone(ip), "kube-proxy has heard")
        assert try_image(world, namespace, 100) == [cached(IMAGE)], f"round {round_number}"
        assert old and old_replicas(installed), "there was no old replica to answer"
        upgrade(world, installed, registry=NOBODY)
        installed.settle()


def test_no_creation_fails_by_it(world, installed):
    """Under load, while every connection to the old replicas is closed."""
    namespace = world.namespace("upgrade-load")
    server = installed.config["server"]
    with Steady(world, namespace) as load:
        load.wait_rewritten()
        for number in range(4):
            upgrade(world, installed, server={**server, "maxConnections": 3000 + number})
            load.go_on()
        upgrade(world, installed, server=server)
        load.go_on()
        load.all_well()
