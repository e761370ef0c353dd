"""`pullthrough serve` at work: answers, ports, metrics, log, and what it can't understand."""

import calendar
import json
import pathlib
import re
import signal
import socket
import ssl
import time

import pytest

from documents import REASONS
from http_peer import wait_for
from service import BURST, HOST, ORIGINALS, Answer, Client, decode, review, run, sample, utc_now, window

SAMPLES = {
    "create-pod": {
        "/spec/containers/0/image": f"{HOST}/dockercache/library/nginx:1.27",
        "/spec/initContainers/1/image": f"{HOST}/k8scache/proxy:v1",
        "/spec/volumes/0/image/reference": f"{HOST}/quaycache/org/model:v1",
    },
    "update-pod": {},
    "update-ephemeralcontainers": {
        "/spec/ephemeralContainers/0/image": f"{HOST}/dockercache/library/busybox"
    },
}
BODY_MOST = 64 * 1024

# The words of design and documents; what counts must not invent others.
OPERATIONS = {"CREATE", "UPDATE", "other"}
PASSES = {"complete", "incomplete", "failed"}
HEALS = {"healed", "put-back", "failed", "denied", "dropped", "stale"}
REVIEWS = {"rewritten", "unchanged", "ignored", "not-understood", "bad-request"}
UPSTREAMS = {"docker.io", "ghcr.io", "registry.k8s.io", "quay.io", "other"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


UPSTREAM_LIST = [
    {"registry": "docker.io"},
    {"registry": "ghcr.io"},
    {"registry": "registry.k8s.io"},
    {"registry": "quay.io"},
    {"registry": "public.ecr.aws", "enabled": False},
]


@pytest.fixture(scope="module", name="service")
def _service(lasting_services):
    return lasting_services.start(server={"maxBody": "64KiB"}, upstreams=UPSTREAM_LIST)


def moved(series):
    """Short names for the series that Exposition.since() gives, but for how long things took."""
    short = {}
    for (name, labels), change in series.items():
        if name.startswith("process_") or name.endswith(("_sum", "_bucket")):
            continue
        name = name[len("pullthrough_") :] if name.startswith("pullthrough_") else name
        short[" ".join([name, *(value for _, value in labels)])] = change
    return short


# Answers


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_review_is_answered(service, name):
    body = sample(name)
    request = decode(body)["request"]
    answer = service.mutate(body, "/mutate?timeout=10s")  # as the API server asks
    assert answer.api_version == "admission.k8s.io/v1" and answer.uid == request["uid"]
    assert answer.images() == SAMPLES[name]
    after = answer.apply(request["object"])
    noted = after["metadata"].get("annotations", {}).get(ORIGINALS)
    if name == "create-pod":
        assert decode(noted) == {
            "containers/web": "nginx:1.27",
            "initContainers/proxy": "registry.k8s.io/proxy:v1",
            "volumes/model": "quay.io/org/model:v1",
        }
    else:
        assert noted is None and "annotations" not in after["metadata"]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_answer_is_the_one_that_review_prints(service, program, name):
    printed = run(program, "review", "--config", service.config, stdin=sample(name))
    assert printed.returncode == 0 and printed.stderr == b""
    with service.webhook() as client:
        answered = client.ask("POST", "/mutate", sample(name))
    assert answered.body.strip() == printed.stdout.strip()


def test_v1beta1_is_answered_in_v1beta1(service):
    body = sample("create-pod").replace(b"admission.k8s.io/v1", b"admission.k8s.io/v1beta1")
    answer = service.mutate(body)
    assert answer.api_version == "admission.k8s.io/v1beta1"
    assert answer.images() == SAMPLES["create-pod"]


def test_one_connection_takes_many_reviews(service):
    with service.webhook() as client:
        for number in range(50):
            answer = client.mutate(review("nginx", uid=f"uid-{number}"))
            assert answer.uid == f"uid-{number}"
            assert answer.headers["Connection"] == "keep-alive"


def test_a_pod_of_many_images_is_answered(service):
    """The answer, over 64 KiB, is larger than any buffer on its way."""
    images = [f"quay.io/org/app-{number}:1" for number in range(400)]
    with service.webhook() as client:
        response = client.ask("POST", "/mutate", review(*images))
        assert len(response.body) > 64 * 1024
        answer = Answer(response)
        assert client.mutate(review("nginx")).images()
    assert list(answer.images().values()) == [
        image.replace("quay.io", f"{HOST}/quaycache") for image in images
    ]


def test_a_client_that_goes_away_does_no_harm(service):
    body = sample("create-pod")
    for sent in (0, 100, len(body)):
        with service.webhook() as client:
            client.begin(body, sent)
    service.send(signal.SIGPIPE)
    service.quiet()
    assert service.mutate(body).images()


def test_who_does_not_trust_the_certificate_is_told_of_in_the_log(service):
    before, mark = service.quiet(), service.mark()
    with pytest.raises(ssl.SSLCertVerificationError):
        service.webhook(ssl.create_default_context())
    record = service.wait_log("TLS handshake failed", mark)
    assert record["level"] == "warn" and "unknown ca" in record["problem"]
    wait_for(
        lambda: moved(service.metrics().since(before)) == {"tls_handshakes_total failed": 1},
        "one failed handshake, and no connection left",
    )


# The ports


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status", "/", "/mutate/x"])
def test_the_webhook_port_serves_nothing_else(service, path):
    with service.webhook() as client:
        response = client.ask("GET", path)
        assert (response.status, response.text()) == (404, "not found\n")


@pytest.mark.parametrize("path", ["/mutate", "/index.html", "/healthz/", "/metrics.json", "/debug/pprof"])
def test_the_status_port_serves_five_paths(service, path):
    with Client(service.status_port) as client:
        assert client.ask("GET", path).status == 404
        assert client.ask("POST", path, sample("create-pod")).status == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_mutate_is_a_post(service, method):
    with service.webhook() as client:
        response = client.ask(method, "/mutate")
        assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/status"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_the_status_port_only_tells(service, method, path):
    with Client(service.status_port) as client:
        response = client.ask(method, path, b"{}")
        assert (response.status, response.headers["Allow"]) == (405, "GET")


def test_health_and_readiness(service):
    response = service.get("/healthz")
    assert (response.status, response.text()) == (200, "ok\n")
    assert service.ready() == (200, "ok\n")


def test_the_status(service, program, certs):
    status = service.status()
    assert list(status) == [
        "version",
        "commit",
        "replica",
        "uptimeSeconds",
        "draining",
        "counts",
        "configuration",
        "certificate",
        "ruleSet",
        "reconcile",
        "fallback",
        "cached",
    ]
    assert (status["version"], status["commit"]) == build_of(program)
    assert status["draining"] is False
    assert 0 <= status["uptimeSeconds"] < 3600

    configuration, certificate = status["configuration"], status["certificate"]
    assert list(configuration) == ["hash", "file", "loaded", "problem"]
    assert re.fullmatch("[0-9a-f]{12}", configuration["hash"])
    assert configuration["file"] == str(service.config) and configuration["problem"] is None

    assert list(certificate) == ["mode", "file", "loaded", "problem", "notBefore", "notAfter"]
    assert certificate["file"] == str(service.tls / "tls.crt") and certificate["problem"] is None
    assert (certificate["notBefore"], certificate["notAfter"]) == certs.leaf.dates()

    start = service.metrics().value("process_start_time_seconds")
    start, now = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start)), utc_now())
    for loaded in (configuration["loaded"], certificate["loaded"]):
        assert RFC3339.fullmatch(loaded) and start <= loaded <= now

    rules = status["ruleSet"]
    assert (rules["host"], rules["problem"]) == (HOST, None)
    assert [upstream["registry"] for upstream in rules["upstreams"]] == [
        upstream["registry"] for upstream in UPSTREAM_LIST
    ]
    for upstream in rules["upstreams"]:
        assert list(upstream) == ["registry", "prefix", "rewritten", "state", "reason", "since"]
        assert RFC3339.fullmatch(upstream["since"]) and start <= upstream["since"] <= now
        assert upstream["reason"]
    assert rules["upstreams"][0]["prefix"] == "dockercache"
    *on, off = rules["upstreams"]
    assert {(upstream["state"], upstream["rewritten"]) for upstream in on} == {("ready", True)}
    assert off["state"] == "disabled"


