"""The oldest Kubernetes that Chart.yaml allows: that it is this one, and what a user of it does without.
What it does have is tested with the newest, by tests of `plane`."""

import pytest
import yaml
from conftest import BY_ITSELF, fresh_name
from helm import CHART, Failed, Helm, Release
from kube import Refused, pod


@pytest.fixture
def version(oldest):
    return oldest.kube.ask("GET", "/version")


def test_is_what_the_chart_allows(version):
    allowed = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert allowed == f">={version['major']}.{version['minor']}.0-0"


def test_has_no_image_volumes(oldest):
    """So the program sees none of them, and rewrites none."""
    volumes = [{"name": "model", "image": {"reference": "quay.io/org/model:v1"}}]
    wanted = pod("volume", "nginx", namespace="default", volumes=volumes)
    with pytest.raises(Refused, match=r'unknown field \\"spec.volumes\[0\].image\\"'):
        oldest.kube.create(wanted, dryRun="All", fieldValidation="Strict")


@pytest.mark.parametrize("number", [3, 4])
def test_has_no_policies(oldest, version, number, tmp_path):
    """So nothing would confine the right to heal, and whoever wants it without that must say so."""
    assert not oldest.kube.serves("ValidatingAdmissionPolicy")
    helm = Helm(number, oldest.kubeconfig, tmp_path)
    values = {"config": BY_ITSELF, "fallback": {"heal": True}}
    release = Release(helm, oldest.kube, "pullthrough", fresh_name("release"), values)
    said = f"Kubernetes {version['gitVersion']} has no ValidatingAdmissionPolicy"
    with pytest.raises(Failed, match=said):
        release.install()
    assert release.configuration() is None
    values["fallback"]["healWithoutPolicy"] = True
    release.upgrade("--install", "--create-namespace", fallback=values["fallback"])
    assert release.configuration()
    release.uninstall()
