"""`pullthrough serve` when it is told to stop: nobody who still sends reviews notices."""

import datetime
import signal
import socket
import subprocess

import pytest

from http_peer import DEADLINE_S, wait_for
from service import HOST, Answer, Client, environment, review, sample, settings

LONG = {"drain": "10m"}  # ended by a second signal, or else by the test's deadline
BODY = sample("create-pod")
SELF = {
    "mode": "self",
    "certFile": "",
    "keyFile": "",
    "secretName": "pullthrough-tls",
    "serviceName": "pullthrough",
    "webhookName": "pullthrough",
}


def is_closing(response):
    return response.headers["Connection"] == "close"


def wait_draining(service):
    service.wait_log("draining")
    wait_for(lambda: service.ready() == (503, "draining\n"), "no readiness")


@pytest.mark.parametrize(
    "first, second",
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGINT),
    ],
    ids=lambda number: number.name,
)
def test_a_drain_answers_and_a_second_signal_ends_it(services, first, second):
    service = services.start(server=LONG)
    with service.webhook() as used, service.webhook() as begun, service.webhook() as idle:
        with service.webhook() as silent, Client(service.status_port) as idle_status:
            for client in (used, begun, idle, silent):
                assert client.mutate(BODY).images()
            assert idle_status.ask("GET", "/readyz").status == 200
            begun.begin(BODY, 1)
            used.begin(BODY, len(BODY) - 1)
            service.send(first)
            wait_draining(service)
            assert service.log("draining")[0]["drainMs"] == 600_000

            # Who was idle is still answered: the API server doesn't repeat a review that meets an end.
            answer = idle.mutate(BODY)
            assert answer.images() and is_closing(answer)
            assert idle.is_ended()

            # Who asks nothing is sent away, so that the next review goes elsewhere.
            assert silent.is_ended() and idle_status.is_ended()

            # Alive, and it says that it is going.
            health = service.get("/healthz")
            assert (health.status, health.text()) == (200, "ok\n") and is_closing(health)
            assert service.status()["draining"] is True
            service.metrics()

            # Reviews are answered: those that have begun, and one on a new connection. Each is
            # closed behind its answer, so that the client finds another replica.
            for client, sent in ((used, len(BODY) - 1), (begun, 1)):
                answer = Answer(client.finish(BODY[sent:]))
                assert answer.images() and is_closing(answer)
                assert client.is_ended()
            with service.webhook() as new:
                answer = new.mutate(BODY)
                assert answer.images() and is_closing(answer)
                assert new.is_ended()
            assert service.process.poll() is None

            service.send(second)
            service.end(None)
    assert len(service.log("draining")) == 1


def test_a_drain_ends_by_itself(services):
    service = services.start(server={"drain": "1s"})
    service.end(signal.SIGTERM)
    began, ended = (
        datetime.datetime.fromisoformat(record["time"].rstrip("Z"))
        for record in service.log()[-2:]
    )
    assert (ended - began).total_seconds() >= 0.99  # it wasn't cut short; times are cut to 1 ms


def test_sighup_does_not_end_a_drain(services):
    service = services.start(server=LONG)
    service.send(signal.SIGTERM)
    wait_draining(service)
    service.send(signal.SIGHUP)
    for _ in range(5):
        assert service.mutate(BODY).images()
    assert service.process.poll() is None
    service.end(signal.SIGTERM)


@pytest.mark.parametrize("sent", [0, 1, 1000], ids=["headers", "a byte", "half"])
def test_a_request_under_way_is_answered(services, sent):
    """Even without a drain."""
    service = services.start(server={"threads": 1})
    with service.webhook() as client:
        assert client.mutate(BODY).images()
        # The one loop has seen the beginning once it has answered what came later.
        client.begin(BODY, sent)
        service.mutate(BODY)
        service.send(signal.SIGTERM)
        service.wait_log("draining")
        response = client.finish(BODY[sent:])
        assert response.status == 200 and is_closing(response)
        assert response.json()["response"]["patch"]
        assert client.is_ended()
    service.end(None)


