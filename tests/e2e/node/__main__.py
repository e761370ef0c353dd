"""A whole Kubernetes node on one Debian machine: `up DIR`, `down DIR`, `exec DIR COMMAND...`.

hack/cluster.sh calls this; it brings the tools along. Needs root.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "it"))

import files  # noqa: E402
import layout  # noqa: E402
import oci  # noqa: E402
from certificates import Certificates  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
END_S = 60
# Kubelet sets these for the whole machine.
SYSCTLS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
           "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes")  # fmt: skip


class Failed(Exception):
    """str() says why."""


def began(pid):
    """When a process began, in ticks; None if there is none, or it is only to be waited for."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def process_of(where):
    """The cluster's process 1 as this machine counts, or None. A number alone may be another's."""
    try:
        saved = json.loads(where.process.read_text())
    except (OSError, ValueError):
        return None
    return saved["pid"] if began(saved["pid"]) == saved["began"] else None


def machine():
    """What the kernel has only once for all namespaces, and a cluster changes."""
    cgroups = pathlib.Path("/sys/fs/cgroup").glob("**/k8s.io")
    return {
        "settings": {name: pathlib.Path("/proc/sys", name).read_text() for name in SYSCTLS},
        "cgroups": sorted(map(str, cgroups)),
    }


def save_machine(where):
    """Once: a run that was killed never gave it back."""
    if not where.machine.exists():
        where.machine.write_text(json.dumps(machine()))


def restore(where):
    """Give back what doesn't end with the processes. Says what is left all the same."""
    if not where.machine.exists():
        return []
    before = json.loads(where.machine.read_text())
    for name, value in before["settings"].items():
        pathlib.Path("/proc/sys", name).write_text(value)
    for folder in pathlib.Path("/sys/fs/cgroup").glob("**/k8s.io/*"):
        if re.fullmatch("[0-9a-f]{64}", folder.name):
            with contextlib.suppress(OSError):  # somebody else's, with processes in it
                folder.rmdir()
    for folder in machine()["cgroups"]:
        if folder not in before["cgroups"]:
            with contextlib.suppress(OSError):
                pathlib.Path(folder).rmdir()
    where.machine.unlink()
    return left_behind(where, before)


def left_behind(where, before):
    now = machine()
    left = [name for name, value in now["settings"].items() if value != before["settings"][name]]
    left += [folder for folder in now["cgroups"] if folder not in before["cgroups"]]
    mounts = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return left + [line for line in mounts if str(where.folder) in line]


def make_images(where):
    """All of the same two programs, but no two alike."""
    where.images.mkdir(parents=True)
    pause = where.images / "pause"
    flags = ("-static", "-Os", "-s", "-Wall", "-Wextra", "-o")
    subprocess.run(["gcc", *flags, pause, HERE / "pause.c"], check=True)
    tar = oci.layer({"/pause": pause, "/bin/busybox": "/bin/busybox", "/bin/sh": "/bin/busybox"})
    oci.write(where.images / "sandbox", oci.layer({"/pause": pause}), layout.SANDBOX,
              Entrypoint=["/pause"])  # fmt: skip
    oci.archive(where.images / "sandbox", where.images / "sandbox.tar")
    digests = {}
    for name in (*layout.IMAGES, layout.PRIVATE_IMAGE):
        path = name.partition("/")[2].replace("/", "_").replace(":", "_")
        digests[name] = oci.write(where.images / path, tar, name, Entrypoint=["/pause"])
    (where.images / "digests.json").write_text(json.dumps(digests))


def clean(where):
    """Everything of an earlier run."""
    if where.folder.exists():
        if any(where.folder.iterdir()) and not (where.folder / "layout.json").exists():
            raise Failed(f"{where.folder} holds something else than a cluster")
        left = restore(where)
        shutil.rmtree(where.folder)
        if left:
            raise Failed("left behind: " + ", ".join(left))


def prepare(where, port):
    where.logs.mkdir(parents=True)
    (where.folder / "layout.json").write_text("{}")
    where.folder.chmod(0o700)
    save_machine(where)
    certs = Certificates(where.folder)
    files.write_all(where, certs, port)
    (where.folder / "bin").mkdir()
    shutil.copy(HERE / "ecr_login.py", where.folder / "bin" / "ecr-login")
    (where.folder / "bin" / "ecr-login").chmod(0o755)
    make_images(where)


def launch(where, tools, listener):
    """(the pipe that it reports on, its process)."""
    reading, writing = os.pipe()
    settings = {"tools": tools, "report": writing, "gate": listener.fileno()}
    with open(where.log("node"), "wb") as log:
        outer = subprocess.Popen(
            ["unshare", "--mount", "--net", "--ipc", "--pid", "--fork", "--mount-proc",
             "--kill-child", sys.executable, "-B", HERE / "inside.py", where.folder,
             json.dumps(settings)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            pass_fds=[writing, listener.fileno()],
        )  # fmt: skip
    os.close(writing)
    return os.fdopen(reading), outer


def child_of(pid):
    while True:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            return int(children[0])
        if began(pid) is None:
            raise Failed("unshare ended")
        time.sleep(0.01)


def up(where, tools):
    if process_of(where):
        return
    clean(where)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        prepare(where, listener.getsockname()[1])
        report, outer = launch(where, tools, listener)
    inner = child_of(outer.pid)
    where.process.write_text(json.dumps({"pid": inner, "began": began(inner), "outer": outer.pid}))
    with report:
        said = report.readline()  # `unshare` has the other end too, so there is no end of file
    problem = json.loads(said) if said else where.log("node").read_text()
    if problem:
        down(where, keep=True)
        raise Failed(f"{problem}\n(logs: {where.logs})")


def down(where, keep=False):
    pid = process_of(where)
    if pid:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + END_S
        while began(pid) is not None and time.monotonic() < end:
            time.sleep(0.05)
        if began(pid) is not None:
            os.kill(pid, signal.SIGKILL)
            while began(pid) is not None:
                time.sleep(0.05)
    if keep:
        restore(where)
    else:
        clean(where)


def execute(where, command):
    pid = process_of(where)
    if not pid:
        raise Failed(f"no cluster runs in {where.folder}")
    environ = {"KUBECONFIG": str(where.inside), **os.environ}
    os.execvpe("nsenter", ["nsenter", f"--net=/proc/{pid}/ns/net", *command], environ)


def main():
    verb, folder, *rest = sys.argv[1:]
    where = layout.Layout(pathlib.Path(folder).resolve())
    try:
        if verb == "up":
            up(where, dict(word.split("=", 1) for word in rest))
            print(where.kubeconfig)
        elif verb == "down":
            down(where, keep="--keep-logs" in rest)
        else:
            execute(where, rest)
    except (Failed, subprocess.CalledProcessError) as problem:
        print(f"cluster: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
