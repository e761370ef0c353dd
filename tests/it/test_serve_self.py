"""`pullthrough serve` with `tls.mode: self`: certificates of its own, against a fake of the two
objects of the API server that it is about."""

import contextlib
import signal
import ssl
import threading
import time

import pytest

import certificates
from http_peer import wait_for
from kube_fake import HOST, KubeFake
from service import HOST as REGISTRY
from service import Client, replace, review, settings
from status_members import documented, is_of, members

SELF = {"mode": "self", "certFile": None, "keyFile": None}
DAY_S = 24 * 60 * 60
NOT_BEFORE = "pullthrough_certificate_not_before_seconds"
NOT_AFTER = "pullthrough_certificate_not_after_seconds"


@pytest.fixture(name="kube")
def _kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture(name="start")
def _start(services, kube):
    def start(**changes):
        return services.start(environ=kube.environ(), tls=SELF, **changes)

    return start


def look(service):
    """Look at once, and wait until it has been."""

    def looks():
        metrics = service.metrics()
        name = "pullthrough_certificate_looks_total"
        return sum(metrics.value(name, outcome=o) for o in ("ok", "failed"))

    before = looks()
    service.send(signal.SIGHUP)
    wait_for(lambda: looks() > before, "a look")


def settled(service, kube):
    """Ready, and the bundle is the Secret's."""
    wait_for(lambda: service.ready()[0] == 200, "ready")
    wait_for(
        lambda: kube.secret_texts() and set(kube.bundles()) == {kube.secret_texts()["ca.crt"]},
        "the bundle is the Secret's",
    )
    wait_for(lambda: status(service)["bundle"]["state"] == "current", "that the status says so")

def test_the_document_has_every_member_of_the_status(start, kube):
    kinds = documented()
    service = start(fallback={"watch": True})
    settled(service, kube)
    for tag in ("1", "2", "3"):  # so many are the upstream's fault
        image = f"{REGISTRY}/dockercache/library/nginx:{tag}"
        kube.cluster.fail_pull("shop", "web-0", image, "not found")
    wait_for(lambda: service.status()["fallback"]["upstreams"], "what failed is in the status")
    with service.webhook(trusting(kube.bundles()[0])) as client:
        client.mutate(review("registry.acme.example/team/app:7"))
    said = list(members(service.status()))
    # none without AWS: test_reconcile.py and test_serve_cached.py have some
    elsewhere = {"reconcile.notes[]"} | {
        path for path in kinds if path.startswith(("cached.upstreams[]", "cached.refused[]"))
    }
    assert {path for path, _ in said} == kinds.keys() - elsewhere
    wrong = [(path, value) for path, value in said if not is_of(kinds[path], value)]
    assert not wrong


def status(service):
    return service.status()["certificate"]


def problem_of(service):
    """Once there is one."""
    return wait_for(lambda: status(service)["problem"], "a problem in the status")


def is_in_order(service):
    wait_for(lambda: status(service)["problem"] is None, "no problem in the status")


def trusting(bundle):
    """As the API server connects: this bundle only, the Service's name."""
    context = ssl.create_default_context(cadata=bundle)
    connect = context.wrap_socket
    context.wrap_socket = lambda sock, **more: connect(sock, **{**more, "server_hostname": HOST})
    return context


def is_trusted(service, kube):
    for bundle in kube.bundles():
        with service.webhook(trusting(bundle)) as client:
            assert client.mutate(review("nginx")).images()
    leaf = kube.secret_texts()["tls.crt"]
    assert service.leaf() == ssl.PEM_cert_to_DER_cert(leaf)


# The first start


