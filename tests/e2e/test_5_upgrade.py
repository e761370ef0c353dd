"""After an upgrade the new replicas answer: the API server keeps connections to the old ones, which
end them while nobody asks, so that not even the first pod is judged by what they knew."""

import subprocess

import kube
import pytest
from installation import NAME, NAMESPACE
from steady import Steady
from world import cached, is_leaving, until

pytestmark = pytest.mark.own
IMAGE = "nginx:1.27"
DRAIN = "10s"  # old replicas would answer for long


def generation(world):
    return world.kube.get("Deployment", NAME, NAMESPACE)["metadata"]["generation"]


def upgrade(world, installed, **values):
    """Helm replaces every pod; until the rollout is over, and not a moment longer."""
    before = generation(world)
    installed.release.upgrade(**values)
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
    """Whether kube-proxy leads no new connection to a pod's webhook port any more."""
    rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True, check=True)
    return f" -> {address}:8443" not in rules.stdout


@pytest.fixture(name="region")
def _region(world, installed):
    """The variable that a release lacks, so that it rewrites nothing; whole again afterwards. (The
    ConfigMap would reach old replicas too, sooner or later.)"""
    config, variables = installed.config, installed.release.values["extraEnv"]
    region = {"name": "AWS_REGION", "value": config["registry"]["region"]}
    server = {**config["server"], "drain": DRAIN}
    upgrade(world, installed, config={**config, "registry": {}, "server": server})
    installed.settle()
    yield lambda known: {"extraEnv": [*variables, region] if known else variables}
    installed.upgrade(config=config, extraEnv=variables)
    installed.wait_taken()


def test_the_first_pod_after_a_rollout_gets_the_new_answer(world, installed, region):
    """Whichever that is: that it is rewritten, or that it isn't any more."""
    namespace = world.namespace("upgrade")
    for known in (True, False):
        before, after = ([IMAGE], [cached(IMAGE)]) if known else ([cached(IMAGE)], [IMAGE])
        until(lambda want=before: try_image(world, namespace, 0) == want, f"it is {before}")
        for number in range(20):  # the API server has a connection that it keeps
            assert try_image(world, namespace, number) == before
        upgrade(world, installed, **region(known))
        old = old_replicas(installed)
        # Only a connection that the API server kept could lead to them now.
        for pod in old:
            until(lambda ip=pod["status"]["podIP"]: is_left_alone(ip), "kube-proxy has heard")
        assert try_image(world, namespace, 100) == after
        assert old and old_replicas(installed), "there was no old replica to answer"
        installed.settle()


def test_no_creation_fails_by_it(world, installed, figures):
    """Under load, while every connection to the old replicas ends."""
    namespace = world.namespace("upgrade-load")
    config = installed.config
    with Steady(world, namespace) as load:
        load.wait_rewritten()
        for number in range(2):
            server = {**config["server"], "maxConnections": 3000 + number}
            upgrade(world, installed, config={**config, "server": server})
            load.go_on()
        upgrade(world, installed, config=config)
        load.go_on()
        load.all_well()
        figures.append(f"3 upgrades under load: {load.made} creations, all rewritten")
