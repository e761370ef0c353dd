"""`pullthrough rewrite` from outside: every manifest fixture, and the command line around it.

PyYAML is the second opinion on YAML: what it reads before and after differs in images only.
"""

import json
import os
import pathlib
import pty
import re
import subprocess
import termios

import pytest
import yaml

from conftest import ROOT

FIXTURES = ROOT / "tests" / "fixtures" / "manifest"
HOST = "111122223333.dkr.ecr.us-west-2.amazonaws.com"
WHERE = ["--account", "111122223333", "--region", "us-west-2"]
NGINX = HOST + "/dockercache/library/nginx"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"


def fixture_input(case):
    return next(path for path in (case / "in.yaml", case / "in.json") if path.is_file())


def wanted(case):
    return next(path for path in (case / "want.yaml", case / "want.json") if path.is_file())


def kinds(case):
    """The options of a case for which the configuration isn't the default one."""
    path = case / "kinds.txt"
    return ["--kinds", path.read_text().strip()] if path.is_file() else []


CASES = sorted(path for path in FIXTURES.iterdir() if path.is_dir())
GOOD = [case for case in CASES if not (case / "want-error.txt").is_file()]
BAD = [case for case in CASES if (case / "want-error.txt").is_file()]


def names(cases):
    return [case.name for case in cases]


@pytest.fixture(scope="session")
def program():
    """PULLTHROUGH names the program; else it is the one of the build under test."""
    build = pathlib.Path(os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "dev")
    path = pathlib.Path(os.environ.get("PULLTHROUGH") or build / "src" / "pullthrough")
    assert path.is_file(), f"{path} isn't built"
    return path.resolve()


@pytest.fixture
def rewrite(program, tmp_path):
    """Run it with an environment that says nothing of AWS; bytes in, bytes out."""

    def run(*arguments, stdin=b"", env=None, status=0):
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NO_"))
        }
        done = subprocess.run(
            [program, "rewrite", *arguments],
            input=stdin,
            capture_output=True,
            timeout=60,
            cwd=tmp_path,
            env={**clean, **(env or {})},
        )
        assert done.returncode == status, done.stderr.decode()
        return done

    return run


def json_documents(text):
    decoder, at, documents = json.JSONDecoder(), 0, []
    while match := re.compile(r"(?:\s|---\n)*(?=[{\[])").match(text, at):
        document, at = decoder.raw_decode(text, match.end())
        documents.append(document)
    return documents


def compare_json(before, after, path, found):
    if isinstance(before, dict):
        assert list(before) == list(after)
        for key in before:
            compare_json(before[key], after[key], [*path, key], found)
    elif isinstance(before, list):
        assert len(before) == len(after)
        for old, new in zip(before, after):
            compare_json(old, new, path, found)
    elif before != after:
        found.append((path, before, after))


def compare_yaml(before, after, path, found, seen):
    """Two trees of PyYAML's nodes, where aliases are the same node again."""
    if before is None or id(before) in seen:
        assert seen.get(id(before), None) is after
        return
    seen[id(before)] = after
    assert type(before) is type(after)
    if isinstance(before, yaml.ScalarNode):
        if before.value != after.value:
            found.append((path, before.value, after.value))
        else:
            assert (before.tag, before.style) == (after.tag, after.style)
        return
    assert len(before.value) == len(after.value)
    assert (before.tag, before.flow_style) == (after.tag, after.flow_style)
    for old, new in zip(before.value, after.value):
        if isinstance(before, yaml.MappingNode):
            compare_yaml(old[0], new[0], [*path, "a key"], found, seen)
            compare_yaml(old[1], new[1], [*path, old[0].value], found, seen)
        else:
            compare_yaml(old, new, path, found, seen)


def without_marks(text):
    """PyYAML and Python's json take a byte order mark nowhere but at the very start."""
    return re.sub("(?m)(^|(?<=})(?=\ufeff{))\ufeff+", "", text)


