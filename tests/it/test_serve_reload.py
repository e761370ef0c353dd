"""`pullthrough serve` when its configuration changes: what is taken, what is refused, and that
nobody who sends reviews notices."""

import os
import re
import signal
import threading
import time

import pytest

from http_peer import wait_for
from mount import Mount
from service import HOST, Client, replace, review, sample, settings, utc_now, without_rights

NGINX = "/spec/containers/0/image"
CHANGED = {"rewrite": {"exclude": ["docker.io/library/*"]}}
REFUSED = "configuration refused, the old one goes on"


def wait_excluded(service, excluded=True):
    """Until reviews are judged by a configuration that leaves nginx alone, or doesn't."""
    with service.webhook() as client:
        wait_for(
            lambda: (client.mutate(sample("create-pod")).images().get(NGINX) is None) == excluded,
            f"nginx {'excluded' if excluded else 'rewritten'}",
        )


def write_in_place(path, text):
    path.write_text(text)


# What is taken


@pytest.mark.parametrize("write", [write_in_place, replace])
def test_a_changed_file_is_taken(services, write):
    service = services.start()
    before = service.status()["configuration"]
    wait_excluded(service, False)
    write(service.config, settings(service.tls, **CHANGED))
    wait_excluded(service)
    after = wait_for(
        lambda: service.status()["configuration"]["hash"] != before["hash"]
        and service.status()["configuration"],
        "another hash in the status",
    )
    assert after["problem"] is None and after["loaded"] >= before["loaded"]
    assert after["file"] == before["file"] == str(service.config)
    assert service.log("configuration loaded")[-1]["file"] == str(service.config)
    write(service.config, settings(service.tls))
    service.send(signal.SIGHUP)
    wait_excluded(service, False)
    wait_for(
        lambda: service.status()["configuration"]["hash"] == before["hash"],
        "the hash of the same configuration again",
    )


def test_a_changed_configmap_is_taken(services, certs, tmp_path):
    tls = Mount(tmp_path / "tls", certs.leaf.secret())
    mount = Mount(tmp_path / "config", {"config.yaml": settings(tls)})
    service = services.run(mount / "config.yaml")
    wait_excluded(service, False)
    mount.write({"config.yaml": settings(tls, **CHANGED)})
    wait_excluded(service)
    assert service.reloads("config") == (1, 0) and service.reloads("certificate") == (0, 0)
    mount.write({"config.yaml": settings(tls)})
    service.send(signal.SIGHUP)
    wait_excluded(service, False)
    assert service.status()["configuration"]["file"] == str(mount / "config.yaml")


def test_sighup_reads_everything_again(services):
    service = services.start()
    before = service.status()
    for count in (1, 2):
        service.send(signal.SIGHUP)
        service.wait_reloads("certificate", count, 0)
        assert service.reloads("config") == (count, 0)
    after = service.status()
    assert after["configuration"]["hash"] == before["configuration"]["hash"]
    assert after["configuration"]["problem"] is after["certificate"]["problem"] is None
    replace(service.config, settings(service.tls, **CHANGED))
    service.send(signal.SIGHUP)
    wait_excluded(service)


def test_another_registry_is_taken(services):
    service = services.start()
    account = {"account": "444455556666", "region": "eu-central-1"}
    replace(service.config, settings(service.tls, registry=account))
    service.send(signal.SIGHUP)
    host = "444455556666.dkr.ecr.eu-central-1.amazonaws.com"
    wait_for(lambda: service.status()["ruleSet"]["host"] == host, "the new host in the status")
    with service.webhook() as client:
        images = wait_for(
            lambda: (found := client.mutate(review("nginx:1")).images()[NGINX]).startswith(host)
            and found,
            "the new host in a patch",
        )
        assert images == f"{host}/dockercache/library/nginx:1"
        # What points to the old one is left alone: already ECR.
        assert client.mutate(review(f"{HOST}/dockercache/library/nginx:1")).patch == []


