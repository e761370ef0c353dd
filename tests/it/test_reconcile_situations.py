"""Every situation that a registry can be in, or that AWS can get the reconciler into, as it shows
from outside: what becomes of each upstream, what is said, what was asked, and what was left alone.
"""

import dataclasses
import typing

import pytest

from reconciling import running, wait_for
from standin import ACCOUNT, DEFAULTS, OPERATOR, REGION

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGES = {"docker.io": ("nginx:1.27", "dockercache/library/nginx:1.27"),
          "ghcr.io": ("ghcr.io/org/app:1", "ghcrcache/org/app:1"),
          "registry.k8s.io": ("registry.k8s.io/pause:3.10", "k8scache/pause:3.10"),
          "quay.io": ("quay.io/prometheus/prometheus:v3", "quaycache/prometheus/prometheus:v3")}
DOCKER, GHCR = "ecr-pullthroughcache/dockerio", "ecr-pullthroughcache/ghcr"
CREATE, UPDATE = "CreatePullThroughCacheRule", "UpdatePullThroughCacheRule"
CREATE_TEMPLATE = "CreateRepositoryCreationTemplate"


def rule(prefix, url, arn=None, inner="ROOT"):
    return {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url, "createdAt": 1.7e9,
            "updatedAt": 1.7e9, "registryId": ACCOUNT, "upstreamRegistry": "quay",
            "credentialArn": arn, "customRoleArn": None, "upstreamRepositoryPrefix": inner}


def put_rules(aws, *made):
    aws.state(rules={each["ecrRepositoryPrefix"]: each for each in made})


def put_template(aws, prefix="ROOT", **members):
    aws.state(templates={prefix: {
        "prefix": prefix, "description": None, "resourceTags": [], "imageTagMutability": "MUTABLE",
        "encryptionConfiguration": {"encryptionType": "AES256"}, "repositoryPolicy": "",
        "lifecyclePolicy": "", "imageTagMutabilityExclusionFilters": None, "customRoleArn": None,
        "appliedFor": ["PULL_THROUGH_CACHE"], "createdAt": 1.7e9, "updatedAt": 1.7e9, **members}})


def all_rules(arns):
    return [rule(prefix, url, arns.get(name)) for url, (prefix, name) in DEFAULTS.items()]


def secret_with(**members):
    return lambda aws, arns: aws.secret(DOCKER, **members)


def fault(kind, **members):
    return lambda aws, arns: aws.fault(kind, **members)


def refused(code, text, operation=CREATE, **members):
    return fault("error", operation=operation, code=code, message=text, **members)


def denied(*actions):
    return lambda aws, arns: aws.principal("webhook", denied=list(actions))


def with_rules(*made):
    return lambda aws, arns: put_rules(aws, *made)


def with_template(*prefix, **members):
    return lambda aws, arns: put_template(aws, *prefix, **members)


def endpoints(url):
    return {"aws": {"endpoint": dict.fromkeys(("ecr", "sts", "secretsmanager"), url)}}


@dataclasses.dataclass
class Situation:
    """Two secrets are there; then `prepare`. Upstreams that `states` doesn't name are ready."""

    name: str
    prepare: typing.Callable = lambda aws, arns: None
    states: dict = dataclasses.field(default_factory=dict)
    everything: str = "ready"                  # the state of the others
    said: tuple = ()                           # in the reasons of `states`, or of all
    notes: tuple = ()                          # in the notes of /status
    problem: str = ""                          # in the problem of /status; "": None
    calls: dict = dataclasses.field(default_factory=dict)  # operation: how often it is asked
    left_alone: bool = False                   # rules and templates are as they were
    not_written: tuple = ()                    # of ready upstreams, whose image another rule takes
    config: dict = dataclasses.field(default_factory=dict)
    keys: str = "operator"                     # or "webhook", the role
    environment: dict = dataclasses.field(default_factory=dict)


