"""`pullthrough verify` beside the AWS stand-in, which is the registry too, by TLS."""

import contextlib
import json
import re
import signal
import socket
import time

import pytest

import standin
from commands import ACCOUNT_VALUE, Commands
from standin import ACCOUNT, REGION
from upstream import settings_of

STEPS = ["credentials", "image", "rule", "secret", "validation", "token", "pull", "repository",
         "cached"]
QUAY = "quay.io/org/app:1.0"
SECRET = "ecr-pullthroughcache/dockerio"


@pytest.fixture(scope="module")
def upstreams(registries):
    quay, hub = registries
    quay.image("org/app", "1.0")
    quay.image("org/app", "latest")
    hub.index("library/alpine", "3")
    # who the stand-in lets in is told by `accounts`: the upstreams themselves are open
    return settings_of(quay, hub, accounts={"somebody": ACCOUNT_VALUE["accessToken"]})


@pytest.fixture
def aws(secure_standin, upstreams):
    secure_standin.reset()
    secure_standin.set(upstreams=upstreams)
    return secure_standin


@pytest.fixture
def commands(program, tmp_path, aws, certs):
    made = Commands(program, tmp_path, aws, registry={"host": aws.host})
    made.config["aws"]["caFile"] = str(certs.ca)
    return made


@pytest.fixture
def ready(commands, aws):
    """With the rules of docker.io and quay.io made."""
    aws.secret(SECRET, value=ACCOUNT_VALUE)
    commands.config["upstreams"] = [{"registry": "docker.io"}, {"registry": "quay.io"}]
    commands.run("rules", "apply", status=0)
    aws.admin("DELETE", "calls")
    return commands


def verify(commands, *arguments, status, **environment):
    """The steps by name, and what else the document holds."""
    done = commands.run("verify", *arguments, "-o", "json", status=status, **environment)
    document = json.loads(done.stdout)
    assert [each["step"] for each in document["steps"]] == STEPS
    assert document["ok"] is (status == 0)
    for password in commands.aws.state()["authorizationTokens"]:
        assert password not in done.stdout + done.stderr
    return {each["step"]: each for each in document["steps"]}, document


def check_failed(commands, step, detail, advice="", *arguments, status=1, **environment):
    steps, _ = verify(commands, *arguments, status=status, **environment)
    failed = [each for each in steps.values() if each["result"] == "failed"]
    assert [each["step"] for each in failed] == [step], steps
    assert detail in failed[0]["detail"], failed[0]
    assert advice in failed[0].get("advice", ""), failed[0]
    assert commands.writes() == []
    return steps


# --- all is well

def test_all_steps(ready, aws):
    steps, document = verify(ready, status=0)
    assert {each["result"] for each in steps.values()} == {"ok"}
    assert document["image"] == "docker.io/library/alpine:3"
    assert document["rewritten"] == f"{aws.host}/dockercache/library/alpine:3"
    assert steps["credentials"]["detail"] == \
        f"environment: arn:aws:iam::{ACCOUNT}:user/operator, {REGION}"
    held = aws.state()["repositories"]["dockercache/library/alpine"]
    assert steps["pull"]["detail"].split()[0] == held["tags"]["3"]["digest"]
    assert steps["cached"]["detail"].startswith(held["tags"]["3"]["digest"] + ", ")
    assert [call["operation"] for call in aws.calls()] == [
        "GetCallerIdentity", "DescribePullThroughCacheRules",
        "DescribeRepositoryCreationTemplates", "DescribeSecret", "ValidatePullThroughCacheRule",
        "GetAuthorizationToken", "GetManifest", "DescribeRepositories", "DescribeImages"]
    assert ready.writes() == []


def test_an_upstream_without_a_secret(ready):
    steps, _ = verify(ready, QUAY, status=0)
    assert [name for name, each in steps.items() if each["result"] == "skipped"] == [
        "secret", "validation"]
    assert steps["secret"]["detail"] == "quay.io needs none"


