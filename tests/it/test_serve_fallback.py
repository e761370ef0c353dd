"""What `serve` does when the cache fails: by what nodes report as Events, and by a probe of the
registry, new pods keep their images, and stuck ones are healed; against a fake of the API server and
a registry on a port."""

import copy
import http.server
import json
import pathlib
import re
import signal
import ssl
import threading
import time

import pytest

from http_peer import DEADLINE_S, wait_for
from kube_fake import KubeFake
from kube_pods import Refusal
from served import Served
from service import BURST, HOST, ORIGINALS, replace, review, settings, window

NGINX = f"{HOST}/dockercache/library/nginx:1.27"
NOT_FOUND = (
    'rpc error: code = NotFound desc = failed to pull and unpack image "IMAGE": failed to resolve'
    ' reference "IMAGE": IMAGE: not found'
)
STATUS = "pulling from host HOST failed with status code [manifests 1.27]: "
UNREACHABLE = 'failed to do request: Head "https://HOST": dial tcp 10.0.0.9:443: i/o timeout'
CAUSES = {
    "absent": NOT_FOUND,
    "refused": STATUS + "403 Forbidden",
    "login": STATUS + "401 Unauthorized",
    "throttled": STATUS + "429 Too Many Requests",
    "unreachable": UNREACHABLE,
}
OTHER = 'no match for platform in manifest: not found'
FALLBACK = {"watch": True, "probe": {"interval": "0s"}}
PROBE = {"interval": "2s", "timeout": "1900ms"}  # a second is short for a machine that is busy
DAY_S = 24 * 60 * 60
SWITCH = "pullthrough.internal/rewrite"
HEALED = "pullthrough.internal/healed-images"

# What is logged
FAILS = "image fails in the cache, pods pull it from upstream"
OWN_FAILS = "image fails under its own name, pods pull it from the cache"
UPSTREAM_AWAY = "upstream is out of reach, pods pull its images from the cache"
UPSTREAM_FAILS = "upstream's images fail in the cache, pods pull from upstream"
DOWN = "registry is down, pods pull from upstream"
BACK = "registry is back, pods pull from it again"
WATCHED = "failed pulls are watched"
UNWATCHED = "failed pulls are not watched"
UNHEALED = "pods are not healed"
ONE_UNHEALED = "a pod was not healed"
UNANSWERED = "registry does not answer probes, only nodes' reports count"


class Registry(Served):
    """What a probe sees: 401, or as `way` says: a status, or "silent". Use `with`."""

    def __init__(self, certs):
        self.way, self.asked, self.handshakes = 401, 0, 0
        self._released = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs.leaf.cert, certs.leaf.key)
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format, *args):  # noqa: A002
                pass

            def do_GET(self):
                assert self.path == "/v2/" and "Authorization" not in self.headers
                registry.asked += 1
                if registry.way == "silent":
                    registry._released.wait(2 * DEADLINE_S)
                    return
                self.send_response(registry.way)
                self.send_header("Content-Length", "0")
                self.end_headers()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def get_request(self):
                sock, address = super().get_request()
                registry.handshakes += 1
                return (
                    context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False),
                    address,
                )

            def handle_error(self, request, client_address):
                pass  # a probe ends when it likes

        super().__init__(Server(("127.0.0.1", 0), Handler))

    def __exit__(self, *_):
        self._released.set()
        super().__exit__()

    def probed(self):
        """This way of answering has been met."""
        before = self.asked
        wait_for(lambda: self.asked >= before + 2, "two more probes")


@pytest.fixture(name="kube")
def _kube(certs, tmp_path):
    with KubeFake(certs, tmp_path / "account") as kube:
        yield kube


@pytest.fixture(name="registry")
def _registry(certs):
    with Registry(certs) as registry:
        yield registry


@pytest.fixture(name="start")
def _start(services, kube):
    def start(fallback=None, watched=True, environ=None, **changes):
        service = services.start(
            environ=kube.environ() if environ is None else environ,
            fallback={**FALLBACK, **(fallback or {})},
            **changes,
        )
        if watched:
            wait_for(lambda: turned(service)["watch"] == "on", "it watches")
        return service

    return start


@pytest.fixture(name="probing")
def _probing(start, certs, registry):
    """A service that probes the registry often, with the CA that it takes."""

    def start_probing(**changes):
        return start(
            {"probe": PROBE},
            registry={"host": registry.address},
            aws={"caFile": str(certs.ca)},
            **changes,
        )

    return start_probing


def reload(service, fallback, **changes):
    """Take another configuration."""
    before = service.status()["configuration"]["hash"]
    replace(
        service.config,
        settings(service.tls, fallback={**FALLBACK, **fallback}, **changes),
    )
    service.send(signal.SIGHUP)
    wait_for(lambda: service.status()["configuration"]["hash"] != before, "it is in use")


def turned(service):
    return service.status()["fallback"]


def image_of(service, image="nginx:1.27"):
    """What a new pod of this image gets."""
    return service.mutate(review(image)).images().get("/spec/containers/0/image", image)


def in_cache(image, host=HOST):
    return f"{host}/dockercache/library/{image}"


def status_of(name, image, reason="ImagePullBackOff"):
    return {"name": name, "image": image, "state": {"waiting": {"reason": reason}}}


def pod(image=NGINX, original="nginx:1.27", namespace="shop", name="web-0", reason="ImagePullBackOff"):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "annotations": {ORIGINALS: json.dumps({"containers/web": original})},
        },
        "spec": {"containers": [{"name": "web", "image": image}]},
        "status": {"phase": "Pending", "containerStatuses": [status_of("web", image, reason)]},
    }


