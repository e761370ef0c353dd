"""Requests to the stand-in by hand: signed as told, right or wrong, over a plain socket."""

import contextlib
import hashlib
import hmac
import http.client
import socket
import time
from dataclasses import dataclass, field

from standin import OPERATOR, REGION

ECR_TARGET = "AmazonEC2ContainerRegistry_V20150921."


def stamp(seconds=None):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


@dataclass
class Signed:
    """A POST to AWS; every part may be set before it is built."""
    operation: str = "DescribePullThroughCacheRules"
    body: bytes = b"{}"
    host: str = "api.ecr.us-west-2.amazonaws.com"
    credentials: tuple = OPERATOR
    date: str = None
    scope: dict = field(default_factory=dict)     # date, region, service, terminator
    region: str = REGION
    service: str = "ecr"
    names: list = None                # SignedHeaders
    extra: list = field(default_factory=list)
    content_type: str = "application/x-amz-json-1.1"
    target_prefix: str = ECR_TARGET

    def headers(self):
        date = self.date or stamp()
        found = [("Host", self.host), ("Content-Type", self.content_type), ("X-Amz-Date", date)]
        if self.target_prefix:
            found.append(("X-Amz-Target", self.target_prefix + self.operation))
        if len(self.credentials) > 2 and self.credentials[2]:
            found.append(("X-Amz-Security-Token", self.credentials[2]))
        return found + self.extra

    def authorization(self, headers):
        date = dict((name.lower(), value) for name, value in headers).get("x-amz-date", stamp())
        scope = list({"date": date[:8], "region": self.region, "service": self.service,
                      "terminator": "aws4_request", **self.scope}.values())
        names = self.names
        if names is None:
            names = sorted({name.lower() for name, _ in headers})
        lines = ["POST", "/", ""]
        for name in names:
            values = [" ".join(value.split()) for key, value in headers
                      if key.lower() == name.lower()]
            lines.append(f"{name.lower()}:{','.join(values)}")
        lines += ["", ";".join(names), hashlib.sha256(self.body).hexdigest()]
        canonical = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), canonical])
        key = ("AWS4" + self.credentials[1]).encode()
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return (f"AWS4-HMAC-SHA256 Credential={self.credentials[0]}/{'/'.join(scope)}, "
                f"SignedHeaders={';'.join(names)}, Signature={signature}")

    def build(self):
        """(headers, body), signed."""
        headers = self.headers()
        return [*headers, ("Authorization", self.authorization(headers))], self.body


def encode(headers, body, line="POST / HTTP/1.1", length=True):
    lines = [line, *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@contextlib.contextmanager
def connect(aws, timeout=20):
    with socket.create_connection(("127.0.0.1", aws.port), timeout) as sock:
        yield sock


def read(sock, method="POST"):
    """(status, headers as a dictionary in lower case, body)"""
    response = http.client.HTTPResponse(sock, method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return response.status, headers, response.read()


def exchange(aws, data, method="POST"):
    with connect(aws) as sock:
        sock.sendall(data)
        return read(sock, method)