def test_the_status_counts_what_was_reviewed(lasting_services):
    service = lasting_services.start(upstreams=UPSTREAM_LIST, environ={"HOSTNAME": "web-\"7d-é"})
    empty = {"reviews": 0, "notUnderstood": 0, "rewritten": 0, "leftAlone": []}
    status = service.status()
    assert (status["replica"], status["counts"]) == ('web-"7d-é', empty)
    service.mutate(review("nginx", "quay.io/x/y:1", "acme.example/x:1", "public.ecr.aws/x/y:1"))
    service.mutate(review("nginx:1", "nginx@sha256:no"))
    service.mutate(b'{"request": {"uid": "u"}}')
    with service.webhook() as client:
        assert client.ask("POST", "/mutate", b"{").status == 400
    assert service.status()["counts"] == {
        "reviews": 4,
        "notUnderstood": 2,
        "rewritten": 3,
        "leftAlone": [{"reason": "not-upstream", "images": 2}, {"reason": "invalid", "images": 1}],
    }


@pytest.mark.parametrize("query", ["?pretty", "?pretty=true", "?x=1&pretty", "?pretty="])
def test_the_status_for_people(service, query):
    """The same, a line for each member, as Python lays it out."""
    response = service.get("/status" + query)
    assert response.status == 200
    text = response.body.decode()
    said = response.json()
    assert text == json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    assert {**said, "uptimeSeconds": 0} == {**service.status(), "uptimeSeconds": 0}


