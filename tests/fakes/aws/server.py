"""The stand-in: one port, told apart by target, credential scope and path.

    POST /                    ECR, Secrets Manager (X-Amz-Target) and STS (a form)
    /latest/…                 instance metadata
    /v1/credentials           container credentials
    /federation/credentials   SSO; /token: SSO OIDC
    /v2/…, /_layers/…         the registry
    /_standin/…               its own administration

Every call but those of the administration passes through the same steps: name it, look for a
fault, perform it, dress the answer, enter it in the list of calls.
"""

import sys
import time
import traceback

from . import ecr, secretsmanager, sso
from .admin import Admin
from .calls import Call, CallLog
from .container_credentials import PATH as CONTAINER_PATH, ContainerCredentials
from .errors import AwsError
from .faults import Faults, error_of, instead, spoil
from .http1 import Response
from .imds import Imds
from .registry import Registry
from .state import State
from .sts import Sts


class StandIn:
    def __init__(self, folder=None, given=None):
        self.state = State(folder, given)
        self.faults = Faults()
        self.calls = CallLog()
        self.admin = Admin(self)
        self.ecr = ecr.service(self)
        self.secretsmanager = secretsmanager.service(self)
        self.sts = Sts(self)
        self.imds = Imds(self)
        self.container = ContainerCredentials(self)
        self.registry = Registry(self)
        self.portal = sso.Portal(self)
        self.oidc = sso.Oidc(self)

    def service_for(self, request):
        path = request.path
        if path.startswith("/latest/"):
            return self.imds
        if path == CONTAINER_PATH:
            return self.container
        if path == sso.PORTAL_PATH:
            return self.portal
        if path == sso.OIDC_PATH:
            return self.oidc
        if path == "/v2" or path.startswith(("/v2/", "/_layers/")):
            return self.registry
        target = request.header("X-Amz-Target")
        if target is not None:
            return self.secretsmanager if target.startswith("secretsmanager.") else self.ecr
        # No target: a form is STS; anything else is answered by whom the signature is for.
        media = (request.header("Content-Type") or "").lower()
        if media.startswith("application/x-www-form-urlencoded"):
            return self.sts
        scope = (request.header("Authorization") or "").partition("Credential=")[2].split("/")
        by_scope = {"ecr": self.ecr, "secretsmanager": self.secretsmanager, "sts": self.sts}
        if len(scope) > 3 and scope[3] in by_scope:
            return by_scope[scope[3]]
        return self.sts if path == "/" else None

    def handle(self, request):
        if request.path.startswith("/_standin"):
            return self.admin.handle(request)
        service = self.service_for(request)
        if service is None:
            return Response(404, [("Content-Type", "text/plain")], b"not found\n")
        call = Call(request, service.name, service.identify(request), self.state.now)
        fault = self.faults.take(call.service, call.operation)
        if fault:
            call.fault = fault["kind"]
            if fault["kind"] == "clock-skew":
                call.skew = fault["seconds"]
        response = (instead(fault) if fault else None) or self.perform(service, call, fault)
        if fault:
            response = spoil(fault, response)
        if response.header("Date") is None:
            date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(call.now()))
            response.headers.append(("Date", date))
        self.calls.add(call, response.status)
        return response

    def perform(self, service, call, fault):
        dressing = self.state.settings["errorDressing"]
        try:
            if fault and fault["kind"] == "dressing":
                dressing = fault["dressing"]
            error = error_of(fault, call, self.unknown_user()) if fault else None
            if error:
                raise error
            return service.perform(call)
        except AwsError as error:
            call.error = error.code
            return service.failure(error, call, dressing)
        except Exception:      # a mistake of the stand-in: loud, and not taken for AWS's
            traceback.print_exc(file=sys.stderr)
            call.error = "StandInMistake"
            return Response(500, [("Content-Type", "text/plain")],
                            b"the stand-in made a mistake; see its standard error\n")

    def unknown_user(self):
        """Who is named by an injected refusal: the fault comes before the signature is read."""
        return self.state.arn("sts", "assumed-role/webhook/injected", region=False)