def test_the_text(ready, aws):
    done = ready.run("verify", QUAY, status=0)
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == STEPS
    assert [line[0] for line in lines] == ["✓", "✓", "✓", "-", "-", "✓", "✓", "✓", "✓"]
    assert lines[1] == f"✓ image        {QUAY} -> {aws.host}/quaycache/org/app:1.0"
    assert done.stderr == ""
    status, text = ready.terminal("verify", QUAY, NO_COLOR="")
    assert status == 0 and "\033[32m✓\033[0m pull " in text
    status, text = ready.terminal("verify", "quay.io/org/none:1", NO_COLOR="")
    assert status == 1 and "\033[31m✗\033[0m pull " in text
    assert "\033[" not in ready.terminal("verify", QUAY, NO_COLOR="1")[1].replace("\033[K", "")


def test_without_a_tag(ready, aws):
    steps, document = verify(ready, "quay.io/org/app", status=0)
    assert document["rewritten"] == f"{aws.host}/quaycache/org/app"
    assert aws.calls(operation="GetManifest")[0]["path"] == "/v2/quaycache/org/app/manifests/latest"


def test_by_digest(ready, aws):
    ready.config["rewrite"] = {"digests": "rewrite"}
    steps, _ = verify(ready, QUAY, status=0)
    digest = steps["pull"]["detail"].split()[0]
    verify(ready, f"quay.io/org/app@{digest}", status=0)
    rules = aws.state()["rules"]
    aws.state(repositories={}, rules=rules)
    check_failed(ready, "pull", "HTTP 404", "", f"quay.io/org/app@{digest}")


CACHED = pytest.mark.parametrize("mode", [{"when": "cached"}, {"digests": "cached"}],
                                 ids=["when", "digests"])


def digest_of(aws, tag):
    return aws.state()["repositories"]["quaycache/org/app"]["tags"][tag]["digest"]


def test_names_the_mode(ready, aws):
    ready.config["rewrite"] = {"when": "cached"}
    steps, document = verify(ready, QUAY, status=0)
    assert steps["image"]["detail"] == (f"{QUAY} -> {aws.host}/quaycache/org/app:1.0, once ECR "
                                        "holds it (rewrite.when is cached)")
    assert document["rewritten"] == f"{aws.host}/quaycache/org/app:1.0"
    ready.config["rewrite"] = {"digests": "cached"}
    steps, _ = verify(ready, QUAY, status=0)
    assert "once ECR" not in steps["image"]["detail"]
    steps, _ = verify(ready, f"{QUAY}@{digest_of(aws, '1.0')}", status=0)
    assert steps["image"]["detail"].endswith(", once ECR holds it (rewrite.digests is cached)")


@CACHED
def test_a_digest_with_a_tag_is_imported_by_the_tag(ready, aws, mode):
    """As `serve` does it; a pull by the digest would be a 404."""
    verify(ready, QUAY, status=0)
    digest = digest_of(aws, "1.0")
    aws.state(repositories={}, rules=aws.state()["rules"])
    aws.admin("DELETE", "calls")
    ready.config["rewrite"] = mode
    steps, _ = verify(ready, f"{QUAY}@{digest}", status=0)
    assert [call["path"] for call in aws.calls(operation="GetManifest")] == [
        "/v2/quaycache/org/app/manifests/1.0"]
    assert steps["cached"]["detail"].startswith(digest)


@CACHED
def test_a_tag_that_moved(ready, mode):
    ready.config["rewrite"] = mode
    check_failed(ready, "pull", "the tag 1.0 is another image now, sha256:",
                 "name the tag's own digest", f"{QUAY}@sha256:{'0' * 64}")


