"""`pullthrough serve` when it starts: what it needs, and what it says when it can't."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios

import pytest

from http_peer import DEADLINE_S, wait_for
from mount import Mount
from service import HOST, descriptors, environment, review, run, sample, settings

USAGE = "usage: pullthrough serve [--config FILE]\n"
UNKNOWN = "nothing is rewritten: the registry is not known"


def unread(pipe):
    """How many bytes lie in it."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


def fails(program, config, problem):
    """That it ends with status 3, this one line on standard error, and nothing else."""
    done = run(program, "serve", "--config", config)
    assert (done.returncode, done.stdout) == (3, b"")
    said = done.stderr.decode()
    if isinstance(problem, re.Pattern):
        assert problem.fullmatch(said), said
    else:
        assert said == f"pullthrough serve: {problem}\n"


@pytest.fixture(name="tls")
def _tls(certs, tmp_path):
    return Mount(tmp_path / "tls", certs.leaf.secret())


@pytest.fixture(name="config")
def _config(tls, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(settings(tls))
    return path


# The command line


def test_help(program):
    done = run(program, "serve", "--help")
    assert (done.returncode, done.stderr) == (0, b"")
    said = done.stdout.decode()
    assert said.startswith(USAGE) and "--config FILE" in said and "SIGHUP" in said


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["--config"], ["extra"], ["--config", "/dev/null", "extra"], ["-x"]],
    ids=" ".join,
)
def test_wrong_usage(program, arguments):
    done = run(program, "serve", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert USAGE in done.stderr.decode()


# What can't be started


def test_a_configuration_that_is_not_there(program, tmp_path):
    path = tmp_path / "none.yaml"
    fails(program, path, f"{path}: No such file or directory")


def test_a_configuration_that_is_a_folder(program, tmp_path):
    fails(program, tmp_path, f"{tmp_path}: is a directory, not a regular file")


def test_a_configuration_that_is_a_fifo(program, tmp_path):
    path = tmp_path / "config.yaml"
    os.mkfifo(path)
    fails(program, path, f"{path}: is a FIFO, not a regular file")


def test_standard_input_that_never_ends_can_be_interrupted(program):
    """As process 1 of a container, for which a signal without a handler is none."""
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            [program, "serve", "--config", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        with process:
            try:
                process.stdin.write(b"# a beginning\n")
                process.stdin.flush()
                wait_for(lambda: unread(process.stdin) == 0, "it reads")
                process.send_signal(number)
                assert process.wait(DEADLINE_S) == 128 + number
                assert process.stderr.read() == b""
            finally:
                process.kill()


# What each of AWS's ways names is read by path.
FIFOS = {
    "AWS_SHARED_CREDENTIALS_FILE": {},
    "AWS_CONFIG_FILE": {},
    "AWS_WEB_IDENTITY_TOKEN_FILE": {"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/r"},
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"
    },
    "AWS_CA_BUNDLE": {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"},
}


@pytest.mark.parametrize("variable", FIFOS)
def test_a_fifo_of_aws_is_not_waited_for(program, tmp_path, variable):
    fifo, config = tmp_path / "fifo", tmp_path / "config.yaml"
    os.mkfifo(fifo)
    ends = dict.fromkeys(("ecr", "sts", "secretsmanager"), "https://127.0.0.1:1")
    config.write_text(settings(tmp_path, aws={"endpoint": ends}))
    none = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    environ = {**none, **FIFOS[variable], variable: str(fifo)}
    done = run(program, "rules", "list", "--config", config, **environ)
    assert done.returncode == 3
    assert f"{fifo}: is a FIFO, not a regular file" in done.stderr.decode()


def test_a_configuration_that_is_too_large(program, config):
    config.write_text(config.read_text() + "# more\n" * 1_000_000)
    fails(program, config, re.compile(f"pullthrough serve: {config}: .*larger.*\n"))


@pytest.mark.parametrize(
    "text, place, said",
    [
        ("colour: red\n", "1:1", 'unknown key "colour"'),
        ("server:\n  drain: forever\n", "2:10", "server.drain"),
        ("listen: {webhook: localhost}\n", "1:19", "listen.webhook"),
        ("tls: {certFile: /x}\n", "1:17", "tls: certFile is given, but mode is self"),
        ("tls: {mode: files, certFile: /x}\n", "1:30", "tls: certFile"),
        ("listen: {webhook: ':1', status: ':1'}\n", "1:33", "listen.status"),
    ],
)
def test_a_wrong_configuration(program, tmp_path, text, place, said):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    line = re.compile(rf"pullthrough serve: {path}:{place}: {re.escape(said)}.*\n")
    fails(program, path, line)


@pytest.mark.parametrize("which", ["webhook", "status"])
def test_a_port_in_use(program, tls, tmp_path, which):
    path = tmp_path / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path.write_text(settings(tls, listen={which: f"127.0.0.1:{port}"}))
        fails(program, path, f"cannot listen on port {port}: Address already in use")


@pytest.mark.parametrize("which", ["webhook", "status"])
def test_a_port_in_use_by_another_of_us(services, program, tls, tmp_path, which):
    """Its listeners share their port with each other, and with nobody else."""
    port = getattr(services.start(), f"{which}_port")
    path = tmp_path / "config.yaml"
    path.write_text(settings(tls, listen={which: f"127.0.0.1:{port}"}))
    fails(program, path, f"cannot listen on port {port}: Address already in use")


def test_an_address_that_is_not_ours(program, tls, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(settings(tls, listen={"webhook": "192.0.2.1:0"}))  # RFC 5737: nobody's
    fails(program, path, re.compile("pullthrough serve: .*: Cannot assign requested address\n"))


def test_without_the_files_of_a_certificate(program, tmp_path):
    problem = "tls.certFile and tls.keyFile must name the certificate's files"
    path = tmp_path / "config.yaml"
    path.write_text("tls: {mode: files}\n")
    fails(program, path, f"{path}: {problem}")


def test_its_own_certificate_outside_a_cluster(program, tmp_path):
    problem = (
        "tls.mode is self, but this is not a pod of a cluster (KUBERNETES_SERVICE_HOST is not set); "
        "elsewhere say mode: files, with certFile and keyFile"
    )
    path = tmp_path / "config.yaml"
    path.write_text("log: {level: info}\n")
    fails(program, path, f"{path}: {problem}")
    done = run(program, "serve")
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.decode() == f"pullthrough serve: the defaults: {problem}\n"


# What starts


def test_the_first_lines(services):
    service = services.start()
    loaded, listening = service.log()[:2]
    assert list(listening)[3:] == ["webhook", "status", "threads", "version", "commit"]
    assert listening["level"] == "info" and listening["threads"] == 2
    assert loaded["message"] == "certificate loaded"
    version = f"pullthrough {listening['version']} (commit {listening['commit']})\n"
    assert run(services.program, "version").stdout.decode().startswith(version)


def test_standard_input_is_a_configuration(services, config):
    service = services.run("-", stdin=config.read_bytes())
    assert service.mutate(review("nginx:1")).images() == {
        "/spec/containers/0/image": f"{HOST}/dockercache/library/nginx:1"
    }


@pytest.mark.parametrize(
    "environ, problem",
    [
        ({"AWS_REGION": "us-west-2"}, "account"),
        ({"AWS_ACCOUNT_ID": "111122223333"}, "region"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ACCOUNT_ID": ""}, "account"),
    ],
    ids=["no account", "no region", "empty"],
)
def test_without_a_registry_nothing_is_rewritten(services, environ, problem):
    service = services.start(environ, registry={"account": "", "region": ""})
    record = service.wait_log(UNKNOWN)
    assert record["level"] == "warn" and problem in record["problem"]
    answer = service.mutate(sample("create-pod"))
    assert answer.patch == [] and answer.uid == "0398c0e7-ecc5-4181-8b9a-586571eef7e6"

    rules = service.status()["ruleSet"]
    assert (rules["host"], rules["problem"]) == (None, record["problem"])
    for upstream in rules["upstreams"]:
        assert (upstream["state"], upstream["rewritten"]) == ("unknown", False)
        assert upstream["reason"] == "the registry's host name is not known"
    metrics = service.metrics()
    for registry in ("docker.io", "registry.k8s.io", "quay.io"):
        assert metrics.value("pullthrough_upstream_ready", upstream=registry) == 0
        assert 1 == metrics.value(
            "pullthrough_images_total", upstream=registry, outcome="rule-not-ready"
        )
        assert not metrics.value(
            "pullthrough_images_total", upstream=registry, outcome="rewritten"
        )
    unchanged = {"operation": "CREATE", "outcome": "unchanged"}
    assert metrics.value("pullthrough_reviews_total", **unchanged) == 1
    assert service.ready() == (200, "ok\n")  # it serves; AWS has no say


@pytest.mark.parametrize("region", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_the_registry_of_the_environment(services, region):
    environ = {"AWS_ACCOUNT_ID": "444455556666", region: "eu-central-1"}
    service = services.start(environ, registry={"account": "", "region": ""})
    host = "444455556666.dkr.ecr.eu-central-1.amazonaws.com"
    assert service.log(UNKNOWN) == []
    assert service.status()["ruleSet"]["host"] == host
    image = service.mutate(review("quay.io/a/b:1")).images()["/spec/containers/0/image"]
    assert image == f"{host}/quaycache/a/b:1"


@pytest.mark.parametrize("address", ["[::1]:0", "[::]:0", ":0", "0.0.0.0:0"])
def test_the_addresses_that_it_listens_on(services, address):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        if "::1" in address:
            pytest.skip("this machine has no IPv6")
    service = services.start(listen={"webhook": address, "status": address})
    host = address.rpartition(":")[0]
    said = service.log("listening")[0]
    assert re.fullmatch(re.escape(host) + r":[1-9]\d*", said["webhook"])
    assert re.fullmatch(re.escape(host) + r":[1-9]\d*", said["status"])
    if address != "[::1]:0":  # IPv4 comes in by all the others
        assert service.mutate(sample("create-pod")).images()
        assert service.ready() == (200, "ok\n")
    else:
        with socket.create_connection(("::1", service.status_port)) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert plain.recv(15) == b"HTTP/1.1 200 OK"


def test_a_clock_that_is_set_is_no_restart(services, wall_clock):
    service = services.start(wall_clock.environment)
    before = service.metrics().value("process_start_time_seconds")
    told = service.status()["configuration"]["loaded"]
    wall_clock.put_forward(1_000_000)
    assert 0 <= service.status()["uptimeSeconds"] < 10_000
    assert service.metrics().value("process_start_time_seconds") == before
    service.send(signal.SIGHUP)  # and it is that clock that dates are from
    wait_for(lambda: service.status()["configuration"]["loaded"] > told, "a later date")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_nowhere(program, config, closed):
    """Else a socket gets the number, and the log is written into it."""
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$0" serve --config "$1" {closed}', program, config],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    with process:
        try:
            tasks = f"/proc/{process.pid}/task"
            wait_for(lambda: len(os.listdir(tasks)) > 3, "its threads")  # all is opened by then
            for number in range(3):
                assert os.readlink(f"{descriptors(process.pid)}/{number}") == "/dev/null"
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def read_terminal(terminal):
    """What was written to it until its other side was closed."""
    text = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], DEADLINE_S)
        assert ready, text
        try:
            text += os.read(terminal, 65536)
        except OSError:  # Linux: EIO
            return text.decode()


@pytest.mark.parametrize("log_format, is_json", [("auto", False), ("json", True), ("text", False)])
def test_people_read_text(program, tls, tmp_path, log_format, is_json):
    path = tmp_path / "config.yaml"
    path.write_text(settings(tls, log={"format": log_format}))
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [program, "serve", "--config", path], stderr=its, env=environment(), close_fds=True
    )
    os.close(its)
    try:
        text = ""
        while "listening" not in text:
            ready, _, _ = select.select([ours], [], [], DEADLINE_S)
            assert ready, text
            text += os.read(ours, 65536).decode()
        process.send_signal(signal.SIGTERM)
        text += read_terminal(ours)
        assert process.wait(DEADLINE_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
    lines = text.splitlines()
    assert len(lines) == 4
    if is_json:
        assert all(line.startswith('{"time":"') and line.endswith("}") for line in lines)
    else:
        stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  "
        for line, start in zip(lines, ("certificate loaded", "listening ", "draining", "stopped")):
            assert re.match(stamp + start, line), line
