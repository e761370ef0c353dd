"""Every source of certificates, and rotation in each, under a steady load of creations."""

import subprocess

import faults
import own_certificates as own
import pytest
import tools
from certificates import old_set
from installation import NAME
from steady import Steady
from tls_modes import Authority, CertManager, Files, Jobs, SelfSigned
from world import b64, until

pytestmark = pytest.mark.own
LEAF_ENDS = 'pullthrough_certificate_not_after_seconds{kind="leaf"}'


@pytest.fixture(scope="module", autouse=True)
def _original_mode(release):
    """Afterwards it is as before."""
    tls = release.tls
    yield
    if release.tls is not tls:
        release.change_tls(tls)


def test_the_default_mode(world, installed):
    """The certificate of the mode that the run began with is the one that is served."""
    assert installed.configuration()["webhooks"][0]["clientConfig"]["caBundle"]
    namespace = world.namespace("tls")
    with Steady(world, namespace) as load:
        load.wait_rewritten()
        load.go_on(50)
        load.all_well()


@pytest.fixture(scope="module")
def with_self(release):
    release.ensure()
    return release if isinstance(release.tls, SelfSigned) else release.change_tls(SelfSigned())


@pytest.mark.parametrize("fault", faults.SELF, ids=lambda fault: fault.__name__)
def test_self_leaf_and_ca_are_renewed(world, with_self, fault):
    """Before they end, and without a gap."""
    with Steady(world, world.namespace("self")) as load:
        load.wait_rewritten()
        fault(with_self, load)
        load.go_on()
        load.all_well()


def ends(inst):
    """When the certificates end that the replicas serve, in seconds since 1970."""
    return {
        inst.metrics(pod["metadata"]["name"])[LEAF_ENDS]
        for pod in inst.pods()
    }


def test_self_first_leaf_of_a_new_ca(world, with_self, folder):
    """What the Secret holds a quarter of an hour after a CA joined it. The program waits a minute
    more, in which it sees the CA in the bundle; then it issues the CA's first leaf, and serves it."""
    inst = with_self
    former, following = (folder / name for name in ("former", "following"))
    for each in (former, following):
        each.mkdir()
    old = old_set(former, inst.service_name, ca_days=(-300, 60), leaf_days=(-70, 20))
    new = old_set(following, inst.service_name, ca_days=(-1, 364), leaf_days=(-1, 89))
    with Steady(world, world.namespace("new-ca")) as load:
        own.put(inst, {**old, "ca.crt": new["ca.crt"] + old["ca.crt"], "ca.key": new["ca.key"]})
        both = own.authorities(new["ca.crt"] + old["ca.crt"])
        until(lambda: both <= own.bundle(inst), "both CAs in the bundle")
        load.wait_rewritten()
        until(lambda: len(ends(inst)) == 1, "every replica serves the old CA's leaf")
        before = ends(inst)

        def is_issued():
            own.look(inst)
            load.go_on(50)
            return own.kept(inst)["tls.crt"] != old["tls.crt"]

        until(is_issued, "the new CA's first leaf", 180)
        (folder / "first.crt").write_text(own.kept(inst)["tls.crt"])
        subprocess.run(
            ["openssl", "verify", "-CAfile", following / "ca.crt", folder / "first.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        own.look(inst)
        until(lambda: len(ends(inst)) == 1 and ends(inst) != before, "every replica serves it")
        load.go_on()
        load.all_well()


@pytest.fixture(scope="module")
def with_files(release, folder):
    release.ensure()
    return release.change_tls(Files(folder))


def reloads(installed):
    return installed.sum('pullthrough_certificate_reloads_total\\{outcome="taken"\\}')


def renew(installed, load, authority=None):
    """A new leaf in the Secret, and every replica serves it. Kubelet takes its time."""
    before = reloads(installed)
    installed.tls.renew(installed, authority)
    load.wait_while(lambda: reloads(installed) < before + installed.replicas, "a new leaf")
    load.go_on(50)


def test_files_leaf_and_ca_rotate(world, with_files, folder):
    """The CA in the order that docs/operations.md gives: bundle, leaf, bundle."""
    inst, other = with_files, Authority(folder)
    old = inst.tls.authority.ca.read_bytes()
    with Steady(world, world.namespace("files")) as load:
        load.wait_rewritten()
        renew(inst, load)
        faults.set_bundle(inst, b64(old + other.ca.read_bytes()))
        load.go_on(50)
        renew(inst, load, other)
        faults.set_bundle(inst, b64(other.ca.read_bytes()))
        load.go_on(50)
        load.all_well()
    inst.tls.authority = other


@pytest.fixture(scope="module")
def with_jobs(release):
    """Installed with `--wait`, which ends although the second Job runs after it."""
    release.ensure()
    return release.change_tls(Jobs())


def test_jobs_make_and_renew(world, with_jobs, folder):
    """The pods may read Events, and no more; an upgrade renews what is past half of its life, and
    the old leaf is trusted until kubelet has exchanged the files."""
    inst, kube, namespace = with_jobs, world.kube, with_jobs.release.namespace
    (rule,) = kube.get("ClusterRole", inst.release.cluster_name)["rules"]
    assert rule == {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]}
    assert not [each for each in kube.list("Role", namespace) if NAME in each["metadata"]["name"]]
    assert not kube.find("ClusterRole", f"pullthrough-certificates.{namespace}")
    assert not kube.find("ServiceAccount", "pullthrough-certificates", namespace)
    former = folder / "ten-years"
    former.mkdir()
    old = old_set(former, inst.service_name, ca_days=(-2000, 1500), leaf_days=(-2000, 1499))
    del old["ca.key"]
    with Steady(world, world.namespace("jobs")) as load:
        load.wait_rewritten()
        both = {**old, "ca.crt": old["ca.crt"] + inst.secret_text(Jobs.secret, "ca.crt")}
        faults.set_bundle(inst, b64(both["ca.crt"]))
        before = reloads(inst)
        data = {key: b64(text) for key, text in both.items()}
        kube.patch("Secret", Jobs.secret, {"data": data}, namespace)
        load.wait_while(lambda: reloads(inst) < before + inst.replicas, "the old leaf")
        before = reloads(inst)
        inst.release.upgrade(commonLabels={"renewed": "once"})
        assert inst.secret_text(Jobs.secret, "tls.crt") != old["tls.crt"]
        inst.settle()
        load.go_on(50)
        load.all_well()


@pytest.fixture(scope="module")
def with_cert_manager(world, release, folder):
    release.ensure()
    world.kube.install_crds(tools.crds())
    return release.change_tls(CertManager(folder))


def test_cert_manager_asks_and_renews(world, with_cert_manager):
    """The chart's objects are what cert-manager's real definitions accept; a renewed leaf costs
    nothing."""
    inst = with_cert_manager
    asked = world.kube.list("Certificate", inst.release.namespace)
    (leaf,) = [each for each in asked if each["spec"]["secretName"] == inst.tls.secret]
    assert inst.service_name in leaf["spec"]["dnsNames"]
    annotation = inst.configuration()["metadata"]["annotations"]["cert-manager.io/inject-ca-from"]
    assert annotation == f"{inst.release.namespace}/{leaf['metadata']['name']}"
    with Steady(world, world.namespace("managed")) as load:
        load.wait_rewritten()
        renew(inst, load)
        renew(inst, load)
        load.all_well()
