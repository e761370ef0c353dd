"""AWS Secrets Manager, as far as a rule's secret is concerned."""

import base64
import re
import secrets
import uuid

from . import paging, shapes
from .errors import AwsError
from .json_protocol import JsonService
from .shapes import Flag, Many, Number, Operation, Record, Text

SECRET_ID = Text(1, 2048)
TOKEN = Text(32, 64)
STRING = Text(1, 65536)
TAGS = Many(Record({"Key": Text(1, 128), "Value": Text(0, 256)}))
FILTERS = Many(Record({
    "Key": Text(choices=("description", "name", "tag-key", "tag-value", "primary-region",
                         "owning-service", "all")),
    "Values": Many(Text(None, 512, r"^\!?[a-zA-Z0-9 :_@\/\+\=\.\-\!]*$"), 1, 10),
}), None, 10)
NAME = r"[A-Za-z0-9/_+=.@!-]+"
SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def not_found():
    return AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def find(state, secret_id):
    """By name, by the whole ARN, or by the ARN without its six last characters."""
    for secret in state.data["secrets"].values():
        if secret_id in (secret["Name"], secret["ARN"], secret["ARN"][:-7]):
            return secret
    raise not_found()


def arns(world, given):
    """The ARN that the permission is asked for; AWS shows the name of a secret that isn't there."""
    secret_id = given.get("SecretId") or given.get("Name")
    try:
        return [find(world.state, secret_id)["ARN"]]
    except AwsError:
        if secret_id.startswith("arn:"):
            return [secret_id]
        return [world.state.arn("secretsmanager", f"secret:{secret_id}-??????")]


def new_secret(state, name, now, **members):
    suffix = "".join(secrets.choice(SUFFIX) for _ in range(6))
    return {"ARN": state.arn("secretsmanager", f"secret:{name}-{suffix}"), "Name": name,
            "Description": "", "KmsKeyId": None, "CreatedDate": round(now, 3),
            "LastChangedDate": round(now, 3), "DeletedDate": None, "Tags": [],
            "accessible": True, "versions": {}, **members}


def add_version(secret, value, version_id, now, stages=("AWSCURRENT",), binary=False):
    for other in secret["versions"].values():
        if "AWSCURRENT" in stages and "AWSPREVIOUS" in other["stages"]:
            other["stages"].remove("AWSPREVIOUS")
    for other in secret["versions"].values():
        for stage in stages:
            if stage in other["stages"]:
                other["stages"].remove(stage)
                if stage == "AWSCURRENT":
                    other["stages"].append("AWSPREVIOUS")
    secret["versions"][version_id] = {"value": value, "stages": list(stages), "binary": binary,
                                      "created": round(now, 3)}
    secret["LastChangedDate"] = round(now, 3)


def value_of(given):
    """(value, is binary) of a request that may carry one or the other."""
    if "SecretString" in given and "SecretBinary" in given:
        raise AwsError("InvalidParameterException",
                       "You can't specify both a SecretString and a SecretBinary in the same "
                       "request.")
    if "SecretBinary" in given:
        try:
            base64.b64decode(given["SecretBinary"], validate=True)
        except ValueError as error:
            raise shapes.serialization("SecretBinary: base64 is expected") from error
        return given["SecretBinary"], True
    return given.get("SecretString"), False


def create(world, call, given):
    name = given["Name"]
    if not re.fullmatch(NAME, name):
        raise AwsError("ValidationException",
                       "Invalid name. Must be a valid name containing alphanumeric characters, "
                       "or any of the following: -/_+=.@!")
    value, binary = value_of(given)
    version_id = given.get("ClientRequestToken", str(uuid.uuid4()))
    with world.state.change() as data:
        old = data["secrets"].get(name)
        if old and old["DeletedDate"] is not None:
            raise AwsError("InvalidRequestException",
                           "You can't create this secret because a secret with this name is "
                           "already scheduled for deletion.")
        if old and old["versions"].get(version_id, {}).get("value", object()) == value:
            return {"ARN": old["ARN"], "Name": name, "VersionId": version_id}
        if old:
            raise AwsError("ResourceExistsException",
                           f"The operation failed because the secret {name} already exists.")
        if (world.state.settings["secretQuota"]
                and len(data["secrets"]) >= world.state.settings["secretQuota"]):
            raise AwsError("LimitExceededException", "The number of secrets exceeds the limit.")
        secret = new_secret(world.state, name, call.now(),
                            Description=given.get("Description", ""),
                            KmsKeyId=given.get("KmsKeyId"), Tags=given.get("Tags", []))
        data["secrets"][name] = secret
        answer = {"ARN": secret["ARN"], "Name": name}
        if value is not None:
            add_version(secret, value, version_id, call.now(), binary=binary)
            answer["VersionId"] = version_id
        return answer


def put_value(world, call, given):
    with world.state.change():
        secret = find(world.state, given["SecretId"])
        refuse_deleted(secret)
        value, binary = value_of(given)
        if value is None:
            raise AwsError("InvalidRequestException", "You must provide either SecretString or "
                           "SecretBinary.")
        version_id = given.get("ClientRequestToken", str(uuid.uuid4()))
        stages = given.get("VersionStages", ["AWSCURRENT"])
        add_version(secret, value, version_id, call.now(), stages, binary)
        return {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id,
                "VersionStages": stages}


