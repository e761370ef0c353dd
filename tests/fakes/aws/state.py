"""Everything the stand-in knows, in memory or in a folder, and the clock that it lives by.

The data is plain JSON, so that a test can read it, write it and keep it. One lock guards it;
nothing waits for the network while holding it.
"""

import contextlib
import copy
import hashlib
import json
import os
import secrets
import shutil
import threading
import time

from . import principals, settings

EMPTY = {
    "rules": {},                # prefix -> rule
    "templates": {},            # prefix -> template
    "repositories": {},         # name -> repository with its images, tags and known blobs
    "registryPolicy": None,
    "scanning": {"scanType": "BASIC", "rules": []},
    "serviceLinkedRole": False,
    "secrets": {},              # name -> secret
    "principals": {},           # name -> role or user with its policies
    "keys": {},                 # access key id -> secret, token, expiry, principal
    "authorizationTokens": {},  # password -> principal, expiry
    "instanceTokens": {},       # IMDSv2 token -> expiry
    "upstreamPulls": {},        # upstream URL -> when manifests were pulled, where that is limited
    "sso": {"tokens": {}, "refresh": {}, "clients": {}},
    "pagingKey": "",
}


class State:
    def __init__(self, folder=None, given=None):
        self.folder = folder
        self.lock = threading.RLock()
        self.blobs = Blobs(os.path.join(folder, "blobs") if folder else None)
        self.given = given or {}     # settings from the command line: they survive a reset
        self.data = self.start()
        path = self.path()
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            self.data.update({key: stored[key] for key in self.data if key in stored})
            self.data["settings"] = {**settings.DEFAULTS, **stored.get("settings", {}),
                                     **self.given}

    def path(self):
        return os.path.join(self.folder, "state.json") if self.folder else None

    def start(self):
        return {**copy.deepcopy(EMPTY), **principals.initial(),
                "settings": {**copy.deepcopy(settings.DEFAULTS), **self.given},
                "pagingKey": secrets.token_hex(16)}

    def reset(self):
        with self.change():
            self.data = self.start()
            self.blobs.clear()

    @property
    def settings(self):
        return self.data["settings"]

    def now(self):
        return time.time() + self.settings["clockOffset"]

    @contextlib.contextmanager
    def look(self):
        with self.lock:
            yield self.data

    @contextlib.contextmanager
    def change(self):
        """Change the data; it is on disk, where there is one, before the answer leaves."""
        with self.lock:
            yield self.data
            self.save()

    def save(self):
        path = self.path()
        if not path:
            return
        os.makedirs(self.folder, exist_ok=True)
        temporary = path + ".new"
        # Owner only: the file holds what the stand-in plays secrets with.
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                  encoding="utf-8") as file:
            json.dump(self.data, file, indent=1, sort_keys=True)
        os.replace(temporary, path)

    # Names of things in this account and region.

    def partition(self):
        region = self.settings["region"]
        for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")):
            if region.startswith(start):
                return name
        return "aws"

    def arn(self, service, rest, region=True):
        where = self.settings["region"] if region else ""
        return f"arn:{self.partition()}:{service}:{where}:{self.settings['account']}:{rest}"

    def registry_host(self):
        if self.settings["registryHost"]:
            return self.settings["registryHost"]
        suffix = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
        return (f"{self.settings['account']}.dkr.ecr.{self.settings['region']}."
                f"{suffix.get(self.partition(), 'amazonaws.com')}")


class Blobs:
    """Bytes by their sha256 digest."""

    def __init__(self, folder):
        self.folder = folder
        self.memory = {}

    def path(self, digest):
        algorithm, _, value = digest.partition(":")
        return os.path.join(self.folder, algorithm, value)

    def clear(self):
        self.memory.clear()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def put(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if self.folder is None:
            self.memory[digest] = data
            return digest
        path = self.path(digest)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = f"{path}.{threading.get_ident()}"
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
        return digest

    def get(self, digest):
        if self.folder is None:
            return self.memory.get(digest)
        try:
            with open(self.path(digest), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
