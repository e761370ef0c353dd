"""The AWS stand-in as a test sees it: a process, its port, and its administration."""

import contextlib
import http.client
import json
import pathlib
import signal
import subprocess
import urllib.parse

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "fakes" / "aws"
ACCOUNT, REGION = "111122223333", "us-west-2"
OPERATOR = ("AKIASTANDINOPERATOR2", "standin/operator+not+a+real+secret+0000=")
# The four upstreams of the default configuration: URL -> prefix, secret.
DEFAULTS = {
    "registry-1.docker.io": ("dockercache", "ecr-pullthroughcache/dockerio"),
    "ghcr.io": ("ghcrcache", "ecr-pullthroughcache/ghcr"),
    "registry.k8s.io": ("k8scache", None),
    "quay.io": ("quaycache", None),
}
ACCOUNT_VALUE = {"username": "somebody", "accessToken": "a-token"}


class Refused(Exception):
    """The administration said no."""


class StandIn:
    def __init__(self, *arguments, address="127.0.0.1"):
        words = ["/usr/bin/python3", FOLDER, "--host", address, *arguments]
        self.process = subprocess.Popen(words,
                                        stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the stand-in ended with {self.process.wait(10)}")
        self.port = json.loads(line)["port"]
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.url = f"http://{self.host}"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.close()
        return self.process.wait(10)

    def admin(self, method, path, body=None):
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            connection.request(method, "/_standin/" + path,
                               None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.loads(response.read())
        if response.status >= 400:
            raise Refused(answer["error"])
        return answer

    def reset(self):
        self.admin("POST", "reset")

    def set(self, **settings):
        return self.admin("PATCH", "settings", settings)

    def state(self, **sections):
        return self.admin("PATCH", "state", sections) if sections else self.admin("GET", "state")

    def fault(self, kind, **members):
        return self.admin("POST", "faults", {"kind": kind, **members})

    def calls(self, **query):
        return self.admin("GET", "calls?" + urllib.parse.urlencode(query))["calls"]

    def principal(self, name, **members):
        return self.admin("PATCH", f"principals/{name}", members)

    def session(self, principal, **members):
        """(key id, secret, token)"""
        found = self.admin("POST", "sessions", {"principal": principal, **members})
        return found["accessKeyId"], found["secretAccessKey"], found["sessionToken"]

    def sso_login(self, **members):
        """What a login of IAM Identity Center gave: tokens, and seconds since 1970."""
        return self.admin("POST", "sso", members)

    def login(self, principal):
        """A password for the registry."""
        return self.admin("POST", "logins", {"principal": principal})["password"]

    def secret(self, name, **members):
        """The ARN of a secret that is there now."""
        members.setdefault("value", ACCOUNT_VALUE)
        return self.admin("PUT", f"secrets/{name}", members)["arn"]

    def archive(self, repository, status="ARCHIVED", **which):
        """By tag or digest, else all images; how many those were."""
        return self.admin("PATCH", "images", {"repository": repository, "status": status,
                                              **which})["images"]

    def delete_images(self, repository, **which):
        return self.admin("DELETE", "images", {"repository": repository, **which})["images"]

    def expire(self, what):
        self.admin("POST", "expire", {"what": what})
