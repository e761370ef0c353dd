"""`pullthrough version`: a report of a bug needs the commit and each library."""

import re
import subprocess

LIBRARIES = ["libh2o", "libcurl", "OpenSSL", "yyjson", "jansson", "libyaml"]


def test_every_library_is_named_with_its_version(program):
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True,
                          timeout=30).stdout
    first, libraries = said.splitlines()
    assert re.fullmatch(r"pullthrough \d+\.\d+\.\d+ \(commit [0-9a-f]{12}\)", first)
    assert [each.split()[0] for each in libraries.split(", ")] == LIBRARIES
    for each in libraries.split(", "):
        assert re.match(r"\w+ \d+\.\d+", each)
