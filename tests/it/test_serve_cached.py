"""Cached mode: a pod goes to ECR once ECR holds its image, and until then it is imported; against
the AWS stand-in, which is the registry too, by TLS."""

import contextlib
import json
import signal
import subprocess

import pytest

import standin
from commands import ACCOUNT_VALUE
from kube_fake import KubeFake
from reconciling import running, wait_for
from status_members import documented, is_of, members
from upstream import settings_of

SECRET = "ecr-pullthroughcache/dockerio"
UPSTREAMS = [
    {"registry": "docker.io", "prefix": "dockercache"},
    {"registry": "quay.io", "prefix": "quaycache"},
]
APP = "quay.io/org/app"
LISTED = "ECR's images are listed"
REFUSED = "image is not imported, pods pull it from upstream"
PAUSED = "no images are imported for now"
LIMITED = "images of an upstream are not imported for now"
ASKED = "ECR was asked to import an image"
AGAIN = "images are imported again"
LISTS = ("DescribeRepositories", "ListImages")
UNLISTED = (503, "ECR's images were not listed yet\n")


class Images:
    """What the upstreams have: a registry each, and the digests of what is there."""

    def __init__(self, quay, hub):
        self.quay, self.hub = quay, hub
        self.digest = {}
        for tag in ("1.0", "1.1", "latest"):
            self.digest[tag] = self.quay.image("org/app", tag, f"app {tag}")["digest"]
        self.quay.image("org/other", "1.0")
        self.index, _ = self.hub.index("library/alpine", "3")
        accounts = {"somebody": ACCOUNT_VALUE["accessToken"]}
        self.settings = settings_of(quay, hub, accounts=accounts)


@pytest.fixture(scope="module", name="images")
def _images(registries):
    return Images(*registries)


@pytest.fixture
def aws(secure_standin, images):
    secure_standin.reset()
    secure_standin.set(upstreams=images.settings)
    secure_standin.secret(SECRET, value=ACCOUNT_VALUE)
    return secure_standin


@pytest.fixture(name="serve")
def _serve(program, tmp_path, certs, aws):
    """serve(rewrite={...}, ...): a running program; it must end well."""

    def start(rewrite=None, environment=None, **sections):
        folder = tmp_path / f"replica-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        endpoints = dict.fromkeys(("ecr", "sts", "secretsmanager"), aws.url)
        config = {
            "registry": {"host": aws.host},
            "aws": {"endpoint": endpoints, "caFile": str(certs.ca)},
            "upstreams": UPSTREAMS,
            "rewrite": rewrite or {"when": "cached"},
            **sections,
        }
        return running(program, folder, certs.leaf, aws, config, environment=environment)

    return start


@contextlib.contextmanager
def ready(serve, **sections):
    """Its rules are there, and what ECR holds is listed."""
    with serve(**sections) as replica:
        replica.wait_states(all="ready")
        wait_for(lambda: cached(replica)["state"] == "on", "all is listed")
        yield replica


def soon(uptime, condition, what):
    """What condition() gives once that is true, for a program whose time flies."""
    return wait_for(lambda: condition() or uptime.put_forward(5), what)


def cached(replica):
    return replica.status()["cached"]


def in_ecr(aws, image):
    """The name that an image of ours has in ECR."""
    registry, _, rest = image.partition("/")
    prefix = {"quay.io": "quaycache", "docker.io": "dockercache"}[registry]
    return f"{aws.host}/{prefix}/{rest}"


def comes_from_ecr(replica, aws, image, seconds=60):
    """Once its pods go there."""
    wanted = [in_ecr(aws, image)]
    wait_for(lambda: replica.review(image) == wanted, f"{image} comes from ECR", seconds)


def imports(aws):
    """What was asked of the registry, in order."""
    return [call["path"] for call in aws.calls(operation="GetManifest")]


def path_of(image):
    """Of a manifest, by its tag."""
    name, _, tag = image.rpartition(":")
    registry, _, rest = name.partition("/")
    prefix = {"quay.io": "quaycache", "docker.io": "dockercache"}[registry]
    return f"/v2/{prefix}/{rest}/manifests/{tag}"


