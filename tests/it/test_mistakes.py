"""What a person types wrong, or lacks: each message says what to type next."""

import os
import pty
import subprocess

import pytest

PODS = '{"apiVersion": "v1", "kind": "List", "items": []}'
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
LOG_IN = "; log in (`aws sso login`, `aws configure`), or name a profile with --profile\n"


@pytest.fixture
def run(program, tmp_path):
    """On a laptop that has nothing."""

    def run(*words, **environment):
        done = subprocess.run([program, *words], input=PODS, capture_output=True, text=True, timeout=60, check=False,
                              env={"PATH": str(tmp_path), "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true",
                                   **environment}, cwd=tmp_path)  # fmt: skip
        assert done.returncode and "Sanitizer" not in done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.parametrize("words", [
    ("rules", "list"), ("rules", "apply"), ("images", "list"), ("warm",), ("iam", "nodes"), ("verify",)])
def test_without_region_or_credentials(run, words):
    assert "no AWS region is set (--region, registry.region or AWS_REGION)" in run(*words)
    assert LOG_IN in run(*words, "--region", "eu-central-1")


@pytest.mark.parametrize("words, says", [
    (("scan", "-f", "absent.json"), "absent.json: No such file"),
    (("check-config", "absent.yaml"), "absent.yaml: No such file"),
    (("warm", "pods.json"), "pods come from a file after -f"),
    (("scan", "--context", "a"), "kubectl isn't in PATH; where it is, type: kubectl get pods -A -o json | pullthrough"),
    (("rewrite", "nginx"), "or use --account and --region"),
    (("version", "-o"), "-o: an argument is missing: json or yaml"),
    (("scan", "--by"), "--by: an argument is missing: registry or namespace"),
    (("scan", "--by", "pod"), '--by: wants registry or namespace, not "pod"'),
    (("scan", "--contxt"), 'did you mean "--context"?'),
    (("rules",), "list, apply or delete?"),
    (("rules", "delete"), "delete: the PREFIX is missing"),
    (("rules", "delete", "a"), "nobody can be asked here: --yes says that it is meant"),
    (("serve",), "elsewhere say mode: files, with certFile and keyFile"),
    (("certificates", "make", "--secret", "a", "--service", "b", "--webhooks", "c"), "a Job of the chart runs this"),
    (("verify", "--pod", "a/b"), "`helm test` runs this in one"),
    (("rules", "list", "--profile", "a", "--region", "eu-central-1"), "`aws configure list-profiles` names"),
])
def test_says_what_to_type(run, words, says):
    assert says in run(*words)


def test_no_pods(program):
    """Of a pipe that ended early."""
    done = subprocess.run([program, "scan", "--offline"], input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr == ("pullthrough scan: there is not one Kubernetes object in the input; "
                           "`kubectl get pods -A -o json` prints them\n")


def test_a_context_that_is_not_there(program, tmp_path):
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\necho 'error: context \"a\" does not exist' >&2; exit 1\n")
    kubectl.chmod(0o755)
    done = subprocess.run([program, "scan", "--offline", "--context", "a"], capture_output=True, text=True, timeout=60,
                          check=False, env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)})  # fmt: skip
    assert done.returncode == 3 and done.stderr.endswith(
        "pullthrough scan: kubectl ended with status 1; `kubectl config get-contexts` names the contexts\n")


@pytest.mark.parametrize("words", [("review",), ("scan", "--offline", "-f", "-"), ("rewrite", "--explain", "-f", "-")])
def test_standard_input_on_a_terminal(program, tmp_path, words):
    """Nobody sits before a program that waits in silence."""
    controller, terminal = pty.openpty()
    with subprocess.Popen([program, *words], stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={"HOME": str(tmp_path), "AWS_ACCOUNT_ID": "111122223333",
                               "AWS_REGION": "eu-central-1"}) as process:  # fmt: skip
        os.close(terminal)
        first = process.stderr.readline()
        os.write(controller, b"{}\n\x04")
        process.communicate(timeout=60)
    os.close(controller)
    assert first == f"pullthrough {words[0]}: reading from the terminal; Ctrl-D ends it\n"