def fail(kube, image=NGINX, why=NOT_FOUND, namespace="shop", name="web-0", node=None, **more):
    text = why.replace("IMAGE", image).replace("HOST", HOST)
    if node:
        more["source"] = {"component": "kubelet", "host": node}
    return kube.cluster.fail_pull(namespace, name, image, text, **more)


def failures(service, cause, registry="docker.io"):
    labels = {"class": cause, "upstream": registry}
    return service.metrics().value("pullthrough_pull_failures_total", **labels) or 0


def follow(kube, service, image="sentinel:1", name="sentinel"):
    """Whatever came before is heard, and published."""
    fail(kube, in_cache(image), name=name)
    wait_for(
        lambda: any(each["image"].endswith(image) for each in turned(service)["images"]),
        "what came last is heard",
    )


def image_in_cluster(kube, name="web-0", container=0, section="containers"):
    with kube.lock:
        return kube.cluster.pods["shop", name]["spec"][section][container]["image"]


def wait_healed(kube, name="web-0"):
    wait_for(lambda: image_in_cluster(kube, name) == "nginx:1.27", "it is healed")


def healed_by(service, outcome):
    return service.metrics().value("pullthrough_heals_total", outcome=outcome)


def unheard(service, reason):
    return service.metrics().value("pullthrough_pull_reports_dropped_total", reason=reason)


# What nodes report


def test_an_image_that_a_node_can_not_pull_keeps_its_name(start, kube):
    service = start()
    assert image_of(service) == NGINX
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    assert image_of(service, "nginx:1.28") == in_cache("nginx:1.28")
    fallback = turned(service)
    assert fallback["watch"] == "on" and fallback["imageCount"] == 1
    assert fallback["images"][0]["image"] == "dockercache/library/nginx:1.27"
    assert fallback["images"][0]["class"] == "absent"
    assert fallback["images"][0]["since"] < fallback["images"][0]["until"]
    metrics = service.metrics()
    assert failures(service, "absent") == 1
    assert metrics.value("pullthrough_fallback_images") == 1
    assert metrics.value("pullthrough_images_total", upstream="docker.io", outcome="pull-failed") > 0


@pytest.mark.parametrize("cause", CAUSES)
def test_each_class_turns_its_image_away(start, kube, cause):
    service = start()
    fail(kube, why=CAUSES[cause], node="node-7")
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    (entry,) = turned(service)["images"]
    assert entry["class"] == cause
    (line,) = service.log(FAILS)
    assert (line["image"], line["upstream"]) == (NGINX, "docker.io")
    assert (line["class"], line["node"], line["level"]) == (cause, "node-7", "info")
    assert failures(service, cause) == 1
    fail(kube, why=CAUSES[cause], node="node-7")  # it says nothing new
    wait_for(lambda: failures(service, cause) == 2, "it is counted")
    assert len(service.log(FAILS)) == 1 and turned(service)["images"] == [entry]


def test_what_is_not_the_caches_fault_is_only_counted(start, kube):
    service = start({"heal": True})
    kube.cluster.put(pod())
    fail(kube, why=OTHER)
    wait_for(lambda: failures(service, "other") == 1, "it is counted")
    follow(kube, service)
    assert image_of(service) == NGINX
    wait_for(lambda: kube.count("get pods"), "the pod that came after it is looked at")
    assert kube.count("get pods") == 1 and not kube.cluster.patches


def test_three_images_of_an_upstream_take_it_with_them(start, kube):
    service = start()
    for n in range(3):
        fail(kube, in_cache(f"app:{n}"), why=CAUSES["refused"])
    wait_for(lambda: image_of(service, "redis:7") == "redis:7", "the upstream is turned away")
    fallback = turned(service)
    assert [(each["prefix"], each["class"]) for each in fallback["upstreams"]] == [
        ("dockercache", "refused")
    ]
    assert fallback["imageCount"] == 3 and fallback["registryDownSince"] is None
    assert image_of(service, "quay.io/org/app:1") == f"{HOST}/quaycache/org/app:1"
    (line,) = service.log(UPSTREAM_FAILS)
    assert (line["upstream"], line["class"], line["level"]) == ("docker.io", "refused", "warn")
    assert service.metrics().value("pullthrough_fallback_upstreams") == 1


def test_an_image_whose_own_name_fails_goes_to_the_cache(start, kube):
    """As a private one, when three others have taken its upstream away."""
    service = start()
    for n in range(3):
        fail(kube, in_cache(f"app:{n}"))
    wait_for(lambda: image_of(service) == "nginx:1.27", "the upstream is turned away")
    fail(kube, "nginx:1.27", why="pull access denied, authorization failed", node="node-7")
    wait_for(lambda: image_of(service) == NGINX, "it goes to the cache")
    assert image_of(service, "redis:7") == "redis:7"
    (entry,) = [each for each in turned(service)["images"] if each["to"] == "cache"]
    assert entry["image"] == "dockercache/library/nginx:1.27" and entry["class"] == "login"
    assert turned(service)["imageCount"] == 4
    assert service.metrics().value("pullthrough_fallback_images") == 3
    (line,) = service.log(OWN_FAILS)
    assert (line["image"], line["upstream"], line["node"]) == ("nginx:1.27", "docker.io", "node-7")
    assert failures(service, "login") == 0, "it isn't the cache that failed"
    fail(kube)  # nothing is won by turning it away
    follow(kube, service)
    assert image_of(service) == NGINX


