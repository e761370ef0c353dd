"""Cached mode on the node: what the upstreams have, what ECR holds, and what each replica says of
both."""

import base64
import contextlib
import http.client
import json
import secrets

from installation import NAMESPACE
from layout import AWS, UPSTREAM
from reconciling import Program
from upstream import OCI_MANIFEST, Upstream
from world import cached, until

ENTRY = {"mediaType": OCI_MANIFEST, "artifactType": None, "size": 1, "pushedAt": 0, "visibleAt": 0,
         "pulledAt": None}  # fmt: skip


def unheard_of():
    """A tag that neither ECR nor a node has, on a cluster that stays."""
    return secrets.token_hex(3)


class Upstreams(Upstream):
    """The node's registry that has the images of all upstreams; more of them, made of one that is
    there."""

    def __init__(self, world):
        self.host, self.account = f"127.0.0.1:{UPSTREAM}", None
        folder = world.where.images / "library_busybox_1"
        (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
        self._blobs = folder / "blobs" / "sha256"
        self._document = json.loads(self._read(entry["digest"]))
        self._config = json.loads(self._read(self._document["config"]["digest"]))
        self._has_layer = set()

    def _read(self, digest):
        return (self._blobs / digest.partition(":")[2]).read_bytes()

    def push(self, image, edition=""):
        """Its digest. "quay.io/org/app:1" or the like."""
        name, _, tag = image.partition("/")[2].partition(":")
        config = json.loads(json.dumps(self._config))
        config["config"]["Labels"] = {"name": image, "edition": edition}
        if name not in self._has_layer:
            (layer,) = self._document["layers"]
            self.blob(name, self._read(layer["digest"]))
            self._has_layer.add(name)
        mine = self.blob(name, json.dumps(config).encode())
        document = {**self._document, "config": {**self._document["config"], **mine}}
        return self.manifest(name, tag, document)["digest"]


def hold(world, image):
    """ECR has imported it: somebody pulled it by its tag."""
    name, _, tag = cached(image).partition("/")[2].partition(":")
    login = world.aws.ask("POST", "logins", {"principal": "puller"})["password"]
    headers = {"Authorization": "Basic " + base64.b64encode(f"AWS:{login}".encode()).decode()}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", AWS, timeout=20)) as connection:
        connection.request("GET", f"/v2/{name}/manifests/{tag}", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()


def repository_of(image):
    """Below the registry's host."""
    return cached(image).partition("/")[2].partition("@")[0].partition(":")[0]


def imports(world, image):
    """The program's own calls for it, not the nodes'."""
    calls = world.aws.calls(service="registry", operation="GetManifest", principal="webhook")
    return [each for each in calls if f"/{repository_of(image)}/manifests/" in each["path"]]


@contextlib.contextmanager
def filled(world, repositories, tags):
    """ECR holds this many more images, each with a tag, which nobody asks for."""
    kept = world.aws.state()["repositories"]
    like = next(iter(kept.values()))
    more = {}
    for number in range(repositories):
        name = f"quaycache/filled/app{number}"
        digests = [f"sha256:{number * tags + each + 1:064x}" for each in range(tags)]
        more[name] = {
            **like, "repositoryName": name, "createdAt": 1000.0 + number, "blobs": {},
            "images": dict.fromkeys(digests, ENTRY),
            "tags": {f"v{i}": {"digest": each, "checkedAt": None} for i, each in enumerate(digests)},
        }  # fmt: skip
    world.aws.ask("PATCH", "state", {"repositories": {**kept, **more}})
    try:
        yield
    finally:
        world.aws.ask("PATCH", "state", {"repositories": kept})


class Replica(Program):
    """One that runs in a pod already: it is asked, and told nothing."""

    def __init__(self, pod):
        self.name = pod["metadata"]["name"]
        self.webhook = f"{pod['status']['podIP']}:8443"

    def judge(self, *images):
        """What becomes of these images, by a dry run."""
        return self.review(*images, dry_run=True)


def replicas(inst):
    return [Replica(pod) for pod in inst.pods()]


def wait_in_ecr(inst, *images, seconds=90):
    """Until every replica sends pods with these images there. Each has to see one that it misses:
    it looks for what its own pods want."""
    wanted = [cached(image) for image in images]
    for replica in replicas(inst):
        until(lambda r=replica: r.review(*images) == wanted, f"{images} come from ECR", seconds)


def wait_upstream(inst, *images, seconds=90):
    for replica in replicas(inst):
        until(lambda r=replica: r.judge(*images) == list(images), f"{images} stay", seconds)


def said(inst):
    """`cached` of every replica's /status, by its name."""
    return {pod["metadata"]["name"]: inst.status(pod["metadata"]["name"])["cached"]
            for pod in inst.pods()}  # fmt: skip


def take(inst, **values):
    """An upgrade that no pod is replaced for, until every replica has it."""
    before = {name: inst.status(name)["configuration"]["hash"] for name in said(inst)}
    inst.release.upgrade(**values)
    for name in before:  # kubelet looks at a pod that changed at once
        touched = {"metadata": {"annotations": {"e2e/touched": secrets.token_hex(4)}}}
        inst.world.kube.patch("Pod", name, touched, NAMESPACE)
    for name, old in before.items():
        until(lambda n=name, h=old: inst.status(n)["configuration"]["hash"] != h, f"{name} takes it")


def refusals(inst, image):
    """By replicas that wanted it."""
    name = cached(image).partition("/")[2]
    return [each for one in said(inst).values() for each in one["refused"] if each["image"] == name]
