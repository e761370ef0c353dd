"""The commands with what a person's machine has: roles, MFA, programs, the AWS CLI's logins; files as
the AWS CLI writes them, and botocore beside us where it goes the same way."""

import hashlib
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import time

import pytest

import standin

ROLE = "arn:aws:iam::111122223333:role/"
KEY, SECRET = standin.OPERATOR
BASE = f"[base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
SERIAL = "arn:aws:iam::111122223333:mfa/me"
START_URL = "https://my-sso.awsapps.com/start"
SSO = f"""[profile dev]
sso_session = my-sso
sso_account_id = {standin.ACCOUNT}
sso_role_name = webhook
[sso-session my-sso]
sso_region = us-east-1
sso_start_url = {START_URL}
sso_registration_scopes = sso:account:access
"""


PROMPT = re.compile(rb"(\(profile dev\)|Token): $")


class Laptop:
    def __init__(self, program, aws, home):
        self.program, self.aws, self.home = program, aws, home
        self.secrets = [SECRET]
        self.environment = {"HOME": str(home), "AWS_ENDPOINT_URL": aws.url,
                            "AWS_REGION": standin.REGION, "AWS_EC2_METADATA_DISABLED": "true",
                            "PATH": os.environ["PATH"]}
        (home / ".aws").mkdir()

    def write(self, config, credentials=BASE):
        (self.home / ".aws" / "config").write_text(config)
        (self.home / ".aws" / "credentials").write_text(credentials)

    def run(self, *arguments, **environment):
        """(exit status, output of both kinds); in a session of its own, so without a terminal"""
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True,
                              env={**self.environment, **environment}, timeout=120,
                              start_new_session=True, stdin=subprocess.DEVNULL)
        shown = done.stdout + done.stderr
        assert not [secret for secret in self.secrets if secret in shown]
        return done.returncode, shown

    def principal(self, *arguments, **environment):
        """Whose keys a command had."""
        status, shown = self.run("rules", "list", "-o", "json", *arguments, **environment)
        assert status == 0, shown
        return self.aws.calls(operation="DescribePullThroughCacheRules")[-1]["principal"]

    def refused(self, *arguments, **environment):
        """Why a command could not look."""
        status, shown = self.run("rules", "list", *arguments, **environment)
        assert status == 3, shown
        return shown.removeprefix("pullthrough rules: ECR could not be looked at: ").strip()

    def at_terminal(self, typed, *arguments, stdin=None):
        """(exit status, what the terminal showed); `typed` once something is asked for; standard
        input is the terminal, or this file"""
        child, terminal = pty.fork()
        if child == 0:
            if stdin:
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.execve(self.program, [self.program, *arguments], self.environment)
        shown = b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                more = os.read(terminal, 4096)
            except OSError:     # all have closed it
                break
            shown += more
            if typed and PROMPT.search(shown):
                os.write(terminal, typed.encode())
                typed = None
        else:
            os.kill(child, signal.SIGKILL)
            shown += b"(and then nothing for a minute)"
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def botocore(self, profile="dev", **environment):
        """The access key's id that botocore comes to with the same files."""
        pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
        script = ("import botocore.session, sys; print(botocore.session.Session(profile=sys.argv[1])"
                  ".get_credentials().get_frozen_credentials().access_key)")
        return subprocess.run([sys.executable, "-c", script, profile], check=True, text=True,
                              env={**self.environment, "AWS_DEFAULT_REGION": standin.REGION,
                                   **environment}, capture_output=True, timeout=120).stdout.strip()

    def cache(self, name, content, folder="sso"):
        """The file of the AWS CLI's cache."""
        digest = hashlib.sha1 if folder == "sso" else hashlib.sha256
        path = self.home / ".aws" / folder / "cache" / (digest(name.encode()).hexdigest() + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        self.secrets += [value for value in content.values()
                         if isinstance(value, str) and len(value) > 100]
        return path

    def logged_in(self, name="my-sso", **members):
        """As `aws sso login` leaves it."""
        login = self.aws.sso_login(**members)
        return self.cache(name, {
            "startUrl": START_URL, "region": "us-east-1", "accessToken": login["accessToken"],
            "expiresAt": stamp(login["expires"]), "clientId": login["clientId"],
            "clientSecret": login["clientSecret"], "refreshToken": login["refreshToken"],
            "registrationExpiresAt": stamp(login["registrationExpires"])})


def stamp(seconds, end="Z"):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + end


@pytest.fixture
def laptop(program, aws, tmp_path):
    return Laptop(program, aws, tmp_path)


# Roles.


def test_a_role_as_botocore_takes_it(aws, laptop):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\nsource_profile = base\n"
                 "external_id = ours/1\nrole_session_name = me@home\nduration_seconds = 1800\n")
    aws.principal("webhook", externalId="ours/1")
    assert laptop.principal("--profile", "dev") == "webhook"
    assert laptop.botocore().startswith("ASIA")
    ours, theirs = aws.calls(operation="AssumeRole")
    assert ours["parameters"] == theirs["parameters"] == {
        "RoleArn": ROLE + "webhook", "RoleSessionName": "me@home", "DurationSeconds": 1800,
        "ExternalId": "ours/1"}
    assert ours["principal"] == theirs["principal"] == "operator"


