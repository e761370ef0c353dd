"""Faults on demand: which calls they meet, how often, and what they do to them."""

import itertools
import json
import threading

from .errors import AwsError, DRESSINGS, access_denied
from .http1 import Response
from .policy import like

LONG = 3600.0      # a hang without an end, as far as any client is concerned
COMMON = {"kind": str, "service": str, "operation": str, "times": int, "skip": int}
NUMBER = (int, float)
# kind -> its own members: name, type, default (a default of ... means that it must be given).
KINDS = {
    "error": {"code": (str, ...), "message": (str, "injected"), "status": (int, 400)},
    "throttle": {"status": (int, 400), "code": (str, "ThrottlingException"),
                 "retryAfterMs": (int, None), "retryAfter": (int, None)},
    "server-error": {"status": (int, 500), "code": (str, "ServerException")},
    "access-denied": {},
    "expired-token": {},
    "http": {"status": (int, 502), "body": (str, "<html><body>502 Bad Gateway</body></html>"),
             "contentType": (str, "text/html")},
    "redirect": {"status": (int, 307), "location": (str, ...)},
    "body": {"status": (int, 200), "body": (str, ...), "contentType": (str, None),
             "applied": (bool, False)},
    "huge": {"bytes": (int, 64 * 1024 * 1024)},
    "hang": {"seconds": (NUMBER, LONG), "applied": (bool, False)},
    "slow": {"seconds": (NUMBER, ...)},
    "drip": {"bytes": (int, 1), "seconds": (NUMBER, 0.05)},
    "reset": {"applied": (bool, False)},
    "close": {"applied": (bool, False)},
    "truncate": {"keep": (int, None)},
    "content-length": {"add": (int, ...)},
    "clock-skew": {"seconds": (NUMBER, ...)},
    "dressing": {"dressing": (str, ...)},
    "not-valid": {"failure": (str, ...)},
}
# Of kinds that make sense for one operation only.
OPERATIONS = {"not-valid": "ValidatePullThroughCacheRule"}


class BadFault(Exception):
    pass


def read(given):
    """A fault as asked for, whole; raises BadFault."""
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        raise BadFault(f"kind must be one of {', '.join(KINDS)}")
    members = KINDS[given["kind"]]
    fault = {"service": "*", "operation": OPERATIONS.get(given["kind"], "*"), "times": 1, "skip": 0}
    for name, (_, default) in members.items():
        if default is ... and name not in given:
            raise BadFault(f"{given['kind']} needs {name}")
        fault[name] = None if default is ... else default
    for name, value in given.items():
        kind = COMMON.get(name) or members.get(name, (None,))[0]
        if kind is None:
            raise BadFault(f"{given['kind']} has no {name}")
        if not (name == "times" and value is None) and (
                not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
            raise BadFault(f"{name} has the wrong type")
        fault[name] = value
    if fault.get("dressing", "bare") not in DRESSINGS:
        raise BadFault(f"dressing must be one of {', '.join(DRESSINGS)}")
    return fault


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.faults = []
        self.ids = itertools.count(1)

    def add(self, given):
        fault = {**read(given), "met": 0}
        with self.lock:
            fault["id"] = next(self.ids)
            self.faults.append(fault)
        return dict(fault)

    def remove(self, number=None):
        with self.lock:
            kept = [] if number is None else [each for each in self.faults
                                              if each["id"] != number]
            removed = len(self.faults) - len(kept)
            self.faults = kept
        return removed

    def list(self):
        with self.lock:
            return [dict(fault) for fault in self.faults]

    def take(self, service, operation):
        """The first fault that meets this call, or None. `times` null means every call."""
        with self.lock:
            for fault in self.faults:
                if not like(fault["service"], service) or not like(fault["operation"], operation):
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                    continue
                fault["met"] += 1
                if fault["times"] is not None:
                    fault["times"] -= 1
                    if fault["times"] <= 0:
                        self.faults.remove(fault)
                return dict(fault)
        return None


def error_of(fault, call, arn):
    """The AwsError that the fault stands for, or None."""
    kind = fault["kind"]
    if kind == "error":
        return AwsError(fault["code"], fault["message"], fault["status"])
    if kind == "throttle":
        headers = [(header, str(fault[name])) for name, header in
                   (("retryAfterMs", "x-amz-retry-after"), ("retryAfter", "Retry-After"))
                   if fault[name] is not None]
        return AwsError(fault["code"], "Rate exceeded", fault["status"], headers)
    if kind == "server-error":
        return AwsError(fault["code"], "The request processing has failed because of an unknown "
                        "error, exception or failure.", fault["status"])
    if kind == "access-denied":
        return access_denied(arn, f"{call.service}:{call.operation}", "*")
    if kind == "expired-token":
        return AwsError("ExpiredTokenException",
                        "The security token included in the request is expired")
    return None


def instead(fault):
    """The answer that the fault gives in place of the service, or None when the call goes on."""
    kind = fault["kind"]
    if kind == "http":
        return Response(fault["status"], [("Content-Type", fault["contentType"])],
                        fault["body"].encode())
    if kind == "redirect":
        return Response(fault["status"], [("Location", fault["location"])], b"")
    if kind in ("body", "hang", "reset", "close") and not fault["applied"]:
        return spoil(fault, Response(200, [("Content-Type", "application/x-amz-json-1.1")]))
    return None


def spoil(fault, response):
    """Do to the service's answer what the fault says."""
    kind, delivery = fault["kind"], response.delivery
    if kind == "body":
        response.status, response.body = fault["status"], fault["body"].encode()
        response.headers = [(name, value) for name, value in response.headers
                            if name.lower() not in ("content-length",)]
        if fault["contentType"] is not None:
            response.headers = [(name, value) for name, value in response.headers
                                if name.lower() != "content-type"]
            response.headers.append(("Content-Type", fault["contentType"]))
    elif kind == "not-valid" and response.status == 200:
        response.body = json.dumps({**json.loads(response.body), "isValid": False,
                                    "failure": fault["failure"]}).encode()
    elif kind == "huge":
        delivery.filler = fault["bytes"]
    elif kind == "hang":
        delivery.hang = fault["seconds"]
    elif kind == "slow":
        delivery.wait = fault["seconds"]
    elif kind == "drip":
        delivery.drip = (max(fault["bytes"], 1), fault["seconds"])
    elif kind == "reset":
        delivery.reset = True
    elif kind == "close":
        delivery.close = True
    elif kind == "truncate":
        delivery.keep = len(response.body) // 2 if fault["keep"] is None else fault["keep"]
    elif kind == "content-length":
        delivery.length = max(len(response.body) + fault["add"], 0)
    return response
