"""What the fallback asks an API server for, by the program's own client, of a real one."""

import itertools
import json
import subprocess
import urllib.request

import pytest
from conftest import fresh_name, only_newest
from http_peer import DEADLINE_S, ROOT, wait_for
from kube import pod
from test_kube_client import ABSENT, CONFLICT, DENIED, DONE, Watch

MARK = "pullthrough.internal/rewrite"


class Account:
    """A service account of the cluster, and what of it a pod would see."""

    def __init__(self, plane, folder, rules):
        self.plane, self.folder = plane, folder
        self.namespace = plane.kube.namespace(fresh_name("events"))
        folder.mkdir()
        meta = {"name": "pullthrough", "namespace": self.namespace}
        self.role = {"name": self.namespace}
        plane.kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        plane.kube.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": self.role,
                "rules": rules,
            }
        )
        plane.kube.create(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": self.role,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **self.role},
                "subjects": [{"kind": "ServiceAccount", **meta}],
            }
        )
        (folder / "ca.crt").write_text(plane.certs.ca.read_text())
        (folder / "token").write_text(plane.kube.token_of("pullthrough", self.namespace))

    def environ(self):
        return {
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.plane.port),
            "PULLTHROUGH_SERVICE_ACCOUNT": str(self.folder),
        }


RULES = [
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch", "create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"]},
]


@pytest.fixture
def account(plane, tmp_path):
    return Account(plane, tmp_path / "account", RULES)


@pytest.fixture
def call(account, program):
    def run(*words, body=None):
        done = subprocess.run(
            [_program(program), *words], input=json.dumps(body), env=account.environ(), check=True,
            capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
        outcome, _, text = done.stdout.partition(" ")
        return int(outcome), text.rstrip("\n")

    return run


def _program(program):
    found = program.parent.parent / "tests" / "it" / "call_kube"
    return found if found.is_file() else ROOT / "build" / "dev" / "tests" / "it" / "call_kube"


def event(namespace, name, reason="Failed", kind="Warning"):
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": {"kind": "Pod", "namespace": namespace, "name": "web", "apiVersion": "v1"},
        "reason": reason,
        "message": "x" * 65536 if name == "long" else 'Failed to pull image "x": not found',
        "type": kind,
    }


def test_only_failed_pulls_come(account, program, plane):
    place = f"/api/v1/namespaces/{account.namespace}/events"
    plane.kube.ask("POST", place, event(account.namespace, "before"))
    watch = Watch(_program(program), account, 3)
    while "before" not in watch.until("event 0 "):
        pass  # other tests' are here, too
    plane.kube.ask("POST", place, event(account.namespace, "pulled", "Pulled", "Normal"))
    plane.kube.ask("POST", place, event(account.namespace, "backoff", "BackOff"))
    made = plane.kube.ask("POST", place, event(account.namespace, "long"))
    assert watch.until("event 0 ").split()[2:] == [made["metadata"]["resourceVersion"], "long"]
    watch.process.kill()
    watch.process.wait()


def test_a_version_that_is_too_old(account, program, plane):
    """What etcd has compacted away: the watch begins anew, and nothing is missed."""
    place = f"/api/v1/namespaces/{account.namespace}/events"
    watch = Watch(_program(program), account, 1000, idle_s=1)
    plane.kube.ask("POST", place, event(account.namespace, "first"))
    seen = watch.until("event 0 ")
    while "first" not in seen:
        seen = watch.until("event 0 ")
    # by itself it goes on with the version of the line above, until that is gone
    assert f'"{seen.split()[2]}"' in watch.until("end 0 0 ")
    plane.kube.create(pod("other", "x", namespace=account.namespace))
    last = plane.kube.ask("POST", place, event(account.namespace, "last", reason="Other"))
    _compact(plane, last["metadata"]["resourceVersion"])
    assert '""' in watch.until("end 200 0 ")
    while "first" not in watch.until("event 0 "):
        pass
    watch.process.kill()
    watch.process.wait()


def _compact(plane, revision):
    words = plane.etcd.process.args
    url = words[words.index("--listen-client-urls") + 1] + "/v3/kv/compaction"
    body = json.dumps({"revision": revision}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
        assert answer.status == 200


def test_healing(account, call, plane):
    kube, namespace = plane.kube, account.namespace
    kube.create(pod("web", "cache/x", namespace=namespace))
    outcome, text = call("get", namespace, "web")
    assert outcome == DONE
    meta = json.loads(text)["metadata"]
    patch = [
        {"op": "test", "path": "/metadata/uid", "value": meta["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
        {"op": "test", "path": "/spec/containers/0/image", "value": "cache/x"},
        {"op": "replace", "path": "/spec/containers/0/image", "value": "x"},
        {"op": "add", "path": "/metadata/annotations", "value": {MARK: "disabled"}},
    ]
    assert call("patch", namespace, "web", body=patch)[0] == DONE
    assert kube.get("Pod", "web", namespace)["spec"]["containers"][0]["image"] == "x"
    assert call("patch", namespace, "web", body=patch)[0] == CONFLICT
    assert call("patch", namespace, "gone", body=patch)[0] == ABSENT
    made = event(namespace, "healed", "PulledFromUpstream", "Normal")
    assert call("create", namespace, body=made)[0] == DONE
    assert call("create", namespace, body=made)[0] == CONFLICT


def test_a_patch_that_cannot_be(account, call, plane):
    plane.kube.create(pod("web", "x", namespace=account.namespace))
    name = {"op": "replace", "path": "/spec/containers/0/name", "value": "other"}
    outcome, why = call("patch", account.namespace, "web", body=[name])
    assert outcome not in (DONE, CONFLICT, DENIED) and 'Pod "web" is invalid' in why, why


@only_newest
def test_a_policy_that_confines(account, call, plane):
    kube, name = plane.kube, account.namespace
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    kube.create(pod("web", "x", namespace=account.namespace))
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["pods"],
    }  # fmt: skip
    user = f"system:serviceaccount:{account.namespace}:pullthrough"
    kube.ask("POST", policies + "ies", {
        **kind,
        "kind": "ValidatingAdmissionPolicy",
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": [{"name": "us", "expression": f"request.userInfo.username == '{user}'"}],
            "validations": [{"expression": "false", "message": "nothing may change"}],
        },
    })  # fmt: skip
    kube.ask("POST", policies + "ybindings", {
        **kind,
        "kind": "ValidatingAdmissionPolicyBinding",
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    })  # fmt: skip
    tries = itertools.count()

    def is_denied():
        label = {"op": "add", "path": "/metadata/labels", "value": {"n": str(next(tries))}}
        outcome, why = call("patch", account.namespace, "web", body=[label])
        assert outcome in (DONE, DENIED), why
        return why if outcome == DENIED else None

    why = wait_for(is_denied, "the policy is in force")
    assert "nothing may change" in why and "ValidatingAdmissionPolicy" in why


def test_without_permission(plane, tmp_path, program):
    nobody = Account(plane, tmp_path / "nobody", [])
    watch = Watch(_program(program), nobody, 1)
    assert "may not watch events: events is forbidden" in watch.until("end 403 1 ")
    watch.process.kill()
    watch.process.wait()