def outcomes(replica, outcome, registry="quay.io"):
    labels = f'upstream="{registry}",outcome="{outcome}"'
    return replica.metric(f"pullthrough_images_total{{{labels}}}")


def imported(replica, outcome, registry="quay.io"):
    labels = f'upstream="{registry}",outcome="{outcome}"'
    return replica.metric(f"pullthrough_imports_total{{{labels}}}")


def unanswered(replica):
    """The attempts to call ECR's API that were made in vain."""
    lines = replica.get("/metrics").splitlines()
    mine = [line for line in lines if line.startswith("pullthrough_aws_requests_total")]
    return sum(float(line.rpartition(" ")[2]) for line in mine if 'outcome="no-answer"' in line)


def refusals_of(replica, image):
    return [each for each in cached(replica)["refused"] if each["image"] == image]


def refusal_of(replica, image):
    """Once it was refused."""
    return wait_for(lambda: refusals_of(replica, image), f"{image} is refused")[0]


# What a pod gets


def test_a_pod_goes_to_ecr_once_its_image_is_there(serve, aws, images):
    """By tag, without one, by digest, by both, and an index; of two registries."""
    by_tag, without, both = f"{APP}:1.0", APP, f"{APP}:1.1@{images.digest['1.1']}"
    index = "docker.io/library/alpine:3"
    with ready(serve) as replica:
        mine = [by_tag, without, both, index]
        by_digest = f"{APP}@{images.digest['1.0']}"
        assert replica.review(*mine, by_digest) == [*mine, by_digest]
        assert outcomes(replica, "not-cached") == 4
        assert outcomes(replica, "not-cached", "docker.io") == 1
        for image in mine:
            comes_from_ecr(replica, aws, image)
        # what a digest names is there since its tag was imported
        comes_from_ecr(replica, aws, by_digest)
        comes_from_ecr(replica, aws, f"docker.io/library/alpine@{images.index['digest']}")
        assert sorted(imports(aws)) == sorted(
            path_of(image) for image in (by_tag, f"{APP}:latest", f"{APP}:1.1", index)
        )
        assert imported(replica, "imported") == 3
        assert imported(replica, "imported", "docker.io") == 1
        wait_for(lambda: cached(replica)["queued"] == 0, "nothing waits")
        wait_for(lambda: replica.metric("pullthrough_import_queue") == 0, "and it is counted so")
        held = 'pullthrough_cached_images{by="tag"}'
        # of the one with both only the digest was looked for: its tag may wait for the next list
        wait_for(lambda: replica.metric(held) >= len(mine) - 1, "all are counted as held")
        assert replica.metric("pullthrough_wishes_dropped_total") == 0
        assert replica.logged(REFUSED) == replica.logged(PAUSED) == []
        assert len(replica.logged(LISTED)) == 1


def test_each_import_can_be_seen(serve, aws):
    """In the log, by who asks for details; else only what is refused."""
    none = "quay.io/org/none:1"
    with ready(serve, log={"level": "debug"}) as replica:
        assert replica.review(f"{APP}:1.0", none) == [f"{APP}:1.0", none]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        refused = refusal_of(replica, "quaycache/org/none:1")
        told = {line["image"]: line for line in replica.logged(ASKED)}
        assert told.keys() == {"quaycache/org/app:1.0", "quaycache/org/none:1"}
        imported_one, refused_one = told["quaycache/org/app:1.0"], told["quaycache/org/none:1"]
        assert imported_one["outcome"] == "imported" and imported_one["problem"] == ""
        assert refused_one["outcome"] == "absent" and refused_one["problem"] == refused["reason"]


