"""What belongs to the registry as a whole: its policy, its scanning, its description."""

import re

from . import policy
from .errors import AwsError, invalid_parameter
from .principals import REGISTRY_ACTIONS
from .shapes import Many, Operation, Record, Text

SCAN_TYPE = Text(choices=("BASIC", "ENHANCED"))
FILTER = Record({
    # The documented pattern takes for ever on some names; this one accepts the same.
    "filter": Text(1, 255, r"^[a-z0-9*](?:[._\-/a-z0-9*]?[a-z0-9*]+)*$",
                   matcher=r"[a-z0-9*]+(?:[._\-/][a-z0-9*]+)*"),
    "filterType": Text(choices=("WILDCARD",)),
}, required=("filter", "filterType"))
SCANNING_RULES = Many(Record({
    "scanFrequency": Text(choices=("SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL")),
    "repositoryFilters": Many(FILTER, 0, 100),
}, required=("scanFrequency", "repositoryFilters")), 0, 2)
FREQUENCIES = {"BASIC": ("SCAN_ON_PUSH", "MANUAL"), "ENHANCED": ("SCAN_ON_PUSH", "CONTINUOUS_SCAN")}


def check_policy(world, text):
    """A registry policy names principals, registry actions and repositories of this registry."""
    document = policy.parse(text)
    if document is None:
        return False
    start = re.escape(world.state.arn("ecr", "repository/"))
    for statement in policy.listed(document["Statement"]):
        if not {"Principal", "Resource"} <= set(statement):
            return False
        for action in policy.listed(statement.get("Action", [])):
            if action.lower() not in [each.lower() for each in REGISTRY_ACTIONS]:
                return False
        for resource in policy.listed(statement["Resource"]):
            if not re.match(start, resource):
                return False
    return True


def put_policy(world, _call, given):
    if not check_policy(world, given["policyText"]):
        raise invalid_parameter("PolicyText", "Invalid registry policy provided")
    with world.state.change() as data:
        data["registryPolicy"] = given["policyText"]
    return {"registryId": world.state.settings["account"], "policyText": given["policyText"]}


def stored_policy(world, data):
    account = world.state.settings["account"]
    if data["registryPolicy"] is None:
        raise AwsError("RegistryPolicyNotFoundException",
                       f"Registry policy does not exist in the registry with id '{account}'")
    return {"registryId": account, "policyText": data["registryPolicy"]}


def get_policy(world, _call, _given):
    with world.state.look() as data:
        return stored_policy(world, data)


def delete_policy(world, _call, _given):
    with world.state.change() as data:
        answer = stored_policy(world, data)
        data["registryPolicy"] = None
        return answer


def put_scanning(world, _call, given):
    """Replaces the whole configuration; scanType stays when it isn't given."""
    with world.state.change() as data:
        kind = given.get("scanType", data["scanning"]["scanType"])
        rules = given.get("rules", [])
        used = [rule["scanFrequency"] for rule in rules]
        for frequency in used:
            if frequency not in FREQUENCIES[kind]:
                raise invalid_parameter("scanFrequency", f"{frequency} is not supported for "
                                        f"scanType {kind}")
        if len(set(used)) != len(used):
            raise invalid_parameter("rules", "Member must have at most one rule for each "
                                    "scanFrequency")
        data["scanning"] = {"scanType": kind, "rules": rules}
        return {"registryScanningConfiguration": data["scanning"]}


def get_scanning(world, _call, _given):
    with world.state.look() as data:
        return {"registryId": world.state.settings["account"],
                "scanningConfiguration": data["scanning"]}


def describe(world, _call, _given):
    return {"registryId": world.state.settings["account"],
            "replicationConfiguration": {"rules": []}}


OPERATIONS = {
    "PutRegistryPolicy": Operation(Record({"policyText": Text(0, 10240)},
                                          required=("policyText",)), put_policy),
    "GetRegistryPolicy": Operation(Record({}), get_policy),
    "DeleteRegistryPolicy": Operation(Record({}), delete_policy),
    "PutRegistryScanningConfiguration": Operation(
        Record({"scanType": SCAN_TYPE, "rules": SCANNING_RULES}), put_scanning),
    "GetRegistryScanningConfiguration": Operation(Record({}), get_scanning),
    "DescribeRegistry": Operation(Record({}), describe),
}
