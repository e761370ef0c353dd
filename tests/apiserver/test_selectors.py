"""Which pods the API server asks us about, as the chart's values say."""

import pytest
from conftest import BY_ITSELF, IMAGE, LABEL, REWRITTEN, fresh_name
from http_peer import wait_for
from kube import images, pod


@pytest.fixture
def kube(newest):
    return newest.kube


def rewritten(kube, namespace, **labels):
    made = kube.create(pod("probe", IMAGE, namespace=namespace, labels=labels), dryRun="All")
    return images(made) == [REWRITTEN]


def test_opt_out(kube, install):
    one = install(webhook={"namespaceSelector": {"mode": "optOut", "matchExpressions": SCOPE}})
    plain, off = scoped(kube), scoped(kube, **{LABEL: "disabled"})
    one.wait_taken(plain)
    assert not rewritten(kube, off)
    assert not rewritten(kube, plain, **{LABEL: "disabled"})
    kube.patch(
        "Namespace", one.namespace, {"metadata": {"labels": {"tests.example/scope": "here"}}}
    )
    assert not rewritten(kube, one.namespace)
    one.release.uninstall()


# So that a release that takes every namespace stays away from those of other tests.
SCOPE = [{"key": "tests.example/scope", "operator": "In", "values": ["here"]}]


def scoped(kube, **labels):
    return kube.namespace(fresh_name("scoped"), **{"tests.example/scope": "here", **labels})


def test_more_expressions(kube, install):
    one = install(
        webhook={
            "namespaceSelector": {
                "exclude": ["left-out"],
                "matchExpressions": [{"key": "stage", "operator": "NotIn", "values": ["prod"]}],
            },
            "objectSelector": {"matchExpressions": [{"key": "batch", "operator": "DoesNotExist"}]},
        }
    )
    test = one.labelled(stage="test")
    one.wait_taken(test)
    assert not rewritten(kube, one.labelled(stage="prod"))
    assert not rewritten(kube, kube.namespace("left-out", **{LABEL: one.value}))
    assert not rewritten(kube, test, batch="nightly")
    assert rewritten(kube, test, other="label")
    one.release.uninstall()


def test_match_conditions_of_the_user(kube, install):
    expression = "!has(object.metadata.labels) || !('nightly' in object.metadata.labels)"
    one = install(webhook={"matchConditions": [{"name": "not-nightly", "expression": expression}]})
    namespace = one.labelled()
    one.wait_taken(namespace)
    assert not rewritten(kube, namespace, nightly="yes")
    assert rewritten(kube, namespace, daily="yes")
    one.release.uninstall()


def test_two_releases_with_values_of_their_own(kube, install):
    """Each takes its namespaces, with its own configuration, and neither the other's."""
    registry = {"account": "222222222222", "region": "eu-west-1"}
    other = {**BY_ITSELF, "registry": registry, "server": {"drain": "0s"}}
    first = install(webhook={"namespaceSelector": {"value": "blue"}})
    second = install(webhook={"namespaceSelector": {"value": "green"}}, config=other)
    blue = first.labelled()
    green = second.labelled()
    first.wait_taken(blue)

    def image(namespace):
        return second.try_pod(namespace)

    wait_for(lambda: image(green) != IMAGE, "the second release takes pods")
    assert image(green).startswith("222222222222.dkr.ecr.eu-west-1.amazonaws.com/dockercache/")
    assert image(blue) == REWRITTEN
    assert image(kube.namespace(fresh_name("on"), **{LABEL: "enabled"})) == IMAGE

    second.stop()
    second.release.uninstall()
    assert first.release.configuration() and not second.release.configuration()
    assert image(blue) == REWRITTEN
    assert image(green) == IMAGE
    first.release.uninstall()