@pytest.mark.parametrize("query", ["", "?", "?pretty1", "?Pretty", "?x=pretty", "?x&y"])
def test_the_status_for_programs_is_one_line(service, query):
    assert service.get("/status" + query).body.count(b"\n") == 1


def test_a_replica_without_a_name(lasting_services):
    assert lasting_services.start(environ={"HOSTNAME": ""}).status()["replica"] is None


def test_the_status_of_an_upstream_that_is_off(service):
    """It isn't rewritten, so it must not say so."""
    off = service.status()["ruleSet"]["upstreams"][-1]
    assert (off["registry"], off["state"]) == ("public.ecr.aws", "disabled")
    assert off["rewritten"] is False
    assert service.mutate(review("public.ecr.aws/x/y:1")).patch == []


def build_of(program):
    """What the program calls itself: version and commit."""
    said = run(program, "version").stdout.decode()
    return re.match(r"pullthrough (\S+) \(?(?:commit )?(\S+?)\)?\n", said).groups()


# Metrics


def test_the_metrics_that_real_reviews_move(service):
    before = service.quiet()
    with service.webhook() as client:
        for name in SAMPLES:
            client.mutate(sample(name))
        assert moved(service.metrics().since(before)) == {
            "reviews_total CREATE rewritten": 1,
            "reviews_total UPDATE unchanged": 1,
            "reviews_total UPDATE rewritten": 1,
            "review_duration_seconds_count": 3,
            "images_total rewritten docker.io": 2,
            "images_total rewritten quay.io": 1,
            "images_total rewritten registry.k8s.io": 1,
            "images_total digest ghcr.io": 1,
            "images_total unchanged-update docker.io": 1,
            "tls_handshakes_total ok": 1,
            "connections": 1,
        }


@pytest.mark.parametrize(
    "image, upstream, reason",
    [
        ("example.com/x:1", "other", "not-upstream"),
        ("nginx:", "other", "invalid"),
        (f"{HOST}/dockercache/x:1", "other", "already-ecr"),
        ("auto", "other", "excluded"),
        ("quay.io/x/y@sha256:" + "0" * 64, "quay.io", "digest"),
        ("docker.io/" + "a/" * 124 + "a", "docker.io", "too-long"),
        ("public.ecr.aws/x/y", "other", "not-upstream"),
    ],
    ids=lambda value: value[:20],
)
def test_an_image_that_is_left_alone_is_counted_with_the_reason(service, image, upstream, reason):
    before = service.quiet()
    with service.webhook() as client:
        assert client.mutate(review(image)).patch == []
        counted = moved(service.metrics().since(before))
    assert counted == {
        "reviews_total CREATE unchanged": 1,
        "review_duration_seconds_count": 1,
        f"images_total {reason} {upstream}": 1,
        "tls_handshakes_total ok": 1,
        "connections": 1,
    }


