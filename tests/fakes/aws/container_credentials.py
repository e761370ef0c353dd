"""The credential endpoint of EKS Pod Identity, as its agent answers on every node."""

import hmac
import json
import time

from . import principals
from .http1 import Response

PATH = "/v1/credentials"


def refusal(status, text):
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], (text + "\n").encode())


class ContainerCredentials:
    name = "container"

    def __init__(self, world):
        self.world = world

    @staticmethod
    def identify(_request):
        return "GetCredentials"

    def failure(self, error, call, _dressing):
        return refusal(error.status, f"[{call.request_id}]: ({error.code}): {error.message}, "
                       f"fault: {'server' if error.status >= 500 else 'client'}")

    def expected(self):
        """The token that the caller must show: read anew each time, as the kubelet renews it."""
        settings = self.world.state.settings
        if not settings["containerTokenFile"]:
            return settings["containerToken"]
        try:
            with open(settings["containerTokenFile"], encoding="utf-8") as file:
                return file.read().rstrip("\n")
        except OSError:
            return ""

    def perform(self, call):
        response = self.decide(call)
        if response.status >= 400:
            call.error = str(response.status)
        return response

    def decide(self, call):
        request = call.request
        state = self.world.state
        if request.method != "GET":
            return refusal(405, "Method Not Allowed")
        sent = request.header("Authorization")
        if not sent:
            return refusal(400, "Service account token cannot be empty")
        expected = self.expected()
        if not expected or not hmac.compare_digest(sent.encode("latin-1"), expected.encode()):
            return refusal(400, f"[{call.request_id}]: (InvalidTokenException): The token included "
                           "in the request is invalid, fault: client")
        principal = state.settings["containerPrincipal"]
        with state.change() as data:
            if data["principals"].get(principal, {}).get("kind") != "role":
                return refusal(404, f"[{call.request_id}]: (ResourceNotFoundException): No "
                               "association found for the token, fault: client")
            key_id, key = principals.new_session(state, principal, "eks-pod-identity",
                                                 state.settings["containerSeconds"], call.now())
        body = {"AccessKeyId": key_id, "SecretAccessKey": key["secret"], "Token": key["token"],
                "AccountId": state.settings["account"],
                "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(key["expires"]))}
        return Response(200, [("Content-Type", "application/json")], json.dumps(body).encode())