@CACHED
def test_a_digest_alone_is_only_used(ready, aws, mode):
    ready.config["rewrite"] = mode
    image = f"quay.io/org/app@sha256:{'0' * 64}"
    steps, _ = verify(ready, image, status=1)
    assert steps["pull"]["result"] == "skipped"
    assert steps["repository"]["detail"].startswith("ECR doesn't hold it: ")
    assert len(aws.calls(operation="DescribeRepositories")) == 1     # it doesn't wait
    assert aws.calls(operation="GetManifest") == []
    verify(ready, QUAY, status=0)
    steps, _ = verify(ready, image, status=1)
    assert (steps["repository"]["result"], steps["cached"]["result"]) == ("ok", "failed")
    assert "name a tag beside the digest" in steps["cached"]["advice"]
    image = f"quay.io/org/app@{digest_of(aws, '1.0')}"
    verify(ready, image, status=0)
    assert aws.archive("quaycache/org/app") == 1
    check_failed(ready, "cached", "archived it, so that it can't be pulled", "", image)


def test_patience(ready, aws):
    aws.set(importDelay=3)
    done = ready.run("verify", QUAY, status=0)
    assert "pullthrough verify: waiting for the image to be seen in ECR (" in done.stderr
    assert len(aws.calls(operation="DescribeImages")) > 1


def test_patience_ends(ready, aws):
    aws.set(importDelay=300)
    check_failed(ready, "cached", "not seen within 3 s: ", "verify again later", QUAY,
                 "--timeout", "3s")


# --- credentials

def test_no_credentials(ready):
    check_failed(ready, "credentials", "no AWS credentials", "", status=3, AWS_ACCESS_KEY_ID="",
                 AWS_SECRET_ACCESS_KEY="")


def test_expired_credentials(ready, aws):
    ready.use(*aws.session("webhook"))
    aws.expire("sessions")
    check_failed(ready, "credentials", "ExpiredToken", "get new ones", status=3)


def test_a_wrong_secret_key(ready):
    ready.use(standin.OPERATOR[0], "a-key-that-is-wrong-but-must-not-show")
    check_failed(ready, "credentials", "SignatureDoesNotMatch", "check the secret key", status=3)


def test_no_region(ready):
    check_failed(ready, "credentials", "region", "", status=3, AWS_REGION="")


def test_nobody_answers(ready):
    ready.config["aws"]["endpoint"] = dict.fromkeys(("ecr", "sts"), "http://127.0.0.1:1")
    check_failed(ready, "credentials", "GetCallerIdentity", "check the way to AWS", status=3)


def test_sts_is_not_needed(ready):
    ready.config["aws"]["endpoint"]["sts"] = "http://127.0.0.1:1"
    steps, _ = verify(ready, QUAY, status=0, AWS_ACCOUNT_ID=ACCOUNT)
    assert "STS did not say more" in steps["credentials"]["detail"]


def test_another_account(ready):
    ready.config["registry"]["account"] = "999988887777"
    check_failed(ready, "image", f"of account {ACCOUNT}, the configuration says 999988887777")


def test_a_broken_configuration(ready):
    ready.config["what"] = 1
    done = ready.run("verify", status=3)
    assert 'unknown key "what"' in done.stderr and done.stdout == ""


# --- image

@pytest.mark.parametrize("image, word", [
    ("mcr.microsoft.com/a/b:1", "(not-upstream)"),
    ("quay.io/org/app@sha256:" + "0" * 64, "(digest)"),
    ("quay.io/org/secret:1", "(excluded)"),
    ("quay.io/UPPER:1", "(invalid): "),
    ("quay.io/" + "a/" * 123 + "a:1", "(too-long)"),
    ("111122223333.dkr.ecr.us-west-2.amazonaws.com/a:1", "(already-ecr)"),
])
def test_an_image_that_is_not_rewritten(ready, image, word):
    ready.config["rewrite"] = {"exclude": ["quay.io/org/secret"]}
    check_failed(ready, "image", f"{image} is not rewritten: ", "lets be rewritten", image)
    assert word in verify(ready, image, status=1)[0]["image"]["detail"]


# --- rule

def test_no_rule(ready, aws):
    aws.state(rules={})
    steps = check_failed(ready, "rule", f'there is no rule "quaycache" in ECR in {REGION}',
                         "`pullthrough rules apply` makes it", QUAY)
    assert steps["pull"] == {"step": "pull", "result": "skipped", "detail": "not tried"}


