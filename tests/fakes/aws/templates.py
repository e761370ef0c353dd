"""Repository creation templates: what a repository that ECR makes by itself looks like."""

from . import ecr_shapes, lifecycle, policy, principals
from .ecr_shapes import (ENCRYPTION_TYPE, EXCLUSION_FILTERS, MUTABILITY, ROLE_ARN, TAGS,
                         TEMPLATE_PREFIX)
from .errors import AwsError, invalid_parameter
from .shapes import Many, Operation, Record, Text

KMS_KEY = Text(0, 2048, r"^$|arn:aws[a-z0-9-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[a-z0-9-]+")
MEMBERS = {
    "prefix": TEMPLATE_PREFIX,
    "description": Text(high=256),
    "encryptionConfiguration": Record({"encryptionType": ENCRYPTION_TYPE, "kmsKey": KMS_KEY},
                                      required=("encryptionType",)),
    "resourceTags": TAGS,
    "imageTagMutability": MUTABILITY,
    "imageTagMutabilityExclusionFilters": EXCLUSION_FILTERS,
    "repositoryPolicy": Text(0, 10240),
    "lifecyclePolicy": Text(0, 30720),
    "appliedFor": Many(Text(choices=("REPLICATION", "PULL_THROUGH_CACHE", "CREATE_ON_PUSH"))),
    "customRoleArn": ROLE_ARN,
}
PLAIN = {"encryptionConfiguration": {"encryptionType": "AES256"}, "resourceTags": [],
         "imageTagMutability": "MUTABLE", "repositoryPolicy": "", "lifecyclePolicy": "",
         "imageTagMutabilityExclusionFilters": None, "description": None, "customRoleArn": None}


def output(template):
    """Members that are empty are left out, except the list of tags."""
    return {name: value for name, value in template.items() if value not in (None, "")}


def check(world, given):
    encryption = given.get("encryptionConfiguration", {})
    if encryption.get("encryptionType") == "AES256" and encryption.get("kmsKey"):
        raise invalid_parameter("encryptionConfiguration.kmsKey",
                                "Member must not be set for encryptionType AES256")
    if (encryption.get("encryptionType") == "KMS_DSSE"
            and world.state.partition() != "aws-us-gov"):
        raise invalid_parameter("encryptionConfiguration.encryptionType",
                                "KMS_DSSE is only available in AWS GovCloud (US)")
    with_exclusion = given.get("imageTagMutability", "").endswith("_WITH_EXCLUSION")
    if with_exclusion != ("imageTagMutabilityExclusionFilters" in given):
        raise invalid_parameter("imageTagMutabilityExclusionFilters",
                                "Member must be set if and only if imageTagMutability ends in "
                                "_WITH_EXCLUSION")
    if given.get("repositoryPolicy"):
        document = policy.parse(given["repositoryPolicy"])
        # A repository policy has its resource by itself.
        if document is None or any("Resource" in each or not {"Principal", "NotPrincipal"} &
                                   set(each) for each in policy.listed(document["Statement"])):
            raise invalid_parameter("PolicyText", "Invalid repository policy provided")
    if given.get("lifecyclePolicy"):
        fault = lifecycle.fault_of(given["lifecyclePolicy"])
        if fault:
            raise invalid_parameter("LifecyclePolicyText",
                                    f"Lifecycle policy validation failure: {fault}")


def authorize(world, call, given):
    """What a template would make ECR do, its author must be allowed to do."""
    repositories = world.state.arn("ecr", "repository/*")
    asked = []
    if world.state.settings["templateNeedsCreateRepository"]:
        asked.append("ecr:CreateRepository")
    if given.get("repositoryPolicy"):
        asked.append("ecr:SetRepositoryPolicy")
    if given.get("lifecyclePolicy"):
        asked.append("ecr:PutLifecyclePolicy")
    for action in asked:
        principals.authorize(world.state, call.caller, action, repositories)
    if "customRoleArn" in given:
        principals.authorize(world.state, call.caller, "iam:PassRole", given["customRoleArn"],
                             {"iam:PassedToService": "ecr.amazonaws.com"})


