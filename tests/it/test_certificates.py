"""`pullthrough certificates`, against a fake of the two objects of the API server that it is about."""

import subprocess

import pytest

from certificates import old_set
from http_peer import wait_for
from kube_fake import HOST, SECRET, KubeFake
from mount import Mount
from service import environment, review
from test_serve_self import trusting

NAMES = ("--secret", SECRET, "--service", "pullthrough", "--webhooks", "pullthrough")


@pytest.fixture(name="kube")
def _kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture(name="run")
def _run(program, kube):
    def run(*words, names=NAMES):
        done = subprocess.run(
            [program, "certificates", *words, *names],
            env=environment(**kube.environ()),
            capture_output=True,
            text=True,
            timeout=60,
        )
        for text in (done.stdout, done.stderr):
            assert "PRIVATE" not in text and "Sanitizer" not in text, text
        return done.returncode, done.stdout, done.stderr

    return run


def test_made_published_and_served_without_any_right(run, kube, services, tmp_path):
    """As the chart's Jobs do it at an installation: no webhooks yet, then webhooks."""
    kube.secret = kube.configuration = None
    code, said, _ = run("make")
    assert code == 0 and said.startswith(f"wrote the Secret images/{SECRET}: "), said
    assert set(kube.secret_texts()) == {"ca.crt", "tls.crt", "tls.key"}
    assert kube.count("create secrets") == 1
    assert f"{SECRET}" in said and "; an upgrade after 2" in said
    # The pods are there before the webhooks trust them; nothing of the cluster is asked by them.
    mounted = Mount(tmp_path / "mounted", {})
    service = services.start(
        tls={"certFile": str(mounted / "tls.crt"), "keyFile": str(mounted / "tls.key")}
    )
    assert service.ready() == (503, "no certificate loaded\n")
    mounted.write(kube.secret_texts())
    wait_for(lambda: service.ready()[0] == 200, "ready, without a restart")
    kube.put_configuration()
    code, said, _ = run("publish")
    assert code == 0 and "wrote caBundle of pullthrough, 1 CAs: " in said
    assert set(kube.bundles()) == {kube.secret_texts()["ca.crt"]} and len(kube.bundles()) == 2
    with service.webhook(trusting(kube.bundles()[0])) as client:
        assert client.mutate(review("nginx")).images()
    # Once more is nothing more.
    requests = len(kube.requests)
    for word in ("make", "publish"):
        assert run(word)[0] == 0
    assert {each for each in kube.requests[requests:]} == {"get secrets", "get webhooks"}


def test_renewal_trusts_both(run, kube, tmp_path):
    old = old_set(tmp_path, HOST, ca_days=(-2000, 1500), leaf_days=(-2000, 1500))
    del old["ca.key"]
    kube.put_secret(old)
    kube.put_configuration(old["ca.crt"])
    order = []
    kube.before_write = lambda verb, kind: order.append(kind)
    code, said, _ = run("make")
    assert code == 0 and "past half of its life" in said
    assert order == ["webhooks", "secrets"]
    assert kube.secret_texts()["tls.crt"] != old["tls.crt"]
    for bundle in kube.bundles():
        assert bundle.count("BEGIN CERTIFICATE") == 2 and old["ca.crt"].strip() in bundle


def test_a_webhook_that_an_upgrade_brings_gets_the_bundle(run, kube):
    kube.put_configuration()
    assert run("make")[0] == run("publish")[0] == 0
    bundle = kube.bundles()[0]
    kube.put_configuration(bundle, new="two.example")
    assert run("publish")[0] == 0
    assert kube.bundles() == [bundle, bundle]


@pytest.mark.parametrize("word", ["make", "publish"])
def test_nonsense_is_left_alone(run, kube, word):
    kube.put_secret({"tls.crt": "nonsense", "tls.key": "nonsense"})
    code, _, why = run(word)
    assert code == 1 and "the Secret holds something else, and is left as it is" in why
    assert set(kube.secret_texts().values()) == {"nonsense"} and set(kube.bundles()) == {""}


def test_nothing_to_publish(run, kube):
    code, _, why = run("publish")
    assert code == 1 and "the Secret holds no certificates" in why
    assert run("make")[0] == 0
    kube.configuration = None
    code, _, why = run("publish")
    assert code == 1 and "there are no webhooks to tell of the CA" in why


@pytest.mark.parametrize("denied", ["get secrets", "patch secrets", "get webhooks",
                                    "patch webhooks"])
def test_a_right_that_is_missing_is_named(run, kube, denied):
    kube.denied = {denied}
    code, _, why = run("make")
    verb, kind = denied.split()
    assert code == 3 and f"may not {verb} " in why and kind[:7] in why
    kube.denied = set()
    assert run("make")[0] == 0
    assert set(kube.bundles()) == {kube.secret_texts()["ca.crt"]}


@pytest.mark.parametrize("way", [500, "close", "nonsense"])
def test_an_api_server_that_is_out_of_order(run, kube, way):
    kube.way = way
    assert run("make")[0] == 3


def test_outside_a_cluster(program):
    done = subprocess.run([program, "certificates", "make", *NAMES], env=environment(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "this is not a pod of a cluster" in done.stderr


@pytest.mark.parametrize("words, names, why", [
    ([], NAMES, "make or publish?"),
    (["renew"], NAMES, "renew: unknown"),
    (["make", "more"], NAMES, "more: one too many"),
    (["make"], NAMES[:4], "--webhooks: is needed"),
    (["make"], (*NAMES[:3], "Bad", *NAMES[4:]), "--service: a Service's name"),
    (["make", "--config", "x"], NAMES, "--config: unknown option"),
])
def test_wrong_usage(run, words, names, why):
    code, _, said = run(*words, names=names)
    assert code == 2 and why in said and "usage: " in said
