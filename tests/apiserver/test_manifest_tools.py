"""The program among the tools that make manifests: as a post-renderer of Helm 3 and of Helm 4, and
as a KRM function of kustomize. No API server is asked."""

import json
import os
import re
import shutil
import subprocess

import pytest
import tools
import yaml
from helm import Failed, Helm
from http_peer import ROOT
from service import ACCOUNT, HOST, REGION

PLUGIN = ROOT / "deploy" / "helm-plugin"
NGINX, BUSYBOX = (f"{HOST}/dockercache/library/{image}" for image in ("nginx:1", "busybox"))

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: web, image: "nginx:1"}]} # a remark
"""
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: h, image: busybox}]}}}
"""
FUNCTION = """\
apiVersion: example.com/v1
kind: Rewrite
metadata:
  name: images
  annotations:
    config.kubernetes.io/function: |
      exec: {path: PROGRAM, args: [rewrite, -f, "-"]}
spec: {containers: [{name: not-an-object-of-the-list, image: busybox}]}
"""


@pytest.fixture(autouse=True)
def environment(program, monkeypatch):
    """What both ways need: the program on the PATH, and where the registry is."""
    monkeypatch.setenv("PATH", f"{program.resolve().parent}:{os.environ['PATH']}")
    monkeypatch.setenv("AWS_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("AWS_REGION", REGION)


MANIFESTS = ROOT / "tests" / "fixtures" / "manifest"
# "%TAG" and aliases across documents are nothing that kubectl can read.
AS_KUBECTL = ["tagged-merge-in-labels", "bom-in-second-document"]
TAGS = """\
x: &off {pullthrough.internal/rewrite: disabled}
y: &web {image: nginx}
apiVersion: !!str v1
kind: !!str "Pod"
metadata: !!map
  name: a
  labels: !!map {LABELS}
spec: !<tag:yaml.org,2002:map>
  containers: !!seq
  - !!map {!!str name: c, !!str image: !!str nginx}
  - {name: d, image: ! "redis"}
  - {name: e, image: ! memcached}
  - {name: f, !!merge <<: *web}
"""
LABELS = ["!!merge <<: *off", "!<tag:yaml.org,2002:merge> <<: *off", "! <<: *off", "! '<<': *off",
          "!!merge '<<': [*off]", "!!str <<: x", "'<<': x", "!!merge <<: [{a: b}, *off]",
          "!!merge <<: {!!merge <<: *off}", "!!merge <<: *off, pullthrough.internal/rewrite: enabled",
          "!!merge <<: [{pullthrough.internal/rewrite: enabled}, *off]"]  # fmt: skip


@pytest.fixture
def chart(tmp_path):
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    (folder / "templates" / "pod.yaml").write_text(POD)
    (folder / "templates" / "hook.yaml").write_text(HOOK)
    return folder


def helm(version, tmp_path):
    return Helm(version, "/nonexistent", tmp_path / f"helm{version}")


def images(text):
    """name of the object -> its image"""
    found = {}
    for document in yaml.safe_load_all(text):
        spec = document["spec"].get("template", document)["spec"]
        found[document["metadata"]["name"]] = spec["containers"][0]["image"]
    return found


def test_helm_3_takes_the_script_and_shows_it_no_hooks(chart, tmp_path):
    script = PLUGIN / "post-render.sh"
    text = helm(3, tmp_path).run("template", "web", chart, "--post-renderer", script)
    assert images(text) == {"web": NGINX, "hook": "busybox"}
    assert POD.replace("nginx:1", NGINX) in text


def test_helm_4_takes_the_plugin_and_shows_it_hooks_too(chart, tmp_path):
    four = helm(4, tmp_path)
    four.run("plugin", "install", PLUGIN)
    text = four.run("template", "web", chart, "--post-renderer", "pullthrough")
    assert images(text) == {"web": NGINX, "hook": BUSYBOX}
    assert POD.replace("nginx:1", NGINX) in text


def test_helm_4_takes_the_plugin_as_a_copied_folder(chart, tmp_path, monkeypatch):
    shutil.copytree(PLUGIN, tmp_path / "plugins" / "pullthrough")
    data = tmp_path / "helm4" / "data"
    data.mkdir(parents=True)
    (tmp_path / "plugins").rename(data / "plugins")
    text = helm(4, tmp_path).run("template", "web", chart, "--post-renderer", "pullthrough")
    assert images(text)["web"] == NGINX


@pytest.mark.parametrize("version", [3, 4])
def test_each_refuses_what_is_for_the_other(version, chart, tmp_path):
    """That there have to be two is Helm's doing; once it isn't, the documents can be shorter."""
    renderer, reason = {
        3: (None, 'unknown field "apiVersion"'),
        4: (PLUGIN / "post-render.sh", "plugin"),
    }[version]
    with pytest.raises(Failed, match=reason):
        if renderer:
            helm(version, tmp_path).run("template", "web", chart, "--post-renderer", renderer)
        else:
            helm(version, tmp_path).run("plugin", "install", PLUGIN)


def test_the_plugin_has_the_version_of_the_program(program):
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    plugin = yaml.safe_load((PLUGIN / "plugin.yaml").read_text())
    assert re.search(rf"\b{re.escape(plugin['version'])}\b", said.splitlines()[0])
    assert plugin["name"] == "pullthrough"


def test_cmake_installs_the_plugin_only_when_asked(tmp_path):
    build = os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "dev"
    for words in ([], ["--component", "helm-plugin"]):
        there = tmp_path / str(len(words))
        command = ["cmake", "--install", build, *words, "--prefix", there]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = sorted(path.name for path in tmp_path.glob("*/share/pullthrough/helm-plugin/*"))
    assert found == ["plugin.yaml", "post-render.sh"]
    assert not (tmp_path / "0" / "share" / "pullthrough").exists()


def test_kustomize_takes_the_program_as_a_function(program, tmp_path):
    (tmp_path / "pod.yaml").write_text(POD)
    (tmp_path / "function.yaml").write_text(FUNCTION.replace("PROGRAM", str(program.resolve())))
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [pod.yaml]\ntransformers: [function.yaml]\n"
    )
    done = subprocess.run(
        [tools.path("kustomize"), "build", "--enable-alpha-plugins", "--enable-exec", tmp_path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert images(done.stdout) == {"web": NGINX}


def outcomes(program, *words, stdin=None):
    """Of each image; what can't be edited where it stands would be rewritten elsewhere."""
    done = subprocess.run(
        [program, "rewrite", "-o", "json", "-f", *words], capture_output=True, text=True,
        input=stdin, check=True,
    )  # fmt: skip
    return [
        (image["name"], image["image"], "rewritten" if "obstacle" in image else image["outcome"])
        for image in json.loads(done.stdout)["images"]
    ]


def check_against_kubectl(program, path):
    """The same outcomes as in what kubectl makes of it, which has no tag and no merge key left."""
    read = subprocess.run(
        [tools.path("kubectl"), "annotate", "--local", "-f", path, "-o", "json", "x=y"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = outcomes(program, path)
    assert found and found == outcomes(program, "-", stdin=read.stdout)


@pytest.mark.parametrize("case", AS_KUBECTL)
def test_a_manifest_means_what_it_means_to_kubectl(case, program):
    check_against_kubectl(program, MANIFESTS / case / "in.yaml")


@pytest.mark.parametrize("labels", LABELS)
def test_tags_mean_what_they_mean_to_kubectl(labels, program, tmp_path):
    path = tmp_path / "pod.yaml"
    path.write_text(TAGS.replace("LABELS", labels))
    check_against_kubectl(program, path)
