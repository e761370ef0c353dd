"""IAM Identity Center: GetRoleCredentials of its portal, and CreateToken of its OIDC service.

Nobody logs in here: the administration gives what a browser would have led to. Of the grants only
refresh_token is known; a refresh token is good for one exchange.
"""

import json
import secrets
import urllib.parse

from . import principals
from .errors import AwsError
from .http1 import Response

PORTAL_PATH = "/federation/credentials"
OIDC_PATH = "/token"
LIFETIME = 28800       # seconds of an access token that was exchanged
# What CreateToken's errors are called in its body.
OAUTH = {"InvalidRequestException": "invalid_request", "InvalidClientException": "invalid_client",
         "InvalidGrantException": "invalid_grant", "ExpiredTokenException": "expired_token",
         "UnsupportedGrantTypeException": "unsupported_grant_type"}


def log_in(state, roles, seconds, registration_seconds, now):
    """What the AWS CLI would hold after a login; the caller holds a `change`."""
    sso = state.data["sso"]
    token, refresh, client = (secrets.token_urlsafe(size) for size in (400, 300, 16))
    secret = secrets.token_urlsafe(600)
    sso["tokens"][token] = {"expires": now + seconds, "roles": roles}
    sso["clients"][client] = {"secret": secret, "expires": now + registration_seconds}
    sso["refresh"][refresh] = {"client": client, "roles": roles}
    return {"accessToken": token, "expires": now + seconds, "refreshToken": refresh,
            "clientId": client, "clientSecret": secret,
            "registrationExpires": now + registration_seconds}


class Service:
    """What both have in common: REST, with JSON in the answers."""

    def __init__(self, world):
        self.world = world

    def perform(self, call):
        body = json.dumps(self.answer(call)).encode()
        return Response(200, [("x-amzn-RequestId", call.request_id),
                              ("Content-Type", "application/json")], body)

    def failure(self, error, call, _dressing):
        return Response(error.status, [("x-amzn-RequestId", call.request_id),
                                       ("x-amzn-ErrorType", error.code),
                                       ("Content-Type", "application/json")] + error.headers,
                        json.dumps(self.describe(error)).encode())


class Portal(Service):
    name = "sso"

    @staticmethod
    def identify(_request):
        return "GetRoleCredentials"

    @staticmethod
    def describe(error):
        return {"message": error.message, "__type": f"com.amazonaws.switchboard.portal#{error.code}"}

    def answer(self, call):
        state = self.world.state
        query = dict(urllib.parse.parse_qsl(call.request.query, keep_blank_values=True))
        call.parameters = query
        if call.request.method != "GET" or set(query) != {"role_name", "account_id"}:
            raise AwsError("InvalidRequestException", "Invalid request")
        with state.change() as data:
            token = data["sso"]["tokens"].get(call.request.header("x-amz-sso_bearer_token"))
            if token is None or token["expires"] <= call.now():
                raise AwsError("UnauthorizedException", "Session token not found or invalid", 401)
            role = query["role_name"]
            if (query["account_id"] != state.settings["account"] or role not in token["roles"]
                    or data["principals"].get(role, {}).get("kind") != "role"):
                raise AwsError("ForbiddenException", "No access", 403)
            key_id, key = principals.new_session(state, role, "sso-user", 3600, call.now())
        return {"roleCredentials": {"accessKeyId": key_id, "secretAccessKey": key["secret"],
                                    "sessionToken": key["token"],
                                    "expiration": key["expires"] * 1000}}


class Oidc(Service):
    name = "sso-oidc"

    @staticmethod
    def identify(_request):
        return "CreateToken"

    @staticmethod
    def describe(error):
        return {"error": OAUTH.get(error.code, "server_error"),
                "error_description": error.message}

    @staticmethod
    def read(call):
        try:
            given = json.loads(call.request.body)
        except ValueError as error:
            raise AwsError("InvalidRequestException", "Invalid request") from error
        names = ("clientId", "clientSecret", "grantType", "refreshToken")
        if call.request.method != "POST" or not isinstance(given, dict) or not all(
                isinstance(given.get(name), str) and given[name] for name in names):
            raise AwsError("InvalidRequestException", "Invalid request")
        call.parameters = given
        return given

    def answer(self, call):
        given = self.read(call)
        state, now = self.world.state, call.now()
        if given["grantType"] != "refresh_token":
            raise AwsError("UnsupportedGrantTypeException", "Unsupported grant type")
        with state.change() as data:
            sso = data["sso"]
            client = sso["clients"].get(given["clientId"])
            if (client is None or client["secret"] != given["clientSecret"]
                    or client["expires"] <= now):
                raise AwsError("InvalidClientException", "Invalid client", 401)
            known = sso["refresh"].get(given["refreshToken"])
            if known is None or known["client"] != given["clientId"]:
                raise AwsError("InvalidGrantException", "Invalid refresh token provided")
            del sso["refresh"][given["refreshToken"]]
            token, refresh = secrets.token_urlsafe(400), secrets.token_urlsafe(300)
            sso["tokens"][token] = {"expires": now + LIFETIME, "roles": known["roles"]}
            sso["refresh"][refresh] = known
        return {"accessToken": token, "expiresIn": LIFETIME, "refreshToken": refresh,
                "tokenType": "Bearer"}