def test_an_upstream_that_nodes_do_not_reach(start, kube):
    service = start({"heal": True})
    for node in ("node-1", "node-2"):
        fail(kube, why=UNREACHABLE, node=node)
    wait_for(lambda: image_of(service, "redis:7") == "redis:7", "no image goes to the cache")
    uid = kube.cluster.put(pod(image="app:0", original="app:0"))["metadata"]["uid"]
    for n in range(3):
        fail(kube, f"app:{n}", why=UNREACHABLE.replace("HOST", "registry-1.docker.io"), uid=uid)
    wait_for(lambda: image_of(service, "redis:7") == in_cache("redis:7"), "its images go there")
    assert image_of(service, "quay.io/org/app:1") == "quay.io/org/app:1"
    (line,) = service.log(UPSTREAM_AWAY)
    assert (line["upstream"], line["level"]) == ("docker.io", "warn")
    (entry,) = turned(service)["upstreams"]
    assert (entry["prefix"], entry["to"]) == ("dockercache", "cache")
    assert service.metrics().value("pullthrough_fallback_upstreams") == 0
    assert not kube.cluster.patches, "there is nothing to heal"


def test_two_nodes_without_a_way_to_the_registry_close_it(start, kube):
    service = start()
    fail(kube, why=UNREACHABLE, node="node-1")
    fail(kube, why=UNREACHABLE, node="node-2")
    image = "quay.io/org/app:1"
    wait_for(lambda: image_of(service, image) == image, "no image goes to the cache")
    assert turned(service)["registryDownSince"]
    (line,) = service.log(DOWN)
    assert line["level"] == "warn" and line["reason"] == "nodes can't reach it"
    metrics = service.metrics()
    assert metrics.value("pullthrough_registry_open") == 1
    assert (
        metrics.value("pullthrough_images_total", upstream="quay.io", outcome="registry-down") > 0
    )


def test_to_none_watches_and_turns_away_nothing(start, kube, certs, registry):
    service = start(
        {"to": "none", "probe": PROBE},
        watched=False,
        registry={"host": registry.address},
        aws={"caFile": str(certs.ca)},
    )
    wait_for(lambda: turned(service)["watch"] == "off", "it tells")
    assert turned(service)["probe"] == "off"
    reload(service, {"watch": False})  # a change of configuration later nothing has been asked
    assert registry.asked == 0 and kube.requests == []
    metrics = service.metrics()
    assert metrics.value("pullthrough_pull_watch") is None
    assert metrics.value("pullthrough_registry_open") == 0


def test_the_watch_can_be_switched_while_it_runs(start, kube):
    service = start()
    for _ in range(3):
        reload(service, {"watch": False})
        wait_for(lambda: turned(service)["watch"] == "off", "it is off")
        wait_for(lambda: service.metrics().value("pullthrough_pull_watch") is None, "no gauge")
        reload(service, {})
        wait_for(lambda: turned(service)["watch"] == "on", "it is on again")
    assert not service.log(UNWATCHED)


def test_what_comes_once_the_watch_is_off_is_not_heard(start, kube):
    """The API server hears of it a little later, and goes on until then."""
    service = start()
    reload(service, {"watch": False})
    wait_for(lambda: fail(kube) and kube.cluster.watching == 0, "the watch has ended")
    assert failures(service, "absent") == 0
    assert turned(service)["images"] == [] and image_of(service) == NGINX


def test_to_none_by_a_reload_takes_everything_back(start, kube):
    service = start()
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    reload(service, {"to": "none"})
    wait_for(lambda: image_of(service) == NGINX, "it goes to the cache")
    wait_for(lambda: turned(service)["watch"] == "off", "nothing is watched")
    assert turned(service)["images"] == []


def test_a_reload_keeps_what_is_known(start, kube):
    """But of an upstream that went, or is another one below the same prefix."""
    ours = [{"registry": "quay.io", "prefix": "one"}, {"registry": "ghcr.io", "prefix": "two"}]
    service = start(upstreams=ours)
    for name in ("one/a:1", "two/a:1"):
        fail(kube, f"{HOST}/{name}")
    images = {"quay.io/a:1", "ghcr.io/a:1"}

    def kept():
        return {image for image in images if image_of(service, image) == image}

    wait_for(lambda: kept() == images, "both are turned away from the cache")
    more = [{"registry": "registry.k8s.io", "prefix": "three"}, *reversed(ours)]
    reload(service, {"remember": "20m"}, upstreams=more)
    follow_k8s = f"{HOST}/three/sentinel:1"
    wait_for(lambda: image_of(service, "registry.k8s.io/sentinel:1") == follow_k8s, "it is in use")
    fail(kube, follow_k8s)
    wait_for(lambda: image_of(service, "registry.k8s.io/sentinel:1")[:3] == "reg", "it is heard")
    assert kept() == images
    other = [{"registry": "public.ecr.aws", "prefix": "two"}, ours[0]]
    reload(service, {}, upstreams=other)
    wait_for(lambda: turned(service)["imageCount"] == 1, "the others are forgotten")
    assert image_of(service, "quay.io/a:1") == "quay.io/a:1"


def test_a_reload_does_not_close_a_registry_that_is_down(probing, certs, registry):
    service = probing()
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")
    registry.way = "silent"
    since = wait_for(lambda: turned(service)["registryDownSince"], "it is down")
    reload(
        service,
        {"probe": PROBE, "remember": "20m"},
        registry={"host": registry.address},
        aws={"caFile": str(certs.ca)},
    )
    registry.probed()
    assert turned(service)["registryDownSince"] == since and turned(service)["probe"] == "failing"
    assert image_of(service) == "nginx:1.27" and not service.log(BACK)


# The API server


def test_a_watch_that_is_forbidden_is_said_once(start, kube):
    kube.denied = {"watch events"}
    service = start(watched=False)
    wait_for(lambda: turned(service)["watch"] == "forbidden", "it tells")
    (line,) = service.log(UNWATCHED)
    assert line["level"] == "warn"
    assert "may not watch events" in line["problem"] and "is forbidden" in line["problem"]
    assert service.metrics().value("pullthrough_pull_watch") == 0
    assert image_of(service) == NGINX and service.ready()[0] == 200
    reload(service, {"remember": "20m"})
    assert turned(service)["watch"] == "forbidden" and len(service.log(UNWATCHED)) == 1


