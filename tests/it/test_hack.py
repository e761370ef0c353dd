"""The scripts of hack/: that asking for help is harmless, and what a stage shows."""

import os
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


def test_tests_take_no_argument():
    done = subprocess.run([ROOT / "hack/test.sh", "--quick"], capture_output=True, text=True, timeout=60,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "") and "hack/test.sh" in done.stderr


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
CTEST = """      Start  1: test_arena
 1/3 Test  #1: test_arena .......................   Passed    0.01 sec
 2/3 Test  #2: test_log .........................***Failed    0.01 sec
[  ERROR   ] test_log: 1 != 2
"""


@pytest.mark.parametrize("output, kept", [(PYTEST, [1, 3, 4]), (CTEST, [2, 3])], ids=["pytest", "ctest"])
def test_what_failed_is_not_lost_among_what_passed(tmp_path, output, kept):
    (tmp_path / "log").write_text(output)
    shown = bash('stage_failures "$LOG"', env={**os.environ, "LOG": str(tmp_path / "log")}).stdout
    assert shown.splitlines() == [output.splitlines()[each] for each in kept]