def test_metrics_have_bounded_labels(service):
    """Nothing that a user of the cluster chooses is in them."""
    names = {"name": "zz-pod", "namespace": "zz-namespace", "uid": "zz-uid"}
    images = ["zz-image:zz-tag", "zz.example/zz:1", "quay.io/zz/zz", "zz Invalid", "auto"]
    service.mutate(review(*images, labels={"zz-label": "zz-value"}, **names))
    with service.webhook() as client:
        client.ask("POST", "/mutate", b"zz")
        client.ask("POST", "/zz?zz=zz", b"zz")
    text = service.get("/metrics").body.decode()
    assert "zz" not in text and "nginx" not in text and "demo" not in text
    labels = service.metrics().label_values()
    own = {"operation", "outcome", "upstream", "state", "service", "kind", "object", "class"}
    assert set(labels) == own | {"reason", "le", "version", "commit"}
    assert labels["reason"] == {"too-long", "malformed", "no-room"}
    assert labels["service"] == {"ecr", "sts", "secretsmanager"}
    assert labels["kind"] <= {"leaf", "ca"} and labels["object"] == {"secret", "bundle"}
    assert labels["operation"] <= OPERATIONS
    assert labels["upstream"] <= UPSTREAMS | {"public.ecr.aws"}
    assert labels["outcome"] <= REVIEWS | REASONS | PASSES | HEALS | {"ok", "taken", "refused"}
    assert labels["class"] <= {"absent", "refused", "login", "throttled", "unreachable", "other"}


def test_the_metrics_of_the_program_itself(service, program, certs):
    metrics = service.metrics()
    version, commit = build_of(program)
    assert metrics.value("pullthrough_build_info", version=version, commit=commit) == 1
    ends = calendar.timegm(time.strptime(certs.leaf.dates()[1], "%Y-%m-%dT%H:%M:%SZ"))
    assert metrics.value("pullthrough_certificate_not_after_seconds", kind="leaf") == ends
    for registry in UPSTREAMS - {"other"}:
        assert metrics.value("pullthrough_upstream_ready", upstream=registry) == 1
    assert metrics.value("pullthrough_upstream_ready", upstream="public.ecr.aws") is None
    resident = metrics.value("process_resident_memory_bytes")
    assert 0.5 < resident / (resident_kib(service.process) * 1024) < 2
    assert abs(metrics.value("process_start_time_seconds") - time.time()) < 3600
    assert metrics.value("process_cpu_seconds_total") > 0
    assert 5 < metrics.value("process_open_fds") < metrics.value("process_max_fds")


def test_open_connections_are_counted(service):
    def is_counted(count):
        wait_for(
            lambda: service.metrics().value("pullthrough_connections") == count,
            f"{count} connections",
        )

    is_counted(0)
    clients = [service.webhook() for _ in range(3)]
    is_counted(3)
    clients.pop().close()
    is_counted(2)
    for client in clients:
        client.close()
    is_counted(0)


