"""The end of what test_5_fallback_slow.py began: a pod that could not run by its own name either."""

import kube
import pytest
from healing import GONE, LATER_S
from test_5_fallback import heals
from world import cached, running_since, seconds_between

pytestmark = pytest.mark.own


@pytest.fixture(autouse=True)
def _as_it_was(healing_state):
    """Afterwards nothing is healed any more."""
    yield
    healing_state.end()


def test_it_is_put_back_when_the_cache_is_well(world, stranded, figures):
    """The cache has its image now."""
    (event,) = heals(world, stranded.namespace)
    pod = world.wait_running("stranded", stranded.namespace, 2 * LATER_S + 60)
    assert kube.images(pod) == [cached(GONE)]
    (status,) = pod["status"]["containerStatuses"]
    assert status["restartCount"] == 0
    seconds = seconds_between(event["lastTimestamp"] or event["eventTime"], running_since(pod))
    figures.append(f"put back to the cache {seconds:.0f} s after it was healed")
