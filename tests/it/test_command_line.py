"""What all commands have in common: help, misuse, completion in real shells, the manual page."""

import json
import os
import pathlib
import pty
import re
import select
import subprocess
import time

import pytest

from documents import section
from http_peer import DEADLINE_S
from service import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANUAL = "share/man/man1/pullthrough.1"
COMMANDS = ["serve", "scan", "warm", "images", "rewrite", "review", "check-config", "certificates",
            "rules", "verify", "iam", "completion", "help", "version"]


@pytest.fixture(name="run")
def _run(program):
    def run(*arguments, status=0):
        done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=environment(), timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    return run


# --- help

@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["help"]])
def test_the_program_lists_its_commands(run, arguments):
    done = run(*arguments)
    assert re.findall(r"^  (\S+) ", done.stdout, re.M) == COMMANDS and done.stderr == ""


def test_the_readme_has_them_all():
    rows = re.findall(r"^\| (`.*?`) \| ", section("README.md", "On your own manifests"), re.M)
    named = [each.split()[0] for row in rows for each in re.findall(r"`([^`]+)`", row)]
    assert list(dict.fromkeys(named)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_three_ways_to_the_same_help(run, command):
    said = run("help", command).stdout
    assert said == run(command, "--help").stdout == run(command, "-h").stdout
    assert said.startswith(f"usage: pullthrough {command}")
    assert "\n  -h, --help " in said and "\nexit status:\n  0  " in said
    below_usage = said.partition("\n\n")[2]
    assert max(map(len, below_usage.splitlines())) < 80


def test_help_that_cannot_be_written(program):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program, "rules", "--help"], stdout=full, stderr=subprocess.PIPE,
                              env=environment(), timeout=60)
    assert done.returncode == 3
    assert done.stderr == b"pullthrough rules: can't write all of the output\n"


def test_version_as_json(run):
    told = json.loads(run("version", "-o", "json").stdout)
    first, libraries = run("version").stdout.splitlines()
    assert first == f"pullthrough {told['version']} (commit {told['commit']})"
    assert list(told["libraries"]) == [each.split()[0] for each in libraries.split(", ")]
    assert list(told["libraries"].values()) == [each.split()[1] for each in libraries.split(", ")]


# --- misuse

@pytest.mark.parametrize("command", COMMANDS)
def test_one_form_for_all(run, command):
    done = run(command, "--nonsense", status=2)
    assert done.stderr.startswith(
        f"pullthrough {command}: --nonsense: unknown option\nusage: pullthrough {command}")
    assert done.stdout == ""


@pytest.mark.parametrize("arguments, reason", [
    ([], ""),
    (["nonsense"], "pullthrough: nonsense: unknown command\n\n"),
    (["verfy"], 'pullthrough: verfy: unknown command, did you mean "verify"?\n\n'),
    (["--nonsense"], "pullthrough: --nonsense: unknown command\n\n"),
])
def test_no_such_command(run, arguments, reason):
    done = run(*arguments, status=2)
    assert done.stderr.startswith(reason + "usage: pullthrough COMMAND") and done.stdout == ""


@pytest.mark.parametrize("arguments, reason", [
    (["lsit"], "lsit: unknown command"),
    (["rule"], 'rule: unknown command, did you mean "rules"?'),
    (["rules", "list"], "list: one too many"),
    (["rules", "--man"], "--man: is for the whole program"),
])
def test_help_for_what_there_is_not(run, arguments, reason):
    assert run("help", *arguments, status=2).stderr.startswith(f"pullthrough help: {reason}\nusage")


# --- completion

def shell(name):
    """The command line of a shell that reads nothing of its user's."""
    return {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"],
            "fish": ["fish", "--no-config", "-i"]}[name]