def change_rule(aws, prefix, **members):
    rules = aws.state()["rules"]
    rules[prefix].update(members)
    aws.state(rules=rules)


def test_a_conflict(ready, aws):
    change_rule(aws, "quaycache", upstreamRegistryUrl="public.ecr.aws")
    check_failed(ready, "rule", "points to public.ecr.aws, not to quay.io", "", QUAY)


def add_rule(aws, prefix, url, **members):
    rules = aws.state()["rules"]
    rules[prefix] = {**rules["quaycache"], "ecrRepositoryPrefix": prefix,
                     "upstreamRegistryUrl": url, **members}
    aws.state(rules=rules)


def test_a_rule_below_ours(ready, aws):
    """It would serve the image from another upstream: nothing is pulled, and the rule is named."""
    add_rule(aws, "dockercache/library/", "quay.io")
    steps = check_failed(ready, "rule", 'images of docker.io below "library" are left alone: the '
                                        'rule "dockercache/library/" takes them from quay.io',
                         "delete it, if nobody needs it")
    assert steps["pull"]["result"] == "skipped" and aws.calls(operation="GetManifest") == []


def test_a_rule_below_ours_for_other_images(ready, aws):
    add_rule(aws, "quaycache/org2", "public.ecr.aws")
    add_rule(aws, "quaycache/org/app", "public.ecr.aws")    # it serves what lies below org/app/
    steps, _ = verify(ready, QUAY, status=0)
    assert steps["rule"]["detail"] == '"quaycache" points to quay.io'


def test_a_rule_below_ours_for_the_same_images(ready, aws):
    """The image's own rule is the one with the longest prefix."""
    add_rule(aws, "quaycache/org", "quay.io", upstreamRepositoryPrefix="org")
    steps, _ = verify(ready, QUAY, status=0)
    assert steps["rule"]["detail"] == '"quaycache/org" points to quay.io'


def test_no_rule_but_one_for_everything(ready, aws):
    add_rule(aws, "ROOT", "public.ecr.aws")
    rules = aws.state()["rules"]
    del rules["quaycache"]
    aws.state(rules=rules)
    check_failed(ready, "rule", 'the rule "ROOT" would take the image from public.ecr.aws',
                 "`pullthrough rules apply` makes it", QUAY)


def test_a_rule_that_ends_in_a_slash(ready, aws):
    rules = aws.state()["rules"]
    rules["dockercache/"] = {**rules.pop("dockercache"), "ecrRepositoryPrefix": "dockercache/"}
    aws.state(rules=rules)
    verify(ready, status=0)


def test_a_template_below_that_breaks_pulls(ready, aws):
    templates = aws.state()["templates"]
    templates["quaycache/org"] = {**templates["ROOT"], "prefix": "quaycache/org",
                                  "resourceTags": [{"Key": "a", "Value": "b"}]}
    aws.state(templates=templates)
    check_failed(ready, "rule", 'the creation template "quaycache/org" sets tags and has no role',
                 "", QUAY)
    verify(ready, status=0)


def test_a_template_that_breaks_pulls(ready, aws):
    templates = aws.state()["templates"]
    templates["ROOT"]["resourceTags"] = [{"Key": "a", "Value": "b"}]
    aws.state(templates=templates)
    check_failed(ready, "rule", 'the creation template "ROOT" sets tags and has no role', "", QUAY)


# --- secret and validation

def test_no_secret(ready, aws):
    aws.admin("DELETE", f"secrets/{SECRET}")
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["detail"] == \
        f'the secret "{SECRET}" is not in Secrets Manager in {REGION}'
    assert "aws secretsmanager create-secret" in steps["secret"]["advice"]
    assert steps["validation"]["result"] == "failed" and steps["pull"]["result"] == "failed"


@pytest.mark.parametrize("members, reason", [
    ({"deleted": True}, "is scheduled for deletion"),
    ({"kmsKeyId": "arn:aws:kms:us-west-2:111122223333:key/own"}, "a key of your own"),
])
def test_a_secret_that_is_no_use(ready, aws, members, reason):
    aws.secret(SECRET, value=ACCOUNT_VALUE, **members)
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["result"] == "failed" and reason in steps["secret"]["detail"]


