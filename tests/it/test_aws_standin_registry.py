"""The stand-in as a registry that pulls through: Debian's docker-registry above, skopeo below."""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import shutil
import subprocess
import threading

import pytest

import standin
from standin import ACCOUNT, REGION
from upstream import OCI_INDEX, OCI_MANIFEST, Upstream, digest_of

botocore = pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
from botocore.exceptions import ClientError  # noqa: E402

for tool in ("docker-registry", "skopeo"):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed", allow_module_level=True)

CREDENTIALS = ("somebody", "a-token")
DENIED = "The authentication to the upstream registry failed. Verify that the credenti"


@pytest.fixture(scope="session")
def quay(tmp_path_factory):
    """An upstream without a login: quay.io."""
    made = Upstream(tmp_path_factory.mktemp("quay") / "registry")
    made.image("org/app", "1.0")
    made.index("org/multi", "1.0")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def docker(tmp_path_factory):
    """An upstream with one: docker.io."""
    made = Upstream(tmp_path_factory.mktemp("docker") / "registry", CREDENTIALS)
    made.image("library/nginx", "1.27")
    made.image("nginx", "1.27")
    yield made
    made.stop()


class Puller:
    """Requests to the registry with the puller's login."""

    def __init__(self, aws):
        self.aws = aws
        self.password = aws.login("puller")

    def ask(self, method, path, login=True, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if login:
            text = f"AWS:{self.password}" if login is True else login
            headers["Authorization"] = "Basic " + base64.b64encode(text.encode()).decode()
        with contextlib.closing(http.client.HTTPConnection(self.aws.host, timeout=30)) as found:
            found.request(method, path, headers=headers)
            response = found.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def manifest(self, name, reference, method="GET"):
        return self.ask(method, f"/v2/{name}/manifests/{reference}")

    def refusal(self, name, reference):
        """(status, code, text)"""
        status, _, body = self.manifest(name, reference)
        found, = json.loads(body)["errors"]
        return status, found["code"], found["message"]


@pytest.fixture
def puller(aws, clients, quay, docker):
    """Two rules that work, and who may pull."""
    aws.set(upstreams={"quay.io": {"url": quay.url}, "registry-1.docker.io": {"url": docker.url}})
    ecr = clients("ecr")
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="quaycache",
                                       upstreamRegistryUrl="quay.io")
    ecr.create_pull_through_cache_rule(
        ecrRepositoryPrefix="dockercache", upstreamRegistryUrl="registry-1.docker.io",
        credentialArn=aws.secret("ecr-pullthroughcache/dockerio"))
    return Puller(aws)


@pytest.fixture
def ecr(clients):
    return clients("ecr")


def skopeo(aws, puller, name, folder, *options):
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "--src-creds",
                    f"AWS:{puller.password}", *options,
                    f"docker://{aws.host}/{name}", f"dir:{folder}"],
                   check=True, capture_output=True, text=True, timeout=60)


def no_repository(name):
    return (404, "NAME_UNKNOWN", f"The repository with name '{name}' does not exist in the "
            f"registry with id '{ACCOUNT}'")


NO_IMAGE = (404, "MANIFEST_UNKNOWN", "Requested image not found")


# Pulls that work.


@pytest.mark.parametrize("layer_host", ["", "localhost:%d"])
def test_skopeo_pulls_through(aws, puller, ecr, quay, tmp_path, layer_host):
    aws.set(layerHost=layer_host and layer_host % aws.port)
    image = quay.image("org/app", "1.0")
    skopeo(aws, puller, "quaycache/org/app:1.0", tmp_path / "image")
    assert digest_of((tmp_path / "image" / "manifest.json").read_bytes()) == image["digest"]
    layers = json.loads((tmp_path / "image" / "manifest.json").read_text())["layers"]
    assert (tmp_path / "image" / layers[0]["digest"].removeprefix("sha256:")).read_text() \
        == "hello"
    repository, = ecr.describe_repositories()["repositories"]
    assert repository["repositoryName"] == "quaycache/org/app"
    assert repository["repositoryUri"] \
        == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/quaycache/org/app"
    detail, = ecr.describe_images(repositoryName="quaycache/org/app")["imageDetails"]
    assert (detail["imageDigest"], detail["imageTags"]) == (image["digest"], ["1.0"])
    assert detail["imageManifestMediaType"] == OCI_MANIFEST and detail["imageSizeInBytes"] > 5
    pulls = aws.calls(service="registry")
    assert {"GetManifest", "GetBlob", "GetLayer"} <= {call["operation"] for call in pulls}
    assert {call["principal"] for call in pulls if call["operation"] == "GetBlob"} == {"puller"}


