"""The administration: JSON under /_standin/, for tests and for people with curl.

It asks for no login: the stand-in belongs on loopback.
"""

import json
import urllib.parse

from . import archive, ecr, principals, secretsmanager, settings, sso
from .faults import BadFault
from .http1 import Response
from .policy import like
from .state import EMPTY

LONGEST_WAIT = 30.0
OVERVIEW = {
    "GET /_standin/": "this list",
    "GET, PATCH /_standin/settings": "the settings; PATCH changes those that it names",
    "GET, PATCH /_standin/state": "all data; PATCH replaces the sections that it names",
    "POST /_standin/reset": "the state of the start: data, settings, faults, calls",
    "GET, DELETE /_standin/calls": "?service= &operation= &principal= (globs) &since=ID "
                                   "&count=N &wait=SECONDS",
    "GET, POST, DELETE /_standin/faults[/ID]": "faults that wait for their calls",
    "GET /_standin/principals, PATCH /_standin/principals/NAME":
        "policy, allow (actions), denied (action globs), webIdentity, trusted, maxSeconds, "
        "externalId, mfa",
    "POST /_standin/sessions": "temporary credentials: {principal, seconds}",
    "POST /_standin/sso": "a login of IAM Identity Center: {roles, seconds, registrationSeconds}",
    "POST /_standin/logins": "a registry password: {principal}",
    "PUT, DELETE /_standin/keys/ID": "an access key: {principal, secret, token, expires}",
    "PUT, DELETE /_standin/secrets/NAME": "{value, kmsKeyId, accessible, deleted}",
    "PATCH, DELETE /_standin/images":
        "{repository, tag or digest; neither: all}, PATCH: status ACTIVE | ARCHIVED | ACTIVATING",
    "POST /_standin/expire": "{what: sessions | logins | instanceTokens}: all expire now",
}


class Wrong(Exception):
    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


def reply(value, status=200):
    return Response(status, [("Content-Type", "application/json")],
                    (json.dumps(value, indent=1) + "\n").encode())


