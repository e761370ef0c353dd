"""Pulling through: which rule a repository falls under, and the import of an image by its tag.

The order of the refusals follows what is known of ECR: a missing permission to create or to import
looks like a missing repository or image. An image is imported whole, with every image of a list;
its layers are fetched when they are first asked for.
"""

import hashlib
import json

from . import archive, ecr_rules, policy, principals, pulled_secret, templates, upstream

LIST_TYPES = archive.LIST_TYPES
MANIFESTS_LIMIT = 500
KINDS = {"missing": "image", "denied": "upstream-denied", "throttled": "upstream-throttled",
         "unavailable": "upstream-unavailable"}


class PullFailure(Exception):
    """`kind`: repository, image, official, secret, or upstream-denied, -throttled, -unavailable."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


def no_repository(world, name):
    return PullFailure("repository", f"The repository with name '{name}' does not exist in the "
                       f"registry with id '{world.state.settings['account']}'")


NO_IMAGE = "Requested image not found"


def repository_arn(world, name):
    return world.state.arn("ecr", f"repository/{name}")


def may(world, caller, action, name):
    return principals.verdict(world.state, caller, action, repository_arn(world, name)) == "allow"


def cached(repository, tag, digest):
    """The digest that the repository holds under `tag` or as `digest`, or None."""
    if repository is None:
        return None
    if digest is not None:
        return digest if digest in repository["images"] else None
    return repository["tags"].get(tag, {}).get("digest")


def immutable(repository, tag):
    kind = repository["imageTagMutability"]
    excluded = any(policy.like(each["filter"], tag)
                   for each in repository["imageTagMutabilityExclusionFilters"] or [])
    return kind.startswith("IMMUTABLE") != (excluded and kind.endswith("_WITH_EXCLUSION"))


def is_stale(world, repository, tag, now):
    checked = repository["tags"][tag]["checkedAt"]
    return (checked is not None and not immutable(repository, tag)
            and now - checked >= world.state.settings["refreshAfter"])


def pull(world, call, name, tag, digest):
    """The digest of the image; it is in the repository, imported now if need be.

    The caller has been let through for ecr:BatchGetImage. With both tag and digest the digest
    decides, as in every container runtime.
    """
    with world.state.look() as data:
        repository = data["repositories"].get(name)
        rule, rest = ecr_rules.match(data, name)
        held = cached(repository, tag, digest)
        importing = rule is not None and may(world, call.caller, "ecr:BatchImportUpstreamImage",
                                             name)
        stale = held is not None and digest is None and is_stale(world, repository, tag,
                                                                 call.now())
    if held is not None:
        if rule is not None and not importing:
            raise PullFailure("image", NO_IMAGE)
        if rule is not None and stale:
            held = refresh(world, call, name, rule, rest, tag, held)
        return note_pull(world, call, name, held)
    if rule is None:
        raise PullFailure("image", NO_IMAGE) if repository else no_repository(world, name)
    if digest is not None and not world.state.settings["importDigests"]:
        raise PullFailure("image", NO_IMAGE) if repository else no_repository(world, name)
    if rule["upstreamRegistry"] == "docker-hub" and "/" not in rest:
        raise PullFailure("official", "Forbidden")
    if repository is None and not may_create(world, call, name):
        raise no_repository(world, name)
    if not importing:
        raise PullFailure("image", NO_IMAGE)
    found = import_image(world, call, name, rule, rest, tag if digest is None else None,
                         digest or tag)
    return note_pull(world, call, name, found)


def may_create(world, call, name):
    with world.state.look() as data:
        template = templates.matching(data, name)
        settings = world.state.settings
        if template["resourceTags"] and not template["customRoleArn"]:
            return False
        if template["resourceTags"] and not may(world, call.caller, "ecr:TagResource", name):
            return False
        if (settings["repositoryQuota"]
                and len(data["repositories"]) >= settings["repositoryQuota"]):
            return False
        return may(world, call.caller, "ecr:CreateRepository", name)


def refresh(world, call, name, rule, rest, tag, held):
    """Compare a cached tag with its upstream; if that fails for any reason the cache is served."""
    try:
        return import_image(world, call, name, rule, rest, tag, tag)
    except PullFailure:
        return held


def note_pull(world, call, name, digest):
    with world.state.change() as data:
        image = data["repositories"][name]["images"].get(digest)
        if image is None or archive.status_of(image) != "ACTIVE":
            raise PullFailure("image", NO_IMAGE)
        image["pulledAt"] = round(call.now(), 3)
    return digest


def upstream_name(rule, rest):
    inner = rule["upstreamRepositoryPrefix"]
    return rest if inner == "ROOT" else f"{inner.rstrip('/')}/{rest}"


def connect(world, rule):
    try:
        account = pulled_secret.account_of(world.state, rule)
        url = rule["upstreamRegistryUrl"]
        return upstream.connect(world.state.settings, url, account, lambda: count(world, url))
    except pulled_secret.Unusable as failure:
        raise PullFailure("secret", str(failure)) from failure
    except upstream.Failure as failure:
        raise PullFailure(KINDS[failure.kind], str(failure)) from failure


def count(world, url):
    """One manifest of an upstream that counts them, as Docker Hub does."""
    pulls = (upstream.mapping(world.state.settings, url) or {}).get("pulls")
    if pulls is None:
        return
    now = world.state.now()
    with world.state.change() as data:
        recent = [each for each in data["upstreamPulls"].get(url, [])
                  if now - each < pulls["seconds"]]
        data["upstreamPulls"][url] = recent
        if len(recent) >= pulls["limit"]:
            raise upstream.Failure("throttled", upstream.PULL_RATE)
        recent.append(now)


def import_image(world, call, name, rule, rest, tag, reference):
    client = connect(world, rule)
    try:
        digest, manifests = fetch_all(client, upstream_name(rule, rest), reference)
        images, blobs = examine(manifests)
    except upstream.Failure as failure:
        raise PullFailure(KINDS[failure.kind], str(failure)) from failure
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise PullFailure("upstream-unavailable", "The upstream's manifest is malformed."
                          ) from failure
    for _, raw in manifests.values():
        world.state.blobs.put(raw)
    with world.state.change() as data:
        repository = data["repositories"].get(name)
        if repository is None:
            repository = data["repositories"][name] = new_repository(
                name, templates.matching(data, name), call.now())
        visible = call.now() + world.state.settings["importDelay"]
        for each, image in images.items():
            # An image that was there keeps the time when it came.
            repository["images"].setdefault(each, {**image, "pushedAt": round(call.now(), 3),
                                                   "visibleAt": visible, "pulledAt": None})
        repository["blobs"].update(blobs)
        if tag is not None:
            repository["tags"][tag] = {"digest": digest, "checkedAt": call.now()}
    return digest


def fetch_all(client, name, reference):
    """The digest behind `reference`, and its manifest with all that it lists:
    digest -> (type, bytes)."""
    media_type, raw = client.manifest(name, reference)
    first = "sha256:" + hashlib.sha256(raw).hexdigest()
    if reference.startswith("sha256:") and reference != first:
        raise upstream.Failure("unavailable", "The upstream's manifest does not match its digest.")
    manifests = {first: (media_type, raw)}
    waiting = [first]
    while waiting:
        media_type, raw = manifests[waiting.pop()]
        if media_type not in LIST_TYPES:
            continue
        for each in json.loads(raw)["manifests"]:
            digest = each["digest"]
            if digest in manifests:
                continue
            if len(manifests) >= MANIFESTS_LIMIT:
                raise upstream.Failure("unavailable", "The upstream's list is too long.")
            manifests[digest] = client.manifest(name, digest)
            if "sha256:" + hashlib.sha256(manifests[digest][1]).hexdigest() != digest:
                raise upstream.Failure("unavailable",
                                       "The upstream's manifest does not match its digest.")
            waiting.append(digest)
    return first, manifests


def new_repository(name, template, now):
    return {"repositoryName": name, "createdAt": round(now, 3),
            "imageTagMutability": template["imageTagMutability"],
            "imageTagMutabilityExclusionFilters": template["imageTagMutabilityExclusionFilters"],
            "encryptionConfiguration": template["encryptionConfiguration"],
            "resourceTags": template["resourceTags"],
            "repositoryPolicy": template["repositoryPolicy"],
            "lifecyclePolicy": template["lifecyclePolicy"],
            "template": template["prefix"], "images": {}, "tags": {}, "blobs": {}}


def parts_of(document):
    """The blobs that an image's manifest names."""
    return [part for part in [document.get("config"), *document.get("layers", [])] if part]


