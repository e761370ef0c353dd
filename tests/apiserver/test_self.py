"""tls.mode self, the chart's default: the program makes its certificates and tells the API server,
with no more rights than the chart gives it."""

import base64
import json
import shutil
import signal
import ssl
import subprocess

import pytest
from backend import serve
from certificates import old_set
from conftest import BY_ITSELF, IMAGE, REWRITTEN, Installation
from helm import CHART
from http_peer import ROOT, wait_for
from kube import images, pod
from load import Creations
from test_failures import failed_open
from test_rewriting import set_image

PODS = 40
KEYS = {"ca.crt", "ca.key", "tls.crt", "tls.key"}


class SelfInstallation(Installation):
    """In mode `self`."""

    def _values(self, certs, values):
        return {"config": {**BY_ITSELF, "server": {"threads": 1, "drain": "0s"}}, **values}

    def start(self):
        self.service = serve(self.release, self._services, self.port)
        return self

    def start_replica(self):
        """Another one; the Service doesn't lead to it."""
        return serve(self.release, self._services, 0)

    @property
    def secret_name(self):
        return f"{self.release.fullname}-certificates"

    def secret(self):
        found = self.kube.get("Secret", self.secret_name, self.namespace)
        return {k: base64.b64decode(v).decode() for k, v in (found.get("data") or {}).items()}

    def bundle(self):
        """Which all webhooks have: they are written at once."""
        (text,) = set(self.release.bundles())
        return base64.b64decode(text).decode()

    def set_bundle(self, text):
        self.release.set_bundles(base64.b64encode(text.encode()).decode())

    def look(self):
        """Have the program look at once, instead of within the minute."""
        self.service.send(signal.SIGHUP)


@pytest.fixture(scope="module")
def install(helm, newest, services, certs):
    """install(**values), by Helm 3 and by Helm 4; the program isn't started yet."""
    made = []

    def make(chart=CHART, **values):
        made.append(SelfInstallation(helm, newest.kube, services, certs, **values))
        made[-1].release.chart = chart
        return made[-1].install()

    yield make
    for one in made:
        if one.release.configuration():
            one.release.uninstall()


def text_of(certificate):
    """What openssl says of it."""
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-text"],
        input=certificate,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_installed_and_nothing_else(plane, each_helm, services, certs):
    """The five minutes of the README: install, label, and pods are rewritten."""
    one = SelfInstallation(each_helm, plane.kube, services, certs).install()
    assert one.secret() == {} and one.bundle() == ""
    namespace = one.labelled()
    assert one.try_pod(namespace) == IMAGE
    one.start()
    one.wait_taken(namespace)
    secret = one.secret()
    assert set(secret) == KEYS
    assert one.bundle() == secret["ca.crt"]
    assert f"DNS:{one.service_name}" in text_of(secret["tls.crt"])
    wait_for(lambda: one.service.ready()[0] == 200, "the program is ready")

    # Upgrades and rollbacks leave the keys and the bundle alone, and pods rewritten.
    mark = plane.audit_mark()
    with Creations(one.kube, namespace) as load:
        load.wait_more(PODS)
        load.plain.clear()
        one.release.upgrade(replicas=3, commonLabels={"a": "b"})
        webhook = {**one.release.values["webhook"], "timeoutSeconds": 4}
        one.release.upgrade(webhook=webhook)
        one.release.rollback(1)
        load.wait_more(PODS)
    assert not load.failures and not load.plain
    assert failed_open(plane, mark, namespace) == 0
    assert one.secret() == secret and one.bundle() == secret["ca.crt"]

    # Gone is gone: the program still runs, and brings nothing back.
    one.release.uninstall()
    one.look()
    wait_for(lambda: one.try_pod(namespace) == IMAGE, "pods are left alone")
    one.stop()
    assert one.kube.find("Secret", one.secret_name, one.namespace) is None
    assert one.release.configuration() is None


def with_one_webhook(folder):
    """The chart as it was when one webhook took creations and updates."""
    chart = shutil.copytree(CHART, folder / "chart")
    old = ROOT / "tests" / "fixtures" / "one_webhook.yaml"
    shutil.copy(old, chart / "templates" / "mutatingwebhookconfiguration.yaml")
    return chart


def test_from_one_webhook_to_two_and_back(newest, install, tmp_path):
    """What was there keeps its CA, so no creation goes without us; the new one gets it from the
    program; and what Helm takes away again is gone, though the program has written to it."""
    one = install(chart=with_one_webhook(tmp_path)).start()
    kube, release, namespace = one.kube, one.release, one.labelled()
    one.wait_taken(namespace)
    (bundle,) = release.bundles()
    mark = newest.audit_mark()
    with Creations(kube, namespace) as load:
        load.wait_more(PODS)
        load.plain.clear()
        release.chart = CHART
        release.upgrade()
        assert release.bundles()[0] == bundle and len(release.bundles()) == 2
        load.wait_more(PODS)
        one.look()
        wait_for(lambda: release.bundles() == [bundle, bundle], "both have it")
        assert one.service.status()["certificate"]["bundle"]["state"] == "current"
        kube.create(pod("web", IMAGE, namespace=namespace))
        wait_for(
            lambda: images(set_image(kube, "web", namespace, "nginx:1.28"))[0] != "nginx:1.28",
            "updates are judged, too",
        )
        release.rollback(1)
        assert release.bundles() == [bundle]
        load.wait_more(PODS)
    assert not load.failures and not load.plain
    assert failed_open(newest, mark, namespace) == 0
    one.stop()
    release.uninstall()