def test_a_role_that_is_denied(aws, laptop):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\nsource_profile = base\n")
    aws.principal("webhook", externalId="ours/1")
    why = laptop.refused("--profile", "dev")
    assert why.startswith('AWS credentials from the shared files: profile "dev": AssumeRole: '
                          "AccessDenied: User: arn:aws:iam::111122223333:user/operator is not")
    assert "request id" in why


def test_a_chain_of_roles(aws, laptop):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}puller\nsource_profile = mid\n"
                 f"[profile mid]\nrole_arn = {ROLE}webhook\nsource_profile = base\n")
    aws.principal("puller", trusted=["webhook"], allow=["*"])
    aws.principal("webhook", allow=["*"])
    assert laptop.principal(AWS_PROFILE="dev") == "puller"
    laptop.botocore()
    assert [call["principal"] for call in aws.calls(operation="AssumeRole")] \
        == ["operator", "webhook"] * 2


@pytest.mark.parametrize("config, why", [
    ("[profile dev]\nrole_arn = R\nsource_profile = dev\n",
     'profile "dev" comes back to itself by its source_profile'),
    ("[profile dev]\nrole_arn = R\nsource_profile = b\n[profile b]\nrole_arn = R\n"
     "source_profile = dev\n", 'profile "dev" comes back to itself by its source_profile'),
    ("[profile dev]\nrole_arn = R\nsource_profile = b\n[profile b]\nregion = x\n",
     'profile "b" has no credentials, and is the source_profile of "dev"'),
    ("[profile dev]\nrole_arn = R\ncredential_source = Magic\n",
     'profile "dev" has the credential_source "Magic"; there are Environment, EcsContainer and '
     "Ec2InstanceMetadata"),
    ("[profile dev]\nrole_arn = R\ncredential_source = Environment\n",
     'profile "dev": credential_source Environment has no credentials: AWS_ACCESS_KEY_ID is not '
     "set"),
    ("".join(f"[profile {name}]\nrole_arn = R\nsource_profile = p{n}\n"
             for n, name in enumerate(["dev", *(f"p{n}" for n in range(11))])) +
     "[profile p11]\nregion = x\n",
     "over 10 profiles lead to one another by source_profile"),
])
def test_roles_that_nobody_can_take(aws, laptop, config, why):
    laptop.write(config)
    assert laptop.refused("--profile", "dev") == "AWS credentials from the shared files: " + why
    assert aws.calls(operation="AssumeRole") == []


def test_credential_sources(aws, laptop, tmp_path):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\ncredential_source = Environment\n"
                 f"[profile box]\nrole_arn = {ROLE}webhook\ncredential_source = EcsContainer\n"
                 f"[profile vm]\nrole_arn = {ROLE}webhook\ncredential_source = "
                 "Ec2InstanceMetadata\n")
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert laptop.principal("--profile", "dev", **keys) == "webhook"
    # without --profile the keys themselves go first, as with the AWS CLI
    assert laptop.principal(AWS_PROFILE="dev", **keys) == "operator"
    (tmp_path / "token").write_text("a-token")
    aws.set(containerTokenFile=str(tmp_path / "token"), containerPrincipal="puller")
    aws.principal("puller", allow=["*"])
    aws.principal("webhook", trusted=["puller"])
    assert laptop.principal(
        "--profile", "box", AWS_CONTAINER_CREDENTIALS_FULL_URI=aws.url + "/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token")) == "webhook"
    assert laptop.principal("--profile", "vm", AWS_EC2_METADATA_DISABLED="",
                            AWS_EC2_METADATA_SERVICE_ENDPOINT=aws.url) == "webhook"


