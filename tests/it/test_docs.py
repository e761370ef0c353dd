"""Every command that README.md and the pages for operators show is run by a test, or has a reason
why it can't be; what is shown of its output is compared by test_readme.py."""

import json
import os
import re
import shlex
import socket
import subprocess

import pytest
import yaml

from documents import DOCUMENTS, ROOT, commands, commands_in, plain, section

# Who runs a command that isn't run here: a test, by its name, or a reason.
APISERVER = "tests/apiserver/test_docs.py: a real API server"
E2E = "tests/e2e: a whole node"
MODEL = "there is no AWS here: its arguments are compared with the service's model below"
SHOWN = "test_readme.py compares what it prints"
ELSEWHERE = [
    (r"hack/demo\.sh|hack/build\.sh", "installs packages; hack/test.sh builds, CI runs the demo"),
    (r"hack/test\.sh", "runs this"),
    (r"hack/e2e\.sh.*", "runs a cluster; hack/test.sh calls it, and tests/e2e/test_7 by --use-kubeconfig"),
    (r"hack/image\.sh.*", "builds for minutes; hack/test.sh calls it with these arguments"),
    (r"docker run --rm -e .* iam nodes > nodes\.json|alias pullthrough='docker run .*'",
     "there is no Docker here; tests/image runs `iam nodes` from the image, and below it is run bare"),
    (r"aws ecr get-login-password \| skopeo login .*", "takes an account; its words are those of AWS's manual"),
    (r"skopeo copy --all oci-archive:.*", "takes an account; tests/image lets skopeo read the archive"),
    (r'eval "\$\(aws configure export-credentials .*', "takes a profile of AWS's own programs"),
    (r"aws secretsmanager create-secret …", "is spelt out on the same page"),
    (r"aws .*", MODEL),
    (r"helm test .*|kubectl get --raw .*|kubectl .* get --raw .*", E2E),
    (r"kubectl .* port-forward .*", "stays until it is ended; test_serve_page.py has the page"),
    (r"helm template web .*|helm plugin install deploy/helm-plugin",
     "takes a chart of the reader's; tests/apiserver/test_manifest_tools.py does so with one of its own"),
    (r"helm .*|kubectl .*|kustomize .*", APISERVER),
    (r"pullthrough (rules (apply|list)|verify|rewrite)\b.*", SHOWN),
    (r"export AWS_ACCOUNT_ID=.* AWS_REGION=.*", "before examples that test_readme.py runs"),
    (r"pullthrough serve --config pullthrough\.yaml", "its configuration is checked below; serve is run by test_serve*.py"),
]  # fmt: skip
STAND_IN = section("docs/aws.md", "Without an account")
IAM = r"pullthrough iam( .*)?"


def all_commands():
    return [(document, plain(each)) for document in DOCUMENTS for each in commands(document)]


def test_each_command_is_run_or_has_a_reason():
    stand_in = [plain(each) for each in commands_in(STAND_IN)]
    used = set()
    for document, command in all_commands():
        if command in stand_in or re.fullmatch(IAM, command):
            continue  # below
        found = [each for each, _ in ELSEWHERE if re.fullmatch(each, command)]
        assert found, f"{document} shows a command that no test runs: {command}"
        used.add(found[0])
    assert {each for each, _ in ELSEWHERE} == used, "a reason for what nobody shows"


