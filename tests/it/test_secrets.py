"""No output holds a password, a key or a token, and /status no more than it says it does."""

import json
import re
import subprocess

import pytest
import yaml

from commands import Commands
from reconciling import running, wait_for

# A password in a proxy's URL is to be percent-encoded, and often isn't. libcurl then takes parts of
# it for a host, a port or a scheme, and quotes them.
PROXIES = {
    "hash": "http://zaphod:47113#hush@127.0.0.1:1",
    "slash": "http://zaphod:47113/hush@127.0.0.1:1",
    "question": "http://zaphod:hush?47113@127.0.0.1:1",
    "at": "http://zaphod:47113@hush@nowhere.invalid",
    "space": "http://zaphod:hush 47113@127.0.0.1:1",
    "colon": "http://zaphod:hush:47113@127.0.0.1:1",
    "scheme": "hush://zaphod:47113@127.0.0.1:1",
    "none": "zaphod:hush#47113@127.0.0.1:1",
    "plain": "http://zaphod:hush47113@127.0.0.1:1",
}
HIDDEN = ("hush", "47113", "zaphod")


def surroundings(proxy):
    return {name: proxy for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                     "ALL_PROXY")} | {"no_proxy": "", "NO_PROXY": ""}


def nothing_hidden_in(text):
    for part in HIDDEN:
        assert part not in text, text[max(text.find(part) - 200, 0):text.find(part) + 50]


@pytest.mark.parametrize("name", PROXIES)
def test_serve_shows_nothing_of_a_proxys_password(program, tmp_path, certs, aws, name):
    config = {"log": {"level": "debug"}, "reconcile": {"readSecrets": True},
              "registry": {"account": "", "region": ""}}
    with running(program, tmp_path, certs.leaf, aws, config,
                 environment=surroundings(PROXIES[name])) as replica:
        wait_for(lambda: replica.status()["reconcile"]["problem"], "a pass that failed")
        nothing_hidden_in(replica.get("/status"))
        nothing_hidden_in(replica.get("/metrics"))
        # but it says where to look
        assert "_proxy" in replica.status()["reconcile"]["problem"].lower()
    nothing_hidden_in(json.dumps(replica.lines))
    assert "_proxy" in json.dumps(replica.lines).lower()


@pytest.mark.parametrize("name", PROXIES)
def test_commands_show_nothing_of_a_proxys_password(program, tmp_path, aws, name):
    commands = Commands(program, tmp_path, aws)
    commands.hidden += HIDDEN
    for arguments in (["rules", "list"], ["rules", "apply", "--dry-run"], ["verify"],
                      ["rules", "list", "-o", "json"], ["verify", "-o", "json"]):
        done = commands.run(*arguments, **surroundings(PROXIES[name]))
        assert done.returncode not in (0, 2), (arguments, done)
        assert "_proxy" in (done.stdout + done.stderr).lower(), arguments


BAD_PLACES = ["http://zaphod:hush47113@127.0.0.1:1", "http://zaphod/hush47113@127.0.0.1:1",
              "http://zaphod?hush47113@127.0.0.1:1", "http://127.0.0.1:1/#hush47113@127.0.0.1"]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECR",
                                      "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                      "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
def test_addresses_of_the_environment_are_not_shown(program, tmp_path, aws, variable):
    commands = Commands(program, tmp_path, aws)
    commands.hidden += HIDDEN
    if "ENDPOINT_URL" in variable:
        del commands.config["aws"]
        keys = {}
    else:
        keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
                "AWS_EC2_METADATA_DISABLED": ""}
        if "METADATA" not in variable:
            keys["AWS_EC2_METADATA_DISABLED"] = "true"
    for place in BAD_PLACES:
        done = commands.run("rules", "list", **keys, **{variable: place})
        assert done.returncode not in (0, 2), done
        assert "URI" in done.stderr or "URL" in done.stderr, done


