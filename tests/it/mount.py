"""A folder as kubelet mounts a ConfigMap or a Secret, and changes it.

The files are links through "..data", itself a link to a folder with the time in its name; a change
makes a new folder and renames a new "..data" over the old one, so that all files change at once
(kubernetes/pkg/volume/util/atomic_writer.go).
"""

import itertools
import os
import shutil


class Mount:
    def __init__(self, path, files):
        self.path = path
        self._numbers = itertools.count(1)
        path.mkdir()
        self.write(files)

    def __truediv__(self, name):
        return self.path / name

    def write(self, files):
        """These files, {name: text}, and no others."""
        data = self.path / "..data"
        old = os.readlink(data) if data.is_symlink() else None
        new = self.path / f"..2026_11_22_10_00_00.{next(self._numbers):09}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
        os.symlink(new.name, self.path / "..data_tmp")
        os.replace(self.path / "..data_tmp", data)
        for entry in os.listdir(self.path):
            if not entry.startswith("..") and entry not in files:
                (self.path / entry).unlink()
        for name in files:
            if not (self.path / name).is_symlink():
                os.symlink(f"..data/{name}", self.path / name)
        if old:
            shutil.rmtree(self.path / old)
