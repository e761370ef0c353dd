"""Shapes of requests and what AWS says about those that do not fit.

The constraints are written down here and in the modules of the operations by hand; a test compares
every one of them with botocore's service model.
"""

import re
from dataclasses import dataclass, field

from .errors import AwsError, invalid_parameter


@dataclass(frozen=True)
class Text:
    low: int = None
    high: int = None
    pattern: str = None
    choices: tuple = ()
    matcher: str = None      # an equal pattern, where the documented one may run for ever


@dataclass(frozen=True)
class Number:
    low: int = None
    high: int = None


@dataclass(frozen=True)
class Flag:
    pass


@dataclass(frozen=True)
class Many:
    item: object
    low: int = None
    high: int = None


@dataclass(frozen=True)
class Record:
    members: dict
    required: tuple = ()


@dataclass(frozen=True)
class Operation:
    shape: Record
    handler: object                    # (world, call, input) -> output
    # (world, input) -> ARNs that the permission is asked for; None = no permission needed.
    resources: object = field(default=lambda world, given: ["*"])
    action: str = None                 # where it isn't SERVICE:OPERATION


def serialization(text):
    return AwsError("SerializationException", text)


def ecr_dialect(path, _value, constraint):
    return invalid_parameter(path, constraint)


def validation_dialect(path, value, constraint):
    shown = "null" if value is None else f"'{value}'"
    return AwsError("ValidationException",
                    f"1 validation error detected: Value {shown} at '{path}' failed to satisfy "
                    f"constraint: {constraint}")


class Checker:
    """Checks a value against a shape; `strict` also refuses members that AWS would ignore."""

    def __init__(self, dialect, strict):
        self.dialect = dialect
        self.strict = strict

    def check(self, shape, value, path=""):
        kind = type(shape).__name__.lower()
        getattr(self, kind)(shape, value, path)

    def text(self, shape, value, path):
        if not isinstance(value, str):
            raise serialization(f"{path}: a string is expected")
        if shape.low is not None and len(value) < shape.low:
            raise self.dialect(path, value, "Member must have length greater than or equal to "
                               f"{shape.low}")
        if shape.high is not None and len(value) > shape.high:
            raise self.dialect(path, value, "Member must have length less than or equal to "
                               f"{shape.high}")
        if shape.choices and value not in shape.choices:
            raise self.dialect(path, value, "Member must satisfy enum value set: "
                               f"[{', '.join(shape.choices)}]")
        pattern = shape.matcher or shape.pattern
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            raise self.dialect(path, value, "Member must satisfy regular expression pattern: "
                               f"{shape.pattern}")

    def number(self, shape, value, path):
        if isinstance(value, bool) or not isinstance(value, int):
            raise serialization(f"{path}: an integer is expected")
        if shape.low is not None and value < shape.low:
            raise self.dialect(path, value, "Member must have value greater than or equal to "
                               f"{shape.low}")
        if shape.high is not None and value > shape.high:
            raise self.dialect(path, value, "Member must have value less than or equal to "
                               f"{shape.high}")

    def flag(self, _shape, value, path):
        if not isinstance(value, bool):
            raise serialization(f"{path}: a boolean is expected")

    def many(self, shape, value, path):
        if not isinstance(value, list):
            raise serialization(f"{path}: a list is expected")
        if shape.low is not None and len(value) < shape.low:
            raise self.dialect(path, value, "Member must have length greater than or equal to "
                               f"{shape.low}")
        if shape.high is not None and len(value) > shape.high:
            raise self.dialect(path, value, "Member must have length less than or equal to "
                               f"{shape.high}")
        for at, item in enumerate(value):
            if item is None:
                raise serialization(f"{path}: null in a list")
            self.check(shape.item, item, f"{path}.{at + 1}.member" if path else str(at))

    def record(self, shape, value, path):
        if not isinstance(value, dict):
            raise serialization(f"{path or 'the body'}: a structure is expected")
        dot = path + "." if path else ""
        for name in shape.required:
            if value.get(name) is None:
                raise self.dialect(dot + name, None, "Member must not be null")
        for name, item in value.items():
            if name not in shape.members:
                if self.strict:
                    raise serialization(f"{dot}{name}: the stand-in, being strict, refuses a "
                                        "member that this operation does not have")
                continue
            if item is not None:
                self.check(shape.members[name], item, dot + name)
