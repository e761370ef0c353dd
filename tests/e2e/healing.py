"""The release while it heals pods, which several files share; and the pod that takes longest: it is
left alone for five minutes, so it is made first, and looked at when the others are done."""

import json

import kube
import pull_faults
from cached_images import unheard_of
from world import cached, until

LATER_S = 300  # until a healed pod is looked at again: HEAL_QUEUE_LATER_MS
HELD, GONE = "ghcr.io/org/app:2.4", f"docker.io/lost/gone:{unheard_of()}"


class Healing:
    """From begin() to end(), each as often as somebody likes."""

    def __init__(self, world, inst):
        self._world, self._inst, self._before = world, inst, None

    def begin(self):
        """The release, healing, digests rewritten, with a registry that the chart can name: who
        gives it one later replaces every pod."""
        self._inst.ensure()
        if self._before is None:
            self._before = before = self._inst.config
            registry = {**before["registry"], "account": "111122223333"}
            self._inst.upgrade(
                config={**before, "registry": registry, "rewrite": {"digests": "rewrite"}},
                fallback={"heal": True, "remember": "2h"},
            )
            self._inst.wait_taken()
        return self._inst

    def end(self):
        if self._before is not None:
            pull_faults.forget_events(self._world)
            self._inst.upgrade(config=self._before, fallback={})
            self._before = None


class Stranded:
    """A pod that nodes can't pull from anywhere; then the cache has its image, and the node still
    can't pull the original."""

    def __init__(self, world, inst):
        self.world, self.namespace = world, world.namespace("stranded")
        pull_faults.forget_failures(inst, remember="1m")
        pull_faults.forget_images(world)
        until(lambda: world.try_image(self.namespace, GONE) == cached(GONE), "it goes to the cache")
        world.kube.create(kube.pod("stranded", GONE, namespace=self.namespace))
        until(lambda: kube.images(self.pod()) == [GONE], "it gets its own image")
        self._put_into_the_cache()

    def pod(self):
        return self.world.kube.get("Pod", "stranded", self.namespace)

    def _put_into_the_cache(self):
        """It is what another one is, in a repository of its own."""
        self.world.kube.create(kube.pod("other", HELD, namespace=self.namespace))
        self.world.wait_running("other", self.namespace)
        name, like = (cached(each).partition("/")[2].partition(":") for each in (GONE, HELD))
        repositories = self.world.aws.state()["repositories"]
        held = json.loads(json.dumps(repositories[like[0]]))
        held["repositoryName"], held["tags"] = name[0], {name[2]: held["tags"][like[2]]}
        repositories[name[0]] = held
        self.world.aws.ask("PATCH", "state", {"repositories": repositories})
