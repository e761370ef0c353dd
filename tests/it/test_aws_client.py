"""Our AWS client against the stand-in: keys from everywhere, errors in every dressing, faults."""

import base64
import json
import subprocess
import time

import pytest

standin = pytest.importorskip("standin", reason="the AWS stand-in is not here")

DESCRIBE = ("DescribePullThroughCacheRules", '{"maxResults":1000}')
WHO = ("GetCallerIdentity", "Action=GetCallerIdentity&Version=2011-06-15")
QUAY = ("CreatePullThroughCacheRule",
        '{"ecrRepositoryPrefix":"quaycache","upstreamRegistryUrl":"quay.io"}')
ISSUER = "https://oidc.eks.us-west-2.amazonaws.com/id/00000000000000000000000000000000"


class Client:
    """The program call_aws in an environment of our own."""

    def __init__(self, program, url, home):
        self.program = program
        self.environment = {"HOME": str(home), "AWS_ENDPOINT_URL": url,
                            "AWS_REGION": standin.REGION, "AWS_EC2_METADATA_DISABLED": "true"}

    def run(self, call, times=1, **environment):
        """(output lines, what the last line says, what was logged)"""
        done = subprocess.run([self.program, *call, str(times)], capture_output=True, text=True,
                              env={**self.environment, **environment}, timeout=120)
        lines = done.stdout.strip("\n").split("\n")
        self.log = [json.loads(line) for line in done.stderr.splitlines()]
        return lines[:-1], json.loads(lines[-1])

    def with_keys(self):
        self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"] = \
            standin.OPERATOR
        return self


@pytest.fixture
def client(aws, build_dir, tmp_path):
    return Client(build_dir / "tests" / "it" / "call_aws", aws.url, tmp_path)