def test_replicas_begin_at_once(install):
    """They race for the empty Secret, and serve the same certificate afterwards."""
    one = install()
    replicas = [one.start_replica(), one.start().service, one.start_replica()]
    one.wait_taken(one.labelled())
    for replica in replicas:
        wait_for(lambda r=replica: r.ready()[0] == 200, "all are ready")
    secret = one.secret()
    assert secret["ca.crt"].count("BEGIN CERTIFICATE") == 1
    assert one.bundle() == secret["ca.crt"]
    served = ssl.PEM_cert_to_DER_cert(secret["tls.crt"])
    for replica in replicas:
        wait_for(lambda r=replica: r.leaf() == served, "the Secret's leaf is served")
        replica.end()
    one.release.uninstall()


def test_replaced(newest, helm, install):
    """`kubectl replace` of what the chart renders, Argo CD's Replace=true, takes bundle and keys
    away; the program brings both back."""
    one = install().start()
    namespace = one.labelled()
    one.wait_taken(namespace)
    secret = one.secret()
    kinds = {"MutatingWebhookConfiguration", "Secret"}
    rendered = helm.template("pullthrough", one.namespace, one.release.values)
    for each in (each for each in rendered if each["kind"] in kinds):
        # Helm's own mark; Helm 4 would leave behind what lost it.
        live = one.kube.get(each["kind"], each["metadata"]["name"], one.namespace)
        each["metadata"]["annotations"] = live["metadata"]["annotations"]
        said = newest.kubectl("replace", "-f", "-", "-o", "json", stdin=json.dumps(each)).stdout
        assert "data" not in json.loads(said) and "caBundle" not in said
        kinds.remove(each["kind"])
    assert not kinds
    one.look()
    one.wait_taken(namespace)
    assert one.secret() == secret and one.bundle() == secret["ca.crt"]
    one.release.uninstall()


def test_repairs(install, tmp_path, certs):
    """A bundle that somebody emptied or overwrote, a Secret that somebody emptied or deleted: each
    is put right at the next look, from what the program holds."""
    one = install().start()
    namespace = one.labelled()
    one.wait_taken(namespace)
    secret = one.secret()
    for wrong in ("", certs.ca.read_text()):
        one.set_bundle(wrong)
        one.look()
        wait_for(lambda: one.bundle() == secret["ca.crt"], "the bundle is repaired")
        one.wait_taken(namespace)
    emptied = one.kube.patch("Secret", one.secret_name, {"data": None}, one.namespace)
    assert not emptied.get("data")
    one.look()
    wait_for(lambda: one.secret() == secret, "the Secret is filled again")
    one.kube.delete("Secret", one.secret_name, one.namespace)
    one.look()
    wait_for(
        lambda: one.kube.find("Secret", one.secret_name, one.namespace), "the Secret is made again"
    )
    assert one.secret() == secret
    assert one.try_pod(namespace) == REWRITTEN
    one.stop()
    one.release.uninstall()


def test_nonsense_in_the_secret_is_left_alone(install):
    """The program doesn't overwrite what it doesn't understand; it says so, and isn't ready."""
    one = install()
    data = {key: base64.b64encode(b"nonsense").decode() for key in sorted(KEYS)}
    one.kube.patch("Secret", one.secret_name, {"data": data}, one.namespace)
    namespace = one.labelled()
    one.start()
    wait_for(
        lambda: one.service.metrics().value("pullthrough_certificate_problem") == 1,
        "the problem is told",
    )
    one.look()
    assert one.service.ready()[0] == 503
    assert set(one.secret().values()) == {"nonsense"}
    assert one.bundle() == ""
    assert one.try_pod(namespace) == IMAGE
    one.stop()
    one.release.uninstall()


def test_leaf_is_renewed_under_creations(newest, install, tmp_path):
    """A leaf that is past two thirds of its life, of a CA that goes on: renewed when the program
    looks, while pods are created, and none goes without us."""
    one = install()
    old = old_set(tmp_path, one.service_name, ca_days=(-10, 300), leaf_days=(-80, 10))
    data = {key: base64.b64encode(text.encode()).decode() for key, text in old.items()}
    one.kube.patch("Secret", one.secret_name, {"data": data}, one.namespace)
    one.set_bundle(old["ca.crt"])
    namespace = one.labelled()
    one.start()
    one.wait_taken(namespace)
    wait_for(lambda: one.secret()["tls.crt"] != old["tls.crt"], "another leaf is in the Secret")
    assert one.secret()["ca.crt"] == old["ca.crt"] == one.bundle()
    mark = newest.audit_mark()
    with Creations(one.kube, namespace) as load:
        load.wait_more(PODS)
        load.plain.clear()
        one.kube.patch("Secret", one.secret_name, {"data": data}, one.namespace)
        one.look()
        wait_for(lambda: one.secret()["tls.crt"] != old["tls.crt"], "it is renewed again")
        load.wait_more(PODS)
    assert not load.failures and not load.plain
    assert failed_open(newest, mark, namespace) == 0
    one.stop()
    one.release.uninstall()
