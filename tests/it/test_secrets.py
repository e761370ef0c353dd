"""No output holds a password, a key or a token, and /status no more than it says it does."""

import json
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
