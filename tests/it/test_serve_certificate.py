"""`pullthrough serve` and its certificate: exchanged, refused, missing, and that of clients."""

import calendar
import os
import signal
import ssl
import time

import pytest

from http_peer import wait_for
from mount import Mount
from service import replace, review, sample, settings, without_rights

NOT_BEFORE = "pullthrough_certificate_not_before_seconds"
NOT_AFTER = "pullthrough_certificate_not_after_seconds"
HANDSHAKES = "pullthrough_tls_handshakes_total"
REFUSED = "certificate refused, the old one goes on"


def seconds(rfc3339):
    return calendar.timegm(time.strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ"))


def is_served(service, pair):
    """That nothing of this certificate is in doubt: handshake, status, metrics, readiness."""
    assert service.leaf() == pair.der()

    def said():
        status = service.status()["certificate"]
        return status["problem"] is None and (status["notBefore"], status["notAfter"])

    wait_for(lambda: said() == pair.dates(), "its dates, and no problem, in the status")
    metrics = service.metrics()
    validity = [metrics.value(name, kind="leaf") for name in (NOT_BEFORE, NOT_AFTER)]
    assert validity == [seconds(date) for date in pair.dates()]
    assert service.ready() == (200, "ok\n")


# Exchanged


def test_a_changed_secret_is_taken(services, certs):
    service = services.start()
    is_served(service, certs.leaf)
    loaded = service.status()["certificate"]["loaded"]
    mark = service.mark()
    with service.webhook() as old:
        assert old.mutate(sample("create-pod")).images()
        service.tls.write(certs.second.secret())
        record = service.wait_log("certificate loaded", mark)
        # From here on no new connection may see the old one.
        is_served(service, certs.second)
        assert record["level"] == "info" and record["notAfter"] == certs.second.dates()[1]
        assert record["file"] == str(service.tls / "tls.crt")
        assert service.reloads("certificate") == (1, 0)
        assert service.status()["certificate"]["loaded"] >= loaded
        for _ in range(3):
            assert old.mutate(sample("create-pod")).images()
        assert old.socket.getpeercert(binary_form=True) == certs.leaf.der()
    assert service.mutate(sample("create-pod")).images()
    assert service.reloads("config") == (0, 0)


def test_files_exchanged_one_after_the_other_are_taken_when_both_are_there(services, certs):
    service = services.start()
    new = certs.second.secret()
    replace(service.tls / "tls.crt", new["tls.crt"])
    record = service.wait_log(REFUSED)
    assert record["problem"] == "the private key does not belong to the certificate"
    assert service.leaf() == certs.leaf.der()
    replace(service.tls / "tls.key", new["tls.key"])
    service.wait_reloads("certificate", 1, 1)
    is_served(service, certs.second)


def test_other_files_named_by_the_configuration_are_taken(services, certs, tmp_path):
    service = services.start()
    for name, text in certs.rsa.secret().items():
        (tmp_path / name).write_text(text)
    replace(service.config, settings(tmp_path))
    service.wait_reloads("certificate", 1, 0)
    is_served(service, certs.rsa)
    assert service.status()["certificate"]["file"] == str(tmp_path / "tls.crt")


def test_an_expired_certificate_is_taken(services, certs):
    """To refuse it would leave none at all; its end is in the metrics."""
    service = services.start()
    service.tls.write(certs.expired.secret())
    service.send(signal.SIGHUP)
    service.wait_log("certificate loaded", count=2)
    is_served(service, certs.expired)
    assert service.metrics().value(NOT_AFTER, kind="leaf") < time.time()
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        service.webhook()


# Refused

# Each makes a Secret's files of `certs` and a good Secret of another certificate.
BAD = {
    "a key of another": (
        lambda certs, good: {**good, "tls.key": certs.leaf.secret()["tls.key"]},
        "the private key does not belong to the certificate",
    ),
    "garbage as certificate": (
        lambda certs, good: {**good, "tls.crt": "garbage\n"},
        "certificate chain: holds no PEM certificate",
    ),
    "garbage as key": (
        lambda certs, good: {**good, "tls.key": "garbage\n"},
        "private key: holds no PEM private key",
    ),
    "nothing in it": (
        lambda certs, good: {"tls.crt": "", "tls.key": ""},
        "certificate chain: holds no PEM certificate",
    ),
    "half of it": (
        lambda certs, good: {**good, "tls.crt": good["tls.crt"][:300]},
        "certificate chain: bad end line",
    ),
    "an encrypted key": (
        lambda certs, good: {**good, "tls.key": certs.second.encrypted_key()},
        "private key: is encrypted; a passphrase is never asked for",
    ),
    "no key": (
        lambda certs, good: {"tls.crt": good["tls.crt"]},
        "{tls}/tls.key: No such file or directory",
    ),
    "too much of it": (
        lambda certs, good: {**good, "tls.crt": "x" * (1024 * 1024 + 1)},
        "{tls}/tls.crt: ",
    ),
    "no name": (
        lambda certs, good: certs.issue("nameless", names=None).secret(),
        "certificate: has no subject alternative name",
    ),
    "a client's": (
        lambda certs, good: certs.client.secret(),
        "certificate: its key usage or extended key usage forbids a TLS server",
    ),
}


@pytest.fixture(scope="module", name="lasting")
def _lasting(lasting_services):
    return lasting_services.start()


@pytest.mark.parametrize("spoil, problem", BAD.values(), ids=BAD)
def test_a_bad_certificate_is_refused(lasting, certs, spoil, problem):
    service, mark = lasting, lasting.mark()
    before, reloads = service.status()["certificate"], service.reloads("certificate")
    problem = problem.format(tls=service.tls.path)
    service.tls.write(spoil(certs, certs.second.secret()))
    service.send(signal.SIGHUP)
    record = service.wait_log(REFUSED, mark)
    assert record["level"] == "error" and record["problem"].startswith(problem)
    after = wait_for(
        lambda: service.status()["certificate"]["problem"] and service.status()["certificate"],
        "the problem in the status",
    )
    assert after == {**before, "problem": record["problem"]}
    taken, refused = (now - old for now, old in zip(service.reloads("certificate"), reloads))
    assert taken == 0 and refused in (1, 2)  # by the signal, and maybe by a look before it
    assert service.log("certificate loaded", mark) == []
    assert service.leaf() == certs.leaf.der()
    assert service.metrics().value(NOT_AFTER, kind="leaf") == seconds(certs.leaf.dates()[1])
    assert service.ready() == (200, "ok\n")
    assert service.mutate(sample("create-pod")).images()

    # Once mended, the next one is taken; and in the end it is as it was.
    for good in (certs.second, certs.leaf):
        service.tls.write(good.secret())
        service.send(signal.SIGHUP)
        wait_for(lambda der=good.der(): service.leaf() == der, "a good certificate")
        is_served(service, good)


# Missing


def test_without_files_it_waits_for_them(services, certs):
    service = services.start(certificate={})
    problem = f"{service.tls / 'tls.crt'}: No such file or directory"
    record = service.wait_log("no certificate yet")
    assert record["level"] == "error" and record["problem"] == problem
    assert service.get("/healthz").status == 200
    assert service.ready() == (503, "no certificate loaded\n")
    assert service.status()["certificate"] == {
        "mode": "files",
        "file": str(service.tls / "tls.crt"),
        "loaded": None,
        "problem": problem,
        "notBefore": None,
        "notAfter": None,
    }
    assert service.metrics().value(NOT_AFTER, kind="leaf") == 0
    with pytest.raises((ssl.SSLError, ConnectionError)):
        service.leaf()
    failed = service.wait_log("TLS handshake failed")
    assert failed["problem"] == "no certificate is loaded yet"
    assert service.metrics().value(HANDSHAKES, outcome="failed") == 1

    service.tls.write(certs.leaf.secret())
    wait_for(lambda: service.ready() == (200, "ok\n"), "readiness")
    is_served(service, certs.leaf)
    assert service.mutate(sample("create-pod")).images()
    assert service.status()["certificate"]["loaded"]


# What passes


def test_a_rotation_while_there_are_no_descriptors_is_not_lost(services, certs):
    """A stamp tells of a change once; that there are descriptors again, none tells."""
    service = services.start()
    with service.webhook() as old:
        assert old.mutate(sample("create-pod")).images()
        with service.without_descriptors():
            service.tls.write(certs.second.secret())
            record = service.wait_log(REFUSED)
            assert record["problem"] == f"{service.tls / 'tls.crt'}: Too many open files"
            assert old.mutate(sample("create-pod")).images()
        service.wait_log("certificate loaded", count=2)
        assert old.mutate(sample("create-pod")).images()
    is_served(service, certs.second)
    assert len(service.log(REFUSED)) == 1  # it was tried more often
    assert service.reloads("certificate") == (1, 1)


def test_a_key_that_becomes_readable_is_taken(services, certs, tmp_path):
    services.program = without_rights(services.program, tmp_path)
    tls = Mount(tmp_path / "tls", certs.leaf.secret())
    key, config = tls / "tls.key", tmp_path / "config.yaml"
    key.chmod(0)
    config.write_text(settings(tls))
    service = services.run(config)
    assert service.log("no certificate yet")[0]["problem"] == f"{key}: Permission denied"
    assert service.ready() == (503, "no certificate loaded\n")
    key.chmod(0o400)
    service.wait_log("certificate loaded")
    is_served(service, certs.leaf)
    key.chmod(0)  # is a change as well
    assert service.wait_log(REFUSED)["problem"] == f"{key}: Permission denied"
    key.chmod(0o400)
    service.wait_reloads("certificate", 1, 1)
    is_served(service, certs.leaf)


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "clients.crt"])
def test_a_fifo_is_not_waited_for(services, certs, tmp_path, name):
    tls = tmp_path / "tls"
    tls.mkdir()
    files = {**certs.leaf.secret(), "clients.crt": certs.ca.read_text()}
    for each, text in files.items():
        (tls / each).write_text(text)
    (tls / name).unlink()
    os.mkfifo(tls / name)
    config = tmp_path / "config.yaml"
    config.write_text(settings(tls, tls={"clientCAFile": str(tls / "clients.crt")}))
    service = services.run(config)
    problem = f"{tls / name}: is a FIFO, not a regular file"
    assert service.log("no certificate yet")[0]["problem"] == problem
    assert service.status()["certificate"]["problem"] == problem
    replace(tls / name, files[name])
    service.wait_log("certificate loaded")
    assert service.ready() == (200, "ok\n")


