"""Container images, made from files of this machine: an OCI layout that skopeo and ctr can read."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile

MEDIA = "application/vnd.oci.image."


def layer(files):
    """A layer's bytes: {path in the image: file of this machine, or bytes}; all executable."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, source in sorted(files.items()):
            data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def write(folder, tar, name, labels=None, **config):
    """An OCI layout of one image in a new folder; its digest. `name` is what ctr imports it as."""
    folder = pathlib.Path(folder)
    (folder / "blobs" / "sha256").mkdir(parents=True)
    diff = _digest(tar)
    image = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {"Labels": {"name": name, **(labels or {})}, **config},
        "rootfs": {"type": "layers", "diff_ids": [diff]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA + "manifest.v1+json",
        "config": _blob(folder, MEDIA + "config.v1+json", json.dumps(image).encode()),
        "layers": [_blob(folder, MEDIA + "layer.v1.tar+gzip", gzip.compress(tar, 1, mtime=0))],
    }
    entry = _blob(folder, manifest["mediaType"], json.dumps(manifest).encode())
    entry["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return entry["digest"]


def archive(folder, path):
    """The layout as one file, for `ctr images import`."""
    with tarfile.open(path, "w") as out:
        for each in sorted(os.listdir(folder)):
            out.add(pathlib.Path(folder) / each, each)


def libraries(program):
    """{path: file} of a program's shared libraries and its loader."""
    said = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return {path: path for path in re.findall(r"(/\S+) \(0x", said)}


def _digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _blob(folder, media, data):
    digest = _digest(data)
    (folder / "blobs" / "sha256" / digest.partition(":")[2]).write_bytes(data)
    return {"mediaType": media, "digest": digest, "size": len(data)}