def test_dry_runs_import_nothing(serve, aws):
    with ready(serve) as replica:
        assert replica.review(f"{APP}:1.0", dry_run=True) == [f"{APP}:1.0"]
        assert outcomes(replica, "not-cached") == 1
        comes = "quay.io/org/other:1.0"
        assert replica.review(comes) == [comes]
        comes_from_ecr(replica, aws, comes)
        assert replica.review(f"{APP}:1.0", dry_run=True) == [f"{APP}:1.0"]
        assert replica.review(comes, dry_run=True) == [in_ecr(aws, comes)]
        assert imports(aws) == [path_of(comes)]


def test_tags_that_move_can_be_left_alone(serve, aws, images):
    rewrite = {"when": "cached", "excludeTags": ["latest", "night*"]}
    with ready(serve, rewrite=rewrite) as replica:
        pinned = f"{APP}:latest@{images.digest['latest']}"
        left = [APP, f"{APP}:nightly"]
        assert replica.review(*left, pinned) == [*left, pinned]
        assert outcomes(replica, "tag-excluded") == 2
        comes_from_ecr(replica, aws, pinned)  # what its digest names can't move
        assert replica.review(*left) == left


def test_digests_alone(serve, aws, images):
    """`digests: cached` with `when: always`: tags go there at once, as ever."""
    with ready(serve, rewrite={"digests": "cached"}) as replica:
        both = f"{APP}:1.1@{images.digest['1.1']}"
        tagged = "quay.io/org/other:1.0"
        assert replica.review(tagged, both) == [in_ecr(aws, tagged), both]
        comes_from_ecr(replica, aws, both)
        assert imports(aws) == [path_of(f"{APP}:1.1")]


def test_always_asks_for_nothing(serve, aws):
    with serve(rewrite={"when": "always"}) as replica:
        replica.wait_states(all="ready")
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]
        replica.again()
        assert cached(replica)["state"] == "off" and cached(replica)["upstreams"] == []
        assert [aws.calls(operation=each) for each in LISTS] == [[], []]
        assert imports(aws) == []
        page = replica.get("/metrics")
        for name in ("pullthrough_cached_images", "pullthrough_import_queue"):
            assert f"\n{name}" not in page
        assert "\npullthrough_imports_total" not in page
        assert "\npullthrough_wishes_dropped_total 0\n" in page


def test_what_another_look_shows_waits_no_more(serve, aws, images):
    """One answer of ECR names a digest and its tags: who waited for the others is counted out."""
    names = [f"{APP}:1.0", f"{APP}@{images.digest['1.0']}"]
    import_some(serve, aws, f"{APP}:1.1")
    with ready(serve) as replica:  # the repository is listed: no list will show them
        import_some(serve, aws, names[0])
        aws.fault("slow", operation="DescribeImages", seconds=1.5)  # a report is due by then
        assert replica.review(*names) == names
        for name in names:
            comes_from_ecr(replica, aws, name)
        wait_for(lambda: cached(replica)["queued"] == 0, "nothing waits", 20)
        wait_for(lambda: replica.metric("pullthrough_import_queue") == 0, "and it is counted so")


# What ECR says


def import_some(serve, aws, *some):
    """By a replica that is gone then."""
    with ready(serve) as replica:
        assert replica.review(*some) == list(some)
        for image in some:
            comes_from_ecr(replica, aws, image)
    aws.admin("DELETE", "calls")


def test_a_restart_knows_what_ecr_holds(serve, aws):
    some = [f"{APP}:1.0", f"{APP}:1.1", "docker.io/library/alpine:3"]
    import_some(serve, aws, *some)
    with serve() as replica:
        wait_for(lambda: replica.readiness()[0] == 200, "ready")
        assert replica.review(*some) == [in_ecr(aws, each) for each in some]
        assert imports(aws) == []
        lists = {call["parameters"]["repositoryName"] for call in aws.calls(operation="ListImages")}
        assert lists == {"quaycache/org/app", "dockercache/library/alpine"}
        listed = replica.logged(LISTED)[0]
        assert listed["repositories"] == 2 and listed["tags"] == 3 and listed["level"] == "info"