def differences(is_json, before, after):
    """(path of keys, old text, new text) of every scalar that differs; anything else fails."""
    before, after = (without_marks(text.decode()) for text in (before, after))
    found = []
    if is_json:
        compare_json(json_documents(before), json_documents(after), [], found)
        return found
    # PyYAML takes no tab between tokens.
    old, new = (list(yaml.compose_all(text.replace("\t", " "))) for text in (before, after))
    assert len(old) == len(new)
    for one, other in zip(old, new):
        compare_yaml(one, other, [], found, {})
    return found


@pytest.mark.parametrize("case", GOOD, ids=names(GOOD))
def test_fixture(rewrite, case):
    done = rewrite("-f", fixture_input(case), *kinds(case), *WHERE)
    assert done.stdout == wanted(case).read_bytes()
    again = rewrite("-f", "-", *kinds(case), *WHERE, stdin=done.stdout)
    assert again.stdout == done.stdout


@pytest.mark.parametrize("case", GOOD, ids=names(GOOD))
def test_only_images_differ_for_another_parser(rewrite, case):
    path = fixture_input(case)
    before = path.read_bytes()
    done = rewrite("-f", "-", *kinds(case), *WHERE, stdin=before)
    found = differences(path.suffix == ".json", before, done.stdout)
    for path, old, new in found:
        assert path[-1] == "image" or path[-2:] == ["image", "reference"], path
        assert new.startswith(HOST + "/"), new
        assert new.endswith(old.rpartition("/")[2]), (old, new)
    report = (case / "want-report.txt").read_text()
    assert len(found) == report.count(" -> ")


@pytest.mark.parametrize("case", BAD, ids=names(BAD))
def test_fixture_that_is_refused(rewrite, case):
    path = fixture_input(case)
    done = rewrite("-f", path, *WHERE, status=3)
    assert done.stdout == b""
    reason = (case / "want-error.txt").read_text().rstrip("\n")
    assert done.stderr.decode().startswith(f"{path}:{reason}")
    assert (b"`helm template`" in done.stderr) == (b"{{" in path.read_bytes())


@pytest.mark.parametrize("case", GOOD, ids=names(GOOD))
def test_check_says_whether_anything_would_change(rewrite, case):
    path = fixture_input(case)
    changes = path.read_bytes() != wanted(case).read_bytes()
    done = rewrite("-f", path, "--check", *kinds(case), *WHERE, status=int(changes))
    report = (case / "want-report.txt").read_text().split("\n")[:-1]
    images = [line.split() for line in report if " -> " in line]
    images.sort(key=lambda image: [int(each) for each in image[1].split(":")])
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(images)
    for line, image in zip(lines, images):
        assert line.startswith(f"{path}:{image[1]}: ")
        assert line.endswith(f" -> {json.loads(image[-1])}")


@pytest.mark.parametrize("case", GOOD, ids=names(GOOD))
def test_json_says_what_the_report_says(rewrite, case):
    path = fixture_input(case)
    done = rewrite("-f", path, "-o", "json", *kinds(case), *WHERE)
    assert done.stderr == b""
    found = json.loads(done.stdout)
    report = (case / "want-report.txt").read_text().split("\n")[:-1]
    images = [line for line in report if " no pod: " not in line]
    assert found["rewritten"] == sum(" -> " in line for line in images)
    assert len(found["images"]) == len(images)
    others = [line for line in report if line not in images]
    assert len(found["others"]) == len(others)
    for other, line in zip(found["others"], others):
        assert line.startswith(f"{other['document']} {other['line']} no pod: ")
        assert (f" images: {other['images']}, " in line) == (other["images"] > 0)
    for image, line in zip(found["images"], images):
        assert image["file"] == str(path)
        assert line.startswith(f"{image['document']} {image['line']}:{image['column']} ")
        assert f" {image['path']} " in line
        if image["outcome"] == "rewritten":
            assert line.endswith(f' -> "{image["rewritten"]}"')
            assert image["upstream"] and image["prefix"]
        else:
            assert f" stays: {image.get('obstacle', image['outcome'])}" in line
            assert "rewritten" not in image and image["explanation"]


