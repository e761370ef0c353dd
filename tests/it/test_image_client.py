"""What ECR holds, and imports, as our own client finds it beside the AWS stand-in."""

import contextlib
import json
import subprocess

import pytest

import standin
from upstream import digest_of, settings_of

NGINX = "dockercache/library/nginx"
APP = "quaycache/org/app"
# As DescribePullThroughCacheRules would show them.
RULES = {prefix: {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url,
                  "upstreamRegistry": kind, "upstreamRepositoryPrefix": "ROOT",
                  "credentialArn": None, "customRoleArn": None, "createdAt": 1.0, "updatedAt": 1.0,
                  "registryId": standin.ACCOUNT}
         for prefix, url, kind in (("dockercache", "registry-1.docker.io", "docker-hub"),
                                   ("quaycache", "quay.io", "quay"))}


@pytest.fixture
def aws(secure_standin, registries):
    secure_standin.reset()
    rules = json.loads(json.dumps(RULES))
    rules["dockercache"]["credentialArn"] = secure_standin.secret("ecr-pullthroughcache/dockerio")
    secure_standin.state(rules=rules)
    secure_standin.set(upstreams=settings_of(*registries))
    return secure_standin


class Client:
    """The program call_images, and its answers."""

    def __init__(self, process):
        self.process = process

    def __call__(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def outcome(self, *words):
        answer = self(*words)
        return answer["outcome"], answer["reason"]


@contextlib.contextmanager
def client_of(aws, build_dir, certs, home, key):
    environment = {"HOME": str(home), "AWS_ENDPOINT_URL": aws.url, "AWS_REGION": standin.REGION,
                   "AWS_EC2_METADATA_DISABLED": "true", **dict(zip(
                       ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), key))}
    with subprocess.Popen([build_dir / "tests" / "it" / "call_images", aws.host, str(certs.ca)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=environment) as process:
        yield Client(process)
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
        for password in aws.state()["authorizationTokens"]:
            assert password not in log


@pytest.fixture
def client(aws, build_dir, certs, tmp_path):
    with client_of(aws, build_dir, certs, tmp_path, standin.OPERATOR) as made:
        yield made


def test_an_import_is_seen_by_tag_and_by_digest(aws, client, registries):
    index, inner = registries[1].index("library/nginx", "1.27")
    digests = [index["digest"], *(each["digest"] for each in inner)]
    assert client.outcome("list", NGINX)[0] == "absent"        # no repository
    assert client.outcome("look", NGINX, "1.27", "-")[0] == "absent"
    assert [each["operation"] for each in aws.calls()] == ["ListImages", "DescribeImages"]
    got = client("import", NGINX, "1.27")
    assert (got["outcome"], got["digest"]) == ("there", digests[0])
    for words in (("1.27", "-"), ("-", digests[0])):
        got = client("look", NGINX, *words)
        assert (got["outcome"], got["digest"]) == ("there", digests[0])
    assert client("look", NGINX, "-", digests[1])["outcome"] == "there"
    listed = client("list", NGINX)
    assert sorted(listed["items"]) == sorted([["1.27", digests[0]], ["", digests[1]],
                                              ["", digests[2]]])
    assert client.outcome("look", NGINX, "9.9", "-")[0] == "absent"


def test_an_import_that_takes_its_time(aws, client, registries):
    registries[0].image("org/app", "1.0")
    aws.set(importDelay=600)
    assert client("import", APP, "1.0")["outcome"] == "there"
    assert client.outcome("look", APP, "1.0", "-")[0] == "absent"
    assert client("list", APP)["items"] == []
    aws.set(importDelay=0, clockOffset=601, signatureWindow=900)
    assert client("look", APP, "1.0", "-")["outcome"] == "there"


def test_archived_and_deleted_images(aws, client, registries):
    digest = registries[0].image("org/app", "1.0")["digest"]
    client("import", APP, "1.0")
    aws.archive(APP, tag="1.0")
    not_active = ("absent", "ECR has the image, but it is not ACTIVE")
    assert client.outcome("look", APP, "1.0", "-") == not_active
    assert client.outcome("look", APP, "-", digest) == not_active
    assert client("list", APP)["items"] == []
    assert client.outcome("import", APP, "1.0") == \
        ("absent", "HTTP 404 MANIFEST_UNKNOWN: Requested image not found")
    aws.archive(APP, "ACTIVE", tag="1.0")
    assert client("list", APP)["items"] == [["1.0", digest]]
    aws.delete_images(APP)
    assert client.outcome("look", APP, "-", digest)[0] == "absent"
    assert client("list", APP)["items"] == []
    assert client("import", APP, "1.0")["digest"] == digest


def many_images(aws, client, registries, count):
    """A repository of so many images, each with a tag."""
    registries[0].image("org/app", "1.0")
    client("import", APP, "1.0")
    repositories = aws.state()["repositories"]
    known = repositories[APP]
    image, held = next(iter(known["images"].values())), known["tags"]["1.0"]
    digests = [digest_of(str(i).encode()) for i in range(count)]
    known["images"] = {digest: image for digest in digests}
    known["tags"] = {f"v{i}": {**held, "digest": digest} for i, digest in enumerate(digests)}
    aws.state(repositories=repositories)
    return [[f"v{i}", digest] for i, digest in enumerate(digests)]


def test_a_long_list_takes_the_memory_of_a_page(aws, client, registries):
    pairs = many_images(aws, client, registries, 1000)
    one = client("list", APP)
    assert one["pages"] == 1 and sorted(one["items"]) == sorted(pairs)
    pairs = many_images(aws, client, registries, 20000)
    aws.admin("DELETE", "calls")
    all_pages = client("list", APP)
    assert all_pages["pages"] == len(aws.calls(operation="ListImages")) == 20
    assert sorted(all_pages["items"]) == sorted(pairs)
    # One page more would be over 100 KiB, nineteen of them 2 MiB.
    assert 100000 < one["bytes"] and abs(all_pages["bytes"] - one["bytes"]) < 100000


def test_repositories_of_the_whole_registry(aws, client, registries):
    registries[0].image("org/app", "1.0")
    client("import", APP, "1.0")
    repositories = aws.state()["repositories"]
    known = repositories[APP]
    repositories.update({f"team/app{i}": {**known, "repositoryName": f"team/app{i}",
                                          "createdAt": 1700000000.5 + i} for i in range(2499)})
    aws.state(repositories=repositories)
    aws.admin("DELETE", "calls")
    listed = client("repositories")
    assert listed["pages"] == 3
    assert [each["parameters"].get("maxResults") for each in aws.calls()] == [1000] * 3
    assert len(listed["items"]) == 2500
    made = dict(listed["items"])
    assert made["team/app7"] == 1700000007 and APP in made


@pytest.mark.parametrize("action, words", [
    ("ecr:ListImages", ("list", APP)), ("ecr:DescribeImages", ("look", APP, "1.0", "-")),
    ("ecr:DescribeRepositories", ("repositories",)),
    ("ecr:GetAuthorizationToken", ("import", APP, "1.0")),
    ("ecr:BatchGetImage", ("import", APP, "1.0"))])
def test_what_is_denied_to_us(aws, build_dir, certs, tmp_path, registries, action, words):
    registries[0].image("org/app", "1.0")
    aws.principal("webhook", allow=["*"], denied=[action])
    with client_of(aws, build_dir, certs, tmp_path, aws.session("webhook")) as client:
        outcome, reason = client.outcome(*words)
        assert outcome == "denied" and action in reason
        aws.principal("webhook", denied=[])
        assert client.outcome(*words)[0] in ("there", "absent")


def test_imports_that_are_not_allowed_look_like_missing_images(aws, build_dir, certs, tmp_path,
                                                               registries):
    registries[0].image("org/app", "1.0")
    for denied, reason in (("ecr:BatchImportUpstreamImage", "MANIFEST_UNKNOWN"),
                           ("ecr:CreateRepository", "NAME_UNKNOWN")):
        aws.principal("webhook", allow=["*"], denied=[denied])
        with client_of(aws, build_dir, certs, tmp_path, aws.session("webhook")) as client:
            outcome, said = client.outcome("import", APP, "1.0")
            assert outcome == "absent" and reason in said


@pytest.mark.parametrize("operation, words", [
    ("ListImages", ("list", APP)), ("DescribeImages", ("look", APP, "1.0", "-")),
    ("DescribeRepositories", ("repositories",)), ("GetManifest", ("import", APP, "1.0"))])
def test_throttling(aws, client, registries, operation, words):
    """An import is asked for once; the API's calls three times, with pauses."""
    registries[0].image("org/app", "1.0")
    aws.fault("throttle", operation=operation, times=None)
    outcome, reason = client.outcome(*words)
    assert outcome == "throttled" and "Rate exceeded" in reason
    assert len(aws.calls(operation=operation)) == (1 if operation == "GetManifest" else 3)
    aws.admin("DELETE", "faults")
    assert client.outcome(*words)[0] in ("there", "absent")


def test_an_upstream_that_limits_pulls(aws, client, registries):
    quay = registries[0]
    quay.image("org/one", "1.0")
    quay.image("org/two", "1.0")
    aws.set(upstreams={"quay.io": {"url": quay.url, "pulls": {"limit": 1, "seconds": 3600}}})
    assert client("import", "quaycache/org/one", "1.0")["outcome"] == "there"
    outcome, reason = client.outcome("import", "quaycache/org/two", "1.0")
    assert outcome == "throttled" and "pull rate limit" in reason


@pytest.mark.parametrize("fault, words, outcome, reason", [
    ({"kind": "server-error", "operation": "ListImages"}, ("list", APP), "no-answer",
     "ServerException"),
    ({"kind": "close", "operation": "DescribeImages"}, ("look", APP, "1.0", "-"), "no-answer",
     "Empty reply"),
    ({"kind": "body", "operation": "ListImages", "body": "<html>"}, ("list", APP), "no-answer",
     "the answer to ListImages: malformed JSON"),
    ({"kind": "http", "operation": "GetManifest"}, ("import", APP, "1.0"), "no-answer",
     "HTTP 502"),
    ({"kind": "reset", "operation": "GetManifest"}, ("import", APP, "1.0"), "no-answer", "reset"),
    ({"kind": "body", "operation": "GetManifest", "body": "<html>"}, ("import", APP, "1.0"),
     "refused", "the answer is not a manifest")])
def test_ecr_that_breaks(aws, client, registries, fault, words, outcome, reason):
    registries[0].image("org/app", "1.0")
    client("import", APP, "1.0")
    aws.fault(times=None, **fault)
    got, said = client.outcome(*words)
    assert got == outcome and reason in said, said


def test_an_upstream_that_is_away_or_does_not_let_us_in(aws, client, registries):
    aws.set(upstreams={})
    outcome, reason = client.outcome("import", APP, "1.0")
    assert outcome == "no-answer" and "503 UNAVAILABLE" in reason
    aws.set(upstreams={"registry-1.docker.io": {"url": registries[1].url,
                                                "accounts": {"nobody": "x"}}})
    outcome, reason = client.outcome("import", NGINX, "1.0")
    assert outcome == "refused" and "authentication to the upstream registry failed" in reason


def test_a_login_is_kept_and_renewed_where_it_is_not_taken(aws, client, registries):
    registries[0].image("org/app", "1.0")
    for _ in range(3):
        assert client("import", APP, "1.0")["outcome"] == "there"
    assert len(aws.calls(operation="GetAuthorizationToken")) == 1
    aws.expire("logins")
    assert client("import", APP, "1.0")["outcome"] == "there"
    assert len(aws.calls(operation="GetAuthorizationToken")) == 2
    aws.state(authorizationTokens={})
    assert client("import", APP, "1.0")["outcome"] == "there"
    assert len(aws.calls(operation="GetAuthorizationToken")) == 3


def test_endless_pages_end(aws, client):
    page = {"imageIds": [{"imageDigest": digest_of(b"x")}], "nextToken": "on"}
    aws.fault("body", operation="ListImages", body=json.dumps(page), times=None)
    assert client.outcome("list", APP) == ("refused",
                                           "ListImages gives the same page again and again")
    assert len(aws.calls(operation="ListImages")) == 2