def test_a_secret_that_was_made_anew(ready, aws):
    old = aws.state()["rules"]["dockercache"]["credentialArn"]
    aws.admin("DELETE", f"secrets/{SECRET}")
    new = aws.secret(SECRET, value=ACCOUNT_VALUE)
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["detail"] == \
        f'the rule has the credential {old}, and the secret "{SECRET}" is {new} now'
    assert "`pullthrough rules apply`" in steps["secret"]["advice"]


def test_a_wrong_token(ready, aws):
    aws.secret(SECRET, value={"username": "somebody", "accessToken": "wrong"})
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["result"] == "ok"
    assert steps["validation"]["detail"].startswith(
        "ECR cannot log in to registry-1.docker.io: The authentication to the upstream registry "
        "failed.")
    assert "HTTP 403 DENIED: The authentication to the upstream" in steps["pull"]["detail"]
    assert "the upstream did not take the secret's account" in steps["pull"]["advice"]


def test_an_upstream_that_is_away(ready, aws, upstreams):
    """Its cached images still work, and the secret is not to blame."""
    verify(ready, status=0)
    aws.set(upstreams={**upstreams, "registry-1.docker.io": {"url": "http://127.0.0.1:1"}})
    steps = check_failed(ready, "validation", "ECR cannot log in to registry-1.docker.io: The "
                                              "upstream registry could not be reached",
                         "cached images still work, and the secret may be right")
    assert steps["pull"]["result"] == "ok" and steps["cached"]["result"] == "ok"


@pytest.mark.parametrize("failure, advice", [
    ("toomanyrequests: You have reached your pull rate limit.", "cached images still work"),
    ("Nobody knows these words", "nothing says that the credential was refused"),
    ("unauthorized: incorrect username or password", "write the secret again: aws secretsmanager"),
    ("The secret value is not in the expected form", "write the secret again: aws secretsmanager"),
])
def test_what_a_validation_may_say(ready, aws, failure, advice):
    aws.fault("not-valid", failure=failure)
    check_failed(ready, "validation", failure, advice)


def test_a_rule_with_another_credential(ready, aws):
    """It works, so it stays; what is looked at is what the rule has."""
    ready.config["upstreams"] = [{"registry": "docker.io", "secret": "ecr-pullthroughcache/other"}]
    steps, _ = verify(ready, status=0)
    arn = aws.state()["rules"]["dockercache"]["credentialArn"]
    assert steps["secret"]["detail"] == (f"{arn}, which the rule keeps; the configuration names "
                                         "ecr-pullthroughcache/other")
    aws.admin("DELETE", f"secrets/{SECRET}")
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["detail"] == \
        f'the secret "{arn}" is not in Secrets Manager in {REGION}'
    assert "`pullthrough rules apply` gives the rule the secret" in steps["secret"]["advice"]


def test_a_rule_without_its_credential(ready, aws):
    change_rule(aws, "dockercache", credentialArn=None)
    steps, _ = verify(ready, status=1)
    assert steps["secret"]["detail"] == 'the rule "dockercache" has no credential'
    assert steps["validation"]["detail"] == "there is no credential to try"


# --- permissions

def policy_of(commands):
    return json.loads(commands.run("iam", "verify", "--account", ACCOUNT, "--region", REGION,
                                   status=0).stdout)


def test_the_policy_suffices(ready, aws):
    aws.principal("webhook", policy=policy_of(ready))
    ready.use(*aws.session("webhook"))
    verify(ready, status=0)
    verify(ready, QUAY, status=0)
    assert {call["error"] for call in aws.calls()} == {None}