def test_rights_that_are_taken_away_while_it_watches(start, kube):
    service = start()
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    kube.denied = {"watch events"}
    kube.cluster.cut()
    wait_for(lambda: turned(service)["watch"] == "forbidden", "it tells")
    assert len(service.log(UNWATCHED)) == 1
    assert image_of(service) == "nginx:1.27", "what was heard is forgotten"
    assert service.metrics().value("pullthrough_pull_watch") == 0


def test_outside_of_a_cluster_it_is_quiet(start):
    service = start(watched=False, environ={})
    wait_for(lambda: turned(service)["watch"] == "broken", "it tells")
    (line,) = service.log(UNWATCHED)
    assert line["level"] == "info" and "KUBERNETES_SERVICE_HOST is not set" in line["problem"]
    assert [each for each in service.log() if each["level"] in ("warn", "error")] == []
    assert image_of(service) == NGINX


def test_healing_outside_of_a_cluster_is_a_mistake(start):
    service = start({"heal": True}, watched=False, environ={})
    line = service.wait_log(UNHEALED)
    assert line["level"] == "warn" and "KUBERNETES_SERVICE_HOST is not set" in line["problem"]


def test_an_api_server_that_comes_later(start, kube):
    kube.go_away()
    service = start(watched=False)
    wait_for(lambda: turned(service)["watch"] == "broken", "it tells")
    assert service.metrics().value("pullthrough_pull_watch") == 0
    kube.come_back()
    wait_for(lambda: turned(service)["watch"] == "on", "it watches")
    assert len(service.log(UNWATCHED)) == 1
    (line,) = service.log(WATCHED)
    assert line["before"] == "broken"
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_watch_that_is_cut_goes_on(start, kube, forgotten):
    """410 Gone: from the beginning."""
    service = start()
    follow(kube, service)
    asked = len(kube.cluster.asked)
    with kube.lock:
        if forgotten:
            fail(kube, in_cache("later:1"))
            kube.cluster.forget()
        kube.cluster.cut()
    wait_for(lambda: len(kube.cluster.asked) > asked + forgotten, "it watches again")
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    assert kube.cluster.asked[asked] is not None, "it goes on where it was"
    assert (None in kube.cluster.asked[asked:]) == forgotten
    if forgotten:
        assert image_of(service, "later:1") == "later:1"
    assert not service.log(UNWATCHED) and len(service.log(WATCHED)) == 1


def test_what_is_told_again_is_counted_once(start, kube):
    """All that is there comes first, by the Events' names; versions go up and down."""
    for n in range(20):
        fail(kube, in_cache(f"app:{n}"), name=f"web-{(n * 7) % 20:02}")
    service = start()
    follow(kube, service, name="zz")
    assert failures(service, "absent") == 21
    with kube.lock:
        kube.cluster.cut()
        fail(kube, in_cache("meanwhile:1"), name="aa")
        kube.cluster.forget()
    wait_for(lambda: kube.cluster.asked.count(None) == 2, "it begins anew")
    follow(kube, service, "another:1", name="zzz")
    assert failures(service, "absent") == 23


# Events that lie


def test_lines_that_are_no_failed_pull_of_ours(start, kube):
    service = start({"heal": True})
    kube.cluster.put(pod())
    lies = [
        {"metadata": {"name": "x", "namespace": "elsewhere"}},
        {"reason": "Failing"},
        {"type": "Normal"},
        {"source": {"component": "scheduler"}},
        {"involvedObject": {"kind": "Node", "namespace": "shop", "name": "web-0"}},
        {"involvedObject": "a text"},
        {"message": "Failed to pull image"},
        {"message": 'Failed to pull image "registry.example/nginx:1.27": not found'},
        {"message": f'Failed to pull image "{HOST}/dockercache/nginx 1.27": not found'},
        {"message": f'Failed to pull image "{HOST}/elsewhere/nginx:1.27": not found'},
        {"message": ["Failed"]},
    ]
    for n, lie in enumerate(lies):
        fail(kube)
        with kube.lock:  # another one instead
            _, text = kube.cluster.lines.pop()
            line = json.loads(text)
            line["object"].update(lie)
            line["object"]["metadata"]["resourceVersion"] = str(kube.cluster.version)
            kube.cluster.say_text(json.dumps(line))
    fail(kube, lastTimestamp="yesterday", name="nobody")  # of 1970
    with kube.lock:
        text = kube.cluster.lines[-1][1]
        kube.cluster.lines.pop()
        for other in (text.replace("ADDED", "DELETED"), text[:-3], "[]", "null", "", "{" * 5000):
            kube.cluster.say_text(other)
    fail(kube, lastTimestamp="yesterday", name="nobody")
    wait_for(lambda: failures(service, "absent") == 1, "only the last one is one")
    wait_for(lambda: kube.count("get pods"), "which is a reason to look")
    follow(kube, service)
    assert turned(service)["imageCount"] == 1 and image_of(service) == NGINX
    assert not kube.cluster.patches
    assert unheard(service, "malformed") == 5, "all that is no line of a watch"


def test_a_message_of_64_kib(start, kube):
    service = start()
    fail(kube, why=STATUS + "403 Forbidden" + "\u0001" * 65000)  # six bytes each in JSON
    fail(kube, in_cache("long:1"), why=STATUS + "403 Forbidden" + "x" * 65000)
    wait_for(lambda: image_of(service, "long:1") == "long:1", "that one fits")
    assert image_of(service) == NGINX, "a line over the bound is passed over"
    assert unheard(service, "too-long") == 1