SET_UP = {
    "bash": "source <(pullthrough completion bash)\n",
    "zsh": "autoload -U compinit; compinit -D -u; source <(pullthrough completion zsh)\n",
}
WANT = [
    ("pullthrough chec\t", "check-config "),
    ("pullthrough rul\tdel\t--ye\t", "rules delete --yes "),
    ("pullthrough rewrite --ki\tany\t", "any-pod-spec"),
    ("pullthrough rewrite --kinds=any\t", "--kinds=any-pod-spec"),
    ("pullthrough rewrite -f mani\t", "-f manifest.yaml "),
    ("pullthrough check-config --config mani\t", "--config manifest.yaml "),
    ("pullthrough check-config mani\t", "check-config manifest.yaml "),
    ("pullthrough iam verify -o j\t", "-o json "),
    ("pullthrough help cert\t", "help certificates "),
    ("pullthrough rules list --profile pr\t", "--profile prod "),
    ("pullthrough rules list --profile=pr\t", "--profile=prod "),
    ("pullthrough scan --region eu-w\t", "--region eu-west-9 "),
    ("pullthrough scan --context arn:aws:eks:eu-west-9:111122223333:cluster/p\t", "cluster/prod "),
    ("pullthrough rules delete docker\t", "delete dockercache "),
    ("pullthrough rules delete --config config.yaml my\t", "config.yaml mycache "),
    ("pullthrough images list quayc\t", "list quaycache "),
    ("pullthrough verify qu\torg", "verify quay.io/org"),
]


def set_up(folder):
    """What completion reads of a person's own."""
    (folder / "manifest.yaml").touch()
    (folder / "config.yaml").write_text("upstreams: [{registry: docker.io, prefix: mycache}]\n")
    (folder / ".aws").mkdir()
    (folder / ".aws/config").write_text("[profile prod]\nregion = eu-west-9\n[profile a$(touch b)]\n")
    (folder / "bin").mkdir()
    kubectl = folder / "bin/kubectl"
    kubectl.write_text('#!/bin/sh\n[ "$1 $2 $3 $4" = "config get-contexts -o name" ] || exit 1\n'
                       'case $5 in "") ;; *) cat "$6"; exit ;; esac\n'
                       "echo arn:aws:eks:eu-west-9:111122223333:cluster/prod\necho kind-here\n")
    kubectl.chmod(0o755)
    (folder / "kube").write_text("other-context\n")
    (folder / "second.ini").write_text("[profile second]\n")


def type_into(command, program, folder, *lines):
    """What a terminal shows: each line is typed once the shell has shown what it waits for."""
    controller, terminal = pty.openpty()
    path = f"{folder}/bin:{os.path.dirname(program)}:{os.environ['PATH']}"
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder,
                               start_new_session=True,
                               env={**environment(), "TERM": "dumb", "PATH": path, "PS1": "",
                                    "HOME": str(folder), "INPUTRC": "/dev/null"})
    os.close(terminal)
    shown, end = "", time.monotonic() + DEADLINE_S
    try:
        for line, wanted in lines:
            os.write(controller, line.encode())
            begin = len(shown)
            while wanted not in re.sub(r".\x08", "", shown[begin:]):   # zsh goes back over spaces
                assert time.monotonic() < end, f"{wanted!r} isn't shown: {shown[begin:]!r}"
                if select.select([controller], [], [], 1)[0]:
                    shown += os.read(controller, 65536).decode(errors="replace")
    finally:
        process.kill()
        process.wait(60)
        os.close(controller)


@pytest.mark.parametrize("typed, wanted", WANT, ids=[typed.strip() for typed, _ in WANT])
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_shell_completes(program, tmp_path, name, typed, wanted):
    set_up(tmp_path)
    type_into(shell(name), program, tmp_path, (SET_UP[name] + "echo rea''dy\n", "ready"),
              (typed, wanted))


