"""The chart for those who render it: by Helm 3, Helm 4 or Kustomize, applied by kubectl, again and
changed, as tools do that keep a cluster as a repository says."""

import json
import shutil
import subprocess

import pytest
import tools
import yaml
from conftest import BY_ITSELF, fresh_name
from helm import CHART, IMAGE, Release, settings
from http_peer import wait_for
from test_releases import fill

FIRST = {
    "image": {"repository": IMAGE},
    "config": BY_ITSELF,
    "tls": {"self": {"caBundle": "job"}},
    "test": {"pull": {"image": "registry.example/x:1"}},
}
CHANGED = {
    **FIRST,
    "image": {"repository": IMAGE, "tag": "0.2.0"},
    "config": {**BY_ITSELF, "log": {"level": "debug"}},
    "commonLabels": {"team": "platform"},
    "replicas": 3,
}
# What `hooks.enabled: false` goes with: nobody runs Jobs then.
WITHOUT = {"hooks": {"enabled": False}, "tls": {"mode": "self"}}


def rendered(helm, namespace, values, *words):
    return helm.run(
        "template", "pullthrough", CHART, "--namespace", namespace, *settings(values), *words
    )


def kustomized(helm, namespace, values, folder):
    """A chart goes beside its kustomization, which says what would be --set."""
    folder.mkdir()
    shutil.copytree(CHART, folder / "charts" / "pullthrough")
    chart = {
        "name": "pullthrough",
        "releaseName": "pullthrough",
        "namespace": namespace,
        "valuesInline": values,
    }
    document = {"helmGlobals": {"chartHome": "charts"}, "helmCharts": [chart]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [tools.path("kustomize"), "build", "--enable-helm",
         "--helm-command", tools.path(f"helm{helm.version}"), folder],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(name="applied")
def _applied(newest):
    """check_applied_and_changed, whose objects go at the end: other tests have namespaces in scope."""
    texts = []

    def check(namespace, first, changed, *how):
        texts.extend((first, changed))
        return check_applied_and_changed(newest, namespace, first, changed, *how)

    yield check
    for text in texts:
        newest.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=text)


def check_applied_and_changed(plane, namespace, first, changed, *how):
    """Each twice; what stands there then is what was asked for last, and kubectl sees no difference."""
    plane.kube.namespace(namespace)
    for text in (first, first, changed, changed):
        done = plane.kubectl("apply", *how, "-f", "-", stdin=text, check=False)
        assert done.returncode == 0, done.stderr
    assert "created" not in done.stdout
    deployment = plane.kube.get("Deployment", "pullthrough", namespace)["spec"]
    assert deployment["replicas"] == 3
    assert deployment["template"]["spec"]["containers"][0]["image"] == f"{IMAGE}:0.2.0"
    done = plane.kubectl("diff", *how, "-f", "-", stdin=changed, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return {job["metadata"]["name"] for job in plane.kube.list("Job", namespace)}


@pytest.mark.parametrize("how", [[], ["--server-side"]], ids=["client", "server"])
def test_applied_with_hooks(applied, helm, how):
    """To kubectl they are objects like others, and a Job's pod can't change: so what is asked of
    it is in the name of the Job."""
    namespace = fresh_name("applied")
    texts = (rendered(helm, namespace, values) for values in (FIRST, CHANGED))
    names = applied(namespace, *texts, *how)
    for word in ("check-config", "make-certificates", "publish-certificates"):
        assert len([name for name in names if word in name]) == 2, names


@pytest.mark.parametrize("words", [{}, {"--no-hooks"}], ids=["by value", "by option"])
def test_applied_without_hooks(newest, applied, helm, words):
    namespace = fresh_name("applied")
    without = WITHOUT if not words else {"tls": WITHOUT["tls"]}
    texts = (rendered(helm, namespace, {**v, **without}, *words) for v in (FIRST, CHANGED))
    assert applied(namespace, *texts) == set()
    assert newest.kube.list("Pod", namespace) == []


@pytest.mark.parametrize("without", [{}, WITHOUT], ids=["hooks", "no hooks"])
def test_kustomized(applied, helm, without, tmp_path):
    namespace = fresh_name("kustomized")
    texts = [
        kustomized(helm, namespace, {**values, **without}, tmp_path / name)
        for name, values in (("first", FIRST), ("changed", CHANGED))
    ]
    names = applied(namespace, *texts)
    assert bool(names) == (not without)


@pytest.fixture
def release(helm, newest):
    made = Release(helm, newest.kube, "pullthrough", fresh_name("release"), {"config": BY_ITSELF})
    yield made
    if made.configuration():
        made.uninstall()


def test_nothing_differs_after_an_installation(newest, helm, release, certs):
    """Nor when the program has written keys and caBundle: what kubectl, Argo CD and Flux call drift."""
    release.ca = certs.ca
    release.install()
    fill(newest.kube, release)
    for how in ([], ["--server-side", "--force-conflicts"]):
        for replicas, difference in ((2, ""), (3, "+  replicas: 3")):
            values = {**release.values, "replicas": replicas}
            text = rendered(helm, release.namespace, values, "--no-hooks")
            done = newest.kubectl("diff", *how, "-f", "-", stdin=text, check=False)
            assert done.returncode == bool(difference), done.stdout + done.stderr
            assert difference in done.stdout if difference else done.stdout == ""


OPENSHIFT = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "securitycontextconstraints.security.openshift.io"},
    "spec": {
        "group": "security.openshift.io",
        "scope": "Cluster",
        "names": {
            "kind": "SecurityContextConstraints",
            "plural": "securitycontextconstraints",
        },
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object"}},
        }],
    },
}  # fmt: skip


def test_openshift_is_known_by_its_api(newest, release, tmp_path):
    """There the platform says who a pod's processes are."""
    path = tmp_path / "openshift.yaml"
    path.write_text(json.dumps(OPENSHIFT))

    def user():
        spec = newest.kube.get("Deployment", "pullthrough", release.namespace)["spec"]["template"]
        return spec["spec"]["securityContext"].get("runAsUser")

    release.install()
    assert user() == 65532
    name = OPENSHIFT["metadata"]["name"]
    newest.kube.install_crds([path])
    try:
        release.upgrade()
        assert user() is None
    finally:
        newest.kube.delete("CustomResourceDefinition", name)
        wait_for(
            lambda: not newest.kube.find("CustomResourceDefinition", name), "its API is gone"
        )