# Clients


def client_context(certs, pair=None, version=None):
    """A client's settings; `pair` is what it shows of itself."""
    context = ssl.create_default_context(cafile=certs.ca)
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def is_refused(service, context, problem):
    """That a client is turned away in the handshake, for this reason, and counted."""
    mark, before = service.mark(), service.metrics()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        # With TLS 1.3 the client's side of the handshake is done before it is judged.
        with service.webhook(context) as client:
            client.ask("POST", "/mutate", sample("create-pod"))
    assert problem in service.wait_log("TLS handshake failed", mark)["problem"]
    moved = service.metrics().since(before)
    assert moved.get((HANDSHAKES, (("outcome", "failed"),))) == 1
    assert (HANDSHAKES, (("outcome", "ok"),)) not in moved
    assert not [name for name, _ in moved if name.startswith("pullthrough_review")]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_must_show_a_certificate_where_they_are_told_to(services, certs, version):
    service = services.start(tls={"clientCAFile": str(certs.ca)})

    def context(pair=None):
        return client_context(certs, pair, version)

    is_refused(service, context(), "peer did not return a certificate")
    is_refused(service, context(certs.stranger), "certificate verify failed")
    is_refused(service, context(certs.expired), "certificate has expired")

    before = service.quiet()
    with service.webhook(context(certs.client)) as client:
        for _ in range(2):
            assert client.mutate(sample("create-pod")).images()
        moved = service.metrics().since(before)
    assert moved[HANDSHAKES, (("outcome", "ok"),)] == 1
    assert service.ready() == (200, "ok\n")  # the status port asks for nothing