def test_mfa_at_a_terminal(aws, laptop):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\nsource_profile = base\n"
                 f"mfa_serial = {SERIAL}\n")
    aws.principal("webhook", mfa={"serial": SERIAL, "code": "123456"})
    status, shown = laptop.at_terminal("123456\n", "rules", "list", "--profile", "dev")
    assert status == 0 and f"MFA code for {SERIAL} (profile dev): " in shown
    call, = aws.calls(operation="AssumeRole")
    assert call["parameters"]["SerialNumber"] == SERIAL and call["parameters"]["TokenCode"] == "***"
    # it was good once
    status, shown = laptop.at_terminal("123456\n", "rules", "list", "--profile", "dev")
    assert status == 3 and "MultiFactorAuthentication failed" in shown
    status, shown = laptop.at_terminal("12345x\n", "rules", "list", "--profile", "dev")
    assert status == 3 and "an MFA code is six digits" in shown
    status, shown = laptop.at_terminal("\x04", "rules", "list", "--profile", "dev")
    assert status == 3 and "the MFA code: nothing was typed" in shown


def test_mfa_of_a_command_with_threads(aws, laptop, tmp_path):
    """All of what `warm` asks is asked with the same keys: a code is good once."""
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\nsource_profile = base\n"
                 f"mfa_serial = {SERIAL}\n")
    laptop.run("rules", "apply", "--profile", "base")
    policy = json.loads(laptop.run("iam", "verify", "--profile", "base")[1])
    aws.principal("webhook", mfa={"serial": SERIAL, "code": "123456"}, policy=policy)
    pods = tmp_path / "pods.json"
    pods.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{i}"},
         "spec": {"containers": [{"name": "c", "image": f"quay.io/org/app:{i}"}]}}
        for i in range(8)]}))
    # there is no registry by that name: what counts is that they got as far as that
    status, shown = laptop.at_terminal("123456\n", "warm", "-f", str(pods), "--profile", "dev",
                                       "--timeout", "1s")
    assert status == 1 and "8 images: 0 were cached, 0 imported, 8 can't be imported" in shown
    assert len(aws.calls(operation="AssumeRole")) == 1
    assert {call["principal"] for call in aws.calls(operation="GetAuthorizationToken")} == {"webhook"}


def test_mfa_without_a_terminal(aws, laptop):
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}webhook\nsource_profile = base\n"
                 f"mfa_serial = {SERIAL}\n")
    assert laptop.refused("--profile", "dev").endswith(
        'profile "dev": an MFA code is wanted (mfa_serial), and there is no terminal to ask for it; '
        'the way out: eval "$(aws configure export-credentials --profile dev --format env)"')


# Programs.


def program_that(tmp_path, script):
    """One in a folder with a blank."""
    folder = tmp_path / "my tools"
    folder.mkdir(exist_ok=True)
    path = folder / "tool"
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return path


def test_a_program_gives_keys(aws, laptop, tmp_path):
    key, secret, token = aws.session("webhook")
    laptop.secrets += [secret, token]
    answer = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token,
              "Expiration": stamp(time.time() + 3600)}
    tool = program_that(tmp_path, f"printf '%s\\n' \"$@\" > '{tmp_path}/words'\n"
                                  f"echo '{json.dumps(answer)}'\n")
    laptop.write(f"[profile dev]\ncredential_process = \"{tool}\" 'a b' $HOME `id` ;x #y\n")
    assert laptop.principal("--profile", "dev") == "webhook"
    assert (tmp_path / "words").read_text().splitlines() == ["a b", "$HOME", "`id`", ";x", "#y"]
    assert laptop.botocore() == key
    # and as the source of a role
    aws.principal("puller", trusted=["webhook"], allow=["*"])
    aws.principal("webhook", allow=["*"])
    laptop.write(f"[profile dev]\nrole_arn = {ROLE}puller\nsource_profile = tool\n"
                 f'[profile tool]\ncredential_process = "{tool}"\n')
    assert laptop.principal("--profile", "dev") == "puller"


