"""Errors as AWS words and dresses them.

The JSON services answer nearly everything with HTTP 400 and name the error in `__type`; what is
around that name varies between services, versions and load balancers, so the dressing can be
chosen. STS answers in XML, with other names and other statuses for the same refusals.
"""

import json

from .http1 import Response

JSON_TYPE = "application/x-amz-json-1.1"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
NAMESPACES = {"ecr": "com.amazonaws.ecr", "secretsmanager": "com.amazonaws.secretsmanager"}
URI = "http://internal.amazon.com/coral/com.amazon.coral.service/"
DRESSINGS = ("bare", "namespaced", "uri", "header", "code", "capital", "empty", "html")
BAD_GATEWAY = (b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body></body>\r\n"
               b"</html>\r\n")

# Refusals that come before a service's own code; the rest of Secrets Manager's, and IAM's, spell
# Message with a capital.
SHARED = ("UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException",
          "IncompleteSignatureException", "MissingAuthenticationTokenException",
          "ThrottlingException", "UnknownOperationException", "SerializationException",
          "ValidationException", "ServerException")

# What the query protocol calls the refusals that every service shares, and with which status.
QUERY_NAMES = {
    "AccessDeniedException": ("AccessDenied", 403),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "ExpiredTokenException": ("ExpiredToken", 403),
    "ThrottlingException": ("Throttling", 400),
    "ServerException": ("InternalFailure", 500),
    "UnknownOperationException": ("InvalidAction", 400),
}


def escape(text):
    """Character data for XML, which has no place for control characters."""
    text = "".join(sign if sign >= " " or sign in "\t\n" else "?" for sign in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class AwsError(Exception):
    """`modelled`: the operation's own error, which the query protocol does not rename."""

    def __init__(self, code, message, status=400, headers=(), modelled=False):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = list(headers)
        self.modelled = modelled


def invalid_parameter(name, constraint):
    return AwsError("InvalidParameterException",
                    f"Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'")


def access_denied(arn, action, resource, why="identity", explicit=False):
    """`why` is the kind of policy that AWS blames: identity or resource."""
    if explicit:
        reason = f"with an explicit deny in an {why}-based policy"
    else:
        reason = f"because no {why}-based policy allows the {action} action"
    return AwsError("AccessDeniedException",
                    f"User: {arn} is not authorized to perform: {action} "
                    f"on resource: {resource} {reason}")


def json_failure(error, service, request_id, dressing):
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", JSON_TYPE)] + error.headers
    if dressing == "empty":
        return Response(error.status, [("x-amzn-RequestId", request_id)] + error.headers, b"")
    if dressing == "html":
        return Response(502, [("Content-Type", "text/html")] + error.headers, BAD_GATEWAY)
    capital = dressing == "capital" or error.code == "AccessDeniedException" or (
        service == "secretsmanager" and error.code not in SHARED)
    text = "Message" if capital else "message"
    body = {text: error.message}
    if dressing == "header":
        headers.append(("x-amzn-ErrorType", f"{error.code}:{URI}"))
    elif dressing == "code":
        body = {"code": error.code, **body}
    elif dressing == "namespaced":
        body = {"__type": f"{NAMESPACES.get(service, 'com.amazon.coral.service')}#{error.code}",
                **body}
    elif dressing == "uri":
        body = {"__type": f"{error.code}:{URI}", **body}
    else:
        body = {"__type": error.code, **body}
    return Response(error.status, headers, json.dumps(body).encode())


def query_failure(error, request_id, as_json):
    code, status = error.code, error.status
    if not error.modelled:
        code, status = QUERY_NAMES.get(code, (code, status))
    if error.status >= 500:
        status = error.status
    kind = "Receiver" if status >= 500 else "Sender"
    if as_json:
        body = json.dumps({"Error": {"Code": code, "Message": error.message, "Type": kind},
                           "RequestId": request_id})
        media = "application/json"
    else:
        body = (f'<ErrorResponse xmlns="{STS_NAMESPACE}">\n  <Error>\n    <Type>{kind}</Type>\n'
                f"    <Code>{escape(code)}</Code>\n    <Message>{escape(error.message)}</Message>\n"
                f"  </Error>\n  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n")
        media = "text/xml"
    return Response(status, [("x-amzn-RequestId", request_id), ("Content-Type", media)]
                    + error.headers, body.encode())
