"""Pods that are created one after another while something else happens."""

import itertools
import threading

from http_peer import wait_for
from kube import Refused, images, pod


class Creations:
    """Use as a context. `failures` are creations that the API server refused; `plain` are pods
    that kept their image."""

    def __init__(self, kube, namespace, threads=2, dry_run=True):
        self._kube, self._namespace = kube, namespace
        self._query = {"dryRun": "All"} if dry_run else {}
        self._enough = threading.Event()
        self._numbers = itertools.count()
        self._threads = [threading.Thread(target=self._create) for _ in range(threads)]
        self.made, self.plain, self.failures = 0, [], []
        self._lock = threading.Lock()

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def _create(self):
        while not self._enough.wait(0.005):
            name = f"load-{next(self._numbers)}"
            try:
                made = self._kube.create(
                    pod(name, "nginx:1.27", namespace=self._namespace), **self._query
                )
            except (Refused, OSError) as problem:
                self.failures.append(problem)
                continue
            with self._lock:
                self.made += 1
                if images(made) == ["nginx:1.27"]:
                    self.plain.append(name)

    def wait_more(self, count):
        """Wait until so many more were created."""
        end = self.made + count
        wait_for(lambda: self.made >= end or self.failures, f"{count} more pods")