def test_other_upstreams_are_taken(services):
    """The metrics of one that is gone keep their counts, and say no longer that it is ready."""
    service = services.start()

    def ready():
        return {
            dict(labels)["upstream"]: value
            for (name, labels), value in service.metrics().samples().items()
            if name == "pullthrough_upstream_ready"
        }

    def counted(upstream, outcome):
        name = "pullthrough_images_total"
        return service.metrics().value(name, upstream=upstream, outcome=outcome)

    body = review("quay.io/x/y:1")
    assert service.mutate(body).images()
    every = dict.fromkeys(("docker.io", "ghcr.io", "registry.k8s.io", "quay.io"), 1)
    assert ready() == every
    since = {u["registry"]: u["since"] for u in service.status()["ruleSet"]["upstreams"]}
    wait_for(lambda: utc_now() > since["docker.io"], "another second, so that a change would show")

    replace(service.config, settings(service.tls, upstreams=[{"registry": "docker.io"}]))
    service.send(signal.SIGHUP)
    wait_for(lambda: ready() == {"docker.io": 1}, "docker.io alone is ready")
    with service.webhook() as client:
        wait_for(lambda: not client.mutate(body).patch, "quay.io is left alone")
    assert counted("quay.io", "rewritten") >= 1 and counted("other", "not-upstream") >= 1
    (only,) = service.status()["ruleSet"]["upstreams"]
    assert (only["registry"], only["since"]) == ("docker.io", since["docker.io"])

    replace(service.config, settings(service.tls))
    service.send(signal.SIGHUP)
    wait_for(lambda: ready() == every, "all four are ready")
    with service.webhook() as client:
        wait_for(lambda: client.mutate(body).patch, "quay.io is rewritten")
    assert {u["registry"]: u["since"] for u in service.status()["ruleSet"]["upstreams"]} == since


def test_the_log_level_changes_at_run_time(services):
    service = services.start()

    def lines(level):
        taken, _ = service.reloads("config")
        replace(service.config, settings(service.tls, log={"level": level}))
        service.send(signal.SIGHUP)
        wait_for(lambda: service.reloads("config")[0] > taken, f"a reload with level {level}")
        mark = service.mark()
        service.mutate(review("nginx"))
        with service.webhook() as client:
            client.ask("POST", "/mutate", b"{}")
        return [
            record["level"]
            for record in service.log(since=mark)
            if record["message"] in ("images rewritten", "review not understood, nothing changed")
        ]

    assert lines("error") == []
    assert lines("warn") == ["warn"]
    assert lines("info") == ["info", "warn"]
    assert lines("debug") == ["info", "warn"]


WARNING = "this key takes effect at the next start"


def warned(service, mark):
    return [record["key"] for record in service.log(WARNING, mark)]


def test_keys_that_need_a_restart_are_named(services):
    service = services.start()
    changes = {"server": {"threads": 3}, "log": {"format": "text", "level": "warn"}}
    replace(service.config, settings(service.tls, **changes, **CHANGED))
    wait_excluded(service)  # the rest of the file is taken
    assert warned(service, 0) == ["server.threads", "log.format"]
    assert {record["level"] for record in service.log(WARNING)} == {"warn"}
    assert service.ready() == (200, "ok\n")


def test_a_key_back_at_what_it_was_needs_no_restart(services):
    service = services.start()
    replace(service.config, settings(service.tls, server={"threads": 3}))
    service.wait_reloads("config", 1, 0)
    assert warned(service, 0) == ["server.threads"]
    mark = service.mark()
    replace(service.config, settings(service.tls))
    service.wait_reloads("config", 2, 0)
    assert warned(service, mark) == []


# What is refused


BAD = {
    "an unknown key": ("{config}colour: red\n", "{line}:1: "),
    "a wrong type": ("{config}upstreams: auto\n", "{line}:12: upstreams: "),
    "a key twice": ("{config}log: {{level: info, level: warn}}\n", "{line}:20: log.level: "),
    "a bad value": ("{config}log:\n  level: loud\n", "{next}:10: log.level: "),
    "no YAML": ("{config}log: [\n", "{next}:1: "),
    "no text": ("{config}log: \x00\n", "{line}:"),
    "a list": ("- a\n", "1:1: "),
}


@pytest.fixture(scope="module", name="lasting")
def _lasting(lasting_services):
    return lasting_services.start()


