"""The stand-in on the wire: wrong signatures, malformed requests, dressings, faults."""

import http.client
import json
import socket
import time
import xml.etree.ElementTree

import pytest

from standin import ACCOUNT, OPERATOR, StandIn
from standin_wire import ECR_TARGET, Signed, connect, encode, exchange, read, stamp

MISMATCH = "The request signature we calculated does not match the signature you provided."
SECRETS = {"target_prefix": "secretsmanager.", "operation": "ListSecrets",
           "service": "secretsmanager"}


def send(aws, **members):
    return exchange(aws, encode(*Signed(**members).build()))


def error(answer):
    """(status, code, text) of a JSON error."""
    status, _, body = answer
    found = json.loads(body)
    return status, found["__type"], found.get("message", found.get("Message"))


def changed(headers, name, value):
    """The headers with one changed, or taken away, after they were signed."""
    return [(key, value if key == name else old) for key, old in headers
            if key != name or value is not None]


# Signatures that are right.


@pytest.mark.parametrize("members", [
    {}, SECRETS, {"host": "127.0.0.1:8443"}, {"host": "[::1]:80"},
    {"body": b'{"maxResults":1000}'},
    {"extra": [("X-Amz-User-Agent", "some  thing   spaced ")]},
    {"extra": [("Accept-Encoding", "identity")]},
    {"content_type": "application/x-amz-json-1.1; charset=utf-8"},
], ids=str)
def test_good_signature(aws, members):
    status, headers, _ = send(aws, **members)
    assert status == 200
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert len(headers["x-amzn-requestid"]) == 36


def test_unsigned_headers_are_no_trouble(aws):
    headers, body = Signed().build()
    headers += [("User-Agent", "x"), ("Accept", "*/*"), ("amz-sdk-request", "attempt=1")]
    assert exchange(aws, encode(headers, body))[0] == 200


def test_session_signature(aws):
    assert send(aws, credentials=aws.session("webhook"))[0] == 200


# (host, region, service, target, body, session token?, signature): computed elsewhere, twice.
TOKEN = ("AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRX"
         "mxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburE"
         "Dy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL"
         "64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==")
VECTORS = [
    ("api.ecr.us-east-1.amazonaws.com", "us-east-1", "ecr",
     ECR_TARGET + "DescribePullThroughCacheRules", b"{}", True,
     "3e73657e32fd7c223cefb1dec19a9115179c41d212415fae0e966e126729586b"),
    ("127.0.0.1:8443", "us-west-2", "ecr", ECR_TARGET + "DescribePullThroughCacheRules",
     b'{"maxResults":1000}', False,
     "3f55903fc5ec7ab0d1ac0255df99e0c79b115763e74a05f937f8e3277ff80c83"),
    ("secretsmanager.us-east-1.amazonaws.com", "us-east-1", "secretsmanager",
     "secretsmanager.DescribeSecret", b'{"SecretId":"ecr-pullthroughcache/dockerio"}', True,
     "50a0a19c980f3a56a4880be9c08f22927152979a1f63570b7ebae641ae7de645"),
]


@pytest.mark.parametrize("host, region, service, target, body, session, signature", VECTORS)
def test_vectors(aws, host, region, service, target, body, session, signature):
    aws.admin("PUT", "keys/AKIDEXAMPLE", {
        "principal": "operator", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "token": TOKEN if session else None})
    aws.set(region=region, clockOffset=1795262400 - time.time())     # 2026-11-21T12:00:00Z
    aws.secret("ecr-pullthroughcache/dockerio")
    names = "content-type;host;x-amz-date;" + ("x-amz-security-token;" if session else "") \
        + "x-amz-target"
    headers = [("Host", host), ("Content-Type", "application/x-amz-json-1.1"),
               ("X-Amz-Date", "20261121T120000Z"), ("X-Amz-Target", target),
               *([("X-Amz-Security-Token", TOKEN)] if session else []),
               ("Authorization", f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/{region}/"
                f"{service}/aws4_request, SignedHeaders={names}, Signature={signature}")]
    assert exchange(aws, encode(headers, body))[0] == 200
    status, code, text = error(exchange(aws, encode(headers, body + b" ")))
    assert (status, code) == (400, "InvalidSignatureException") and text.startswith(MISMATCH)


# Signatures that are wrong: each rule by itself, everything else being right.


ALL_NAMES = ["content-type", "host", "x-amz-date", "x-amz-target"]
INVALID, INCOMPLETE = "InvalidSignatureException", "IncompleteSignatureException"


