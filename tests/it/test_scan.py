"""`pullthrough scan`: its numbers beside those of a counter of our own, where the pods come from, and
how much memory they take."""

import collections
import json
import os
import pty
import re
import subprocess

import pytest
import yaml

import oracle
from commands import ACCOUNT_VALUE, Commands
from documents import ROOT
from standin import DEFAULTS

HOST = "111122223333.dkr.ecr.eu-central-1.amazonaws.com"
WHERE = ["--account", "111122223333", "--region", "eu-central-1"]
MAKE_PODS = ROOT / "tests" / "bench" / "make_pods.py"

# --- a counter of its own -------------------------------------------------------------------------

PATHS = {"Pod": [], "PodTemplate": ["template"], "CronJob": ["spec", "jobTemplate", "spec", "template"],
         **dict.fromkeys(("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"), ["spec", "template"])}


def pods_in(document):
    """(namespace, pod) of each."""
    if not isinstance(document, dict):
        return
    if document.get("kind") == "List" or document.get("kind", "")[:-4] in PATHS:
        for item in document.get("items") or []:
            yield from pods_in(item)
        return
    pod = document
    for key in PATHS[document["kind"]]:
        pod = (pod or {}).get(key)
    yield (document.get("metadata") or {}).get("namespace") or "", pod or {}


def name_of(rules, text):
    """(name, registry) under which an image is counted."""
    try:
        ref = oracle.parse_reference(text)
    except oracle.InvalidReference:
        return text.decode(errors="replace"), ""
    upstream = rules.find(ref.domain, switched_off=True)
    registry = upstream.names[0] if upstream else ref.domain
    version = ref.version() or b":latest"
    return (registry + (b"/" if registry else b"") + ref.path + version).decode(), registry.decode()


def images_of(rules, namespace, pod):
    """(image, outcome) of each container and image volume."""
    gate = oracle._gated(rules, {"namespace": namespace}, pod)  # noqa: SLF001
    spec = pod.get("spec") or {}
    for field in ("containers", "initContainers", "volumes"):
        for entry in spec.get(field) or []:
            where = entry.get("image") if field == "volumes" else entry
            text = (where or {}).get("reference" if field == "volumes" else "image")
            if text is None or (field == "volumes" and not text):
                continue
            text = text.encode()
            outcome = oracle.judge(rules, text).outcome
            if oracle._container_marked(pod, entry):  # noqa: SLF001
                outcome = "skipped-container"
            elif oracle._never_pulled(field, entry):  # noqa: SLF001
                outcome = "never-pulled"
            yield text, gate or outcome


def count(documents, config="registry: {account: '111122223333', region: eu-central-1}"):
    """What -o json says, as far as it is counted here."""
    rules = oracle.Rules.from_yaml(config)
    pods, containers = 0, 0
    rows = {"registries": collections.defaultdict(lambda: (set(), [0])),
            "namespaces": collections.defaultdict(lambda: (set(), [0]))}
    outcomes, of = collections.defaultdict(set), collections.defaultdict(set)
    for namespace, pod in (each for document in documents for each in pods_in(document)):
        found = list(images_of(rules, namespace, pod))
        pods += bool(found)
        containers += len(found)
        seen = set()
        for text, outcome in found:
            name, registry = name_of(rules, text)
            outcomes[name].add(outcome)
            for kind, key in (("registries", registry), ("namespaces", namespace)):
                of[kind, key, name].add(outcome)
                rows[kind][key][0].add(name)
                seen.add((kind, key))
        for kind, key in seen:
            rows[kind][key][1][0] += 1
    def add(sets):
        return {"images": len(sets), "change": sum("rewritten" in each for each in sets),
                "stay": sum(bool(each - {"rewritten"}) for each in sets),
                "outcomes": dict(collections.Counter(word for each in sets for word in each))}
    return {
        "total": {**add(list(outcomes.values())), "pods": pods, "containers": containers,
                  "namespaces": len(rows["namespaces"])},
        **{kind: {key: {**add([of[kind, key, name] for name in names]), "pods": n[0]}
                  for key, (names, n) in rows[kind].items()} for kind in rows},
        "images": {name: sorted(words) for name, words in outcomes.items()},
    }  # fmt: skip


