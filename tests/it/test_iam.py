"""`pullthrough iam`: policies that are valid, that suffice, and of which nothing can be left out."""

import base64
import http.client
import json
import os
import re
import shlex
import subprocess

import pytest
import yaml

from commands import ACCOUNT_VALUE, ROOT, Commands
from standin import ACCOUNT, REGION, StandIn

EXAMPLES = ROOT / "deploy" / "iam"
HERE = ("--account", ACCOUNT, "--region", REGION)
NODE = f"arn:aws:iam::{ACCOUNT}:role/puller"
# The stand-in has no Amazon Inspector.
NOT_MODELLED = {"inspector2:Enable"}


@pytest.fixture
def commands(program, tmp_path, aws):
    return Commands(program, tmp_path, aws)


def actions(policy):
    found = []
    for statement in policy["Statement"]:
        listed = statement["Action"]
        found += listed if isinstance(listed, list) else [listed]
    return found


def without(policy, action):
    """The policy less one action, everywhere."""
    kept = []
    for statement in policy["Statement"]:
        left = [each for each in actions({"Statement": [statement]}) if each != action]
        if left:
            kept.append({**statement, "Action": left})
    return {**policy, "Statement": kept}


def policy_of(commands, *arguments):
    return json.loads(commands.run("iam", *arguments, *HERE, status=0).stdout)


# --- what is printed

ROWS = re.findall(r"^\| `([a-z-]+\.json)` \| `pullthrough (.*)` \|$",
                  (EXAMPLES / "README.md").read_text(), re.MULTILINE)


def test_there_is_an_example_of_each():
    assert {file for file, _ in ROWS} == {path.name for path in EXAMPLES.glob("*.json")}
    assert {line.split()[1] for _, line in ROWS} == {"webhook", "nodes", "registry", "trust",
                                                     "verify"}


@pytest.mark.parametrize("file, line", ROWS)
def test_examples_are_what_it_prints(commands, file, line):
    commands.config = ({"reconcile": {"mode": "observe"}} if "observe" in file else
                       {"rewrite": {"when": "cached"}} if "cached" in file else {})
    done = commands.run(*shlex.split(line), status=0)
    if "PULLTHROUGH_WRITE_FIXTURES" in os.environ:
        (EXAMPLES / file).write_text(done.stdout)
    assert done.stdout == (EXAMPLES / file).read_text(), "hack/fixtures.sh writes it"
    assert done.stderr == ""
    assert json.loads(done.stdout)["Version"] == "2012-10-17"
    assert commands.aws.calls() == []


def test_the_overview(commands):
    done = commands.run("iam", *HERE, status=0)
    parts = re.split(r"^# .*\n", done.stdout, flags=re.MULTILINE)
    policies = [json.loads(part) for part in parts if part.strip()]
    assert len(policies) == 6
    assert "role/NODE-ROLE" in done.stdout and "/id/CLUSTER-ID" in done.stdout
    whole = json.loads(commands.run("iam", "-o", "json", *HERE, status=0).stdout)
    assert list(whole) == ["webhook", "trustPodIdentity", "trustIrsa", "nodes", "registry",
                           "verify"]
    assert list(whole.values()) == policies
    given = commands.run("iam", "--principal", NODE, "--irsa", "https://issuer.example/id/1",
                         *HERE, status=0).stdout
    assert NODE in given and "NODE-ROLE" not in given and "CLUSTER-ID" not in given


def test_the_overview_of_cached_mode(commands):
    """The webhook imports, so it is the webhook that the registry's policy may spare two actions."""
    commands.config["rewrite"] = {"when": "cached"}
    whole = json.loads(commands.run("iam", "-o", "json", *HERE, status=0).stdout)
    assert whole["registry"]["Statement"][0]["Principal"]["AWS"].endswith(":role/WEBHOOK-ROLE")
    imports = set(actions(whole["registry"]))
    assert imports <= set(actions(whole["webhook"]))
    assert "ecr:CreateRepository" in imports - set(actions(whole["nodes"]))


FORMS = pytest.mark.parametrize("form", [(), ("-o", "json")])


