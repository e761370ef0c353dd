"""tls.self.caBundle: who has the right to write it, and for how long; and that pods are rewritten all the
same, when it is a Job that writes it, at installations, upgrades, rollbacks and afterwards."""

import base64
import re
import ssl
import subprocess

import pytest
import tools
from backend import serve
from certificates import old_set
from conftest import IMAGE
from helm import Failed, JobController
from http_peer import ROOT, wait_for
from kube import KINDS
from load import Creations
from test_failures import failed_open
from test_releases import of_release
from test_self import SelfInstallation

PODS = 40
RIGHTS = ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
JOB = {"self": {"caBundle": "job"}}
PROGRAM = {"self": {"caBundle": "program"}}


class JobInstallation(SelfInstallation):
    """With `tls.self.caBundle: job`; the Jobs run on this machine, with a token of their own."""

    def _values(self, certs, values):
        return {**super()._values(certs, values), "tls": JOB, **values}

    @property
    def secret_name(self):
        return f"{self.release.fullname}-job-tls"

    def jobs(self, program):
        return JobController(self.kube, program, self.namespace)

    def start(self):
        """As kubelet mounts it: what the Secret holds now."""
        self.service = serve(self.release, self._services, self.port, self)
        return self

    def start_by_itself(self):
        return SelfInstallation.start(self)

    def remount(self):
        self.service.tls.write(self.secret())

    def rights(self):
        """What of the Jobs' rights there is."""
        name = f"{self.release.fullname}-certificates"
        found = set()
        for kind in RIGHTS:
            where = (name, self.namespace) if KINDS[kind].namespaced else (
                f"{name}.{self.namespace}",)
            if self.kube.find(kind, *where):
                found.add(kind)
        return found

    def version(self, kind, name):
        return int(self.kube.get(kind, name, self.namespace)["metadata"]["resourceVersion"])


@pytest.fixture
def make(helm, newest, services, certs):
    """make(**values): not installed yet; by Helm 3 and by Helm 4."""
    made = []

    def one(**values):
        made.append(JobInstallation(helm, newest.kube, services, certs, **values))
        newest.kube.namespace(made[-1].namespace)
        return made[-1]

    yield one
    for each in made:
        if each.service:
            each.stop()
        if each.release.configuration():
            each.release.uninstall()


def data_of(texts):
    return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in texts.items()}}


def test_from_the_installation_to_the_end(newest, make, program, tmp_path):
    one = make()
    kube, release = one.kube, one.release
    with one.jobs(program) as jobs:
        one.install()
        assert [job.rpartition("-certificates")[0] for job in jobs.done] == [
            f"{release.fullname}-make", f"{release.fullname}-publish"]
        secret = one.secret()
        assert set(secret) == {"ca.crt", "tls.crt", "tls.key"}
        assert kube.get("Secret", one.secret_name, one.namespace)["type"] == "kubernetes.io/tls"
        assert one.bundle() == secret["ca.crt"]
        # Before the pods, or `helm install --wait` would wait for them, and they for the Job.
        assert one.version("Secret", one.secret_name) < one.version("Deployment", release.fullname)
        # Nobody has the rights any more, and nothing is left of the Jobs.
        assert one.rights() == set() and kube.list("Job", one.namespace) == []
        namespace = one.labelled()
        one.start()
        one.wait_taken(namespace)

        # An upgrade where nothing is due changes nothing of it, and repairs a bundle.
        version = one.version("Secret", one.secret_name)
        release.upgrade(replicas=3)
        assert one.version("Secret", one.secret_name) == version
        assert one.bundle() == secret["ca.crt"] and one.rights() == set()
        one.set_bundle("")
        wait_for(lambda: one.try_pod(namespace) == IMAGE, "pods are left alone")
        release.upgrade(replicas=2)
        assert one.bundle() == secret["ca.crt"]
        one.wait_taken(namespace)
        release.rollback(1)
        assert one.secret() == secret and one.bundle() == secret["ca.crt"]

        # Years later the upgrade renews, and no pod notices: before kubelet has exchanged the files,
        # and after.
        old = old_set(tmp_path, one.service_name, ca_days=(-2000, 1500), leaf_days=(-2000, 1499))
        del old["ca.key"]
        kube.patch("Secret", one.secret_name, data_of(old), one.namespace)
        one.set_bundle(old["ca.crt"])
        one.remount()
        served = ssl.PEM_cert_to_DER_cert(old["tls.crt"])
        wait_for(lambda: one.service.leaf() == served, "the old leaf is served")
        one.wait_taken(namespace)
        mark = newest.audit_mark()
        with Creations(kube, namespace) as load:
            load.wait_more(PODS)
            load.plain.clear()
            release.upgrade(replicas=3)
            secret = one.secret()
            assert secret["tls.crt"] != old["tls.crt"] and old["ca.crt"].strip() in secret["ca.crt"]
            assert one.bundle() == secret["ca.crt"]
            load.wait_more(PODS)
            assert one.service.leaf() == served
            one.remount()
            served = ssl.PEM_cert_to_DER_cert(secret["tls.crt"])
            wait_for(lambda: one.service.leaf() == served, "the new leaf is served")
            load.wait_more(PODS)
        assert not load.failures and not load.plain
        assert failed_open(newest, mark, namespace) == 0

        # Gone is gone.
        release.uninstall()
        wait_for(lambda: one.try_pod(namespace) == IMAGE, "pods are left alone")
        assert kube.find("Secret", one.secret_name, one.namespace) is None
        assert one.rights() == set() and release.configuration() is None
        assert of_release(kube, release) == set()
        assert kube.list("Secret", one.namespace) == []