def delete(world, call, given):
    days = given.get("RecoveryWindowInDays", 30)
    force = given.get("ForceDeleteWithoutRecovery", False)
    if force and "RecoveryWindowInDays" in given or not 7 <= days <= 30:
        raise AwsError("InvalidParameterException", "The RecoveryWindowInDays value must be "
                       "between 7 and 30 days (inclusive), and not be given with "
                       "ForceDeleteWithoutRecovery.")
    with world.state.change() as data:
        secret = find(world.state, given["SecretId"])
        refuse_deleted(secret)
        when = round(call.now() + (0 if force else days * 86400), 3)
        if force:
            del data["secrets"][secret["Name"]]
        else:
            secret["DeletedDate"] = round(call.now(), 3)
        return {"ARN": secret["ARN"], "Name": secret["Name"], "DeletionDate": when}


def refuse_deleted(secret):
    if secret["DeletedDate"] is not None:
        raise AwsError("InvalidRequestException", "You can't perform this operation on the secret "
                       "because it was marked for deletion.")


def describe(world, _call, given):
    with world.state.look():
        secret = find(world.state, given["SecretId"])
        stages = {version: list(each["stages"]) for version, each in secret["versions"].items()
                  if each["stages"]}
        answer = output(secret)
        return {**answer, "VersionIdsToStages": stages} if stages else answer


def output(secret):
    members = ("ARN", "Name", "Description", "KmsKeyId", "LastChangedDate", "DeletedDate", "Tags",
               "CreatedDate")
    return {name: secret[name] for name in members if secret[name] not in (None, "")}


def get_value(world, _call, given):
    with world.state.look():
        secret = find(world.state, given["SecretId"])
        refuse_deleted(secret)
        wanted_id, wanted_stage = given.get("VersionId"), given.get("VersionStage")
        for version_id, version in secret["versions"].items():
            if wanted_id in (None, version_id) and (
                    (wanted_id is not None and wanted_stage is None)
                    or (wanted_stage or "AWSCURRENT") in version["stages"]):
                break
        else:
            raise AwsError("ResourceNotFoundException",
                           "Secrets Manager can't find the specified secret value for staging "
                           f"label: {wanted_stage or 'AWSCURRENT'}")
        if not secret["accessible"]:
            raise AwsError("DecryptionFailure", "The secret value can't be decrypted.")
        member = "SecretBinary" if version["binary"] else "SecretString"
        return {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id,
                member: version["value"], "VersionStages": list(version["stages"]),
                "CreatedDate": version["created"]}


def matches(secret, wanted):
    """One filter; a value that begins with ! must not match. Only names and descriptions are
    kept, so any other key matches nothing."""
    text = {"name": secret["Name"], "description": secret["Description"]}.get(wanted.get("Key"))
    for value in wanted.get("Values", []):
        negative, value = value.startswith("!"), value.removeprefix("!")
        if text is not None and text.lower().startswith(value.lower()) != negative:
            return True
    return False


def list_secrets(world, call, given):
    with world.state.look() as data:
        found = {name: secret for name, secret in data["secrets"].items()
                 if (given.get("IncludePlannedDeletion") or secret["DeletedDate"] is None)
                 and all(matches(secret, each) for each in given.get("Filters", []))}
        try:
            shown, token = paging.page(world.state, call.operation, found, given.get("NextToken"),
                                       given.get("MaxResults", 100))
        except paging.BadToken:
            raise AwsError("InvalidNextTokenException", "Invalid next token.") from None
        answer = {"SecretList": []}
        for secret in shown:
            stages = {version: list(each["stages"])
                      for version, each in secret["versions"].items() if each["stages"]}
            entry = output(secret)
            answer["SecretList"].append({**entry, "SecretVersionsToStages": stages}
                                        if stages else entry)
        return {**answer, "NextToken": token} if token else answer


OPERATIONS = {
    "DescribeSecret": Operation(Record({"SecretId": SECRET_ID}, required=("SecretId",)),
                                describe, arns),
    "GetSecretValue": Operation(Record({
        "SecretId": SECRET_ID, "VersionId": TOKEN, "VersionStage": Text(1, 256),
    }, required=("SecretId",)), get_value, arns),
    "ListSecrets": Operation(Record({
        "IncludePlannedDeletion": Flag(), "MaxResults": Number(1, 100),
        "NextToken": Text(1, 4096), "Filters": FILTERS,
    }), list_secrets),
    "CreateSecret": Operation(Record({
        "Name": Text(1, 512), "ClientRequestToken": TOKEN, "Description": Text(high=2048),
        "KmsKeyId": Text(0, 2048), "SecretBinary": Text(), "SecretString": STRING, "Tags": TAGS,
    }, required=("Name",)), create, arns),
    "PutSecretValue": Operation(Record({
        "SecretId": SECRET_ID, "ClientRequestToken": TOKEN, "SecretBinary": Text(),
        "SecretString": STRING, "VersionStages": Many(Text(1, 256), 1, 20),
    }, required=("SecretId",)), put_value, arns),
    "DeleteSecret": Operation(Record({
        "SecretId": SECRET_ID, "RecoveryWindowInDays": Number(),
        "ForceDeleteWithoutRecovery": Flag(),
    }, required=("SecretId",)), delete, arns),
}


def service(world):
    return JsonService(world, "secretsmanager", "secretsmanager", shapes.validation_dialect,
                       OPERATIONS)