def test_no_client_holds_it_up(services):
    """One whose request never comes whole, one that takes no answer, and some that say nothing."""
    service = services.start(server={"threads": 1})
    silent = [
        socket.create_connection(("127.0.0.1", port))
        for port in [service.webhook_port, service.status_port] * 5
    ]
    wait_for(lambda: service.metrics().value("pullthrough_connections") == 5, "all are accepted")
    with service.webhook() as slow, service.webhook() as deaf:
        slow.begin(BODY, 100)
        large = review(*["nginx"] * 1000)  # and its answer is larger
        deaf.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):  # all buffers on the way are full
            while True:
                deaf.begin(large, len(large))
        service.mutate(BODY)
        service.end(signal.SIGTERM)
        assert slow.is_ended()
    for connection in silent:
        with connection:
            assert connection.recv(1) == b""
    for port in (service.webhook_port, service.status_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_signal_right_after_the_start_is_obeyed(services):
    for _ in range(2):
        services.start().end(signal.SIGTERM)  # at its first line, "listening"


# Name servers that say nothing

AWS_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}
SILENT_AWS = {service: "https://aws.silent.test" for service in ("ecr", "sts", "secretsmanager")}


def test_a_silent_resolver_does_not_hold_it_up(services, silent_resolver):
    """One of AWS: there is no way to take a thread out of getaddrinfo()."""
    service = services.start(
        {**AWS_KEYS, **silent_resolver.environment},
        reconcile={"mode": "manage"},
        aws={"endpoint": SILENT_AWS},
        fallback={"probe": {"interval": "10s"}},
    )
    wait_for(silent_resolver.asked, "AWS's address is asked for")

    # Another configuration is worked for at once, too.
    asked = len(silent_resolver.asked())
    service.send(signal.SIGHUP)
    service.wait_log("configuration loaded")
    wait_for(lambda: len(silent_resolver.asked()) > asked, "it is asked for again")
    wait_for(
        lambda: set(silent_resolver.asked()) == {"aws.silent.test", HOST},
        "the registry is asked for, and nothing else",
    )
    assert service.mutate(BODY).images()
    service.end(signal.SIGTERM)


def test_a_silent_resolver_does_not_hold_up_its_own_certificate(
    program, certs, silent_resolver, tmp_path
):
    """One of the API server. Another thread watches Events there."""
    account = tmp_path / "account"
    account.mkdir()
    for name, text in {"token": "t", "namespace": "demo", "ca.crt": certs.ca.read_text()}.items():
        (account / name).write_text(text)
    config = tmp_path / "config.yaml"
    config.write_text(settings(tmp_path, tls=SELF, fallback={"watch": True}))
    process = subprocess.Popen(
        [program, "serve", "--config", config],
        stderr=subprocess.PIPE,
        env=environment(
            KUBERNETES_SERVICE_HOST="api.silent.test",
            PULLTHROUGH_SERVICE_ACCOUNT=str(account),
            **silent_resolver.environment,
        ),
    )
    with process:
        try:
            wait_for(
                lambda: len(silent_resolver.asked()) == 2, "the API server's address is asked for"
            )
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=DEADLINE_S)[1].decode()
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert "Sanitizer" not in said and '"message":"stopped"' in said
    assert silent_resolver.asked() == 2 * ["api.silent.test"]


@pytest.mark.parametrize(
    "arguments", [["rules", "list"], ["verify", "nginx:1.27"]], ids=lambda a: a[0]
)
def test_a_command_that_waits_for_a_resolver_can_be_interrupted(
    program, silent_resolver, tmp_path, arguments
):
    config = tmp_path / "config.yaml"
    config.write_text(settings(tmp_path, aws={"endpoint": SILENT_AWS}))
    process = subprocess.Popen(
        [program, *arguments, "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(**AWS_KEYS, **silent_resolver.environment),
    )
    with process:
        try:
            wait_for(silent_resolver.asked, "AWS's address is asked for")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGINT


# Where the log goes


def test_a_log_that_nobody_reads_any_more_costs_only_its_lines(services):
    service = services.start()
    service.close_log()
    for _ in range(10):
        assert service.mutate(review("nginx")).images()
    service.end(signal.SIGTERM)


def test_a_log_that_is_read_slowly_costs_only_its_lines(services):
    """As when the container runtime's log is stuck: the pipe is full, and answers go on."""
    service = services.start()
    with service.log_stands_still(), service.webhook() as client:
        for _ in range(450):  # a pipe holds 64 KiB, a line has some 200 bytes
            assert client.mutate(review("nginx")).images()
        assert service.get("/healthz").status == 200
    assert service.log()  # is read again
    assert service.mutate(review("nginx")).images()
    written = service.log("images rewritten")
    assert written[-1]["linesLost"] > 0
    assert len(written) + sum(record.get("linesLost", 0) for record in written) == 451
