"""The programs of hack/tools.sh: where they are."""

import functools
import pathlib
import subprocess

from http_peer import ROOT


@functools.cache
def path(name):
    """Of a tool; builds it if it must be."""
    done = subprocess.run(
        [ROOT / "hack" / "tools.sh", name], check=True, stdout=subprocess.PIPE, text=True
    )
    ((found, where),) = (line.split("\t") for line in done.stdout.splitlines())
    assert found == name
    return where


def crds():
    """The files of custom resource definitions that the chart's optional objects need."""
    return sorted(pathlib.Path(path("crds")).glob("*.yaml"))