def body_of(request):
    try:
        given = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Wrong(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise Wrong("the body is not a JSON object")
    return given


def only(given, *names):
    unknown = set(given) - set(names)
    if unknown:
        raise Wrong(f"unknown member {sorted(unknown)[0]}")


class Admin:
    def __init__(self, world):
        self.world = world

    def handle(self, request):
        parts = request.path.removeprefix("/_standin").strip("/").split("/", 1)
        noun, name = parts[0], urllib.parse.unquote(parts[1]) if len(parts) > 1 else None
        handler = None
        if request.method in ("GET", "PATCH", "POST", "PUT", "DELETE"):
            handler = getattr(self, f"{request.method.lower()}_{noun or 'overview'}", None)
        if handler is None:
            return reply({"error": "there is no such thing; GET /_standin/ lists what is"}, 404)
        try:
            return reply(handler(request, name))
        except (Wrong, BadFault, archive.Impossible) as wrong:
            return reply({"error": str(wrong)}, getattr(wrong, "status", 400))
        except (TypeError, ValueError, KeyError, AttributeError) as wrong:
            return reply({"error": f"a member is of the wrong kind: {wrong}"}, 400)

    def get_overview(self, _request, _name):
        return OVERVIEW

    def get_settings(self, _request, _name):
        return self.world.state.settings

    def patch_settings(self, request, _name):
        given = body_of(request)
        for name, value in given.items():
            fault = settings.fault_of(name, value)
            if fault:
                raise Wrong(fault)
        with self.world.state.change():
            self.world.state.settings.update(given)
        return self.world.state.settings

    def get_state(self, _request, _name):
        with self.world.state.look() as data:
            return json.loads(json.dumps(data))

    def patch_state(self, request, _name):
        given = body_of(request)
        only(given, *(set(EMPTY) - {"pagingKey"}))
        for name, value in given.items():
            if EMPTY[name] is not None and not isinstance(value, type(EMPTY[name])):
                raise Wrong(f"{name} has the wrong type")
        with self.world.state.change() as data:
            data.update(given)
        return self.get_state(None, None)

    def post_reset(self, _request, _name):
        self.world.state.reset()
        self.world.faults.remove()
        self.world.calls.clear()
        return {}

    def get_calls(self, request, _name):
        query = dict(urllib.parse.parse_qsl(request.query))
        only(query, "service", "operation", "principal", "since", "count", "wait")

        def matches(entry):
            return all(like(query[each], entry[each] or "") for each in
                       ("service", "operation", "principal") if each in query)
        try:
            since, count = int(query.get("since", 0)), int(query.get("count", 0))
            wait = min(float(query.get("wait", 0)), LONGEST_WAIT)
        except ValueError as error:
            raise Wrong(str(error)) from error
        return {"calls": self.world.calls.find(matches, since, count, wait)}

    def delete_calls(self, _request, _name):
        self.world.calls.clear()
        return {}

    def get_faults(self, _request, _name):
        return {"faults": self.world.faults.list()}

    def post_faults(self, request, _name):
        return self.world.faults.add(body_of(request))

    def delete_faults(self, _request, name):
        if name is not None and not name.isdigit():
            raise Wrong("a fault has a number")
        removed = self.world.faults.remove(None if name is None else int(name))
        if name is not None and not removed:
            raise Wrong("there is no such fault", 404)
        return {"removed": removed}

    def get_principals(self, _request, _name):
        with self.world.state.look() as data:
            return data["principals"]

    def patch_principals(self, request, name):
        given = body_of(request)
        only(given, "policy", "allow", "denied", "webIdentity", "trusted", "maxSeconds",
             "externalId", "mfa")
        if "allow" in given:
            if "policy" in given or not isinstance(given["allow"], list):
                raise Wrong("allow is a list of actions, in place of a policy")
            given["policy"] = principals.allow(*given.pop("allow"))
        with self.world.state.change() as data:
            if name not in data["principals"]:
                raise Wrong(f"there is no principal {name}", 404)
            data["principals"][name].update(given)
            return data["principals"][name]

    def known_principal(self, given):
        name = given.get("principal")
        if name not in self.world.state.data["principals"]:
            raise Wrong(f"there is no principal {name}", 404)
        return name

    def post_sessions(self, request, _name):
        given = body_of(request)
        only(given, "principal", "seconds", "session")
        state = self.world.state
        with state.change():
            name = self.known_principal(given)
            key_id, key = principals.new_session(state, name, given.get("session", "standin"),
                                                 given.get("seconds", 3600), state.now())
        return {"accessKeyId": key_id, "secretAccessKey": key["secret"],
                "sessionToken": key["token"], "expires": key["expires"]}

    def post_sso(self, request, _name):
        given = body_of(request)
        only(given, "roles", "seconds", "registrationSeconds")
        state = self.world.state
        with state.change():
            return sso.log_in(state, given.get("roles", ["webhook"]), given.get("seconds", 28800),
                              given.get("registrationSeconds", 90 * 86400), state.now())

    def post_logins(self, request, _name):
        given = body_of(request)
        only(given, "principal")
        state = self.world.state
        with state.change():
            password, expires = ecr.issue_token(state, self.known_principal(given), "standin",
                                                state.now())
        return {"user": "AWS", "password": password, "expires": expires}

    def put_keys(self, request, name):
        given = body_of(request)
        only(given, "principal", "secret", "token", "expires")
        with self.world.state.change() as data:
            principal = self.known_principal(given)
            if not name or not isinstance(given.get("secret"), str):
                raise Wrong("a key needs an id and a secret")
            data["keys"][name] = {"principal": principal, "secret": given["secret"],
                                  "token": given.get("token"), "expires": given.get("expires"),
                                  "session": "standin"}
        return {}

    def delete_keys(self, _request, name):
        with self.world.state.change() as data:
            if data["keys"].pop(name, None) is None:
                raise Wrong(f"there is no key {name}", 404)
        return {}

    def put_secrets(self, request, name):
        given = body_of(request)
        only(given, "value", "kmsKeyId", "accessible", "deleted")
        state = self.world.state
        with state.change() as data:
            secret = data["secrets"].get(name) or secretsmanager.new_secret(state, name,
                                                                            state.now())
            data["secrets"][name] = secret
            if "value" in given:
                value = given["value"]
                value = value if isinstance(value, str) else json.dumps(value)
                secretsmanager.add_version(secret, value, f"{len(secret['versions']):032d}",
                                           state.now())
            secret["KmsKeyId"] = given.get("kmsKeyId", secret["KmsKeyId"])
            secret["accessible"] = given.get("accessible", secret["accessible"])
            if "deleted" in given:
                secret["DeletedDate"] = round(state.now(), 3) if given["deleted"] else None
            return {"arn": secret["ARN"]}

    def delete_secrets(self, _request, name):
        with self.world.state.change() as data:
            if data["secrets"].pop(name, None) is None:
                raise Wrong(f"there is no secret {name}", 404)
        return {}

    def patch_images(self, request, _name):
        given = body_of(request)
        only(given, "repository", "tag", "digest", "status")
        return {"images": archive.change(self.world, given["repository"], given.get("tag"),
                                         given.get("digest"), given.get("status"))}

    def delete_images(self, request, _name):
        given = body_of(request)
        only(given, "repository", "tag", "digest")
        return {"images": archive.delete(self.world, given["repository"], given.get("tag"),
                                         given.get("digest"))}

    def post_expire(self, request, _name):
        what = body_of(request).get("what")
        state = self.world.state
        with state.change() as data:
            now = state.now()
            if what == "sessions":
                for key in data["keys"].values():
                    if key["expires"] is not None:
                        key["expires"] = min(key["expires"], int(now))
            elif what == "logins":
                for token in data["authorizationTokens"].values():
                    token["expires"] = min(token["expires"], now)
            elif what == "instanceTokens":
                data["instanceTokens"] = {token: 0 for token in data["instanceTokens"]}
            else:
                raise Wrong("what must be sessions, logins or instanceTokens")
        return {}
