"""Shapes that several ECR operations share, and the page of an ECR list."""

from . import paging
from .errors import AwsError, invalid_parameter
from .shapes import Many, Number, Record, Text

COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
PREFIX_PATTERN = rf"^({COMPONENT}(\/{COMPONENT})*\/?|ROOT)$"

RULE_PREFIX = Text(2, 30, PREFIX_PATTERN)
TEMPLATE_PREFIX = Text(1, 256, PREFIX_PATTERN)
REGISTRY_ID = Text(pattern="[0-9]{12}")
URL = Text()
CREDENTIAL_ARN = Text(50, 612, r"^arn:aws(-\w+)*:secretsmanager:[a-zA-Z0-9-:]+:secret:"
                               r"ecr\-pullthroughcache\/[a-zA-Z0-9\/_+=.@-]+$")
ROLE_ARN = Text(high=2048)
MAX_RESULTS = Number(1, 1000)
NEXT_TOKEN = Text()
REPOSITORY = Text(2, 256, rf"{COMPONENT}(\/{COMPONENT})*")
MUTABILITY = Text(choices=("MUTABLE", "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION",
                           "MUTABLE_WITH_EXCLUSION"))
EXCLUSION_FILTERS = Many(Record({
    "filterType": Text(choices=("WILDCARD",)),
    "filter": Text(1, 128, r"^[0-9a-zA-Z._*-]{1,128}$"),
}, required=("filterType", "filter")), 1, 5)
ENCRYPTION_TYPE = Text(choices=("AES256", "KMS", "KMS_DSSE"))
TAGS = Many(Record({"Key": Text(), "Value": Text()}, required=("Key", "Value")))
IMAGE_ID = Record({"imageDigest": Text(), "imageTag": Text(1, 300)})
IMAGE_IDS = Many(IMAGE_ID, 1, 100)


def check_alone(given, alone):
    """`alone` is a member that may not be sent together with paging."""
    if alone in given and ("maxResults" in given or "nextToken" in given):
        raise AwsError("InvalidParameterException",
                       f"maxResults and nextToken cannot be used together with {alone}")


def page(world, call, items, given, alone=None):
    """A page of `items`, or all of them when they were asked for one by one in `alone`."""
    if alone and alone in given:
        return list(items.values()), None
    size = given.get("maxResults", 100)
    try:
        return paging.page(world.state, call.operation, items, given.get("nextToken"), size)
    except paging.BadToken:
        raise invalid_parameter("nextToken", "Member must be a token that this operation gave"
                                ) from None


def listed(name, items, token):
    return {name: items, "nextToken": token} if token else {name: items}