def told(document):
    """The same of what the program says."""
    def pick(row, *more):
        return {key: row[key] for key in ("images", "change", "stay", "outcomes", "pods", *more)}
    return {
        "total": pick(document["total"], "containers", "namespaces"),
        "registries": {row["registry"]: pick(row) for row in document["registries"]},
        "namespaces": {row["namespace"]: pick(row) for row in document["namespaces"]},
        "images": {row["image"]: sorted(row["outcomes"]) for row in document["images"]},
    }


# --- running it -----------------------------------------------------------------------------------


@pytest.fixture
def scan(program, tmp_path):
    """Run it as on a laptop without credentials; `input` is standard input."""

    def run(*arguments, status=0, environment=(), **options):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        done = subprocess.run([program, "scan", *arguments], capture_output=True, text=True, timeout=300,
                              check=False, env={**kept, "HOME": str(tmp_path), **dict(environment)},
                              **{"input": "", **options})  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done

    return run


def pod(name, *images, namespace="web", **spec):
    containers = [{"name": f"c{i}", "image": image} for i, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": containers, **spec}}


def listed(*pods):
    return {"apiVersion": "v1", "items": list(pods), "kind": "List", "metadata": {"resourceVersion": ""}}


# --- its numbers ----------------------------------------------------------------------------------


def manifests():
    """Those of the fixtures that hold only kinds that the counter knows, and that PyYAML reads."""
    for path in sorted((ROOT / "tests/fixtures/manifest").glob("*/in.*")):
        if (path.parent / "want-error.txt").exists():
            continue
        try:
            documents = list(yaml.safe_load_all(path.read_bytes()))
            count(documents)
        except Exception:  # noqa: BLE001: another kind, or odd on purpose
            continue
        if documents:
            yield path, documents


def test_the_manifests_of_the_fixtures(scan):
    found = list(manifests())
    assert len(found) >= 40
    files = [word for path, _ in found for word in ("-f", str(path))]
    said = json.loads(scan("--offline", "-o", "json", *WHERE, *files).stdout)
    want = count([each for _, documents in found for each in documents])
    assert want["total"]["images"] >= 25 and len(want["total"]["outcomes"]) >= 6
    assert told(said) == want


def test_the_pods_of_the_reviews(scan):
    """As kubectl prints them, in one List."""
    pods = []
    for path in sorted((ROOT / "tests/fixtures/review").glob("*/review.json")):
        try:
            request = json.loads(path.read_text())["request"]
            each = {**request["object"], "apiVersion": "v1", "kind": "Pod"}
            each["metadata"] = {**(each.get("metadata") or {}), "namespace": request.get("namespace") or ""}
            count([each])
            json.dumps(each, allow_nan=False)
        except Exception:  # noqa: BLE001: not a pod, on purpose
            continue
        pods.append(each)
    assert len(pods) >= 30
    done = scan("--offline", "-o", "json", *WHERE, input=json.dumps(listed(*pods), indent=4))
    assert told(json.loads(done.stdout)) == count(pods)


def test_a_cluster(scan):
    """Large enough to be cut into its pods."""
    text = subprocess.run([MAKE_PODS, "300"], capture_output=True, text=True, check=True).stdout
    assert len(text) > 2 * 1024 * 1024
    said = json.loads(scan("--offline", "-o", "json", *WHERE, input=text).stdout)
    assert told(said) == count([json.loads(text)])
    assert said["rules"] == {"asked": False, "assumedReady": "AWS wasn't asked", "account": None,
                             "region": None, "upstreams": []}


def test_what_an_image_becomes_is_told_where_the_registry_is_known(scan):
    text = json.dumps(pod("a", "nginx", "ghcr.io/a/b:1@sha256:" + 64 * "0"))
    for options, rewritten in ((WHERE, HOST + "/dockercache/library/nginx:latest"), ([], None)):
        images = json.loads(scan("--offline", "-o", "json", *options, input=text).stdout)["images"]
        assert [each.get("rewritten") for each in images] == [rewritten, None]


def test_check(scan):
    good = json.dumps(pod("a", "nginx", "gcr.io/a/b", "ghcr.io/a/b@sha256:" + 64 * "0"))
    scan("--offline", "--check", input=good)
    bad = json.dumps(pod("a", "Not/An:Image:"))
    scan("--offline", input=bad)
    assert json.loads(scan("--offline", "--check", "-o", "json", input=bad, status=1).stdout)["mendable"]


def test_a_table_of_80_columns(scan):
    """Whatever is in it, but for names that are longer; and nothing is cut."""
    long = "registry." + "a" * 60 + ".example/team/app:1"
    pods = [pod("a", "nginx", "nginx:1@sha256:" + 64 * "1", long, "BAD", "gcr.io/a/b", namespace="n" * 63),
            pod("b", "nginx", namespace="kube-system"), pod("c", "redis", namespace="cache")]
    pods[0]["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    for options in ([], ["--by", "namespace"], ["--verbose"]):
        said = scan("--offline", *options, input=json.dumps(listed(*pods))).stdout
        for line in said.splitlines():
            assert len(line) <= 80 or max(map(len, line.split())) > 60, line
        assert long.split("/", maxsplit=1)[0] in said or "namespace" in options
        assert "1 image pinned by digest" in said and "cache (1)" in said
    for reason in ("never-pulled 1", "not-upstream 2", "invalid 1", "digest 1"):
        assert reason in scan("--offline", "--by", "namespace", input=json.dumps(listed(*pods))).stdout


def test_kinds_that_only_an_operator_knows(scan):
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"},
             "spec": {"template": {"containers": [{"name": "a", "image": "redis:7"}]}}}
    said = scan("--offline", "-f", "-", input=yaml.safe_dump_all([pod("a", "nginx"), thing])).stdout
    assert "Thing of example.com/v1 (1 object, 1 image)" in said.replace("\n  ", " ")
    assert json.loads(scan("--offline", "-o", "json", "-f", "-", input=yaml.safe_dump(thing)).stdout)[
        "operatorKinds"] == [{"apiVersion": "example.com/v1", "kind": "Thing", "objects": 1, "images": 1}]


def test_an_input_that_breaks_off_has_no_numbers(scan):
    text = subprocess.run([MAKE_PODS, "200"], capture_output=True, text=True, check=True).stdout
    done = scan("--offline", input=text[:-500], status=3)
    assert done.stdout == "" and "the JSON text ends too early" in done.stderr


def test_no_pods(scan):
    done = scan("--offline", input=json.dumps(listed()))
    assert done.stderr == "pullthrough scan: there is not one image in the input\n"
    assert done.stdout.startswith("0 pods, 0 containers, 0 images in 0 namespaces")


# A kubectl that fails in front of a pipe leaves an empty text, and without `-o json` it prints a table.
@pytest.mark.parametrize("text", ["", "\n", "---\n", "null", "NAME   READY\nweb-1  1/1\n", "pod/web-1\n", "[]",
                                  "{}", '{"items": []}'])
def test_what_is_no_cluster_at_all(scan, text):
    done = scan("--offline", "--check", input=text, status=3)
    assert done.stdout == "" and done.stderr == (
        "pullthrough scan: there is not one Kubernetes object in the input; `kubectl get pods -A -o json` "
        "prints them\n")


@pytest.mark.parametrize("beside", ["", "y" * (1 << 20)], ids=["whole", "cut"])
@pytest.mark.parametrize("kind", ["PodList", "List"])
def test_a_page_of_a_list_is_not_the_list(scan, kind, beside):
    """As `kubectl get --raw '/api/v1/pods?limit=500'` prints it."""
    page = {"kind": kind, "apiVersion": "v1", "x": beside, "items": [pod("a", "nginx")],
            "metadata": {"resourceVersion": "1", "continue": "eyJ2", "remainingItemCount": 7}}
    done = scan("--offline", input=json.dumps(page), status=3)
    assert done.stdout == "" and done.stderr == (
        "pullthrough scan: a list in the input goes on elsewhere (metadata.continue); `kubectl get pods -A -o json` "
        "prints all of it\n")
    for none in "", None:
        page["metadata"]["continue"] = none
        assert scan("--offline", input=json.dumps(page)).stdout.startswith("1 pod,")


def test_several_files_of_which_one_holds_something(scan, tmp_path):
    (tmp_path / "empty.yaml").write_text("---\n# nothing\n")
    (tmp_path / "service.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n")
    done = scan("--offline", "-f", str(tmp_path / "empty.yaml"), "-f", str(tmp_path / "service.yaml"))
    assert done.stderr == "pullthrough scan: there is not one image in the input\n"


def test_a_list_that_is_cut_is_an_object(scan):
    done = scan("--offline", input='{"apiVersion": "v1", "items": [], "x": "' + "y" * (1 << 20) + '", "kind": "List"}')
    assert done.stderr == "pullthrough scan: there is not one image in the input\n"


# --- where pods come from -------------------------------------------------------------------------


def test_a_dash_is_standard_input(scan, kubectl):
    """As for warm, also where standard input is a terminal's."""
    done = scan("-", "--offline", input=json.dumps(pod("a", "nginx")), environment=kubectl())
    assert done.stdout.startswith("1 pod, ")
    done = scan("pods.json", "--offline", status=2)
    assert 'pods come from a file after -f, or from standard input by "-"' in done.stderr


@pytest.fixture
def kubectl(tmp_path):
    """One that writes down its arguments, and prints a pod; by `status` it fails."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "kubectl"

    def make(status=0, printed=None):
        text = json.dumps(listed(pod("a", "nginx"))) if printed is None else printed
        script.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/said\ncat <<'END'\n{text}\nEND\n"
                          f"[ {status} = 0 ] || echo 'error: no login' >&2\nexit {status}\n")
        script.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    make.said = lambda: (tmp_path / "said").read_text().split()
    return make


@pytest.mark.parametrize("options, words", [
    (["-A"], "get pods -o json --all-namespaces"),
    (["--context", "prod"], "get pods -o json --all-namespaces --context prod"),
    (["--kubeconfig", "k.yaml", "-n", "web"], "get pods -o json --namespace web --kubeconfig k.yaml")])
def test_kubectl_gets_its_options(scan, kubectl, options, words):
    said = scan("--offline", *options, environment=kubectl()).stdout
    assert said.startswith("1 pod, 1 container, 1 image in 1 namespace: 1 would change, 0 stay\n")
    assert kubectl.said() == words.split()


def test_on_a_terminal_kubectl_is_run(scan, kubectl):
    ours, theirs = pty.openpty()
    said = scan("--offline", environment=kubectl(), stdin=theirs, input=None).stdout
    os.close(ours)
    os.close(theirs)
    assert said.startswith("1 pod, ") and kubectl.said() == "get pods -o json --all-namespaces".split()


def test_kubectl_that_fails(scan, kubectl):
    """Its own words stand there, and no numbers."""
    done = scan("--offline", "-n", "web", environment=kubectl(status=1, printed=""), status=3)
    assert done.stdout == "" and done.stderr == "error: no login\npullthrough scan: kubectl ended with status 1\n"


def test_kubectl_that_fails_halfway(scan, kubectl):
    """What it printed breaks off; that it failed is why."""
    done = scan("--offline", "-n", "web", status=3,
                environment=kubectl(status=1, printed='{"kind": "List", "apiVersion": "v1", "items": [{},'))
    assert done.stdout == ""
    assert re.fullmatch(r"error: no login\npullthrough scan: kubectl ended with status 1, and what it printed can't "
                        r"be read: kubectl:\d+:\d+: .*\n", done.stderr)


def test_kubectl_that_is_not_there(scan, tmp_path):
    done = scan("--offline", "-n", "web", environment={"PATH": str(tmp_path)}, status=3)
    assert "kubectl isn't in PATH; where it is, type: kubectl get pods -A -o json | pullthrough scan" in done.stderr


def test_what_does_not_go_together(scan):
    for arguments in (["-f", "-", "-n", "web"], ["-f", "-", "-A"], ["-A", "-n", "web"], ["-f", "-", "-f", "-"],
                      ["-f", "-", "--config", "-"]):
        assert "usage: pullthrough scan" in scan(*arguments, status=2).stderr
    assert 'did you mean "--offline"?' in scan("--ofline", status=2).stderr


def test_as_a_plugin_of_kubectl(program, tmp_path):
    plugin = tmp_path / "kubectl-pullthrough"
    plugin.symlink_to(program)
    done = subprocess.run([plugin, "scan", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: kubectl pullthrough scan [OPTION...]\n")


# --- the rules as they are ------------------------------------------------------------------------


def test_the_rules_as_ecr_has_them(program, tmp_path, aws):
    """ghcr.io lacks its secret; nothing is written by a look."""
    aws.set(upstreams={"registry-1.docker.io": {"accounts": {"somebody": ACCOUNT_VALUE["accessToken"]}}})
    aws.secret(DEFAULTS["registry-1.docker.io"][1], value=ACCOUNT_VALUE)
    commands = Commands(program, tmp_path, aws)
    commands.run("rules", "apply", status=1)
    written = len(commands.writes())
    file = tmp_path / "pods.json"
    file.write_text(json.dumps(listed(pod("a", "nginx:1", "ghcr.io/a/b:1"), pod("b", "quay.io/a/b:1"))))
    said = commands.json("scan", "-f", str(file), "--check", status=1)
    assert said["rules"]["asked"] and said["rules"]["account"] and said["mendable"]
    states = {each["registry"]: each["state"] for each in said["rules"]["upstreams"]}
    assert states["ghcr.io"] == "secret-missing" and states["docker.io"] == "ready"
    assert {row["registry"]: row["outcomes"] for row in said["registries"]} == {
        "docker.io": {"rewritten": 1}, "ghcr.io": {"rule-not-ready": 1}, "quay.io": {"rewritten": 1}}
    text = commands.run("scan", "-f", str(file)).stdout
    assert "- ghcr.io is secret-missing: " in text and "The rules are those of account " in text
    assert "What to do: make the secret, with the keys" in text
    assert len(commands.writes()) == written


def test_without_rules_nothing_is_made(program, tmp_path, aws):
    """The mode is manage, and yet."""
    commands = Commands(program, tmp_path, aws)
    file = tmp_path / "pods.json"
    file.write_text(json.dumps(pod("a", "quay.io/a/b:1")))
    said = commands.json("scan", "-f", str(file))
    assert said["registries"][0]["outcomes"] == {"rule-not-ready": 1}
    assert commands.writes() == []


def test_what_to_do_is_told_once_of_each_state(program, tmp_path, aws):
    """A fresh account has no rule."""
    commands = Commands(program, tmp_path, aws)
    file = tmp_path / "pods.json"
    file.write_text(json.dumps(pod("a", "quay.io/a/b:1", "registry.k8s.io/pause:1")))
    text = " ".join(commands.run("scan", "-f", str(file)).stdout.split())
    assert text.count(" is missing: ") == 2 and text.count("What to do: `pullthrough rules apply`") == 1


def test_a_command_to_type_has_no_full_stop(scan, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[profile dev]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
        "sso_account_id = 111122223333\nsso_role_name = webhook\nregion = us-west-2\n")
    text = scan(input=json.dumps(pod("a", "nginx")), environment={"AWS_PROFILE": "dev"}).stdout
    assert "aws sso login --profile dev\n" in text


def test_nothing_to_name(scan):
    text = scan("--offline", "--verbose", input=json.dumps(pod("a", "quay.io/a/b:1"))).stdout
    assert "Each namespace's images" not in text


def test_an_image_that_changes_and_stays(scan):
    pods = listed(pod("a", "nginx:1"), pod("b", "nginx:1", namespace="kube-system"))
    text = scan("--offline", input=json.dumps(pods))
    assert "1 would change, 1 stay\n(1 of them is both: it changes in some pods, and stays in others)\n" in text.stdout


def test_without_credentials_the_rules_are_taken_for_ready(scan):
    done = scan("-o", "json", input=json.dumps(pod("a", "quay.io/a/b:1")),
                environment={"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "eu-central-1"})
    said = json.loads(done.stdout)
    assert not said["rules"]["asked"] and "credentials" in said["rules"]["assumedReady"]
    assert said["total"]["outcomes"] == {"rewritten": 1}


def test_a_profile_that_is_named_and_can_not_be_used(scan, tmp_path):
    """Whoever names one wants the rules of that account, and no others."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[profile prod]\nregion = eu-central-1\n")
    pods = json.dumps(pod("a", "quay.io/a/b:1"))
    surroundings = {"AWS_EC2_METADATA_DISABLED": "true"}
    for profile, reason in (("prd", '--profile is "prd", which is in neither; did you mean "prod"?'),
                            ("prod", "no AWS credentials found (")):  # fmt: skip
        done = scan("--profile", profile, input=pods, environment=surroundings, status=3)
        assert reason in done.stderr and done.stdout == ""
        assert done.stderr.endswith("(--offline takes every rule for ready)\n")
        # nobody asks AWS then
        scan("--profile", profile, "--offline", input=pods, environment=surroundings)