@pytest.mark.parametrize("words, wanted", [
    (["check-config", "["], ["[x]y"]),
    (["check-config", "p"], ["p*", "p q  r "]),
    (["rewrite", "-f", "p"], ["p*", "p q  r "]),
    (["check-config", "none"], []),
    (["rules", "ap"], ["apply"]),
    (["rules", "*"], []),
    (["scan", "--profile", "a"], [r"a\$\(touch\ b\)"]),
    (["scan", "--profile", "=", "a"], [r"a\$\(touch\ b\)"]),
    (["scan", "--profile", "="], ["prod", r"a\$\(touch\ b\)"]),
])
def test_bash_takes_names_as_they_are(run, program, tmp_path, words, wanted):
    """Another one may match a name that looks like a pattern, and nothing may be run."""
    set_up(tmp_path)
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("[x]y", "xy", "p*", "p q  r "):
        (folder / name).touch()
    script = run("completion", "bash").stdout + (
        'COMP_WORDS=(pullthrough "$@") COMP_CWORD=$#\n_pullthrough\n'
        'printf "%s\\n" "${#COMPREPLY[@]}" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "--norc", "--noprofile", "-c", script, "bash", *words],
                          cwd=folder, capture_output=True, text=True, timeout=60,
                          env={**environment(), "HOME": str(tmp_path),
                               "PATH": f"{os.path.dirname(program)}:{os.environ['PATH']}"})
    assert not (folder / "b").exists()
    count, *found = done.stdout.split("\n")[:-1]
    assert (int(count), sorted(each for each in found if each)) == (len(wanted), sorted(wanted))
    assert done.stderr == ""


@pytest.mark.parametrize("typed, wanted", [
    ("", COMMANDS),
    ("rules ", ["list", "apply", "delete"]),
    ("rules apply --dr", ["--dry-run"]),
    ("iam registry --pri", ["--principal"]),
    ("iam verify --pri", []),
    ("iam verify --tim", []),
    ("rewrite --kinds ", ["known", "any-pod-spec"]),
    ("rewrite -f mani", ["manifest.yaml"]),
    ("check-config mani", ["manifest.yaml"]),
    ("help cert", ["certificates"]),
    ("serve ", []),
    ("rules delete quay", ["quaycache"]),
    ("rules delete --config config.yaml my", ["mycache"]),
    ("images list quay", ["quaycache", "quay.io/"]),
    ("scan --profile p", ["prod"]),
    ("scan --profile=p", ["--profile=prod"]),
    ("scan --config=con", ["--config=config.yaml"]),
    ("scan --context ", ["arn:aws:eks:eu-west-9:111122223333:cluster/prod", "kind-here"]),
])
def test_fish_completes(program, tmp_path, typed, wanted):
    set_up(tmp_path)
    script = f"{program} completion fish | source; complete -C 'pullthrough {typed}'"
    path = f"{tmp_path}/bin:{os.path.dirname(program)}:{os.environ['PATH']}"
    done = subprocess.run(["fish", "--no-config", "-c", script], cwd=tmp_path, capture_output=True,
                          text=True, env={**environment(), "HOME": str(tmp_path), "PATH": path},
                          timeout=60)
    assert done.stderr == ""
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == sorted(wanted)


