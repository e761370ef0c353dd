"""AWS STS: the query protocol, answers in XML (or in JSON for who asks so).

Session policies and tags are not modelled: with `strict` they are refused, else ignored.
"""

import json
import time
import urllib.parse

from . import principals, shapes, sigv4, web_identity
from .errors import AwsError, STS_NAMESPACE, escape, query_failure
from .http1 import Response
from .shapes import Number, Record, Text

VERSION = "2011-06-15"
FORM = "application/x-www-form-urlencoded"
ROLE_ARN = Text(20, 2048, r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD"
                          r"\u10000-\u10FFFF]+")
SESSION_NAME = Text(2, 64, r"[\w+=,.@-]*")
DURATION = Number(900, 43200)
SHAPES = {
    "GetCallerIdentity": Record({}),
    "AssumeRole": Record({"RoleArn": ROLE_ARN, "RoleSessionName": SESSION_NAME,
                          "DurationSeconds": DURATION,
                          "ExternalId": Text(2, 1224, r"[\w+=,.@:\/-]*"),
                          "SerialNumber": Text(9, 256, r"[\w+=/:,.@-]*"),
                          "TokenCode": Text(6, 6, r"[\d]*")}, required=("RoleArn", "RoleSessionName")),
    "AssumeRoleWithWebIdentity": Record({
        "RoleArn": ROLE_ARN, "RoleSessionName": SESSION_NAME, "WebIdentityToken": Text(4, 20000),
        "DurationSeconds": DURATION,
    }, required=("RoleArn", "RoleSessionName", "WebIdentityToken")),
}
UNSIGNED = ("AssumeRoleWithWebIdentity",)


def validation_error(text):
    return AwsError("ValidationError", text)


def dialect(path, value, constraint):
    path = path[:1].lower() + path[1:]
    # The value of a token is no text for an error message.
    shown = "null" if value is None else f"'{value}'" if path != "webIdentityToken" else "'***'"
    return validation_error(f"1 validation error detected: Value {shown} at '{path}' failed to "
                            f"satisfy constraint: {constraint}")


def read_form(request):
    """The form's fields; each may be there once."""
    media = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
    if request.method != "POST" or request.target != "/" or media != FORM:
        raise AwsError("UnknownOperationException", "Could not find operation in the request.")
    try:
        pairs = urllib.parse.parse_qsl(request.body.decode("ascii"), keep_blank_values=True,
                                       strict_parsing=True, errors="strict")
    except ValueError as error:
        raise AwsError("MalformedQueryString", f"The form is malformed: {error}") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise AwsError("MalformedQueryString", "A field is there twice.")
    return fields


def number(fields, name):
    if name in fields:
        if not fields[name].isascii() or not fields[name].isdigit():
            raise AwsError("MalformedInput", f"{name}: an integer is expected")
        fields[name] = int(fields[name])