def test_handshakes_are_counted(service):
    before = service.quiet()
    service.mutate(sample("create-pod"))
    with socket.create_connection(("127.0.0.1", service.webhook_port)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        while plain.recv(4096):
            pass
    wait_for(
        lambda: {
            name: change
            for name, change in moved(service.metrics().since(before)).items()
            if name.startswith("tls") or name.startswith("conn")
        }
        == {"tls_handshakes_total ok": 1, "tls_handshakes_total failed": 1},
        "one handshake done, one failed, and no connection left",
    )


# The log


def test_a_rewriting_review_is_one_line_in_the_log(service):
    mark = service.mark()
    with service.webhook() as client:
        for name in SAMPLES:
            client.mutate(sample(name))
        client.mutate(review("example.com/left-alone:1"))
    records = service.log(since=mark)
    assert [record["message"] for record in records] == ["images rewritten"] * 2
    fields = ["uid", "operation", "namespace", "name", "rewritten", "images", "dryRun"]
    for record in records:
        assert list(record) == ["time", "level", "message", *fields, "durationUs"]
        assert record["level"] == "info"
        assert 0 <= record["durationUs"] < 10_000_000
    assert [[record[field] for field in fields] for record in records] == [
        ["0398c0e7-ecc5-4181-8b9a-586571eef7e6", "CREATE", "demo", "web-7d4b9c6f5-"]
        + [3, 4, False],
        ["a4ede5ec-c76a-4962-9f98-1540283423c4", "UPDATE", "demo", "web-7d4b9c-x2x4z"]
        + [1, 1, False],
    ]


def test_rewriting_at_will_does_not_fill_the_log(services):
    """Whoever may create pods, or try to, could: so lines end, a later one counts them, and the
    metrics know all."""
    service = services.start()
    sent = 0

    def lines():
        return service.log("images rewritten")

    with service.webhook() as client:
        while len(lines()) == sent or sent < 2000:
            for _ in range(100):
                client.mutate(review("nginx"))
            sent += 100
        assert len(lines()) >= 500
        while "suppressed" not in lines()[-1]:  # until the next ten seconds have begun
            client.mutate(review("nginx"))
            sent += 1
    said = lines()
    assert len(said) + sum(record.get("suppressed", 0) for record in said) == sent
    metrics = service.metrics()
    assert metrics.value("pullthrough_reviews_total", operation="CREATE", outcome="rewritten") == sent


def test_no_body_and_no_image_is_in_the_log(service):
    mark = service.mark()
    with service.webhook() as client:
        client.mutate(sample("create-pod"))
        client.mutate(review("quay.io/zz-secret/zz-image:zz-tag", labels={"zz-label": "zz-value"}))
        client.ask("POST", "/mutate", b'{"zz-not": "understood"}')
        client.ask("POST", "/mutate", b"zz-not json")
    records = service.log(since=mark)
    assert len(records) == 4
    said = str(records)
    for text in ("zz-", "nginx", "quay.io", "ghcr.io", "org/", "userInfo", "serviceaccount", HOST):
        assert text not in said


@pytest.mark.parametrize(
    "name", ["line\nfeed", 'quote"\\', "\x1b[31mred", "\x9b", "naïve \U0001f433"]
)
def test_a_name_cannot_break_a_log_line(service, name):
    mark = service.mark()
    assert service.mutate(review("nginx", name=name, namespace=name)).images()
    (record,) = service.log(since=mark)
    assert record["name"] == record["namespace"] == name.replace("\x9b", "?")


# What is not understood


ENVELOPE = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"'


NOT_ANSWERABLE = {
    "empty": (b"", "other"),
    "text": (b"not json", "other"),
    "zeros": (b"\x00" * 100, "other"),
    "no UTF-8": (b"\xff\xfe{}", "other"),
    "deep": (b"[" * 10_000, "other"),
    "null": (b"null", "other"),
    "list": (b"[]", "other"),
    "no member": (b"{}", "other"),
    "no request": (ENVELOPE + b"}", "other"),
    "no uid": (ENVELOPE + b',"request":{}}', "other"),
    "a number as uid": (ENVELOPE + b',"request":{"uid":7}}', "other"),
    "empty uid": (review("nginx", uid=""), "CREATE"),
    "long uid": (review("nginx", uid="u" * 257), "CREATE"),
    "cut off": (review("nginx")[:-1], "other"),
    "more behind it": (review("nginx") + b"x", "other"),
}


@pytest.mark.parametrize("body, operation", NOT_ANSWERABLE.values(), ids=NOT_ANSWERABLE)
def test_without_a_uid_it_is_a_bad_request(service, body, operation):
    before = service.quiet()
    with service.webhook() as client:
        response = client.ask("POST", "/mutate", body)
        assert response.status == 400
        status = response.json()
        assert "Retry-After" not in response.headers
        counted = moved(service.metrics().since(before))
        assert client.mutate(sample("create-pod")).images()  # the connection goes on
    assert status.pop("message")
    assert status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "reason": "BadRequest",
        "code": 400,
    }
    assert counted == {
        f"reviews_total {operation} bad-request": 1,
        "review_duration_seconds_count": 1,
        "tls_handshakes_total ok": 1,
        "connections": 1,
    }