TEMPLATES = "ecr:DescribeRepositoryCreationTemplates"
ACTIONS = [
    ("ecr:DescribePullThroughCacheRules", "rule"),
    ("secretsmanager:DescribeSecret", "secret"),
    ("ecr:ValidatePullThroughCacheRule", "validation"),
    ("ecr:GetAuthorizationToken", "token"),
    ("ecr:BatchGetImage", "pull"),
    ("ecr:BatchImportUpstreamImage", "pull"),
    ("ecr:CreateRepository", "pull"),
    ("ecr:DescribeRepositories", "repository"),
    ("ecr:DescribeImages", "cached"),
]


def test_these_are_all_actions(ready):
    listed = [each["Action"] for each in policy_of(ready)["Statement"]]
    found = {each for some in listed for each in ([some] if isinstance(some, str) else some)}
    assert found == {action for action, _ in ACTIONS} | {TEMPLATES}


@pytest.mark.parametrize("action, step", ACTIONS)
def test_no_action_can_be_left_out(ready, aws, action, step):
    aws.principal("webhook", policy=policy_of(ready), denied=[action])
    ready.use(*aws.session("webhook"))
    steps = check_failed(ready, step, "")
    assert action in steps[step]["detail"] + steps[step]["advice"]
    done = {"ok"} if step in ("secret", "validation", "repository") else set()
    after = STEPS[STEPS.index(step) + 1:]
    assert {steps[each]["result"] for each in after} == (done or ({"skipped"} if after else set()))


def test_templates_that_may_not_be_seen(ready, aws):
    aws.principal("webhook", policy=policy_of(ready), denied=[TEMPLATES])
    ready.use(*aws.session("webhook"))
    steps, _ = verify(ready, status=0)
    assert "creation templates were not seen: DescribeRepositoryCreationTemplates: AccessDenied" \
        in steps["rule"]["detail"]


# --- the pull

def test_an_image_that_is_not_there(ready):
    check_failed(ready, "pull", "HTTP 404 MANIFEST_UNKNOWN: Requested image not found",
                 "check that the upstream has this image and tag", "quay.io/org/app:9")


REGISTRY = {"service": "registry"}


@pytest.mark.parametrize("fault, detail, advice", [
    ({"kind": "redirect", "location": "https://elsewhere.example/", "status": 307}, "HTTP 307",
     "check registry.host, and proxies"),
    ({"kind": "http", "status": 403, "body": "<html>blocked</html>"},
     "HTTP 403: the registry gave no reason", "a proxy on the way may refuse too"),
    ({"kind": "http", "status": 401, "body": ""}, "HTTP 401", "registry.host is the registry of"),
    ({"kind": "expired-token"}, "HTTP 403 DENIED: Your authorization token has expired",
     "check this machine's clock"),
    ({"kind": "throttle"}, "HTTP 429 TOOMANYREQUESTS: Rate exceeded", "asked too often"),
    ({"kind": "http", "status": 503, "body": "no"}, "HTTP 503", "try again later"),
    ({"kind": "http", "status": 404, "body": '{"errors":[{"code":"NAME_UNKNOWN","message":"x"}]}'},
     "HTTP 404 NAME_UNKNOWN: x", "allow ecr:CreateRepository"),
    ({"kind": "http", "status": 418, "body": '{"errors":7}'}, "HTTP 418", "what the registry said"),
    ({"kind": "http", "status": 200, "body": "<html>log in</html>"}, "the answer is not a manifest",
     "check the way to the registry"),
    ({"kind": "http", "status": 200, "body": " " * (9 << 20)}, "", "check the way to the registry"),
    ({"kind": "hang", "seconds": 60}, "", "check the way to the registry"),
    ({"kind": "reset"}, "", "check the way to the registry"),
])
def test_what_a_registry_may_say(ready, aws, fault, detail, advice):
    aws.fault(fault.pop("kind"), times=None, **REGISTRY, **fault)
    begin = time.monotonic()
    check_failed(ready, "pull", detail, advice, QUAY, "--timeout", "3s")
    assert time.monotonic() - begin < 40


