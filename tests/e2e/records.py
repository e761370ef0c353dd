"""What our containers log, from the node's own files: nothing is lost when a pod goes."""

import json
import os
import threading

from installation import NAME, NAMESPACE


class Records:
    """Use as a context: what is logged from then on. Files are opened as soon as there are any, so
    they can be read to their end even when kubelet has taken them away."""

    def __init__(self, world):
        self._folder = world.root() / "var/log/pods"
        self._open = {}  # inode: (pod, file)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._look()
        for _, file in self._open.values():  # replicas that are gone have files for a while
            file.seek(0, os.SEEK_END)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._enough.set()
        self._thread.join()
        for _, file in self._open.values():
            file.close()

    def _watch(self):
        while not self._enough.wait(0.1):
            self._look()

    def _look(self):
        for path in self._folder.glob(f"{NAMESPACE}_{NAME}-*/{NAME}/*.log"):
            try:
                if path.stat().st_ino in self._open:
                    continue
                file = open(path, "rb")
            except FileNotFoundError:  # it went meanwhile
                continue
            pod = path.parts[-3].split("_")[1]
            self._open[os.fstat(file.fileno()).st_ino] = (pod, file)

    def take(self):
        """Those since the last time, each an object; a line that is none is an error by itself."""
        for pod, file in list(self._open.values()):
            while line := file.readline():
                if not line.endswith(b"\n"):  # half written
                    file.seek(-len(line), os.SEEK_CUR)
                    break
                text = line.decode(errors="replace").split(" ", 3)[3].rstrip("\n")
                if text.startswith("{"):
                    yield {"pod": pod, **json.loads(text)}
                else:
                    yield {"pod": pod, "level": "error", "message": text}