@pytest.mark.parametrize("members, code, text", [
    ({"names": ["content-type", "x-amz-date", "x-amz-target"]}, INVALID, "'Host' must be a"),
    ({"names": ["content-type", "host", "x-amz-target"]}, INVALID, "'X-Amz-Date' must be a"),
    ({"names": ["content-type", "host", "x-amz-date"]}, INVALID, "'X-Amz-Target' must be a"),
    ({"names": ALL_NAMES[::-1]}, INVALID, "sorted"),
    ({"names": ["host", "content-type", "x-amz-date", "x-amz-target"]}, INVALID, "sorted"),
    ({"names": sorted([*ALL_NAMES, "host"])}, INVALID, "repetitions"),
    ({"names": ["Content-Type", "host", "x-amz-date", "x-amz-target"]}, INVALID, "lower-case"),
    ({"names": ["accept", *ALL_NAMES]}, INVALID, "'accept' is present 0 times"),
    ({"extra": [("Accept", "a"), ("Accept", "b")], "names": ["accept", *ALL_NAMES]}, INVALID,
     "'accept' is present 2 times"),
    ({"scope": {"date": "20200101"}}, INVALID, "Date in Credential scope does not match"),
    ({"scope": {"region": "ecr"}}, INVALID, "scoped to a valid region, not 'ecr'"),
    ({"scope": {"service": "api"}}, INVALID, "scoped to correct service: 'ecr'"),
    ({"scope": {"service": "secretsmanager"}}, INVALID, "correct service: 'ecr'"),
    ({"scope": {"terminator": "aws5_request"}}, INVALID, "valid terminator"),
    ({"scope": {"terminator": "a/b"}}, INCOMPLETE, "exactly 5 slash-delimited elements"),
    ({"date": "2026-11-21T12:00:00Z"}, INCOMPLETE, "ISO-8601"),
    ({"extra": [("X-Amz-Date", "20261121T120000Z")]}, INCOMPLETE, "exactly once"),
    ({"credentials": ("AKIASTANDINNOBODY222", OPERATOR[1])}, "UnrecognizedClientException",
     "security token included in the request is invalid"),
    ({"credentials": (OPERATOR[0], OPERATOR[1] + "x")}, INVALID, MISMATCH),
    ({"credentials": (*OPERATOR, "a-token")}, "UnrecognizedClientException", "token"),
    ({"extra": [("X-Amz-Content-Sha256", "0" * 64)]}, INVALID, "X-Amz-Content-Sha256"),
    ({**SECRETS, "service": "ecr"}, INVALID, "correct service: 'secretsmanager'"),
], ids=lambda value: str(value)[:60])
def test_wrong_signature(aws, members, code, text):
    status, found, message = error(send(aws, **members))
    assert (status, found) == (400, code)
    assert text in message
    assert aws.calls()[-1]["error"] == code