def test_pages_of_both_lists(serve, aws):
    some = [f"{APP}:1.0", f"{APP}:1.1", "docker.io/library/alpine:3", "quay.io/org/other:1.0"]
    import_some(serve, aws, *some)
    aws.set(pageSize=1)
    with serve() as replica:
        wait_for(lambda: replica.readiness()[0] == 200, "ready")
        assert replica.review(*some) == [in_ecr(aws, each) for each in some]
        assert imports(aws) == []
        assert len(aws.calls(operation="DescribeRepositories")) == 3
        assert cached(replica)["repositoriesDropped"] == 0
        assert cached(replica)["tooManyRepositories"] is False


def test_a_list_without_an_end(serve, aws, images):
    """It is left at some page, which is said; what came until then is true."""
    import_some(serve, aws, f"{APP}:1.0")
    page = {"imageIds": [{"imageTag": "1.0", "imageDigest": images.digest["1.0"]}], "nextToken": "on"}
    aws.fault("body", operation="ListImages", body=json.dumps(page), times=None)
    with ready(serve) as replica:
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]
        assert cached(replica)["partial"] == 1 and cached(replica)["repositories"] == 1
        assert len(aws.calls(operation="ListImages")) == 16
        # what wasn't listed is known once it was wanted
        assert replica.review(f"{APP}:1.1") == [f"{APP}:1.1"]
        comes_from_ecr(replica, aws, f"{APP}:1.1")


def test_archived_images_are_not_there(serve, aws):
    """They are described, and can't be pulled."""
    some = [f"{APP}:1.0", f"{APP}:1.1"]
    import_some(serve, aws, *some)
    assert aws.archive("quaycache/org/app", tag="1.0") == 1
    with ready(serve) as replica:
        assert replica.review(*some) == [some[0], in_ecr(aws, some[1])]
        refused = refusal_of(replica, "quaycache/org/app:1.0")
        assert "404" in refused["reason"]
        assert replica.review(*some) == [some[0], in_ecr(aws, some[1])]
        aws.archive("quaycache/org/app", "ACTIVE", tag="1.0")


def test_what_changes_behind_our_back(serve, aws, images, uptime):
    """What a lifecycle policy took is seen by the next listing. And a tag that names another image
    than the pod's digest can't bring that; which is only judged when ECR had time for it."""
    pinned, other = f"{APP}:1.0@{images.digest['1.1']}", "quay.io/org/other:1.0"
    recheck = {"import": {"recheck": "1m"}}
    with ready(serve, environment=uptime.environment, **recheck) as replica:
        assert replica.review(pinned) == [pinned]
        comes_from_ecr(replica, aws, other)
        aws.delete_images("quaycache/org/other")
        soon(uptime, lambda: replica.review(other) == [other], "it was listed again")
        comes_from_ecr(replica, aws, other)
        moved = f"quaycache/org/app:1.0@{images.digest['1.1']}"
        (refused,) = soon(uptime, lambda: refusals_of(replica, moved), "it is refused")
        assert refused["reason"] == "the tag 1.0 is another image now"
        assert replica.review(pinned, f"{APP}:1.0") == [pinned, in_ecr(aws, f"{APP}:1.0")]
        assert sorted(imports(aws)) == sorted(map(path_of, (f"{APP}:1.0", other, other)))


def test_a_login_that_expires(serve, aws):
    """It is fetched anew."""
    with ready(serve) as replica:
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        aws.expire("logins")
        comes_from_ecr(replica, aws, f"{APP}:1.1")
        assert imported(replica, "imported") == 2
        assert replica.logged(PAUSED) == []


def test_what_nobody_has_is_refused(serve, aws):
    """Said once, with its reason; and not asked for again by the next pod."""
    with ready(serve) as replica:
        none = "quay.io/org/none:1"
        assert replica.review(none) == [none]
        refused = refusal_of(replica, "quaycache/org/none:1")
        assert "404" in refused["reason"] and refused["tries"] == 1
        assert refused["since"] < refused["until"]
        assert replica.review(none) == [none]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        assert imports(aws) == [path_of(none), path_of(f"{APP}:1.0")]
        assert cached(replica)["refusedCount"] == 1
        assert imported(replica, "absent") + imported(replica, "refused") == 1
        line = replica.logged(REFUSED)[0]
        assert line["level"] == "warn" and line["image"] == "quaycache/org/none:1"
        assert line["reason"] == refused["reason"]