@pytest.mark.parametrize(
    "was, now",
    [
        (b'"containers": [', b'"containers": [7,'),
        (b'"image": "nginx"', b'"image": {}'),
        (b'"spec": {"containers"', b'"spec": [], "x": {"containers"'),
        (b'"object": {', b'"object": "x", "y": {'),
        (b"admission.k8s.io/v1", b"admission.k8s.io/v3"),
    ],
)
def test_with_a_uid_it_is_admitted_unchanged(service, was, now):
    body = review("nginx", uid="the-uid")
    assert body.count(was) == 1
    before = service.quiet()
    answer = service.mutate(body.replace(was, now))
    assert answer.uid == "the-uid" and answer.document["response"] == {
        "uid": "the-uid",
        "allowed": True,
    }
    counted = moved(service.metrics().since(before))
    assert counted["review_duration_seconds_count"] == 1
    assert [name for name in counted if name.startswith("reviews_total")] in (
        ["reviews_total CREATE not-understood"],
        ["reviews_total other not-understood"],
    )
    assert not [name for name in counted if name.startswith("images_total")]


@pytest.mark.parametrize(
    "was, now",
    [
        (b'"resource": "pods"', b'"resource": "deployments"'),
        (b'"operation": "CREATE"', b'"operation": "CREATE", "subResource": "binding"'),
    ],
    ids=["deployments", "pods/binding"],
)
def test_what_is_no_pod_is_admitted_without_a_word(service, was, now):
    body = review("nginx")
    assert body.count(was) == 1
    body = body.replace(was, now)
    before, mark = service.quiet(), service.mark()
    assert service.mutate(body).patch == []
    assert moved(service.metrics().since(before))["reviews_total CREATE ignored"] == 1
    assert service.log(since=mark) == []


def test_a_body_may_be_as_large_as_configured(service):
    body = sample("create-pod")
    fits = body + b" " * (BODY_MOST - len(body))
    before = service.quiet()
    assert service.mutate(fits).images() == SAMPLES["create-pod"]
    with service.webhook() as client:
        response = client.ask("POST", "/mutate", fits + b" ")
        assert (response.status, response.text()) == (413, "the body is too large\n")
    assert moved(service.metrics().since(before))["review_duration_seconds_count"] == 1
    assert service.ready() == (200, "ok\n")


def test_warnings_that_a_client_causes_are_few(services):
    service = services.start()
    message = "review not understood, nothing changed"
    with service.webhook() as client:
        first = window()
        for _ in range(100):
            assert client.ask("POST", "/mutate", b"{}").status == 400
        last = window()
        wait_for(lambda: window() > last, "the next window")
        client.ask("POST", "/mutate", b"{}")
    *lines, told = service.log(message)
    assert BURST <= len(lines) <= BURST * (1 + last - first)
    assert told["level"] == "warn" and told["outcome"] == "bad-request" and told["problem"]
    # Each of the hundred is either a line, or counted by the first line of a later window.
    assert len(lines) + sum(line["suppressed"] for line in [*lines, told]) == 100
    counted = service.metrics().value(
        "pullthrough_reviews_total", operation="other", outcome="bad-request"
    )
    assert counted == 101


def test_warnings_about_handshakes_are_few(services):
    service = services.start()
    first = window()
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", service.webhook_port)) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while plain.recv(4096):
                pass
    wait_for(
        lambda: service.metrics().value("pullthrough_tls_handshakes_total", outcome="failed") == 50,
        "every failed handshake is counted",
    )
    lines = service.log("TLS handshake failed")
    assert BURST <= len(lines) <= BURST * (1 + window() - first)
    assert service.mutate(sample("create-pod")).images()


# Memory


def resident_kib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text("ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1])


def test_memory_does_not_grow_with_reviews(services):
    """A build with AddressSanitizer keeps what was freed for a while, by default up to 256 MiB."""
    service = services.start(environ={"ASAN_OPTIONS": "quarantine_size_mb=4"})
    padding = {f"label-{n}": "x" * 60 for n in range(350)}
    body = review("nginx", "quay.io/x/y:1", "example.com/x", labels=padding)
    assert 25_000 < len(body) < 35_000
    clients = [service.webhook() for _ in range(4)]

    def work(reviews):
        for number in range(reviews):
            assert len(clients[number % 4].mutate(body).images()) == 2
        return resident_kib(service.process)

    before = work(500)
    after = work(2000)
    assert after - before < 8 * 1024  # 4 KiB a review would be more than that
    for client in clients:
        client.close()
