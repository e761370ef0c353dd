"""Creations of pods that go on while something else happens."""

import contextlib
import http.client
import itertools
import threading
import time

import kube
from world import cached, until

IMAGE = "nginx:1.27"


class Steady:
    """Use as a context. Some threads create by dry run; one makes real pods, which no scheduler
    takes, and deletes them. `failures` are creations that were refused: (when, why); `plain` pods
    that kept their image: (when, name)."""

    def __init__(self, world, namespace, dry=2):
        self.world, self.namespace = world, namespace
        self.failures, self.plain, self.made = [], [], 0
        self._mark = world.audit_mark() if world.is_ours else None
        self._enough = threading.Event()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(True,)) for _ in range(dry)]
        self._threads.append(threading.Thread(target=self._work, args=(False,)))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        self.go_on(20)
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _work(self, dry):
        while not self._enough.wait(0.01):
            self._create(f"load-{next(self._numbers)}", dry)

    def _create(self, name, dry):
        began = time.monotonic()
        query = {"dryRun": "All"} if dry else {}
        pod = kube.pod(name, IMAGE, namespace=self.namespace, schedulerName="nobody")
        try:
            made = self.world.kube.create(pod, **query)
        except (kube.Refused, OSError, http.client.HTTPException) as problem:
            with self._lock:
                self.failures.append((began, repr(problem)))
            return
        with self._lock:
            self.made += 1
            if kube.images(made) != [cached(IMAGE)]:
                self.plain.append((began, name))
        if not dry:
            with contextlib.suppress(kube.Refused, OSError, http.client.HTTPException):
                self.world.kube.delete("Pod", name, self.namespace)

    def go_on(self, count=150):
        """Wait until so many more were created."""
        end = self.made + count
        until(lambda: self.made >= end or self.failures, f"{count} more pods", 180)

    def wait_while(self, condition, what):
        """Until condition() no longer holds."""
        until(lambda: not condition(), what, 180)

    def all_well(self):
        """No creation failed, and all were rewritten."""
        assert not self.failures, self.failures[:5]
        assert not self.plain, f"{len(self.plain)} of {self.made} kept their image: {self.plain[:5]}"

    def wait_rewritten(self, answered=False):
        """Until the latest creations are rewritten; gives those that were plain before, and
        forgets them. Unless they may have been `answered`, the API server had no answer for any."""

        def is_good():
            before = len(self.plain)
            self.go_on(30)
            return len(self.plain) == before

        until(is_good, "creations are rewritten again", 180)
        return self.forget() if answered else self.forget_unanswered()

    def forget(self):
        with self._lock:
            forgotten, self.plain = self.plain, []
        return forgotten

    def forget_unanswered(self):
        """By the audit log of our own node: whoever answers, rewrites."""
        mark = self.world.audit_mark() if self.world.is_ours else None
        forgotten = self.forget()
        if self.world.is_ours:
            names = {name for _, name in forgotten}
            until(
                lambda: names <= self.world.failed_open(self.namespace, self._mark),
                f"the API server says that it had no answer for {len(names)} pods",
            )
            self._mark = mark
        return forgotten
