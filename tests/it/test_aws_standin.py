"""The AWS stand-in's JSON services, driven by botocore; the model judges every answer."""

import contextlib
import json
import threading

import pytest

import standin
from standin import ACCOUNT, DEFAULTS, REGION

botocore = pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
from botocore.exceptions import ClientError  # noqa: E402

URL_ERROR = "The upstream registry URL {} is invalid. Specify a valid upstream registry URL"
WEBHOOK_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/webhook/standin"


@contextlib.contextmanager
def refused(code, *texts, status=400):
    """The call inside fails with this error, and says these things."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response
    assert error["Error"]["Code"] == code
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    for text in texts:
        assert text in error["Error"]["Message"]


@pytest.fixture
def ecr(clients):
    return clients("ecr")


@pytest.fixture
def secretsmanager(clients):
    return clients("secretsmanager")


def create_rule(ecr, prefix="quaycache", url="quay.io", **members):
    return ecr.create_pull_through_cache_rule(ecrRepositoryPrefix=prefix, upstreamRegistryUrl=url,
                                              **members)


def rules(ecr):
    return ecr.describe_pull_through_cache_rules(maxResults=1000)["pullThroughCacheRules"]


def plain(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


# Rules.


def test_default_rules_are_created_and_described(aws, ecr):
    kinds = {"registry-1.docker.io": "docker-hub", "ghcr.io": "github-container-registry",
             "registry.k8s.io": "k8s", "quay.io": "quay"}
    for url, (prefix, name) in DEFAULTS.items():
        arn = {"credentialArn": aws.secret(name)} if name else {}
        made = plain(create_rule(ecr, prefix, url, **arn))
        made.pop("createdAt")
        assert made == {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url,
                        "registryId": ACCOUNT, "upstreamRegistry": kinds[url],
                        "upstreamRepositoryPrefix": "ROOT", **arn}
    found = {rule["ecrRepositoryPrefix"]: rule for rule in rules(ecr)}
    assert sorted(found) == ["dockercache", "ghcrcache", "k8scache", "quaycache"]
    assert all("updatedAt" in rule and "createdAt" in rule for rule in found.values())
    assert "credentialArn" not in found["k8scache"]


@pytest.mark.parametrize("url", [
    "mcr.microsoft.com", "gcr.io", "harbor.example.com", "https://quay.io", "quay.io/",
    "docker.io", "k8s.gcr.io", "QUAY.IO", "quay.io.example.com", ".azurecr.io", ""])
def test_unsupported_upstream(ecr, url):
    with refused("UnsupportedUpstreamRegistryException", URL_ERROR.format(url)):
        create_rule(ecr, url=url)
    assert rules(ecr) == []


@pytest.mark.parametrize("url", ["registry-1.docker.io", "ghcr.io", "registry.gitlab.com",
                                 "mine123.azurecr.io", "cgr.dev"])
def test_upstream_that_needs_credentials(ecr, url):
    with refused("UnsupportedUpstreamRegistryException", "requires authentication",
                 "Secrets Manager ARN"):
        create_rule(ecr, url=url)


@pytest.mark.parametrize("url", ["quay.io", "registry.k8s.io", "public.ecr.aws"])
def test_credentials_for_a_public_upstream_as_set(aws, ecr, url):
    arn = aws.secret("ecr-pullthroughcache/x")
    with refused("InvalidParameterException", "credentialArn"):
        create_rule(ecr, url=url, credentialArn=arn)
    aws.set(publicUpstreamCredentials="accept")
    assert create_rule(ecr, url=url, credentialArn=arn)["credentialArn"] == arn


@pytest.mark.parametrize("change, code", [
    (lambda arn: arn, None),
    (lambda arn: arn[:-6] + "aaaaaa", "SecretNotFoundException"),
    (lambda arn: arn[:-7], "SecretNotFoundException"),
    (lambda arn: arn.replace(REGION, "eu-west-1"), "SecretNotFoundException"),
    (lambda arn: arn.replace(ACCOUNT, "999999999999"), "SecretNotFoundException"),
    (lambda arn: arn.replace("ecr-pullthroughcache/", "other/"), "InvalidParameterException"),
    (lambda arn: "ecr-pullthroughcache/ghcr", "InvalidParameterException"),
])
def test_secret_is_named_by_its_whole_arn(aws, ecr, change, code):
    arn = change(aws.secret("ecr-pullthroughcache/ghcr"))
    if code is None:
        create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=arn)
    else:
        with refused(code):
            create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=arn)


@pytest.mark.parametrize("members, code", [
    ({"accessible": False}, "UnableToAccessSecretException"),
    ({"kmsKeyId": "alias/mine"}, "UnableToDecryptSecretValueException"),
    ({"kmsKeyId": "alias/aws/secretsmanager"}, None),
    ({"deleted": True}, "SecretNotFoundException"),
    ({"value": "test"}, None),
    ({"value": {"user": "x"}}, None),
])
def test_secret_that_ecr_cannot_use(aws, ecr, members, code):
    arn = aws.secret("ecr-pullthroughcache/ghcr", **members)
    if code is None:
        create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=arn)
        return
    with refused(code):
        create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=arn)
    assert rules(ecr) == []


def test_secret_without_a_value_is_not_found(ecr, secretsmanager):
    arn = secretsmanager.create_secret(Name="ecr-pullthroughcache/ghcr")["ARN"]
    with refused("SecretNotFoundException"):
        create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=arn)


@pytest.mark.parametrize("prefix, url", [("quaycache", "quay.io"), ("quaycache", "public.ecr.aws"),
                                         ("quaycache/", "quay.io")])
def test_prefix_that_is_taken(ecr, prefix, url):
    create_rule(ecr)
    with refused("PullThroughCacheRuleAlreadyExistsException", "quaycache"):
        create_rule(ecr, prefix, url)
    assert [rule["upstreamRegistryUrl"] for rule in rules(ecr)] == ["quay.io"]


def test_fifty_rules_and_no_more(ecr):
    for number in range(50):
        create_rule(ecr, f"cache{number}")
    with refused("LimitExceededException"):
        create_rule(ecr, "cache50")
    assert len(rules(ecr)) == 50


def test_one_upstream_may_have_several_prefixes(ecr):
    create_rule(ecr, "one")
    create_rule(ecr, "two/deep")
    create_rule(ecr, "ROOT")
    assert len(rules(ecr)) == 3


def test_eight_at_once_make_one_rule(aws, clients):
    outcomes = []

    def one(client):
        try:
            create_rule(client)
            outcomes.append("made")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    made = [clients("ecr", user_agent_extra=str(number)) for number in range(8)]
    threads = [threading.Thread(target=one, args=(client,)) for client in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["PullThroughCacheRuleAlreadyExistsException"] * 7 + ["made"]


@pytest.mark.parametrize("members, code", [
    ({"ecrRepositoryPrefix": "a"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "a" * 31}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "a" * 30}, None),
    ({"ecrRepositoryPrefix": "Upper"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "root"}, None),
    ({"ecrRepositoryPrefix": "a..b"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "a__b"}, None),
    ({"ecrRepositoryPrefix": "a___b"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "a---b"}, None),
    ({"ecrRepositoryPrefix": "a/b/"}, None),
    ({"ecrRepositoryPrefix": "/a"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "ab\n"}, "InvalidParameterException"),
    ({"ecrRepositoryPrefix": "caché"}, "InvalidParameterException"),
    ({"upstreamRegistry": "quay"}, None),
    ({"upstreamRegistry": "docker-hub"}, "InvalidParameterException"),
    ({"upstreamRegistry": "nobody"}, "InvalidParameterException"),
    ({"upstreamRepositoryPrefix": "ROOT"}, None),
    ({"upstreamRepositoryPrefix": "team"}, "InvalidParameterException"),
    ({"registryId": ACCOUNT}, None),
    ({"registryId": "12"}, "InvalidParameterException"),
    ({"registryId": "999999999999"}, "AccessDeniedException"),
    ({"customRoleArn": "a" * 2049}, "InvalidParameterException"),
    ({"credentialArn": "arn:aws:secretsmanager:x"}, "InvalidParameterException"),
])
def test_constraints_of_a_rule(ecr, members, code):
    given = {"prefix": "quaycache", **members}
    given["prefix"] = given.pop("ecrRepositoryPrefix", given["prefix"])
    if code is None:
        create_rule(ecr, **given)
        assert len(rules(ecr)) == 1
    else:
        with refused(code):
            create_rule(ecr, **given)
        assert rules(ecr) == []


def test_upstream_prefix_is_for_ecr(ecr):
    url = "999999999999.dkr.ecr.us-east-1.amazonaws.com"
    made = create_rule(ecr, "other", url, upstreamRepositoryPrefix="team")
    assert made["upstreamRegistry"] == "ecr" and made["upstreamRepositoryPrefix"] == "team"
    with refused("InvalidParameterException", "upstreamRepositoryPrefix"):
        create_rule(ecr, "ROOT", url, upstreamRepositoryPrefix="team")


def test_pages_of_rules(aws, ecr):
    aws.set(pageSize=3)
    for number in range(8):
        create_rule(ecr, f"cache{number}")
    pages = list(ecr.get_paginator("describe_pull_through_cache_rules").paginate())
    assert [len(page["pullThroughCacheRules"]) for page in pages] == [3, 3, 2]
    assert [rule["ecrRepositoryPrefix"] for page in pages
            for rule in page["pullThroughCacheRules"]] == [f"cache{n}" for n in range(8)]
    assert "nextToken" not in pages[-1]
    two = ecr.describe_pull_through_cache_rules(maxResults=2)
    create_rule(ecr, "cache1a")     # between the pages
    rest = ecr.describe_pull_through_cache_rules(nextToken=two["nextToken"])
    assert rest["pullThroughCacheRules"][0]["ecrRepositoryPrefix"] == "cache1a"


@pytest.mark.parametrize("token", ["x", "QUJD", "///"])
def test_a_token_of_nobody(ecr, token):
    with refused("InvalidParameterException", "nextToken"):
        ecr.describe_pull_through_cache_rules(nextToken=token)


def test_a_token_of_another_operation(aws, ecr):
    aws.set(pageSize=1)
    create_rule(ecr, "one")
    create_rule(ecr, "two")
    token = ecr.describe_pull_through_cache_rules()["nextToken"]
    with refused("InvalidParameterException", "nextToken"):
        ecr.describe_repositories(nextToken=token)


@pytest.mark.parametrize("number, code", [(0, "InvalidParameterException"), (1, None),
                                          (1000, None), (1001, "InvalidParameterException")])
def test_size_of_a_page(ecr, number, code):
    if code is None:
        ecr.describe_pull_through_cache_rules(maxResults=number)
    else:
        with refused(code, "maxResults"):
            ecr.describe_pull_through_cache_rules(maxResults=number)


def test_filter_of_rules(ecr):
    for name in ("one", "two", "three"):
        create_rule(ecr, name)
    found = ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["two", "one"])
    assert [each["ecrRepositoryPrefix"] for each in found["pullThroughCacheRules"]] \
        == ["one", "two"]
    with refused("PullThroughCacheRuleNotFoundException", "'four'"):
        ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["one", "four"])
    with refused("InvalidParameterException"):
        ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=[])


def test_update_of_a_rule(aws, ecr):
    first, second = (aws.secret(f"ecr-pullthroughcache/{name}") for name in ("a", "b"))
    create_rule(ecr, "ghcrcache", "ghcr.io", credentialArn=first)
    made = plain(ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache",
                                                    credentialArn=second))
    assert set(made) == {"ecrRepositoryPrefix", "registryId", "updatedAt", "credentialArn",
                         "upstreamRepositoryPrefix"}
    assert rules(ecr)[0]["credentialArn"] == second
    with refused("InvalidParameterException", "Invalid input: Please set either credential arn or "
                 "role arn to update the credentials"):
        ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache")
    with refused("PullThroughCacheRuleNotFoundException"):
        ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="other", credentialArn=first)
    with refused("SecretNotFoundException"):
        ecr.update_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache",
                                           credentialArn=first[:-6] + "zzzzzz")


def test_deletion_of_a_rule(ecr):
    create_rule(ecr)
    gone = plain(ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quaycache"))
    assert set(gone) == {"ecrRepositoryPrefix", "upstreamRegistryUrl", "createdAt", "registryId",
                         "upstreamRepositoryPrefix"}
    with refused("PullThroughCacheRuleNotFoundException", ACCOUNT):
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quaycache")


@pytest.mark.parametrize("value, failure", [
    (standin.ACCOUNT_VALUE, None),
    ("test", "expected form"),
    ({"user": "somebody", "token": "x"}, "expected form"),
    ({"username": "somebody", "accessToken": 7}, "expected form"),
    ({"username": "", "accessToken": "x"}, "expected form"),
    ({"username": "somebody", "accessToken": "revoked"}, "authentication to the upstream"),
])
def test_validation_of_a_rule(aws, ecr, value, failure):
    aws.set(upstreams={"ghcr.io": {"accounts": {"somebody": "a-token"}}})
    create_rule(ecr, "ghcrcache", "ghcr.io",
                credentialArn=aws.secret("ecr-pullthroughcache/ghcr", value=value))
    found = ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache")
    assert found["isValid"] is (failure is None)
    assert (failure or "") in found.get("failure", "")
    assert ("failure" in found) is (failure is not None)


def test_validation_in_words_that_were_asked_for(aws, ecr):
    create_rule(ecr, "ghcrcache", "ghcr.io",
                credentialArn=aws.secret("ecr-pullthroughcache/ghcr"))
    aws.fault("not-valid", failure="429 Too Many Requests", times=2)
    ecr.describe_pull_through_cache_rules()       # another operation is not met
    for _ in range(2):
        found = ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache")
        assert (found["isValid"], found["failure"]) == (False, "429 Too Many Requests")
        assert found["upstreamRegistryUrl"] == "ghcr.io"
    assert ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="ghcrcache")["isValid"]
    aws.fault("not-valid", failure="x")
    with refused("PullThroughCacheRuleNotFoundException"):
        ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="other")


def test_validation_when_the_secret_went_away(aws, ecr):
    create_rule(ecr, "ghcrcache", "ghcr.io",
                credentialArn=aws.secret("ecr-pullthroughcache/ghcr"))
    for members in ({"deleted": True}, {"deleted": False, "accessible": False}):
        aws.secret("ecr-pullthroughcache/ghcr", **members)
        assert not ecr.validate_pull_through_cache_rule(
            ecrRepositoryPrefix="ghcrcache")["isValid"]
    with refused("PullThroughCacheRuleNotFoundException"):
        ecr.validate_pull_through_cache_rule(ecrRepositoryPrefix="other")


# Templates.


def create_template(ecr, prefix="ROOT", **members):
    members.setdefault("appliedFor", ["PULL_THROUGH_CACHE"])
    return ecr.create_repository_creation_template(prefix=prefix, **members)


def test_template_of_ours(ecr):
    given = {"prefix": "ROOT", "appliedFor": ["PULL_THROUGH_CACHE"], "description": "a cache",
             "encryptionConfiguration": {"encryptionType": "AES256"},
             "imageTagMutability": "MUTABLE"}
    made = ecr.create_repository_creation_template(**given)
    assert made["registryId"] == ACCOUNT
    found = ecr.describe_repository_creation_templates()
    assert found["registryId"] == ACCOUNT
    template = found["repositoryCreationTemplates"][0]
    assert template.pop("createdAt") == template.pop("updatedAt")
    assert template == {**given, "resourceTags": []}
    with refused("TemplateAlreadyExistsException", "ROOT"):
        create_template(ecr)


def test_defaults_of_a_template(ecr):
    made = create_template(ecr, "team", appliedFor=[])["repositoryCreationTemplate"]
    assert made["imageTagMutability"] == "MUTABLE"
    assert made["encryptionConfiguration"] == {"encryptionType": "AES256"}
    assert made["appliedFor"] == []


def test_update_keeps_what_it_does_not_name(ecr):
    create_template(ecr, description="old", imageTagMutability="IMMUTABLE")
    made = ecr.update_repository_creation_template(prefix="ROOT", description="new")
    template = made["repositoryCreationTemplate"]
    assert template["description"] == "new"
    assert template["imageTagMutability"] == "IMMUTABLE"
    assert template["appliedFor"] == ["PULL_THROUGH_CACHE"]


def test_template_that_is_not_there(ecr):
    for call in (ecr.update_repository_creation_template, ecr.delete_repository_creation_template):
        with refused("TemplateNotFoundException", "'ROOT'"):
            call(prefix="ROOT")
    with refused("TemplateNotFoundException"):
        ecr.describe_repository_creation_templates(prefixes=["ROOT"])


def test_deletion_of_a_template(ecr):
    create_template(ecr)
    gone = ecr.delete_repository_creation_template(prefix="ROOT")
    assert gone["repositoryCreationTemplate"]["prefix"] == "ROOT"
    assert ecr.describe_repository_creation_templates()["repositoryCreationTemplates"] == []


def test_pages_of_templates(aws, ecr):
    aws.set(pageSize=2)
    for name in ("a", "b", "c"):
        create_template(ecr, name)
    pages = list(ecr.get_paginator("describe_repository_creation_templates").paginate())
    assert [len(page["repositoryCreationTemplates"]) for page in pages] == [2, 1]


def test_quota_of_templates(aws, ecr):
    aws.set(templateQuota=1)
    create_template(ecr)
    with refused("LimitExceededException"):
        create_template(ecr, "team")


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a"
EXCLUSION = [{"filterType": "WILDCARD", "filter": "v*"}]
LIFECYCLE = {"rulePriority": 1, "selection": {"tagStatus": "untagged", "countType":
             "sinceImagePushed", "countUnit": "days", "countNumber": 7}, "action":
             {"type": "expire"}}
KEEP = {"rulePriority": 2, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                                         "countNumber": 30}, "action": {"type": "expire"}}
REPOSITORY_POLICY = {"Version": "2012-10-17", "Statement": [
    {"Sid": "pull", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"},
     "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]}


def lifecycle(*found):
    return json.dumps({"rules": list(found)})


def with_selection(**members):
    return {**LIFECYCLE, "selection": {**LIFECYCLE["selection"], **members}}


@pytest.mark.parametrize("members, text", [
    ({"prefix": ""}, "prefix"),
    ({"prefix": "a"}, None),
    ({"prefix": "a" * 257}, "prefix"),
    ({"description": "d" * 256}, None),
    ({"description": "d" * 257}, "description"),
    ({"appliedFor": ["PULL_THROUGH"]}, "appliedFor"),
    ({"imageTagMutability": "mutable"}, "imageTagMutability"),
    ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, "ExclusionFilters"),
    ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION",
      "imageTagMutabilityExclusionFilters": EXCLUSION}, None),
    ({"imageTagMutabilityExclusionFilters": EXCLUSION}, "ExclusionFilters"),
    ({"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": KEY}}, None),
    ({"encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/mine"}}, "kmsKey"),
    ({"encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": KEY}}, "kmsKey"),
    ({"encryptionConfiguration": {"encryptionType": "KMS_DSSE"}}, "KMS_DSSE"),
    ({"encryptionConfiguration": {}}, "encryptionType"),
    ({"repositoryPolicy": json.dumps(REPOSITORY_POLICY)}, None),
    ({"repositoryPolicy": "{}"}, "Invalid repository policy"),
    ({"repositoryPolicy": "[1]"}, "Invalid repository policy"),
    ({"repositoryPolicy": " " * 10241}, "repositoryPolicy"),
    ({"lifecyclePolicy": lifecycle(LIFECYCLE, KEEP)}, None),
    ({"lifecyclePolicy": lifecycle(LIFECYCLE, {**KEEP, "rulePriority": 1})}, "unique"),
    ({"lifecyclePolicy": lifecycle({**LIFECYCLE, "rulePriority": 3}, KEEP)}, "tagStatus any"),
    ({"lifecyclePolicy": lifecycle()}, "rules"),
    ({"lifecyclePolicy": "nothing"}, "not JSON"),
    ({"lifecyclePolicy": lifecycle(*[{**LIFECYCLE, "rulePriority": n} for n in range(1, 52)])},
     "50 rules"),
    ({"lifecyclePolicy": lifecycle(with_selection(countNumber=0))}, "countNumber"),
    ({"lifecyclePolicy": lifecycle(with_selection(tagStatus="tagged"))}, "tagPrefixList"),
    ({"lifecyclePolicy": lifecycle(with_selection(tagPrefixList=["v"]))}, "tagPrefixList"),
    ({"lifecyclePolicy": lifecycle(with_selection(countType="imageCountMoreThan"))}, "countUnit"),
    ({"lifecyclePolicy": lifecycle({**LIFECYCLE, "action": {"type": "delete"}})}, "action"),
])
def test_constraints_of_a_template(ecr, members, text):
    given = {"prefix": "team", **members}
    if text is None:
        create_template(ecr, **given)
    else:
        with refused("InvalidParameterException", text):
            create_template(ecr, **given)


def test_template_needs_a_purpose(ecr):
    with refused("InvalidParameterException", "appliedFor", "must not be null"):
        ecr.create_repository_creation_template(prefix="ROOT")


# The registry as a whole.


def registry_policy(**members):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "nodes", "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/puller"},
        "Action": ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"],
        "Resource": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/quaycache/*", **members}]})


def test_registry_policy(ecr):
    for call in (ecr.get_registry_policy, ecr.delete_registry_policy):
        with refused("RegistryPolicyNotFoundException"):
            call()
    text = registry_policy()
    assert ecr.put_registry_policy(policyText=text)["policyText"] == text
    assert plain(ecr.get_registry_policy()) == {"registryId": ACCOUNT, "policyText": text}
    assert ecr.delete_registry_policy()["policyText"] == text


@pytest.mark.parametrize("text", [
    "", "x", "[]", "{}", '{"Statement": []}', registry_policy(Effect="Maybe"),
    registry_policy(Action="ecr:PutImage"), registry_policy(Action="s3:GetObject"),
    registry_policy(Resource="*"), registry_policy(Unknown=1), '{"Statement": [1]}',
    registry_policy(Resource=f"arn:aws:ecr:{REGION}:999999999999:repository/*")])
def test_registry_policy_that_is_none(ecr, text):
    with refused("InvalidParameterException", "PolicyText"):
        ecr.put_registry_policy(policyText=text)


def scanning_rule(frequency="SCAN_ON_PUSH", *filters):
    return {"scanFrequency": frequency, "repositoryFilters": [
        {"filter": each, "filterType": "WILDCARD"} for each in filters or ("quaycache/*",)]}


def test_scanning(ecr):
    start = ecr.get_registry_scanning_configuration()
    assert start["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    wanted = {"scanType": "ENHANCED", "rules": [scanning_rule(),
                                                scanning_rule("CONTINUOUS_SCAN", "*")]}
    made = ecr.put_registry_scanning_configuration(**wanted)
    assert made["registryScanningConfiguration"] == wanted
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == wanted


@pytest.mark.parametrize("kind, found, text", [
    ("BASIC", [scanning_rule("CONTINUOUS_SCAN")], "scanFrequency"),
    ("ENHANCED", [scanning_rule("MANUAL")], "scanFrequency"),
    ("ENHANCED", [scanning_rule(), scanning_rule()], "rules"),
    ("ENHANCED", [scanning_rule(), scanning_rule("CONTINUOUS_SCAN"), scanning_rule()], "rules"),
    ("ENHANCED", [scanning_rule("SCAN_ON_PUSH", "Upper")], "filter"),
    ("ENHANCED", [scanning_rule("SCAN_ON_PUSH", "a" * 254 + "_!")], "filter"),
    ("ENHANCED", [scanning_rule("SCAN_ON_PUSH", *["a"] * 101)], "repositoryFilters"),
    ("SOME", [], "scanType"),
])
def test_scanning_that_is_refused(ecr, kind, found, text):
    with refused("InvalidParameterException", text):
        ecr.put_registry_scanning_configuration(scanType=kind, rules=found)


def test_describe_registry(ecr):
    assert plain(ecr.describe_registry()) == {"registryId": ACCOUNT,
                                              "replicationConfiguration": {"rules": []}}


def test_authorization_token(aws, clients):
    import base64
    found = clients("ecr", aws.session("puller")).get_authorization_token()
    data, = found["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert user == "AWS" and len(password) > 1000
    assert data["proxyEndpoint"] == f"https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
    left = data["expiresAt"].timestamp() - aws.calls()[-1]["time"]
    assert 43190 < left <= 43201


# Permissions.

CALLS = {
    "ecr": {
        "CreatePullThroughCacheRule": {"ecrRepositoryPrefix": "ab",
                                       "upstreamRegistryUrl": "quay.io"},
        "DescribePullThroughCacheRules": {},
        "UpdatePullThroughCacheRule": {"ecrRepositoryPrefix": "ab"},
        "DeletePullThroughCacheRule": {"ecrRepositoryPrefix": "ab"},
        "ValidatePullThroughCacheRule": {"ecrRepositoryPrefix": "ab"},
        "CreateRepositoryCreationTemplate": {"prefix": "ROOT", "appliedFor": []},
        "UpdateRepositoryCreationTemplate": {"prefix": "ROOT"},
        "DeleteRepositoryCreationTemplate": {"prefix": "ROOT"},
        "DescribeRepositoryCreationTemplates": {},
        "PutRegistryPolicy": {"policyText": "{}"}, "GetRegistryPolicy": {},
        "DeleteRegistryPolicy": {}, "PutRegistryScanningConfiguration": {},
        "GetRegistryScanningConfiguration": {}, "DescribeRegistry": {},
        "DescribeRepositories": {}, "DescribeImages": {"repositoryName": "ab"},
        "ListImages": {"repositoryName": "ab"}, "GetAuthorizationToken": {},
        "BatchGetImage": {"repositoryName": "ab", "imageIds": [{"imageTag": "1"}]},
    },
    "secretsmanager": {
        "DescribeSecret": {"SecretId": "x"}, "GetSecretValue": {"SecretId": "x"},
        "ListSecrets": {}, "CreateSecret": {"Name": "x"},
        "PutSecretValue": {"SecretId": "x", "SecretString": "x"}, "DeleteSecret": {"SecretId": "x"},
    },
}


@pytest.mark.parametrize("service, operation", [(service, name) for service, found in CALLS.items()
                                                for name in found])
def test_denial_names_the_action(aws, clients, service, operation):
    client = clients(service, aws.session("webhook"))
    call = getattr(client, botocore.xform_name(operation))
    aws.principal("webhook", allow=[])
    start = f"User: {WEBHOOK_ARN} is not authorized to perform: {service}:{operation} on resource: "
    why = f"because no identity-based policy allows the {service}:{operation} action"
    with refused("AccessDeniedException", start, why):
        call(**CALLS[service][operation])
    aws.principal("webhook", allow=["*"], denied=[f"{service}:{operation}"])
    with refused("AccessDeniedException", start, "with an explicit deny"):
        call(**CALLS[service][operation])
    aws.principal("webhook", denied=[])
    try:
        call(**CALLS[service][operation])
    except ClientError as error:
        assert error.response["Error"]["Code"] != "AccessDeniedException"


def test_every_operation_is_in_the_list_of_calls():
    import sys
    sys.path.insert(0, str(standin.FOLDER.parent))
    from aws import ecr as ours_ecr, secretsmanager as ours_secrets
    assert set(CALLS["ecr"]) == set(ours_ecr.OPERATIONS)
    assert set(CALLS["secretsmanager"]) == set(ours_secrets.OPERATIONS)


def test_first_rule_asks_for_the_service_role(aws, clients):
    client = clients("ecr", aws.session("webhook"))
    aws.principal("webhook", denied=["iam:CreateServiceLinkedRole"])
    with refused("AccessDeniedException", "iam:CreateServiceLinkedRole",
                 "AWSServiceRoleForECRPullThroughCache"):
        create_rule(client)
    aws.principal("webhook", denied=[])
    create_rule(client)
    aws.principal("webhook", denied=["iam:CreateServiceLinkedRole"])
    create_rule(client, "another")


POLICY = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Resource": "*", "Action": [
        "ecr:DescribePullThroughCacheRules", "ecr:CreatePullThroughCacheRule"]},
    {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret",
     "Resource": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ecr-pullthroughcache/*"},
    {"Effect": "Allow", "Action": "iam:CreateServiceLinkedRole", "Resource": "*",
     "Condition": {"StringEquals": {
         "iam:AWSServiceName": "pullthroughcache.ecr.amazonaws.com"}}}]}


def test_a_real_policy_document(aws, clients):
    aws.principal("webhook", policy=POLICY)
    session = aws.session("webhook")
    create_rule(clients("ecr", session))
    aws.secret("ecr-pullthroughcache/x")
    aws.secret("other")
    manager = clients("secretsmanager", session)
    manager.describe_secret(SecretId="ecr-pullthroughcache/x")
    with refused("AccessDeniedException"):
        manager.describe_secret(SecretId="other")
    # Whether a secret exists is not told to who may not see it.
    with refused("AccessDeniedException"):
        manager.describe_secret(SecretId="missing")
    with refused("ResourceNotFoundException"):
        manager.describe_secret(SecretId="ecr-pullthroughcache/missing")
    wrong = json.loads(json.dumps(POLICY).replace("StringEquals", "DateEquals"))
    aws.principal("webhook", policy=wrong)
    aws.state(serviceLinkedRole=False)
    with refused("AccessDeniedException", "iam:CreateServiceLinkedRole"):
        create_rule(clients("ecr", session), "another")


def test_template_asks_for_what_it_makes_ecr_do(aws, clients):
    client = clients("ecr", aws.session("webhook"))
    for member, value, action in (
            ("lifecyclePolicy", lifecycle(LIFECYCLE), "ecr:PutLifecyclePolicy"),
            ("repositoryPolicy", json.dumps(REPOSITORY_POLICY), "ecr:SetRepositoryPolicy"),
            ("customRoleArn", f"arn:aws:iam::{ACCOUNT}:role/mine", "iam:PassRole")):
        with refused("AccessDeniedException", action):
            create_template(client, **{member: value})
    aws.set(templateNeedsCreateRepository=True)
    with refused("AccessDeniedException", "ecr:CreateRepository", "repository/*"):
        create_template(client)
    aws.set(templateNeedsCreateRepository=False)
    create_template(client)


# Secrets Manager.

GHCR = "ecr-pullthroughcache/ghcr"


def test_description_of_a_secret(secretsmanager):
    made = secretsmanager.create_secret(Name=GHCR, SecretString='{"a": 1}', Description="d")
    found = plain(secretsmanager.describe_secret(SecretId=GHCR))
    assert found["ARN"] == made["ARN"]
    assert found["ARN"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{GHCR}-")
    assert len(found["ARN"].rpartition("-")[2]) == 6
    assert found["VersionIdsToStages"] == {made["VersionId"]: ["AWSCURRENT"]}
    assert "KmsKeyId" not in found and "DeletedDate" not in found
    for name in (made["ARN"], made["ARN"][:-7]):
        assert secretsmanager.describe_secret(SecretId=name)["Name"] == GHCR
    with refused("ResourceNotFoundException", "can't find the specified secret"):
        secretsmanager.describe_secret(SecretId="other")


def test_secret_without_a_version(secretsmanager):
    secretsmanager.create_secret(Name=GHCR)
    assert "VersionIdsToStages" not in secretsmanager.describe_secret(SecretId=GHCR)
    with refused("ResourceNotFoundException", "AWSCURRENT"):
        secretsmanager.get_secret_value(SecretId=GHCR)


def test_versions_of_a_secret(secretsmanager):
    first = secretsmanager.create_secret(Name=GHCR, SecretString="one")["VersionId"]
    second = secretsmanager.put_secret_value(SecretId=GHCR, SecretBinary=b"\0two")["VersionId"]
    assert secretsmanager.get_secret_value(SecretId=GHCR)["SecretBinary"] == b"\0two"
    old = secretsmanager.get_secret_value(SecretId=GHCR, VersionStage="AWSPREVIOUS")
    assert (old["SecretString"], old["VersionId"]) == ("one", first)
    assert secretsmanager.get_secret_value(SecretId=GHCR, VersionId=first)["SecretString"] == "one"
    secretsmanager.put_secret_value(SecretId=GHCR, SecretString="three")
    stages = secretsmanager.describe_secret(SecretId=GHCR)["VersionIdsToStages"]
    assert stages[second] == ["AWSPREVIOUS"] and first not in stages


def test_deletion_of_a_secret(secretsmanager):
    secretsmanager.create_secret(Name=GHCR, SecretString="one")
    with refused("InvalidParameterException"):
        secretsmanager.delete_secret(SecretId=GHCR, RecoveryWindowInDays=6)
    secretsmanager.delete_secret(SecretId=GHCR)
    assert "DeletedDate" in secretsmanager.describe_secret(SecretId=GHCR)
    for call in (lambda: secretsmanager.get_secret_value(SecretId=GHCR),
                 lambda: secretsmanager.delete_secret(SecretId=GHCR),
                 lambda: secretsmanager.create_secret(Name=GHCR)):
        with refused("InvalidRequestException", "deletion"):
            call()
    assert secretsmanager.list_secrets()["SecretList"] == []
    assert len(secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1


def test_deletion_at_once(secretsmanager):
    secretsmanager.create_secret(Name=GHCR)
    secretsmanager.delete_secret(SecretId=GHCR, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        secretsmanager.describe_secret(SecretId=GHCR)


def test_creation_of_a_secret_is_idempotent_by_token(secretsmanager):
    given = {"Name": GHCR, "SecretString": "one", "ClientRequestToken": "0" * 32}
    assert secretsmanager.create_secret(**given)["ARN"] \
        == secretsmanager.create_secret(**given)["ARN"]
    with refused("ResourceExistsException", GHCR):
        secretsmanager.create_secret(**{**given, "SecretString": "two"})


@pytest.mark.parametrize("members, code", [
    ({"Name": ""}, "ValidationException"), ({"Name": "n" * 513}, "ValidationException"),
    ({"Name": "a b"}, "ValidationException"),
    ({"ClientRequestToken": "short"}, "ValidationException"),
    ({"SecretString": "s" * 65537}, "ValidationException"),
    ({"SecretString": "s", "SecretBinary": b"s"}, "InvalidParameterException"),
])
def test_constraints_of_a_secret(secretsmanager, members, code):
    with refused(code):
        secretsmanager.create_secret(**{"Name": "x", **members})


def test_secret_that_cannot_be_decrypted(aws, secretsmanager):
    aws.secret(GHCR, accessible=False)
    with refused("DecryptionFailure"):
        secretsmanager.get_secret_value(SecretId=GHCR)
    secretsmanager.describe_secret(SecretId=GHCR)


def test_list_of_secrets(aws, secretsmanager):
    for name in ("ecr-pullthroughcache/a", "ecr-pullthroughcache/b", "other"):
        aws.secret(name)
    only = {"Filters": [{"Key": "name", "Values": ["ecr-pullthroughcache/"]}]}
    assert [each["Name"] for each in secretsmanager.list_secrets(**only)["SecretList"]] \
        == ["ecr-pullthroughcache/a", "ecr-pullthroughcache/b"]
    inverse = {"Filters": [{"Key": "name", "Values": ["!ecr-"]}]}
    assert [each["Name"] for each in secretsmanager.list_secrets(**inverse)["SecretList"]] \
        == ["other"]
    pages = list(secretsmanager.get_paginator("list_secrets").paginate(
        PaginationConfig={"PageSize": 2}))
    assert [len(page["SecretList"]) for page in pages] == [2, 1]
    with refused("InvalidNextTokenException"):
        secretsmanager.list_secrets(NextToken="x")


# The stand-in itself.


def test_strictness_is_a_setting(aws, clients):
    client = clients("ecr")
    with refused("SerializationException", "strict"):
        raw_call(client, {"maxresults": 5})
    aws.set(strict=False)
    assert raw_call(client, {"maxresults": 5})["pullThroughCacheRules"] == []


def raw_call(client, body):
    """DescribePullThroughCacheRules with members that botocore would not send."""
    def replace(request, **_):
        request.data = json.dumps(body).encode()

    client.meta.events.register("before-sign.ecr.DescribePullThroughCacheRules", replace, "once")
    try:
        return client.describe_pull_through_cache_rules()
    finally:
        client.meta.events.unregister("before-sign.ecr.DescribePullThroughCacheRules", replace,
                                      "once")


def test_calls_are_listed_without_secrets(aws, clients):
    secret = "hidden-value-1"
    manager = clients("secretsmanager")
    manager.create_secret(Name=GHCR, SecretString=secret)
    manager.get_secret_value(SecretId=GHCR)
    clients("ecr").get_authorization_token()
    found = aws.calls()
    assert [call["operation"] for call in found] == ["CreateSecret", "GetSecretValue",
                                                     "GetAuthorizationToken"]
    assert found[0]["parameters"]["SecretString"] == "***"
    assert found[0]["parameters"]["Name"] == GHCR
    assert all(call["principal"] == "operator" and call["status"] == 200 for call in found)
    text = json.dumps(found)
    assert secret not in text and standin.OPERATOR[1] not in text and "Signature" not in text
    assert len(aws.calls(service="ecr", operation="Get*")) == 1
    assert aws.calls(since=found[-1]["id"]) == []


def test_calls_can_be_waited_for(aws, clients):
    client = clients("ecr")
    thread = threading.Thread(target=client.describe_registry)
    answer = []
    waiting = threading.Thread(target=lambda: answer.append(aws.calls(count=1, wait=20)))
    waiting.start()
    thread.start()
    waiting.join(30)
    thread.join(30)
    assert [call["operation"] for call in answer[0]] == ["DescribeRegistry"]


@pytest.mark.parametrize("region, partition, suffix", [
    ("cn-north-1", "aws-cn", "amazonaws.com.cn"), ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ("eusc-de-east-1", "aws-eusc", "amazonaws.eu")])
def test_partitions(aws, clients, region, partition, suffix):
    aws.set(region=region)
    made = clients("secretsmanager", region=region).create_secret(Name=GHCR)
    assert made["ARN"].startswith(f"arn:{partition}:secretsmanager:{region}:{ACCOUNT}:")
    data, = clients("ecr", region=region).get_authorization_token()["authorizationData"]
    assert data["proxyEndpoint"] == f"https://{ACCOUNT}.dkr.ecr.{region}.{suffix}"


def test_long_requests_are_not_kept(aws, ecr):
    with refused("InvalidParameterException"):
        ecr.put_registry_policy(policyText="x" * 200000)
    assert aws.calls()[-1]["parameters"] == {"bytes": 200018}


@pytest.mark.parametrize("method, path, body", [
    ("POST", "sessions", {"principal": "nobody"}), ("POST", "sessions", {"principal": []}),
    ("POST", "sessions", {"principal": "webhook", "seconds": "x"}), ("POST", "odd", {}),
    ("KNOWN", "principal", {}), ("PATCH", "state", {"rules": []}), ("PATCH", "state", {"odd": {}}),
    ("PATCH", "principals/nobody", {}), ("PATCH", "principals/webhook", {"odd": 1}),
    ("DELETE", "keys/none", None), ("DELETE", "faults/9", None), ("DELETE", "faults/x", None),
    ("DELETE", "secrets/none", None), ("POST", "expire", {"what": "all"}),
    ("GET", "calls?since=x", None), ("GET", "calls?odd=1", None), ("POST", "faults", [])])
def test_administration_refuses_what_it_does_not_know(aws, method, path, body):
    with pytest.raises(standin.Refused):
        aws.admin(method, path, body)


@pytest.mark.parametrize("change", [
    {"nonsense": 1}, {"ruleQuota": "x"}, {"ruleQuota": -1}, {"errorDressing": "odd"},
    {"account": "12"}, {"pageSize": 0}, {"strict": 1}, {"upstreams": {"quay.io": "http://x"}}])
def test_settings_are_checked(aws, change):
    with pytest.raises(standin.Refused):
        aws.set(**change)


@pytest.mark.parametrize("fault", [
    {"kind": "odd"}, {"kind": "slow"}, {"kind": "slow", "seconds": "x"},
    {"kind": "throttle", "odd": 1}, {"kind": "dressing", "dressing": "odd"},
    {"kind": "reset", "applied": 1}, {"kind": "throttle", "times": True}, {"kind": "not-valid"},
    {"kind": "not-valid", "failure": 7}])
def test_faults_are_checked(aws, fault):
    with pytest.raises(standin.Refused):
        aws.admin("POST", "faults", fault)


def test_state_on_disk_outlives_the_process(tmp_path):
    from standin_model import Clients
    folder = tmp_path / "state"
    for start in (True, False):
        process = standin.StandIn("--state", folder, "--set", "region=eu-central-1")
        try:
            client = Clients(process.url)("ecr", region="eu-central-1")
            if start:
                create_rule(client)
                process.secret(GHCR)
            else:
                assert [rule["ecrRepositoryPrefix"] for rule in rules(client)] == ["quaycache"]
                assert list(process.state()["secrets"]) == [GHCR]
        finally:
            assert process.stop() == 0
    assert (folder / "state.json").stat().st_mode & 0o777 == 0o600
