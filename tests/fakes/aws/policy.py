"""IAM policy documents: who may do what, decided as IAM decides it, for the parts used here.

A statement has Effect, Action or NotAction, Resource, and for a resource policy Principal;
Condition knows StringEquals and StringLike. An explicit deny wins. A condition that is not
understood makes an Allow fail and a Deny hold, so that nothing is granted by misreading.
"""

import functools
import json
import re


@functools.lru_cache(maxsize=1024)
def compiled(pattern, flags):
    text = "".join(".*" if char == "*" else "." if char == "?" else re.escape(char)
                   for char in pattern)
    return re.compile(text, flags | re.DOTALL)


def like(pattern, text, flags=0):
    return compiled(pattern, flags).fullmatch(text) is not None


def listed(value):
    return value if isinstance(value, list) else [value]


def actions_match(statement, action):
    # Action names are compared without regard to case, everything else with it.
    if "NotAction" in statement:
        return not any(like(each, action, re.IGNORECASE)
                       for each in listed(statement["NotAction"]))
    return any(like(each, action, re.IGNORECASE) for each in listed(statement.get("Action", [])))


def principal_matches(statement, arns):
    principal = statement.get("Principal")
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    allowed = listed(principal.get("AWS", []))
    return "*" in allowed or any(arn in allowed for arn in arns)


def condition_holds(condition, context):
    """True, false, or None when it has an operator that is not known here."""
    unknown = False
    for operator, wanted in condition.items():
        for key, values in wanted.items():
            actual = context.get(key)
            if operator == "StringEquals":
                held = actual in listed(values)
            elif operator == "StringLike":
                held = actual is not None and any(like(each, actual) for each in listed(values))
            else:
                unknown = True
                continue
            if not held:
                return False
    return None if unknown else True


def decide(document, action, resource, context=None, arns=None):
    """"allow", "deny" or None; `arns` given means that statements name their principals."""
    verdict = None
    for statement in listed(document.get("Statement", [])):
        if not actions_match(statement, action):
            continue
        if not any(like(each, resource) for each in listed(statement.get("Resource", "*"))):
            continue
        if arns is not None and not principal_matches(statement, arns):
            continue
        held = condition_holds(statement.get("Condition", {}), context or {})
        if statement.get("Effect") == "Deny" and held is not False:
            return "deny"
        if statement.get("Effect") == "Allow" and held is True:
            verdict = "allow"
    return verdict


def parse(text):
    """The policy document in `text`, or None when it isn't one that AWS would take."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or "Statement" not in document:
        return None
    if not set(document) <= {"Version", "Id", "Statement"}:
        return None
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        return None
    statements = listed(document["Statement"])
    sids = [each.get("Sid") for each in statements if isinstance(each, dict) and "Sid" in each]
    if not statements or len(sids) != len(set(sids)):
        return None
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            return None
        if "Action" not in statement and "NotAction" not in statement:
            return None
        if not set(statement) <= {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
                                  "NotAction", "Resource", "NotResource", "Condition"}:
            return None
    return document