def answer(world, template):
    return {"registryId": world.state.settings["account"],
            "repositoryCreationTemplate": output(template)}


def create(world, call, given):
    settings = world.state.settings
    with world.state.change() as data:
        authorize(world, call, given)
        check(world, given)
        prefix = given["prefix"]
        if any(known.rstrip("/") == prefix.rstrip("/") for known in data["templates"]):
            raise AwsError("TemplateAlreadyExistsException",
                           f"A repository creation template with prefix '{prefix}' already "
                           f"exists in the registry with id '{settings['account']}'")
        if settings["templateQuota"] and len(data["templates"]) >= settings["templateQuota"]:
            raise AwsError("LimitExceededException",
                           "The operation did not succeed because it would have exceeded a "
                           "service limit for your account: repository creation templates per "
                           f"registry, {settings['templateQuota']}")
        now = round(call.now(), 3)
        template = {**PLAIN, **given, "createdAt": now, "updatedAt": now}
        data["templates"][prefix] = template
        return answer(world, template)


def find(world, data, prefix):
    for known, template in data["templates"].items():
        if known.rstrip("/") == prefix.rstrip("/"):
            return known, template
    raise AwsError("TemplateNotFoundException",
                   f"The repository creation template with prefix '{prefix}' does not exist in "
                   f"the registry with id '{world.state.settings['account']}'")


def update(world, call, given):
    """Omitted members stay as they are."""
    with world.state.change() as data:
        authorize(world, call, given)
        known, template = find(world, data, given["prefix"])
        changes = {name: value for name, value in given.items() if name != "prefix"}
        if "imageTagMutability" in changes:
            changes.setdefault("imageTagMutabilityExclusionFilters", None)
        merged = {**template, **changes}
        check(world, {name: value for name, value in merged.items() if value is not None})
        data["templates"][known] = merged = {**merged, "updatedAt": round(call.now(), 3)}
        return answer(world, merged)


def delete(world, _call, given):
    with world.state.change() as data:
        known, template = find(world, data, given["prefix"])
        del data["templates"][known]
        return answer(world, template)


def describe(world, call, given):
    with world.state.look() as data:
        found = data["templates"]
        if "prefixes" in given:
            found = dict(find(world, data, prefix) for prefix in given["prefixes"])
        shown, token = ecr_shapes.page(world, call, found, given)
        return {"registryId": world.state.settings["account"],
                **ecr_shapes.listed("repositoryCreationTemplates",
                                    [output(each) for each in shown], token)}


def matching(data, repository, scenario="PULL_THROUGH_CACHE"):
    """The template for a new repository: the most specific prefix, ROOT last; or the plain one."""
    best = None
    for known, template in data["templates"].items():
        prefix = "" if known == "ROOT" else known.rstrip("/") + "/"
        if scenario in template["appliedFor"] and repository.startswith(prefix) and (
                best is None or len(prefix) > best[0]):
            best = len(prefix), template
    return best[1] if best else {**PLAIN, "prefix": None}


OPERATIONS = {
    "CreateRepositoryCreationTemplate": Operation(
        Record(MEMBERS, required=("prefix", "appliedFor")), create),
    "UpdateRepositoryCreationTemplate": Operation(
        Record(MEMBERS, required=("prefix",)), update),
    "DeleteRepositoryCreationTemplate": Operation(
        Record({"prefix": TEMPLATE_PREFIX}, required=("prefix",)), delete),
    "DescribeRepositoryCreationTemplates": Operation(Record({
        "prefixes": Many(TEMPLATE_PREFIX), "nextToken": ecr_shapes.NEXT_TOKEN,
        "maxResults": ecr_shapes.MAX_RESULTS}), describe),
}