@pytest.mark.parametrize("text, place", BAD.values(), ids=BAD)
def test_a_bad_configuration_is_refused(lasting, text, place):
    service, good = lasting, settings(lasting.tls)
    before, mark, reloads = (
        service.status()["configuration"],
        service.mark(),
        service.reloads("config"),
    )
    line = good.count("\n") + 1
    replace(service.config, text.format(config=good))
    service.send(signal.SIGHUP)
    record = service.wait_log(REFUSED, mark)
    problem = record["problem"]
    start = f"{service.config}:{place.format(line=line, next=line + 1)}"
    assert record["level"] == "error" and problem.startswith(start)
    assert re.match(r":\d+:\d+: \S", problem[len(str(service.config)) :])

    # The old one goes on.
    status = wait_for(
        lambda: service.status()["configuration"]["problem"] and service.status()["configuration"],
        "the problem in the status",
    )
    assert status == {**before, "problem": problem}
    wait_excluded(service, False)
    assert service.ready() == (200, "ok\n")
    taken, refused = (now - old for now, old in zip(service.reloads("config"), reloads))
    assert taken == 0 and refused in (1, 2)  # by the signal, and maybe by a look before it
    assert service.log("configuration loaded", mark) == []

    # Once mended, the next one is taken; and in the end it is as it was.
    for changes in (CHANGED, {}):
        replace(service.config, settings(service.tls, **changes))
        service.send(signal.SIGHUP)
        wait_excluded(service, bool(changes))
        wait_for(
            lambda: service.status()["configuration"]["problem"] is None,
            "no problem in the status",
        )


def in_use(service):
    """What an alert asks: whether the newest configuration is in use, and since when one is."""
    metrics, name = service.metrics(), "pullthrough_config_last_reload_success"
    return metrics.value(f"{name}ful"), metrics.value(f"{name}_timestamp_seconds")


def test_a_deleted_configuration_is_refused(services):
    service = services.start()
    loaded = in_use(service)
    assert loaded[0] == 1 and abs(loaded[1] - time.time()) < 600
    text = service.config.read_text()
    service.config.unlink()
    problem = f"{service.config}: No such file or directory"
    assert service.wait_log(REFUSED)["problem"] == problem
    wait_for(
        lambda: service.status()["configuration"]["problem"] == problem, "the problem in the status"
    )
    wait_excluded(service, False)
    assert service.reloads("config") == (0, 1)
    assert in_use(service) == (0, loaded[1])
    service.config.write_text(text)
    wait_for(
        lambda: service.status()["configuration"]["problem"] is None, "no problem in the status"
    )
    assert service.reloads("config") == (1, 1)
    assert in_use(service)[0] == 1 and in_use(service)[1] >= loaded[1]


@pytest.mark.parametrize("text", ["", "log: {level: info}\n"], ids=["empty", "without tls"])
def test_what_could_not_start_is_refused(services, text):
    """`serve` doesn't start without a certificate. An empty file is also what a look finds when it
    comes between the two halves of writing a file in place: emptying it, and filling it."""
    service = services.start()
    before = service.status()["configuration"]["hash"]
    replace(service.config, text)
    wait_for(lambda: sum(service.reloads("config")) == 1, "the configuration is seen")
    assert service.reloads("config") == (0, 1)
    assert service.status()["configuration"]["hash"] == before
    assert service.mutate(review("nginx")).images()
    assert service.log(REFUSED)[-1]["problem"].startswith(f"{service.config}")
    wait_for(lambda: service.status()["configuration"]["problem"], "a problem in the status")


def test_a_change_while_there_are_no_descriptors_is_not_lost(services):
    service = services.start()
    with service.webhook() as old:
        assert old.mutate(sample("create-pod")).images()
        with service.without_descriptors():
            replace(service.config, settings(service.tls, **CHANGED))
            record = service.wait_log(REFUSED)
            assert record["problem"] == f"{service.config}: Too many open files"
            assert old.mutate(sample("create-pod")).images()
        service.wait_log("configuration loaded")
    wait_excluded(service)
    assert len(service.log(REFUSED)) == 1  # it was tried more often
    assert service.reloads("config") == (1, 1)
    assert service.status()["configuration"]["problem"] is None


