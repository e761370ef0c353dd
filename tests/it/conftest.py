"""What every test of the running program may ask for."""

import os
import pathlib
import signal
import subprocess

import pytest

import browser
import standin
from certificates import Certificates
from service import Services
from upstream import Upstream

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Preloaded:
    """A library that is put before libc, and a file that it and we know."""

    def __init__(self, folder, name, file):
        library = folder / "tests" / "it" / f"{name}.so"
        assert library.is_file(), f"{library} isn't built"
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(library),
            name.upper(): str(file),
            "ASAN_OPTIONS": "verify_asan_link_order=0",  # it needn't be the first library
        }


class SilentResolver(Preloaded):
    """Name servers that say nothing, to a program that has its environment."""

    def asked(self):
        """The names, in their order."""
        return self._file.read_text().splitlines() if self._file.exists() else []


class Clock(Preloaded):
    """That of a program that has its environment."""

    def __init__(self, folder, name, file):
        super().__init__(folder, name, file)
        file.touch()

    def put_forward(self, seconds):
        os.truncate(self._file, os.stat(self._file).st_size + seconds)


def pytest_configure(config):
    # In the background of a script SIGINT is ignored, and would be in every program that a test
    # starts and then interrupts: a command rightly keeps what it inherits.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "deadlines: needs deadlines that are shorter than usual")
    config.addinivalue_line("markers", "xdist_group(name): for one worker, one after the other")


@pytest.fixture(scope="session")
def build_dir():
    """The build under test: PULLTHROUGH_BUILD, or the dev preset's."""
    folder = pathlib.Path(os.environ.get("PULLTHROUGH_BUILD") or ROOT / "build" / "dev")
    assert (folder / "CMakeCache.txt").is_file(), f"{folder} is not a build: run hack/build.sh dev"
    return folder


@pytest.fixture(scope="session")
def released():
    """The program as it is shipped, for a sanitizer takes several times the memory. It is built
    here: who asks for it is of xdist_group("released"), so that no two workers do."""
    build = ["cmake", "--build", "--preset", "release", "--target", "pullthrough"]
    for command in (["cmake", "--preset", "release"], build):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "build" / "release" / "src" / "pullthrough"


@pytest.fixture(scope="session")
def program(request):
    """Path of the pullthrough program: PULLTHROUGH, or the one of the build under test."""
    if os.environ.get("PULLTHROUGH"):
        path = pathlib.Path(os.environ["PULLTHROUGH"])
    else:
        path = request.getfixturevalue("build_dir") / "src" / "pullthrough"
    assert path.is_file(), f"{path} isn't built"
    return path


@pytest.fixture
def silent_resolver(build_dir, tmp_path):
    return SilentResolver(build_dir, "silent_resolver", tmp_path / "asked")


@pytest.fixture
def wall_clock(build_dir, tmp_path):
    return Clock(build_dir, "set_clock", tmp_path / "ahead")


@pytest.fixture
def uptime(build_dir, tmp_path):
    """The monotonic clock, which waits are counted by; those of libraries go on as they are."""
    return Clock(build_dir, "pass_time", tmp_path / "passed")


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    """Certificates that tests share; what there is: certificates.py."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def services(program, certs, tmp_path):
    """Starts `pullthrough serve`; what still runs at the end of the test is ended."""
    made = Services(program, certs, tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def lasting_services(program, certs, tmp_path_factory):
    """The same for services that several tests of a module share, each leaving it as it was."""
    made = Services(program, certs, tmp_path_factory.mktemp("services"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def standin_process():
    """One AWS stand-in for the whole run; ask for `aws`, which is clean each time."""
    process = standin.StandIn()
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="session")
def secure_standin(certs):
    """One that answers by TLS, as a registry must; whoever uses it resets it."""
    process = standin.StandIn("--cert", str(certs.leaf.cert), "--key", str(certs.leaf.key))
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def registries(tmp_path_factory):
    """Empty ones, for the stand-in to pull from as quay.io and Docker Hub."""
    folder = tmp_path_factory.mktemp("upstreams")
    quay, hub = Upstream(folder / "quay"), Upstream(folder / "hub")
    yield quay, hub
    quay.stop()
    hub.stop()


@pytest.fixture
def aws(standin_process):
    """The AWS stand-in, as new."""
    standin_process.reset()
    return standin_process


@pytest.fixture(scope="session")
def session_clients(standin_process):
    pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has botocore")
    from standin_model import Clients

    return Clients(standin_process.url)


@pytest.fixture
def clients(aws, session_clients):
    """botocore's clients; every answer they get is compared with the service model."""
    session_clients.judge.faults.clear()
    yield session_clients
    assert session_clients.judge.faults == []


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """A browser, for what a person sees of a page."""
    if not browser.installed():
        pytest.skip("chromium is not installed: hack/deps.sh test")
    started = browser.Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.end()


@pytest.fixture(scope="session")
def pictures(build_dir):
    """The folder where they stay."""
    folder = build_dir / "page"
    folder.mkdir(exist_ok=True)
    return folder
