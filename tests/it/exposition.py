"""Prometheus' text format, version 0.0.4, read strictly.

Stricter than Prometheus itself: each family has its HELP and TYPE, in this order, directly before
its samples; no series and no label comes twice; nothing has a time stamp.
"""

import math
import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_HELP = re.compile(rf"# HELP ({_NAME}) (\S.*)")
_TYPE = re.compile(rf"# TYPE ({_NAME}) (counter|gauge|histogram|summary)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def _labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = _LABEL.match(text, at)
        assert found, f"labels: {text!r} at {at}"
        name, value, comma = found.groups()
        assert name not in labels, f"label {name} twice: {text!r}"
        labels[name] = re.sub(r"\\.", lambda escape: _ESCAPES[escape.group()], value)
        at = found.end()
        assert not (comma and at == len(text)), f"comma at the end: {text!r}"
    return labels


def _number(text):
    if text == "+Inf":
        return math.inf
    value = float(text)
    assert math.isfinite(value) and text[0] not in "+ ", text
    return value


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.type = name, help_text, None
        self.samples = {}  # (name, ((label, value), ...)) -> number

    def add(self, name, labels, value):
        suffixes = {
            "histogram": ("_bucket", "_sum", "_count"),
            "summary": ("_sum", "_count"),  # ours have no quantiles
        }.get(self.type, ("",))
        assert name in [self.name + suffix for suffix in suffixes], f"{name} in {self.name}"
        key = (name, tuple(sorted(labels.items())))
        assert key not in self.samples, f"twice: {key}"
        self.samples[key] = value

    def check(self):
        assert self.type, f"{self.name} has no TYPE"
        if self.type == "counter":
            assert self.name.endswith("_total"), self.name
            assert all(value >= 0 for value in self.samples.values()), self.name
        if self.type == "histogram":
            self._check_histogram()

    def _check_histogram(self):
        """The one histogram that we have is without labels of its own."""
        buckets = [
            (_number(dict(labels)["le"]), value)
            for (name, labels), value in self.samples.items()
            if name == f"{self.name}_bucket" and set(dict(labels)) == {"le"}
        ]
        total = self.samples[f"{self.name}_count", ()]
        assert len(self.samples) == len(buckets) + 2, self.samples
        assert buckets == sorted(set(buckets)) and len(buckets) > 2, buckets
        counts = [count for _, count in buckets]
        assert counts == sorted(counts) and counts[0] >= 0, f"not cumulative: {counts}"
        assert buckets[-1] == (math.inf, total), f"{buckets[-1]} and count {total}"
        assert self.samples[f"{self.name}_sum", ()] >= 0


class Exposition:
    """families: {name: Family}; what is wrong is an AssertionError."""

    def __init__(self, text):
        self.families = {}
        assert text.endswith("\n")
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                name, help_text = _HELP.fullmatch(line).groups()
                assert name not in self.families, f"HELP twice: {name}"
                family = self.families[name] = Family(name, help_text)
            elif line.startswith("#"):
                name, kind = _TYPE.fullmatch(line).groups()
                assert family and family.name == name and not family.type, line
                family.type = kind
            else:
                found = _SAMPLE.fullmatch(line)
                assert found and family and family.type, f"not a sample: {line!r}"
                family.add(found[1], _labels(found[2] or ""), _number(found[3]))
        for family in self.families.values():
            family.check()

    def samples(self):
        return {k: v for family in self.families.values() for k, v in family.samples.items()}

    def value(self, name, **labels):
        """The number of one series; None where there is none."""
        return self.samples().get((name, tuple(sorted(labels.items()))))

    def label_values(self):
        """{label: the values that any series has}"""
        values = {}
        for _, labels in self.samples():
            for name, value in labels:
                values.setdefault(name, set()).add(value)
        return values

    def since(self, before):
        """How much each series moved, those that stood still left out; a new one begins at 0."""
        old, new = before.samples(), self.samples()
        assert old.keys() <= new.keys(), f"gone: {old.keys() - new.keys()}"
        return {k: v - old.get(k, 0) for k, v in new.items() if v != old.get(k, 0)}
