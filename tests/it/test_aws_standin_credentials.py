"""The stand-in's sources of credentials, driven by botocore's own providers and by hand."""

import base64
import contextlib
import http.client
import json
import resource
import subprocess
import sys
import time
import xml.etree.ElementTree

import pytest

import standin
from standin import ACCOUNT, OPERATOR, REGION
from standin_wire import exchange

botocore = pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
import botocore.credentials  # noqa: E402
import botocore.utils  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

ISSUER = "https://oidc.eks.us-west-2.amazonaws.com/id/00000000000000000000000000000000"
SUBJECT = "system:serviceaccount:pullthrough:pullthrough"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/webhook"


@contextlib.contextmanager
def refused(code, text="", status=400):
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert text in error["Error"]["Message"]


# Web identity tokens.


def part(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token(sign=None, header=None, **claims):
    """A token as Kubernetes makes them; `sign` turns bytes into a signature."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": ["sts.amazonaws.com"], "sub": SUBJECT, "exp": now + 3600,
              "iat": now, "nbf": now, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    start = f"{part(header or {'alg': 'RS256', 'kid': 'k'})}.{part(claims)}"
    return f"{start}.{part(sign(start.encode()) if sign else b'signature')}"


def assume(clients, identity=None, **members):
    given = {"RoleArn": ROLE, "RoleSessionName": "pod", "WebIdentityToken": identity or token(),
             **members}
    return clients("sts").assume_role_with_web_identity(**given)


def keys(answer):
    found = answer["Credentials"]
    return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]


def test_web_identity(aws, clients):
    answer = assume(clients, DurationSeconds=900)
    assert answer["SubjectFromWebIdentityToken"] == SUBJECT
    assert answer["Audience"] == "sts.amazonaws.com"
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/webhook/pod"
    left = answer["Credentials"]["Expiration"].timestamp() - time.time()
    assert 890 < left < 910
    session = keys(answer)
    assert session[0].startswith("ASIA") and len(session[0]) == 20 and len(session[1]) == 40
    clients("ecr", session).describe_pull_through_cache_rules()
    who = clients("sts", session).get_caller_identity()
    assert who["Arn"] == answer["AssumedRoleUser"]["Arn"] and who["Account"] == ACCOUNT
    call = aws.calls(operation="AssumeRole*")[0]
    assert call["parameters"]["WebIdentityToken"] == "***" and call["principal"] is None


@pytest.mark.parametrize("identity, status, code, text", [
    (lambda: "aa.bb", 400, "InvalidIdentityToken", "not a valid JWT"),
    (lambda: "abcd", 400, "InvalidIdentityToken", "not a valid JWT"),
    (lambda: token() + "!", 400, "InvalidIdentityToken", "not a valid JWT"),
    (lambda: token() + "\n", 400, "InvalidIdentityToken", "not a valid JWT"),
    (lambda: token(iss="https://other.example.com"), 400, "InvalidIdentityToken",
     "No OpenIDConnect provider found in your account for https://other.example.com"),
    (lambda: token(aud=["other"]), 400, "InvalidIdentityToken", "Incorrect token audience"),
    (lambda: token(aud="sts.amazonaws.com"), None, None, None),
    (lambda: token(sub="system:serviceaccount:other:pullthrough"), 403, "AccessDenied",
     "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
    (lambda: token(exp=int(time.time()) - 1), 400, "ExpiredTokenException", "Token expired"),
    (lambda: token(exp=None), 400, "InvalidIdentityToken", "exp"),
    (lambda: token(nbf=int(time.time()) + 4000), 400, "InvalidIdentityToken", "not valid yet"),
])
def test_web_identity_tokens(aws, clients, identity, status, code, text):
    if code is None:
        assume(clients, identity())
        return
    with refused(code, text, status):
        assume(clients, identity())
    assert [key for key in aws.state()["keys"] if key.startswith("ASIA")] == []


@pytest.mark.parametrize("members, status, code, text", [
    ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, 403, "AccessDenied", "Not authorized"),
    ({"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/puller"}, 403, "AccessDenied", "Not authorized"),
    ({"RoleArn": "short"}, 400, "ValidationError", "'roleArn'"),
    ({"RoleSessionName": "x"}, 400, "ValidationError", "'roleSessionName'"),
    ({"RoleSessionName": "a\x01\x02<&"}, 400, "ValidationError", "Value 'a??<&'"),
    ({"RoleSessionName": "a b"}, 400, "ValidationError", "'roleSessionName'"),
    ({"DurationSeconds": 899}, 400, "ValidationError", "'durationSeconds'"),
    ({"DurationSeconds": 43201}, 400, "ValidationError", "'durationSeconds'"),
    ({"WebIdentityToken": "x" * 20001}, 400, "ValidationError", "Value '***'"),
])
def test_constraints_of_web_identity(clients, members, status, code, text):
    with refused(code, text, status):
        assume(clients, **members)


def test_longest_session_of_a_role(aws, clients):
    aws.principal("webhook", maxSeconds=3600)
    with refused("ValidationError", "MaxSessionDuration"):
        assume(clients, DurationSeconds=3601)


@pytest.fixture
def signer(tmp_path):
    """(sign, path of the JWKS with its key)"""
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    text = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True,
                          capture_output=True, text=True).stdout
    modulus = bytes.fromhex(text.strip().partition("=")[2])
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [
        {"kty": "EC", "kid": "k"},
        {"kty": "RSA", "kid": "k", "n": part(modulus), "e": part(b"\1\0\1")}]}))

    def sign(data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=data, check=True,
                              capture_output=True).stdout

    return sign, jwks


def test_signature_of_a_token(aws, clients, signer):
    sign, jwks = signer
    aws.set(jwksFile=str(jwks))
    good = token(sign)
    assume(clients, good)
    header, _, signature = good.split(".")
    for wrong in (token(), token(lambda data: sign(data + b"x")),
                  token(sign, {"alg": "none"}), token(sign, {"alg": "RS256", "kid": "other"}),
                  token(lambda data: sign(data)[:-1]),
                  f"{header}.{token(exp=1 << 40).split('.')[1]}.{signature}"):
        with refused("InvalidIdentityToken", "verification key"):
            assume(clients, wrong)


def test_identity_provider_out_of_reach(aws, clients):
    aws.set(jwksFile="/none")
    with refused("IDPCommunicationError"):
        assume(clients)


def test_web_identity_as_botocore_finds_it(aws, clients, tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(token())
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, REGION)
    client = botocore.session.Session().create_client("ecr", endpoint_url=aws.url)
    client.describe_pull_through_cache_rules()
    assert [call["operation"] for call in aws.calls()] \
        == ["AssumeRoleWithWebIdentity", "DescribePullThroughCacheRules"]


# Identity and roles.


def test_caller_identity(clients):
    who = clients("sts").get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/operator"
    assert who["Account"] == ACCOUNT and who["UserId"].startswith("AIDA")


def test_role_is_assumed(aws, clients):
    answer = clients("sts").assume_role(RoleArn=ROLE, RoleSessionName="by-hand")
    clients("ecr", keys(answer)).describe_pull_through_cache_rules()
    with refused("AccessDenied", "sts:AssumeRole", 403):
        clients("sts", keys(answer)).assume_role(RoleArn=ROLE, RoleSessionName="again")
    aws.principal("webhook", trusted=[])
    with refused("AccessDenied", "sts:AssumeRole", 403):
        clients("sts").assume_role(RoleArn=ROLE, RoleSessionName="by-hand")


def test_sessions_end(aws, clients):
    aws.set(sessionSeconds=900)
    answer = assume(clients)
    assert answer["Credentials"]["Expiration"].timestamp() - time.time() < 901
    aws.set(clockOffset=901)
    aws.set(signatureWindow=1800)
    with refused("ExpiredTokenException"):
        clients("ecr", keys(answer)).describe_pull_through_cache_rules()
    with refused("ExpiredToken", status=403):
        clients("sts", keys(answer)).get_caller_identity()


def test_token_survives_form_and_header(clients):
    """Tokens have the signs that go wrong when they are not encoded."""
    assert {"+", "/"} <= set(assume(clients)["Credentials"]["SessionToken"])


def test_xml_is_escaped(aws):
    aws.fault("error", service="sts", code="Odd", message="<&> \"'")
    body = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
    data = (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body)) + body
    root = xml.etree.ElementTree.fromstring(exchange(aws, data)[2])
    assert root.findtext(".//{*}Message") == "<&> \"'"


# Instance metadata.


def ask(aws, method, path, **headers):
    with contextlib.closing(http.client.HTTPConnection(aws.host, timeout=20)) as connection:
        connection.request(method, path, headers={name.replace("_", "-"): value
                                                  for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read().decode()


TTL = "X_aws_ec2_metadata_token_ttl_seconds"
TOKEN = "X_aws_ec2_metadata_token"
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"


def metadata_token(aws, ttl="21600"):
    status, found = ask(aws, "PUT", "/latest/api/token", **{TTL: ttl})
    assert status == 200
    return found


@pytest.mark.parametrize("method, headers, status", [
    ("PUT", {TTL: "1"}, 200), ("PUT", {TTL: "21600"}, 200), ("PUT", {TTL: "21601"}, 400),
    ("PUT", {TTL: "0"}, 400), ("PUT", {TTL: "x"}, 400), ("PUT", {}, 400), ("GET", {}, 405),
    ("PUT", {TTL: "60", "X_Forwarded_For": "10.0.0.1"}, 403)])
def test_metadata_token(aws, method, headers, status):
    assert ask(aws, method, "/latest/api/token", **headers)[0] == status


def test_metadata_wants_a_token(aws):
    good = metadata_token(aws)
    assert ask(aws, "GET", ROLE_PATH, **{TOKEN: good}) == (200, "puller")
    for headers in ({}, {TOKEN: "x"}, {TOKEN: good + "x"}):
        assert ask(aws, "GET", ROLE_PATH, **headers)[0] == 401
    short = metadata_token(aws, "60")
    aws.set(clockOffset=61)
    assert ask(aws, "GET", ROLE_PATH, **{TOKEN: short})[0] == 401
    assert ask(aws, "GET", ROLE_PATH, **{TOKEN: good})[0] == 200
    aws.expire("instanceTokens")
    assert ask(aws, "GET", ROLE_PATH, **{TOKEN: good})[0] == 401
    aws.set(instanceTokens="optional")
    assert ask(aws, "GET", ROLE_PATH)[0] == 200


def test_metadata_credentials(aws, clients):
    good = metadata_token(aws)
    status, body = ask(aws, "GET", ROLE_PATH + "puller", **{TOKEN: good})
    found = json.loads(body)
    assert (status, found["Code"], found["Type"]) == (200, "Success", "AWS-HMAC")
    session = found["AccessKeyId"], found["SecretAccessKey"], found["Token"]
    clients("ecr", session).get_authorization_token()
    with refused("AccessDeniedException"):
        clients("ecr", session).describe_pull_through_cache_rules()
    assert ask(aws, "GET", ROLE_PATH + "other", **{TOKEN: good})[0] == 404
    aws.set(instancePrincipal="nobody")
    status, body = ask(aws, "GET", ROLE_PATH + "nobody", **{TOKEN: good})
    assert (status, json.loads(body)["Code"]) == (200, "AssumeRoleUnauthorizedAccess")
    aws.set(instancePrincipal="")
    assert ask(aws, "GET", ROLE_PATH, **{TOKEN: good})[0] == 404


def test_metadata_places(aws):
    good = metadata_token(aws)
    assert ask(aws, "GET", "/latest/meta-data/placement/region", **{TOKEN: good}) == (200, REGION)
    document = json.loads(ask(aws, "GET", "/latest/dynamic/instance-identity/document",
                              **{TOKEN: good})[1])
    assert (document["region"], document["accountId"]) == (REGION, ACCOUNT)
    assert ask(aws, "GET", "/latest/meta-data/nothing", **{TOKEN: good})[0] == 404


def test_metadata_as_botocore_asks_it(aws):
    fetcher = botocore.utils.InstanceMetadataFetcher(base_url=aws.url, timeout=10)
    found = fetcher.retrieve_iam_role_credentials()
    assert found["role_name"] == "puller" and found["access_key"].startswith("ASIA")
    assert [call["operation"] for call in aws.calls()] == ["Token", "RoleName", "RoleCredentials"]


def test_metadata_faults(aws):
    aws.fault("error", service="imds", operation="Token", code="x", status=403)
    assert ask(aws, "PUT", "/latest/api/token", **{TTL: "60"})[0] == 403


# Container credentials.


@pytest.fixture
def pod(aws, tmp_path):
    """The file of a Pod Identity token that the endpoint knows."""
    path = tmp_path / "eks-pod-identity-token"
    path.write_text("pod-token-1\n")
    aws.set(containerTokenFile=str(path))
    return path


def test_container_credentials(aws, clients, pod):
    status, body = ask(aws, "GET", "/v1/credentials", Authorization="pod-token-1")
    found = json.loads(body)
    assert status == 200 and set(found) == {"AccessKeyId", "SecretAccessKey", "Token",
                                            "AccountId", "Expiration"}
    session = found["AccessKeyId"], found["SecretAccessKey"], found["Token"]
    clients("ecr", session).describe_pull_through_cache_rules()
    assert "pod-token" not in json.dumps(aws.calls())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer pod-token-1"},
                                     {"Authorization": "pod-token-2"}, {"Authorization": ""}])
def test_container_token_is_compared(aws, pod, headers):
    status, body = ask(aws, "GET", "/v1/credentials", **headers)
    assert status == 400 and "token" in body
    assert aws.calls()[-1]["error"] == "400"


def test_container_token_file_is_read_each_time(aws, pod):
    pod.write_text("pod-token-2")
    assert ask(aws, "GET", "/v1/credentials", Authorization="pod-token-1")[0] == 400
    assert ask(aws, "GET", "/v1/credentials", Authorization="pod-token-2")[0] == 200
    pod.unlink()
    assert ask(aws, "GET", "/v1/credentials", Authorization="pod-token-2")[0] == 400


def test_container_credentials_without_a_role(aws, pod):
    aws.set(containerPrincipal="nobody")
    status, body = ask(aws, "GET", "/v1/credentials", Authorization="pod-token-1")
    assert status == 404 and "ResourceNotFoundException" in body


def test_container_credentials_as_botocore_asks_them(aws, pod, monkeypatch):
    provider = botocore.credentials.ContainerProvider(environ={
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(pod)})
    # The endpoint compares with what is in the file; botocore sends it with its line end gone.
    pod.write_text("pod-token-1")
    assert provider.load().get_frozen_credentials().access_key.startswith("ASIA")


# Starting and stopping.


def test_it_starts_quickly_and_stops():
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert standin.StandIn().stop() == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # Of the processor, not of the clock: others may be using it.
    assert min(used) < 0.3, used


def test_it_speaks_tls_and_plain_on_one_port(tmp_path):
    from standin_model import Clients
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "2", "-subj", "/CN=stand-in", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    process = standin.StandIn("--cert", cert, "--key", key)
    try:
        assert process.calls() == []
        secure = Clients(f"https://127.0.0.1:{process.port}", verify=str(cert))
        secure("ecr").describe_registry()
        assert [call["operation"] for call in process.calls()] == ["DescribeRegistry"]
        assert secure.judge.faults == []
    finally:
        assert process.stop() == 0


@pytest.mark.parametrize("arguments, code, text", [
    (["--help"], 0, "--state"), (["--settings"], 0, '"ruleQuota": 50'),
    (["--set", "region=eu-central-1", "--settings"], 0, '"region": "eu-central-1"'),
    (["--set", "account=000000000000", "--settings"], 0, '"account": "000000000000"'),
    (["--set", "odd=1"], 2, "there is no setting odd"), (["--cert", "x"], 2, "belong together"),
    (["--port", "99999"], 1, "aws stand-in:"), (["--cert", "/none", "--key", "/none"], 1, "aws"),
])
def test_command_line(arguments, code, text):
    for command in (["/usr/bin/python3", standin.FOLDER],
                    [sys.executable, "-m", "tests.fakes.aws"]):
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=30,
                              cwd=standin.FOLDER.parent.parent.parent)
        assert done.returncode == code
        assert text in (done.stdout if code == 0 else done.stderr)
        assert "Traceback" not in done.stderr


def test_known_credentials_are_the_documented_ones(aws):
    text = (standin.FOLDER / "README.md").read_text()
    assert OPERATOR[0] in text and OPERATOR[1] in text
    for name in aws.admin("GET", "settings"):
        assert f"`{name}`" in text, name


# Roles that other keys take.


def test_a_role_with_an_external_id_and_mfa(aws, clients):
    device = {"serial": f"arn:aws:iam::{ACCOUNT}:mfa/me", "code": "123456"}
    aws.principal("webhook", externalId="ours", mfa=device)
    given = {"RoleArn": ROLE, "RoleSessionName": "me", "ExternalId": "ours",
             "SerialNumber": device["serial"], "TokenCode": "123456"}
    for wrong in ({"ExternalId": "theirs"}, {"TokenCode": "654321"}, {"SerialNumber": "of-another"}):
        aws.principal("webhook", mfa=device)
        with refused("AccessDenied", status=403):
            clients("sts").assume_role(**{**given, **wrong})
    with refused("AccessDenied", status=403):
        clients("sts").assume_role(RoleArn=ROLE, RoleSessionName="me", ExternalId="ours")
    aws.principal("webhook", mfa=device)
    clients("sts").assume_role(**given)
    with refused("AccessDenied", "invalid MFA one time pass code", 403):     # a code is good once
        clients("sts").assume_role(**given)


# IAM Identity Center.


def test_sso_role(aws, clients):
    login = aws.sso_login()
    found = clients("sso").get_role_credentials(
        roleName="webhook", accountId=ACCOUNT, accessToken=login["accessToken"])["roleCredentials"]
    session = found["accessKeyId"], found["secretAccessKey"], found["sessionToken"]
    assert clients("sts", session).get_caller_identity()["Arn"] \
        == f"arn:aws:sts::{ACCOUNT}:assumed-role/webhook/sso-user"
    assert 3500 < found["expiration"] / 1000 - time.time() < 3610
    assert login["accessToken"] not in json.dumps(aws.calls())


@pytest.mark.parametrize("members, login, code, status", [
    ({"accessToken": "x"}, {}, "UnauthorizedException", 401),
    ({}, {"seconds": -1}, "UnauthorizedException", 401),
    ({"roleName": "puller"}, {}, "ForbiddenException", 403),
    ({"roleName": "nobody"}, {"roles": ["nobody"]}, "ForbiddenException", 403),
    ({"accountId": "999988887777"}, {}, "ForbiddenException", 403),
])
def test_sso_roles_that_are_not_given(aws, session_clients, members, login, code, status):
    token = aws.sso_login(**login)["accessToken"]
    with refused(code, status=status):
        session_clients("sso").get_role_credentials(**{
            "roleName": "webhook", "accountId": ACCOUNT, "accessToken": token, **members})


def refresh(client, login, **members):
    return client.create_token(**{
        "clientId": login["clientId"], "clientSecret": login["clientSecret"],
        "grantType": "refresh_token", "refreshToken": login["refreshToken"], **members})


def test_sso_refresh(aws, clients, session_clients):
    login = aws.sso_login(seconds=-1)
    found = refresh(clients("sso-oidc"), login)
    assert session_clients.judge.faults == []
    assert found["expiresIn"] == 28800 and found["tokenType"] == "Bearer"
    clients("sso").get_role_credentials(roleName="webhook", accountId=ACCOUNT,
                                        accessToken=found["accessToken"])
    with refused("InvalidGrantException"):      # it was good once
        refresh(clients("sso-oidc"), login)
    session_clients.judge.faults.clear()        # OAuth's errors name themselves otherwise
    refresh(clients("sso-oidc"), {**login, "refreshToken": found["refreshToken"]})
    shown = json.dumps(aws.calls())
    assert not [secret for secret in (login["clientSecret"], login["refreshToken"]) if secret in shown]


@pytest.mark.parametrize("members, login, code, status", [
    ({"clientSecret": "x"}, {}, "InvalidClientException", 401),
    ({}, {"registrationSeconds": -1}, "InvalidClientException", 401),
    ({"refreshToken": "x"}, {}, "InvalidGrantException", 400),
    ({"grantType": "authorization_code"}, {}, "UnsupportedGrantTypeException", 400),
])
def test_sso_refreshes_that_are_refused(aws, session_clients, members, login, code, status):
    with refused(code, status=status):
        refresh(session_clients("sso-oidc"), aws.sso_login(**login), **members)
