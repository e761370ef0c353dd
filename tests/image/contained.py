"""Become the program of an unpacked image: contained.py FOLDER [ARGUMENT...] (see container.py)."""

import json
import os
import pathlib
import sys

import container


def main():
    folder, arguments = pathlib.Path(sys.argv[1]), sys.argv[2:]
    image = json.loads((folder / "image.json").read_text())
    root, arch = folder / "root", image["architecture"]
    if arch != container.NATIVE:
        qemu = container.QEMU[arch]
        program = f"{root}{image['config']['Entrypoint'][0]}"
        os.execvp(qemu, [qemu, "-L", str(root), program, *arguments])
    environment = [f"{key}={value}" for key, value in os.environ.items() if key.startswith("AWS_")]
    name = container.name_of(os.getpid())
    bundle = folder / "bundles" / name
    bundle.mkdir()
    settings = container.settings(image, root, arguments or image["config"]["Cmd"], environment)
    (bundle / "config.json").write_text(json.dumps(settings))
    os.execvp("runc", ["runc", "--root", str(folder / "runc"), "run", "--bundle", str(bundle), name])


main()
