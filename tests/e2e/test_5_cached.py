"""Cached mode: a pod goes to ECR once ECR holds its image, so that no pull fails for want of an
import. The tests share a release and build on each other: what takes minutes begins early, and is
looked at when others are done."""

import concurrent.futures
import contextlib
import itertools
import json
import time

import cached_images
import faults
import kube
import pull_faults
import pytest
from cached_images import (
    filled,
    hold,
    imports,
    refusals,
    replicas,
    repository_of,
    said,
    take,
    wait_in_ecr,
    wait_upstream,
)
from installation import NAME, NAMESPACE
from layout import UPSTREAM, UPSTREAMS
from pull_faults import IMPORT
from steady import Steady
from test_5_fallback import heals, is_healed
from world import cached, is_running, until

pytestmark = pytest.mark.own
_numbers = itertools.count()
HELD = ("docker.io/library/busybox:1", "docker.io/library/nginx:1.27")  # before the mode is on
TAGGED = ("docker.io/acme/tool:3", "ghcr.io/org/app:2.4", "quay.io/prometheus/prometheus:v3.1.0",
          "registry.k8s.io/pause:3.10")  # fmt: skip
RECHECK = {"import": {"recheck": "15m", "perHour": {"quay.io": 1000}}}
FULL = (30, 1000)  # repositories, and images in each; each image counts twice
PODS, IMAGES = 500, 100


# What the tests share


@pytest.fixture(scope="module")
def upstreams(world):
    return cached_images.Upstreams(world)


def policy_of(world, installed, config):
    """What `iam webhook` prints for this configuration, in a pod of ours."""
    (pod, *_) = installed.pods()
    said = world.kubectl(
        "-n", NAMESPACE, "exec", "-i", pod["metadata"]["name"], "--",
        "pullthrough", "iam", "webhook", "--config", "/dev/stdin", stdin=json.dumps(config),
    )  # fmt: skip
    return json.loads(said.stdout)


@pytest.fixture(scope="module")
def caching(world, release):
    """The release in cached mode, with exactly the rights that `iam` prints, and healing."""
    installed, config = release.ensure(), release.config
    before = world.aws.state()
    world.aws.ask("PATCH", "state", {"repositories": {}})
    for image in HELD:
        hold(world, image)
    mode = {**config, "rewrite": {"when": "cached", "excludeTags": ["edge*"]}, **RECHECK}
    policy = policy_of(world, installed, mode)
    world.aws.ask("PATCH", "principals/webhook", {"policy": policy})
    take(installed, config=mode, fallback={"heal": True, "remember": "1m"})
    until(lambda: all(each["state"] == "on" for each in said(installed).values()), "it is on")
    yield installed
    pull_faults.forget_events(world)
    world.aws.ask("PATCH", "settings", {"upstreams": before["settings"]["upstreams"]})
    webhook = before["principals"]["webhook"]
    world.aws.ask("PATCH", "principals/webhook", {"policy": webhook["policy"], "denied": []})
    take(installed, config=config, fallback={})
    until(lambda: all(each["state"] == "off" for each in said(installed).values()), "it is off")
    installed.wait_taken()


@pytest.fixture(scope="module")
def namespace(world, caching):
    name = world.namespace("cached")
    yield name
    world.kube.ask("DELETE", world.kube.path("Pod", name, gracePeriodSeconds=0))


@pytest.fixture(scope="module")
def moved(world, caching, namespace, upstreams):
    """A pod with a tag and the digest that this tag had; meanwhile it has another one."""
    image = "ghcr.io/org/moved:1"
    pinned = f"{image}@{upstreams.push(image, 'old')}"
    upstreams.push(image, "new")
    make(world, namespace, pinned)
    return image, pinned


def make(world, namespace, *images, policy="Always", **spec):
    """A pod; what images it has then. Whatever the node has from before, it pulls them."""
    pod = kube.pod(f"web-{next(_numbers)}", *images, namespace=namespace, **spec)
    for container in pod["spec"]["containers"]:
        container["imagePullPolicy"] = policy
    made = world.kube.create(pod)
    return made["metadata"]["name"], kube.images(made)


def run(world, namespace, *images, seconds=90):
    """A pod that runs, with the images that it was made with: nothing failed on the way."""
    name, made = make(world, namespace, *images)
    pod = world.wait_running(name, namespace, seconds)
    assert kube.images(pod) == made
    assert failures(world, namespace, name) == []
    return made


def failures(world, namespace, name=None):
    return [
        each["message"] for each in world.kube.list("Event", namespace)
        if each["reason"] == "Failed" and name in (None, each["involvedObject"]["name"])
    ]  # fmt: skip


def by_digest(world, image):
    """The same one by its digest, and by both."""
    name, digest = image.rpartition(":")[0], world.digests[image]
    return f"{name}@{digest}", f"{image}@{digest}"


