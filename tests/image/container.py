"""The image as an engine sees it: its archive is checked and unpacked, and what it says of itself
becomes a container, run by runc the way a strict pod is: its own user, a root that can't be written
to, no capability, no new privileges, the usual seccomp profile. Of another architecture, the same
files run under qemu-user, without a container."""

import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile

SECCOMP = pathlib.Path("/usr/share/containers/seccomp.json")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
QEMU = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}
SECCOMP_ARCHES = {"amd64": ["SCMP_ARCH_X86_64"], "arm64": ["SCMP_ARCH_AARCH64"]}
NATIVE = MACHINES[os.uname().machine]

# What engines hide of /proc and /sys, and what can't be written there.
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def _mount(where, kind, *options, source=None):
    return {"destination": where, "type": kind, "source": source or kind,
            "options": ["nosuid", "noexec", *options]}


MOUNTS = [
    _mount("/proc", "proc", "nodev"),
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
     "options": ["nosuid", "strictatime", "mode=755", "size=64k"]},
    _mount("/sys", "sysfs", "nodev", "ro"),
]


class Archive:
    """An OCI archive of one image. Every digest in it is checked."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        with tarfile.open(self.path) as archive:
            self.members = archive.getmembers()
            self._files = {m.name: archive.extractfile(m).read() for m in self.members}
        index = json.loads(self._files["index.json"])
        self.name = index["manifests"][0]["annotations"]["io.containerd.image.name"]
        self.digest = index["manifests"][0]["digest"]
        manifest = json.loads(self._blob(index["manifests"][0]))
        self.config = json.loads(self._blob(manifest["config"]))
        layer, = manifest["layers"]
        self.compressed = layer["size"]
        self._layer = self._blob(layer)
        self.architecture = self.config["architecture"]

    def _blob(self, descriptor):
        kind, _, digest = descriptor["digest"].partition(":")
        data = self._files[f"blobs/{kind}/{digest}"]
        assert len(data) == descriptor["size"] and hashlib.sha256(data).hexdigest() == digest
        return data

    def files(self):
        """{name: TarInfo} of the layer."""
        with tarfile.open(fileobj=io.BytesIO(self._layer)) as layer:
            return {member.name: member for member in layer.getmembers()}

    def read(self, name):
        with tarfile.open(fileobj=io.BytesIO(self._layer)) as layer:
            return layer.extractfile(name).read()

    def unpack(self, folder):
        folder.mkdir()
        folder.chmod(0o755)
        with tarfile.open(fileobj=io.BytesIO(self._layer)) as layer:
            layer.extractall(folder, numeric_owner=True)
        return folder


def seccomp(arch):
    """The profile of container engines as runc wants it, for somebody without capabilities."""
    profile = json.loads(SECCOMP.read_text())
    rules = []
    for rule in profile["syscalls"]:
        only, never = rule.get("includes") or {}, rule.get("excludes") or {}
        if only.get("caps") or arch not in (only.get("arches") or [arch]):
            continue
        if arch in (never.get("arches") or []):
            continue
        kept = ("names", "action", "args", "errnoRet")
        rules.append({key: rule[key] for key in kept if rule.get(key)})
    return {"defaultAction": profile["defaultAction"],
            "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": SECCOMP_ARCHES[arch], "syscalls": rules}


def _is_in_a_chroot():
    """Where runc finds no mount to put a container's root on."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return not any(line.split()[4] == "/" for line in lines)


def why_not(arch):
    """What keeps this machine from running an image of that architecture; "" for nothing."""
    if arch != NATIVE:
        return "" if shutil.which(QEMU[arch]) else f"{QEMU[arch]} is not installed"
    if os.geteuid() != 0:
        return "running a container by runc needs root"
    if not shutil.which("runc"):
        return "runc is not installed"
    if _is_in_a_chroot():
        return "runc can't run inside a chroot"
    return "" if SECCOMP.is_file() else f"{SECCOMP} is not there"


class Runtime:
    """Runs what the image holds. `program` is a command that behaves as the program in it: its
    arguments, AWS_ variables, signals and exit status pass through. Files that it is to see lie
    below the folders of absolute paths among the arguments."""

    def __init__(self, archive, folder):
        self.archive, self.folder = archive, folder
        self.root = archive.unpack(folder / "root")
        (folder / "bundles").mkdir()
        (folder / "image.json").write_text(json.dumps(archive.config))
        self.program = folder / "pullthrough"
        contained = pathlib.Path(__file__).with_name("contained.py")
        self.program.write_text(f"#!/bin/sh\nexec /usr/bin/python3 -B {contained} {folder} \"$@\"\n")
        self.program.chmod(0o755)

    def pid(self, process):
        """Of the program itself, as seen from outside."""
        return json.loads(self._runc("state", name_of(process.pid)).stdout)["pid"]

    def _runc(self, *arguments):
        return subprocess.run(["runc", "--root", self.folder / "runc", *arguments], check=True,
                              capture_output=True, timeout=60)

    def end(self):
        """Whatever a test has left."""
        if (self.folder / "runc").is_dir():
            for name in os.listdir(self.folder / "runc"):
                subprocess.run(["runc", "--root", self.folder / "runc", "delete", "--force", name],
                               check=False, timeout=60)


def name_of(pid):
    return f"pullthrough-{pid}"


def settings(image, root, arguments, environment):
    """The OCI runtime configuration of a container."""
    uid, gid = map(int, image["config"]["User"].split(":"))
    folders = sorted({os.path.dirname(each) for each in arguments if os.path.isabs(each)})
    binds = [{"destination": each, "type": "bind", "source": each,
              "options": ["rbind", "ro", "nosuid", "nodev", "noexec"]} for each in folders]
    nothing = {kind: [] for kind in
               ("bounding", "effective", "permitted", "inheritable", "ambient")}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": uid, "gid": gid}, "cwd": "/", "env": environment,
            "args": [*image["config"]["Entrypoint"], *arguments],
            "capabilities": nothing, "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "pullthrough",
        "mounts": [*MOUNTS, *binds],
        "linux": {
            # Not a network of its own: tests speak to it over loopback.
            "namespaces": [{"type": each} for each in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
            "seccomp": seccomp(image["architecture"]),
        },
    }
