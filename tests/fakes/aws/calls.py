"""One call as it passes through the stand-in, and the list of those that were made."""

import threading
import time
import uuid
from dataclasses import dataclass, field

KEPT = 10000
LONGEST_BODY = 128 * 1024      # of a longer request only the size is kept
# Members whose values never enter the list: the stand-in is used to show that nothing leaks.
SECRET_MEMBERS = {"secretstring", "secretbinary", "webidentitytoken", "token", "tokencode",
                  "authorizationtoken", "password", "refreshtoken", "clientsecret"}


@dataclass
class Call:
    request: object
    service: str
    operation: str
    clock: object                    # () -> seconds
    parameters: dict = field(default_factory=dict)
    skew: float = 0.0                # what a fault added to the clock for this call only
    caller: object = None            # principals.Caller, once known
    error: str = None
    fault: str = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def now(self):
        return self.clock() + self.skew


def without_secrets(value):
    if isinstance(value, dict):
        return {key: "***" if str(key).lower() in SECRET_MEMBERS else without_secrets(item)
                for key, item in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    return value


class CallLog:
    def __init__(self):
        self.entries = []
        self.next = 1
        self.changed = threading.Condition()

    def add(self, call, status):
        request = call.request
        parameters = {"bytes": len(request.body)}
        if len(request.body) <= LONGEST_BODY:
            parameters = without_secrets(call.parameters)
        entry = {
            "time": call.now(), "service": call.service, "operation": call.operation,
            "method": request.method, "path": request.path,
            "parameters": parameters,
            "principal": call.caller.principal if call.caller else None,
            "accessKeyId": call.caller.access_key_id if call.caller else None,
            "status": status, "error": call.error, "fault": call.fault,
            "requestId": call.request_id,
            "userAgent": request.header("User-Agent"), "host": request.header("Host"),
            "signedAt": request.header("X-Amz-Date"),
        }
        with self.changed:
            entry["id"] = self.next
            self.next += 1
            self.entries.append(entry)
            del self.entries[:-KEPT]
            self.changed.notify_all()

    def clear(self):
        with self.changed:
            self.entries.clear()

    def find(self, matches, since=0, count=0, wait=0.0):
        """Entries after id `since`; waits up to `wait` seconds until there are `count` of them."""
        until = time.monotonic() + wait
        with self.changed:
            while True:
                found = [entry for entry in self.entries
                         if entry["id"] > since and matches(entry)]
                left = until - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self.changed.wait(left)