# --- memory ---------------------------------------------------------------------------------------


def counted(said):
    """Pods, or images where they are told one by one."""
    if said.startswith("9000 pods, "):
        return 9000
    if said[0] != "{":
        return said.count("\n")
    document = json.loads(said)
    if "total" in document:
        return document["total"]["pods"]
    assert document["rewritten"] == sum(each["outcome"] == "rewritten" for each in document["images"]) > 0
    return len(document["images"])


@pytest.mark.xdist_group("released")
@pytest.mark.parametrize("command, number", [
    ("scan --offline -f -", 9000), ("scan --offline -o json", 9000), ("rewrite -o json -f -", 18000),
    ("rewrite --explain -f -", 18000)])
def test_memory_is_flat(released, command, number):
    """100 MB of pods, by a program that gets 64 MiB of address space in all."""
    with subprocess.Popen([MAKE_PODS, "9000"], stdout=subprocess.PIPE) as maker:
        done = subprocess.run(["sh", "-c", f"ulimit -v 65536; exec {released} {command}"], stdin=maker.stdout,
                              env={"AWS_ACCOUNT_ID": "111122223333", "AWS_REGION": "us-west-2",
                                   "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert counted(done.stdout) == number


def test_the_transcripts_of_the_page(program, tmp_path):
    """docs/scan.md: what it shows is what is printed."""
    page = (ROOT / "docs/scan.md").read_text()
    shown = re.findall(r"^    \$ (pullthrough scan .*)\n((?:    .*\n|\n(?=    ))+)", page, re.M)
    assert len(shown) >= 3
    (tmp_path / "pullthrough").symlink_to(program)
    for command, output in shown:
        done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True,
                              env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert done.stdout == re.sub(r"^    ", "", output, flags=re.M)


def test_the_page_tells_of_each_note():
    """Those of core/scan, by the program's own words."""
    source = (ROOT / "src/app/cli/scan_print.c").read_text()
    notes = set(re.findall(r'\[SCAN_\w+\]\s*=\s*\{\s*"([a-z-]+)"', source))
    page = (ROOT / "docs/scan.md").read_text()
    assert len(notes) == 6 and notes == set(re.findall(r"^\| `([a-z-]+)` \| ", page, re.M))
