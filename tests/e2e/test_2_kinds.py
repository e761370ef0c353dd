"""Every kind of pod, and every kind of container in it."""

import json
import time

import kube
import pytest
from layout import PRIVATE_HOST, PRIVATE_IMAGE
from world import BUSYBOX, LABEL, ORIGINALS, b64, cached, references, until

pytestmark = pytest.mark.own
APP, TOOL, BUSY = "ghcr.io/org/app:2.4", "acme/tool:3", "busybox:1"


@pytest.fixture(scope="module")
def namespace(world, release):
    release.ensure()
    return world.namespace("kinds")


def container(name, image, *command, **more):
    return {"name": name, "image": image, **({"command": command} if command else {}), **more}


def template(*containers, labels=None, **spec):
    return {"metadata": {"labels": labels or {}}, "spec": {"containers": containers, **spec}}


def test_init_containers_and_sidecars(world, namespace):
    pod = kube.pod("inits", BUSY, namespace=namespace)
    pod["spec"]["initContainers"] = [
        container("init", APP, BUSYBOX, "true"),
        container("sidecar", "quay.io/prometheus/prometheus:v3.1.0", restartPolicy="Always"),
    ]
    world.kube.create(pod)
    running = world.wait_running("inits", namespace)
    assert kube.images(running, "initContainers") == [
        cached(APP), cached("quay.io/prometheus/prometheus:v3.1.0"),
    ]  # fmt: skip
    states = {s["name"]: s["state"] for s in running["status"]["initContainerStatuses"]}
    assert states["init"]["terminated"]["exitCode"] == 0 and "running" in states["sidecar"]


def test_kubectl_debug(world, namespace):
    """An ephemeral container is rewritten and runs; a second one leaves the first as it is."""
    world.kube.create(kube.pod("debugged", BUSY, namespace=namespace))
    world.wait_running("debugged", namespace)
    for name, image in (("first", APP), ("second", TOOL)):
        world.kubectl("-n", namespace, "debug", "debugged", f"--image={image}", "-c", name)

        def runs(name=name):
            pod = world.kube.get("Pod", "debugged", namespace)
            statuses = pod["status"].get("ephemeralContainerStatuses", [])
            return any(s["name"] == name and "running" in s["state"] for s in statuses)

        until(runs, f"{name} runs")
    pod = world.kube.get("Pod", "debugged", namespace)
    assert kube.images(pod, "ephemeralContainers") == [cached(APP), cached(TOOL)]
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_image_volume(world, namespace):
    """Its files are there: the volume's program is the container's own."""
    pod = kube.pod("volume", BUSY, namespace=namespace)
    pod["spec"]["volumes"] = [{"name": "model", "image": {"reference": TOOL}}]
    pod["spec"]["containers"][0].update(
        command=[BUSYBOX, "sh", "-c", f"{BUSYBOX} cmp /model/pause /pause && exec /pause"],
        volumeMounts=[{"name": "model", "mountPath": "/model"}],
    )
    world.kube.create(pod)
    running = world.wait_running("volume", namespace)
    assert references(running) == [cached(TOOL)]
    assert world.aws.pulled("dockercache/acme/tool")


def test_job_and_cronjob(world, namespace):
    spec = {"template": template(container("work", APP, BUSYBOX, "true"), restartPolicy="Never")}
    world.create({"kind": "Job", "metadata": {"name": "job", "namespace": namespace},
                  "spec": spec})  # fmt: skip
    world.create({"kind": "CronJob", "metadata": {"name": "cron", "namespace": namespace},
                  "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": spec}}})  # fmt: skip
    world.kubectl("-n", namespace, "create", "job", "--from=cronjob/cron", "by-hand")
    for job in ("job", "by-hand"):
        until(
            lambda j=job: world.kube.get("Job", j, namespace)["status"].get("succeeded") == 1,
            f"job {job} is done",
        )
        (pod,) = world.pods(namespace, **{"job-name": job})
        assert kube.images(pod) == [cached(APP)]


def test_daemonset(world, namespace):
    labels = {"app": "everywhere"}
    world.create({"kind": "DaemonSet", "metadata": {"name": "everywhere", "namespace": namespace},
                  "spec": {"selector": {"matchLabels": labels},
                           "template": template(container("c", TOOL), labels=labels)}})  # fmt: skip
    (pod,) = world.wait_pods(namespace, 1, **labels)
    assert kube.images(pod) == [cached(TOOL)]


def test_bare_pod_and_apply_of_what_exists(world, namespace):
    """`kubectl apply` of the pod as it was written, with the original images, restarts nothing and
    changes nothing; nor does any other update."""
    pod = kube.pod("bare", BUSY, namespace=namespace)
    pod["spec"]["initContainers"] = [container("init", APP, BUSYBOX, "true")]
    world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    before = world.wait_running("bare", namespace)
    assert kube.images(before) == [cached(BUSY)]
    world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    pod["metadata"]["labels"] = {"a": "b"}
    world.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(pod))
    world.kubectl("-n", namespace, "annotate", "pod", "bare", "note=1")
    after = world.kube.get("Pod", "bare", namespace)
    assert after["metadata"]["labels"] == {"a": "b"} and kube.images(after) == [cached(BUSY)]
    assert kube.images(after, "initContainers") == [cached(APP)]
    assert after["spec"] == before["spec"]
    is_never_restarted(world, before)