@pytest.mark.parametrize("change, code, text", [
    (None, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    ("AWS4-HMAC-SHA512 Credential=x", INCOMPLETE, "Unsupported AWS 'algorithm'"),
    ("Bearer x", INCOMPLETE, "Unsupported AWS 'algorithm': 'Bearer'"),
    ("AWS4-HMAC-SHA256 Credential=a/b/c/d/e", INCOMPLETE,
     "requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."),
    ("AWS4-HMAC-SHA256 ", INCOMPLETE, "requires 'Credential' parameter."),
    ("AWS4-HMAC-SHA256 Credential=a, Credential=b", INCOMPLETE, "'Credential' more than once"),
])
def test_wrong_authorization_header(aws, change, code, text):
    headers, body = Signed().build()
    answer = exchange(aws, encode(changed(headers, "Authorization", change), body))
    assert error(answer)[:2] == (400, code)
    assert text in error(answer)[2]


def test_two_authorization_headers(aws):
    headers, body = Signed().build()
    answer = exchange(aws, encode([*headers, headers[-1]], body))
    assert error(answer)[1] == INCOMPLETE


@pytest.mark.parametrize("name, value", [
    ("Host", "api.ecr.eu-west-1.amazonaws.com"),
    ("Content-Type", "application/x-amz-json-1.1;"),
    ("X-Amz-Target", ECR_TARGET + "DescribeRegistry"),
])
def test_what_is_signed_may_not_change(aws, name, value):
    headers, body = Signed().build()
    status, code, text = error(exchange(aws, encode(changed(headers, name, value), body)))
    assert (status, code) == (400, INVALID)
    assert text.startswith(MISMATCH)
    # AWS shows its working.
    assert "The Canonical String for this request should have been\n'POST\n/\n\n" in text
    assert f"{name.lower()}:{value}" in text


def test_signature_is_compared_as_it_is(aws):
    headers, body = Signed().build()
    start, _, signature = headers[-1][1].rpartition("=")
    for wrong in (signature.upper(), signature[:-1], "", signature + "0"):
        assert wrong != signature
        answer = exchange(aws, encode(changed(headers, "Authorization", f"{start}={wrong}"), body))
        assert error(answer)[1] in (INVALID, INCOMPLETE)


def test_body_is_signed(aws):
    headers, _ = Signed().build()
    assert error(exchange(aws, encode(headers, b'{"maxResults":1}')))[1] == INVALID


def test_session_tokens(aws):
    key_id, secret, token = aws.session("webhook")
    other = aws.session("webhook")[2]
    for wrong in ((key_id, secret), (key_id, secret, other), (key_id, secret, token[:-1])):
        assert error(send(aws, credentials=wrong))[1] == "UnrecognizedClientException"
    # The token has to be among what is signed.
    answer = error(send(aws, credentials=(key_id, secret, token), names=ALL_NAMES))
    assert answer[1] == INVALID and "'X-Amz-Security-Token' must be a" in answer[2]
    aws.expire("sessions")
    answer = error(send(aws, credentials=(key_id, secret, token)))
    assert answer[:2] == (400, "ExpiredTokenException")


@pytest.mark.parametrize("seconds, text", [
    (-290, None), (290, None), (-310, "Signature expired: "), (310, "Signature not yet current: "),
    (-86400, "Signature expired: ")])
def test_date_of_a_signature(aws, seconds, text):
    date = stamp(time.time() + seconds)
    answer = send(aws, date=date)
    if text is None:
        assert answer[0] == 200
        return
    status, code, found = error(answer)
    assert (status, code) == (400, INVALID)
    assert found.startswith(f"{text}{date} is ") and found.endswith("5 min.)")


def test_clock_can_be_set(aws):
    aws.set(clockOffset=3600)
    answer = send(aws)
    assert error(answer)[1] == INVALID
    ahead = time.mktime(time.strptime(answer[1]["date"], "%a, %d %b %Y %H:%M:%S GMT")) \
        - time.mktime(time.gmtime())
    assert 3590 < ahead < 3610
    assert send(aws, date=stamp(time.time() + 3600))[0] == 200


def test_window_can_be_set(aws):
    date = stamp(time.time() - 600)
    assert send(aws, date=date)[0] == 400
    aws.set(signatureWindow=900)
    assert send(aws, date=date)[0] == 200


# STS says the same in other words.


def sts(aws, body=b"Action=GetCallerIdentity&Version=2011-06-15", **members):
    given = {"service": "sts", "target_prefix": "", "body": body,
             "content_type": "application/x-www-form-urlencoded; charset=utf-8", **members}
    return exchange(aws, encode(*Signed(**given).build()))


def xml_error(answer):
    status, headers, body = answer
    assert headers["content-type"] == "text/xml"
    root = xml.etree.ElementTree.fromstring(body)
    space = "{https://sts.amazonaws.com/doc/2011-06-15/}"
    assert root.tag == space + "ErrorResponse" and root.find(space + "RequestId") is not None
    return status, root.findtext(f"{space}Error/{space}Code"), \
        root.findtext(f"{space}Error/{space}Message")


@pytest.mark.parametrize("members, status, code", [
    ({"credentials": ("AKIASTANDINNOBODY222", "x")}, 403, "InvalidClientTokenId"),
    ({"credentials": (OPERATOR[0], "x")}, 403, "SignatureDoesNotMatch"),
    ({"scope": {"region": "us-east-1"}}, 403, "SignatureDoesNotMatch"),
    ({"scope": {"service": "ecr"}}, 403, "SignatureDoesNotMatch"),
    ({"date": "20200101T000000Z"}, 403, "SignatureDoesNotMatch"),
    ({"body": b"Action=Nothing&Version=2011-06-15"}, 400, "InvalidAction"),
    ({"body": b"Action=GetCallerIdentity&Version=2010-01-01"}, 400, "InvalidAction"),
    ({"body": b"Action=GetCallerIdentity"}, 400, "InvalidAction"),
    ({"body": b"Action=GetCallerIdentity&Version=2011-06-15&Version=2011-06-15"}, 400,
     "MalformedQueryString"),
    ({"body": b"Action=GetCallerIdentity&Version=2011-06-15&Other=1"}, 400, "MalformedInput"),
    ({"body": b"Action=GetCallerIdentity&Version=2011-06-15&x=%ff"}, 400, "MalformedQueryString"),
])
def test_wrong_sts_request(aws, members, status, code):
    assert xml_error(sts(aws, **members))[:2] == (status, code)


def test_sts_without_a_signature(aws):
    headers, body = Signed(body=b"Action=GetCallerIdentity&Version=2011-06-15",
                           target_prefix="",
                           content_type="application/x-www-form-urlencoded").build()
    answer = exchange(aws, encode(headers[:-1], body))
    assert xml_error(answer)[:2] == (403, "MissingAuthenticationToken")


def test_sts_answers_json_to_who_asks(aws):
    status, headers, body = sts(aws, extra=[("Accept", "application/json")])
    assert (status, headers["content-type"]) == (200, "application/json")
    found = json.loads(body)["GetCallerIdentityResponse"]
    assert found["GetCallerIdentityResult"]["Account"] == ACCOUNT
    assert found["ResponseMetadata"]["RequestId"]
    body = sts(aws, extra=[("Accept", "application/json")], credentials=("AKIAX", "x"))[2]
    assert json.loads(body)["Error"]["Code"] == "InvalidClientTokenId"


# Malformed requests.


@pytest.mark.parametrize("body", [
    b"", b"[]", b"null", b"1", b'{"a"', b"\xff\xfe", b'{"maxResults":NaN}', b"[" * 100000,
    b'{"maxResults":1,"maxResults":2}', b'{"maxResults":"1"}', b'{"maxResults":1.5}',
    b'{"maxResults":true}', b'{"ecrRepositoryPrefixes":"a"}', b'{"ecrRepositoryPrefixes":[1]}',
    b'{"ecrRepositoryPrefixes":[null]}', b'{"nextToken":{}}', b'{"MaxResults":1}',
], ids=lambda body: str(body[:40]))
def test_body_that_does_not_fit(aws, body):
    assert error(send(aws, body=body))[:2] == (400, "SerializationException")


def test_null_is_absent(aws):
    assert send(aws, body=b'{"maxResults":null}')[0] == 200


@pytest.mark.parametrize("members", [
    {"operation": "PutImage"}, {"operation": ""}, {"target_prefix": "ECR."},
    {"content_type": "application/json"}, {"content_type": "application/x-amz-json-1.0"},
    {"target_prefix": "secretsmanager.", "operation": "RotateSecret",
     "service": "secretsmanager"},
])
def test_operation_that_is_not_known(aws, members):
    assert error(send(aws, **members))[:2] == (400, "UnknownOperationException")


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "PUT / HTTP/1.1", "POST /?x=1 HTTP/1.1"])
def test_only_post_to_the_root(aws, line):
    answer = exchange(aws, encode(*Signed().build(), line=line))
    assert error(answer)[1] == "UnknownOperationException"