OBSERVE = {"reconcile": {"mode": "observe"}}
TEMPLATE_STAYS = {"reconcile": {"template": {"manage": False}}}
LOOK_ONLY = {CREATE: 0, UPDATE: 0, CREATE_TEMPLATE: 0, "ValidatePullThroughCacheRule": 0}

SITUATIONS = [
    # The rule is there.
    Situation("the rules are there", lambda aws, arns: put_rules(aws, *all_rules(arns)),
              calls={CREATE: 0, UPDATE: 0, CREATE_TEMPLATE: 1}),
    Situation("the rules are there, page by page",
              lambda aws, arns: (aws.set(pageSize=1), put_rules(aws, *all_rules(arns))),
              calls={CREATE: 0, UPDATE: 0}),
    Situation("the URL is written otherwise", with_rules(rule("quaycache", "https://QUAY.io/")),
              calls={CREATE: 3, UPDATE: 0}),
    Situation("the rule points elsewhere", with_rules(rule("quaycache", "public.ecr.aws")),
              {"quay.io": "conflict"}, said=("public.ecr.aws", "quay.io"),
              calls={CREATE: 3, UPDATE: 0}),
    Situation("the rule is for a part of the upstream",
              with_rules(rule("quaycache", "quay.io", inner="prometheus")),
              {"quay.io": "conflict"}, said=('below "prometheus" only',),
              calls={CREATE: 3, UPDATE: 0}),
    Situation("the rule has no credential", with_rules(rule("dockercache", "registry-1.docker.io")),
              calls={CREATE: 3, UPDATE: 1}),
    Situation("the rule has no credential, observed",
              lambda aws, arns: put_rules(aws, *all_rules({GHCR: arns[GHCR]})),
              {"docker.io": "secret-missing"}, said=("has no credential",), calls=LOOK_ONLY,
              config=OBSERVE, left_alone=True),
    Situation("the rule has another credential, observed",
              lambda aws, arns: put_rules(aws, *all_rules({**arns, DOCKER: arns[GHCR]})),
              notes=('"dockercache" keeps another credential',), calls=LOOK_ONLY, config=OBSERVE,
              left_alone=True),
    Situation("the rule has another credential", lambda aws, arns: put_rules(
                  aws, *all_rules({**arns, DOCKER: arns[GHCR]})),
              notes=('"dockercache" keeps another credential',), calls={CREATE: 0, UPDATE: 0},
              left_alone=True, config=TEMPLATE_STAYS),
    Situation("the rule has a credential that is gone", lambda aws, arns: put_rules(
                  aws, *all_rules({**arns, DOCKER: f"{arns[GHCR][:-12]}/gone-AbCd12"})),
              calls={CREATE: 0, UPDATE: 1}),
    Situation("the rule has its credential without the suffix", lambda aws, arns: put_rules(
                  aws, *all_rules({**arns, DOCKER: arns[DOCKER][:-7]})),
              calls={CREATE: 0, UPDATE: 0}, left_alone=True, config={
                  "reconcile": {"validate": 0, "template": {"manage": False}}}),
    Situation("the rules end in a slash", lambda aws, arns: put_rules(
                  aws, *({**each, "ecrRepositoryPrefix": each["ecrRepositoryPrefix"] + "/"}
                         for each in all_rules(arns))),
              calls={CREATE: 0, UPDATE: 0, "ValidatePullThroughCacheRule": 2}, left_alone=True,
              config=TEMPLATE_STAYS),
    Situation("a rule lies below ours", with_rules(rule("quaycache/prometheus", "public.ecr.aws")),
              notes=('quay.io below "prometheus" are left alone: the rule "quaycache/prometheus" '
                     'takes them from public.ecr.aws',), calls={CREATE: 4},
              not_written=("quay.io",)),
    Situation("a rule lies below ours, and none is required",
              with_rules(rule("quaycache/prometheus", "public.ecr.aws")),
              notes=('are left alone: the rule "quaycache/prometheus"',),
              not_written=("quay.io",), config={"rewrite": {"requireRule": False}}),
    Situation("a rule below ours is for other images of the upstream",
              with_rules(rule("quaycache/prometheus/", "quay.io")),
              notes=("from other repositories of quay.io",), calls={CREATE: 4},
              not_written=("quay.io",)),
    Situation("a rule below ours is for the same images",
              with_rules(rule("quaycache/prometheus", "quay.io", inner="prometheus")),
              calls={CREATE: 4}),
    Situation("a rule lies beside ours", with_rules(rule("quaycache/prom", "public.ecr.aws")),
              notes=('quay.io below "prom" are left alone',), calls={CREATE: 4}),
    Situation("another prefix has the upstream", with_rules(rule("hub", "quay.io")),
              notes=('quay.io is cached under the prefix "hub" too',), calls={CREATE: 4}),
    Situation("a rule catches all", with_rules(rule("ROOT", "quay.io")),
              notes=("has a rule ROOT",), calls={CREATE: 4}),

    # The rule is not there.
    Situation("the answer to a creation is lost", fault("reset", operation=CREATE, applied=True),
              calls={CREATE: 5}),
    Situation("another replica was faster",
              lambda aws, arns: (put_rules(aws, *all_rules(arns)), aws.fault(
                  "body", operation="DescribePullThroughCacheRules",
                  body='{"pullThroughCacheRules": []}')),
              calls={CREATE: 4, UPDATE: 0}),
    Situation("a faster one pointed it elsewhere",
              lambda aws, arns: (put_rules(aws, rule("quaycache", "public.ecr.aws")), aws.fault(
                  "body", operation="DescribePullThroughCacheRules",
                  body='{"pullThroughCacheRules": []}')),
              {"quay.io": "conflict"}, said=("public.ecr.aws",), calls={CREATE: 4}),
    Situation("nobody knows whether it was created", fault("close", operation=CREATE, times=None),
              everything="missing", said=(CREATE,), problem=CREATE),
    Situation("there is no room for a rule",
              lambda aws, arns: put_rules(aws, *(rule(f"theirs{i}", "public.ecr.aws")
                                                 for i in range(50))),
              everything="missing", said=("LimitExceededException",),
              calls={CREATE: 4, UPDATE: 0, CREATE_TEMPLATE: 1}),
    Situation("there is room for three rules", lambda aws, arns: aws.set(ruleQuota=3),
              {"quay.io": "missing"}, said=("LimitExceededException",), calls={CREATE: 4}),
    Situation("ECR takes no such upstream",
              refused("UnsupportedUpstreamRegistryException",
                      "The upstream registry URL is invalid.", skip=3),
              {"quay.io": "unsupported"}, said=("is invalid",), calls={CREATE: 4}),
    Situation("ECR wants a credential",
              refused("UnsupportedUpstreamRegistryException",
                      "The specified upstream registry requires authentication. Specify a valid "
                      "Secrets Manager ARN", skip=3),
              {"quay.io": "secret-missing"}, said=("requires authentication",)),
    Situation("the service-linked role may not be made", denied("iam:CreateServiceLinkedRole"),
              everything="denied", said=("iam:CreateServiceLinkedRole",), keys="webhook",
              calls={CREATE: 4}),

    # Its secret.
    Situation("the secret is not there",
              lambda aws, arns: aws.admin("DELETE", f"secrets/{DOCKER}"),
              {"docker.io": "secret-missing"}, said=(DOCKER, REGION), calls={CREATE: 3}),
    Situation("the secret is being deleted", secret_with(deleted=True),
              {"docker.io": "secret-missing"}, said=("scheduled for deletion",), calls={CREATE: 3}),
    Situation("the secret is of another region", states={"docker.io": "secret-missing"},
              said=("eu-west-1", REGION), calls={CREATE: 0},
              config={"upstreams": [{"registry": "docker.io",
                                     "secret": f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:"
                                               f"secret:{DOCKER}-AbCdEf"}]}),
    Situation("ECR may not read the secret", secret_with(accessible=False),
              {"docker.io": "secret-invalid"}, said=("UnableToAccessSecretException",),
              calls={CREATE: 4}),
    Situation("the secret has a key of the customer's",
              secret_with(kmsKeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1-2"),
              {"docker.io": "secret-invalid"}, said=("aws/secretsmanager",), calls={CREATE: 3}),
    Situation("the secret is not JSON", secret_with(value="no JSON"),
              {"docker.io": "secret-invalid"}, said=("not in the expected form",),
              calls={CREATE: 4}),
    Situation("the upstream refuses the token",
              lambda aws, arns: aws.set(upstreams={"registry-1.docker.io": {
                  "accounts": {"somebody": "another-token"}}}),
              {"docker.io": "secret-invalid"}, said=("authentication",), calls={CREATE: 4}),
    Situation("the secret may not be looked up", denied("secretsmanager:DescribeSecret"),
              {"docker.io": "denied", "ghcr.io": "denied"}, keys="webhook",
              said=("secretsmanager:DescribeSecret",), calls={CREATE: 2}),

    # Where we are.
    Situation("a region without the feature",
              lambda aws, arns: aws.set(region="cn-north-1"), everything="unsupported",
              said=("cn-north-1",), calls=LOOK_ONLY, left_alone=True,
              environment={"AWS_REGION": "cn-north-1"}),

    # AWS.
    Situation("a call is throttled", fault("throttle", operation=CREATE, times=1),
              calls={CREATE: 5}),
    Situation("a call breaks", fault("server-error", operation=CREATE, times=2),
              calls={CREATE: 6}),
    Situation("the port is closed", everything="unknown", said=("127.0.0.1",), problem="127.0.0.1",
              config=endpoints("http://127.0.0.1:1")),
    Situation("the name does not resolve", everything="unknown", said=("ecr.invalid",),
              problem="ecr.invalid", config=endpoints("https://ecr.invalid")),
    Situation("our clock is wrong", lambda aws, arns: aws.set(clockOffset=5000),
              calls={CREATE: 4}),
    Situation("the secret key is wrong", everything="unknown", keys="wrong",
              said=("InvalidSignatureException",), problem="InvalidSignatureException",
              calls={"Describe*": 2, CREATE: 0}),
    Situation("the key is unknown", everything="unknown", keys="unknown",
              said=("UnrecognizedClientException",), problem="UnrecognizedClientException",
              calls={CREATE: 0}),

    # The template.
    Situation("a template of the prefix", with_template("quaycache"),
              notes=('below "quaycache" follow the creation template "quaycache"',),
              calls={CREATE_TEMPLATE: 1}),
    Situation("a template below sets tags without a role",
              with_template("quaycache/prometheus", resourceTags=[{"Key": "a", "Value": "b"}]),
              notes=('quay.io below "prometheus" are left alone: the creation template',),
              calls={CREATE_TEMPLATE: 1}, not_written=("quay.io",)),
    Situation("a template below makes tags immutable",
              with_template("quaycache/prometheus/", imageTagMutability="IMMUTABLE"),
              notes=('below "quaycache/prometheus" follow the creation template '
                     '"quaycache/prometheus/", which makes tags immutable',),
              calls={CREATE_TEMPLATE: 1}),
    Situation("a template below encrypts otherwise",
              with_template("quaycache/prometheus",
                            encryptionConfiguration={"encryptionType": "KMS"}),
              notes=("which encrypts with KMS and names no role",), calls={CREATE_TEMPLATE: 1}),
    Situation("ROOT encrypts otherwise",
              with_template(encryptionConfiguration={"encryptionType": "KMS"}),
              notes=("ROOT encrypts with KMS",), calls={CREATE_TEMPLATE: 0}),
    Situation("ROOT is for something else", with_template(appliedFor=["REPLICATION"]),
              notes=("not applied to pull-through caches",), calls={CREATE_TEMPLATE: 0}),
    Situation("ROOT makes tags immutable", with_template(imageTagMutability="IMMUTABLE"),
              notes=("makes tags immutable",), calls={CREATE_TEMPLATE: 0}),
    Situation("ROOT sets tags without a role",
              with_template(resourceTags=[{"Key": "a", "Value": "b"}]), everything="conflict",
              said=("sets tags and has no role",), calls={CREATE_TEMPLATE: 0}),
    Situation("another replica made the template",
              lambda aws, arns: (put_template(aws), aws.fault(
                  "body", operation="DescribeRepositoryCreationTemplates",
                  body=f'{{"registryId": "{ACCOUNT}", "repositoryCreationTemplates": []}}')),
              calls={CREATE_TEMPLATE: 1}),
    Situation("the template may not be made", denied("ecr:CreateRepositoryCreationTemplate"),
              keys="webhook", problem="ecr:CreateRepositoryCreationTemplate",
              calls={CREATE_TEMPLATE: 1, CREATE: 4}),
    Situation("templates may not be read", denied("ecr:DescribeRepositoryCreationTemplates"),
              keys="webhook", problem="ecr:DescribeRepositoryCreationTemplates",
              calls={CREATE_TEMPLATE: 0}),
    Situation("the template is not ours to make", calls={CREATE_TEMPLATE: 0, CREATE: 4},
              config={"reconcile": {"template": {"manage": False}}}),
]


def keys_of(aws, name):
    return {"operator": OPERATOR, "wrong": (OPERATOR[0], "another+secret"),
            "unknown": ("AKIANOBODYKNOWSTHIS1", OPERATOR[1])}.get(name) or aws.session(name)


def check_states(replica, situation):
    found = {name: each["state"] for name, each in replica.upstreams().items()}
    assert found == {name: situation.states.get(name, situation.everything) for name in found}
    for name, each in replica.upstreams().items():
        if name in situation.states or (not situation.states and situation.said):
            for text in situation.said:
                assert text in each["reason"]


def check_images(replica, not_written):
    """Ready ones are rewritten, no others."""
    states = replica.states()
    written = {name: image for name, (image, _) in IMAGES.items() if name in states}
    want = [f"{HOST}/{IMAGES[name][1]}" if states[name] == "ready" and name not in not_written
            else written[name] for name in written]
    assert replica.review(*written.values()) == want


def check_status(replica, situation):
    status = replica.status()["reconcile"]
    if situation.problem:
        assert situation.problem in status["problem"]
    else:
        assert status["problem"] is None
    for note in situation.notes:
        assert any(note in each for each in status["notes"]), status["notes"]
    assert bool(situation.notes) == bool(status["notes"]), status["notes"]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.name)
def test_situation(situation, aws, program, certs, tmp_path):
    arns = {name: aws.secret(name) for name in (DOCKER, GHCR)}
    keys = keys_of(aws, situation.keys)
    situation.prepare(aws, arns)
    before = aws.state()
    with running(program, tmp_path, certs.leaf, aws, situation.config, keys=keys,
                 environment=situation.environment) as replica:
        wait_for(lambda: replica.status()["reconcile"]["lastPass"], "the first pass")
        check_states(replica, situation)
        check_images(replica, situation.not_written)
        check_status(replica, situation)
        assert replica.get("/readyz") == "ok\n"
        for operation, times in situation.calls.items():
            assert len(aws.calls(operation=operation)) == times, operation
        assert not aws.calls(operation="Delete*")
        if situation.left_alone:
            after = aws.state()
            assert (after["rules"], after["templates"]) == (before["rules"], before["templates"])
        for prefix, kept in before["rules"].items():
            now = aws.state()["rules"][prefix]
            assert now["upstreamRegistryUrl"] == kept["upstreamRegistryUrl"]
        for prefix, kept in before["templates"].items():
            assert aws.state()["templates"][prefix] == kept