@pytest.mark.parametrize("script, why", [
    ("echo 'log in first:' >&2; echo '  vault login' >&2; exit 3",
     " ended with status 3: log in first:   vault login"),
    ("exit 4", " ended with status 4"),
    ("echo '{\"SecretAccessKey\":\"hushhush\"}' >&2; exit 1",
     " ended with status 1; what it said may hold a secret"),
    ("echo 'GET https://me:hushhush@vault/' >&2; exit 1",
     " ended with status 1: GET https://***@vault/"),
    ("kill -9 $$", " was ended by signal 9"),
    ("echo hushhush", ": malformed JSON at byte 0"),
    ("echo '{\"Version\":2,\"SecretAccessKey\":\"hushhush\"}'", ": the answer's Version is not 1"),
    ("yes hushhush", " wrote too much and was killed (limit: 60 s, 65536 bytes)"),
])
def test_programs_that_fail(laptop, tmp_path, script, why):
    tool = program_that(tmp_path, script)
    laptop.write(f'[profile dev]\ncredential_process = "{tool}" --password hushhush\n')
    laptop.secrets.append("hushhush")
    assert laptop.refused("--profile", "dev") == (
        f'AWS credentials from the shared files: profile "dev": credential_process: {tool}{why}')


def test_a_program_may_ask_at_the_terminal(aws, laptop, tmp_path):
    answer = json.dumps({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET})
    tool = program_that(tmp_path, "printf 'Token: ' > /dev/tty; read -r typed\n"
                                  f"[ \"$typed\" = yes ] && echo '{answer}'\n")
    laptop.write(f'[profile dev]\ncredential_process = "{tool}"\n')
    status, shown = laptop.at_terminal("yes\n", "rules", "list", "--profile", "dev")
    assert status == 0 and "Token: " in shown, shown
    assert aws.calls(operation="DescribePullThroughCacheRules")[-1]["principal"] == "operator"


def test_a_program_may_ask_at_the_terminal_while_pods_come(aws, laptop, tmp_path):
    """Whose pods standard input is; what the program reads there it doesn't take from us."""
    answer = json.dumps({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET})
    tool = program_that(tmp_path, "cat > /dev/null; printf 'Token: ' > /dev/tty\n"
                                  f"read -r typed < /dev/tty; [ \"$typed\" = yes ] && echo '{answer}'\n")
    laptop.write(f'[profile dev]\ncredential_process = "{tool}"\n')
    pods = tmp_path / "pods.json"
    pods.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
                                "spec": {"containers": [{"name": "c", "image": "nginx"}]}}))
    status, shown = laptop.at_terminal("yes\n", "scan", "--profile", "dev", stdin=pods)
    assert status == 0 and "Token: " in shown, shown
    assert "1 pod, 1 container, 1 image" in shown and "The rules are those of account" in shown


def test_ctrl_c_at_a_program_that_asks(laptop, tmp_path):
    """It is meant for all of us; `scan` would go on without credentials."""
    tool = program_that(tmp_path, "printf 'Token: ' > /dev/tty; read -r typed < /dev/tty\n")
    laptop.write(f'[profile dev]\ncredential_process = "{tool}"\n')
    status, shown = laptop.at_terminal("\x03", "scan", "--profile", "dev", stdin="/dev/null")
    assert status == -signal.SIGINT and "pullthrough" not in shown, shown


def test_serve_starts_no_program(laptop, services, tmp_path):
    """Nor takes any other of the ways that are for commands."""
    tool = program_that(tmp_path, f"touch '{tmp_path}/started'\n")
    laptop.write(f'[default]\ncredential_process = "{tool}"\n', "")
    service = services.start(laptop.environment, reconcile={"mode": "observe"})
    line = service.wait_log("reconcile problem")
    assert "uses credential_process, which only commands take" in json.dumps(line)
    assert not (tmp_path / "started").exists()


# The AWS CLI's logins.


def test_sso_as_botocore_takes_it(aws, laptop):
    laptop.write(SSO)
    laptop.logged_in()
    assert laptop.principal("--profile", "dev") == "webhook"
    assert laptop.botocore().startswith("ASIA")
    ours, theirs = aws.calls(service="sso")
    assert ours["parameters"] == theirs["parameters"] \
        == {"role_name": "webhook", "account_id": standin.ACCOUNT}
    assert aws.calls(service="sso-oidc") == []


