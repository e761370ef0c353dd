"""The settings: what a test or a person may turn, what they are by default, what they may be."""

import re

from .errors import DRESSINGS

DEFAULTS = {
    # Where this account is.
    "account": "111122223333",
    "region": "us-west-2",
    "registryHost": "",              # "" = ACCOUNT.dkr.ecr.REGION.…
    # How requests are judged.
    "strict": True,                  # unknown or repeated members are refused; AWS ignores them
    "clockOffset": 0,                # seconds that this clock is ahead of the machine's
    "signatureWindow": 300,          # seconds
    "errorDressing": "bare",
    # Quotas and pages. 0 = no quota.
    "pageSize": 1000,                # never more items on a page than this
    "ruleQuota": 50,
    "templateQuota": 0,
    "repositoryQuota": 100000,
    "secretQuota": 500000,
    # What AWS does not say, or says to few.
    "publicUpstreamCredentials": "reject",   # credentialArn for quay.io and the like
    "templateNeedsCreateRepository": False,  # CreateRepositoryCreationTemplate asks for it too
    "importDigests": False,                  # a first pull by digest imports
    # Pulling through.
    "upstreams": {},                 # "ghcr.io": {"url": "http://127.0.0.1:5000"}, or "accounts";
                                     # "pulls": {"limit": manifests, "seconds": 3600}
    "upstreamTimeout": 10,           # seconds
    "importDelay": 0,                # seconds until DescribeImages shows an imported image
    "refreshAfter": 86400,           # seconds until a cached tag is compared with its upstream
    "blobRedirect": True,            # layers are answered with 307, as by ECR …
    "layerHost": "",                 # … to this host and port of the stand-in's; "" = the same
    # How long what is issued lives, in seconds.
    "authorizationTokenSeconds": 43200,
    "sessionSeconds": 0,             # ceiling for STS credentials; 0 = as asked
    "containerSeconds": 21600,
    "instanceSeconds": 21600,
    # Who the credential endpoints speak for.
    "containerPrincipal": "webhook",
    "containerToken": "",            # what Authorization must be …
    "containerTokenFile": "",        # … or the file that holds it
    "instancePrincipal": "puller",   # "" = an instance without a role
    "instanceTokens": "required",    # required = IMDSv2 only
    # Web identity.
    "issuer": "https://oidc.eks.us-west-2.amazonaws.com/id/00000000000000000000000000000000",
    "jwksFile": "",                  # RS256 signatures are verified when there is one
}

CHOICES = {
    "errorDressing": DRESSINGS,
    "publicUpstreamCredentials": ("reject", "accept"),
    "instanceTokens": ("required", "optional"),
}
PATTERNS = {"account": r"[0-9]{12}", "region": r"[a-z]{2,}(-[a-z]+)+-[0-9]+"}


def fault_of(name, value):
    """Why `value` can't be the setting `name`, or None."""
    if name not in DEFAULTS:
        return f"there is no setting {name}"
    kind = type(DEFAULTS[name])
    if kind is int and name == "clockOffset":
        ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind is int:
        ok = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    else:
        ok = isinstance(value, kind)
    if not ok:
        return f"{name} must be of type {kind.__name__}"
    if name in CHOICES and value not in CHOICES[name]:
        return f"{name} must be one of {', '.join(CHOICES[name])}"
    if name in PATTERNS and not re.fullmatch(PATTERNS[name], value):
        return f"{name} must match {PATTERNS[name]}"
    if name == "pageSize" and value < 1:
        return "pageSize must be at least 1"
    if name == "upstreams":
        for host, upstream in value.items():
            if not isinstance(upstream, dict) or not set(upstream) <= {"url", "accounts", "pulls"}:
                return f"upstreams.{host} may have url, accounts and pulls"
            pulls = upstream.get("pulls", {"limit": 0, "seconds": 0})
            if (not isinstance(pulls, dict) or set(pulls) != {"limit", "seconds"}
                    or any(type(each) is not int or each < 0 for each in pulls.values())):
                return f"upstreams.{host}.pulls has limit and seconds"
    return None
