"""`pullthrough scan` of a cluster of 2,000 pods, as a real API server and kubectl tell of them."""

import collections
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
import tools
from conftest import fresh_name
from kube import pod
from service import ACCOUNT, REGION
from test_scan import count, told

PODS, NAMESPACES = 2000, 20
DIGEST = "@sha256:" + 64 * "0"


def planned(i):
    """The images of pod number i, and what becomes of each."""
    version = i % 50
    found = {f"docker.io/library/app-{i % 7}:{version}": "rewritten"}
    if i % 2 == 0:
        found["quay.io/team/sidecar:2"] = "rewritten"
    if i % 5 == 0:
        found[f"ghcr.io/org/proxy-{version}{DIGEST}"] = "digest"
    if i % 10 == 0:
        found["registry.acme.example/tools:5"] = "not-upstream"
    return found


def spec_of(i):
    """Never pulled: one in a hundred, which is another image."""
    return {"initContainers": [{"name": "n", "image": "made-on-the-node:1", "imagePullPolicy": "Never"}]} \
        if i % 100 == 0 else {}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(newest):
    """The namespaces."""
    kube = newest.kube
    names = [kube.namespace(fresh_name("crowd")) for _ in range(NAMESPACES)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: kube.create(pod(
            f"p{i}", *planned(i), namespace=names[i % NAMESPACES], **spec_of(i))), range(PODS)))  # fmt: skip
    return names


def run(program, newest, tmp_path, command):
    """As at a laptop without credentials for AWS."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    for name, path in (("pullthrough", program), ("kubectl", tools.path("kubectl"))):
        if not (folder / name).exists():
            (folder / name).symlink_to(path)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(tmp_path), "AWS_ACCOUNT_ID": ACCOUNT,
             "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true", "KUBECONFIG": str(newest.kubeconfig)})  # fmt: skip
    assert done.returncode == 0 and "Sanitizer" not in done.stderr, done.stdout + done.stderr
    return done.stdout


def test_two_thousand_pods(program, newest, cluster, tmp_path):
    """Once by a pipe and once by its own kubectl; beside what was made, and beside another counter."""
    said = run(program, newest, tmp_path, "kubectl get pods -A -o json | tee pods.json | pullthrough scan -o json")
    assert said == run(program, newest, tmp_path, f"pullthrough scan -o json --kubeconfig {newest.kubeconfig}")
    document = json.loads(said)
    pods = json.loads((tmp_path / "pods.json").read_text())
    assert told(document) == count([pods], f"registry: {{account: '{ACCOUNT}', region: {REGION}}}")

    images, of = {}, collections.defaultdict(set)
    for i in range(PODS):
        found = planned(i) | ({"docker.io/library/made-on-the-node:1": "never-pulled"} if spec_of(i) else {})
        images |= found
        of[cluster[i % NAMESPACES]] |= found.keys()
    rows = {each["namespace"]: each for each in document["namespaces"]}
    for namespace in cluster:
        row = rows[namespace]
        words = collections.Counter(images[each] for each in of[namespace])
        assert (row["pods"], row["images"]) == (PODS // NAMESPACES, len(of[namespace]))
        assert row["outcomes"] == words and row["change"] == words["rewritten"]
        assert row["change"] + row["stay"] == row["images"]
    assert sum(rows[each]["pods"] for each in cluster) == PODS
    assert images.items() <= {each["image"]: each["outcomes"][0] for each in document["images"]}.items()