def test_sso_of_old(aws, laptop):
    laptop.write(f"[profile dev]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n"
                 f"sso_account_id = {standin.ACCOUNT}\nsso_role_name = webhook\n")
    login = aws.sso_login()
    laptop.cache(START_URL, {"startUrl": START_URL, "region": "us-east-1",
                             "accessToken": login["accessToken"],
                             "expiresAt": stamp(login["expires"], "UTC")})
    assert laptop.principal("--profile", "dev") == "webhook"
    assert laptop.botocore().startswith("ASIA")


def test_sso_is_refreshed(aws, laptop):
    laptop.write(SSO)
    path = laptop.logged_in(seconds=600)
    old = json.loads(path.read_text())
    assert laptop.principal("--profile", "dev") == "webhook"
    new = json.loads(path.read_text())
    assert set(new) == set(old) and new["accessToken"] != old["accessToken"]
    assert new["refreshToken"] != old["refreshToken"]
    assert {name: new[name] for name in new if name not in
            ("accessToken", "refreshToken", "expiresAt")} == {
                name: old[name] for name in old if name not in
                ("accessToken", "refreshToken", "expiresAt")}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    # what we wrote is good for the AWS CLI, and for us
    assert laptop.principal("--profile", "dev") == "webhook"
    assert laptop.botocore().startswith("ASIA")
    call, = aws.calls(service="sso-oidc")
    assert call["parameters"]["grantType"] == "refresh_token"
    assert call["parameters"]["refreshToken"] == call["parameters"]["clientSecret"] == "***"


def test_sso_that_is_over_is_refreshed(laptop):
    laptop.write(SSO)
    laptop.logged_in(seconds=-10)
    assert laptop.principal("--profile", "dev") == "webhook"


TYPE = "; type: aws sso login --profile dev"


def test_sso_without_a_login(aws, laptop):
    laptop.write(SSO)
    start = 'AWS credentials from the shared files: profile "dev": '
    assert laptop.refused("--profile", "dev") == start + "there is no SSO login" + TYPE
    path = laptop.logged_in(seconds=-10, registrationSeconds=-10)
    assert laptop.refused("--profile", "dev") == start + "its SSO login is over" + TYPE
    path.write_text("hush")
    assert laptop.refused("--profile", "dev") == start + "its SSO login can't be read" + TYPE
    laptop.logged_in()
    aws.state(sso={"tokens": {}, "refresh": {}, "clients": {}})
    assert laptop.refused("--profile", "dev") == start + "its SSO login is not taken any more" + TYPE
    # one that is refused as it is refreshed, and is over
    laptop.logged_in(seconds=-10)
    aws.state(sso={"tokens": {}, "refresh": {}, "clients": {}})
    assert laptop.refused("--profile", "dev") == start + "its SSO login is over" + TYPE


def test_sso_whose_profile_has_a_blank_in_its_name(laptop):
    laptop.write(SSO.replace("[profile dev]", '[profile "my dev"]'))
    assert laptop.refused("--profile", "my dev").endswith("type: aws sso login --profile 'my dev'")


def test_sso_as_the_source_of_a_role(aws, laptop):
    laptop.write(SSO + f"[profile deep]\nrole_arn = {ROLE}puller\nsource_profile = dev\n")
    aws.principal("puller", trusted=["webhook"], allow=["*"])
    aws.principal("webhook", allow=["*"])
    assert laptop.refused("--profile", "deep").endswith(
        'profile "dev": there is no SSO login' + TYPE)
    laptop.logged_in()
    assert laptop.principal("--profile", "deep") == "puller"


def test_sso_that_gives_no_role(aws, laptop):
    laptop.write(SSO)
    laptop.logged_in(roles=["puller"])
    assert "SSO GetRoleCredentials: ForbiddenException: No access (HTTP 403, request id" \
        in laptop.refused("--profile", "dev")


def test_sso_is_asked_again(aws, laptop):
    laptop.write(SSO)
    laptop.logged_in()
    aws.fault("close", service="sso")
    aws.fault("server-error", service="sso", skip=1)
    assert laptop.principal("--profile", "dev") == "webhook"
    aws.fault("http", service="sso", status=503, body="hush", times=None)
    assert "SSO GetRoleCredentials: no error code: hush (HTTP 503" \
        in laptop.refused("--profile", "dev")


