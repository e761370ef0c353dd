"""Tests of the image: of the archives that hack/image.sh has built, or of PULLTHROUGH_IMAGE.

`program` is a command that runs the program inside a container, so what tests/it has for running
programs serves here as well."""

import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "it"))
sys.path.insert(0, str(ROOT / "tests" / "hardening"))

from certificates import Certificates  # noqa: E402
from container import NATIVE, Archive, Runtime, why_not  # noqa: E402
from measure import start_aws  # noqa: E402
from service import Services  # noqa: E402



def _archives():
    given = os.environ.get("PULLTHROUGH_IMAGE")
    if given:
        return [Archive(given)]
    text = (ROOT / "CMakeLists.txt").read_text()
    version = re.search(r"^project\(pullthrough VERSION (\S+) ", text, re.M)[1]
    paths = sorted((ROOT / "build" / "image").glob(f"pullthrough-{version}-*.tar"))
    return [Archive(path) for path in paths]


ARCHIVES = _archives()


def pytest_generate_tests(metafunc):
    """Each test for each archive; those that ask for `native`, where it runs as a container."""
    if "archive" in metafunc.fixturenames:
        chosen = [each for each in ARCHIVES
                  if "native" not in metafunc.fixturenames or each.architecture == NATIVE]
        metafunc.parametrize("archive", chosen, scope="session",
                             indirect=True, ids=[each.path.stem for each in chosen])


@pytest.fixture(scope="session")
def archive(request):
    return request.param


@pytest.fixture
def native():
    """Asked for by tests of a container, which qemu-user is none of."""


@pytest.fixture(scope="session")
def runtime(archive, tmp_path_factory):
    reason = why_not(archive.architecture)
    if reason:
        pytest.skip(reason)
    made = Runtime(archive, tmp_path_factory.mktemp("image"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def program(runtime):
    return runtime.program


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def services(program, certs, tmp_path):
    made = Services(program, certs, tmp_path)
    yield made
    made.end()


@pytest.fixture
def aws(runtime, certs):
    process = start_aws(runtime, certs)
    yield process
    assert process.stop() == 0