def test_a_configuration_that_becomes_readable_is_taken(services, tmp_path):
    services.program = without_rights(services.program, tmp_path)
    service = services.start()
    service.config.chmod(0)
    problem = f"{service.config}: Permission denied"
    assert service.wait_log(REFUSED)["problem"] == problem
    wait_for(
        lambda: service.status()["configuration"]["problem"] == problem, "the status says so"
    )
    service.config.chmod(0o400)
    service.wait_reloads("config", 1, 1)


def test_a_fifo_is_not_waited_for(services):
    service = services.start()
    service.config.unlink()
    os.mkfifo(service.config)
    wait_for(
        lambda: service.log(REFUSED)
        and service.log(REFUSED)[-1]["problem"]
        == f"{service.config}: is a FIFO, not a regular file",
        "the FIFO is refused",
    )
    replace(service.config, settings(service.tls, **CHANGED))
    wait_excluded(service)


def test_standard_input_is_read_once(services):
    """SIGHUP must not take the end of standard input for an empty configuration."""
    service = services.start()
    other = services.run("-", stdin=service.config.read_bytes())
    assert other.mutate(review("nginx")).images()
    other.send(signal.SIGHUP)
    wait_for(lambda: sum(other.reloads("certificate")) == 1, "the signal is seen")
    assert other.reloads("certificate") == (1, 0)
    assert other.mutate(review("nginx")).images()
    assert other.status()["ruleSet"]["host"] == HOST
    assert other.ready() == (200, "ok\n")


# Under load


class Load:
    """Clients in threads that send the same review until they are stopped, some on a connection
    that they keep, some on a new one each time. `wrong` is what should not have come."""

    def __init__(self, service, body, right, kept=3, new=2):
        self._service, self._body, self._right = service, body, right
        self._stop = threading.Event()
        self.counts = [0] * (kept + new)
        self.wrong = []
        self._threads = [
            threading.Thread(target=self._run, args=(number, number < kept))
            for number in range(kept + new)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, number, keeps):
        client = None
        try:
            while not self._stop.is_set():
                client = client or self._service.webhook()
                answer = client.mutate(self._body)
                assert answer.images() in self._right, answer.images()
                self.counts[number] += 1
                if not keeps:
                    client.close()
                    client = None
        except Exception as problem:  # pylint: disable=broad-except
            self.wrong.append(f"client {number}, request {self.counts[number]}: {problem!r}")
        finally:
            if client:
                client.close()

    def wait_round(self):
        """Until each client has got an answer that it had not asked for before now."""
        goals = [count + 2 for count in self.counts]
        wait_for(
            lambda: self.wrong or all(n >= goal for n, goal in zip(self.counts, goals)),
            "an answer for each client",
        )
        assert not self.wrong, self.wrong

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_reloads_under_load_fail_no_review(services, certs):
    service = services.start()
    body = sample("create-pod")
    rewritten = service.mutate(body).images()
    without_nginx = {path: image for path, image in rewritten.items() if path != NGINX}
    load = Load(service, body, [rewritten, without_nginx])
    try:
        for number in range(1, 21):
            changes = CHANGED if number % 2 else {}
            replace(service.config, settings(service.tls, **changes))
            pair = certs.second if number % 2 else certs.leaf
            service.tls.write(pair.secret())
            service.send(signal.SIGHUP)
            wait_excluded(service, bool(number % 2))
            wait_for(lambda der=pair.der(): service.leaf() == der, "the other certificate")
            load.wait_round()
    finally:
        load.stop()
    assert not load.wrong, load.wrong
    metrics = service.metrics()
    for what in ("config", "certificate"):
        taken, refused = service.reloads(what)
        assert taken >= 20 and refused == 0
    assert metrics.value("pullthrough_tls_handshakes_total", outcome="failed") == 0
    assert min(load.counts) >= 40
    for operation in ("CREATE", "UPDATE", "other"):
        for outcome in ("not-understood", "bad-request", "ignored", "unchanged"):
            assert not metrics.value(
                "pullthrough_reviews_total", operation=operation, outcome=outcome
            )
    with Client(service.status_port) as client:
        assert client.ask("GET", "/healthz").status == 200