def is_never_restarted(world, pod):
    """Kubelet has acted upon a later change of the same pod, and its containers are the same."""
    meta = pod["metadata"]
    change = {"spec": {"activeDeadlineSeconds": 100000}}
    world.kube.patch("Pod", meta["name"], change, meta["namespace"])

    def seen():
        now = world.kube.get("Pod", meta["name"], meta["namespace"])
        return now if now["status"].get("observedGeneration", 0) >= now["metadata"]["generation"] else None

    now = until(seen, "kubelet has seen the change")
    assert world.containers(now) == world.containers(pod)
    assert now["status"]["containerStatuses"][0]["restartCount"] == 0


def test_an_image_that_is_set_is_rewritten_too(world, namespace):
    """What somebody really changes takes the way of new pods."""
    world.kube.create(kube.pod("set", BUSY, namespace=namespace))
    world.wait_running("set", namespace)
    world.kubectl("-n", namespace, "set", "image", "pod/set", f"c0={TOOL}")
    assert kube.images(world.kube.get("Pod", "set", namespace)) == [cached(TOOL)]


def test_static_pod(world, namespace):
    """Kubelet starts it from a file, then makes a mirror, which shows what really runs."""
    pod = kube.pod("static", BUSY, namespace=namespace)
    path = world.where.static_pods / "static.json"
    path.write_text(json.dumps(pod))
    try:
        until(lambda: world.kube.find("Pod", "static-node1", namespace), "a mirror pod")
        mirror = world.wait_running("static-node1", namespace)
        assert kube.images(mirror) == [BUSY]
        assert ORIGINALS not in mirror["metadata"]["annotations"]
    finally:
        path.unlink()
    until(lambda: not world.kube.find("Pod", "static-node1", namespace), "the mirror pod goes")


def test_opt_out(world, namespace):
    world.kube.create(kube.pod("out", BUSY, namespace=namespace, labels={LABEL: "disabled"}))
    assert kube.images(world.wait_running("out", namespace)) == [BUSY]


def test_digest(world, namespace):
    """Left alone, and pulled from where it was asked for."""
    image = f"ghcr.io/org/app@{world.digests[APP]}"
    made = world.kube.create(kube.pod("pinned", image, BUSY, namespace=namespace))
    assert kube.images(made) == [image, cached(BUSY)]
    world.wait_running("pinned", namespace)


def test_private_registry(world, namespace):
    """None of ours, with a login of its own."""
    login = {"auths": {PRIVATE_HOST: {"username": "somebody", "password": "a-token"}}}
    world.create({
        "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": "acme", "namespace": namespace},
        "data": {".dockerconfigjson": b64(json.dumps(login))},
    })  # fmt: skip
    pod = kube.pod("private", PRIVATE_IMAGE, BUSY, namespace=namespace,
                   imagePullSecrets=[{"name": "acme"}])  # fmt: skip
    world.kube.create(pod)
    running = world.wait_running("private", namespace)
    assert kube.images(running) == [PRIVATE_IMAGE, cached(BUSY)]


def test_invalid_image(world, namespace):
    """Kubelet says what is wrong, as it does without us; the other container runs."""
    image = "Nginx:1.27:x"
    world.kube.create(kube.pod("invalid", image, BUSY, namespace=namespace))

    def told():
        pod = world.kube.get("Pod", "invalid", namespace)
        states = {s["name"]: s["state"] for s in pod["status"].get("containerStatuses", [])}
        reason = states.get("c0", {}).get("waiting", {}).get("reason")
        return reason == "InvalidImageName" and "running" in states.get("c1", {})

    until(told, "InvalidImageName")
    assert kube.images(world.kube.get("Pod", "invalid", namespace)) == [image, cached(BUSY)]


def test_a_namespace_that_is_switched_on_restarts_nothing(world, release):
    """What ran goes on with its container."""
    namespace = world.namespace("late", rewritten=False)
    world.kube.create(kube.pod("old", BUSY, namespace=namespace))
    before = world.wait_running("old", namespace)
    world.kube.patch("Namespace", namespace, {"metadata": {"labels": {LABEL: "enabled"}}})
    world.wait_selected(namespace)
    world.kubectl("-n", namespace, "label", "pod", "old", f"touched={int(time.time())}")
    after = world.kube.get("Pod", "old", namespace)
    assert kube.images(after) == [BUSY] and world.containers(after) == world.containers(before)
    world.kube.create(kube.pod("new", BUSY, namespace=namespace))
    assert kube.images(world.wait_running("new", namespace)) == [cached(BUSY)]
