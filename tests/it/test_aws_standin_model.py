"""The stand-in's own constraints are those of AWS's service model, one by one."""

import itertools
import re
import sys

import pytest

import standin

pytest.importorskip("botocore", reason="hack/venv.sh makes a Python that has it")
import botocore.loaders  # noqa: E402
import botocore.model  # noqa: E402

sys.path.insert(0, str(standin.FOLDER.parent))
from aws import ecr, ecr_rules, registry_settings, secretsmanager, shapes, sts  # noqa: E402

# Members that the stand-in does not model; sending one is refused while it is strict.
LEFT_OUT = {
    "CreateSecret": {"AddReplicaRegions", "ForceOverwriteReplicaSecret", "Type"},
    "PutSecretValue": {"RotationToken"},
    "ListSecrets": {"SortOrder", "SortBy"},
    "AssumeRole": {"PolicyArns", "Policy", "Tags", "TransitiveTagKeys", "SourceIdentity",
                   "ProvidedContexts"},
    "AssumeRoleWithWebIdentity": {"ProviderId", "PolicyArns", "Policy"},
}
# Kept looser than the model on purpose: the handler knows better texts.
LOOSER = {"CreateSecret.SecretBinary", "PutSecretValue.SecretBinary"}


def model(service):
    found = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(found, service)


def compare(ours, theirs, path, faults):
    kinds = {"structure": shapes.Record, "list": shapes.Many, "string": shapes.Text,
             "blob": shapes.Text, "integer": shapes.Number, "long": shapes.Number,
             "boolean": shapes.Flag}
    if not isinstance(ours, kinds[theirs.type_name]):
        faults.append(f"{path}: {type(ours).__name__} for {theirs.type_name}")
    elif isinstance(ours, shapes.Record):
        if set(ours.required) != set(theirs.required_members):
            faults.append(f"{path}: required {ours.required}, not {theirs.required_members}")
        missing = set(theirs.members) - set(ours.members) - LEFT_OUT.get(path, set())
        if missing or set(ours.members) - set(theirs.members):
            faults.append(f"{path}: members {sorted(ours.members)}, not {sorted(theirs.members)}")
        for name in set(ours.members) & set(theirs.members):
            compare(ours.members[name], theirs.members[name], f"{path}.{name}", faults)
    elif not isinstance(ours, shapes.Flag) and path not in LOOSER:
        for name, member in (("min", "low"), ("max", "high")):
            # A minimum of 0 says nothing.
            if (getattr(ours, member) or None) != (theirs.metadata.get(name) or None):
                faults.append(f"{path}: {name} {getattr(ours, member)}, "
                              f"not {theirs.metadata.get(name)}")
    if isinstance(ours, shapes.Many):
        compare(ours.item, theirs.member, f"{path}[]", faults)
    if isinstance(ours, shapes.Text):
        if ours.pattern != theirs.metadata.get("pattern"):
            faults.append(f"{path}: {ours.pattern}, not {theirs.metadata.get('pattern')}")
        if set(ours.choices) != set(getattr(theirs, "enum", ())):
            faults.append(f"{path}: {ours.choices}, not {theirs.enum}")


@pytest.mark.parametrize("service, operation, shape", [
    *(("ecr", name, found.shape) for name, found in ecr.OPERATIONS.items()),
    *(("secretsmanager", name, found.shape) for name, found in secretsmanager.OPERATIONS.items()),
    *(("sts", name, found) for name, found in sts.SHAPES.items())])
def test_constraints_are_the_models(service, operation, shape):
    theirs = model(service).operation_model(operation).input_shape
    faults = []
    compare(shape, theirs, operation, faults)
    assert faults == []


def test_every_upstream_of_the_model_is_known():
    theirs = model("ecr").shape_for("UpstreamRegistry").enum
    assert {name for name, _, _ in ecr_rules.UPSTREAMS} == set(theirs)


def test_the_faster_pattern_of_scanning_filters_is_the_same():
    shape = registry_settings.FILTER.members["filter"]
    for length in range(1, 6):
        for text in map("".join, itertools.product("a*./A", repeat=length)):
            assert bool(re.fullmatch(shape.pattern, text)) \
                == bool(re.fullmatch(shape.matcher, text)), text


@pytest.mark.parametrize("service, target", [
    ("ecr", "AmazonEC2ContainerRegistry_V20150921"), ("secretsmanager", "secretsmanager")])
def test_protocol_is_the_models(service, target):
    metadata = model(service).metadata
    assert (metadata["targetPrefix"], metadata["jsonVersion"]) == (target, "1.1")
    assert metadata.get("signingName", metadata["endpointPrefix"]) == service
