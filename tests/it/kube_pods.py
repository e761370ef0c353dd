"""Pods and Events of the stand-in for an API server: what the fallback asks it for.

As the real one: Events come by a watch without bookmarks unless a test sends some; one that names no
version begins with all that is there, by namespace and name; a version whose history is forgotten ends in an ERROR line with
code 410; a JSON patch whose `test` fails is a 422; an Event lies in its pod's namespace.
"""

import json
import re
import threading
import time
import urllib.parse

import jsonpatch

POD = re.compile(r"/api/v1/namespaces/([a-z0-9-]+)/pods/([a-z0-9.-]+)")
EVENTS = re.compile(r"/api/v1/namespaces/([a-z0-9-]+)/events")
SELECTOR = "reason=Failed,type=Warning,involvedObject.kind=Pod"


class Refusal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code, self.message = code, message


class Pods:
    """All attributes may be changed under `lock` while the server runs."""

    def __init__(self, lock):
        self.lock = threading.Condition(lock)
        self.version = 1000
        self.pods = {}  # (namespace, name): Pod
        self.created = []  # Events that were POSTed
        self.patches = []  # (namespace, name, patch) that were taken
        self.before_patch = None  # called before one is looked at
        self.lines = []  # (version, text) that a watch from before sends; texts without line break
        self.forgotten = 0  # versions up to this one are too old to go on from
        self.asked = []  # the versions that watches began at, None without
        self.watching = 0
        self._cut = 0  # counts up: who watches is cut

    # What a test does

    def put(self, pod):
        with self.lock:
            self.version += 1
            meta = pod["metadata"]
            meta.setdefault("uid", f"uid-{meta['namespace']}-{meta['name']}-{self.version}")
            meta["resourceVersion"] = str(self.version)
            self.pods[meta["namespace"], meta["name"]] = pod
            return pod

    def delete(self, namespace, name):
        with self.lock:
            del self.pods[namespace, name]

    def fail_pull(self, namespace, name, image, why, container="web", uid="1", **members):
        """An Event as kubelet makes it; its version."""
        event = {
            "kind": "Event",
            "apiVersion": "v1",
            "involvedObject": {
                "kind": "Pod",
                "namespace": namespace,
                "name": name,
                "uid": uid,
                "apiVersion": "v1",
                "fieldPath": f"spec.containers{{{container}}}",
            },
            "reason": "Failed",
            "message": f'Failed to pull image "{image}": {why}',
            "source": {"component": "kubelet", "host": "node-1"},
            "firstTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "lastTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "count": 1,
            "type": "Warning",
            **members,
        }
        with self.lock:
            meta = {"name": f"{name}.{self.version + 1:x}", "namespace": namespace}
            return self.say("ADDED", event | {"metadata": meta})

    def say(self, kind, item):
        """A line to all who watch, and to those that come later; its version."""
        with self.lock:
            item["metadata"]["resourceVersion"] = str(self.version + 1)
            return self.say_text(json.dumps({"type": kind, "object": item}))

    def say_text(self, text):
        with self.lock:
            self.version += 1
            self.lines.append((self.version, text))
            self.lock.notify_all()
            return self.version

    def bookmark(self):
        self.say("BOOKMARK", {"kind": "Event", "apiVersion": "v1", "metadata": {}})

    def forget(self):
        """etcd's history; the Events are still there."""
        with self.lock:
            self.forgotten = self.version

    def cut(self):
        """Break every watch."""
        with self.lock:
            self._cut += 1
            self.lock.notify_all()

    # What it answers

    def answer(self, verb, path, content_type, body):
        """(status, document) of a request about a pod, or an Event that is made."""
        if verb == "create":
            return 201, self._create(EVENTS.fullmatch(path)[1], json.loads(body))
        key = POD.fullmatch(path).groups()
        if verb == "patch" and self.before_patch:
            self.before_patch(*key)
        if key not in self.pods:
            raise Refusal(404, f'pods "{key[1]}" not found')
        if verb == "patch":
            assert content_type == "application/json-patch+json", content_type
            self._patch(key, json.loads(body))
        return 200, self.pods[key]

    def _patch(self, key, patch):
        try:
            changed = jsonpatch.JsonPatch(patch).apply(self.pods[key])
        except jsonpatch.JsonPatchException as problem:
            message = "the server rejected our request due to an error in our request"
            raise Refusal(422, message) from problem
        self.patches.append((*key, patch))
        self.put(changed)

    def _create(self, namespace, event):
        assert event["kind"] == "Event" and event["apiVersion"] == "v1", event
        where = event["involvedObject"]["namespace"]
        if where != namespace or event["metadata"].get("namespace", namespace) != namespace:
            raise Refusal(422, f'Event "x" is invalid: involvedObject.namespace: {where}')
        assert event["metadata"].get("name") or event["metadata"].get("generateName"), event
        self.created.append(event)
        return event

    def watch(self, query, write):
        """Send what a watch gets, by write(bytes), until it is over; True: in good order."""
        asked = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
        version = asked.pop("resourceVersion", None)
        end = time.monotonic() + int(asked.pop("timeoutSeconds"))
        assert asked == {"watch": "1", "allowWatchBookmarks": "true", "fieldSelector": SELECTOR}, asked
        with self.lock:
            cut = self._cut
            self.asked.append(version)
            self.watching += 1
            if version and int(version) < self.forgotten:
                self.watching -= 1
                write(_expired())
                return True
        at = int(version or 0)
        try:
            return self._follow(at, cut, end, write)
        finally:
            with self.lock:
                self.watching -= 1

    def _follow(self, at, cut, end, write):
        while True:
            with self.lock:
                left = end - time.monotonic()
                self.lock.wait_for(
                    lambda: self._cut != cut or self.version_of_last() > at, timeout=max(left, 0)
                )
                if self._cut != cut:
                    return False
                texts = [text for version, text in self.lines if version > at]
                texts.sort(key=_key if at == 0 else lambda text: 0)
                at = max(at, self.version_of_last())
            if texts:
                write("".join(text + "\n" for text in texts).encode())
            elif time.monotonic() >= end:
                return True

    def version_of_last(self):
        return self.lines[-1][0] if self.lines else 0


def _key(text):
    try:
        meta = json.loads(text)["object"]["metadata"]
        return (meta["namespace"], meta["name"])
    except (ValueError, LookupError, TypeError):
        return ("", "")


def _expired():
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "The resourceVersion for the provided watch is too old.",
        "reason": "Expired",
        "code": 410,
    }
    return (json.dumps({"type": "ERROR", "object": status}) + "\n").encode()
