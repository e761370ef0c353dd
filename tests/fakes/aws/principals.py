"""Who calls: users and roles, their keys and sessions, and what they may do.

Three principals exist from the start: the user `operator` (everything; it has the one key that is
known beforehand), the role `webhook` (what the program needs) and the role `puller` (what a node
needs). Their policies are ordinary IAM documents and can be replaced.
"""

import base64
import copy
import secrets
from dataclasses import dataclass

from . import policy
from .errors import AwsError, access_denied

OPERATOR_KEY = "AKIASTANDINOPERATOR2"
OPERATOR_SECRET = "standin/operator+not+a+real+secret+0000="
KEY_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SERVICE_ROLE = ("role/aws-service-role/pullthroughcache.ecr.amazonaws.com/"
                "AWSServiceRoleForECRPullThroughCache")
# What a registry policy may grant, version 1 of its scope.
REGISTRY_ACTIONS = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage", "ecr:ReplicateImage")


def allow(*actions):
    return {"Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def initial():
    webhook = allow(
        "ecr:DescribePullThroughCacheRules", "ecr:DescribeRepositoryCreationTemplates",
        "ecr:CreatePullThroughCacheRule", "ecr:UpdatePullThroughCacheRule",
        "ecr:ValidatePullThroughCacheRule", "ecr:CreateRepositoryCreationTemplate",
        "secretsmanager:DescribeSecret", "iam:CreateServiceLinkedRole")
    puller = allow(
        "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository",
        "ecr:TagResource")
    trust = {"subject": "system:serviceaccount:pullthrough:pullthrough",
             "audience": "sts.amazonaws.com"}
    return copy.deepcopy({
        "principals": {
            "operator": {"kind": "user", "policy": allow("*"), "denied": []},
            "webhook": {"kind": "role", "policy": webhook, "denied": [], "webIdentity": trust,
                        "trusted": ["operator"], "maxSeconds": 43200},
            "puller": {"kind": "role", "policy": puller, "denied": [], "webIdentity": None,
                       "trusted": ["operator"], "maxSeconds": 43200},
        },
        "keys": {OPERATOR_KEY: {"principal": "operator", "secret": OPERATOR_SECRET,
                                "token": None, "expires": None, "session": None}},
    })


@dataclass
class Caller:
    principal: str
    access_key_id: str
    arn: str          # as AWS prints it: the session of a role, not the role
    user_id: str
    arns: tuple       # every name that a resource policy may use for this caller


def unique_id(kind, name):
    start = "AROA" if kind == "role" else "AIDA"
    digits = base64.b32encode(name.encode().ljust(10, b"-")[:10]).decode()
    return start + digits.rstrip("=")[:16]


def caller_of(state, principal, session, access_key_id=None):
    """The caller that a key or a registry password of `principal` stands for."""
    kind = state.data["principals"][principal]["kind"]
    account = state.arn("iam", "root", region=False)
    unique = unique_id(kind, principal)
    plain = state.arn("iam", f"{kind}/{principal}", region=False)
    if kind == "user":
        return Caller(principal, access_key_id, plain, unique, (plain, account,
                                                                state.settings["account"]))
    arn = state.arn("sts", f"assumed-role/{principal}/{session}", region=False)
    return Caller(principal, access_key_id, arn, f"{unique}:{session}",
                  (plain, arn, account, state.settings["account"]))


def find_caller(state, access_key_id):
    key = state.data["keys"][access_key_id]
    if key["principal"] not in state.data["principals"]:
        raise AwsError("UnrecognizedClientException",
                       "The security token included in the request is invalid.")
    return caller_of(state, key["principal"], key["session"], access_key_id)


def new_session(state, principal, session, seconds, now):
    """Temporary credentials, kept in the state; the caller of this holds a `change`."""
    ceiling = state.settings["sessionSeconds"]
    if ceiling:
        seconds = min(seconds, ceiling)
    key_id = "ASIA" + "".join(secrets.choice(KEY_LETTERS) for _ in range(16))
    secret = base64.b64encode(secrets.token_bytes(30)).decode()
    # Of the length, and with the signs that need care in forms and headers, of a real one.
    token = "IQoJb3JpZ2luX2Vj//+" + base64.b64encode(secrets.token_bytes(640)).decode()
    keys = state.data["keys"]
    for old in [each for each, key in keys.items()
                if key["expires"] is not None and key["expires"] < now - 86400]:
        del keys[old]
    keys[key_id] = {"principal": principal, "secret": secret, "token": token,
                    "expires": int(now + seconds), "session": session}
    return key_id, keys[key_id]


def verdict(state, caller, action, resource, context=None):
    """"allow", "deny" (explicitly) or None, from the identity's policy and the registry's."""
    principal = state.data["principals"].get(caller.principal)
    if principal is None:
        return None
    if any(policy.like(each, action) for each in principal["denied"]):
        return "deny"
    found = [policy.decide(principal["policy"], action, resource, context)]
    if action in REGISTRY_ACTIONS and state.data["registryPolicy"]:
        document = policy.parse(state.data["registryPolicy"])
        found.append(policy.decide(document, action, resource, context, caller.arns))
    return next((each for each in ("deny", "allow") if each in found), None)


def authorize(state, caller, action, resource="*", context=None):
    found = verdict(state, caller, action, resource, context)
    if found != "allow":
        raise access_denied(caller.arn, action, resource, explicit=found == "deny")