def web_token(**claims):
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": ["sts.amazonaws.com"], "exp": now + 3600, "iat": now,
              "nbf": now, "sub": "system:serviceaccount:pullthrough:pullthrough", **claims}
    parts = [json.dumps({"alg": "RS256", "kid": "k"}).encode(), json.dumps(claims).encode(),
             b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def check_source(client, source, arn, **environment):
    lines, about = client.run(WHO, **environment)
    assert f"<Arn>{arn}" in "\n".join(lines)
    assert about["source"] == source and about["attempts"] == ["ok"]
    assert [line["source"] for line in client.log if "source" in line] == [source]


def test_environment(client):
    check_source(client.with_keys(), "environment", "arn:aws:iam::111122223333:user/operator")


def test_web_identity(aws, client, tmp_path):
    file = tmp_path / "token"
    file.write_text(web_token() + "\n")
    client.environment |= {"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/webhook",
                           "AWS_WEB_IDENTITY_TOKEN_FILE": str(file)}
    lines, about = client.run(WHO)
    assert "<Arn>arn:aws:sts::111122223333:assumed-role/webhook/pullthrough-" in "\n".join(lines)
    assert about["source"] == "web-identity" and about["attempts"] == ["ok", "ok"]
    file.write_text(web_token(exp=int(time.time()) - 10))
    lines, about = client.run(WHO)
    assert lines[0].startswith("failed - AWS credentials from the web identity: "
                               "AssumeRoleWithWebIdentity: ExpiredTokenException: ")
    assert "request id" in lines[0] and about["attempts"] == ["expired-credentials"]


def test_shared_files(client, tmp_path):
    folder = tmp_path / ".aws"
    folder.mkdir()
    key, secret = standin.OPERATOR
    (folder / "credentials").write_text(
        f"[other]\r\naws_access_key_id = {key}\r\naws_secret_access_key = {secret} # mine\r\n")
    (folder / "config").write_text("[profile other]\nregion = us-west-2\n")
    del client.environment["AWS_REGION"]
    check_source(client, "shared-files", "arn:aws:iam::111122223333:user/operator",
                 AWS_PROFILE="other")


def test_container(aws, client, tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token")
    aws.set(containerTokenFile=str(file))
    check_source(client, "container", "arn:aws:sts::111122223333:assumed-role/webhook/",
                 AWS_CONTAINER_CREDENTIALS_FULL_URI=aws.url + "/v1/credentials",
                 AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file))


def test_instance(aws, client):
    del client.environment["AWS_REGION"]
    check_source(client, "instance", "arn:aws:sts::111122223333:assumed-role/puller/",
                 AWS_EC2_METADATA_DISABLED="", AWS_EC2_METADATA_SERVICE_ENDPOINT=aws.url)


def test_expired_keys_are_renewed(aws, client, tmp_path):
    file = tmp_path / "token"
    file.write_text("a-token")
    aws.set(containerTokenFile=str(file))
    aws.fault("expired-token", service="ecr", skip=1)
    _, about = client.run(DESCRIBE, 2,
                          AWS_CONTAINER_CREDENTIALS_FULL_URI=aws.url + "/v1/credentials",
                          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(file))
    assert about["attempts"] == ["ok", "expired-credentials", "ok"]


@pytest.mark.parametrize("dressing", ["bare", "namespaced", "uri", "header", "code", "capital"])
def test_errors_in_every_dressing(aws, client, dressing):
    aws.set(errorDressing=dressing)
    lines, about = client.with_keys().run(QUAY, 2)
    assert lines[1].startswith("refused already-exists CreatePullThroughCacheRule: "
                               "PullThroughCacheRuleAlreadyExistsException")
    assert "request id" in lines[1]
    assert about["attempts"] == ["ok", "already-exists"]


@pytest.mark.parametrize("dressing, attempts", [("empty", ["terminal"]), ("html", ["transient"] * 3)])
def test_errors_without_a_code(aws, client, dressing, attempts):
    aws.fault("dressing", dressing=dressing, times=None)
    lines, about = client.with_keys().run(("CreatePullThroughCacheRule", "{}"))
    assert lines[0].startswith(f"refused {attempts[0]} CreatePullThroughCacheRule: no error code")
    assert about["attempts"] == attempts


@pytest.mark.parametrize("offset", [900, -900, 360, -360])
def test_a_wrong_clock(aws, client, offset):
    aws.set(clockOffset=offset)
    _, about = client.with_keys().run(DESCRIBE, 3)
    assert about["attempts"] == ["clock-skew", "ok", "ok", "ok"]
    warned = [line for line in client.log if "clock" in line["message"]]
    assert len(warned) == 1 and abs(warned[0]["offsetS"] - offset) <= 2


@pytest.mark.parametrize("fault, attempts", [
    ({"kind": "throttle"}, ["throttled", "ok"]),
    ({"kind": "throttle", "status": 429, "times": 2}, ["throttled", "throttled", "ok"]),
    ({"kind": "throttle", "retryAfterMs": 10}, ["throttled", "ok"]),
    ({"kind": "server-error", "times": 2}, ["transient", "transient", "ok"]),
    ({"kind": "http", "status": 503, "body": "<html>"}, ["transient", "ok"]),
    ({"kind": "close", "times": 2}, ["no-answer", "no-answer", "ok"]),
    ({"kind": "reset"}, ["no-answer", "ok"]),
    ({"kind": "truncate"}, ["no-answer", "ok"]),
    ({"kind": "content-length", "add": 5}, ["no-answer", "ok"]),
    ({"kind": "slow", "seconds": 0.2}, ["ok"]),
    ({"kind": "clock-skew", "seconds": 600, "times": 2}, ["clock-skew", "ok"]),
])
def test_faults_that_pass(aws, client, fault, attempts):
    aws.fault(fault.pop("kind"), service="ecr", **fault)
    lines, about = client.with_keys().run(DESCRIBE)
    assert json.loads(lines[0]) == {"pullThroughCacheRules": []}
    assert about["attempts"] == attempts


@pytest.mark.parametrize("fault, attempts, text", [
    ({"kind": "access-denied"}, ["access-denied"], "refused access-denied "),
    ({"kind": "throttle", "times": None}, ["throttled"] * 3, "refused throttled "),
    ({"kind": "redirect", "location": "http://127.0.0.1:1/", "status": 307}, ["terminal"],
     "refused terminal "),
    ({"kind": "huge", "bytes": 5 << 20}, ["failed"], "failed - DescribePullThroughCacheRules at "),
    ({"kind": "http", "status": 403, "body": "blocked by a proxy"}, ["terminal"],
     "refused terminal DescribePullThroughCacheRules: no error code: blocked by a proxy (HTTP 403"),
])
def test_faults_that_stay(aws, client, fault, attempts, text):
    aws.fault(fault.pop("kind"), service="ecr", **fault)
    lines, about = client.with_keys().run(DESCRIBE)
    assert lines[0].startswith(text)
    assert about["attempts"] == attempts


def test_a_create_whose_answer_is_lost(aws, client):
    aws.fault("close", operation="Create*", applied=True)
    lines, about = client.with_keys().run(QUAY)
    assert lines[0].startswith("refused already-exists ")
    assert about["attempts"] == ["no-answer", "already-exists"]
    assert [rule["ecrRepositoryPrefix"] for rule in json.loads(client.run(DESCRIBE)[0][0])[
        "pullThroughCacheRules"]] == ["quaycache"]


def test_the_quota_is_not_throttling(aws, client):
    aws.set(ruleQuota=1)
    other = QUAY[1].replace("quaycache", "quay2")
    client.with_keys().run(QUAY)
    lines, about = client.run((QUAY[0], other))
    assert lines[0].startswith("refused quota CreatePullThroughCacheRule: LimitExceededException")
    assert about["attempts"] == ["quota"]


def test_no_secret_is_shown(aws, client):
    key, secret, token = aws.session("webhook")
    wrong = secret[::-1]
    done = subprocess.run([client.program, *DESCRIBE], capture_output=True, text=True, timeout=60,
                          env={**client.environment, "AWS_ACCESS_KEY_ID": key,
                               "AWS_SECRET_ACCESS_KEY": wrong, "AWS_SESSION_TOKEN": token})
    # the stand-in's error quotes the canonical request, which holds the token
    assert "InvalidSignatureException" in done.stdout and done.returncode == 1
    for text in (done.stdout, done.stderr):
        assert token not in text and wrong not in text and token[:40] not in text