class Sts:
    name = "sts"

    def __init__(self, world):
        self.world = world

    @staticmethod
    def identify(request):
        try:
            fields = urllib.parse.parse_qs(request.body.decode("latin-1"))
        except ValueError:
            fields = {}
        return fields.get("Action", ["?"])[0]

    def perform(self, call):
        state = self.world.state
        fields = read_form(call.request)
        operation = fields.pop("Action", "")
        call.parameters = fields
        if operation not in SHAPES or fields.pop("Version", None) != VERSION:
            raise AwsError("UnknownOperationException", f"Could not find operation {operation} "
                           f"for version {VERSION}")
        number(fields, "DurationSeconds")
        if operation not in UNSIGNED:
            with state.look() as data:
                key_id = sigv4.verify(call.request, data["keys"].get, state.settings["region"],
                                      self.name, call.now(), state.settings["signatureWindow"])
                call.caller = principals.find_caller(state, key_id)
        try:
            shapes.Checker(dialect, state.settings["strict"]).check(SHAPES[operation], fields)
        except AwsError as error:
            if error.code == "SerializationException":
                raise AwsError("MalformedInput", error.message) from error
            raise
        handler = {"GetCallerIdentity": self.get_caller_identity,
                   "AssumeRole": self.assume_role,
                   "AssumeRoleWithWebIdentity": self.assume_role_with_web_identity}[operation]
        return self.answer(call, operation, handler(call, fields))

    @staticmethod
    def wants_json(call):
        return (call.request.header("Accept") or "").startswith("application/json")

    def failure(self, error, call, _dressing):
        return query_failure(error, call.request_id, self.wants_json(call))

    def answer(self, call, operation, result):
        if self.wants_json(call):
            body = json.dumps({f"{operation}Response": {
                f"{operation}Result": result,
                "ResponseMetadata": {"RequestId": call.request_id}}})
            media = "application/json"
        else:
            body = (f'<{operation}Response xmlns="{STS_NAMESPACE}">\n'
                    f"  <{operation}Result>\n{xml(result, 4)}  </{operation}Result>\n"
                    f"  <ResponseMetadata>\n    <RequestId>{call.request_id}</RequestId>\n"
                    f"  </ResponseMetadata>\n</{operation}Response>\n")
            media = "text/xml"
        return Response(200, [("x-amzn-RequestId", call.request_id), ("Content-Type", media)],
                        body.encode())

    def get_caller_identity(self, call, _fields):
        return {"Arn": call.caller.arn, "UserId": call.caller.user_id,
                "Account": self.world.state.settings["account"]}

    def role(self, arn, action, user):
        """The name of the role with this ARN; a role that isn't there is no secret to tell."""
        state = self.world.state
        for name, principal in state.data["principals"].items():
            if principal["kind"] == "role" and arn == state.arn("iam", f"role/{name}",
                                                                region=False):
                return name
        who = f"User: {user} is not authorized to perform: {action} on resource: {arn}" if user \
            else f"Not authorized to perform {action}"
        raise AwsError("AccessDenied", who, 403)

    def issue(self, call, name, fields):
        """Credentials for a session of the role; the caller holds a `change`."""
        state = self.world.state
        seconds = fields.get("DurationSeconds", 3600)
        if seconds > state.data["principals"][name]["maxSeconds"]:
            raise validation_error("The requested DurationSeconds exceeds the MaxSessionDuration "
                                   "set for this role.")
        session = fields["RoleSessionName"]
        key_id, key = principals.new_session(state, name, session, seconds, call.now())
        user = principals.caller_of(state, name, session)
        expiry = key["expires"]
        if not self.wants_json(call):
            expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expiry))
        return {"Credentials": {"AccessKeyId": key_id, "SecretAccessKey": key["secret"],
                                "SessionToken": key["token"], "Expiration": expiry},
                "AssumedRoleUser": {"AssumedRoleId": user.user_id, "Arn": user.arn}}

    @staticmethod
    def check_mfa(wanted, fields):
        """`wanted` is the device's serial and the code that it shows, which is good once."""
        given = fields.get("SerialNumber"), fields.get("TokenCode")
        if given != (None, None) and (not wanted or given != (wanted["serial"], wanted["code"])):
            raise AwsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one "
                           "time pass code. ", 403)
        if wanted and given == (None, None):
            raise AwsError("AccessDenied", "MultiFactorAuthentication is needed for this role", 403)
        if wanted:
            wanted["code"] = ""

    def assume_role(self, call, fields):
        state = self.world.state
        with state.change() as data:
            name = self.role(fields["RoleArn"], "sts:AssumeRole", call.caller.arn)
            found = principals.verdict(state, call.caller, "sts:AssumeRole", fields["RoleArn"])
            role = data["principals"][name]
            self.check_mfa(role.get("mfa"), fields)
            if (found == "deny" or call.caller.principal not in role["trusted"]
                    or role.get("externalId") not in (None, fields.get("ExternalId"))):
                raise AwsError("AccessDenied", f"User: {call.caller.arn} is not authorized to "
                               f"perform: sts:AssumeRole on resource: {fields['RoleArn']}", 403)
            return self.issue(call, name, fields)

    def assume_role_with_web_identity(self, call, fields):
        state = self.world.state
        with state.change() as data:
            name = self.role(fields["RoleArn"], "sts:AssumeRoleWithWebIdentity", None)
            claims, audience = web_identity.check(state.settings, fields["WebIdentityToken"],
                                                  data["principals"][name]["webIdentity"],
                                                  call.now())
            answer = self.issue(call, name, fields)
            return {"SubjectFromWebIdentityToken": claims["sub"], "Audience": audience,
                    "Provider": state.arn("iam", "oidc-provider/"
                                          + claims["iss"].removeprefix("https://"), region=False),
                    **answer}


def xml(value, depth):
    text = ""
    for name, item in value.items():
        blanks = " " * depth
        if isinstance(item, dict):
            text += f"{blanks}<{name}>\n{xml(item, depth + 2)}{blanks}</{name}>\n"
        else:
            text += f"{blanks}<{name}>{escape(str(item))}</{name}>\n"
    return text