def test_the_first_start_from_an_empty_secret(start, kube):
    service = start()
    settled(service, kube)
    is_trusted(service, kube)
    assert len(kube.bundles()) == 2
    said = status(service)
    assert said["mode"] == "self" and said["file"] is None and said["problem"] is None
    assert said["secret"] == "images/pullthrough-tls"
    assert said["bundle"] == {"configuration": "pullthrough", "state": "current", "problem": None}
    assert len(said["authorities"]) == 1
    assert said["notAfter"] < said["authorities"][0]["notAfter"]
    metrics = service.metrics()
    assert time.time() + 89 * DAY_S < metrics.value(NOT_AFTER, kind="leaf") < time.time() + 91 * DAY_S
    assert metrics.value(NOT_AFTER, kind="ca") > time.time() + 364 * DAY_S
    for kind in ("leaf", "ca"):
        assert abs(metrics.value(NOT_BEFORE, kind=kind) - time.time()) < DAY_S
    assert metrics.value("pullthrough_certificate_problem") == 0
    assert kube.secret["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert kube.count("create secrets") == 0 and kube.count("patch secrets") == 1


def test_a_second_replica_takes_the_same(start, kube):
    first = start()
    settled(first, kube)
    second = start()
    settled(second, kube)
    is_trusted(first, kube)
    is_trusted(second, kube)
    assert kube.count("patch secrets") == 1 and kube.count("patch webhooks") == 1


def test_two_that_race(start, kube):
    """Another one writes between the look and the write: the loser takes what it wrote."""
    first = start()
    settled(first, kube)
    texts = kube.secret_texts()
    kube.put_secret({})
    kube.put_configuration()

    def win(verb, kind):
        if kind == "secrets":
            kube.before_write = None
            kube.put_secret(texts)

    kube.before_write = win
    second = start()
    settled(second, kube)
    assert kube.conflicts >= 1 and kube.secret_texts() == texts
    is_trusted(second, kube)


def test_the_api_server_is_away_at_the_start_and_later(start, kube):
    kube.go_away()
    service = start()
    record = service.wait_log("no certificate yet")
    assert "could not get secrets/pullthrough-tls in namespace images: " in record["problem"]
    assert service.ready() == (503, "no certificate loaded\n")
    assert service.get("/healthz").status == 200
    wait_for(lambda: status(service)["problem"], "the problem in the status")
    kube.come_back()
    look(service)
    settled(service, kube)
    kube.go_away()
    look(service)
    assert "could not get secrets" in problem_of(service)
    assert service.ready() == (200, "ok\n")
    assert service.metrics().value("pullthrough_certificate_problem") == 1
    is_trusted(service, kube)
    kube.come_back()
    look(service)
    is_in_order(service)
    assert service.log("the Secret of the certificates is in order")


@pytest.mark.parametrize("way", [500, 429, "close", "nonsense", "huge"])
def test_an_api_server_out_of_order(start, kube, way):
    service = start()
    settled(service, kube)
    kube.way = way
    look(service)
    assert problem_of(service) and status(service)["bundle"]["state"] == "unknown"
    is_trusted(service, kube)
    kube.way = None
    look(service)
    settled(service, kube)
    is_in_order(service)


def test_an_api_server_that_hangs_holds_nobody_up(start, kube):
    service = start()
    settled(service, kube)
    kube.way = "hang"
    service.send(signal.SIGHUP)
    wait_for(lambda: service.reloads("config")[0] >= 1, "the configuration is read")
    is_trusted(service, kube)
    service.end()  # within its time, though a request is under way
    kube.release()


# Repairs


@pytest.mark.parametrize("kind", ["secrets", "webhooks"])
def test_a_fight_over_an_object_is_told(start, kube, kind):
    """Somebody is always faster, as a tool that puts back what it has in its repository is."""
    name = {"secrets": "Secret", "webhooks": "caBundle"}[kind]
    told = {
        "secrets": lambda service: status(service)["problem"],
        "webhooks": lambda service: status(service)["bundle"]["problem"],
    }[kind]

    def be_faster(verb, of):
        if of == kind:
            place = kube.secret if kind == "secrets" else kube.configuration
            kube.version += 1
            place["metadata"]["resourceVersion"] = str(kube.version)

    kube.before_write = be_faster
    service = start()
    words = f"somebody else changes the {name} again and again: in 5 looks in a row"
    wait_for(lambda: (told(service) or "").startswith(words), "the fight in the status")
    assert service.metrics().value("pullthrough_certificate_problem") == 1
    assert [r for r in service.log() if r.get("problem", "").startswith(words)]
    kube.before_write = None
    look(service)
    settled(service, kube)
    look(service)  # the first that finds nothing to do
    wait_for(lambda: told(service) is None, "no problem any more")


def test_the_api_server_is_asked_again_once_there_are_descriptors(start, kube):
    service = start()
    settled(service, kube)
    with service.webhook(trusting(kube.bundles()[0])) as client:
        assert client.mutate(review("nginx")).images()
        with service.without_descriptors():
            mark = service.mark()
            service.send(signal.SIGHUP)
            record = service.wait_log(
                "the Secret of the certificates has a problem, what is loaded goes on", mark
            )
            assert "Too many open files" in record["problem"]
            assert client.mutate(review("nginx")).images()
        service.wait_log("the Secret of the certificates is in order", mark)
    settled(service, kube)


@pytest.mark.parametrize("bundle", [None, "nonsense", "other"])
def test_a_bundle_that_somebody_changed_is_repaired(start, kube, certs, bundle):
    service = start()
    settled(service, kube)
    kube.put_configuration(certs.ca.read_text() if bundle == "other" else bundle)
    look(service)
    settled(service, kube)
    is_trusted(service, kube)
    assert service.metrics().value("pullthrough_certificate_writes_total", object="bundle") == 2


@pytest.mark.parametrize("new", ["pods.pullthrough.internal", "two.example"])
def test_a_webhook_that_an_upgrade_brings_gets_the_bundle(start, kube, new):
    service = start()
    settled(service, kube)
    bundle = kube.bundles()[0]
    kube.denied = {"patch webhooks"}
    kube.put_configuration(bundle, new)
    look(service)
    assert status(service)["bundle"]["state"] == "differs"  # though one of them is current
    kube.denied = set()
    look(service)
    settled(service, kube)
    assert kube.bundles() == [bundle, bundle]
    assert service.metrics().value("pullthrough_certificate_writes_total", object="bundle") == 2


@pytest.mark.parametrize("how", ["delete_secret", "empty"])
def test_a_lost_secret_gets_back_what_it_held(start, kube, how):
    service = start()
    settled(service, kube)
    before = kube.secret_texts()
    if how == "empty":
        kube.put_secret({})
    else:
        kube.delete_secret()
    look(service)
    assert kube.secret_texts() == before
    settled(service, kube)
    is_trusted(service, kube)


def test_a_lost_secret_that_may_not_be_created(start, kube):
    service = start()
    settled(service, kube)
    kube.delete_secret()
    kube.denied = {"create secrets"}
    look(service)
    problem = problem_of(service)
    assert problem.startswith("may not create secrets/pullthrough-tls in namespace images: secrets is forbidden")
    is_served = service.leaf()
    kube.put_secret({})  # by hand, as the message would have it
    look(service)
    settled(service, kube)
    assert service.leaf() == is_served


def test_a_new_replica_that_finds_nothing_orphans_nobody(start, kube):
    """The Secret is lost, and the one who notices first never knew it."""
    first = start()
    settled(first, kube)
    kube.put_secret({})
    second = start()
    settled(second, kube)
    assert kube.bundles()[0].count("BEGIN CERTIFICATE") == 2
    for service in (first, second):
        with service.webhook(trusting(kube.bundles()[0])) as client:
            assert client.mutate(review("nginx")).images()


def test_nonsense_in_the_secret_is_left_alone(start, kube, certs):
    first = start()
    settled(first, kube)
    good, served = kube.secret_texts(), first.leaf()
    for texts in (
        {"tls.crt": "garbage", "tls.key": "garbage"},
        {**good, "ca.key": ""},
        {**good, "tls.key": good["ca.key"]},
        certs.leaf.secret(),
        {**good, "ca.crt": certs.ca.read_text()},
    ):
        kube.put_secret(texts)
        mark = first.mark()
        look(first)
        record = first.wait_log(
            "the Secret of the certificates has a problem, what is loaded goes on", mark
        )
        problem = record["problem"]
        assert problem.startswith("the Secret holds something else, and is left as it is (to let")
        wait_for(lambda: status(first)["problem"] == problem, "the problem in the status")  # noqa: B023
        assert first.metrics().value("pullthrough_certificate_problem") == 1
        assert kube.secret_texts() == texts
        assert first.leaf() == served and first.ready() == (200, "ok\n")
        with first.webhook(trusting(kube.bundles()[0])) as client:
            assert client.mutate(review("nginx")).images()
    second = start()  # it has nothing to go on with
    second.wait_log("no certificate yet")
    assert second.ready() == (503, "no certificate loaded\n")
    assert kube.secret_texts() == texts
    kube.put_secret({})  # what the message asks for
    look(first)
    assert kube.secret_texts() == good
    look(second)
    settled(second, kube)
    is_trusted(first, kube)
    is_trusted(second, kube)


def test_a_foreign_ca_in_the_secret_is_not_published(start, kube, certs):
    """Whoever may write there could have API servers trust it."""
    service = start()
    settled(service, kube)
    good = kube.secret_texts()
    kube.put_secret({**good, "ca.crt": good["ca.crt"] + certs.ca.read_text()})
    look(service)
    record = service.wait_log(
        "the Secret's ca.crt holds CAs that sign nothing of ours; they are not published"
    )
    assert (record["level"], record["count"]) == ("warn", 1)
    wait_for(lambda: kube.secret_texts() == good, "it is dropped")
    settled(service, kube)
    is_trusted(service, kube)
    writes = "pullthrough_certificate_writes_total"
    assert service.metrics().value(writes, object="bundle") == 1  # it was never in there


# Rights, and the token


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_without_rights_on_the_secret(start, kube, verb):
    kube.denied = {f"{verb} secrets"}
    service = start()
    record = service.wait_log("no certificate yet")
    assert record["problem"].startswith(
        f"may not {verb} secrets/pullthrough-tls in namespace images: secrets is forbidden"
    )
    assert service.ready() == (503, "no certificate loaded\n")


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_without_rights_on_the_webhooks(start, kube, verb):
    kube.denied = {f"{verb} webhooks"}
    service = start()
    record = service.wait_log("the caBundle of the webhooks is not looked after")
    assert record["problem"].startswith(
        f"may not {verb} mutatingwebhookconfigurations.admissionregistration.k8s.io/pullthrough: "
    )
    wait_for(lambda: service.ready() == (200, "ok\n"), "ready")
    assert kube.bundles() == ["", ""]
    kube.denied = set()
    look(service)
    settled(service, kube)
    is_trusted(service, kube)


def test_no_webhooks_yet(start, kube):
    kube.configuration = None
    service = start()
    wait_for(lambda: service.ready() == (200, "ok\n"), "ready")
    wait_for(lambda: status(service)["bundle"]["state"] == "absent", "absent in the status")
    assert "could not get mutatingwebhook" in status(service)["bundle"]["problem"]
    kube.put_configuration()
    look(service)
    settled(service, kube)
    is_trusted(service, kube)


def test_the_token_is_read_anew(start, kube):
    service = start()
    settled(service, kube)
    kube.rotate_token("second")
    look(service)
    is_in_order(service)
    kube.token = "third"  # which kubelet has not written yet
    look(service)
    assert problem_of(service).startswith("the service account's token is not accepted: ")
    is_trusted(service, kube)


# Rotation


class Handshakes:
    """Connects again and again, and trusts what the bundle holds at that moment."""

    def __init__(self, services, kube):
        self._services, self._kube = services, kube
        self._stop = threading.Event()
        self.done, self.wrong = 0, []

    def _run(self):
        while not self._stop.is_set():
            for service in self._services:
                try:
                    bundle = self._kube.bundles()[0]
                    with Client(service.webhook_port, trusting(bundle)) as client:
                        client.mutate(review("nginx"))
                    self.done += 1
                except (AssertionError, OSError, ssl.SSLError) as problem:
                    self.wrong.append(problem)
            time.sleep(0.01)

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
        assert not self.wrong, self.wrong[:3]
        assert self.done > 5


def test_a_leaf_and_a_ca_near_their_ends_are_exchanged_without_a_gap(start, kube, tmp_path):
    """The Secret's CA is past two thirds of its life. The API server's clock, by which the program
    goes, moves on by minutes; so what is made is valid by the clients' clock too."""
    old = certificates.old_set(tmp_path, HOST, ca_days=(-300, 60), leaf_days=(-70, 20))
    kube.put_secret(old)
    kube.put_configuration(old["ca.crt"])
    services = [start(), start()]
    for service in services:
        settled(service, kube)
    first = services[0].leaf()
    with Handshakes(services, kube).running() as handshakes:
        for minutes in range(0, 40, 4):
            kube.ahead_s = minutes * 60
            for service in services:
                look(service)
        texts = kube.secret_texts()
        assert texts["ca.crt"].count("BEGIN CERTIFICATE") == 2
        assert texts["ca.crt"].endswith(old["ca.crt"].strip() + "\n")
        assert texts["tls.crt"] != old["tls.crt"]
        for service in services:
            wait_for(
                lambda s=service: s.leaf() == ssl.PEM_cert_to_DER_cert(texts["tls.crt"]),
                "the new leaf is served",
            )
        before = handshakes.done
        wait_for(lambda: handshakes.done > before + 4, "more handshakes")
    new_ca = texts["ca.crt"].split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    for service in services:
        with service.webhook(trusting(new_ca)) as client:  # the leaf is the new CA's
            assert client.mutate(review("nginx")).images()
        assert len(status(service)["authorities"]) == 2
    assert first == ssl.PEM_cert_to_DER_cert(old["tls.crt"])


def test_a_clock_that_is_wrong_goes_by_the_api_servers(start, kube):
    kube.ahead_s = 10 * DAY_S
    service = start()
    settled_secret = wait_for(kube.secret_texts, "a Secret")
    record = service.wait_log("the API server's clock is another one; certificates go by it")
    assert abs(record["aheadS"] - 10 * DAY_S) < 30
    wait_for(lambda: service.ready() == (200, "ok\n"), "ready")
    assert abs(service.metrics().value(NOT_AFTER, kind="leaf") - time.time() - 100 * DAY_S) < 60
    assert "BEGIN CERTIFICATE" in settled_secret["ca.crt"]


# Another configuration while it runs


def test_from_files_to_its_own_and_back(services, kube, certs):
    service = services.start(environ=kube.environ())
    assert service.leaf() == certs.leaf.der()
    files = service.config.read_text()
    replace(service.config, settings(service.tls, tls=SELF))
    settled(service, kube)
    wait_for(lambda: service.leaf() != certs.leaf.der(), "its own certificate")
    is_trusted(service, kube)
    assert status(service)["mode"] == "self"
    replace(service.config, files)
    wait_for(lambda: service.leaf() == certs.leaf.der(), "the files' certificate")
    wait_for(lambda: status(service)["mode"] == "files", "files in the status")
    assert status(service)["file"] == str(service.tls / "tls.crt")
    assert service.metrics().value(NOT_AFTER, kind="ca") is None


def test_to_files_and_back_while_the_api_server_hangs(start, kube, certs):
    """The one who keeps its own certificate is busy meanwhile, and sees the last one only."""
    service = start()
    settled(service, kube)
    own, own_leaf = service.config.read_text(), service.leaf()
    for _ in range(3):  # how long it takes to see that it isn't waited for is chance
        hung, mark = kube.count("hang"), service.mark()
        kube.way = "hang"
        service.send(signal.SIGHUP)
        wait_for(lambda: kube.count("hang") > hung, "a look hangs")  # noqa: B023
        replace(service.config, settings(service.tls))
        service.send(signal.SIGHUP)
        wait_for(
            lambda: [r for r in service.log("certificate loaded", mark) if "file" in r],  # noqa: B023
            "the files' certificate",
        )
        assert service.leaf() == certs.leaf.der()
        replace(service.config, own)
        service.send(signal.SIGHUP)
        service.wait_log("configuration loaded", mark, count=2)
        kube.way = None
        kube.release()
        look(service)
        wait_for(lambda: service.leaf() == own_leaf, "its own certificate again")
    is_trusted(service, kube)


def test_another_service(start, kube):
    """The CA stays, the certificate gets the new names at once."""
    service = start()
    settled(service, kube)
    before = kube.secret_texts()
    replace(service.config, settings(service.tls, tls={**SELF, "serviceName": "images"}))
    wait_for(lambda: kube.secret_texts()["tls.crt"] != before["tls.crt"], "another certificate")
    assert kube.secret_texts()["ca.crt"] == before["ca.crt"]
    leaf = ssl.PEM_cert_to_DER_cert(kube.secret_texts()["tls.crt"])
    wait_for(lambda: service.leaf() == leaf, "that it is served")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        service.webhook(trusting(kube.bundles()[0]))
