"""The cases that are files: tests/fixtures/references and tests/fixtures/review."""

import json
import pathlib
import re
from typing import NamedTuple, Optional

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures"
REVIEWS = FIXTURES / "review"
DEFAULT_CONFIG = REVIEWS / "config.yaml"


class ReferenceCase(NamedTuple):
    line: int
    text: bytes
    valid: bool
    domain: bytes
    path: bytes
    tag: bytes
    digest: bytes


def _unescape(field):
    def byte(match):
        word = match.group(1)
        if word.startswith(b"x"):
            return bytes([int(word[1:], 16)])
        return {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"\\": b"\\"}[word]

    return re.sub(rb"\\(x[0-9a-f]{2}|.)", byte, field)


def references():
    """The rows of reference.tsv; only their first column is escaped."""
    rows = (FIXTURES / "references" / "reference.tsv").read_bytes().split(b"\n")
    assert rows[0] == b"input\tvalid\tdomain\tpath\ttag\tdigest" and rows[-1] == b""
    for line, row in enumerate(rows[1:-1], start=2):
        text, valid, *parts = row.split(b"\t")
        assert valid in (b"yes", b"no") and len(parts) == 4, f"reference.tsv:{line}"
        yield ReferenceCase(line, _unescape(text), valid == b"yes", *parts)


class ReviewCase(NamedTuple):
    name: str
    body: bytes
    config: pathlib.Path
    want: dict


def reviews():
    """A folder each: review.json (bytes, maybe no JSON), want.json, maybe config.yaml.

    want.json holds `status`; and for 200 `apiVersion` (v1 unless given), `images` (JSON pointer
    -> the new text: the whole change beside the annotation), `originals` (the annotation's map
    afterwards, absent where the annotation stays as it was) and `warns`.
    """
    for folder in sorted(REVIEWS.iterdir()):
        if not (folder / "want.json").exists():
            continue
        config = folder / "config.yaml"
        yield ReviewCase(
            folder.name,
            (folder / "review.json").read_bytes(),
            config if config.exists() else DEFAULT_CONFIG,
            json.loads((folder / "want.json").read_text("utf-8")),
        )


def samples():
    """Bodies that a real API server sent."""
    return sorted((REVIEWS / "samples").glob("*.json"))


def wanted_object(case, before, originals_key):
    """The object as want.json says it: a copy of `before` with the changes made."""
    after = json.loads(json.dumps(before))
    for pointer, text in case.want.get("images", {}).items():
        *parents, last = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
        place = after
        for part in parents:
            place = place[int(part)] if isinstance(place, list) else place[part]
        assert isinstance(place[last], str), f"{case.name}: {pointer} is not a string"
        assert place[last] != text, f"{case.name}: {pointer} already says so"
        place[last] = text
    originals: Optional[dict] = case.want.get("originals")
    if originals is not None:
        metadata = after["metadata"]
        if metadata.get("annotations") is None:
            metadata["annotations"] = {}
        metadata["annotations"][originals_key] = json.dumps(originals)
    return after