# What pods get


def test_the_mode_is_on(world, caching, moved):
    """What ECR held before is known; and imports are a side effect."""
    for name, cache in said(caching).items():
        assert (cache["state"], cache["problem"]) == ("on", None), name
        assert (cache["tags"], cache["digests"]) == (len(HELD), len(HELD)), name
    wait_in_ecr(caching, *HELD)
    assert caching.configuration()["webhooks"][0]["sideEffects"] == "NoneOnDryRun"
    assert not any(imports(world, image) for image in HELD)


def test_pods_of_all_registries(world, caching, namespace, figures):
    """By tag, digest and both: first from upstream, then from ECR."""
    began = time.monotonic()
    named = {image: (image, *by_digest(world, image)) for image in TAGGED}
    for images in named.values():
        assert run(world, namespace, *images) == list(images)
    for images in named.values():
        wait_in_ecr(caching, *images)
    figures.append(
        f"cached mode: {len(TAGGED)} images of {len(UPSTREAMS)} registries ran from upstream, and "
        f"all replicas knew them in ECR {time.monotonic() - began:.0f} s after the first pod"
    )
    since = world.aws.calls()[-1]["id"]
    for images in named.values():
        assert run(world, namespace, *images) == [cached(image) for image in images]
    pulled = world.aws.calls(principal="puller", since=since)
    for image in TAGGED:
        assert any(f"/{repository_of(image)}/" in each["path"] for each in pulled), image


def test_a_digest_alone_is_never_imported(world, caching, namespace, upstreams):
    """It is used once a tag brought it."""
    image = "ghcr.io/org/alone:1"
    digest = f"ghcr.io/org/alone@{upstreams.push(image)}"
    assert run(world, namespace, digest) == [digest]
    (refused, *_) = until(lambda: refusals(caching, digest), "it is refused")
    assert "import" in refused["reason"] and imports(world, image) == []


def test_dry_runs_import_nothing(world, caching, namespace, upstreams):
    dry, wet = "quay.io/org/dry:1", "quay.io/org/wet:1"
    for image in (dry, wet):
        upstreams.push(image)
    for _ in range(5):
        assert world.try_image(namespace, dry) == dry
    wait_upstream(caching, dry)
    make(world, namespace, wet, schedulerName="nobody")
    wait_in_ecr(caching, wet)
    assert imports(world, wet) and not imports(world, dry)
    assert repository_of(dry) not in world.aws.state()["repositories"]
    wait_upstream(caching, dry)


def test_tags_that_move_are_left_alone(world, caching, namespace, upstreams):
    """With `imagePullPolicy: Always` such pods get what is there now, not what was yesterday."""
    image = "ghcr.io/org/moving:edge"
    for edition in ("old", "new"):
        digest = upstreams.push(image, edition)
        name, made = make(world, namespace, image)
        assert made == [image]
        (status,) = world.wait_running(name, namespace)["status"]["containerStatuses"]
        assert status["imageID"].endswith(digest)
    assert imports(world, image) == []
    assert caching.sum('pullthrough_images_total\\{.*outcome="tag-excluded".*\\}') >= 2


def test_a_pull_that_failed_drops_its_image(world, caching, namespace):
    """What ECR lost without our knowing: the pod is healed, and what follows is not sent there."""
    image = "registry.k8s.io/pause:3.10"
    _, both = by_digest(world, image)
    wait_in_ecr(caching, both)
    before = {name: cache["digests"] for name, cache in said(caching).items()}
    world.aws.ask("DELETE", "images", {"repository": repository_of(image)})
    name, made = make(world, namespace, both)
    assert made == [cached(both)]
    pod = world.wait_running(name, namespace)
    assert kube.images(pod) == [both]
    is_healed(pod, {"containers/c0": both})
    assert len(heals(world, namespace)) == 1

    def are_dropped():
        return all(cache["digests"] < before[name] for name, cache in said(caching).items())

    until(are_dropped, "every replica has dropped it")
    wait_upstream(caching, both)
    pull_faults.forget_events(world)


# What AWS and upstreams do


@pytest.mark.parametrize("kind", ["throttle", "close"])
def test_ecr_is_away(world, caching, namespace, upstreams, kind):
    """It throttles, or says nothing: what is known goes on, and what is new waits."""
    image, known = f"quay.io/org/away-{kind}:1", TAGGED[0]
    upstreams.push(image)
    with faults.ecr_fault(caching, kind):
        assert run(world, namespace, image, known) == [image, cached(known)]
        until(lambda: any(each["problem"] for each in said(caching).values()), "it is said")
        wait_upstream(caching, image)
        wait_in_ecr(caching, known)
    wait_in_ecr(caching, image)
    until(lambda: not any(each["problem"] for each in said(caching).values()), "it is over")