def test_from_the_program_to_jobs_and_back(newest, make, program):
    """Whoever changes over keeps its pods rewritten all the time."""
    one = make(tls=PROGRAM)
    one.install()
    namespace = one.labelled()
    one.start_by_itself()
    one.wait_taken(namespace)
    kube, release, mark = one.kube, one.release, newest.audit_mark()
    with one.jobs(program), Creations(kube, namespace) as load:
        load.wait_more(PODS)
        load.plain.clear()
        release.upgrade(tls=JOB)
        assert one.secret()["ca.crt"].count("BEGIN CERTIFICATE") == 2
        # the old pods go on for a while
        load.wait_more(PODS)
    assert not load.failures and not load.plain
    assert failed_open(newest, mark, namespace) == 0
    assert kube.find("Secret", f"{release.fullname}-certificates", one.namespace) is None
    rules = kube.get("ClusterRole", release.cluster_name)["rules"]
    assert [rule["resources"] for rule in rules] == [["events"]]
    one.stop()
    with one.jobs(program):
        one.start()
        one.wait_taken(namespace)
        release.rollback(1)
    one.stop()
    one.start_by_itself()
    one.wait_taken(namespace)
    one.stop()
    release.uninstall()


def test_a_job_that_says_no(make, program):
    """Nothing is changed, and no right stays."""
    one = make()
    with one.jobs(program) as jobs:
        one.install()
        nonsense = {"data": {"tls.crt": "bm9uc2Vuc2U=", "tls.key": "bm9uc2Vuc2U="}}
        one.kube.patch("Secret", one.secret_name, nonsense, one.namespace)
        bundle = one.bundle()
        with pytest.raises(Failed, match="pre-upgrade"):
            one.release.upgrade(replicas=5)
        assert "the Secret holds something else" in jobs.said[-1]
        assert one.rights() == set()
        deployment = one.kube.get("Deployment", one.release.fullname, one.namespace)
        assert deployment["spec"]["replicas"] == 2 and one.bundle() == bundle
        one.kube.delete("Secret", one.secret_name, one.namespace)
        one.release.upgrade(replicas=4)
        assert one.bundle() == one.secret()["ca.crt"] and one.rights() == set()


# Rights


def listed(kube, token, namespace, folder):
    """{(resource, name, verbs)} by `kubectl auth can-i --list`."""
    config = folder / "kubeconfig"
    config.write_text("")
    done = subprocess.run(
        [tools.path("kubectl"), "--kubeconfig", config, f"--server=https://127.0.0.1:{kube.port}",
         f"--certificate-authority={kube.ca}", f"--token={token}", f"--namespace={namespace}",
         "auth", "can-i", "--list", "--no-headers"],
        capture_output=True, text=True, check=True, timeout=60)  # fmt: skip
    found = set()
    for line in done.stdout.splitlines():
        said = re.fullmatch(r"(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]", line)
        assert said, line
        resource, paths, names, verbs = said.groups()
        found.add((resource or paths, names, frozenset(verbs.split())))
    return found


def written_down(who, modes, namespace):
    """The same, by SECURITY.md: all rows of these modes."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| `(\S+)` \| (?:`(\S+)`|all) \| (.*) \|$",
                      (ROOT / "SECURITY.md").read_text(), re.M)
    assert len(rows) >= 7
    return {(resource, name.replace("NAMESPACE", namespace), frozenset(re.findall(r"`(\w+)`", verbs)))
            for m, w, resource, name, verbs in rows if w == who and m in modes}


@pytest.mark.parametrize(
    ("mode", "fallback"), [("program", "watch"), ("job", "watch"), ("job", "heal"), ("job", "")]
)
def test_rights_are_those_of_the_security_page(make, program, mode, fallback, tmp_path):
    wanted = {"watch": fallback != "", "heal": fallback == "heal"}
    one = make(tls={"self": {"caBundle": mode}}, fallback=wanted)
    kube, namespace = one.kube, one.namespace
    kube.create({"apiVersion": "v1", "kind": "ServiceAccount",
                 "metadata": {"name": "anybody", "namespace": namespace}})

    def more_than_anybody(account):
        mine, theirs = (listed(kube, kube.token_of(name, namespace), namespace, tmp_path)
                        for name in (account, "anybody"))
        return mine - theirs

    with one.jobs(program) as jobs:
        jobs.before = lambda account: jobs.rights.append(more_than_anybody(account))
        one.install()
    pods = more_than_anybody(one.release.fullname)
    assert pods == written_down("pods", {mode, fallback}, namespace)
    deployment = kube.get("Deployment", one.release.fullname, namespace)
    spec = deployment["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is bool(pods)
    if mode == "job":
        assert jobs.rights == [written_down("Jobs", {mode}, namespace)] * 2
        assert len(pods) == {"": 0, "watch": 1, "heal": 2}[fallback]
    else:
        assert jobs.rights == [] and len(pods) == 3
