"""IPv6 alone, both, and IPv4 alone: the program serves by every address that there is, and reaches
by IPv6 whatever it asks."""

import json

import pytest

import standin
from commands import Commands
from http_peer import wait_for
from kube_fake import KubeFake
from network import network, without_ipv6
from service import HOST, Client, Services, review, run, settings
from standin import REGION
from test_serve_self import trusting
from upstream import Upstream

AGENT, METADATA = "fd00:ec2::23", "fd00:ec2::254"  # EKS Pod Identity's, and the instance's
EVERY = {"webhook": "[::]:0", "status": "[::]:0"}
SELF = {"mode": "self", "certFile": None, "keyFile": None}
SWITCHED_OFF = ("ipv6/conf/all/disable_ipv6", "1")
BY_ITSELF = {"/spec/containers/0/image": f"{HOST}/dockercache/library/nginx:1"}


def is_serving(service, hosts):
    for service.host in hosts:
        assert service.mutate(review("nginx:1")).images() == BY_ITSELF
        assert service.ready() == (200, "ok\n") and service.get("/").status == 200


@pytest.mark.parametrize("listen", ["[::]:0", ":0"])
@pytest.mark.parametrize(
    "addresses, sysctls",
    [
        (["::1"], []),
        (["127.0.0.1", "::1"], []),
        (["127.0.0.1", "::1"], [("ipv6/bindv6only", "1")]),
        (["127.0.0.1"], []),
        (["127.0.0.1"], [SWITCHED_OFF]),
    ],
    ids=["IPv6", "both", "both, apart", "IPv4", "IPv6 switched off"],
)
def test_the_default_is_every_address(services, listen, addresses, sysctls):
    with network(*addresses, sysctls=sysctls):
        service = services.start(listen={"webhook": listen, "status": listen})
        is_serving(service, addresses)
        services.end()


@pytest.mark.parametrize("listen", ["[::]:0", ":0", "0.0.0.0:0"])
def test_a_kernel_without_ipv6(program, certs, tmp_path, listen):
    services = Services(without_ipv6(program, tmp_path), certs, tmp_path)
    service = services.start(listen={"webhook": listen, "status": listen})
    is_serving(service, ["127.0.0.1"])
    services.end()


def test_an_address_of_ipv6_that_a_kernel_without_it_cannot_have(program, tmp_path):
    (tmp_path / "config.yaml").write_text(settings(tmp_path, listen={"webhook": "[::1]:0"}))
    done = run(without_ipv6(program, tmp_path), "serve", "--config", tmp_path / "config.yaml")
    said = "pullthrough serve: cannot listen on port 0: Address family not supported by protocol\n"
    assert (done.returncode, done.stderr.decode()) == (3, said)


NOTATIONS = {
    "[0:0:0:0:0:0:0:1]:0": "::1",
    "[0000:0000:0000:0000:0000:0000:0.0.0.1]:0": "::1",
    "[2001:DB8:0::A:1]:0": "2001:db8::a:1",
    "[::ffff:127.0.0.1]:0": "127.0.0.1",
    "[0:0::0]:0": None,
}


@pytest.mark.parametrize("listen, host", NOTATIONS.items(), ids=NOTATIONS)
def test_an_address_in_every_notation(services, listen, host):
    every = ["127.0.0.1", "::1", "2001:db8::a:1"]
    with network(*every):
        service = services.start(listen={"webhook": listen, "status": listen})
        said = service.log("listening")[0]
        assert said["webhook"].startswith(listen.removesuffix("0"))
        is_serving(service, [host] if host else every)
        for other in every:
            if host not in (None, other):
                with pytest.raises(ConnectionRefusedError):
                    Client(service.status_port, host=other)
        services.end()


# A pod of a node that has IPv6 only


@pytest.fixture(name="pair")
def _pair(certs):
    return certs.issue("ipv6", names="IP:::1")