@pytest.fixture(scope="module")
def lapsed(world, caching):
    """What a lifecycle policy has deleted, what it has archived, and since when it may be known."""
    gone, archived = by_digest(world, TAGGED[1])[1], by_digest(world, TAGGED[2])[1]
    wait_in_ecr(caching, gone, archived)
    world.aws.ask("DELETE", "images", {"repository": repository_of(gone)})
    world.aws.ask("PATCH", "images", {"repository": repository_of(archived), "status": "ARCHIVED"})
    config = caching.config
    config["import"]["recheck"] = "1m"  # of digests a third of it
    began = time.monotonic()
    take(caching, config=config)
    return gone, archived, began


@pytest.fixture(scope="module")
def denied(world, caching, namespace, upstreams):
    """An image that ECR did not import for us; from then on it would."""
    image = "quay.io/org/denied:1"
    upstreams.push(image)
    world.aws.ask("PATCH", "principals/webhook", {"denied": [IMPORT]})
    try:
        assert run(world, namespace, image) == [image]
        found = until(lambda: refusals(caching, image), "it is refused")
        assert run(world, namespace, image) == [image]
    finally:
        world.aws.ask("PATCH", "principals/webhook", {"denied": []})
    return image, found[0], time.monotonic()


def test_ecr_denies_imports(caching, lapsed, denied):
    """Pods run from upstream, and it is said why their images don't come."""
    image, refused, _ = denied
    assert "404" in refused["reason"] and refused["tries"] == 1
    wait_upstream(caching, image)
    pattern = 'pullthrough_imports_total\\{upstream="quay.io",outcome="(absent|refused|denied)"\\}'
    assert caching.sum(pattern) >= 1


def test_an_upstream_throttles(world, caching, namespace, upstreams):
    """Nothing is imported from there for a quarter of an hour; from others all is."""
    slow, other = "registry.k8s.io/slow:1", "quay.io/org/beside:1"
    for image in (slow, other):
        upstreams.push(image)
    known = world.aws.state()["settings"]["upstreams"]
    host = UPSTREAMS["registry.k8s.io"]
    limited = {**known, host: {**known[host], "pulls": {"limit": 0, "seconds": 3600}}}
    world.aws.ask("PATCH", "settings", {"upstreams": limited})
    try:
        assert run(world, namespace, slow) == [slow]

        def is_paused():
            prefixes = {
                each["prefix"] for one in said(caching).values() for each in one["upstreams"]
                if each["pause"] == "throttled"
            }  # fmt: skip
            return prefixes == {"k8scache"}

        until(is_paused, "its imports pause")
        assert run(world, namespace, other) == [other]
        wait_in_ecr(caching, other)
    finally:
        world.aws.ask("PATCH", "settings", {"upstreams": known})
    wait_upstream(caching, slow)


def test_an_upstream_is_away(world, caching, namespace, upstreams):
    """Pods whose images ECR holds run. Others wait for it, and are imported when it is back."""
    known, image = TAGGED[0], "quay.io/org/later:1"
    upstreams.push(image)
    wait_in_ecr(caching, known)
    reset = ("REJECT", "--reject-with", "tcp-reset")
    with pull_faults.packets(world, *reset, to="127.0.0.1", port=UPSTREAM):
        waiting, made = make(world, namespace, image)
        assert made == [image]
        assert run(world, namespace, known) == [cached(known)]
        until(lambda: failures(world, namespace, waiting), "it can't be pulled")
    world.wait_running(waiting, namespace)
    wait_in_ecr(caching, image)
    pull_faults.forget_events(world)


def test_a_lifecycle_policy_deletes_and_archives(world, caching, namespace, lapsed, figures):
    """Seen by the next listing: what is gone is imported anew, what is archived is left alone."""
    gone, archived, began = lapsed
    wait_upstream(caching, gone, archived, seconds=150)
    figures.append(
        f"cached mode: what ECR lost was known by all replicas {time.monotonic() - began:.0f} s "
        "after import.recheck became 1m"
    )
    assert run(world, namespace, gone, archived) == [gone, archived]
    wait_in_ecr(caching, gone)
    assert run(world, namespace, gone) == [cached(gone)]
    until(lambda: refusals(caching, archived), "it is not imported")
    wait_upstream(caching, archived)
    take(caching, config={**caching.config, **RECHECK})


# Many