def test_ecr_may_not_import(serve, aws):
    """Pods go on as without us."""
    aws.principal("operator", denied=["ecr:BatchImportUpstreamImage"])
    with ready(serve) as replica:
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        refusal_of(replica, "quaycache/org/app:1.0")
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        assert imported(replica, "imported") == 0


def test_an_upstream_that_throttles_keeps_no_other_waiting(serve, aws):
    body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]})
    aws.fault("http", service="registry", operation="GetManifest", status=429, body=body,
              contentType="application/json", times=1)  # fmt: skip
    with ready(serve) as replica:
        assert replica.review("docker.io/library/alpine:3") == ["docker.io/library/alpine:3"]

        def upstream():
            return cached(replica)["upstreams"][0]

        wait_for(lambda: upstream()["pause"] == "throttled", "it pauses")
        assert upstream()["prefix"] == "dockercache" and upstream()["queued"] == 1
        (line,) = replica.logged(LIMITED)
        assert line["level"] == "warn" and line["prefix"] == "dockercache"
        assert line["reason"] == "throttled" and "slow down" in line["problem"]
        assert 600 < line["seconds"] < 1200 and replica.logged(PAUSED) == []
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        assert imported(replica, "throttled", "docker.io") == 1
        assert len(imports(aws)) == 2 and upstream()["queued"] == 1


def test_ecr_throttles(serve, aws):
    """It is asked again, more slowly."""
    import_some(serve, aws, f"{APP}:1.0")
    aws.fault("throttle", operation="ListImages", times=2)
    with ready(serve) as replica:
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]


def test_a_look_that_ecr_calls_wrong_keeps_no_other_waiting(serve, aws):
    """What it doesn't like about one image says nothing of others."""
    body = json.dumps({"__type": "InvalidParameterException", "message": "not such a digest"})
    with ready(serve) as replica:
        aws.fault("http", operation="DescribeImages", status=400, body=body, times=1)
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        assert "not such a digest" in refusal_of(replica, "quaycache/org/app:1.0")["reason"]
        assert replica.review(f"{APP}:1.1") == [f"{APP}:1.1"]
        comes_from_ecr(replica, aws, f"{APP}:1.1")
        assert not replica.logged(PAUSED)


def test_an_upstream_that_is_away_keeps_no_other_waiting(serve, aws):
    """ECR's 503 is of that one alone."""
    body = json.dumps({"errors": [{"code": "UNAVAILABLE", "message": "could not be reached"}]})
    with ready(serve) as replica:
        aws.fault("http", service="registry", operation="GetManifest", status=503, body=body,
                  contentType="application/json", times=1)  # fmt: skip
        assert replica.review("docker.io/library/alpine:3") == ["docker.io/library/alpine:3"]
        wait_for(lambda: cached(replica)["upstreams"][0]["pause"] == "no-answer", "it pauses")
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        assert not replica.logged(PAUSED)


def test_aws_goes_away(serve, aws, uptime):
    """What is known stays; what isn't waits."""
    with ready(serve, environment=uptime.environment) as replica:
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        aws.fault("close", service="*", times=None)
        assert replica.review(f"{APP}:1.1") == [f"{APP}:1.1"]
        line = wait_for(lambda: replica.logged(PAUSED), "it pauses", 120)[0]
        assert line["reason"] == "no-answer" and line["problem"]
        problem = wait_for(lambda: cached(replica)["problem"], "it is said")
        assert problem == line["problem"]
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]
        assert cached(replica)["queued"] == 1
        assert replica.readiness()[0] == 200
        # a pause ends with another try, and only one that succeeds ends the problem
        other, before = "quay.io/org/other:1.0", unanswered(replica)
        assert replica.review(other) == [other]
        soon(uptime, lambda: unanswered(replica) > before, "it is tried again")
        assert len(replica.logged(PAUSED)) == 1 and replica.logged(AGAIN) == []
        aws.admin("DELETE", "faults")
        soon(uptime, lambda: replica.logged(AGAIN), "it goes on")
        wait_for(lambda: cached(replica)["problem"] is None, "nothing is wrong any more")
        comes_from_ecr(replica, aws, other)
        assert len(replica.logged(PAUSED)) == 1