def test_skopeo_pulls_a_list_whole(aws, puller, ecr, quay, tmp_path):
    index, inner = quay.index("org/multi", "1.0")
    assert puller.manifest("quaycache/org/multi", "1.0", "HEAD")[0] == 200
    found = ecr.describe_images(repositoryName="quaycache/org/multi")["imageDetails"]
    by_digest = {each["imageDigest"]: each for each in found}
    assert set(by_digest) == {index["digest"], *(each["digest"] for each in inner)}
    assert by_digest[index["digest"]]["imageTags"] == ["1.0"]
    assert by_digest[index["digest"]]["imageManifestMediaType"] == OCI_INDEX
    assert all("imageTags" not in by_digest[each["digest"]] for each in inner)
    skopeo(aws, puller, "quaycache/org/multi:1.0", tmp_path / "image", "--all")
    assert digest_of((tmp_path / "image" / "manifest.json").read_bytes()) == index["digest"]


def test_pull_with_a_login_upstream(aws, puller, ecr, docker):
    status, headers, body = puller.manifest("dockercache/library/nginx", "1.27")
    assert status == 200 and headers["Docker-Content-Digest"] == digest_of(body)
    assert headers["Content-Type"] == OCI_MANIFEST
    assert ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="dockercache")["isValid"]


def test_head_answers_like_get(puller):
    get = puller.manifest("quaycache/org/app", "1.0")
    head = puller.manifest("quaycache/org/app", "1.0", "HEAD")
    assert head[2] == b"" and head[0] == get[0]
    for name in ("Content-Length", "Content-Type", "Docker-Content-Digest"):
        assert head[1][name] == get[1][name]


def test_layers(aws, puller, quay):
    layer = digest_of(b"hello")
    path = f"/v2/quaycache/org/app/blobs/{layer}"
    # A layer is nobody's until its image was pulled.
    assert puller.ask("GET", path)[0] == 404
    puller.manifest("quaycache/org/app", "1.0")
    status, headers, _ = puller.ask("HEAD", path)
    assert (status, headers["Content-Length"]) == (200, "5")
    status, headers, _ = puller.ask("GET", path)
    where = headers["Location"]
    assert (status, puller.ask("GET", where, login=False)[2]) == (307, b"hello")
    assert puller.ask("GET", where.replace("_layers/", "_layers/0")[:-1], login=False)[0] != 200
    assert puller.ask("GET", "/_layers/" + "0" * 64 + where[73:], login=False)[0] == 403
    assert puller.ask("GET", path.replace(layer, digest_of(b"other")))[0] == 404
    # On a host of its own, a login is one too many.
    assert puller.ask("GET", where)[0] == 200
    aws.set(layerHost=f"localhost:{aws.port}")
    assert puller.ask("GET", path)[1]["Location"] == f"http://localhost:{aws.port}{where}"
    assert puller.ask("GET", where)[0] == 400
    assert puller.ask("GET", where, login=False)[0] == 200
    aws.set(blobRedirect=False)
    assert puller.ask("GET", path)[::2] == (200, b"hello")
    aws.principal("puller", denied=["ecr:GetDownloadUrlForLayer"])
    assert puller.ask("GET", path)[0] == 403


# Pulls that fail, as ECR makes them fail.


def test_no_rule(puller):
    assert puller.refusal("other/org/app", "1.0") == no_repository("other/org/app")


@pytest.mark.parametrize("reference", ["9.9", "digest"])
def test_missing_upstream(aws, puller, reference):
    aws.set(importDigests=True)
    reference = "sha256:" + "0" * 64 if reference == "digest" else reference
    assert puller.refusal("quaycache/org/app", reference) == NO_IMAGE
    assert aws.state()["repositories"] == {}


def test_first_pull_by_digest_is_not_imported(aws, puller, ecr, quay):
    digest = quay.image("org/app", "1.0")["digest"]
    assert puller.refusal("quaycache/org/app", digest) == no_repository("quaycache/org/app")
    other = quay.image("org/app", "2.0", "other")["digest"]
    assert puller.manifest("quaycache/org/app", "2.0")[0] == 200
    assert puller.refusal("quaycache/org/app", digest) == NO_IMAGE
    assert puller.manifest("quaycache/org/app", other)[0] == 200
    # Tag and digest together: the digest decides.
    answer = ecr.batch_get_image(repositoryName="quaycache/org/app",
                                 imageIds=[{"imageTag": "1.0", "imageDigest": digest}])
    assert [each["failureCode"] for each in answer["failures"]] == ["ImageNotFound"]
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200
    assert puller.manifest("quaycache/org/app", digest)[0] == 200


def test_digests_can_be_made_to_import(aws, puller, quay):
    aws.set(importDigests=True)
    digest = quay.image("org/app", "1.0")["digest"]
    assert puller.manifest("quaycache/org/app", digest)[0] == 200
    assert aws.state()["repositories"]["quaycache/org/app"]["tags"] == {}


def test_without_the_right_to_create(aws, puller, ecr):
    aws.principal("puller", denied=["ecr:CreateRepository"])
    assert puller.refusal("quaycache/org/app", "1.0") == no_repository("quaycache/org/app")
    aws.principal("puller", denied=[])
    puller.manifest("quaycache/org/app", "1.0")
    aws.principal("puller", denied=["ecr:CreateRepository"])
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200