@pytest.mark.parametrize("words, wanted", [
    ([""], COMMANDS),
    (["-"], ["--help", "--version"]),
    (["-h"], []),
    (["nonsense", ""], []),
    (["ver"], ["verify", "version"]),
    (["rules", ""], ["list", "apply", "delete"]),
    (["rules", "--config", "x", "a"], ["apply"]),
    (["rules", "list", ""], []),
    (["rules", "apply", "--y"], []),
    (["rules", "delete", "--y"], ["--yes"]),
    (["rules", "delete", "a", ""], []),
    (["rules", "--", "--"], []),
    (["rules", "--", "l"], ["list"]),
    (["scan", "-o", ""], ["json", "yaml"]),
    (["scan", "-oj"], ["-ojson"]),
    (["scan", "--output=j"], ["--output=json"]),
    (["scan", "--by", ""], ["registry", "namespace"]),
    (["scan", "--check=x"], []),
    (["scan", "--profile", ""], ["prod", "a$(touch b)"]),
    (["scan", "--region", ""], ["eu-west-9"]),
    (["scan", "--config", "region.yaml", "--region", ""], ["xx-own-1", "eu-west-9"]),
    (["scan", "--config", "~/region.yaml", "--region", "xx"], ["xx-own-1"]),
    (["scan", "--kubeconfig", "kube", "--context", ""], ["other-context"]),
    (["scan", "--kubeconfig=kube", "--context="], ["--context=other-context"]),
    (["verify", "doc"], ["docker.io/"]),
    (["verify", "a", ""], []),
    (["rewrite", "a", "doc"], ["docker.io/"]),
    (["rules", "delete", "--config", "absent.yaml", ""], []),
    (["rules", "delete", "--config", "-", ""], []),
    (["rules", "delete", "docker"], ["dockercache"]),
    (["images", "list", "docker"], ["dockercache", "docker.io/"]),
    (["help", "ru"], ["rules"]),
    (["completion", ""], ["bash", "zsh", "fish", "offer"]),
    (["scan", "-f", ""], None),
    (["scan", "--config=x"], None),
    (["check-config", ""], None),
])  # fmt: skip
def test_what_is_offered(program, tmp_path, words, wanted):
    """None: the name of a file. Standard input isn't read."""
    set_up(tmp_path)
    (tmp_path / "region.yaml").write_text("registry: {region: xx-own-1}\n")
    read, write = os.pipe()
    try:
        done = subprocess.run([program, "completion", "offer", "--", *words], stdin=read, cwd=tmp_path,
                              capture_output=True, text=True, timeout=60,
                              env={**environment(), "HOME": str(tmp_path),
                                   "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})  # fmt: skip
    finally:
        os.close(read)
        os.close(write)
    assert done.returncode == (1 if wanted is None else 0) and done.stderr == ""
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == (wanted or [])


def test_profiles_of_another_file(program, tmp_path):
    set_up(tmp_path)
    files = {"AWS_CONFIG_FILE": "second.ini", "AWS_SHARED_CREDENTIALS_FILE": "absent", "AWS_PROFILE": "none"}
    done = subprocess.run([program, "completion", "offer", "scan", "--", "--profile", ""], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60, env={**environment(), **files})  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "second\n", "")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_script_can_be_parsed(run, name, tmp_path):
    file = tmp_path / "script"
    file.write_text(run("completion", name).stdout)
    subprocess.run([name, "-n", file], check=True, timeout=60)


# --- the manual page

def test_manual_page(run, tmp_path):
    page = run("help", "--man").stdout
    file = tmp_path / "pullthrough.1"
    file.write_text(page)
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", file], capture_output=True,
                          text=True, timeout=60).stdout
    # a date would have to change with each build
    assert re.sub(r"^mandoc: \S+ ", "", said).strip() == 'WARNING: missing date, using "": TH'
    shown = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=200", file], capture_output=True,
                           text=True, check=True, timeout=60).stdout
    shown = re.sub(r".\x08", "", shown)
    for command in COMMANDS:
        for line in run(command, "--help").stdout.splitlines():
            if line.startswith(("usage:", "  pullthrough ", "       pullthrough ")):
                assert line in shown
        for option in re.findall(r"^ +(-.*?)(?:  |$)", run(command, "--help").stdout, re.M):
            assert option in shown


def installed(build, folder, *arguments):
    subprocess.run(["cmake", "--install", build, "--prefix", folder, *arguments], check=True,
                   stdout=subprocess.DEVNULL, timeout=60)
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_what_is_installed(run, program, tmp_path):
    build = program.parent.parent
    assert installed(build, tmp_path / "all") == ["bin/pullthrough", MANUAL]
    assert (tmp_path / "all" / MANUAL).read_text() == run("help", "--man").stdout


def test_the_image_gets_the_program_alone(program, tmp_path):
    script = (ROOT / "deploy" / "image" / "build-root.sh").read_text()
    arguments = re.search(r"cmake --install build/release (--component \w+) ", script)[1].split()
    assert installed(program.parent.parent, tmp_path / "image", *arguments) == ["bin/pullthrough"]