def test_a_node_can_not_pull_what_ecr_was_known_to_hold(serve, aws, certs, tmp_path):
    """A lifecycle policy was faster: the image leaves the set."""
    watch = {"watch": True, "probe": {"interval": "0s"}, "remember": "1m"}
    with KubeFake(certs, tmp_path / "account") as kube, ready(
        serve, environment=kube.environ(), fallback=watch
    ) as replica:
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        wait_for(lambda: replica.status()["fallback"]["watch"] == "on", "it watches")
        tags = wait_for(lambda: cached(replica)["tags"], "it is told that it is there")
        aws.delete_images("quaycache/org/app")
        image = in_ecr(aws, f"{APP}:1.0")
        kube.cluster.fail_pull("demo", "web", image, f"{image}: not found")
        wait_for(lambda: replica.review(f"{APP}:1.0") == [f"{APP}:1.0"], "pods keep its name")
        wait_for(lambda: cached(replica)["tags"] == tags - 1, "it left the set")
        assert outcomes(replica, "pull-failed") > 0  # which is the reason, as long as that is so


def test_more_than_a_ring_takes(serve, aws):
    """What there is no room for is counted, and everything else is asked for."""
    flood = [f"quay.io/org/none{i}:1" for i in range(100)]
    with ready(serve) as replica:
        assert replica.review(*flood) == flood

        def known():
            now = cached(replica)
            return now["queued"] + now["refusedCount"]

        dropped = replica.metric("pullthrough_wishes_dropped_total")
        assert dropped > 0
        wait_for(lambda: known() + dropped == 100, "the others are known")
        comes_from_ecr(replica, aws, f"{APP}:1.0")


# Readiness


def test_readiness_waits_for_the_first_listing(serve, aws):
    import_some(serve, aws, f"{APP}:1.0")
    aws.fault("slow", operation="ListImages", seconds=6)
    with serve() as replica:
        wait_for(lambda: replica.readiness() == UNLISTED, "it waits for the listing")
        wait_for(lambda: replica.status()["uptimeSeconds"] >= 5, "longer than for a pass")
        assert replica.readiness() == UNLISTED
        wait_for(lambda: replica.readiness()[0] == 200, "ready")
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]


def test_readiness_does_not_wait_for_ever(serve, aws, uptime):
    aws.principal("operator", denied=["ecr:DescribeRepositories"])
    with serve(environment=uptime.environment) as replica:
        wait_for(lambda: cached(replica)["problem"], "it is denied")
        assert replica.readiness() == UNLISTED
        soon(uptime, lambda: replica.readiness()[0] == 200, "ready")
        assert replica.status()["uptimeSeconds"] >= 20
        assert cached(replica)["state"] == "listing"
        assert "DescribeRepositories" in cached(replica)["problem"]
        assert "AccessDenied" in replica.logged(PAUSED)[0]["problem"]
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]


@pytest.mark.parametrize("operation", ["ListImages", "GetManifest"])
def test_it_ends_while_ecr_is_silent(serve, aws, operation):
    import_some(serve, aws, f"{APP}:1.0")
    aws.fault("hang", service="*", operation=operation, times=None)
    with serve() as replica:
        replica.wait_states(all="ready")
        replica.review("quay.io/org/other:1.0")
        wait_for(lambda: aws.calls(operation=operation), "it asks")
        status, seconds = replica.stop()
        aws.admin("DELETE", "faults")
        replica.start()
        _, usual = replica.stop()  # as busy as this machine is
        replica.start()  # to be ended in good order
    assert status == 0
    assert seconds < usual + 10  # a call may take twenty


