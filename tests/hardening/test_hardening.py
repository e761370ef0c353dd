"""The release build: PULLTHROUGH_BUILD, or build/release."""

import json
import os
import pathlib
import platform

import pytest

from hardening import check, check_x86_64

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def build():
    folder = pathlib.Path(os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "release")
    assert "PULLTHROUGH_HARDEN:BOOL=ON" in (folder / "CMakeCache.txt").read_text(), folder
    return folder


def test_the_program(build):
    check(build / "src" / "pullthrough")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="objdump reads this machine's code")
def test_the_programs_code(build):
    check_x86_64(build / "src" / "pullthrough")


def test_what_code_does_not_show(build):
    """Which of two equal instructions comes of it, nobody can tell afterwards."""
    commands = [each["command"].split() for each in
                json.loads((build / "compile_commands.json").read_text())
                if "/src/" in each["file"] and each["file"].endswith(".c")]
    assert len(commands) > 100
    for command in commands:
        assert "-ftrivial-auto-var-init=zero" in command
        assert "-D_FORTIFY_SOURCE=3" in command and "-D_FORTIFY_SOURCE=2" not in command
        assert "-fstack-clash-protection" in command and "-fstack-protector-strong" in command
