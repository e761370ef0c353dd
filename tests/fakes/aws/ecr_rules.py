"""Pull-through-cache rules: create, describe, update, delete, validate.

Not modelled: whether customRoleArn can be assumed, and the regions where AWS has no pull-through
cache (the error that it gives there is not known).
"""

import re

from . import ecr_shapes, principals, pulled_secret, upstream
from .ecr_shapes import CREDENTIAL_ARN, REGISTRY_ID, ROLE_ARN, RULE_PREFIX, URL
from .errors import AwsError, invalid_parameter
from .shapes import Many, Operation, Record, Text

# Name, what its URL looks like, whether credentials are needed (None: never).
UPSTREAMS = (
    ("docker-hub", r"registry-1\.docker\.io", True),
    ("github-container-registry", r"ghcr\.io", True),
    ("gitlab-container-registry", r"registry\.gitlab\.com", True),
    ("azure-container-registry", r"[a-zA-Z0-9]{5,50}\.azurecr\.io", True),
    ("chainguard", r"cgr\.dev", True),
    ("k8s", r"registry\.k8s\.io", None),
    ("quay", r"quay\.io", None),
    ("ecr-public", r"public\.ecr\.aws", None),
    ("ecr", r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?", None),
)
UPSTREAM_REGISTRY = Text(choices=("ecr", "ecr-public", "quay", "k8s", "docker-hub",
                                  "github-container-registry", "azure-container-registry",
                                  "gitlab-container-registry", "chainguard"))


def unsupported(text):
    return AwsError("UnsupportedUpstreamRegistryException", text)


def kind_of(url):
    for name, pattern, credentials in UPSTREAMS:
        if re.fullmatch(pattern, url):
            return name, credentials
    raise unsupported(f"The upstream registry URL {url} is invalid. Specify a valid upstream "
                      "registry URL and try again")


def find(data, prefix, account):
    # There is always an assumed "/" after a prefix, written or not.
    for known, rule in data["rules"].items():
        if known.rstrip("/") == prefix.rstrip("/"):
            return known, rule
    raise AwsError("PullThroughCacheRuleNotFoundException",
                   f"The pull through cache rule with prefix '{prefix}' does not exist in the "
                   f"registry with id '{account}'")


def match(data, repository):
    """The rule for `repository`: the longest prefix, else ROOT; with the rest of the name."""
    best = None
    for known, rule in data["rules"].items():
        prefix = known.rstrip("/") + "/"
        if known != "ROOT" and repository.startswith(prefix) and (
                best is None or len(prefix) > len(best[1])):
            best = rule, prefix
    if best:
        return best[0], repository[len(best[1]):]
    if "ROOT" in data["rules"]:
        return data["rules"]["ROOT"], repository
    return None, None


def output(rule, *without):
    return {name: value for name, value in rule.items()
            if name not in without and value is not None}


def check_prefixes(given, kind):
    inner = given.get("upstreamRepositoryPrefix", "ROOT")
    if inner != "ROOT" and (kind != "ecr" or given["ecrRepositoryPrefix"] == "ROOT"):
        raise invalid_parameter("upstreamRepositoryPrefix",
                                "Member must be ROOT unless the upstream is Amazon ECR and "
                                "ecrRepositoryPrefix is not ROOT")


def check_credentials(world, given, kind, needed):
    if needed and "credentialArn" not in given:
        raise unsupported("The specified upstream registry requires authentication. Specify a "
                          "valid Secrets Manager ARN")
    if "credentialArn" not in given:
        return
    if needed is None and world.state.settings["publicUpstreamCredentials"] == "reject":
        raise invalid_parameter("credentialArn", f"Member must not be set for upstream {kind}")
    pulled_secret.check(world.state, given["credentialArn"])


def pass_role(world, call, given):
    if "customRoleArn" in given:
        principals.authorize(world.state, call.caller, "iam:PassRole", given["customRoleArn"],
                             {"iam:PassedToService": "ecr.amazonaws.com"})


def ensure_service_role(world, call, data):
    """The first rule ever makes ECR's service-linked role, with the caller's permission."""
    if data["serviceLinkedRole"]:
        return
    arn = world.state.arn("iam", principals.SERVICE_ROLE, region=False)
    principals.authorize(world.state, call.caller, "iam:CreateServiceLinkedRole", arn,
                         {"iam:AWSServiceName": "pullthroughcache.ecr.amazonaws.com"})


def create(world, call, given):
    settings = world.state.settings
    prefix = given["ecrRepositoryPrefix"]
    with world.state.change() as data:
        pass_role(world, call, given)
        ensure_service_role(world, call, data)
        kind, needed = kind_of(given["upstreamRegistryUrl"])
        if given.get("upstreamRegistry", kind) != kind:
            raise invalid_parameter("upstreamRegistry",
                                    f"Member must be {kind} for this upstreamRegistryUrl")
        check_prefixes(given, kind)
        check_credentials(world, given, kind, needed)
        if any(known.rstrip("/") == prefix.rstrip("/") for known in data["rules"]):
            raise AwsError("PullThroughCacheRuleAlreadyExistsException",
                           f"A pull through cache rule with prefix '{prefix}' already exists in "
                           f"the registry with id '{settings['account']}'")
        if settings["ruleQuota"] and len(data["rules"]) >= settings["ruleQuota"]:
            raise AwsError("LimitExceededException",
                           "The operation did not succeed because it would have exceeded a "
                           "service limit for your account: pull through cache rules per "
                           f"registry, {settings['ruleQuota']}")
        data["serviceLinkedRole"] = True
        data["rules"][prefix] = rule = {
            "ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": given["upstreamRegistryUrl"],
            "createdAt": round(call.now(), 3), "updatedAt": round(call.now(), 3),
            "registryId": settings["account"], "upstreamRegistry": kind,
            "credentialArn": given.get("credentialArn"),
            "customRoleArn": given.get("customRoleArn"),
            "upstreamRepositoryPrefix": given.get("upstreamRepositoryPrefix", "ROOT"),
        }
    return output(rule, "updatedAt")


def describe(world, call, given):
    with world.state.look() as data:
        rules = data["rules"]
        wanted = given.get("ecrRepositoryPrefixes")
        if wanted is not None:
            rules = dict(find(data, prefix, world.state.settings["account"])
                         for prefix in wanted)
        shown, token = ecr_shapes.page(world, call, rules, given)
        return ecr_shapes.listed("pullThroughCacheRules", [output(rule) for rule in shown], token)


def update(world, call, given):
    with world.state.change() as data:
        _, rule = find(data, given["ecrRepositoryPrefix"], world.state.settings["account"])
        if "credentialArn" not in given and "customRoleArn" not in given:
            raise AwsError("InvalidParameterException",
                           "Invalid input: Please set either credential arn or role arn to "
                           "update the credentials")
        pass_role(world, call, given)
        kind, needed = kind_of(rule["upstreamRegistryUrl"])
        if "credentialArn" in given:
            check_credentials(world, given, kind, needed)
        for name in ("credentialArn", "customRoleArn"):
            rule[name] = given.get(name, rule[name])
        rule["updatedAt"] = round(call.now(), 3)
        return output(rule, "upstreamRegistryUrl", "upstreamRegistry", "createdAt")


def delete(world, _call, given):
    with world.state.change() as data:
        known, rule = find(data, given["ecrRepositoryPrefix"], world.state.settings["account"])
        del data["rules"][known]
        return output(rule, "upstreamRegistry", "updatedAt")


def validate(world, _call, given):
    """Fetch the secret, look at its form, log in upstream. Bad credentials are an answer."""
    with world.state.look() as data:
        _, rule = find(data, given["ecrRepositoryPrefix"], world.state.settings["account"])
        answer = output(rule, "upstreamRegistry", "createdAt", "updatedAt")
    try:
        account = pulled_secret.account_of(world.state, rule)
        upstream.log_in(world.state.settings, rule["upstreamRegistryUrl"], account)
    except (pulled_secret.Unusable, upstream.Failure) as failure:
        return {**answer, "isValid": False, "failure": str(failure)}
    return {**answer, "isValid": True}


OPERATIONS = {
    "CreatePullThroughCacheRule": Operation(Record({
        "ecrRepositoryPrefix": RULE_PREFIX, "upstreamRegistryUrl": URL,
        "registryId": REGISTRY_ID, "upstreamRegistry": UPSTREAM_REGISTRY,
        "credentialArn": CREDENTIAL_ARN, "customRoleArn": ROLE_ARN,
        "upstreamRepositoryPrefix": RULE_PREFIX,
    }, required=("ecrRepositoryPrefix", "upstreamRegistryUrl")), create),
    "DescribePullThroughCacheRules": Operation(Record({
        "registryId": REGISTRY_ID, "ecrRepositoryPrefixes": Many(RULE_PREFIX, 1, 100),
        "nextToken": ecr_shapes.NEXT_TOKEN, "maxResults": ecr_shapes.MAX_RESULTS,
    }), describe),
    "UpdatePullThroughCacheRule": Operation(Record({
        "registryId": REGISTRY_ID, "ecrRepositoryPrefix": RULE_PREFIX,
        "credentialArn": CREDENTIAL_ARN, "customRoleArn": ROLE_ARN,
    }, required=("ecrRepositoryPrefix",)), update),
    "DeletePullThroughCacheRule": Operation(Record({
        "ecrRepositoryPrefix": RULE_PREFIX, "registryId": REGISTRY_ID,
    }, required=("ecrRepositoryPrefix",)), delete),
    "ValidatePullThroughCacheRule": Operation(Record({
        "ecrRepositoryPrefix": RULE_PREFIX, "registryId": REGISTRY_ID,
    }, required=("ecrRepositoryPrefix",)), validate),
}
