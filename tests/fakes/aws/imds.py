"""The instance metadata service, version 2: a token first, then the paths that need it."""

import json
import secrets
import time

from . import principals
from .http1 import Response

TOKEN_PATH = "/latest/api/token"
CREDENTIALS = "/latest/meta-data/iam/security-credentials/"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
LONGEST_TTL = 21600
INSTANCE = "i-0123456789abcdef0"


def text(status, body, headers=()):
    return Response(status, [("Content-Type", "text/plain"), ("Server", "EC2ws"), *headers],
                    body.encode())


def refusal(status):
    reasons = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
    return Response(status, [("Content-Type", "text/html"), ("Server", "EC2ws")],
                    f"<html><body><h1>{status} - {reasons.get(status, 'Error')}</h1></body></html>"
                    .encode())


class Imds:
    name = "imds"

    def __init__(self, world):
        self.world = world

    @staticmethod
    def identify(request):
        path = request.path
        if path == TOKEN_PATH:
            return "Token"
        if path.rstrip("/") == CREDENTIALS.rstrip("/"):
            return "RoleName"
        if path.startswith(CREDENTIALS):
            return "RoleCredentials"
        return {"/latest/meta-data/placement/region": "Region",
                "/latest/dynamic/instance-identity/document": "InstanceIdentityDocument",
                }.get(path, "Metadata")

    def failure(self, error, _call, _dressing):
        return refusal(error.status)

    def perform(self, call):
        request = call.request
        call.parameters = {"path": request.path}
        if request.path == TOKEN_PATH:
            response = self.token(call)
        elif request.method not in ("GET", "HEAD"):
            response = refusal(405)
        elif not self.has_token(call):
            response = refusal(401)
        else:
            response = self.metadata(call)
        if response.status >= 400:
            call.error = str(response.status)
        return response

    def token(self, call):
        if call.request.method != "PUT":
            return refusal(405)
        # A proxy that passes the request on must not open the way to the credentials.
        if call.request.header("X-Forwarded-For") is not None:
            return refusal(403)
        ttl = call.request.header(TTL_HEADER, "")
        if not ttl.isascii() or not ttl.isdigit() or not 1 <= int(ttl) <= LONGEST_TTL:
            return refusal(400)
        token = "AQAEA" + secrets.token_urlsafe(36) + "=="
        with self.world.state.change() as data:
            tokens = data["instanceTokens"]
            for old in [each for each, expiry in tokens.items() if expiry < call.now()]:
                del tokens[old]
            tokens[token] = call.now() + int(ttl)
        return text(200, token, [(TTL_HEADER, ttl)])

    def has_token(self, call):
        sent = call.request.header(TOKEN_HEADER)
        with self.world.state.look() as data:
            if sent is None:
                return self.world.state.settings["instanceTokens"] == "optional"
            return data["instanceTokens"].get(sent, 0) > call.now()

    def metadata(self, call):
        settings = self.world.state.settings
        path = call.request.path
        role = settings["instancePrincipal"]
        if path.rstrip("/") == CREDENTIALS.rstrip("/") and role:
            return text(200, role)
        if role and path == CREDENTIALS + role:
            return self.credentials(call, role)
        zone = settings["region"] + "a"
        plain = {"/latest/meta-data/placement/region": settings["region"],
                 "/latest/meta-data/placement/availability-zone": zone,
                 "/latest/meta-data/instance-id": INSTANCE}
        if path in plain:
            return text(200, plain[path])
        if path == "/latest/dynamic/instance-identity/document":
            return text(200, json.dumps({"accountId": settings["account"],
                                         "region": settings["region"], "availabilityZone": zone,
                                         "instanceId": INSTANCE}, indent=2))
        return refusal(404)

    def credentials(self, call, role):
        state = self.world.state
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        updated = time.strftime(stamp, time.gmtime(call.now()))
        if state.data["principals"].get(role, {}).get("kind") != "role":
            # 200 and still a failure: what an instance says whose role can't be assumed.
            body = {"Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": updated,
                    "Message": f"EC2 cannot assume the role {role}."}
            call.error = body["Code"]
            return text(200, json.dumps(body, indent=2))
        with state.change():
            key_id, key = principals.new_session(state, role, INSTANCE,
                                                 state.settings["instanceSeconds"], call.now())
        body = {"Code": "Success", "LastUpdated": updated, "Type": "AWS-HMAC",
                "AccessKeyId": key_id, "SecretAccessKey": key["secret"], "Token": key["token"],
                "Expiration": time.strftime(stamp, time.gmtime(key["expires"]))}
        return text(200, json.dumps(body, indent=2))