@pytest.mark.parametrize("data, status", [
    (b"GET / HTTP/1.1\nHost: x\r\n\r\n", 400), (b"nonsense\r\n\r\n", 400),
    (b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
    (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
], ids=lambda value: str(value)[:50])
def test_http_that_is_none(aws, data, status):
    assert exchange(aws, data)[0] == status
    assert send(aws)[0] == 200      # it goes on


def test_one_connection_serves_many_requests(aws):
    data = encode(*Signed().build())
    with connect(aws) as sock:
        for _ in range(3):
            sock.sendall(data)
            assert read(sock)[0] == 200
        for at in range(0, len(data), 7):       # in pieces
            sock.sendall(data[at:at + 7])
        assert read(sock)[0] == 200


def test_chunked_body_and_continue(aws):
    headers, body = Signed().build()
    chunked = b"1\r\n" + body[:1] + b"\r\n1;x=y\r\n" + body[1:] + b"\r\n0\r\n\r\n"
    data = encode([*headers, ("Transfer-Encoding", "chunked")], b"", length=False) + chunked
    assert exchange(aws, data)[0] == 200
    with connect(aws) as sock:
        whole = encode([*headers, ("Expect", "100-continue")], body)
        sock.sendall(whole[:-len(body)])
        assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert read(sock)[0] == 200


def test_old_and_closing_clients(aws):
    headers, body = Signed().build()
    for data in (encode(headers, body, "POST / HTTP/1.0"),
                 encode([*headers, ("Connection", "close")], body)):
        with connect(aws) as sock:
            sock.sendall(data)
            assert read(sock)[0] == 200
            assert sock.recv(1) == b""


# Dressings.

CODE = "PullThroughCacheRuleNotFoundException"
MISSING = b'{"ecrRepositoryPrefixes":["quaycache"]}'


@pytest.mark.parametrize("dressing, body, header", [
    ("bare", {"__type": CODE, "message": ...}, None),
    ("namespaced", {"__type": "com.amazonaws.ecr#" + CODE, "message": ...}, None),
    ("uri", {"__type": CODE + ":http://internal.amazon.com/coral/com.amazon.coral.service/",
             "message": ...}, None),
    ("header", {"message": ...},
     CODE + ":http://internal.amazon.com/coral/com.amazon.coral.service/"),
    ("code", {"code": CODE, "message": ...}, None),
    ("capital", {"__type": CODE, "Message": ...}, None),
])
def test_dressing(aws, dressing, body, header):
    aws.set(errorDressing=dressing)
    status, headers, found = send(aws, body=MISSING)
    found = json.loads(found)
    assert (status, set(found)) == (400, set(body))
    for name, value in body.items():
        assert found[name] == value or value is ... and "does not exist" in found[name]
    assert headers.get("x-amzn-errortype") == header


def test_dressing_without_a_body_that_can_be_read(aws):
    aws.set(errorDressing="empty")
    assert send(aws, body=MISSING)[::2] == (400, b"")
    aws.set(errorDressing="html")
    status, headers, body = send(aws, body=MISSING)
    assert (status, headers["content-type"]) == (502, "text/html") and body.startswith(b"<html>")


def test_dressing_of_one_call(aws):
    aws.fault("dressing", dressing="empty", operation="Describe*")
    assert send(aws, body=MISSING)[2] == b""
    assert error(send(aws, body=MISSING))[1] == CODE


# Faults.

CREATE = {"operation": "CreatePullThroughCacheRule",
          "body": b'{"ecrRepositoryPrefix":"quaycache","upstreamRegistryUrl":"quay.io"}'}


def rules(aws):
    return list(aws.state()["rules"])


@pytest.mark.parametrize("kind, members, status, code, headers", [
    ("throttle", {}, 400, "ThrottlingException", {}),
    ("throttle", {"status": 429, "code": "TooManyRequestsException", "retryAfterMs": 1500,
                  "retryAfter": 2}, 429, "TooManyRequestsException",
     {"x-amz-retry-after": "1500", "retry-after": "2"}),
    ("server-error", {}, 500, "ServerException", {}),
    ("server-error", {"status": 503, "code": "ServiceUnavailable"}, 503, "ServiceUnavailable", {}),
    ("expired-token", {}, 400, "ExpiredTokenException", {}),
    ("access-denied", {}, 400, "AccessDeniedException", {}),
    ("error", {"code": "LimitExceededException", "message": "m"}, 400, "LimitExceededException",
     {}),
])
def test_fault_with_an_error(aws, kind, members, status, code, headers):
    aws.fault(kind, **members)
    answer = send(aws, **CREATE)
    assert error(answer)[:2] == (status, code)
    assert headers.items() <= answer[1].items()
    assert rules(aws) == []
    call = aws.calls()[-1]
    assert (call["fault"], call["error"], call["status"]) == (kind, code, status)
    assert send(aws, **CREATE)[0] == 200       # once, by default


def test_denial_on_demand_names_the_action(aws):
    aws.fault("access-denied")
    assert "is not authorized to perform: ecr:CreatePullThroughCacheRule on resource: *" \
        in error(send(aws, **CREATE))[2]


def test_fault_of_a_proxy(aws):
    aws.fault("http", status=503, body="<html>busy</html>")
    status, headers, body = send(aws)
    assert (status, headers["content-type"], body) == (503, "text/html", b"<html>busy</html>")
    aws.fault("redirect", location="http://127.0.0.1:9/elsewhere")
    status, headers, _ = send(aws)
    assert (status, headers["location"]) == (307, "http://127.0.0.1:9/elsewhere")


@pytest.mark.parametrize("kind", ["reset", "close"])
@pytest.mark.parametrize("applied", [False, True])
def test_fault_without_an_answer(aws, kind, applied):
    aws.fault(kind, applied=applied)
    with connect(aws) as sock:
        sock.sendall(encode(*Signed(**CREATE).build()))
        if kind == "reset":
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        else:
            assert sock.recv(1) == b""
    assert rules(aws) == (["quaycache"] if applied else [])
    again = send(aws, **CREATE)
    if applied:
        assert error(again)[1] == "PullThroughCacheRuleAlreadyExistsException"
    else:
        assert again[0] == 200


def test_fault_that_hangs(aws):
    aws.fault("hang", applied=True)
    with connect(aws, timeout=0.5) as sock:
        sock.sendall(encode(*Signed(**CREATE).build()))
        with pytest.raises(socket.timeout):
            sock.recv(1)
    assert rules(aws) == ["quaycache"]


def test_hanging_connections_do_not_hold_up_the_end():
    process = StandIn()
    process.fault("hang", times=None)
    with connect(process) as sock:
        sock.sendall(encode(*Signed().build()))
        process.calls(count=1, wait=10)
        assert process.stop() == 0
        assert sock.recv(1) == b""


def test_fault_that_is_slow(aws):
    aws.fault("slow", seconds=0.4)
    start = time.monotonic()
    assert send(aws)[0] == 200
    assert time.monotonic() - start >= 0.4


def test_fault_that_drips(aws):
    aws.fault("drip", bytes=10, seconds=0.05)
    start = time.monotonic()
    status, _, body = send(aws)
    assert (status, json.loads(body)) == (200, {"pullThroughCacheRules": []})
    assert time.monotonic() - start >= 0.1


def test_fault_that_truncates(aws):
    aws.fault("truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        send(aws)
    assert b'{"pullThrough'.startswith(caught.value.partial[:5]) and caught.value.partial


def test_fault_with_the_wrong_length(aws):
    aws.fault("content-length", add=7)
    with pytest.raises(http.client.IncompleteRead):
        send(aws)
    aws.fault("content-length", add=-7)
    assert len(send(aws)[2]) == len(b'{"pullThroughCacheRules": []}') - 7


def test_fault_with_another_body(aws):
    for body in ("[]", "nonsense", '{"pullThroughCacheRules":{}}', ""):
        aws.fault("body", body=body)
        status, headers, found = send(aws, **CREATE)
        assert (status, found.decode()) == (200, body)
        assert headers["content-type"] == "application/x-amz-json-1.1"
    assert rules(aws) == []
    aws.fault("body", body="[]", applied=True, contentType="text/plain")
    assert send(aws, **CREATE)[1]["content-type"] == "text/plain"
    assert rules(aws) == ["quaycache"]


def test_fault_with_a_huge_body(aws):
    aws.fault("huge", bytes=3_000_000)
    _, headers, body = send(aws)
    assert int(headers["content-length"]) == len(body) > 3_000_000
    assert json.loads(body) == {"pullThroughCacheRules": []}


@pytest.mark.parametrize("seconds, text", [(3600, "Signature expired"),
                                           (-3600, "not yet current")])
def test_fault_of_the_clock(aws, seconds, text):
    aws.fault("clock-skew", seconds=seconds)
    answer = send(aws)
    assert error(answer)[1] == INVALID and text in error(answer)[2]
    when = time.strptime(answer[1]["date"], "%a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(when) - time.mktime(time.gmtime()) - seconds) < 10
    assert send(aws)[0] == 200


def test_which_calls_a_fault_meets(aws):
    aws.fault("throttle", service="ecr", operation="Create*", skip=1, times=2)
    assert send(aws)[0] == 200
    found = [send(aws, **CREATE)[0:3:2] for _ in range(4)]
    assert [status for status, _ in found] == [200, 400, 400, 400]
    assert [json.loads(body)["__type"] for _, body in found[1:]] \
        == ["ThrottlingException"] * 2 + ["PullThroughCacheRuleAlreadyExistsException"]


def test_faults_can_be_seen_and_taken_back(aws):
    made = aws.fault("throttle", times=None)
    for _ in range(3):
        assert send(aws)[0] == 400
    listed, = aws.admin("GET", "faults")["faults"]
    assert (listed["id"], listed["met"], listed["times"]) == (made["id"], 3, None)
    aws.admin("DELETE", f"faults/{made['id']}")
    assert send(aws)[0] == 200
    aws.fault("throttle")
    aws.reset()
    assert send(aws)[0] == 200


def test_faults_of_sts_are_in_its_own_words(aws):
    aws.fault("throttle", service="sts")
    assert xml_error(sts(aws))[:2] == (400, "Throttling")
    aws.fault("server-error", service="sts")
    assert xml_error(sts(aws))[:2] == (500, "InternalFailure")
