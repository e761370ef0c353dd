"""Rules that the program makes itself, with credentials of its pod's service account; and an
upstream that isn't ready stays untouched, and is named everywhere that somebody may look."""

import contextlib

import kube
import pytest
from world import cached, until

pytestmark = pytest.mark.own
PREFIXES = {"dockercache", "ghcrcache", "k8scache", "quaycache"}


def test_rules_are_made_with_web_identity(world, installed):
    rules = world.aws.state()["rules"]
    assert set(rules) >= PREFIXES
    made = world.aws.calls(service="ecr", operation="CreatePullThroughCacheRule")
    assert made and all(call["principal"] == "webhook" for call in made)
    tokens = world.aws.calls(service="sts", operation="AssumeRoleWithWebIdentity")
    # The stand-in has the API server's keys, and verified what it signed.
    assert tokens and all(call["status"] == 200 for call in tokens)
    for pod in installed.pods():
        status = installed.status(pod["metadata"]["name"])
        assert status["ruleSet"]["host"] == cached("busybox:1").partition("/")[0]


@contextlib.contextmanager
def without_rule(world, prefix, secret):
    """Somebody deletes a rule and the secret that it needs."""
    saved = world.aws.state()["rules"]
    world.aws.ask("DELETE", f"secrets/{secret}")
    world.aws.ask("PATCH", "state", {"rules": {k: v for k, v in saved.items() if k != prefix}})
    try:
        yield
    finally:
        value = {"username": "somebody", "accessToken": "a-token"}
        world.aws.ask("PUT", f"secrets/{secret}", {"value": value})


def warning(installed, name):
    """The line of the log that names the upstream, or None."""
    for line in installed.logs(name):
        if (line.get("upstream"), line.get("state")) == ("ghcr.io", "secret-missing"):
            assert line["level"] == "warn"
            return line
    return None


@contextlib.contextmanager
def rule_leading_elsewhere(world, prefix):
    """Somebody else's, for another upstream."""
    rules = world.aws.state()["rules"]
    other = {"upstreamRegistryUrl": "public.ecr.aws", "upstreamRegistry": "ecr-public"}
    changed = {**rules, prefix: {**rules[prefix], **other}}
    world.aws.ask("PATCH", "state", {"rules": changed})
    try:
        yield
    finally:
        now = world.aws.state()["rules"]
        world.aws.ask("PATCH", "state", {"rules": {**now, prefix: rules[prefix]}})


def test_upstreams_that_are_not_ready_are_left_alone_and_named(world, installed):
    """One without a rule, and one whose prefix leads elsewhere: a conflict, which stays until
    somebody resolves it, since somebody else's rule is never re-pointed."""
    namespace = world.namespace("missing")
    names = [pod["metadata"]["name"] for pod in installed.pods()]
    missing = without_rule(world, "ghcrcache", "ecr-pullthroughcache/ghcr")
    with missing, rule_leading_elsewhere(world, "quaycache"):
        for name in names:
            until(lambda n=name: not installed.rewrites(n)["ghcr.io"], f"{name} has seen it")
            ghcr = installed.upstreams(name)["ghcr.io"]
            assert ghcr["state"] == "secret-missing" and "ecr-pullthroughcache/ghcr" in ghcr["reason"]
            metrics = installed.metrics(name)
            assert metrics['pullthrough_upstream_ready{upstream="ghcr.io"}'] == 0
            assert metrics['pullthrough_upstream_ready{upstream="docker.io"}'] == 1
            line = until(lambda n=name: warning(installed, n), f"{name} warns")
            assert "ecr-pullthroughcache/ghcr" in line["reason"]
            until(
                lambda n=name: installed.upstreams(n)["quay.io"]["state"] == "conflict",
                f"{name} sees the conflict",
            )
        now = world.aws.state()["rules"]["quaycache"]
        assert now["upstreamRegistryUrl"] == "public.ecr.aws"
        world.kube.create(
            kube.pod("mixed", "ghcr.io/org/app:2.4", "busybox:1", namespace=namespace)
        )
        running = world.wait_running("mixed", namespace)
        assert kube.images(running) == ["ghcr.io/org/app:2.4", cached("busybox:1")]
    for name in names:
        until(lambda n=name: all(installed.rewrites(n).values()), f"{name} has them again")
    assert world.try_image(namespace, "ghcr.io/org/app:2.4") == cached("ghcr.io/org/app:2.4")