# Another configuration


def reload(replica, **sections):
    before = len(replica.logged("configuration loaded"))
    replica.configure(**sections)
    replica.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len(replica.logged("configuration loaded")) > before, "it is taken")


def test_another_prefix(serve, aws):
    """What ECR holds under the old one says nothing of the new one; other upstreams go on."""
    alpine = "docker.io/library/alpine:3"
    with ready(serve) as replica:
        assert replica.review(f"{APP}:1.0", alpine) == [f"{APP}:1.0", alpine]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        comes_from_ecr(replica, aws, alpine)
        reload(replica, upstreams=[UPSTREAMS[0], {"registry": "quay.io", "prefix": "newcache"}])
        replica.wait_states(all="ready")
        moved = f"{aws.host}/newcache/org/app:1.0"
        # while the new rule is made it keeps its name, and then until its image is there
        wait_for(lambda: replica.review(f"{APP}:1.0") == [moved], "it comes from the new one")
        assert replica.review(alpine) == [in_ecr(aws, alpine)]
        assert outcomes(replica, "not-cached") > 1
        assert imports(aws)[-1] == "/v2/newcache/org/app/manifests/1.0"


def test_another_registry(serve, aws):
    """What the one holds says nothing of the other."""
    with ready(serve) as replica:
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        aws.delete_images("quaycache/org/app")
        other = f"localhost:{aws.port}"
        reload(replica, registry={"host": other})
        wait_for(lambda: replica.status()["ruleSet"]["host"] == other, "it is the registry now")
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        moved = [f"{other}/quaycache/org/app:1.0"]
        wait_for(lambda: replica.review(f"{APP}:1.0") == moved, "it comes from the other one")
        assert len(replica.logged(LISTED)) == 2


def test_a_prefix_that_is_another_upstreams_now(serve, aws):
    """Nothing is known of it any more."""
    swapped = [{"registry": "docker.io", "prefix": "newcache"},
               {"registry": "quay.io", "prefix": "dockercache"}]  # fmt: skip
    with ready(serve) as replica:
        comes_from_ecr(replica, aws, "docker.io/library/alpine:3")
        wait_for(lambda: cached(replica)["tags"] > 0, "it is told")
        reload(replica, upstreams=swapped)
        wait_for(
            lambda: [each["prefix"] for each in cached(replica)["upstreams"]]
            == ["newcache", "dockercache"],
            "it is reported",
        )
        image = "quay.io/library/alpine:3"
        assert replica.review(image) == [image]


def test_the_mode_is_turned_on_and_off(serve, aws):
    with serve(rewrite={"when": "always"}) as replica:
        replica.wait_states(all="ready")
        assert replica.review(f"{APP}:1.0") == [in_ecr(aws, f"{APP}:1.0")]
        reload(replica, rewrite={"when": "cached"})
        wait_for(lambda: replica.review(f"{APP}:1.0") == [f"{APP}:1.0"], "it is not there yet")
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        reload(replica, rewrite={"when": "always"})
        wait_for(lambda: replica.review(f"{APP}:1.1") == [in_ecr(aws, f"{APP}:1.1")], "at once")
        wait_for(lambda: cached(replica)["state"] == "off", "it is off")
        assert imports(aws) == [path_of(f"{APP}:1.0")]


# What is said


def test_the_document_has_every_member_of_the_status(serve, aws):
    """All but `cached` is compared by test_serve_self.py."""
    kinds = {path: kind for path, kind in documented().items() if path.startswith("cached.")}
    assert len(kinds) > 15
    with ready(serve) as replica:
        none = "quay.io/org/none:1"
        assert replica.review(none) == [none]
        refusal_of(replica, "quaycache/org/none:1")
        said = [each for each in members(replica.status()) if each[0].startswith("cached.")]
        assert {path for path, _ in said} == kinds.keys()
        assert [(path, value) for path, value in said if not is_of(kinds[path], value)] == []