def test_500_pods_of_100_images(world, caching, upstreams, figures):
    """Cold, by tag and digest. A part of them runs, the others are only made."""
    crowd = world.namespace("crowd")
    names = [f"quay.io/crowd/app{n % 10}:{n // 10}" for n in range(IMAGES)]
    images = [f"{name}@{upstreams.push(name)}" for name in names]
    began = time.monotonic()

    def start(number):
        image = images[number % IMAGES]
        more = {} if number < 40 else {"schedulerName": "nobody"}
        name, (made,) = make(world, crowd, image, policy="IfNotPresent", **more)
        assert made in (image, cached(image))
        return name, made == cached(image)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        cold = list(pool.map(start, range(PODS)))
        made = time.monotonic() - began
        last = {}
        for replica in replicas(caching):

            def are_there(r=replica):
                halves = (images[: IMAGES // 2], images[IMAGES // 2 :])  # as many fit its ring
                named = [each for half in halves for each in r.review(*half)]
                return sum("/quaycache/" in each for each in named) >= 0.99 * IMAGES

            until(are_there, "99 % come from ECR", 150)
            last[replica.name] = time.monotonic() - began
        warm = list(pool.map(start, range(PODS)))
        done = time.monotonic() - began
    from_ecr = [sum(comes for _, comes in each) for each in (cold, warm)]
    figures.append(
        f"cached mode: {PODS} cold pods of {IMAGES} images by tag and digest, made in {made:.0f} s, "
        f"{from_ecr[0]} of them from ECR; 99 % of new pods come from ECR {max(last.values()):.0f} s "
        f"after the first one; {from_ecr[1]} of {PODS} more did"
    )
    assert from_ecr[1] >= 0.99 * PODS, done
    for name, _ in (*cold[:40], *warm[:40]):
        world.wait_running(name, crowd, 150)
    assert failures(world, crowd) == [] and heals(world, crowd) == []
    figures.append(f"  {len(cold[:40]) * 2} of these ran: no pull failed")
    world.kube.ask("DELETE", world.kube.path("Pod", crowd, gracePeriodSeconds=0))


# What changes behind our back, and what began early


def test_what_was_denied_is_tried_again(world, caching, namespace, denied):
    """By the first pod after its minute."""
    image, _, since = denied
    until(lambda: time.monotonic() - since > 75, "its time is over")
    assert run(world, namespace, image) == [image]
    wait_in_ecr(caching, image)


def test_a_tag_that_moved(world, caching, namespace, moved):
    """What its digest names can't be imported by the tag any more. The tag alone comes from ECR."""
    image, pinned = moved
    (refused, *_) = until(lambda: refusals(caching, pinned), "it is refused", 180)
    assert refused["reason"] == "the tag 1 is another image now"
    wait_upstream(caching, pinned)
    assert run(world, namespace, pinned) == [pinned]
    assert run(world, namespace, image)[0] in (image, cached(image))
    wait_in_ecr(caching, image)


# Restarts


def readiness(world, name):
    """None if it is ready, else why not."""
    where = world.kube.path("Pod", NAMESPACE, f"{name}:8080", "proxy")
    status, _, body = world.kube.raw("GET", f"{where}/readyz")
    return None if status == 200 else body.decode().strip()


def watch_rollout(world, inst, old):
    """Until new replicas are ready, each of which knows all by then: why they weren't before, and
    the seconds that they took."""
    unready, seconds = set(), {}

    def look():
        for pod in inst.pods():
            name = pod["metadata"]["name"]
            if name in old or name in seconds or not pod["status"].get("podIP"):
                continue
            with contextlib.suppress(kube.Refused, OSError):
                if why := readiness(world, name):
                    unready.add(why)
                elif is_running(pod):
                    status = inst.status(name)
                    assert status["cached"]["state"] == "on" and status["cached"]["unlisted"] == 0
                    seconds[name] = status["uptimeSeconds"]
        return len(seconds) == inst.replicas

    until(look, "the new ones are ready", 120)
    return unready, seconds


def test_a_rolling_update_with_a_full_set(world, caching, namespace, figures):
    """A replica is ready once it knows what ECR holds; till then the old ones answer."""
    with filled(world, *FULL):
        known = HELD[1]
        wait_in_ecr(caching, known)
        old = {pod["metadata"]["name"] for pod in caching.pods()}
        with Steady(world, namespace) as load:
            load.wait_rewritten()
            world.kubectl("-n", NAMESPACE, "rollout", "restart", f"deployment/{NAME}")
            unready, seconds = watch_rollout(world, caching, old)
            caching.settle()
            load.go_on(50)
            load.all_well()
        assert "ECR's images were not listed yet" in unready
        count = FULL[0] * FULL[1]
        for name, cache in said(caching).items():
            assert cache["tags"] > count and cache["digests"] > count, name
            assert cache["evicted"] == 0 and cache["partial"] == 0
        assert run(world, namespace, known) == [cached(known)]
        memory = [
            caching.metrics(pod["metadata"]["name"])["process_resident_memory_bytes"] / 2**20
            for pod in caching.pods()
        ]
    figures.append(
        f"cached mode: a rolling update with {count} more images in {FULL[0]} repositories: "
        f"{load.made} creations, all sent to ECR; replicas ready after at most "
        f"{max(seconds.values())} s; {max(memory):.1f} MiB resident"
    )
