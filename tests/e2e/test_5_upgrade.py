"""After an upgrade the new replicas answer: the API server keeps connections to the old ones, which
close them when they are told to stop, so that not even the first pod is judged by what they knew."""

import kube
import pytest
from installation import NAME, NAMESPACE
from steady import Steady
from world import cached, until

pytestmark = pytest.mark.own
IMAGE = "nginx:1.27"


def rolled_out(world, generation):
    """What `kubectl rollout status` waits for."""
    deployment = world.kube.get("Deployment", NAME, NAMESPACE)
    status, wanted = deployment["status"], deployment["spec"]["replicas"]
    return status.get("observedGeneration", 0) >= generation and all(
        status.get(count, 0) == wanted
        for count in ("replicas", "updatedReplicas", "availableReplicas")
    )


def generation(world):
    return world.kube.get("Deployment", NAME, NAMESPACE)["metadata"]["generation"]


def upgrade(world, installed, registry):
    """With another registry; until the rollout is over, and not a moment longer."""
    before = generation(world)
    config = {**installed.config, "registry": registry}
    installed.release.upgrade(config=config)
    assert generation(world) > before
    until(lambda: rolled_out(world, before + 1), "the rollout is over")


def try_image(world, namespace, number):
    """What becomes of an image, by the first answer of the API server's webhook client."""
    made = world.kube.create(kube.pod(f"try-{number}", IMAGE, namespace=namespace), dryRun="All")
    return kube.images(made)


@pytest.fixture(name="unknown")
def _unknown(world, installed):
    """A release that doesn't know its region, so it rewrites nothing; whole again afterwards."""
    registry = installed.config["registry"]
    upgrade(world, installed, {"region": ""})
    installed.settle()
    yield registry
    installed.upgrade(config={**installed.config, "registry": registry})
    installed.wait_taken()


def test_the_first_pod_after_a_rollout_gets_the_new_answer(world, installed, unknown):
    namespace = world.namespace("upgrade")
    for round_number in range(4):
        until(lambda: try_image(world, namespace, 0) == [IMAGE], "nothing is rewritten")
        for number in range(20):  # the API server has connections to every replica
            assert try_image(world, namespace, number) == [IMAGE]
        upgrade(world, installed, unknown)
        first = try_image(world, namespace, 100)
        assert first == [cached(IMAGE)], f"round {round_number}: an old replica answered"
        installed.settle()
        upgrade(world, installed, {"region": ""})
        installed.settle()


def test_no_creation_fails_by_it(world, installed, unknown):
    """Under load, while every connection to the old replicas is closed."""
    namespace = world.namespace("upgrade-load")
    with Steady(world, namespace) as load:
        upgrade(world, installed, unknown)
        load.go_on()
        load.forget()  # what the old replicas answered
        load.go_on()
        load.all_well()
        for _ in range(2):
            upgrade(world, installed, {**unknown, "account": "111122223333"})
            load.go_on()
            upgrade(world, installed, unknown)
            load.go_on()
        load.all_well()
