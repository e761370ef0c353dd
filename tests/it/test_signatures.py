"""Our signatures beside botocore's, over requests that nobody chose."""

import random
import string
import subprocess

import pytest

botocore = pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402

VISIBLE = string.ascii_letters + string.digits + "+/=-._~!@#$%^&*()[]{}|;:,<>?"
UNRESERVED = string.ascii_letters + string.digits + "-._~"
TARGETS = ["AmazonEC2ContainerRegistry_V20150921.DescribePullThroughCacheRules",
           "secretsmanager.DescribeSecret", ""]
TYPES = ["application/x-amz-json-1.1", "application/x-www-form-urlencoded; charset=utf-8"]


def text(rng, alphabet, least, most):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def path(rng):
    segments = [text(rng, UNRESERVED, 1, 8) for _ in range(rng.randint(0, 3))]
    return "/" + "/".join(s for s in segments if s.strip("."))


def random_request(rng):
    return {
        "id": text(rng, string.ascii_uppercase + string.digits, 16, 128),
        "secret": text(rng, VISIBLE, 1, 256),
        "token": text(rng, VISIBLE, 1, 2000) if rng.random() < 0.7 else "",
        "seconds": rng.randrange(0, 4102444800),
        "host": rng.choice(["api.ecr.us-east-1.amazonaws.com", "[::1]:8443", "127.0.0.1:4566",
                            text(rng, string.ascii_lowercase, 1, 60) + ".example:8080"]),
        "path": path(rng),
        "type": rng.choice(TYPES),
        "target": rng.choice(TARGETS),
        "region": text(rng, string.ascii_lowercase + "-", 2, 25).strip("-") or "x",
        "service": rng.choice(["ecr", "sts", "secretsmanager"]),
        "body": rng.randbytes(rng.choice([0, 1, 55, 56, 64, 1000, 20000])),
    }


def ours(program, requests):
    lines = []
    for r in requests:
        fields = [r["id"], r["secret"], r["token"], str(r["seconds"]), r["host"], r["path"],
                  r["type"], r["target"], r["region"], r["service"], r["body"].hex()]
        lines.append("\t".join(fields))
    run = subprocess.run([program], input="\n".join(lines) + "\n", text=True, capture_output=True,
                         check=True, timeout=60)
    return [line.split(" ", 1) for line in run.stdout.splitlines()]


def theirs(request, date):
    headers = {"Host": request["host"], "Content-Type": request["type"], "X-Amz-Date": date}
    if request["target"]:
        headers["X-Amz-Target"] = request["target"]
    if request["token"]:
        headers["X-Amz-Security-Token"] = request["token"]
    asked = AWSRequest("POST", f"http://{request['host']}{request['path']}", headers=headers,
                       data=request["body"])
    asked.context["timestamp"] = date
    keys = Credentials(request["id"], request["secret"], request["token"] or None)
    signer = SigV4Auth(keys, request["service"], request["region"])
    signature = signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)),
                                 asked)
    names = signer.signed_headers(signer.headers_to_sign(asked))
    return (f"AWS4-HMAC-SHA256 Credential={signer.scope(asked)}, SignedHeaders={names}, "
            f"Signature={signature}")


@pytest.mark.parametrize("seed", range(4))
def test_random_requests(build_dir, seed):
    rng = random.Random(seed)
    requests = [random_request(rng) for _ in range(100)]
    got = ours(build_dir / "tests" / "it" / "sign_requests", requests)
    assert len(got) == len(requests)
    for request, (date, authorization) in zip(requests, got):
        assert authorization == theirs(request, date), request