def test_references(rewrite):
    done = rewrite("nginx:1", "gcr.io/x/y", "ghcr.io/org/app", "auto", *WHERE)
    assert done.stdout.decode().splitlines() == [
        NGINX + ":1",
        "gcr.io/x/y",
        HOST + "/ghcrcache/org/app",
        "auto",
    ]
    assert done.stderr == b""


def test_every_known_name_of_a_registry_is_an_alias(rewrite, tmp_path):
    done = rewrite("registry.hub.docker.com/library/nginx:1", "k8s.gcr.io/pause", *WHERE)
    assert done.stdout.decode().splitlines() == [NGINX + ":1", HOST + "/k8scache/pause"]
    (tmp_path / "config.yaml").write_text("upstreams: [{registry: public.ecr.aws}]\n")
    done = rewrite("--config", "config.yaml", "ecr-public.aws.com/docker/library/nginx:1", *WHERE)
    assert done.stdout.decode() == HOST + "/ecrpubliccache/docker/library/nginx:1\n"


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "/dev/fd/0"])
def test_standard_input_may_be_a_pipe(rewrite, name):
    done = rewrite("-f", name, *WHERE, stdin=f"{POD}  - image: nginx\n".encode())
    assert done.stdout.decode() == f"{POD}  - image: {NGINX}\n"


