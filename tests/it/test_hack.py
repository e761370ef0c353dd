"""The scripts of hack/: that asking for help is harmless, and what a stage shows."""

import os
import re
import shutil
import subprocess

import pytest

from documents import ROOT

# stage.sh is sourced, tidy.sh is lint.sh's.
SCRIPTS = sorted(path.name for path in (ROOT / "hack").glob("*.sh")
                 if path.name not in ("stage.sh", "tidy.sh"))  # fmt: skip


def bash(script, **more):
    return subprocess.run(["bash", "-c", f"cd {ROOT}; . hack/stage.sh; {script}"], text=True,
                          capture_output=True, timeout=60, check=False, **more)  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_does_nothing_else(script, tmp_path):
    """With nothing in reach that could build or install."""
    for name in ("bash", "env", "sed", "dirname", "cat", "id", "mktemp", "rm", "awk", "printf", "uname",
                 "head", "grep", "cut", "sort", "git", "mkdir", "flock", "nproc"):  # fmt: skip
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run([ROOT / "hack" / script, "--help"], capture_output=True, text=True, timeout=60,
                          check=False, env={"PATH": str(tmp_path), "HOME": str(tmp_path)})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert f"hack/{script}" in done.stdout
    assert len(done.stdout.splitlines()) < 20


@pytest.mark.parametrize("script", ["check.sh", "fixtures.sh", "lint.sh"])
@pytest.mark.parametrize("argument, status", [("--help", 0), ("-h", 0), ("--nonsense", 2), ("stray", 2)])
def test_from_any_folder_the_head_is_the_help(script, argument, status):
    done = subprocess.run([f"./{script}", argument], cwd=ROOT / "hack", capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (status, "")
    assert f"hack/{script}" in done.stdout and "set -e" not in done.stdout


@pytest.fixture
def scripts(tmp_path):
    """The scripts in a folder of their own, where programs and other scripts only note that they ran."""

    class Scripts:
        path = tmp_path / "bin"
        calls = tmp_path / "calls"

        def fake(self, name, body="", status=0):
            file = tmp_path / "hack" / name if name.endswith(".sh") else self.path / name
            file.write_text(f'#!/bin/sh\necho {name} "$@" >>{self.calls}\n{body}\nexit {status}\n')
            file.chmod(0o755)

        def run(self, name, *arguments):
            self.calls.write_text("")
            done = subprocess.run([tmp_path / "hack" / name, *arguments], capture_output=True, text=True,
                                  timeout=60, check=False,
                                  env={"PATH": f"{self.path}:/usr/bin:/bin", "HOME": str(tmp_path)})  # fmt: skip
            return done, self.calls.read_text().splitlines()

    shutil.copytree(ROOT / "hack", tmp_path / "hack")
    made = Scripts()
    made.path.mkdir()
    for name in ("deps.sh", "venv.sh", "lint.sh", "build.sh", "nproc", "cmake", "ctest"):
        made.fake(name, "echo 2" if name == "nproc" else "")
    return made


def test_the_stages_of_the_tests_are_listed(scripts):
    done, calls = scripts.run("test.sh", "--list")
    assert (done.returncode, done.stderr, calls) == (0, "", [])
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names[0] == "lint" and names[-1] == "e2e" and len(names) == len(set(names))
    script = (ROOT / "hack" / "test.sh").read_text()
    assert names == re.findall(r"^test_(\w+)\(\) \{$", script, re.M)


@pytest.mark.parametrize("arguments, words", [
    (["--quick"], "hack/test.sh [STAGE...]"),
    (["lint", "units"], 'test: "units" is not a stage; hack/test.sh --list says which there are'),
])  # fmt: skip
def test_what_is_not_a_stage_runs_none(scripts, arguments, words):
    done, calls = scripts.run("test.sh", *arguments)
    assert (done.returncode, done.stdout, calls) == (2, "", []) and words in done.stderr


@pytest.mark.parametrize("status, total", [(0, "0 passed, 0 failed"), (1, "0 passed, 1 failed")])
def test_one_stage_is_run_alone(scripts, status, total):
    scripts.fake("lint.sh", status=status)
    done, calls = scripts.run("test.sh", "lint")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (status, total)
    assert calls == ["deps.sh test", "venv.sh", "lint.sh"]


def test_stages_share_a_build_and_are_summed_up(scripts):
    scripts.fake("ctest", 'echo \'<testsuite name="a" tests="3" failures="1" skipped="0" disabled="0">\''
                          " >build/dev/ctest.xml", 8)  # fmt: skip
    done, calls = scripts.run("test.sh", "unit", "unit")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "4 passed, 2 failed")
    assert [call.split(" -")[0] for call in calls if call.startswith("c")] == ["cmake", "cmake", "ctest", "ctest"]


