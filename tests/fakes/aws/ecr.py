"""Amazon ECR: all its operations in one table, and the registry's authorization token."""

import base64
import json
import secrets

from . import (ecr_rules, ecr_shapes, registry_settings, repositories, shapes, templates)
from .json_protocol import JsonService
from .shapes import Many, Operation, Record


def new_password():
    """Opaque, and as long as a real one: base64 of a JSON object."""
    inner = {"payload": base64.b64encode(secrets.token_bytes(900)).decode(),
             "datakey": base64.b64encode(secrets.token_bytes(150)).decode(),
             "version": "2", "type": "DATA_KEY"}
    return base64.b64encode(json.dumps(inner).encode()).decode()


def issue_token(state, principal, session, now):
    """A password for the registry that stands for `principal`; the caller holds a `change`."""
    tokens = state.data["authorizationTokens"]
    for old in [each for each, token in tokens.items() if token["expires"] < now - 86400]:
        del tokens[old]
    password = new_password()
    expires = now + state.settings["authorizationTokenSeconds"]
    tokens[password] = {"principal": principal, "session": session, "expires": expires}
    return password, expires


def get_authorization_token(world, call, given):
    account = world.state.settings["account"]
    for other in given.get("registryIds", [account]):
        if other != account:
            raise ecr_shapes.invalid_parameter("registryIds", "Member must be this account")
    with world.state.change() as data:
        session = data["keys"][call.caller.access_key_id]["session"]
        password, expires = issue_token(world.state, call.caller.principal, session, call.now())
    token = base64.b64encode(f"AWS:{password}".encode()).decode()
    return {"authorizationData": [{"authorizationToken": token, "expiresAt": round(expires, 3),
                                   "proxyEndpoint": f"https://{world.state.registry_host()}"}]}


OPERATIONS = {
    **ecr_rules.OPERATIONS, **templates.OPERATIONS, **registry_settings.OPERATIONS,
    **repositories.OPERATIONS,
    "GetAuthorizationToken": Operation(
        Record({"registryIds": Many(ecr_shapes.REGISTRY_ID, 1, 10)}), get_authorization_token),
}


def service(world):
    return JsonService(world, "ecr", "AmazonEC2ContainerRegistry_V20150921", shapes.ecr_dialect,
                       OPERATIONS)