def examine(manifests):
    """What is kept of each manifest, and the sizes of all the blobs that they name."""
    documents = {digest: json.loads(raw) for digest, (_, raw) in manifests.items()}
    images, blobs = {}, {}
    for digest, (media_type, _) in manifests.items():
        document = documents[digest]
        if media_type in LIST_TYPES:
            inner = [documents[each["digest"]] for each in document["manifests"]]
            parts = [part for each in inner for part in parts_of(each)]
            artifact = None
        else:
            parts = parts_of(document)
            artifact = (document.get("config") or {}).get("mediaType")
        for part in parts:
            blobs[part["digest"]] = {"size": int(part["size"])}
        images[digest] = {"mediaType": media_type, "artifactType": artifact,
                          "size": sum(int(part["size"]) for part in parts)}
    return images, blobs


def layer(world, name, digest):
    """The bytes of a layer that a manifest here names, fetched from its upstream at first."""
    with world.state.look() as data:
        rule, rest = ecr_rules.match(data, name)
    held = world.state.blobs.get(digest)
    if held is not None:
        return held
    if rule is None:
        raise PullFailure("image", NO_IMAGE)
    try:
        raw = connect(world, rule).blob(upstream_name(rule, rest), digest)
    except upstream.Failure as failure:
        raise PullFailure(KINDS[failure.kind], str(failure)) from failure
    if "sha256:" + hashlib.sha256(raw).hexdigest() != digest:
        raise PullFailure("upstream-unavailable", "The upstream's layer does not match its digest.")
    world.state.blobs.put(raw)
    return raw
