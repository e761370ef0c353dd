"""Certificates that change while pods are created: none goes on without the webhook."""

import base64

from certificates import Certificates
from load import Creations
from test_failures import failed_open

PODS = 60


def set_bundle(one, *authorities):
    text = base64.b64encode(b"".join(a.ca.read_bytes() for a in authorities)).decode()
    one.release.set_bundles(text)


def take(one, pair):
    taken, refused = one.service.reloads("certificate")
    one.service.tls.write(pair.secret())
    one.service.wait_reloads("certificate", taken + 1, refused)
    assert one.service.leaf() == pair.der()


def test_leaf_and_ca_change_under_creations(newest, install, certs, tmp_path):
    """A leaf of the same CA; then another CA, first beside the old one in the bundle, then its
    leaf, then alone: in this order no creation goes without us."""
    one = install()
    namespace = one.labelled()
    one.wait_taken(namespace)
    folder = tmp_path / "other"
    folder.mkdir()
    other = Certificates(folder)
    mark = newest.audit_mark()
    with Creations(newest.kube, namespace) as load:
        load.wait_more(PODS)
        load.plain.clear()
        take(one, one.issue())
        load.wait_more(PODS)
        set_bundle(one, certs, other)
        load.wait_more(PODS)
        take(one, one.issue(other))
        load.wait_more(PODS)
        set_bundle(one, other)
        load.wait_more(PODS)
    assert not load.failures and not load.plain
    assert failed_open(newest, mark, namespace) == 0
    handshakes = one.service.metrics()
    assert handshakes.value("pullthrough_tls_handshakes_total", outcome="failed") == 0


def test_the_wrong_order_costs_rewriting_but_no_pod(newest, install, tmp_path):
    """A leaf of a CA that the API server doesn't know yet: new connections fail, pods don't."""
    one = install()
    namespace = one.labelled()
    one.wait_taken(namespace)
    folder = tmp_path / "unknown"
    folder.mkdir()
    unknown = Certificates(folder)
    with Creations(newest.kube, namespace) as load:
        load.wait_more(PODS)
        take(one, one.issue(unknown))
        one.kill()  # the API server's connections, which no one verifies again
        one.leaf = one.issue(unknown)
        one.start()
        load.plain.clear()
        load.wait_more(PODS)
        assert load.plain
        set_bundle(one, unknown)
        one.wait_taken(namespace)
        load.plain.clear()
        load.wait_more(PODS)
        assert not load.plain
    assert not load.failures