@pytest.mark.parametrize("place", BAD_PLACES)
def test_addresses_of_the_configuration_are_not_shown(program, tmp_path, place):
    file = tmp_path / "config.yaml"
    for section in ({"aws": {"endpoint": {"ecr": place}}},
                    {"upstreams": [{"registry": place}]},
                    {"upstreams": [{"registry": "docker.io", "url": place}]},
                    {"upstreams": [{"registry": "docker.io", "aliases": [place]}]},
                    {"registry": {"host": place}}, {"rewrite": place}, {place: 1},
                    {"tls": {"mode": place}}, {"reconcile": {"interval": place}}):
        file.write_text(yaml.safe_dump(section))
        done = subprocess.run([program, "check-config", file], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 1 and "config.yaml:" in done.stderr, (section, done)
        nothing_hidden_in(done.stdout + done.stderr)


def test_what_services_say_is_shown_without_tokens(program, tmp_path, certs, aws):
    """AWS, or what stands between, repeats a signed URL and a header."""
    words = ("see https://zaphod:hush@h/x and http://h/?X-Amz-Signature=47113 with "
             "Bearer hushhushhushhush")
    aws.fault("error", service="ecr", code="AccessDeniedException", message=words, status=400,
              times=None)
    with running(program, tmp_path, certs.leaf, aws) as replica:
        wait_for(lambda: replica.status()["reconcile"]["problem"], "a pass that failed")
        assert "Bearer ***" in replica.get("/status")
        nothing_hidden_in(replica.get("/status"))
    nothing_hidden_in(json.dumps(replica.lines))


# What /status tells anybody


ROLE = "arn:aws:sts::111122223333:assumed-role/fleet-webhook/i-0123456789"
DENIED = {"code": "AccessDeniedException", "status": 400, "times": None,
          "message": f"User: {ROLE} is not authorized to perform: ecr:DescribePullThroughCacheRules "
                     f"on resource: arn:aws:ecr:us-west-2:111122223333:repository/fleet"}
BESIDE = ("fleet", "i-0123456789", "arn:")


def problems(status):
    return {"configuration": status["configuration"]["problem"],
            "certificate": status["certificate"]["problem"],
            "pass": status["reconcile"]["problem"]}


def test_the_status_names_no_role_and_no_file(program, tmp_path, certs, aws):
    aws.fault("error", service="ecr", **DENIED)
    with running(program, tmp_path, certs.leaf, aws) as replica:
        wait_for(lambda: replica.status()["reconcile"]["problem"], "a pass that failed")
        replica.configure(tls={"mode": "files", "certFile": str(tmp_path / "gone.crt"),
                               "keyFile": str(tmp_path / "gone.key")})
        wait_for(lambda: replica.status()["certificate"]["problem"], "a certificate that is gone")
        replica.configure(rewrite={"digests": ["no", "choice"]})
        wait_for(lambda: replica.status()["configuration"]["problem"], "what is wrong")
        text, status = replica.get("/status"), replica.status()
        for hidden in (*BESIDE, str(tmp_path), "/tmp"):
            assert hidden not in text, text
        assert status["configuration"]["file"] is status["certificate"]["file"] is None
        said = problems(status)
        # what is wrong is said all the same, and where in the file
        assert re.match(r"config\.yaml:\d+:\d+: rewrite\.digests: wants ", said["configuration"])
        assert said["certificate"].startswith("gone.crt: No such file")
        assert "AccessDeniedException: User: *** is not authorized to perform: " in said["pass"]
        reasons = {each["reason"] for each in status["ruleSet"]["upstreams"]}
        assert any("AccessDeniedException" in each for each in reasons)
        # the log's readers may know more
        assert ROLE in json.dumps(replica.lines) and str(tmp_path / "gone.crt") in json.dumps(
            replica.lines)


def test_the_status_names_them_when_it_shall(program, tmp_path, certs, aws):
    aws.fault("error", service="ecr", **DENIED)
    with running(program, tmp_path, certs.leaf, aws, {"status": {"details": True}}) as replica:
        wait_for(lambda: ROLE in (replica.status()["reconcile"]["problem"] or ""), "the role")
        status = replica.status()
        assert status["configuration"]["file"] == str(replica.file)
        assert status["certificate"]["file"] == str(certs.leaf.cert)
        replica.configure(status={"details": False})
        wait_for(lambda: replica.status()["configuration"]["file"] is None, "no more details")
        assert "arn:" not in replica.get("/status")


@pytest.mark.parametrize("variables", [
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/fleet/token", "AWS_ROLE_ARN": ROLE},
    {"AWS_WEB_IDENTITY_TOKEN_FILE": "/etc/hostname", "AWS_ROLE_ARN": ROLE,
     "AWS_ROLE_SESSION_NAME": "fleet"},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/fleet",
     "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere/fleet/token"},
    {"AWS_SHARED_CREDENTIALS_FILE": "/proc/self/cmdline"},
    {"AWS_CA_BUNDLE": "/nowhere/fleet/ca.pem", "AWS_ACCESS_KEY_ID": "AKIA",
     "AWS_SECRET_ACCESS_KEY": "x"},
], ids=lambda each: next(iter(each)))
def test_the_status_names_no_file_of_the_environment(program, tmp_path, certs, aws, variables):
    with running(program, tmp_path, certs.leaf, aws, keys=("", ""),
                 environment=variables) as replica:
        wait_for(lambda: replica.status()["reconcile"]["lastPass"], "a pass")
        text = replica.get("/status")
        for hidden in (*BESIDE, "/nowhere", "/proc", "/etc", str(tmp_path)):
            assert hidden not in text, text
