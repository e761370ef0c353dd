"""What docs/status.md says of /status, and what a running program says there."""

import re

from documents import ROOT

ROW = re.compile(r"^\| `([^`]+)` \| ([a-z ]+) \| .+ \|$", re.M)


def documented():
    """Its type, by each member's path."""
    rows = ROW.findall((ROOT / "docs/status.md").read_text())
    assert len(dict(rows)) == len(rows) > 30, "a member twice, or the table is not read"
    return dict(rows)


def members(value, path=""):
    """(member's path, its value); what a list holds is PATH[]."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from members(below, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for below in value:
            yield from members(below, f"{path}[]")
    else:
        yield path, value


def is_of(kind, value):
    if value is None:
        return kind.endswith(" or null")
    kind = kind.removesuffix(" or null")
    if kind == "time":
        return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)
    return type(value) is {"string": str, "number": int, "boolean": bool}[kind]