@pytest.fixture(name="aws")
def _aws(pair, tmp_path):
    """ECR and the registry at [::1], by TLS; what gives keys where it is on every node."""
    with network("::1", AGENT, METADATA):
        quay = Upstream(tmp_path / "quay", address="[::1]")
        quay.image("org/app", "1.0")
        quay.image("org/app", "1.1")
        pair_words = ("--cert", pair.cert, "--key", pair.key)
        aws = standin.StandIn(*pair_words, "--port", "80", address="::")
        aws.host = "[::1]:80"
        aws.url = f"https://{aws.host}"
        aws.set(
            upstreams={"quay.io": {"url": quay.url}},
            containerToken="of-the-pod",
            instancePrincipal="webhook",
        )
        yield aws
        assert aws.stop() == 0
        quay.stop()


def ways(aws, certs):
    """How the configuration says all that."""
    ends = dict.fromkeys(("ecr", "sts", "secretsmanager"), aws.url)
    return {
        "registry": {"host": aws.host},
        "aws": {"endpoint": ends, "caFile": str(certs.ca)},
        "upstreams": [{"registry": "quay.io"}],
    }


POD_IDENTITY = {
    "AWS_REGION": REGION,
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://[{AGENT}]/v1/credentials",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "of-the-pod",
}


def test_a_pod_of_an_ipv6_cluster(services, certs, pair, aws, tmp_path):
    with KubeFake(certs, tmp_path / "account", "::1", pair) as kube:
        service = services.start(
            {**POD_IDENTITY, **kube.environ()},
            **ways(aws, certs),
            listen=EVERY,
            tls=SELF,
            reconcile={"mode": "manage"},
            rewrite={"requireRule": True},
            fallback={"watch": True, "probe": {"interval": "2s", "timeout": "1s"}},
        )
        service.host = "::1"
        wait_for(lambda: service.ready() == (200, "ok\n"), "ready")
        wait_for(lambda: kube.bundles()[0] and service.status()["certificate"]["bundle"]["state"]
                 == "current", "its CA is told")  # fmt: skip
        wait_for(lambda: service.status()["ruleSet"]["upstreams"][0]["state"] == "ready", "a rule")
        (keys,) = aws.calls(service="container")
        assert keys["error"] is None
        wait_for(lambda: aws.calls(service="registry"), "the registry is asked whether it answers")
        with service.webhook(trusting(kube.bundles()[0])) as client:
            image = f"{aws.host}/quaycache/org/app:1.0"
            found = client.mutate(review("quay.io/org/app:1.0")).images()
            assert found == {"/spec/containers/0/image": image}
            kube.cluster.fail_pull("shop", "web-0", image, "not found")
            wait_for(lambda: not client.mutate(review("quay.io/org/app:1.0")).images(), "heard")
        services.end()


def test_the_api_servers_certificate_must_name_the_address(services, certs, aws, tmp_path):
    with KubeFake(certs, tmp_path / "account", "::1") as kube:  # DNS names, and 127.0.0.1
        service = services.start(kube.environ(), listen=EVERY, tls=SELF)
        problem = service.wait_log("no certificate yet")["problem"]
        assert problem == (
            "could not get secrets/pullthrough-tls in namespace images: SSL: no alternative "
            "certificate subject name matches target host name '::1'"
        )
        services.end()


@pytest.fixture(name="commands")
def _commands(program, certs, aws, tmp_path):
    made = Commands(program, tmp_path, aws)
    made.config = ways(aws, certs)
    return made


def test_the_commands(commands, tmp_path):
    commands.run("rules", "apply", status=0)
    (rule,) = commands.json("rules", "list")["upstreams"]
    assert (rule["registry"], rule["state"]) == ("quay.io", "ready")
    assert commands.json("verify", "quay.io/org/app:1.0")["ok"] is True
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    pod["spec"] = {"containers": [{"name": "c", "image": "quay.io/org/app:1.1"}]}
    (tmp_path / "pod.yaml").write_text(json.dumps(pod))
    assert commands.json("warm", "-f", tmp_path / "pod.yaml")["imported"] == 1
    held = commands.run("images", "list", "-o", "name", status=0).stdout.splitlines()
    assert held == ["quaycache/org/app:1.0", "quaycache/org/app:1.1"]
    commands.run("rules", "delete", "quaycache", "--yes", status=0)


@pytest.mark.parametrize("service, environ", [
    ("container", POD_IDENTITY),
    ("imds", {"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}),
])  # fmt: skip
def test_where_keys_come_from(commands, aws, service, environ):
    commands.use("", "").run("rules", "list", status=0, **environ)
    assert aws.calls(service=service)