def test_the_page_says_what_ecr_holds(serve, aws, chromium, pictures):
    with ready(serve, fallback={"watch": False, "probe": {"interval": "5s"}}) as replica:
        none = "quay.io/org/none:1"
        assert replica.review(none) == [none]
        refused = refusal_of(replica, "quaycache/org/none:1")
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        wait_for(lambda: replica.status()["fallback"]["probe"] == "good", "it is probed")
        wait_for(lambda: cached(replica)["digests"], "it is listed")
        aws.fault("throttle", service="ecr", times=None)
        replica.review("quay.io/org/other:1.0")
        wait_for(lambda: cached(replica)["problem"], "nothing is imported")
        for width in (1280, 390):
            with chromium.page(f"http://{replica.status_port}/", width, 844) as page:
                page.screenshot(pictures / f"cached-{width}-light.png")
                text = " ".join(page.text().split())
                assert page.look("document.documentElement.scrollWidth") <= width
        said = cached(replica)
        for part in (
            "ECR can't be asked for images now", said["problem"],
            f"{said['tags']} tag, {said['digests']} digest in {said['repositories']} repository",
            "Imports 1 image to come", f"Not imported 1 image quaycache/org/none:1 {refused['reason']}",
            "Registry answers probes", "Failed pulls of nodes not watched",
        ):  # fmt: skip
            assert part in text, part


# What the policy of `pullthrough iam webhook` is worth

FILLING = (
    "ecr:GetAuthorizationToken",
    "ecr:DescribeRepositories",
    "ecr:ListImages",
    "ecr:DescribeImages",
    "ecr:BatchGetImage",
    "ecr:BatchImportUpstreamImage",
    "ecr:CreateRepository",
)


def webhook_policy(program, tmp_path, without=None):
    """As printed for who makes rules elsewhere, less one action."""
    config = tmp_path / "iam.yaml"
    config.write_text(json.dumps({
        "upstreams": UPSTREAMS, "rewrite": {"when": "cached"}, "reconcile": {"mode": "observe"},
    }))  # fmt: skip
    where = ("--account", standin.ACCOUNT, "--region", standin.REGION)
    done = subprocess.run([program, "iam", "webhook", "--config", config, *where],
                          capture_output=True, check=True)  # fmt: skip
    policy = json.loads(done.stdout)
    actions = set()
    for statement in policy["Statement"]:
        listed = statement["Action"]
        listed = [listed] if isinstance(listed, str) else listed
        statement["Action"] = [action for action in listed if action != without] or ["ecr:None"]
        actions.update(listed)
    return policy, actions


def with_rules(serve):
    """Somebody else makes them, with all rights."""
    with serve(rewrite={"when": "always"}) as replica:
        replica.wait_states(all="ready")


def test_the_webhooks_policy_suffices(serve, aws, program, tmp_path):
    with_rules(serve)
    policy, actions = webhook_policy(program, tmp_path)
    assert set(FILLING) < actions
    aws.admin("DELETE", "calls")
    aws.principal("operator", policy=policy)
    with ready(serve, reconcile={"mode": "observe"}) as replica:
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]
        comes_from_ecr(replica, aws, f"{APP}:1.0")
        assert cached(replica)["refused"] == []
    assert not [call for call in aws.calls() if "AccessDenied" in (call["error"] or "")]


@pytest.mark.parametrize("action", FILLING)
def test_no_action_of_it_can_be_left_out(serve, aws, program, tmp_path, action):
    with_rules(serve)
    policy, actions = webhook_policy(program, tmp_path, without=action)
    assert action in actions
    aws.admin("DELETE", "calls")
    aws.principal("operator", policy=policy)
    with serve(reconcile={"mode": "observe"}) as replica:
        replica.wait_states(all="ready")
        assert replica.review(f"{APP}:1.0") == [f"{APP}:1.0"]

        def is_denied():
            said = [call["error"] for call in aws.calls() if call["error"]]
            return "AccessDeniedException" in said or "DENIED" in said or cached(replica)["refused"]

        wait_for(is_denied, f"{action} is missed")