@pytest.mark.parametrize("kind, said", [
    ("throttle", "the registry answered HTTP 429; trying again"),
    ("server-error", "the registry answered HTTP 500; trying again"),
    ("close", "the registry did not answer; trying again"),
])
def test_what_passes_is_waited_for(ready, aws, kind, said):
    aws.fault(kind, **REGISTRY)
    done = ready.run("verify", QUAY, status=0)
    assert re.search(rf"^pullthrough verify: {said} \(\d+ s\)$", done.stderr, re.M), done.stderr
    assert len(aws.calls(operation="GetManifest")) == 2


def test_the_seconds_of_waiting_are_those_of_the_pull(ready, aws):
    """Three tries, 2 s apart: no line for each, and none begins to count anew."""
    aws.fault("throttle", times=3, **REGISTRY)
    done = ready.run("verify", QUAY, status=0)
    said = [int(each) for each in re.findall(r"HTTP 429; trying again \((\d+) s\)", done.stderr)]
    assert said and all(later >= sooner + 5 for sooner, later in zip(said, said[1:], strict=False))


def test_the_seconds_go_on_when_the_words_change(ready, aws):
    aws.fault("throttle", times=1, **REGISTRY)
    aws.fault("server-error", times=1, **REGISTRY)
    done = ready.run("verify", QUAY, status=0)
    said = [int(each) for each in re.findall(r"trying again \((\d+) s\)", done.stderr)]
    assert len(said) >= 2 and said[1] > said[0] >= 1


def test_the_token_is_not_taken_elsewhere(ready, aws):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as elsewhere:
        where = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/v2/a"
        aws.fault("redirect", location=where, status=307, **REGISTRY)
        check_failed(ready, "pull", "HTTP 307", "does not redirect", QUAY)
        elsewhere.settimeout(0.1)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


def test_a_registry_that_is_not_trusted(ready, aws):
    ready.config["aws"]["caFile"] = ""
    check_failed(ready, "pull", "certificate", "aws.caFile", QUAY)
    assert aws.calls(operation="GetManifest") == []


def test_a_registry_that_is_not_there(ready):
    ready.config["registry"]["host"] = "127.0.0.1:1"
    check_failed(ready, "pull", "127.0.0.1", "check the way to the registry", QUAY)


def test_what_a_registry_says_does_not_steer_a_terminal(ready, aws):
    text = '{"errors":[{"code":"NAME_UNKNOWN","message":"a\\u001b[31m\\nb\\u009b\\u2028"}]}'
    aws.fault("http", status=404, body=text, times=None, **REGISTRY)
    done = ready.run("verify", QUAY, status=1)
    assert "NAME_UNKNOWN: a [31m b??\n" in done.stdout and "\033" not in done.stdout


def test_throttled_calls_are_made_again(ready, aws):
    aws.fault("throttle", service="ecr", operation="GetAuthorizationToken")
    verify(ready, QUAY, status=0)


def test_ctrl_c(ready, aws):
    aws.fault("hang", seconds=60, times=None, **REGISTRY)
    process = ready.start("verify", QUAY)
    assert process.stderr.readline() == ("pullthrough verify: pulling the manifest; ECR may be "
                                         "importing the image (1 s)\n")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT
    assert time.monotonic() - begin < 10
    assert "✓ token" in process.communicate()[0]      # what was done was said


# --- usage

@pytest.mark.parametrize("arguments, reason", [
    (("a", "b"), "b: one too many"),
    (("--timeout", "soon"), "--timeout: "),
    (("--timeout", "2h"), "--timeout: wants 1s to 1h"),
    (("--timeout", "1ms"), "--timeout: wants 1s to 1h"),
    (("--timeout",), "--timeout: "),
    (("-o", "xml"), '-o: wants json or yaml, not "xml"'),
    (("--what",), "--what: unknown option"),
])
def test_wrong_usage(commands, aws, arguments, reason):
    done = commands.run("verify", *arguments, status=2)
    assert done.stdout == "" and done.stderr.startswith(f"pullthrough verify: {reason}")
    assert "usage: pullthrough verify" in done.stderr
    assert aws.calls() == []


def test_help(commands):
    done = commands.run("verify", "--help", status=0)
    assert "exit status:\n  0  every step done" in done.stdout and done.stderr == ""