def resident_kib(service):
    text = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])


def test_a_flood_of_events(start, kube, build_dir):
    short = {"ASAN_OPTIONS": "quarantine_size_mb=1"}  # what was freed would be kept
    service = start({"heal": True}, environ={**kube.environ(), **short})

    def flood(n):
        with kube.lock:  # in one piece
            for i in range(n):
                fail(kube, in_cache(f"app-{i % 5000}:{i}"), name=f"web-{i}", uid=f"uid-{i}")

    first = window()
    flood(2000)
    wait_for(lambda: failures(service, "absent") == 2000, "they are heard")
    before = resident_kib(service)
    flood(20000)
    with service.webhook() as client:
        while failures(service, "absent") < 22000:
            assert client.mutate(review("quay.io/org/app:1")).images(), "it still answers"
            assert service.get("/healthz").status == 200
    grown = resident_kib(service) - before
    print(f"22,000 failed pulls: {before} KiB resident, {grown:+} KiB by the last 20,000")
    cache = (build_dir / "CMakeCache.txt").read_text()
    plain = "PULLTHROUGH_SANITIZE:STRING=\n" in cache
    assert grown < (2 if plain else 32) * 1024
    assert turned(service)["imageCount"] == 512 and len(turned(service)["images"]) == 50
    assert healed_by(service, "dropped") > 15000  # the others had a look each, or wait for it
    wait_for(lambda: unheard(service, "no-room") >= 20000 - 512, "the others are counted")
    assert len(service.log(FAILS)) <= BURST * (1 + window() - first)
    assert service.log(FAILS)[-1]["suppressed"] >= 0
    assert not kube.cluster.patches


def test_a_clock_that_jumps(start, kube, wall_clock):
    """What was heard stays as long as it would have; what is heard next counts from the new time."""
    service = start(environ={**kube.environ(), **wall_clock.environment})
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    wall_clock.put_forward(DAY_S)
    fail(kube, in_cache("old:1"))  # of a node whose clock doesn't jump: of yesterday
    there = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + DAY_S))
    fail(kube, in_cache("redis:7"), lastTimestamp=there)
    wait_for(lambda: image_of(service, "redis:7") == "redis:7", "it is turned away, too")
    assert image_of(service) == "nginx:1.27"
    assert image_of(service, "old:1") == in_cache("old:1")
    assert turned(service)["images"][-1]["since"][:10] == there[:10]


def test_an_event_of_the_future(start, kube):
    """It would be new for ever."""
    service = start()
    fail(kube, lastTimestamp="9999-12-31T23:59:59Z")
    follow(kube, service)
    assert image_of(service) == NGINX and turned(service)["imageCount"] == 1


def test_names_that_are_none_are_not_asked_for(start, kube):
    """Nor are they told one by one."""
    service = start({"heal": True})
    for n in range(40):
        fail(kube, name=f"../secrets/{n}")
    fail(kube, namespace="../x")
    fail(kube, name="")
    fail(kube, in_cache("last:1"), name="last")
    wait_for(lambda: healed_by(service, "failed") > 30, "most are looked at")
    assert 0 < len(service.log(ONE_UNHEALED)) <= 20
    assert all("name" in line["problem"] for line in service.log(ONE_UNHEALED))
    assert set(kube.requests) <= {"watch events", "get pods"}
    assert kube.count("get pods") <= 1


# Stuck pods


def test_a_stuck_pod_is_healed(start, kube):
    service = start({"heal": True})
    uid = kube.cluster.put(pod())["metadata"]["uid"]
    fail(kube, uid=uid)
    wait_for(lambda: kube.cluster.created, "it is healed, and said so")
    healed = kube.cluster.pods["shop", "web-0"]
    assert healed["spec"]["containers"][0]["image"] == "nginx:1.27"
    assert healed["metadata"]["annotations"][SWITCH] == "disabled"
    assert json.loads(healed["metadata"]["annotations"][HEALED]) == {"containers/web": NGINX}
    (event,) = kube.cluster.created
    assert event["reason"] == "PulledFromUpstream" and event["involvedObject"]["uid"] == uid
    assert len(kube.cluster.patches) == 1
    line = service.wait_log("pod healed")
    assert (line["namespace"], line["name"], line["container"]) == ("shop", "web-0", "web")
    assert (line["image"], line["now"], line["class"]) == (NGINX, "nginx:1.27", "absent")
    assert healed_by(service, "healed") == 1


def test_of_two_containers_the_one_that_fails(start, kube):
    start({"heal": True})
    sick = pod()
    sick["spec"]["containers"].append({"name": "side", "image": in_cache("redis:7")})
    sick["status"]["containerStatuses"].append(
        {"name": "side", "started": True, "state": {"running": {}}}
    )
    sick["metadata"]["annotations"][ORIGINALS] = json.dumps(
        {"containers/web": "nginx:1.27", "containers/side": "redis:7"}
    )
    uid = kube.cluster.put(sick)["metadata"]["uid"]
    fail(kube, in_cache("redis:7"), container="side", uid=uid)  # it runs by now
    fail(kube, uid=uid)
    wait_healed(kube)
    wait_for(lambda: kube.cluster.created, "said so")
    assert image_in_cluster(kube, container=1) == in_cache("redis:7")
    assert len(kube.cluster.patches) == 1