def login_cache(laptop, aws, seconds):
    key, secret, token = aws.session("webhook")
    laptop.secrets += [secret, token]
    return laptop.cache("arn:aws:iam::111122223333:user/me", {
        "accessToken": {"accessKeyId": key, "secretAccessKey": secret, "sessionToken": token,
                        "accountId": standin.ACCOUNT, "expiresAt": stamp(time.time() + seconds)},
        "tokenType": "aws_sigv4", "refreshToken": "r" * 200, "idToken": "i" * 200,
        "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "p" * 200}, "login")


def test_a_login_session(aws, laptop, tmp_path):
    laptop.write("[profile dev]\nlogin_session = arn:aws:iam::111122223333:user/me\n")
    start = 'AWS credentials from the shared files: profile "dev": '
    end = "; type: aws login --profile dev"
    assert laptop.refused("--profile", "dev") == start + "there is no login session" + end
    path = login_cache(laptop, aws, 900)
    assert laptop.principal("--profile", "dev") == "webhook"
    (tmp_path / "elsewhere").mkdir()
    path.rename(tmp_path / "elsewhere" / path.name)
    assert laptop.principal("--profile", "dev",
                            AWS_LOGIN_CACHE_DIRECTORY=str(tmp_path / "elsewhere")) == "webhook"
    login_cache(laptop, aws, -1)
    assert laptop.refused("--profile", "dev") == start + "its login session is over" + end


# Which profile, which region, which account.


def test_which_profile(aws, laptop):
    key, secret, token = aws.session("webhook")
    keys = f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
    laptop.write("[profile hook]\n" + keys)
    assert laptop.principal(AWS_DEFAULT_PROFILE="hook") == "webhook"
    assert laptop.principal(AWS_DEFAULT_PROFILE="hook", AWS_PROFILE="base") == "operator"
    assert laptop.principal("--profile", "hook", AWS_PROFILE="base") == "webhook"
    assert laptop.principal("--profile", "hook", AWS_ACCESS_KEY_ID=KEY,
                            AWS_SECRET_ACCESS_KEY=SECRET) == "webhook"
    status, shown = laptop.run("rules", "list", "--profile", "hok")
    assert status == 3
    assert shown == ('pullthrough rules: AWS shared files: --profile is "hok", which is in neither; '
                     'did you mean "hook"?\n')


ASKING = [("scan", "-f", "/dev/null"), ("warm", "-f", "/dev/null"), ("images", "list"),
          ("rewrite", "--explain", "--live", "--config", "cached.yaml", "nginx"), ("rules", "list"),
          ("verify",), ("iam", "nodes")]


def test_no_command_that_asks_aws_is_left_out(laptop):
    """Who has one of the options has all three."""
    listed = re.findall(r"^  ([a-z][\w-]*) ", laptop.run("help")[1], re.M)
    helps = {name: laptop.run("help", name)[1] for name in listed}
    for option in ("--profile NAME", "--account ID", "--region REGION"):
        assert [name for name in listed if option in helps[name]] == [words[0] for words in ASKING]


@pytest.mark.parametrize("command", ASKING, ids=lambda words: words[0])
def test_options_of_every_command_that_asks_aws(laptop, command):
    laptop.write("[profile dev]\nregion = eu-west-1\n")
    (laptop.home / "cached.yaml").write_text(
        "registry: {account: \"111122223333\"}\nrewrite: {when: cached}\n")
    command = [laptop.home / word if word == "cached.yaml" else word for word in command]
    status, shown = laptop.run(*command, "--profile", "no")
    if command[0] == "iam":
        assert status == 3 and '--profile is "no"' in shown
        status, shown = laptop.run(*command, "--profile", "no", "--region", "eu-north-1",
                                   "--account", "999988887777")
        assert status == 0 and "arn:aws:ecr:eu-north-1:999988887777:" in shown
    else:
        assert status == 3 and '--profile is "no"' in shown
        for option, value, why in (("--region", "x", "wants an AWS region"),
                                   ("--account", "1", "wants the 12 digits")):
            status, shown = laptop.run(*command, option, value)
            assert status == 2 and f"{option}: {why}" in shown


def test_region_and_account_of_verify(aws, laptop):
    laptop.write("")
    status, shown = laptop.run("verify", "--profile", "base", "--account", "999988887777")
    assert status == 1
    assert "the credentials are of account 111122223333, the configuration says 999988887777" \
        in shown
    aws.set(region="eu-north-1")
    laptop.run("rules", "list", "--profile", "base", "--region", "eu-north-1")
    assert aws.calls(operation="DescribePullThroughCacheRules")[-1]["status"] == 200