def test_what_could_not_be_built_is_not_run(scripts):
    scripts.fake("cmake", status=1)
    done, calls = scripts.run("test.sh", "unit")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "0 passed, 1 failed")
    assert re.search(r"^not run .* gcc, ASan and UBSan: tests$", done.stdout, re.M)
    assert not any(call.startswith("ctest") for call in calls)


CHECK = ["lint.sh --quick", "build.sh dev", "ctest --preset dev -L unit -j 2"]


@pytest.mark.parametrize("fails, runs", [(None, 3), ("lint.sh", 3), ("build.sh", 2), ("ctest", 3)])
def test_the_check_before_a_commit(scripts, fails, runs):
    if fails:
        scripts.fake(fails, status=3)
    done, calls = scripts.run("check.sh")
    assert done.returncode == (1 if fails else 0), done.stderr
    assert [call for call in calls if not call.startswith("nproc")] == CHECK[:runs]


def test_a_stage_speaks_before_long_and_shows_all_when_it_fails():
    done = bash("""
        work() { printf 'first\\nsecond'; read -rt 3 <> <(:); return 3; }
        stage 'some work' work || printf 'status %d\\n' $?
    """)
    lines = done.stdout.splitlines()
    assert lines[0] == "== some work" and lines[1] == "   ... 2 s  second"
    assert "first" in lines and lines[-1] == "status 3"
    assert "exit status 3): some work" in lines[-2]


def test_a_stage_is_silent_where_it_goes_well():
    done = bash("stage 'some work' printf 'all of it'")
    assert done.stdout == "== some work\n"


PYTEST = """tests/it/test_a.py::test_one PASSED                                [ 33%]
tests/it/test_a.py::test_two[PASSED or not] FAILED                             [ 66%]
tests/it/test_a.py::test_three SKIPPED (not here)                              [100%]
E       assert "PASSED" == "FAILED"
FAILED tests/it/test_a.py::test_two[PASSED or not] - assert
"""
# Of several workers: a line when a test begins, too.
WORKERS = """tests/it/test_a.py::test_one\x20
tests/it/test_a.py::test_two[PASSED [gw1] or not]\x20
tests/it/test_b.py::test_four@one at a time\x20
[gw0] [ 33%] PASSED tests/it/test_a.py::test_one\x20
tests/it/test_a.py::test_three\x20
[gw0] [ 50%] SKIPPED tests/it/test_a.py::test_three\x20
[gw1] [ 66%] FAILED tests/it/test_a.py::test_two[PASSED [gw1] or not]\x20
tests/it/test_a.py:12: in test_two
E       assert "PASSED" == "FAILED"
"""
CTEST = """      Start  1: test_arena
 1/3 Test  #1: test_arena .......................   Passed    0.01 sec
 2/3 Test  #2: test_log .........................***Failed    0.01 sec
[  ERROR   ] test_log: 1 != 2
"""


@pytest.mark.parametrize(
    "output, kept",
    [(PYTEST, [1, 3, 4]), (WORKERS, [6, 7, 8]), (CTEST, [2, 3])],
    ids=["pytest", "workers", "ctest"],
)
def test_what_failed_is_not_lost_among_what_passed(tmp_path, output, kept):
    (tmp_path / "log").write_text(output)
    shown = bash('stage_failures "$LOG"', env={**os.environ, "LOG": str(tmp_path / "log")}).stdout
    assert shown.splitlines() == [output.splitlines()[each] for each in kept]


def begun(count, *more):
    """So many lines of WORKERS, and others."""
    return "".join([*WORKERS.splitlines(keepends=True)[:count], *more])


@pytest.mark.parametrize("output, shown", [
    (PYTEST.splitlines(keepends=True)[0] + "tests/it/test_a.py::test_two ", "tests/it/test_a.py::test_two"),
    (begun(3), "tests/it/test_a.py::test_one"),
    (begun(6), "[ 50%] tests/it/test_a.py::test_two[PASSED [gw1] or not]"),
    (begun(7), "[ 66%] tests/it/test_b.py::test_four@one at a time"),
    (begun(3, "[gw0] [100%] PASSED tests/it/test_b.py::test_four@one at a time \n",
           "\n3 passed in 1.00s\n"), "3 passed in 1.00s"),
    (CTEST, "[  ERROR   ] test_log: 1 != 2"),
    ("", ""),
], ids=["one at a time", "first lines", "longest", "left", "end", "ctest", "nothing"])  # fmt: skip
def test_what_runs_is_shown_or_what_has_run_for_longest(tmp_path, output, shown):
    (tmp_path / "log").write_text(output)
    done = bash('stage_now "$LOG"', env={**os.environ, "LOG": str(tmp_path / "log")})
    assert (done.stdout.rstrip(), done.stderr) == (shown, "")