@pytest.mark.parametrize("command", sorted({c for _, c in all_commands() if re.fullmatch(IAM, c)}))
def test_a_policy(program, tmp_path, command):
    """As text for the file that the next command reads."""
    (tmp_path / "pullthrough").symlink_to(program)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AWS_ACCOUNT_ID": "111122223333",
                   "AWS_REGION": "eu-central-1"}  # fmt: skip
    done = subprocess.run(["sh", "-ec", command], cwd=tmp_path, env=environment, check=True,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    if ">" in command:
        policy = json.loads((tmp_path / command.rpartition("> ")[2]).read_text())
        assert policy["Version"] == "2012-10-17" and policy["Statement"]
    else:
        assert "ecr:BatchImportUpstreamImage" in done.stdout


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_without_an_account(program, tmp_path):
    """The page's commands in their order, in one shell, on another port."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pullthrough").symlink_to(program)
    script = ["set -u"]
    for command in commands_in(STAND_IN):
        script += [f"echo '== '{shlex.quote(plain(command))}", command]
        script += ["echo \"== $?\""] if not command.endswith("&") else ["pid=$!"]
    text = "\n".join(script).replace("4566", str(free_port()))
    text = text.replace("tests/fakes/aws", f"{ROOT}/tests/fakes/aws")
    kept = {k: v for k, v in os.environ.items()
            if not k.startswith("AWS_") and not k.lower().endswith("_proxy")}  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"{text}\nwait $pid; echo ended"], cwd=tmp_path, capture_output=True,
        text=True, timeout=120, check=False,
        env={**kept, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path),
             "AWS_EC2_METADATA_DISABLED": "true",
             "LSAN_OPTIONS": f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0"},
    )  # fmt: skip
    said = done.stdout
    status = dict(re.findall(r"^== (.+)\n(?:(?!== ).*\n)*?== (\d+)$", said, re.M))
    negative = {command for command, code in status.items() if code != "0"}
    assert negative == {
        "pullthrough rules apply --config config.yaml --dry-run",  # there is something to do
        "pullthrough rules apply --config config.yaml",  # ghcr.io has no secret
    }, said + done.stderr
    assert "+ rule k8scache" in said and "! rule dockercache" in said
    assert re.search(r"^docker\.io\s+dockercache\s+ready\b", said, re.M), said
    assert said.endswith("ended\n")
    assert [each.name for each in tmp_path.iterdir()] == ["bin"]


def test_the_configuration_of_build_and_run(program, tmp_path):
    file = tmp_path / "pullthrough.yaml"
    file.write_text(re.search(r"```yaml\n(.*?)```", section("README.md", "Build and run"), re.S)[1])
    done = subprocess.run([program, "check-config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["rewrite"]["exclude"] == ["auto", "docker.io/istio/*"]


def test_what_keeps_private_images_out(program, tmp_path):
    """check-config's help and install.md say the same, and it does."""
    said = subprocess.run([program, "check-config", "--help"], capture_output=True, text=True, check=True).stdout
    example = yaml.safe_load(re.search(r"\n\n((?:    .*\n)+)", said)[1])
    assert example == yaml.safe_load(
        re.search(r"```yaml\n(.*?)```", section("docs/install.md", "Private images"), re.S)[1])["config"]
    file = tmp_path / "pullthrough.yaml"
    registry = {"account": "123456789012", "region": "eu-central-1"}
    file.write_text(yaml.safe_dump({"registry": registry, **example}))
    for image, kept in (("docker.io/acme/app:1", True), ("acme/app:1", True), ("ghcr.io/acme/team/app:1", True),
                        ("quay.io/acme/app:1", True), ("ghcr.io/acmes/app:1", False)):  # fmt: skip
        done = subprocess.run([program, "rewrite", "--config", file, "--explain", image], capture_output=True,
                              text=True, check=False)
        assert ("excluded" in done.stdout) == kept, (image, done.stdout, done.stderr)


@pytest.mark.parametrize("command", sorted({
    c for _, c in all_commands() if c.startswith("aws ") and "get-login" not in c and "…" not in c[-2:]}))
def test_the_words_of_aws(command):
    """Service, operation and every option are of AWS's own model."""
    session = pytest.importorskip("botocore.session").get_session()
    _, service, operation, *words = shlex.split(command)
    name = "".join(part.capitalize() for part in operation.split("-"))
    model = session.get_service_model(service).operation_model(name)
    given = {word.removeprefix("--").replace("-", "").lower() for word in words if word.startswith("--")}
    members = {member.lower() for member in model.input_shape.members}
    assert given <= members
    assert {member.lower() for member in model.input_shape.required_members} <= given


def test_nobody_is_told_to_forget_the_nodes():
    """Before a namespace is switched on, in README, install.md and NOTES."""
    for text in ((ROOT / "README.md").read_text().partition("## Install\n")[2],
                 (ROOT / "docs/install.md").read_text(),
                 (ROOT / "charts/pullthrough/templates/NOTES.txt").read_text()):  # fmt: skip
        before = text.partition("kubectl label namespace YOURS")[0]
        assert "iam nodes > nodes.json" in before and "aws iam put-role-policy --role-name NODES-ROLE" in before
        assert "helm test" in before