def test_an_init_container(start, kube):
    start({"heal": True})
    sick = pod(reason="PodInitializing")
    sick["spec"]["initContainers"] = [{"name": "setup", "image": NGINX}]
    sick["status"]["initContainerStatuses"] = [status_of("setup", NGINX, "ErrImagePull")]
    sick["metadata"]["annotations"][ORIGINALS] = json.dumps({"initContainers/setup": "nginx:1.27"})
    uid = kube.cluster.put(sick)["metadata"]["uid"]
    fail(kube, uid=uid, involvedObject={
        "kind": "Pod", "namespace": "shop", "name": "web-0", "uid": uid,
        "fieldPath": "spec.initContainers{setup}",
    })
    wait_for(
        lambda: image_in_cluster(kube, section="initContainers") == "nginx:1.27", "it is healed"
    )
    assert image_in_cluster(kube) == NGINX


def test_a_status_that_lags_behind(start, kube):
    service = start({"heal": True})
    uid = kube.cluster.put(pod(reason="ContainerCreating"))["metadata"]["uid"]
    fail(kube, uid=uid)
    wait_for(lambda: kube.count("get pods") >= 2, "it is looked at again")
    assert not kube.cluster.patches
    with kube.lock:
        late = pod(reason="ErrImagePull")
        late["metadata"]["uid"] = uid
        kube.cluster.put(late)
    wait_healed(kube)
    assert healed_by(service, "failed") == 0


def test_a_race_that_is_lost(start, kube):
    """The pod changes between the look and the patch: the next look shows to what."""

    def change(namespace, name):
        kube.cluster.before_patch = None
        changed = copy.deepcopy(kube.cluster.pods[namespace, name])
        changed["metadata"]["labels"] = {"by": "somebody"}
        kube.cluster.put(changed)

    service = start({"heal": True})
    kube.cluster.before_patch = change
    fail(kube, uid=kube.cluster.put(pod())["metadata"]["uid"])
    wait_healed(kube)
    assert kube.count("patch pods") == 2 and len(kube.cluster.patches) == 1
    assert kube.cluster.pods["shop", "web-0"]["metadata"]["labels"] == {"by": "somebody"}
    wait_for(lambda: healed_by(service, "healed") == 1, "it is counted")
    assert healed_by(service, "failed") == 0


@pytest.mark.parametrize("denied", ["get pods", "patch pods"])
def test_a_right_that_is_missing_is_said_once(start, kube, denied):
    service = start({"heal": True})
    kube.denied = {denied}
    for n in range(3):
        uid = kube.cluster.put(pod(name=f"web-{n}"))["metadata"]["uid"]
        fail(kube, name=f"web-{n}", uid=uid)
    wait_for(lambda: healed_by(service, "denied") == 3, "all were tried")
    (line,) = service.log(UNHEALED)
    assert line["level"] == "warn" and f"may not {denied}/web-" in line["problem"]
    assert line["namespace"] == "shop" and line["name"] in ("web-0", "web-1", "web-2")
    assert image_of(service) == "nginx:1.27" and not service.log(ONE_UNHEALED)
    kube.denied = set()
    fail(kube, uid=kube.cluster.pods["shop", "web-0"]["metadata"]["uid"])
    wait_healed(kube)


def test_a_patch_whose_answer_is_lost(start, kube):
    """It was carried out: the next look finds and tells that."""
    service = start({"heal": True})
    kube.lost = {"patch pods"}
    fail(kube, uid=kube.cluster.put(pod())["metadata"]["uid"])
    line = service.wait_log("pod healed")
    assert (line["image"], line["now"], line["class"]) == (NGINX, "nginx:1.27", "absent")
    wait_for(lambda: kube.cluster.created, "it is said")
    assert NGINX in kube.cluster.created[0]["message"]
    assert kube.cluster.created[0]["reason"] == "PulledFromUpstream"
    assert healed_by(service, "healed") == 1 and healed_by(service, "failed") == 1
    assert len(kube.cluster.patches) == 1 and len(kube.cluster.created) == 1


def test_rights_that_come_and_go_are_not_told_each_time(start, kube):
    service = start({"heal": True})
    refused = []

    def refuse(namespace, name):
        if name.startswith("no"):
            refused.append(name)
            raise Refusal(403, "denied by a policy")

    kube.cluster.before_patch = refuse
    for n in range(8):
        for name, seen in (
            (f"no-{n}", lambda: len(refused) == n + 1),
            (f"yes-{n}", lambda: image_in_cluster(kube, f"yes-{n}") == "nginx:1.27"),
        ):
            fail(kube, name=name, uid=kube.cluster.put(pod(name=name))["metadata"]["uid"])
            wait_for(seen, "it is refused, then healed")
    wait_for(lambda: healed_by(service, "denied") == 8, "all are counted")
    assert len(service.log(UNHEALED)) < 6, "one each ten seconds"
    assert all(line["name"].startswith("no-") for line in service.log(UNHEALED))


def test_an_event_that_may_not_be_written(start, kube):
    service = start({"heal": True})
    kube.denied = {"create events"}
    fail(kube, uid=kube.cluster.put(pod())["metadata"]["uid"])
    line = service.wait_log("an event was not written")
    assert "may not create events" in line["problem"]
    assert image_in_cluster(kube) == "nginx:1.27" and healed_by(service, "healed") == 1


def of_many_containers(n):
    """A pod that is stuck by each of them."""
    sick = pod()
    names = [f"c{i}" for i in range(n)]
    sick["spec"]["containers"] = [{"name": name, "image": NGINX} for name in names]
    sick["status"]["containerStatuses"] = [status_of(name, NGINX) for name in names]
    originals = {f"containers/{name}": "nginx:1.27" for name in names}
    sick["metadata"]["annotations"][ORIGINALS] = json.dumps(originals)
    return sick