def test_without_the_right_to_import(aws, puller):
    aws.principal("puller", denied=["ecr:BatchImportUpstreamImage"])
    assert puller.refusal("quaycache/org/app", "1.0") == NO_IMAGE
    assert aws.state()["repositories"] == {}
    aws.principal("puller", denied=[])
    puller.manifest("quaycache/org/app", "1.0")
    # It is asked for at every pull, of cached images too.
    aws.principal("puller", denied=["ecr:BatchImportUpstreamImage"])
    assert puller.refusal("quaycache/org/app", "1.0") == NO_IMAGE


def test_without_the_right_to_pull(aws, puller):
    aws.principal("puller", allow=["ecr:GetAuthorizationToken"])
    status, code, text = puller.refusal("quaycache/org/app", "1.0")
    assert (status, code) == (403, "DENIED")
    assert text.startswith(f"User: arn:aws:sts::{ACCOUNT}:assumed-role/puller/standin is not "
                           "authorized to perform: ecr:BatchGetImage on resource: "
                           f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/quaycache/org/app")


def test_registry_policy_gives_what_the_role_lacks(aws, puller, ecr):
    aws.principal("puller", allow=["ecr:BatchGetImage"])
    assert puller.refusal("quaycache/org/app", "1.0")[1] == "NAME_UNKNOWN"
    for role, status in (("webhook", 404), ("puller", 200)):
        ecr.put_registry_policy(policyText=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Sid": "nodes", "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/{role}"},
            "Action": ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"],
            "Resource": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/quaycache/*"}]}))
        assert puller.manifest("quaycache/org/app", "1.0")[0] == status
    assert puller.refusal("dockercache/library/nginx", "1.27")[1] == "NAME_UNKNOWN"


def test_a_deny_wins_wherever_it_stands(aws, puller, ecr):
    deny = {"Sid": "no", "Effect": "Deny", "Action": "ecr:CreateRepository",
            "Resource": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/quaycache/*"}
    ecr.put_registry_policy(policyText=json.dumps({"Statement": [{**deny, "Principal": "*"}]}))
    assert puller.refusal("quaycache/org/app", "1.0")[1] == "NAME_UNKNOWN"
    ecr.delete_registry_policy()
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    aws.principal("puller", policy={"Statement": [everything, deny]})
    assert puller.refusal("quaycache/org/app", "1.0")[1] == "NAME_UNKNOWN"
    aws.principal("puller", policy={"Statement": everything})
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200


def test_official_image_without_library(puller):
    status, code, text = puller.refusal("dockercache/nginx", "1.27")
    assert (status, code, text) == (403, "DENIED", "Forbidden")
    assert puller.manifest("dockercache/library/nginx", "1.27")[0] == 200


@pytest.mark.parametrize("members, start", [
    ({"value": {"username": "somebody", "accessToken": "revoked"}}, DENIED),
    ({"value": "test"}, "The secret value is not in the expected form"),
    ({"accessible": False}, "The secret is unable to be accessed"),
    ({"deleted": True}, "The ARN of the secret"),
])
def test_secret_that_does_not_work(aws, puller, ecr, members, start):
    aws.secret("ecr-pullthroughcache/dockerio", **members)
    status, code, text = puller.refusal("dockercache/library/nginx", "1.27")
    assert (status, code) == (403, "DENIED") and text.startswith(start)
    found = ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="dockercache")
    assert not found["isValid"] and found["failure"].startswith(start)
    ids = [{"imageTag": "1.27"}]
    if start == DENIED:
        answer = ecr.batch_get_image(repositoryName="dockercache/library/nginx", imageIds=ids)
        assert answer["failures"][0]["failureCode"] == "UpstreamAccessDenied"
    else:
        with pytest.raises(ClientError, match="UnableToGetUpstreamImageException"):
            ecr.batch_get_image(repositoryName="dockercache/library/nginx", imageIds=ids)


def test_upstream_out_of_reach(aws, puller, ecr):
    for upstreams in ({}, {"quay.io": {"url": "http://127.0.0.1:9"}}):
        aws.set(upstreams=upstreams)
        assert puller.refusal("quaycache/org/app", "1.0")[:2] == (503, "UNAVAILABLE")
        answer = ecr.batch_get_image(repositoryName="quaycache/org/app",
                                     imageIds=[{"imageTag": "1.0"}])
        assert answer["failures"][0]["failureCode"] == "UpstreamUnavailable"


# Logins.


def test_login_is_asked_for(puller):
    for path in ("/v2/", "/v2/quaycache/org/app/manifests/1.0"):
        status, headers, body = puller.ask("GET", path, login=False)
        assert (status, body) == (401, b"Not Authorized\n")
        assert headers["Www-Authenticate"] == \
            f'Basic realm="http://{puller.aws.host}/",service="ecr.amazonaws.com"'
    assert puller.ask("GET", "/v2/")[0] == 200


@pytest.mark.parametrize("login", ["AWS:wrong", "somebody:x", "AWS", ":"])
def test_login_of_nobody(puller, login):
    assert puller.ask("GET", "/v2/", login=login)[0] == 400


def test_login_expires(aws, puller):
    aws.expire("logins")
    status, code, text = puller.refusal("quaycache/org/app", "1.0")
    assert (status, code) == (403, "DENIED")
    assert text == "Your authorization token has expired. Reauthenticate and try again."


def test_login_of_ecr_works(aws, puller, clients):
    data, = clients("ecr", aws.session("puller")).get_authorization_token()["authorizationData"]
    login = base64.b64decode(data["authorizationToken"]).decode()
    assert puller.ask("GET", "/v2/quaycache/org/app/manifests/1.0", login=login)[0] == 200
    aws.set(clockOffset=43201)
    assert puller.ask("GET", "/v2/", login=login)[0] == 403


def test_pushing_is_refused(puller):
    for method, path in (("POST", "/v2/quaycache/x/blobs/uploads/"),
                         ("PUT", "/v2/quaycache/x/manifests/1"), ("DELETE", "/v2/")):
        assert puller.ask(method, path)[0] == 405


@pytest.mark.parametrize("path", ["/v2/UPPER/manifests/1", "/v2/a/b", "/v2//manifests/1",
                                  "/v2/a/../../etc/blobs/sha256:0", "/v2/a/blobs/sha256:xyz",
                                  "/v2/quaycache/org/app/manifests/.tag",
                                  "/v2/quaycache/" + "a" * 260 + "/manifests/1"])
def test_paths_that_name_nothing(puller, path):
    assert puller.ask("GET", path)[0] == 404


def test_registry_faults(aws, puller):
    aws.fault("throttle", service="registry", operation="GetManifest")
    assert puller.refusal("quaycache/org/app", "1.0") == (429, "TOOMANYREQUESTS", "Rate exceeded")
    aws.fault("expired-token", service="registry")
    assert puller.refusal("quaycache/org/app", "1.0")[:2] == (403, "DENIED")
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200


def test_tags(aws, puller):
    puller.manifest("quaycache/org/app", "1.0")
    assert puller.ask("GET", "/v2/quaycache/org/app/tags/list")[0] == 403
    aws.principal("puller", allow=["ecr:*"])
    body = puller.ask("GET", "/v2/quaycache/org/app/tags/list")[2]
    assert json.loads(body) == {"name": "quaycache/org/app", "tags": ["1.0"]}
    assert puller.ask("GET", "/v2/quaycache/other/tags/list")[0] == 404


# Templates at work.


def pulled(aws, puller, name="quaycache/org/app"):
    assert puller.manifest(name, "1.0")[0] == 200
    return aws.state()["repositories"][name]


def test_repository_is_made_from_the_most_specific_template(aws, puller, ecr):
    for prefix, kind in (("ROOT", "MUTABLE"), ("quaycache", "IMMUTABLE"),
                         ("quaycache/org/ap", "MUTABLE"), ("other", "MUTABLE")):
        ecr.create_repository_creation_template(prefix=prefix, imageTagMutability=kind,
                                                appliedFor=["PULL_THROUGH_CACHE"])
    ecr.create_repository_creation_template(prefix="quaycache/org", appliedFor=["REPLICATION"])
    repository = pulled(aws, puller)
    assert (repository["template"], repository["imageTagMutability"]) == ("quaycache", "IMMUTABLE")
    found, = ecr.describe_repositories()["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    assert found["encryptionConfiguration"] == {"encryptionType": "AES256"}


def test_root_template_is_the_last_choice(aws, puller, ecr):
    ecr.create_repository_creation_template(prefix="ROOT", appliedFor=["PULL_THROUGH_CACHE"])
    assert pulled(aws, puller)["template"] == "ROOT"


def test_template_that_applies_to_nothing(aws, puller, ecr):
    ecr.create_repository_creation_template(prefix="ROOT", appliedFor=[],
                                            imageTagMutability="IMMUTABLE")
    assert pulled(aws, puller)["imageTagMutability"] == "MUTABLE"


def test_tags_in_a_template_break_pulls(aws, puller, ecr):
    ecr.create_repository_creation_template(prefix="ROOT", appliedFor=["PULL_THROUGH_CACHE"],
                                            resourceTags=[{"Key": "a", "Value": "b"}])
    assert puller.refusal("quaycache/org/app", "1.0") == no_repository("quaycache/org/app")
    ecr.update_repository_creation_template(prefix="ROOT",
                                            customRoleArn=f"arn:aws:iam::{ACCOUNT}:role/x")
    assert pulled(aws, puller)["resourceTags"] == [{"Key": "a", "Value": "b"}]


# Which rule.


def test_longest_prefix_wins_and_root_is_last(aws, puller, ecr, quay):
    for prefix in ("quaycache/deep", "ROOT"):
        ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix,
                                           upstreamRegistryUrl="quay.io")
    for name in ("quaycache/deep/org/app", "org/app", "quaycache/org/app"):
        assert puller.manifest(name, "1.0")[0] == 200, name
    # A rule's prefix ends at a slash.
    assert puller.refusal("quaycached/org/app", "1.0") == NO_IMAGE


def test_upstream_prefix_of_an_ecr_rule(aws, puller, ecr, quay):
    url = "999999999999.dkr.ecr.us-east-1.amazonaws.com"
    aws.set(upstreams={url: {"url": quay.url}})
    ecr.create_pull_through_cache_rule(ecrRepositoryPrefix="mine", upstreamRegistryUrl=url,
                                       upstreamRepositoryPrefix="org")
    assert puller.manifest("mine/app", "1.0")[0] == 200


# What is cached.


def test_images_are_shown_when_their_import_is_done(aws, puller, ecr):
    aws.set(importDelay=600)
    status, headers, _ = puller.manifest("quaycache/org/app", "1.0")
    assert status == 200
    name = {"repositoryName": "quaycache/org/app"}
    assert ecr.describe_images(**name)["imageDetails"] == []
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(**name, imageIds=[{"imageTag": "1.0"}])
    assert ecr.list_images(**name)["imageIds"] == []
    aws.set(clockOffset=601, signatureWindow=900)
    found, = ecr.describe_images(**name, imageIds=[{"imageTag": "1.0"}])["imageDetails"]
    assert found["imageDigest"] == headers["Docker-Content-Digest"]


def test_tags_are_compared_with_the_upstream_once_a_day(aws, puller, quay):
    def digest():
        return puller.manifest("quaycache/org/moving", "1")[1]["Docker-Content-Digest"]

    first = quay.image("org/moving", "1", "one")["digest"]
    assert digest() == first
    second = quay.image("org/moving", "1", "two")["digest"]
    aws.set(clockOffset=80000)
    puller.password = aws.login("puller")
    assert digest() == first
    aws.set(clockOffset=90000, upstreams={})
    puller.password = aws.login("puller")
    assert digest() == first          # no upstream: the cache answers
    aws.set(upstreams={"quay.io": {"url": quay.url}})
    assert digest() == second
    assert puller.manifest("quaycache/org/moving", first)[0] == 200


def test_immutable_tags_are_not_compared(aws, puller, ecr, quay):
    ecr.create_repository_creation_template(
        prefix="ROOT", appliedFor=["PULL_THROUGH_CACHE"],
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "main-*"}])
    old = {}
    for tag in ("1", "main-x"):
        old[tag] = quay.image("org/fixed", tag, "one")["digest"]
        puller.manifest("quaycache/org/fixed", tag)
        quay.image("org/fixed", tag, "two")
    aws.set(clockOffset=90000)
    puller.password = aws.login("puller")
    now = {tag: puller.manifest("quaycache/org/fixed", tag)[1]["Docker-Content-Digest"]
           for tag in old}
    assert now["1"] == old["1"] and now["main-x"] != old["main-x"]


def test_cache_outlives_rule_and_upstream(aws, puller, ecr):
    puller.manifest("quaycache/org/app", "1.0")
    aws.set(upstreams={})
    ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quaycache")
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200
    assert puller.refusal("quaycache/org/app", "2.0") == NO_IMAGE


def test_quota_of_repositories(aws, puller):
    aws.set(repositoryQuota=1)
    pulled(aws, puller)
    assert puller.refusal("quaycache/org/multi", "1.0")[1] == "NAME_UNKNOWN"


def test_eight_first_pulls_at_once(aws, puller):
    found = []
    threads = [threading.Thread(target=lambda: found.append(
        puller.manifest("quaycache/org/multi", "1.0")[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [200] * 8
    assert len(aws.state()["repositories"]["quaycache/org/multi"]["images"]) == 3


# The same through the API.


def test_batch_get_image_imports(aws, puller, ecr, quay):
    digest = quay.image("org/app", "1.0")["digest"]
    answer = ecr.batch_get_image(repositoryName="quaycache/org/app", imageIds=[
        {"imageTag": "1.0"}, {"imageTag": "9.9"}, {"imageDigest": "x"}, {"imageTag": "?"},
        {}, {"imageTag": "9.9", "imageDigest": digest}])
    image, = answer["images"]
    assert image["imageId"] == {"imageDigest": digest, "imageTag": "1.0"}
    assert digest_of(image["imageManifest"].encode()) == digest
    assert [each["failureCode"] for each in answer["failures"]] == [
        "ImageNotFound", "InvalidImageDigest", "InvalidImageTag", "MissingDigestAndTag",
        "ImageTagDoesNotMatchDigest"]
    assert ecr.describe_images(repositoryName="quaycache/org/app")["imageDetails"]


def test_batch_get_image_without_a_rule(ecr):
    with pytest.raises(ClientError, match="RepositoryNotFoundException"):
        ecr.batch_get_image(repositoryName="other/app", imageIds=[{"imageTag": "1"}])


def test_repositories_that_are_asked_for(aws, puller, ecr):
    for name in ("org/app", "org/multi"):
        puller.manifest(f"quaycache/{name}", "1.0")
    found = ecr.describe_repositories(repositoryNames=["quaycache/org/multi"])["repositories"]
    assert [each["repositoryName"] for each in found] == ["quaycache/org/multi"]
    aws.set(pageSize=1)
    pages = list(ecr.get_paginator("describe_repositories").paginate())
    assert [len(page["repositories"]) for page in pages] == [1, 1]
    for call, code in (
            (lambda: ecr.describe_repositories(repositoryNames=["other"]), "RepositoryNotFound"),
            (lambda: ecr.describe_repositories(repositoryNames=["other"], maxResults=1),
             "InvalidParameter"),
            (lambda: ecr.describe_repositories(repositoryNames=["UPPER"]), "InvalidParameter"),
            (lambda: ecr.describe_images(repositoryName="other"), "RepositoryNotFound"),
            (lambda: ecr.list_images(repositoryName="other"), "RepositoryNotFound")):
        with pytest.raises(ClientError, match=code + "Exception"):
            call()


def test_images_that_are_asked_for(aws, puller, ecr, quay):
    index, inner = quay.index("org/multi", "1.0")
    puller.manifest("quaycache/org/multi", "1.0")
    name = {"repositoryName": "quaycache/org/multi"}
    tagged = ecr.describe_images(**name, filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert [each["imageDigest"] for each in tagged] == [index["digest"]]
    untagged = ecr.list_images(**name, filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert {each["imageDigest"] for each in untagged} == {each["digest"] for each in inner}
    assert {"imageTag": "1.0", "imageDigest": index["digest"]} \
        in ecr.list_images(**name)["imageIds"]
    assert ecr.describe_images(**name, filter={"imageStatus": "ARCHIVED"})["imageDetails"] == []
    aws.set(pageSize=2)
    pages = list(ecr.get_paginator("describe_images").paginate(**name))
    assert [len(page["imageDetails"]) for page in pages] == [2, 1]
    for image_id in ({"imageTag": "9.9"}, {"imageDigest": "sha256:" + "0" * 64},
                     {"imageTag": "1.0", "imageDigest": inner[0]["digest"]}):
        with pytest.raises(ClientError, match="ImageNotFoundException"):
            ecr.describe_images(**name, imageIds=[image_id])
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecr.describe_images(**name, imageIds=[{}])


# What a lifecycle policy does.


def statuses(ecr, name, **members):
    found = ecr.describe_images(repositoryName=name, **members)["imageDetails"]
    return {each["imageDigest"]: each["imageStatus"] for each in found}


def test_archived_images_are_described_and_not_pulled(aws, puller, ecr, quay):
    index, inner = quay.index("org/multi", "1.0")
    name, by_tag = "quaycache/org/multi", {"imageIds": [{"imageTag": "1.0"}]}
    every = {index["digest"], *(each["digest"] for each in inner)}
    puller.manifest(name, "1.0")
    assert aws.archive(name, tag="1.0") == 3          # with the images that it lists
    assert statuses(ecr, name, **by_tag) == {index["digest"]: "ARCHIVED"}
    assert statuses(ecr, name) == statuses(ecr, name, filter={"imageStatus": "ACTIVE"}) == {}
    assert ecr.list_images(repositoryName=name)["imageIds"] == []
    for status in ("ARCHIVED", "ANY"):
        wanted = {"imageStatus": status}
        assert statuses(ecr, name, filter=wanted) == dict.fromkeys(every, "ARCHIVED")
        listed = ecr.list_images(repositoryName=name, filter=wanted)["imageIds"]
        assert {each["imageDigest"] for each in listed} == every
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        ecr.describe_images(repositoryName=name, filter={"imageStatus": "ACTIVE"}, **by_tag)
    for reference in ("1.0", *every):
        assert puller.refusal(name, reference) == NO_IMAGE
    failure, = ecr.batch_get_image(repositoryName=name, **by_tag)["failures"]
    assert failure["failureCode"] == "ImageNotFound"
    detail, = ecr.describe_images(repositoryName=name, **by_tag)["imageDetails"]
    assert "lastArchivedAt" in detail and "lastActivatedAt" not in detail

    aws.archive(name, "ACTIVATING", tag="1.0")
    assert statuses(ecr, name, **by_tag) == {index["digest"]: "ACTIVATING"}
    assert puller.refusal(name, "1.0") == NO_IMAGE
    aws.archive(name, "ACTIVE", tag="1.0")
    assert statuses(ecr, name) == dict.fromkeys(every, "ACTIVE")
    assert puller.manifest(name, "1.0")[0] == 200
    detail, = ecr.describe_images(repositoryName=name, **by_tag)["imageDetails"]
    assert "lastActivatedAt" in detail


def test_images_that_a_list_needs(aws, puller, quay):
    index, inner = quay.index("org/multi", "1.0")
    name = "quaycache/org/multi"
    puller.manifest(name, "1.0")
    for act in (aws.archive, aws.delete_images):
        with pytest.raises(standin.Refused, match="a list that is there needs this image"):
            act(name, digest=inner[0]["digest"])
    aws.archive(name, digest=index["digest"])
    assert aws.delete_images(name, digest=inner[0]["digest"]) == 1
    assert aws.delete_images(name, tag="1.0") == 2    # the list, and what is left of it


def test_a_tag_that_expired_is_imported_again_and_a_digest_is_not(aws, puller, ecr, quay):
    digest = quay.image("org/app", "1.0")["digest"]
    name = "quaycache/org/app"
    puller.manifest(name, "1.0")
    assert aws.delete_images(name) == 1
    assert ecr.describe_images(repositoryName=name)["imageDetails"] == []
    assert ecr.list_images(repositoryName=name)["imageIds"] == []
    assert puller.refusal(name, digest) == NO_IMAGE
    assert puller.manifest(name, "1.0")[0] == 200
    assert puller.manifest(name, digest)[0] == 200
    assert statuses(ecr, name) == {digest: "ACTIVE"}


@pytest.mark.parametrize("method, body, text", [
    ("PATCH", {"repository": "other", "status": "ARCHIVED"}, "there is no repository other"),
    ("PATCH", {"repository": "quaycache/org/app", "tag": "9", "status": "ARCHIVED"},
     "there is no such image"),
    ("DELETE", {"repository": "quaycache/org/app", "digest": "sha256:0"},
     "there is no such image"),
    ("PATCH", {"repository": "quaycache/org/app", "status": "GONE"}, "status must be one of"),
    ("PATCH", {"repository": "quaycache/org/app"}, "status must be one of"),
    ("DELETE", {"repository": "quaycache/org/app", "status": "ACTIVE"}, "unknown member status"),
    ("DELETE", {}, "repository")])
def test_images_that_are_not_there(aws, puller, method, body, text):
    puller.manifest("quaycache/org/app", "1.0")
    with pytest.raises(standin.Refused, match=text):
        aws.admin(method, "images", body)


def test_one_missing_image_fails_the_whole_call(aws, puller, ecr, quay):
    digest = quay.image("org/app", "1.0")["digest"]
    name = {"repositoryName": "quaycache/org/app"}
    puller.manifest("quaycache/org/app", "1.0")
    both = [{"imageTag": "1.0"}, {"imageDigest": digest}]
    found, = ecr.describe_images(**name, imageIds=both)["imageDetails"]
    assert found["imageDigest"] == digest
    with pytest.raises(ClientError, match="ImageNotFoundException.*imageTag:'9.9'"):
        ecr.describe_images(**name, imageIds=[{"imageTag": "1.0"}, {"imageTag": "9.9"}])


def test_pages_of_images(aws, puller, ecr):
    """Of many images, in pages as long as asked for; an image of two tags is listed twice."""
    puller.manifest("quaycache/org/app", "1.0")
    repositories = aws.state()["repositories"]
    known = repositories["quaycache/org/app"]
    image, held = next(iter(known["images"].values())), known["tags"]["1.0"]
    digests = [digest_of(str(i).encode()) for i in range(2500)]
    known["images"] = {digest: image for digest in digests}
    known["tags"] = {f"v{i}": {**held, "digest": digests[i]} for i in range(2000)}
    known["tags"]["latest"] = known["tags"]["v7"]
    aws.state(repositories=repositories)
    name = {"repositoryName": "quaycache/org/app"}
    first = ecr.list_images(**name)
    assert len(first["imageIds"]) == 100              # where nothing is asked for
    pages = list(ecr.get_paginator("list_images").paginate(
        **name, filter={"imageStatus": "ACTIVE"}, PaginationConfig={"PageSize": 1000}))
    assert [len(page["imageIds"]) for page in pages] == [1000, 1000, 501]
    pairs = [(each["imageDigest"], each.get("imageTag")) for page in pages
             for each in page["imageIds"]]
    assert len(set(pairs)) == 2501 and {digest for digest, _ in pairs} == set(digests)
    assert {tag for digest, tag in pairs if digest == digests[7]} == {"v7", "latest"}
    assert sum(tag is None for _, tag in pairs) == 500
    with pytest.raises(ClientError, match="InvalidParameterException"):
        ecr.list_images(**name, maxResults=1001)
    aws.archive("quaycache/org/app")
    assert ecr.list_images(**name)["imageIds"] == []


# An upstream that counts pulls.


def test_an_upstream_that_limits_pulls(aws, puller, quay):
    """A list counts once for itself and once for each image in it."""
    quay.index("org/multi", "1.0")
    aws.set(upstreams={"quay.io": {"url": quay.url, "pulls": {"limit": 4, "seconds": 3600}}})
    assert puller.manifest("quaycache/org/multi", "1.0")[0] == 200
    assert len(aws.state()["upstreamPulls"]["quay.io"]) == 3
    assert puller.manifest("quaycache/org/multi", "1.0")[0] == 200    # cached: counts nothing
    assert puller.manifest("quaycache/org/app", "1.0")[0] == 200
    status, code, text = puller.refusal("quaycache/org/other", "1.0")
    assert (status, code) == (429, "TOOMANYREQUESTS") and "pull rate limit" in text
    assert "quaycache/org/other" not in aws.state()["repositories"]
    aws.set(clockOffset=3601)
    puller.password = aws.login("puller")
    assert puller.refusal("quaycache/org/other", "1.0") == NO_IMAGE   # asked, and not there


def test_store_on_disk(quay, tmp_path):
    for start in (True, False):
        process = standin.StandIn("--state", tmp_path / "state")
        try:
            puller = Puller(process)
            if start:
                process.set(upstreams={"quay.io": {"url": quay.url}})
                process.principal("operator", allow=["ecr:*", "iam:*"])
                from standin_model import Clients
                Clients(process.url)("ecr").create_pull_through_cache_rule(
                    ecrRepositoryPrefix="quaycache", upstreamRegistryUrl="quay.io")
                process.set(blobRedirect=False)
            else:
                process.set(upstreams={})
            assert puller.manifest("quaycache/org/app", "1.0")[0] == 200
            path = f"/v2/quaycache/org/app/blobs/{digest_of(b'hello')}"
            assert puller.ask("GET", path)[::2] == (200, b"hello")
        finally:
            assert process.stop() == 0


# An upstream with tokens and redirects, as the great ones have.


@pytest.fixture
def hub():
    """A tiny registry with bearer tokens whose blobs are elsewhere, and that can be spoiled."""
    layer = b"layer"
    config = b'{"architecture":"amd64","os":"linux"}'
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "x", "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": "y", "digest": digest_of(layer), "size": 5}]}).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        seen = []
        spoil = {}

        def do_GET(self):       # noqa: N802
            path, _, query = self.path.partition("?")
            login = self.headers.get("Authorization")
            self.seen.append((path, login))
            host = f"http://127.0.0.1:{self.server.server_port}"
            if path in self.spoil:
                self.answer(*self.spoil[path])
            elif path == "/token":
                basic = "Basic " + base64.b64encode(b"somebody:a-token").decode()
                good = login == basic and "scope=repository" in query
                self.answer(200 if good else 401, b'{"token":"t"}')
            elif path.startswith("/cdn/"):
                self.answer(400 if login else 200, layer)
            elif login != "Bearer t":
                self.answer(401, b"", {"WWW-Authenticate": f'Bearer realm="{host}/token",'
                                       'service="hub",scope="repository:library/a:pull"'})
            elif "/manifests/" in path:
                self.answer(200, manifest, {"Content-Type": OCI_MANIFEST})
            else:
                self.answer(307, b"", {"Location": f"http://localhost:{self.server.server_port}"
                                       "/cdn/layer"})

        def answer(self, status, body, headers=None):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.handler = Handler
    yield server
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_upstream_with_tokens(aws, puller, hub):
    aws.set(upstreams={"registry-1.docker.io": {"url": f"http://127.0.0.1:{hub.server_port}"}},
            blobRedirect=False)
    assert puller.manifest("dockercache/library/a", "1")[0] == 200
    path = f"/v2/dockercache/library/a/blobs/{digest_of(b'layer')}"
    assert puller.ask("GET", path)[::2] == (200, b"layer")
    # The login for the upstream did not go along to where the blob is.
    assert [login for where, login in hub.handler.seen if where.startswith("/cdn/")] == [None]


@pytest.mark.parametrize("status, body, kind, expected", [
    (429, b"", None, (429, "TOOMANYREQUESTS")), (500, b"", None, (503, "UNAVAILABLE")),
    (404, b"", None, (404, "MANIFEST_UNKNOWN")), (403, b"", None, (403, "DENIED")),
    (200, b"nonsense", OCI_MANIFEST, (503, "UNAVAILABLE")),
    (200, b"[]", OCI_MANIFEST, (503, "UNAVAILABLE")),
    (200, b'{"layers":[{"digest":1}]}', OCI_MANIFEST, (503, "UNAVAILABLE")),
    (200, b'{"manifests":[{"digest":"sha256:0"}]}', OCI_INDEX, (404, "MANIFEST_UNKNOWN")),
    (200, b"\xff", OCI_MANIFEST, (503, "UNAVAILABLE")),
])
def test_upstream_that_misbehaves(aws, puller, hub, status, body, kind, expected):
    hub.handler.spoil["/v2/library/a/manifests/1"] = (status, body,
                                                      {"Content-Type": kind} if kind else {})
    hub.handler.spoil["/v2/library/a/manifests/sha256:0"] = (404, b"")
    aws.set(upstreams={"registry-1.docker.io": {"url": f"http://127.0.0.1:{hub.server_port}"}})
    assert puller.refusal("dockercache/library/a", "1")[:2] == expected
    assert aws.state()["repositories"] == {}


def test_layer_that_is_not_what_it_should_be(aws, puller, hub):
    aws.set(upstreams={"registry-1.docker.io": {"url": f"http://127.0.0.1:{hub.server_port}"}},
            blobRedirect=False)
    hub.handler.spoil["/cdn/layer"] = (200, b"other")
    puller.manifest("dockercache/library/a", "1")
    digest = "sha256:" + hashlib.sha256(b"layer").hexdigest()
    assert puller.ask("GET", f"/v2/dockercache/library/a/blobs/{digest}")[0] == 503