def test_the_authority_of_clients_changes_at_run_time(services, certs, tmp_path):
    service = services.start()
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(certs.stranger.cert.read_text())
    client = client_context(certs, certs.client)
    with service.webhook() as kept:
        assert kept.mutate(sample("create-pod")).images()
        changed = settings(service.tls, tls={"clientCAFile": str(bundle)})
        replace(service.config, changed)
        service.wait_reloads("certificate", 1, 0)
        is_refused(service, client, "certificate verify failed")
        assert kept.mutate(sample("create-pod")).images()  # it was let in before
    replace(bundle, certs.stranger.cert.read_text() + certs.ca.read_text())
    service.wait_reloads("certificate", 2, 0)
    with service.webhook(client) as friend:
        assert friend.mutate(review("nginx")).images()
    replace(bundle, "garbage")
    service.wait_reloads("certificate", 2, 1)
    assert service.log(REFUSED)[0]["problem"].startswith("client CA bundle: ")
    with service.webhook(client) as friend:
        assert friend.mutate(review("nginx")).images()
    is_refused(service, client_context(certs), "peer did not return a certificate")


def test_an_emptied_authority_of_clients_lets_nobody_in(services, certs, tmp_path):
    """It must not mean that clients need no certificate any more."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(certs.ca.read_text())
    service = services.start(tls={"clientCAFile": str(bundle)})
    is_refused(service, None, "peer did not return a certificate")
    replace(bundle, "")
    wait_for(lambda: sum(service.reloads("certificate")) == 1, "the change is seen")
    is_refused(service, None, "peer did not return a certificate")
    assert service.reloads("certificate") == (0, 1)
    assert service.log(REFUSED)[0]["problem"].startswith("client CA bundle: ")


def test_with_an_empty_authority_of_clients_nobody_is_served(services, tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    service = services.start(tls={"clientCAFile": str(bundle)})
    assert service.ready() == (503, "no certificate loaded\n")
    assert service.log("no certificate yet")[0]["problem"].startswith("client CA bundle: ")
    is_refused(service, None, "no certificate is loaded yet")
