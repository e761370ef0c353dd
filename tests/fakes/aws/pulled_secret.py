"""The secret of a rule as ECR sees it: when a rule names it, and when it is used.

At creation only its existence and reach are checked; that its value is nonsense is found when it
is used, that is by ValidatePullThroughCacheRule or by a pull.
"""

import json

from .errors import AwsError

NOT_FOUND = "The ARN of the secret specified in the pull through cache rule was not found."
NO_ACCESS = ("The secret is unable to be accessed. Verify the resource permissions for the secret "
             "and try again.")
NO_KEY = ("The secret is accessible but is unable to be decrypted. Verify the resource permissions "
          "and try again.")
BAD_FORM = ("The secret value is not in the expected form: a JSON object with username and "
            "accessToken.")


class Unusable(Exception):
    """The secret can't be used; the text is the reason."""


def trouble(state, arn):
    """The error name and text that speak against `arn`, or None; the whole ARN is asked for."""
    for secret in state.data["secrets"].values():
        if secret["ARN"] == arn:
            break
    else:
        return "SecretNotFoundException", NOT_FOUND
    if secret["DeletedDate"] is not None or current_value(secret) is None:
        return "SecretNotFoundException", NOT_FOUND
    if not secret["accessible"]:
        return "UnableToAccessSecretException", NO_ACCESS
    if secret["KmsKeyId"] not in (None, "alias/aws/secretsmanager"):
        return "UnableToDecryptSecretValueException", NO_KEY
    return None


def current_value(secret):
    for version in secret["versions"].values():
        if "AWSCURRENT" in version["stages"]:
            return version["value"]
    return None


def check(state, arn):
    found = trouble(state, arn)
    if found:
        raise AwsError(*found)


def account_of(state, rule):
    """(user, token) for the upstream of `rule`, or None for one without credentials."""
    arn = rule["credentialArn"]
    if arn is None:
        return None
    with state.look() as data:
        found = trouble(state, arn)
        if found:
            raise Unusable(found[1])
        text = next(current_value(secret) for secret in data["secrets"].values()
                    if secret["ARN"] == arn)
    try:
        value = json.loads(text)
        account = value["username"], value["accessToken"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unusable(BAD_FORM) from error
    if not all(isinstance(part, str) and part for part in account):
        raise Unusable(BAD_FORM)
    return account
