"""`pullthrough rules list|apply|delete` beside the AWS stand-in."""

import json
import re
import signal
import subprocess
import time

import pytest
import yaml

from commands import ACCOUNT_VALUE, ROOT, Commands
from standin import ACCOUNT, DEFAULTS, REGION

PUBLIC = [{"registry": "registry.k8s.io"}, {"registry": "quay.io"}]


@pytest.fixture
def commands(program, tmp_path, aws):
    return Commands(program, tmp_path, aws)


@pytest.fixture
def secrets(aws):
    """The secrets of the defaults, by prefix; their upstreams take them."""
    aws.set(upstreams={url: {"accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}
                       for url in ("registry-1.docker.io", "ghcr.io")})
    return {prefix: aws.secret(secret, value=ACCOUNT_VALUE)
            for prefix, secret in DEFAULTS.values() if secret}


def add_rule(aws, prefix, url, **members):
    rules = aws.state()["rules"]
    rules[prefix] = {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": url, "createdAt": 1,
                     "updatedAt": 1, "registryId": ACCOUNT, "upstreamRegistry": "quay",
                     "credentialArn": None, "customRoleArn": None,
                     "upstreamRepositoryPrefix": "ROOT", **members}
    aws.state(rules=rules)


def states(document):
    return {each["registry"]: each["state"] for each in document["upstreams"]}


def rows(done):
    """The cells of each line."""
    return [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]


# --- apply --dry-run

def test_the_plan_for_an_empty_account(commands, aws, secrets):
    before = aws.state()
    done = commands.run("rules", "apply", "--dry-run", status=1)
    assert re.findall(r"^  ([+~=!]) (.*)$", done.stdout, re.MULTILINE) == [
        ("+", "template ROOT"), ("+", "rule dockercache"), ("+", "rule ghcrcache"),
        ("+", "rule k8scache"), ("+", "rule quaycache")]
    assert f"credential: {secrets['dockercache']}\n" in done.stdout
    assert done.stdout.startswith(f"ECR in {REGION}, account {ACCOUNT}, mode manage\n")
    assert done.stdout.endswith("\nPlan: 5 to create, 0 to change, 0 to validate.\n")
    assert done.stderr == ""
    assert commands.writes() == [] and aws.calls(operation="Validate*") == []
    assert aws.state() == before


def test_the_plan_says_why_something_is_left(commands, aws):
    add_rule(aws, "quaycache", "public.ecr.aws")
    done = commands.run("rules", "apply", "--dry-run", status=1)
    assert "  ! rule quaycache\n" in done.stdout
    assert 'points to public.ecr.aws, not to quay.io; it is left alone' in done.stdout
    assert 'the secret "ecr-pullthroughcache/ghcr" is not in Secrets Manager' in done.stdout
    assert done.stdout.endswith("2 to create, 0 to change, 0 to validate, 3 left as they are.\n")
    assert commands.writes() == []


def test_the_plan_for_another_credential(commands, aws, secrets):
    commands.run("rules", "apply", status=0)
    aws.admin("DELETE", "secrets/ecr-pullthroughcache/ghcr")
    new = aws.secret("ecr-pullthroughcache/ghcr", value=ACCOUNT_VALUE)
    done = commands.run("rules", "apply", "--dry-run", status=1)
    assert "  ~ rule ghcrcache\n" in done.stdout
    assert f"credential: {secrets['ghcrcache']} -> {new}\n" in done.stdout
    assert "Plan: 0 to create, 1 to change" in done.stdout
    document = commands.json("rules", "apply", "--dry-run", status=1)
    assert {"action": "update-rule", "prefix": "ghcrcache", "credentialArn": new} in \
        document["actions"]


def test_nothing_to_do(commands, secrets):
    commands.run("rules", "apply", status=0)
    done = commands.run("rules", "apply", "--dry-run", status=0)
    assert "Plan: 0 to create, 0 to change, 2 to validate.\n" in done.stdout
    commands.config["upstreams"] = PUBLIC
    done = commands.run("rules", "apply", "--dry-run", status=0)
    assert done.stdout.endswith("\nPlan: nothing to do.\n")


def test_left_alone_is_something_to_do(commands, aws):
    commands.config["upstreams"] = [{"registry": "quay.io"}]
    commands.run("rules", "apply", status=0)
    add_rule(aws, "quaycache", "public.ecr.aws")
    done = commands.run("rules", "apply", "--dry-run", status=1)
    assert done.stdout.endswith("\nPlan: nothing to do, 1 left as it is.\n")


def test_the_plan_as_json(commands, aws):
    commands.config["upstreams"] = [*PUBLIC, {"registry": "public.ecr.aws", "prefix": "public",
                                              "enabled": False}]
    document = commands.json("rules", "apply", "--dry-run", status=1)
    assert document["account"] == ACCOUNT and document["region"] == REGION
    assert document["actions"] == [{"action": "create-template", "prefix": "ROOT"},
                                   {"action": "create-rule", "prefix": "k8scache"},
                                   {"action": "create-rule", "prefix": "quaycache"}]
    assert [each["enabled"] for each in document["upstreams"]] == [True, True, False]
    assert document["notes"] == [] and commands.writes() == []


def test_the_plan_in_colours(commands, aws):
    commands.config["upstreams"] = PUBLIC
    add_rule(aws, "quaycache", "public.ecr.aws")
    status, text = commands.terminal("rules", "apply", "--dry-run", NO_COLOR="")
    assert status == 1
    assert "\033[32m  + rule k8scache\033[0m\n" in text
    assert "\033[31m  ! rule quaycache\033[0m\n" in text
    _, text = commands.terminal("rules", "apply", "--dry-run", NO_COLOR="1")
    assert "  + rule k8scache\n" in text and "\033" not in text


# --- apply

def test_apply(commands, aws, secrets):
    done = commands.run("rules", "apply", status=0)
    assert [row[:3] for row in rows(done)] == [
        ["docker.io", "dockercache", "ready"], ["ghcr.io", "ghcrcache", "ready"],
        ["registry.k8s.io", "k8scache", "ready"], ["quay.io", "quaycache", "ready"]]
    assert done.stderr.splitlines() == [
        "creating the creation template ROOT", "creating the rule dockercache",
        "creating the rule ghcrcache", "creating the rule k8scache", "creating the rule quaycache",
        "trying the credential of the rule dockercache",
        "trying the credential of the rule ghcrcache"]
    assert {prefix: rule["credentialArn"] for prefix, rule in aws.state()["rules"].items()} == {
        "k8scache": None, "quaycache": None, **secrets}
    aws.admin("DELETE", "calls")
    document = commands.json("rules", "apply")
    assert document["outcome"] == "complete" and document["changes"] == 0
    assert set(states(document).values()) == {"ready"} and commands.writes() == []


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_apply_is_meant_whatever_the_mode(commands, aws, mode):
    commands.config |= {"upstreams": PUBLIC, "reconcile": {"mode": mode},
                        "rewrite": {"requireRule": False}}
    commands.run("rules", "apply", status=0)
    assert set(aws.state()["rules"]) == {"k8scache", "quaycache"}


def test_apply_where_a_secret_is_missing(commands, aws, secrets):
    aws.admin("DELETE", "secrets/ecr-pullthroughcache/ghcr")
    done = commands.run("rules", "apply", status=1)
    assert ["ghcr.io", "ghcrcache", "secret-missing",
            f'the secret "ecr-pullthroughcache/ghcr" is not in Secrets Manager in {REGION}'] in \
        rows(done)
    assert set(aws.state()["rules"]) == {"dockercache", "k8scache", "quaycache"}


def test_apply_where_a_secret_is_wrong(commands, aws, secrets):
    aws.secret("ecr-pullthroughcache/ghcr", value={"username": "somebody", "accessToken": "old"})
    document = commands.json("rules", "apply", status=1)
    assert states(document)["ghcr.io"] == "secret-invalid"
    assert "ECR cannot log in to ghcr.io" in document["upstreams"][1]["reason"]


@pytest.mark.parametrize("failure", [
    "The upstream registry ghcr.io could not be reached.", "Rate exceeded", "Words nobody knows"])
def test_apply_while_an_upstream_is_away(commands, aws, secrets, failure):
    aws.fault("not-valid", failure=failure, times=None)
    document = commands.json("rules", "apply", status=0)
    assert set(states(document).values()) == {"ready"}
    notes = [note for note in document["notes"] if failure.rstrip(".") in note]
    assert len(notes) == 2 and all("cached images are served" in note for note in notes)
    assert "\nNote: the credential of the rule" in commands.run("rules", "apply", status=0).stdout


def test_apply_leaves_a_credential_that_works(commands, aws, secrets):
    commands.run("rules", "apply", status=0)
    aws.secret("ecr-pullthroughcache/other", value=ACCOUNT_VALUE)
    commands.config["upstreams"] = [{"registry": "docker.io",
                                     "secret": "ecr-pullthroughcache/other"}]
    aws.admin("DELETE", "calls")
    document = commands.json("rules", "apply", status=0)
    assert states(document) == {"docker.io": "ready"} and commands.writes() == []
    assert document["notes"] == [
        'the rule "dockercache" keeps another credential than the configuration names']
    assert aws.state()["rules"]["dockercache"]["credentialArn"] == secrets["dockercache"]


def test_apply_without_a_permission(commands, aws):
    commands.config["upstreams"] = PUBLIC
    aws.principal("webhook", denied=["ecr:CreatePullThroughCacheRule"])
    commands.use(*aws.session("webhook"))
    document = commands.json("rules", "apply", status=1)
    assert set(states(document).values()) == {"denied"}
    assert "ecr:CreatePullThroughCacheRule" in document["upstreams"][0]["reason"]


def test_apply_to_a_full_registry(commands, aws):
    commands.config["upstreams"] = PUBLIC
    aws.set(ruleQuota=1)
    document = commands.json("rules", "apply", status=1)
    assert states(document) == {"registry.k8s.io": "ready", "quay.io": "missing"}
    assert "LimitExceededException" in document["upstreams"][1]["reason"]


def test_a_region_without_the_feature(commands, aws):
    aws.set(region="cn-north-1")
    document = commands.run("rules", "apply", status=1, AWS_REGION="cn-north-1")
    assert "ECR has no pull-through cache in cn-north-1" in document.stdout
    assert commands.writes() == []


def test_another_account(commands, aws):
    commands.config["registry"] = {"account": "999988887777"}
    document = commands.json("rules", "apply", status=1)
    assert set(states(document).values()) == {"conflict"}
    assert f"the credentials are of account {ACCOUNT}" in document["upstreams"][0]["reason"]
    assert commands.writes() == []


@pytest.mark.parametrize("fault", [
    {"kind": "throttle", "operation": "Create*"},
    {"kind": "server-error", "operation": "Describe*"},
    {"kind": "close", "operation": "CreatePull*", "applied": True},
])
def test_apply_gets_over_faults(commands, aws, fault):
    commands.config["upstreams"] = PUBLIC
    aws.fault(fault.pop("kind"), **fault)
    commands.run("rules", "apply", status=0)
    assert set(aws.state()["rules"]) == {"k8scache", "quaycache"}


def test_slow_answers_are_waited_for_with_a_word(commands, aws):
    commands.config["upstreams"] = PUBLIC
    aws.fault("slow", operation="DescribePull*", seconds=2.5)
    done = commands.run("rules", "list", status=0)
    assert "pullthrough rules: looking at ECR's rules (1 s)\n" in done.stderr
    aws.fault("slow", operation="DescribePull*", seconds=2.5)
    _, text = commands.terminal("rules", "list")
    assert "\r\033[Kpullthrough rules: looking at ECR's rules (1 s)\r\033[K" in text


@pytest.mark.parametrize("arguments", [("list",), ("apply",), ("apply", "--dry-run")])
def test_ctrl_c(commands, aws, arguments):
    commands.config["upstreams"] = PUBLIC
    aws.fault("hang", operation="DescribePull*", seconds=60, times=None)
    process = commands.start("rules", *arguments)
    line = process.stderr.readline()
    assert line == "pullthrough rules: looking at ECR's rules (1 s)\n"
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == -signal.SIGINT
    assert time.monotonic() - begin < 10
    process.communicate()
    assert commands.writes() == []


# --- who can't look

@pytest.mark.parametrize("arguments", [("list",), ("apply",), ("apply", "--dry-run"),
                                       ("delete", "quaycache", "--yes")])
class TestCannotLook:
    def check(self, commands, arguments, reason, **environment):
        done = commands.run("rules", *arguments, status=3, **environment)
        assert done.stdout == "" and reason in done.stderr
        assert commands.writes() == []

    def test_no_permission(self, commands, aws, arguments):
        aws.principal("webhook", denied=["ecr:DescribePullThroughCacheRules"])
        commands.use(*aws.session("webhook"))
        self.check(commands, arguments, "ecr:DescribePullThroughCacheRules")

    def test_no_credentials(self, commands, arguments):
        self.check(commands, arguments, "no AWS credentials", AWS_ACCESS_KEY_ID="",
                   AWS_SECRET_ACCESS_KEY="")

    def test_expired_credentials(self, commands, aws, arguments):
        commands.use(*aws.session("webhook"))
        aws.expire("sessions")
        self.check(commands, arguments, "ExpiredTokenException")

    def test_nobody_answers(self, commands, arguments):
        commands.config["aws"]["endpoint"]["ecr"] = "http://127.0.0.1:1"
        self.check(commands, arguments, "DescribePullThroughCacheRules")

    def test_no_region(self, commands, arguments):
        self.check(commands, arguments, "region", AWS_REGION="")

    def test_nonsense(self, commands, aws, arguments):
        aws.fault("body", operation="DescribePull*", body='{"pullThroughCacheRules": 7}',
                  times=None)
        self.check(commands, arguments, "pullThroughCacheRules")

    def test_a_broken_configuration(self, commands, arguments):
        commands.config["upstream"] = []
        self.check(commands, arguments, 'unknown key "upstream"')


def test_a_hang_is_bounded(commands, aws):
    aws.fault("hang", operation="DescribePull*", seconds=300, times=None)
    begin = time.monotonic()
    done = commands.run("rules", "list", status=3)
    assert time.monotonic() - begin < 60
    assert "DescribePullThroughCacheRules" in done.stderr


# --- list

def test_list(commands, aws, secrets):
    commands.run("rules", "apply", status=0)
    add_rule(aws, "theirs", "public.ecr.aws")
    add_rule(aws, "ROOT", "quay.io")
    rules = aws.state()["rules"]
    del rules["k8scache"]
    aws.state(rules=rules)
    aws.admin("DELETE", "calls")
    done = commands.run("rules", "list", status=0)
    name = secrets["dockercache"].partition(":secret:")[2]
    assert rows(done) == [
        ["docker.io", "dockercache", "registry-1.docker.io", name, "ready",
         'the rule "dockercache" points to registry-1.docker.io'],
        ["ghcr.io", "ghcrcache", "ghcr.io", secrets["ghcrcache"].partition(":secret:")[2], "ready",
         'the rule "ghcrcache" points to ghcr.io'],
        ["registry.k8s.io", "k8scache", "-", "-", "missing", 'there is no rule "k8scache" yet'],
        ["quay.io", "quaycache", "quay.io", "-", "ready", 'the rule "quaycache" points to quay.io'],
        ["-", "ROOT", "quay.io", "-", "other",
         "not in the configuration; for all repositories without a rule of their own"],
        ["-", "theirs", "public.ecr.aws", "-", "other", "not in the configuration"]]
    assert "\nNote: the registry has a rule ROOT" in done.stdout
    assert commands.writes() == []
    document = commands.json("rules", "list")
    assert [each["prefix"] for each in document["others"]] == ["ROOT", "theirs"]
    assert document["upstreams"][0]["rule"]["credentialArn"] == secrets["dockercache"]
    assert document["upstreams"][2]["rule"] is None
    assert document["templates"] == [{"prefix": "ROOT", "tagMutability": "MUTABLE",
                                      "encryption": "AES256", "forPullThrough": True}]
    assert len(document["notes"]) == 1


def test_list_shows_what_lies_below(commands, aws):
    commands.config["upstreams"] = PUBLIC
    for prefix, url in (("quaycache/", "quay.io"), ("quaycache/org", "public.ecr.aws"),
                        ("quaycache2/org", "public.ecr.aws"), ("ROOT", "public.ecr.aws")):
        add_rule(aws, prefix, url)
    reason = 'the rule "quaycache/org" takes them from public.ecr.aws'
    done = commands.run("rules", "list", status=0)
    found = {row[1]: row[4:] for row in rows(done)}
    assert found["quaycache"] == ["ready", 'the rule "quaycache/" points to quay.io; images below '
                                           f'"org" are left alone: {reason}']
    assert found["quaycache/org"] == ["conflict",
                                      f'images of quay.io below "org" are left alone: {reason}']
    assert found["quaycache2/org"] == ["other", "not in the configuration"]
    assert found["ROOT"][0] == "other" and "quaycache/" not in found
    assert 'pulled from public.ecr.aws, as "k8scache" would be now.\n' in done.stdout
    for arguments in (("list",), ("apply", "--dry-run")):
        document = commands.json("rules", *arguments, status=None)
        assert [each["leftAlone"] for each in document["upstreams"]] == [
            [], [{"below": "org", "reason": reason}]]
    assert commands.json("rules", "apply")["upstreams"][1]["leftAlone"] == [
        {"below": "org", "reason": reason}]
    assert set(aws.state()["rules"]) == {"ROOT", "quaycache/", "quaycache/org", "quaycache2/org",
                                         "k8scache"}


def test_delete_a_rule_that_ends_in_a_slash(commands, aws):
    commands.config["upstreams"] = PUBLIC
    add_rule(aws, "quaycache/", "quay.io")
    done = commands.run("rules", "delete", "quaycache", "--yes", status=0)
    assert "The configuration wants it for images of quay.io" in done.stderr
    assert aws.state()["rules"] == {}


@pytest.mark.parametrize("mode", ["observe", "off"])
def test_list_is_asked_for_whatever_the_mode(commands, aws, mode):
    commands.config |= {"upstreams": PUBLIC, "reconcile": {"mode": mode},
                        "rewrite": {"requireRule": False}}
    document = commands.json("rules", "list")
    assert set(states(document).values()) == {"missing"}
    assert [call["operation"] for call in aws.calls()] == [
        "DescribePullThroughCacheRules", "DescribeRepositoryCreationTemplates"]


@pytest.mark.parametrize("rewrite, note", [
    ({"when": "cached"}, "rewrite.when is cached: an image goes"),
    ({"digests": "cached"}, "rewrite.digests is cached: an image with a digest goes"),
    ({"when": "always"}, None),
])
def test_list_names_the_mode(commands, rewrite, note):
    commands.config |= {"upstreams": PUBLIC, "rewrite": rewrite}
    said = commands.run("rules", "list", status=0).stdout
    assert re.findall(r"^Note: (.*)$", said, re.M) == (
        [f"{note} to ECR once ECR holds it."] if note else [])


def test_list_on_a_terminal(commands, aws):
    commands.config["upstreams"] = [*PUBLIC, {"registry": "public.ecr.aws", "prefix": "public",
                                              "enabled": False}]
    add_rule(aws, "quaycache", "quay.io")
    status, text = commands.terminal("rules", "list", NO_COLOR="")
    lines = text.splitlines()
    assert status == 0
    assert lines[:8] == [
        "REGISTRY         PREFIX     STATE",
        "registry.k8s.io  k8scache   \033[33mmissing\033[0m",
        '    there is no rule "k8scache" yet',
        "quay.io          quaycache  \033[32mready\033[0m",
        "    rule for: quay.io",
        '    the rule "quaycache" points to quay.io',
        "public.ecr.aws   public     disabled",
        "    switched off in the configuration"]
    lines = commands.terminal("rules", "list", NO_COLOR="", columns=200)[1].splitlines()
    assert re.split(r"  +", lines[0]) == ["REGISTRY", "PREFIX", "RULE FOR", "SECRET", "STATE",
                                          "REASON"]
    assert re.split(r"  +", lines[3])[4] == "disabled"
    assert "\033" not in lines[3]
    document = commands.json("rules", "list")
    assert [(upstream["state"], upstream["reason"]) for upstream in document["upstreams"]
            if not upstream["enabled"]] == [("disabled", "switched off in the configuration")]
    assert "\033" not in commands.terminal("rules", "list", NO_COLOR="1")[1]


def test_templates_that_may_not_be_seen(commands, aws):
    commands.config["upstreams"] = PUBLIC
    aws.principal("webhook", denied=["ecr:DescribeRepositoryCreationTemplates"])
    commands.use(*aws.session("webhook"))
    done = commands.run("rules", "list", "-o", "json", status=0)
    assert json.loads(done.stdout)["templates"] is None
    assert "ecr:DescribeRepositoryCreationTemplates" in done.stderr


def test_what_others_wrote_does_not_steer_a_terminal(commands, aws):
    commands.config["upstreams"] = PUBLIC
    add_rule(aws, "theirs", "evil\u009b31m\u2028.example")
    status, text = commands.terminal("rules", "list", NO_COLOR="1")
    assert status == 0 and "evil?31m?.example" in text
    add_rule(aws, "theirs", "evil\033[31m.example")
    done = commands.run("rules", "list", status=3)
    assert "\033" not in done.stderr


# --- delete

def test_delete(commands, aws):
    commands.config["upstreams"] = PUBLIC
    commands.run("rules", "apply", status=0)
    add_rule(aws, "theirs", "public.ecr.aws")
    done = commands.run("rules", "delete", "theirs", "--yes", status=0)
    assert done.stdout == 'Deleted the rule "theirs".\n'
    assert 'The rule "theirs" points to public.ecr.aws.' in done.stderr
    assert "repositories and images that are cached stay" in done.stderr
    assert "The configuration wants it" not in done.stderr
    assert set(aws.state()["rules"]) == {"k8scache", "quaycache"}
    done = commands.run("rules", "delete", "quaycache", "--yes", "-o", "json", status=0)
    assert done.stdout == '{"deleted": "quaycache"}\n'
    assert "The configuration wants it for images of quay.io" in done.stderr
    done = commands.run("rules", "delete", "quaycache", "--yes", status=1)
    assert done.stderr == ('pullthrough rules delete: there is no rule "quaycache"; `pullthrough rules '
                           "list -o name` names those that there are\n")
    done = commands.run("rules", "delete", "k8cache", "--yes", status=1)
    assert done.stderr.endswith('there is no rule "k8cache", did you mean "k8scache"?\n')
    assert set(aws.state()["rules"]) == {"k8scache"}
    assert set(aws.state()["templates"]) == {"ROOT"}


def test_delete_does_nothing_where_nobody_can_be_asked(commands, aws):
    add_rule(aws, "theirs", "quay.io")
    done = commands.run("rules", "delete", "theirs", status=2)
    assert "nobody can be asked here: --yes says that it is meant" in done.stderr
    assert aws.calls() == []


@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", "yes please\n", "\x04"])
def test_delete_asks(commands, aws, answer):
    add_rule(aws, "theirs", "quay.io")
    status, text = commands.terminal("rules", "delete", "theirs", answer=answer)
    assert status == 1
    assert 'Delete the rule "theirs"? Type yes: ' in text
    assert "nothing is deleted: the answer was not yes" in text
    assert set(aws.state()["rules"]) == {"theirs"} and commands.writes() == []


def test_delete_after_a_yes(commands, aws):
    add_rule(aws, "theirs", "quay.io")
    status, text = commands.terminal("rules", "delete", "theirs", answer="yes\n")
    assert status == 0 and text.endswith('Deleted the rule "theirs".\n')
    assert aws.state()["rules"] == {}


def test_delete_without_permission(commands, aws):
    add_rule(aws, "theirs", "quay.io")
    commands.use(*aws.session("webhook"))
    done = commands.run("rules", "delete", "theirs", "--yes", status=3)
    assert "ecr:DeletePullThroughCacheRule" in done.stderr and done.stdout == ""
    assert set(aws.state()["rules"]) == {"theirs"}


def test_somebody_was_faster(commands, aws):
    add_rule(aws, "theirs", "quay.io")
    aws.fault("close", operation="Delete*", applied=True)    # it is sent again, and is gone then
    done = commands.run("rules", "delete", "theirs", "--yes", status=1)
    assert "the rule is gone already" in done.stderr


# --- usage

@pytest.mark.parametrize("arguments, reason", [
    ((), "list, apply or delete?"),
    (("show",), "show: unknown"),
    (("lsit",), 'lsit: unknown, did you mean "list"?'),
    (("list", "more"), "more: one too many"),
    (("delete",), "delete: the PREFIX is missing"),
    (("delete", ""), "delete: the PREFIX is missing"),
    (("delete", "a", "b"), "b: one too many"),
    (("list", "--dry-run"), "--dry-run: is not for list"),
    (("apply", "--yes"), "--yes: is not for apply"),
    (("list", "-o", "xml"), '-o: wants json, yaml or name, not "xml"'),
    (("list", "--what"), "--what: unknown option"),
])
def test_wrong_usage(commands, aws, arguments, reason):
    done = commands.run("rules", *arguments, status=2)
    assert done.stdout == ""
    assert done.stderr.startswith(f"pullthrough rules: {reason}\nusage: pullthrough rules list")
    assert aws.calls() == []


def test_help(commands):
    done = commands.run("rules", "--help", status=0)
    assert "exit status:" in done.stdout and done.stderr == ""


# --- other formats --------------------------------------------------------------------------------


def test_names_and_yaml(commands, aws, secrets):
    commands.run("rules", "apply", status=0)
    assert sorted(commands.run("rules", "list", "-o", "name", status=0).stdout.splitlines()) == sorted(
        aws.state()["rules"])
    for command in (("rules", "list"), ("rules", "apply"), ("rules", "apply", "--dry-run"), ("version",),
                    ("scan", "-f", str(ROOT / "docs/examples/pods.yaml"))):
        run = commands.run if command != ("version",) else lambda *words, status: subprocess.run(
            [commands.program, *words], capture_output=True, text=True, check=True)
        written = yaml.safe_load(run(*command, "-o", "yaml", status=0).stdout)
        assert written == json.loads(run(*command, "-o", "json", status=0).stdout)
    for options, reason in ((("apply", "-o", "name"), "-o name: is for list"),
                            (("list", "-o", "xml"), '-o: wants json, yaml or name, not "xml"')):
        assert reason in commands.run("rules", *options, status=2).stderr