@FORMS
def test_an_overview_of_many_principals_is_whole(commands, form):
    roles = [f"arn:aws:iam::{ACCOUNT}:role/puller-of-team-{i:04}" for i in range(5000)]
    principals = [f"--principal={role}" for role in roles]
    alone = policy_of(commands, "registry", *principals)
    assert alone["Statement"][0]["Principal"]["AWS"] == roles
    printed = commands.run("iam", *form, *principals, *HERE, status=0).stdout
    if form:
        assert json.loads(printed)["registry"] == alone
    else:
        assert alone in [json.loads(part) for part in re.split("^# .*\n", printed, flags=re.M)
                         if part.strip()]


@FORMS
def test_an_overview_that_is_too_long(commands, form):
    """Not one that lacks a policy without a word."""
    many = [f"--principal={ACCOUNT}"] * 50_000
    done = commands.run("iam", *form, *many, *HERE, status=3)
    assert (done.stdout, done.stderr) == ("", "pullthrough iam: the text is too long\n")


def test_the_overview_without_any_option(commands):
    """No configuration either: account and region by the environment."""
    done = subprocess.run([commands.program, "iam"], capture_output=True, text=True, timeout=60,
                          env={**commands.environment, "AWS_ACCOUNT_ID": ACCOUNT})
    commands.check(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == commands.run("iam", *HERE, status=0).stdout


def test_the_overview_of_a_program_that_asks_nothing(commands):
    commands.config |= {"reconcile": {"mode": "off"}, "rewrite": {"requireRule": False}}
    assert "# None: reconcile.mode is off" in commands.run("iam", *HERE, status=0).stdout
    assert json.loads(commands.run("iam", "-o", "json", *HERE).stdout)["webhook"] is None
    done = commands.run("iam", "webhook", *HERE, status=1)
    assert done.stdout == ""
    assert done.stderr == ("pullthrough iam: reconcile.mode is off: the program needs no "
                           "permission\n")


def test_no_upstream(commands):
    commands.config["upstreams"] = [{"registry": "quay.io", "enabled": False}]
    for which in ("webhook", "nodes", "verify"):
        done = commands.run("iam", which, *HERE, status=1)
        assert done.stderr == "pullthrough iam: no upstream is enabled in the configuration\n"


@pytest.mark.parametrize("arguments, reason", [
    (("registry",), "whose pulls? name the nodes' role with --principal"),
    (("trust",), "how do pods get the role?"),
    (("trust", "--pod-identity", "--irsa", "a.b"), "print one at a time"),
    (("nodes", "--principal", NODE), "--principal: is not for nodes"),
    (("nodes", "--pod-identity"), "--pod-identity: is not for nodes"),
    (("registry", "--principal", "*"), "--principal: a principal is an account's 12 digits"),
    (("trust", "--irsa", "http://a.b"), "--irsa: an issuer is a URL"),
    (("trust", "--pod-identity", "--namespace", "A"), "--namespace: a namespace's name"),
    (("trust", "--pod-identity", "--service-account", "*"), "--service-account: an object's name"),
    (("--account", "1"), "--account: wants the 12 digits"),
    (("--region", "a b"), "--region: wants an AWS region"),
    (("nobody",), "nobody: unknown"),
    (("nodes", "webhook"), "webhook: one too many"),
    (("-o", "xml"), '-o: wants json or yaml, not "xml"'),
    (("--principal",), "--principal: an argument is missing"),
    (("--unknown",), "--unknown: unknown option"),
])
def test_wrong_usage(program, arguments, reason):
    done = subprocess.run([program, "iam", *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("pullthrough iam: ") and reason in done.stderr


def test_help(commands):
    done = commands.run("iam", "--help", status=0)
    assert "exit status:" in done.stdout and done.stderr == ""


# --- where account and region come from

def resource_of_nodes(commands, *arguments, **environment):
    done = commands.run("iam", "nodes", *arguments, status=0, **environment)
    return json.loads(done.stdout)["Statement"][1]["Resource"][0]


def test_aws_is_asked_for_what_nobody_says(commands):
    assert resource_of_nodes(commands) == \
        f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dockercache/*"
    assert [call["operation"] for call in commands.aws.calls()] == ["GetCallerIdentity"]


@pytest.mark.parametrize("config, environment, options, where", [
    ({"account": "999988887777", "region": "eu-west-1"}, {}, (), "aws:ecr:eu-west-1:999988887777"),
    ({"region": "cn-north-1"}, {"AWS_ACCOUNT_ID": "999988887777"}, (),
     "aws-cn:ecr:cn-north-1:999988887777"),
    ({"account": "999988887777", "region": "eu-west-1"}, {},
     ("--account", "444455556666", "--region", "us-gov-west-1"),
     "aws-us-gov:ecr:us-gov-west-1:444455556666"),
])
def test_aws_is_not_asked_for_what_is_said(commands, config, environment, options, where):
    commands.config["registry"] = config
    assert resource_of_nodes(commands, *options, **environment) == \
        f"arn:{where}:repository/dockercache/*"
    assert commands.aws.calls() == []


def test_nobody_knows(commands):
    done = commands.run("iam", "nodes", status=3, AWS_REGION="")
    assert done.stderr.startswith("pullthrough iam: the region is not known (use --region): ")
    done = commands.run("iam", "nodes", status=3, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert done.stderr.startswith("pullthrough iam: the account is not known (use --account): ")
    assert done.stdout == ""
    commands.run("iam", "trust", "--pod-identity", status=0, AWS_REGION="", AWS_ACCESS_KEY_ID="")


# --- what they are worth

WHOLE = {"reconcile": {"readSecrets": True, "scanning": "enhanced",
                       "template": {"lifecycle": {"keepLast": 3},
                                    "repositoryPolicy": json.dumps({
                                        "Version": "2012-10-17", "Statement": [{
                                            "Effect": "Allow", "Action": "ecr:BatchGetImage",
                                            "Principal": {"AWS": "444455556666"}}]})}}}


def run_whole(commands, policy):
    """Everything that the program does, from an empty account on; what it printed and met."""
    aws = commands.aws
    aws.reset()
    account = {"accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}
    aws.set(templateNeedsCreateRepository=True,
            upstreams={"registry-1.docker.io": account, "ghcr.io": account})
    aws.principal("webhook", policy=policy)
    commands.use(*aws.session("webhook"))
    aws.secret("ecr-pullthroughcache/dockerio", value=ACCOUNT_VALUE)
    aws.secret("ecr-pullthroughcache/ghcr", value=ACCOUNT_VALUE)
    first = commands.run("rules", "apply")
    aws.admin("DELETE", "secrets/ecr-pullthroughcache/ghcr")
    aws.secret("ecr-pullthroughcache/ghcr", value=ACCOUNT_VALUE)      # another ARN
    second = commands.run("rules", "apply")
    refused = {call["error"] for call in aws.calls() if call["error"]}
    return first.returncode, second.returncode, refused, "".join(
        done.stdout + done.stderr for done in (first, second))


def test_the_webhooks_policy_suffices(commands):
    commands.config |= WHOLE
    policy = policy_of(commands, "webhook")
    first, second, refused, said = run_whole(commands, policy)
    assert (first, second, refused) == (0, 0, set()), said
    made = {call["operation"] for call in commands.aws.calls()}
    assert {action.split(":")[1] for action in actions(policy)} - made <= {
        # permissions without a call of their own
        "CreateServiceLinkedRole", "CreateRepository", "PutLifecyclePolicy", "SetRepositoryPolicy",
        "Enable"}


WEBHOOK_ACTIONS = (
    "ecr:DescribePullThroughCacheRules", "ecr:DescribeRepositoryCreationTemplates",
    "ecr:CreatePullThroughCacheRule", "ecr:UpdatePullThroughCacheRule",
    "ecr:ValidatePullThroughCacheRule", "iam:CreateServiceLinkedRole",
    "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue",
    "ecr:CreateRepositoryCreationTemplate", "ecr:CreateRepository", "ecr:PutLifecyclePolicy",
    "ecr:SetRepositoryPolicy", "ecr:GetRegistryScanningConfiguration",
    "ecr:PutRegistryScanningConfiguration")


def test_these_are_all_actions_of_the_webhook(commands):
    commands.config |= WHOLE
    assert set(actions(policy_of(commands, "webhook"))) == set(WEBHOOK_ACTIONS) | NOT_MODELLED


@pytest.mark.parametrize("action", WEBHOOK_ACTIONS)
def test_no_action_of_the_webhook_can_be_left_out(commands, action):
    commands.config |= WHOLE
    policy = policy_of(commands, "webhook")
    _, _, refused, said = run_whole(commands, without(policy, action))
    assert refused == {"AccessDeniedException"}
    assert action in said


def test_observing_takes_two_actions(commands):
    commands.config |= {"reconcile": {"mode": "observe"}}
    policy = policy_of(commands, "webhook")
    commands.aws.principal("webhook", policy=policy)
    commands.use(*commands.aws.session("webhook"))
    commands.run("rules", "list", status=0)
    calls = commands.aws.calls()
    assert [call["operation"] for call in calls] == [
        action.split(":")[1] for action in actions(policy)]
    assert {call["error"] for call in calls} == {None}


# --- the pullers'

@pytest.fixture(scope="module")
def quay(tmp_path_factory):
    from upstream import Upstream
    made = Upstream(tmp_path_factory.mktemp("quay") / "data")
    made.image("org/app", "1.0")
    yield made
    made.stop()


def ask(aws, login, path):
    connection = http.client.HTTPConnection(aws.host, timeout=30)
    connection.request("GET", path, headers={"Authorization": "Basic " + login})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def pull(aws):
    """A node's pull of quaycache/org/app:1.0: what it gets, last status and body."""
    login = base64.b64encode(f"AWS:{aws.login('puller')}".encode()).decode()
    status, body = ask(aws, login, "/v2/quaycache/org/app/manifests/1.0")
    if status != 200:
        return status, body.decode()
    layer = json.loads(body)["layers"][0]["digest"]
    status, body = ask(aws, login, f"/v2/quaycache/org/app/blobs/{layer}")
    return status, body.decode()


def prepare_pull(commands, quay, policy, registry_policy=None):
    aws = commands.aws
    aws.reset()
    aws.set(upstreams={"quay.io": {"url": quay.url}})
    commands.config["upstreams"] = [{"registry": "quay.io"}]
    commands.run("rules", "apply", status=0)
    aws.principal("puller", policy=policy)
    aws.state(registryPolicy=registry_policy and json.dumps(registry_policy))


def test_the_nodes_policy_suffices(commands, quay):
    prepare_pull(commands, quay, policy_of(commands, "nodes"))
    assert pull(commands.aws)[0] == 307       # to where the layer is


NODES_ACTIONS = [
    ("ecr:BatchGetImage", 403, "ecr:BatchGetImage"),
    ("ecr:GetDownloadUrlForLayer", 403, "ecr:GetDownloadUrlForLayer"),
    ("ecr:BatchImportUpstreamImage", 404, "Requested image not found"),
    ("ecr:CreateRepository", 404, "does not exist in the registry"),
]


def test_these_are_all_actions_of_the_nodes(commands):
    assert set(actions(policy_of(commands, "nodes"))) == {
        "ecr:GetAuthorizationToken", *(action for action, _, _ in NODES_ACTIONS)}


@pytest.mark.parametrize("action, status, text", NODES_ACTIONS)
def test_no_action_of_the_nodes_can_be_left_out(commands, quay, action, status, text):
    prepare_pull(commands, quay, without(policy_of(commands, "nodes"), action))
    got = pull(commands.aws)
    assert got[0] == status and text in got[1]


def test_the_registrys_policy_does_it_too(commands, quay):
    registry = policy_of(commands, "registry", "--principal", NODE)
    nodes = policy_of(commands, "nodes")
    for action in actions(registry):
        nodes = without(nodes, action)
    prepare_pull(commands, quay, nodes, registry)
    assert pull(commands.aws)[0] == 307
    stranger = policy_of(commands, "registry", "--principal", NODE + "s")
    prepare_pull(commands, quay, nodes, stranger)
    assert pull(commands.aws)[0] == 404


def test_as_yaml(commands):
    """A policy alone, and all of them."""
    for words in ((), ("nodes",)):
        text = commands.run("iam", *words, "-o", "yaml", status=0).stdout
        assert yaml.safe_load(text) == commands.json("iam", *words)