def test_a_pod_of_many_containers_is_told_of_by_a_few_events(start, kube):
    """All others wait while an event is written."""
    service = start({"heal": True})
    uid = kube.cluster.put(of_many_containers(100))["metadata"]["uid"]
    fail(kube, container="c7", uid=uid)
    wait_healed(kube)
    fail(kube, name="next", uid=kube.cluster.put(pod(name="next"))["metadata"]["uid"])
    wait_healed(kube, "next")
    assert {image_in_cluster(kube, container=i) for i in range(100)} == {"nginx:1.27"}
    assert len(service.log("pod healed")) >= 100
    assert len([e for e in kube.cluster.created if e["involvedObject"]["name"] == "web-0"]) == 8


def test_after_an_event_that_was_not_written_no_other_one_is(start, kube):
    service = start({"heal": True})
    kube.denied = {"create events"}
    uid = kube.cluster.put(of_many_containers(3))["metadata"]["uid"]
    fail(kube, container="c1", uid=uid)
    wait_for(lambda: len(service.log("pod healed")) == 3, "all three are healed")
    fail(kube, name="next", uid=kube.cluster.put(pod(name="next"))["metadata"]["uid"])
    wait_healed(kube, "next")
    wait_for(lambda: kube.count("create events") >= 2, "of the next one, too")
    assert kube.count("create events") == 2


@pytest.mark.parametrize("gone", ["pod", "uid", "image"])
def test_a_pod_that_is_another_one_by_now(start, kube, gone):
    service = start({"heal": True})
    if gone == "uid":
        kube.cluster.put(pod())
    if gone == "image":
        kube.cluster.put(pod(image=in_cache("redis:7"), original="redis:7"))
    uid = kube.cluster.pods["shop", "web-0"]["metadata"]["uid"] if gone == "image" else "of-before"
    fail(kube, uid=uid)
    wait_for(lambda: kube.count("get pods"), "it is looked at")
    uid = kube.cluster.put(pod(name="web-1"))["metadata"]["uid"]
    fail(kube, name="web-1", uid=uid)
    wait_healed(kube, "web-1")
    assert [name for _, name, _ in kube.cluster.patches] == ["web-1"]
    assert healed_by(service, "failed") == 0


def test_a_namespace_of_lies_keeps_no_other_waiting(start, kube):
    service = start({"heal": True})
    for n in range(1100):
        fail(kube, namespace="bad", name="web", uid=f"lie-{n}")
    fail(kube, uid=kube.cluster.put(pod())["metadata"]["uid"])
    wait_healed(kube)
    assert kube.count("get pods") < 550
    wait_for(lambda: healed_by(service, "dropped") > 0, "some had no room")


