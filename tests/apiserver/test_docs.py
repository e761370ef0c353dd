"""The commands of Helm and kubectl that README.md and docs/install.md show, as they are written, on a
real API server. tests/it/test_docs.py has the others, and says which are run nowhere."""

import os
import re
import shutil
import subprocess

import pytest
import tools
from conftest import fresh_name
from documents import commands, commands_in, plain
from helm import JobController
from http_peer import ROOT
from kube import pod

NAMESPACE = "pullthrough"
# What these need runs on a whole node only, or test_manifest_tools.py has it.
NOT_HERE = r"helm (test|template|plugin) .*|kubectl .*get --raw .*"


def shown(pattern):
    """The commands that match, each once, as they come."""
    found = [plain(each) for document in ("README.md", "docs/install.md") for each in commands(document)]
    matching = dict.fromkeys(each for each in found if re.match(pattern, each))
    return [each for each in matching if not re.match(NOT_HERE, each)]


@pytest.fixture
def shell(newest, program, tmp_path):
    (tmp_path / "pullthrough").symlink_to(program)
    for name, version in (("helm", "helm3"), ("kubectl", "kubectl"), ("kustomize", "kustomize")):
        (tmp_path / name).symlink_to(tools.path(version))
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("HELM_")},
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(newest.kubeconfig),
        **{f"HELM_{k}_HOME": str(tmp_path / k) for k in ("CACHE", "CONFIG", "DATA")},
    }  # fmt: skip

    def run(command, cwd=ROOT):
        done = subprocess.run(["bash", "-ec", command], cwd=cwd, env=environment, text=True,
                              capture_output=True, timeout=120, check=False)  # fmt: skip
        assert done.returncode == 0, command + done.stdout + done.stderr
        return done.stdout

    return run


def test_an_installation(newest, program, shell):
    """Everything about our own namespace, in the order of install.md; each way to install."""
    for command in shown(r"kubectl (create|-n pullthrough create) "):
        shell(command)
    secret = newest.kube.get("Secret", "aws", NAMESPACE)
    assert set(secret["data"]) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    installs, (away,) = shown("helm install "), shown("helm uninstall ")
    (upgrade,) = shown("helm upgrade ")
    assert len(installs) == 2
    for command in installs:
        with JobController(newest.kube, program, NAMESPACE):
            told = shell(command)
            shell(upgrade)
        assert newest.kube.get("ValidatingAdmissionPolicy", "pullthrough.pullthrough")
        assert "helm test pullthrough --namespace pullthrough" in told
        container = newest.kube.get("Deployment", "pullthrough", NAMESPACE)["spec"]["template"][
            "spec"]["containers"][0]  # fmt: skip
        assert container["image"].endswith(".dkr.ecr.eu-central-1.amazonaws.com/pullthrough:0.1.0")
        shell(away)


def test_a_namespace_is_switched_on(newest, shell):
    kube, yours = newest.kube, kube_namespace(newest)
    rest = shown("kubectl .*YOURS")
    assert len(rest) == 3
    for command in rest:
        said = shell(command.replace("YOURS", yours).replace("SOMETHING", "web"))
        if "jsonpath" in command:
            assert said == "nginx:1.27\n"
    labels = kube.get("Namespace", yours)["metadata"]["labels"]
    assert labels["pullthrough.internal/rewrite"] == "enabled"


def kube_namespace(newest):
    """One with a Deployment and a pod."""
    name = fresh_name("yours")
    newest.kube.namespace(name)
    newest.kube.create(pod("one", "nginx:1.27", namespace=name))
    labels = {"app": "web"}
    newest.kube.create({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "nginx"}]}}},
    })  # fmt: skip
    return name


def test_rendered_and_applied(newest, shell, tmp_path):
    """The page's commands, those that apply twice."""
    page = (ROOT / "docs" / "kustomize.md").read_text()
    (tmp_path / "kustomization.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.S)[1])
    shutil.copytree(ROOT / "charts", tmp_path / "charts")
    if not newest.kube.find("Namespace", NAMESPACE):
        newest.kube.namespace(NAMESPACE)
    render, build, check = commands_in(page)
    (tmp_path / "values.yaml").write_text("config: {registry: {region: eu-central-1}}")
    assert "region: eu-central-1" in shell(f"set -o pipefail; {check}", tmp_path)
    for command in (render, render, build, build):
        said = shell(f"set -o pipefail; {command}", tmp_path)
        assert "deployment.apps/pullthrough" in said and "job" not in said
    assert "created" not in said
    shell(build.replace(" apply ", " delete "), tmp_path)


def test_nothing_is_left_out():
    known = ("kubectl create ", "kubectl -n pullthrough create ", "helm install ",
             "helm upgrade ", "helm uninstall ")  # fmt: skip
    for command in shown("kubectl |helm "):
        assert command.startswith(known) or "YOURS" in command, command
