"""The upstreams that are off by default, from the configuration to a review; and those that ECR
would refuse, which are refused when the configuration is loaded."""

import pytest

from reconciling import running
from service import run
from standin import ACCOUNT, REGION

HOST = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
GITLAB, CHAINGUARD, AZURE = (f"ecr-pullthroughcache/{name}" for name in ("gitlab", "cgr", "azure"))
UPSTREAMS = [{"registry": "public.ecr.aws"}, {"registry": "registry.gitlab.com"},
             {"registry": "cgr.dev"},
             {"registry": "example.azurecr.io", "prefix": "azurecache", "secret": AZURE}]
IMAGES = {"public.ecr.aws/docker/library/nginx:1": "ecrpubliccache/docker/library/nginx:1",
          "registry.gitlab.com/group/project/image:1": "gitlabcache/group/project/image:1",
          "cgr.dev/chainguard/static:latest": "cgrcache/chainguard/static:latest",
          "example.azurecr.io/app:1": "azurecache/app:1",
          # Not configured here.
          "nginx:1": None, "other.azurecr.io/app:1": None}


def test_the_others_end_to_end(aws, program, certs, tmp_path):
    arns = {name: aws.secret(name) for name in (GITLAB, CHAINGUARD, AZURE)}
    with running(program, tmp_path, certs.leaf, aws, {"upstreams": UPSTREAMS}) as replica:
        replica.wait_states(all="ready")
        assert {prefix: (rule["upstreamRegistryUrl"], rule["credentialArn"])
                for prefix, rule in aws.state()["rules"].items()} == {
            "ecrpubliccache": ("public.ecr.aws", None),
            "gitlabcache": ("registry.gitlab.com", arns[GITLAB]),
            "cgrcache": ("cgr.dev", arns[CHAINGUARD]),
            "azurecache": ("example.azurecr.io", arns[AZURE])}
        assert replica.review(*IMAGES) == [f"{HOST}/{new}" if new else old
                                           for old, new in IMAGES.items()]
        assert replica.review(f"{HOST}/gitlabcache/a:1") == [f"{HOST}/gitlabcache/a:1"]


@pytest.mark.parametrize("registry, secret", [
    ("registry.gitlab.com", GITLAB), ("cgr.dev", CHAINGUARD), ("example.azurecr.io", AZURE)])
def test_without_its_secret_it_stays(aws, program, certs, tmp_path, registry, secret):
    config = {"upstreams": [each for each in UPSTREAMS if each["registry"] == registry]}
    with running(program, tmp_path, certs.leaf, aws, config) as replica:
        replica.wait_states(all="secret-missing")
        assert secret in replica.upstreams()[registry]["reason"]
        assert replica.review(f"{registry}/app:1") == [f"{registry}/app:1"]


# What the program says, and what ECR says to the same rule (None: it would take it).
REFUSED = {
    "no registry of ECR's list": (
        "{registry: mcr.microsoft.com}", "it would answer UnsupportedUpstreamRegistryException",
        {"upstreamRegistryUrl": "mcr.microsoft.com"}, "UnsupportedUpstreamRegistryException"),
    "a private ECR registry": (
        "{registry: 444455556666.dkr.ecr.us-west-2.amazonaws.com, prefix: other}",
        "images of a private ECR registry are in ECR already",
        {"upstreamRegistryUrl": "444455556666.dkr.ecr.us-west-2.amazonaws.com"}, None),
    "a URL with its scheme": (
        '{registry: quay.io, url: "https://quay.io"}', "leave the scheme out",
        {"upstreamRegistryUrl": "https://quay.io"}, "UnsupportedUpstreamRegistryException"),
    "a credential for a public one": (
        "{registry: public.ecr.aws, secret: ecr-pullthroughcache/x}", "must be empty",
        {"upstreamRegistryUrl": "public.ecr.aws", "credentialArn": "x"},
        "InvalidParameterException"),
    "gitlab without a credential": (
        '{registry: registry.gitlab.com, secret: ""}',
        "UnsupportedUpstreamRegistryException (registry.gitlab.com requires authentication)",
        {"upstreamRegistryUrl": "registry.gitlab.com"}, "UnsupportedUpstreamRegistryException"),
    "chainguard without a credential": (
        '{registry: cgr.dev, secret: ""}',
        "UnsupportedUpstreamRegistryException (cgr.dev requires authentication)",
        {"upstreamRegistryUrl": "cgr.dev"}, "UnsupportedUpstreamRegistryException"),
    "azure without a credential": (
        "{registry: example.azurecr.io, prefix: azure}", "secret: the key is missing",
        {"upstreamRegistryUrl": "example.azurecr.io"}, "UnsupportedUpstreamRegistryException"),
    "below an azure registry": (
        "{registry: a.example.azurecr.io, prefix: azure, secret: ecr-pullthroughcache/a}",
        "it would answer UnsupportedUpstreamRegistryException",
        {"upstreamRegistryUrl": "a.example.azurecr.io"}, "UnsupportedUpstreamRegistryException"),
    "a prefix of one letter": (
        "{registry: quay.io, prefix: q}", "prefix: ",
        {"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "q"},
        "InvalidParameterException"),
    "a prefix with capitals": (
        "{registry: quay.io, prefix: Quay}", "prefix: ",
        {"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "Quay"},
        "InvalidParameterException"),
}


@pytest.mark.parametrize("entry, said", [row[:2] for row in REFUSED.values()], ids=REFUSED)
def test_refused_when_it_is_loaded(program, tmp_path, entry, said):
    file = tmp_path / "config.yaml"
    file.write_text(f"upstreams:\n  - {entry}\n")
    done = run(program, "serve", "--config", str(file))
    assert done.returncode == 3
    assert f"{file}:2:" in done.stderr.decode()
    assert said in done.stderr.decode()


@pytest.mark.parametrize("given, code", [row[2:] for row in REFUSED.values()], ids=REFUSED)
def test_refused_by_the_standin_too(aws, clients, given, code):
    ecr, given = clients("ecr"), {"ecrRepositoryPrefix": "some", **given}
    if "credentialArn" in given:
        given["credentialArn"] = aws.secret("ecr-pullthroughcache/x")
    if code is None:
        ecr.create_pull_through_cache_rule(**given)
        return
    with pytest.raises(ecr.exceptions.ClientError) as caught:
        ecr.create_pull_through_cache_rule(**given)
    assert caught.value.response["Error"]["Code"] == code