def ago(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def test_a_pull_that_may_have_begun_again(start, kube):
    """Its node waits longer after each failure."""
    service = start({"heal": True})
    for name, count in (("web-0", 2), ("web-1", 4)):
        uid = kube.cluster.put(pod(name=name))["metadata"]["uid"]
        fail(kube, name=name, uid=uid, why=UNREACHABLE, lastTimestamp=ago(40), count=count)
    wait_healed(kube, "web-1")
    assert healed_by(service, "stale") == 1 and kube.count("get pods") == 1
    fail(kube, uid=kube.cluster.pods["shop", "web-0"]["metadata"]["uid"], why=UNREACHABLE)
    wait_healed(kube, "web-0")


def opted_out(sick):
    sick["metadata"]["annotations"][SWITCH] = "disabled"


def lying(sick):
    """An image that the rule set would not have put there."""
    sick["metadata"]["annotations"][ORIGINALS] = json.dumps({"containers/web": "evil:1"})


def lying_about_a_heal(sick):
    sick["metadata"]["annotations"][HEALED] = json.dumps({"containers/web": ""})


def without_originals(sick):
    del sick["metadata"]["annotations"][ORIGINALS]


def running(sick):
    sick["status"]["containerStatuses"] = [
        {"name": "web", "started": True, "state": {"running": {}}}
    ]


@pytest.mark.parametrize(
    "change", [opted_out, lying, lying_about_a_heal, without_originals, running]
)
def test_a_pod_that_must_stay_as_it_is(start, kube, change):
    service = start({"heal": True}, log={"level": "debug"})
    sick = pod()
    change(sick)
    fail(kube, uid=kube.cluster.put(sick)["metadata"]["uid"])
    line = service.wait_log("a pod is left as it is")
    assert line["reason"] == {
        opted_out: "opted-out",
        lying: "not-rewritten",
        lying_about_a_heal: "done-before",
        without_originals: "no-original",
        running: "running",
    }[change]
    assert kube.count("patch pods") == 0


def test_without_heal_a_pod_is_not_even_read(start, kube):
    service = start()
    kube.cluster.put(pod())
    fail(kube)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    assert set(kube.requests) == {"watch events"}


def test_healing_that_is_switched_on_while_it_runs(start, kube):
    service = start()
    uid = kube.cluster.put(pod())["metadata"]["uid"]
    fail(kube, uid=uid)
    wait_for(lambda: image_of(service) == "nginx:1.27", "it is turned away from the cache")
    reload(service, {"heal": True})

    def told_again():
        fail(kube, uid=uid)
        return kube.cluster.patches

    wait_for(told_again, "it is healed")
    reload(service, {"heal": False})
    kube.cluster.put(pod(name="web-1"))
    fail(kube, name="web-1")
    follow(kube, service)
    assert len(kube.cluster.patches) == 1


@pytest.mark.parametrize("when", ["patch pods", "create events"])
def test_a_reload_does_not_cut_a_heal_short(start, kube, when):
    service = start({"heal": True})
    taken = []

    def before_write(verb, kind):
        if f"{verb} {kind}" == when and not taken:
            taken.append(True)
            reload(service, {"heal": True, "remember": "20m"})

    kube.before_write = before_write
    fail(kube, uid=kube.cluster.put(pod())["metadata"]["uid"])
    wait_for(lambda: kube.cluster.created, "it is healed, and said so")
    wait_for(lambda: healed_by(service, "healed") == 1, "it is counted")
    assert len(kube.cluster.patches) == 1
    assert not service.log(ONE_UNHEALED) and not service.log("an event was not written")


def test_two_replicas_heal_a_pod_once(start, kube):
    replicas = [start({"heal": True}, watched=False) for _ in range(2)]
    wait_for(lambda: kube.cluster.watching == 2, "both watch")
    for n in range(6):
        uid = kube.cluster.put(pod(name=f"web-{n}"))["metadata"]["uid"]
        fail(kube, name=f"web-{n}", uid=uid)
    wait_for(lambda: kube.count("get pods") >= 12, "both have looked")
    wait_for(lambda: len(kube.cluster.created) == 6, "each is told once")
    wait_for(lambda: sum(healed_by(each, "healed") for each in replicas) == 6, "and counted once")
    assert sorted(name for _, name, _ in kube.cluster.patches) == [f"web-{n}" for n in range(6)]
    assert all(healed_by(each, "failed") == 0 for each in replicas)


# The probe


def test_a_registry_that_answers_and_then_does_not(probing, registry):
    service = probing()
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")
    image = in_cache("nginx:1.27", registry.address)
    assert image_of(service) == image
    registry.way = 503
    wait_for(lambda: image_of(service) == "nginx:1.27", "no image goes to the cache")
    assert turned(service)["probe"] == "failing" and turned(service)["registryDownSince"]
    (line,) = service.log(DOWN)
    assert "503" in line["reason"] and service.metrics().value("pullthrough_registry_open") == 1
    registry.way = "silent"
    registry.probed()
    registry.way = 401
    wait_for(lambda: turned(service)["probe"] == "good", "it answers again")
    assert image_of(service) == "nginx:1.27", "one answer is not enough"
    assert len(service.log(DOWN)) == 1 and not service.log(BACK)


def test_one_namespace_does_not_close_a_registry_that_answers(probing, kube, registry):
    service = probing()
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")

    def unreachable(n, namespace, repository):
        image = f"{registry.address}/{repository}:{n}"
        fail(kube, image, UNREACHABLE, namespace, node=f"node-{n}")
        name = image.partition("/")[2]
        wait_for(lambda: name in [each["image"] for each in turned(service)["images"]], "heard")

    for n, repository in enumerate(["dockercache/library/a", "quaycache/org/b", "ghcrcache/org/c"]):
        unreachable(n, "evil", repository)
    assert not turned(service)["registryDownSince"]
    unreachable(3, "shop", "dockercache/library/d")
    wait_for(lambda: turned(service)["registryDownSince"], "another one says so, too")


def test_a_registry_that_falls_silent(probing, registry):
    service = probing()
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")
    registry.way = "silent"
    wait_for(lambda: image_of(service) == "nginx:1.27", "no image goes to the cache")
    (line,) = service.log(DOWN)
    assert "timed out" in line["reason"].lower() or "timeout" in line["reason"].lower()


def test_a_registry_that_never_answered_turns_nothing_away(probing, registry):
    """Nobody knows whether that is the cache's fault or the way's from here."""
    registry.way = 503
    service = probing()
    wait_for(lambda: registry.asked >= 5, "it is probed")
    assert turned(service)["probe"] == "unanswered"
    assert image_of(service) == in_cache("nginx:1.27", registry.address)
    (line,) = service.log(UNANSWERED)
    assert line["level"] == "warn" and "503" in line["problem"]
    registry.way = 401
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")


def test_a_way_to_the_registry_that_is_changed_for_a_wrong_one(probing, certs, registry):
    """The cache is as well as before: nobody but us can't ask it."""
    service = probing()
    wait_for(lambda: turned(service)["probe"] == "good", "it answers")
    reload(
        service,
        {"probe": PROBE},
        registry={"host": registry.address},
        aws={"caFile": str(certs.rsa.cert)},
    )
    assert "certificate" in service.wait_log(UNANSWERED)["problem"]
    wait_for(lambda: turned(service)["probe"] == "unanswered", "it tells")
    registry.handshakes = 0
    wait_for(lambda: registry.handshakes >= 4, "it is probed again and again")
    assert image_of(service) == in_cache("nginx:1.27", registry.address)
    assert len(service.log(UNANSWERED)) == 1 and not service.log(DOWN)


# The end


def test_the_end_does_not_wait_for_a_watch(start, kube):
    service = start()
    service.end()
    assert not service.log(UNWATCHED)


def test_the_end_does_not_wait_for_a_probe(start, certs, registry):
    """One that times out is told, one that is cut short isn't."""
    registry.way = "silent"
    service = start(
        {"probe": {"interval": "1m", "timeout": "10s"}},
        watched=False,
        registry={"host": registry.address},
        aws={"caFile": str(certs.ca)},
    )
    wait_for(lambda: registry.asked, "it probes")
    service.end()
    assert not service.log(UNANSWERED)


def test_the_end_does_not_wait_for_a_heal(start, kube):
    service = start({"heal": True})
    uid = kube.cluster.put(pod())["metadata"]["uid"]
    kube.way = "hang"
    fail(kube, uid=uid)
    wait_for(lambda: kube.count("hang"), "it asks for the pod")
    service.end()
    assert not service.log(ONE_UNHEALED) and not service.log(UNHEALED)


def test_the_end_does_not_wait_for_the_next_look(start, kube):
    service = start({"heal": True})
    fail(kube, uid=kube.cluster.put(pod(reason="ContainerCreating"))["metadata"]["uid"])
    wait_for(lambda: kube.count("get pods") >= 3, "it is looked at again and again")
    service.end()
    assert not kube.cluster.patches