def test_what_a_shell_substitutes_may_be_a_pipe(program, tmp_path):
    """`-f <(helm template ...)`; that the configuration is one, too."""
    script = f'exec "$0" rewrite -f <(printf "%s" "$1") --config <(true) {" ".join(WHERE)}'
    done = subprocess.run(
        ["bash", "-c", script, program, f"{POD}  - image: nginx\n"],
        capture_output=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == f"{POD}  - image: {NGINX}\n"


def test_a_manifest_that_is_a_fifo(rewrite, tmp_path):
    os.mkfifo(tmp_path / "pod.yaml")
    done = rewrite("-f", "pod.yaml", *WHERE, status=3)
    assert b"pod.yaml: is a FIFO, not a regular file" in done.stderr


def test_references_that_are_none_are_named(rewrite):
    done = rewrite("Nginx\x1b[31m", "--", "-x", env=aws("111122223333", "us-west-2"))
    assert done.stdout == b"Nginx\x1b[31m\n-x\n"
    assert done.stderr.decode().splitlines() == [
        'pullthrough rewrite: left alone: "Nginx?[31m": not a valid image reference: '
        "the repository name must be lower case",
        'pullthrough rewrite: left alone: "-x": not a valid image reference: '
        "not a repository name",
    ]


def aws(account, region):
    return {"AWS_ACCOUNT_ID": account, "AWS_REGION": region}


def test_references_explained_for_programs_that_read_lines(rewrite):
    done = rewrite("--explain", "nginx", "Nginx", "nginx@sha256:" + "0" * 64, "x.io/a", *WHERE)
    assert [line.split("\t") for line in done.stdout.decode().splitlines()] == [
        ["nginx", "rewritten", "docker.io -> dockercache", NGINX],
        [
            "Nginx",
            "invalid",
            "-",
            "not a valid image reference: the repository name must be lower case",
        ],
        [
            "nginx@sha256:" + "0" * 64,
            "digest",
            "docker.io -> dockercache",
            "pinned by digest, and rewrite.digests is skip",
        ],
        ["x.io/a", "not-upstream", "-", "its registry is none of the configured upstreams"],
    ]
    assert done.stderr == b""


def test_references_checked(rewrite):
    done = rewrite("--check", "nginx", "x.io/a", *WHERE, status=1)
    assert done.stdout.decode() == f"nginx -> {NGINX}\n"
    assert rewrite("--check", "x.io/a", NGINX, *WHERE).stdout == b""


def test_what_looks_takes_lists_of_any_length(rewrite, tmp_path):
    """80 MB of pods, which are cut out of their List as they come, with namespaces and places."""
    path = tmp_path / "pods.json"
    with path.open("wb") as file:
        subprocess.run([ROOT / "tests/bench/make_pods.py", "7500"], stdout=file, check=True)
    assert path.stat().st_size > 64 * 1024 * 1024
    found = json.loads(rewrite("-f", path, "-o", "json", *WHERE).stdout)["images"]
    lines = path.read_text().split("\n")
    assert len(found) == 15000
    for number, image in enumerate(found):
        pod = number // 2
        assert (image["document"], image["namespace"]) == (1, f"team-{pod * 200 // 7500}")
        assert image["path"] == f"items[{pod}].spec.containers[{number % 2}].image"
        assert lines[image["line"] - 1][image["column"] - 1:] == f'"{image["image"]}",'
    assert rewrite("-f", path, *WHERE, status=3).stderr.endswith(b"larger than 67108864 bytes\n")


@pytest.mark.parametrize("name", ["web.yaml", "./web.yml", "a/list.json", "manifest"])
def test_who_forgets_f_is_told(rewrite, tmp_path, name):
    (tmp_path / "manifest").write_text("kind: Pod\n")
    done = rewrite(name, *WHERE)
    assert done.stderr.decode().startswith(
        f'pullthrough rewrite: "{name}" is taken for an image; a manifest comes after -f\n'
    )
    assert b"after -f" not in rewrite("nginx", "acme/app.web", *WHERE).stderr


def test_check_goes_by_the_order_of_the_files(rewrite, tmp_path):
    """Not by that of a pod's fields: init containers, and a volume, may stand anywhere."""
    images = ["  volumes:", "  - {name: v, image: {reference: one}}", "  containers:",
              "  - image: two", "  - image: three", "  initContainers:", "  - image: four"]  # fmt: skip
    text = POD.removesuffix("  containers:\n") + "\n".join(images) + "\n---\n"
    for name in ("b", "a"):
        (tmp_path / name).write_text(text + text)
    done = rewrite("-f", "b", "-f", "a", "--check", *WHERE, status=1)
    told = [line.split(" ->")[0] for line in done.stdout.decode().splitlines()]
    assert [each.rpartition(" ")[2] for each in told] == ["one", "two", "three", "four"] * 4
    places = [(each.split(":")[0], int(each.split(":")[1])) for each in told]
    assert places == sorted(places, key=lambda place: ("ba".index(place[0]), place[1]))


def test_references_as_json(rewrite):
    done = rewrite("-o", "json", "--check", "nginx", "x.io/a", *WHERE, status=1)
    assert json.loads(done.stdout) == {
        "rewritten": 1,
        "images": [
            {
                "image": "nginx",
                "outcome": "rewritten",
                "rewritten": NGINX,
                "explanation": "pulled through the cache",
                "upstream": "docker.io",
                "prefix": "dockercache",
            },
            {
                "image": "x.io/a",
                "outcome": "not-upstream",
                "explanation": "its registry is none of the configured upstreams",
            },
        ],
        "others": [],
    }


def test_manifest_explained(rewrite, tmp_path):
    text = POD + "  - {name: a, image: nginx}\n  - {name: b, image: '{{ x }}'}\n  - image: |-\n     x\n"
    (tmp_path / "pod.yaml").write_text(text)
    done = rewrite("-f", "pod.yaml", "--explain", *WHERE)
    assert [line.split("\t") for line in done.stdout.decode().splitlines()] == [
        ["pod.yaml:6:22", "Pod/p", "a", "nginx", "rewritten", "docker.io -> dockercache", NGINX],
        ["pod.yaml:7:22", "Pod/p", "b", "{{ x }}", "template", "-", "holds a template expression"],
        [
            "pod.yaml:8:12",
            "Pod/p",
            "-",
            "x",
            "block-scalar",
            "docker.io -> dockercache",
            "written as a block scalar",
        ],
    ]
    assert done.stderr == b""


def on_a_terminal(program, arguments, **env):
    """What the program writes to a wide terminal."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        [program, "rewrite", *arguments], stdout=theirs, stderr=theirs, env={**clean, **env}
    )
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return text.decode().replace("\r\n", "\n")


def test_a_table_on_a_terminal(program):
    arguments = ["--explain", "nginx", "x.io/a", *WHERE]
    plain = on_a_terminal(program, arguments, TERM="xterm", NO_COLOR="1")
    assert plain == (
        "IMAGE   OUTCOME       RULE                      BECOMES OR WHY NOT\n"
        f"nginx   rewritten     docker.io -> dockercache  {NGINX}\n"
        "x.io/a  not-upstream  -                         "
        "its registry is none of the configured upstreams\n"
    )
    assert on_a_terminal(program, arguments, TERM="dumb") == plain
    assert on_a_terminal(program, arguments) == plain
    coloured = on_a_terminal(program, arguments, TERM="xterm")
    assert coloured == plain.replace("rewritten", "\x1b[32mrewritten\x1b[0m")


def test_texts_of_a_manifest_do_not_steer_the_terminal(rewrite):
    text = POD + '  - {name: "\\e[2J", image: "a\\nb\\tc\\u0085\\u2028\\u00e9"}\n'
    done = rewrite("-f", "-", "--explain", *WHERE, stdin=text.encode())
    cells = done.stdout.decode().split("\t")
    assert cells[2:4] == ["?[2J", "a?b?c??é"]
    done = rewrite("-f", "-", "--check", *WHERE, stdin=text.encode())
    assert b"\x1b" not in done.stderr and b"?b?c" in done.stderr


def test_what_is_left_alone_is_named_on_standard_error(rewrite):
    text = (
        POD
        + "  - image: &i nginx\n  - image: *i\n  - image: >-\n     nginx\n  - image: 1\n"
        + "---\napiVersion: v1\nkind: Service\n" * 2
        + "---\napiVersion: example.com/v1\nkind: Deployment\n---\nkind: Pod\n---\n- a\n"
    )
    done = rewrite("-f", "-", *WHERE, stdin=text.encode())
    assert done.stdout == text.replace("&i nginx", "&i " + NGINX).encode()
    assert done.stderr.decode().splitlines() == [
        'standard input:6:12: left alone: "nginx": reached through an alias or a merge key; only '
        "the text at the anchor could be edited",
        'standard input:8:12: left alone: "nginx": written as a block scalar',
        'standard input:10:12: left alone: "1": not a string',
    ]


OTHERS = """\
apiVersion: v1
kind: Service
---
null
---
apiVersion: example.com/v1
kind: Deployment
spec: {template: {spec: {containers: [{image: nginx}, {image: nginx}]}}}
---
apiVersion: example.com/v1
kind: Database
spec: {image: nginx}
---
apiVersion: example.com/v1
kind: Database
spec: {image: quay.io/org/x, exporter: {image: {repository: quay.io/org/y, tag: 1}}}
---
- {image: nginx}
---
apiVersion: example.com/v1
kind: Database
metadata: {name: none}
"""


def test_objects_of_other_kinds_are_named_if_they_hold_images(rewrite):
    done = rewrite("-f", "-", *WHERE, stdin=OTHERS.encode())
    assert done.stdout == OTHERS.encode()
    assert done.stderr.decode() == (
        "standard input: left alone, no pods known in: (no apiVersion)/(no kind) (1 image), "
        "example.com/v1/Database (2 objects, 3 images), example.com/v1/Deployment (2 images); "
        "--kinds any-pod-spec takes 2 of them for those of pods\n"
    )
    done = rewrite("-f", "-", "--kinds", "any-pod-spec", *WHERE, stdin=OTHERS.encode())
    assert done.stdout.decode() == OTHERS.replace("[{image: nginx}, {image: nginx}]",
        f"[{{image: {NGINX}}}, {{image: {NGINX}}}]")  # fmt: skip
    assert done.stderr.decode() == (
        "standard input: left alone, no pods known in: (no apiVersion)/(no kind) (1 image), "
        "example.com/v1/Database (2 objects, 3 images)\n"
    )


@pytest.mark.parametrize("text", ["", "null\n", "--- ~\n---\n# c\n", "kind: Pod\n---\nnull\n"])
def test_nothing_is_nothing_to_speak_of(rewrite, text):
    done = rewrite("-f", "-", *WHERE, stdin=text.encode())
    assert done.stdout == text.encode() and done.stderr == b""


def test_explain_judges_lists_of_containers_in_any_kind(rewrite):
    done = rewrite("-f", "-", "--explain", *WHERE, stdin=OTHERS.encode())
    cells = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [line[1:6] for line in cells] == [
        ["Deployment", "-", "nginx", "other-kind", "docker.io -> dockercache"]
    ] * 2
    assert cells[0][6].endswith("with --kinds any-pod-spec it would be rewritten")
    done = rewrite("-f", "-", "--explain", "--kinds=any-pod-spec", *WHERE, stdin=OTHERS.encode())
    cells = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert [line[4] for line in cells] == ["rewritten"] * 2
    assert rewrite("-f", "-", "--check", *WHERE, stdin=OTHERS.encode()).stdout == b""


def test_images_of_other_kinds_are_not_named_one_by_one(rewrite):
    text = OTHERS.replace("[{image: nginx}, {image: nginx}]", "[{image: 5}, {image: 'A B'}]")
    assert b"A B" not in rewrite("-f", "-", *WHERE, stdin=text.encode()).stderr
    done = rewrite("-f", "-", "--kinds=any-pod-spec", *WHERE, stdin=text.encode())
    assert b'left alone: "A B": not a valid image reference' in done.stderr


def test_the_option_goes_before_the_configured_kinds(rewrite, tmp_path):
    (tmp_path / "config.yaml").write_text("rewrite: {kinds: any-pod-spec}\n")
    arguments = ["-f", "-", "--config", "config.yaml", *WHERE]
    assert NGINX.encode() in rewrite(*arguments, stdin=OTHERS.encode()).stdout
    done = rewrite(*arguments, "--kinds", "known", stdin=OTHERS.encode())
    assert done.stdout == OTHERS.encode()


def test_helm_post_renderer(rewrite):
    case = FIXTURES / "helm-output"
    done = rewrite("-f", "-", *WHERE, stdin=(case / "in.yaml").read_bytes())
    assert done.stdout == (case / "want.yaml").read_bytes()
    assert done.stderr.decode() == (
        "standard input: left alone, no pods known in: v1/ConfigMap (1 image)\n"
    )


def test_several_files(rewrite, tmp_path):
    for name, image in (("a", "nginx"), ("b", "x.io/a"), ("c", "[")):
        (tmp_path / name).write_text(POD + f"  - image: {image}\n")
    done = rewrite("-f", "a", "--file", "b", "--check", *WHERE, status=1)
    assert done.stdout.decode() == f"a:6:12: nginx -> {NGINX}\n"
    found = json.loads(rewrite("-f", "b", "-f", "a", "-o", "json", *WHERE).stdout)
    assert [image["file"] for image in found["images"]] == ["b", "a"]
    done = rewrite("-f", "a", "-f", "c", "-f", "b", "--explain", *WHERE, status=3)
    assert [line.split(b":")[0] for line in done.stdout.splitlines()] == [b"a", b"b"]
    assert done.stderr.startswith(b"c:7:1: ")
    done = rewrite("-f", "a", "-f", "b", *WHERE, status=2)
    assert done.stdout == b"" and b"only one manifest fits" in done.stderr


def test_the_configuration_counts(rewrite, tmp_path):
    (tmp_path / "config.yaml").write_text(
        "registry: {host: 'cache.example:5000'}\n"
        "upstreams: [{registry: quay.io, url: quay.io, prefix: mine}]\n"
        "rewrite: {exclude: ['quay.io/left/*'], skipNamespaces: [left]}\n"
    )
    done = rewrite("--config", "config.yaml", "quay.io/a/b", "quay.io/left/b", "nginx")
    assert done.stdout.decode().splitlines() == [
        "cache.example:5000/mine/a/b",
        "quay.io/left/b",
        "nginx",
    ]
    # Options win over the host that the configuration names.
    done = rewrite("--config", "config.yaml", "quay.io/a/b", *WHERE)
    assert done.stdout.decode() == HOST + "/mine/a/b\n"
    manifest = (POD + "  - image: quay.io/a/b\n").replace("name: p", "name: p, namespace: left")
    done = rewrite("--config", "config.yaml", "-f", "-", stdin=manifest.encode())
    assert done.stdout.decode() == manifest


def test_a_wrong_configuration_is_named(rewrite, tmp_path):
    (tmp_path / "config.yaml").write_text("registry:\n  acount: 1\n")
    done = rewrite("--config", "config.yaml", "nginx", status=3)
    assert done.stderr.startswith(b"pullthrough rewrite: config.yaml:2:3: ")
    done = rewrite("--config", "none.yaml", "nginx", status=3)
    assert done.stderr.startswith(b"pullthrough rewrite: none.yaml: ")


@pytest.mark.parametrize(
    "arguments, env, missing",
    [
        (
            [],
            {},
            "registry.account and registry.region, or AWS_ACCOUNT_ID and AWS_REGION, or use "
            "--account and --region",
        ),
        (
            ["--account", "111122223333"],
            {},
            "registry.region or AWS_REGION, or use --region",
        ),
        ([], {"AWS_REGION": "us-west-2"}, "registry.account or AWS_ACCOUNT_ID, or use --account"),
    ],
)
def test_an_unknown_registry_says_what_to_set(rewrite, arguments, env, missing):
    done = rewrite("nginx", *arguments, env=env, status=3)
    assert done.stdout == b""
    assert done.stderr.decode().endswith(f"set {missing}\n")


def test_the_environment_names_the_registry(rewrite):
    done = rewrite("nginx", env=aws("111122223333", "us-west-2"))
    assert done.stdout.decode() == NGINX + "\n"
    env = {"AWS_ACCOUNT_ID": "111122223333", "AWS_DEFAULT_REGION": "us-west-2"}
    assert rewrite("nginx", env=env).stdout.decode() == NGINX + "\n"
    done = rewrite("nginx", *WHERE, env=aws("999988887777", "eu-west-1"))
    assert done.stdout.decode() == NGINX + "\n"


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ([], "nothing to rewrite"),
        (["-f"], "-f: an argument is missing"),
        (["--nonsense", "nginx"], "--nonsense: unknown option\nusage: "),
        (["--explian", "nginx"], '--explian: unknown option, did you mean "--explain"?'),
        (["--check=yes", "nginx"], "--check: takes no argument"),
        (["-o", "yaml", "nginx"], '-o: wants json, not "yaml"'),
        (["-f", "a", "nginx"], "references and -f don't go together"),
        (["-f", "-", "-f", "-", "--check"], "standard input can be read once only"),
        (["-f", "-", "--config", "-"], "standard input can be read once only"),
        (["nginx", "--account", "12"], "--account: wants the 12 digits"),
        (["nginx", "--region", "Mars!"], "--region: wants an AWS region"),
        (["-f", "-", "--kinds", "all"], '--kinds: wants known or any-pod-spec, not "all"'),
    ],
)
def test_wrong_usage(rewrite, arguments, reason):
    done = rewrite(*arguments, status=2)
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"pullthrough rewrite: {reason}")
    assert b"\nusage: pullthrough rewrite" in done.stderr


def known_kinds():
    """The kinds of the program's own table, and those that aren't in it."""
    table = (ROOT / "src" / "core" / "manifest" / "manifest_kinds.c").read_text()
    found = set(re.findall(r'^ +{"([A-Z]\w+)",', table, re.M))
    assert len(found) > 15
    return found | {"List", "ResourceList"}


def test_help(rewrite):
    done = rewrite("--help")
    for word in (b"usage:", b"--explain", b"--check", b"-o", b"--config", b"--account", b"--region",
                 b"--kinds"):  # fmt: skip
        assert word in done.stdout
    assert done.stderr == b""


def test_help_and_readme_list_the_kinds(rewrite):
    said = rewrite("--help").stdout.decode(), (ROOT / "README.md").read_text()
    for text in said:
        assert {kind for kind in known_kinds() if not re.search(rf"\b{kind}\b", text)} == set()


def test_what_cannot_be_read_or_written(rewrite, program, tmp_path):
    done = rewrite("-f", "none.yaml", *WHERE, status=3)
    assert done.stdout == b""
    assert done.stderr.startswith(b"pullthrough rewrite: none.yaml: ")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [program, "rewrite", "nginx", *WHERE], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 3
    assert b"can't write all of the output" in done.stderr
