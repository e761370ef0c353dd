"""Repositories and images: what ECR lists, and BatchGetImage, the call that imports."""

import re

from . import archive, ecr_shapes, imports
from .ecr_shapes import IMAGE_ID, IMAGE_IDS, MAX_RESULTS, NEXT_TOKEN, REGISTRY_ID, REPOSITORY
from .errors import AwsError
from .shapes import Many, Operation, Record, Text

FILTER = Record({"tagStatus": Text(choices=("TAGGED", "UNTAGGED", "ANY")),
                 "imageStatus": Text(choices=("ACTIVE", "ARCHIVED", "ACTIVATING", "ANY"))})
DIGEST = r"sha256:[0-9a-f]{64}"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,299}"
# What BatchGetImage calls the failures of a pull.
FAILURE_CODES = {"image": "ImageNotFound", "official": "UpstreamAccessDenied",
                 "upstream-denied": "UpstreamAccessDenied",
                 "upstream-throttled": "UpstreamTooManyRequests",
                 "upstream-unavailable": "UpstreamUnavailable"}


def arns(world, given):
    return [imports.repository_arn(world, given["repositoryName"])]


def listed_arns(world, given):
    return [imports.repository_arn(world, name) for name in given.get("repositoryNames", "*")]


def not_found(world, name):
    return AwsError("RepositoryNotFoundException",
                    f"The repository with name '{name}' does not exist in the registry with id "
                    f"'{world.state.settings['account']}'")


def find(world, data, name):
    if name not in data["repositories"]:
        raise not_found(world, name)
    return data["repositories"][name]


def output(world, repository):
    name = repository["repositoryName"]
    answer = {"repositoryArn": imports.repository_arn(world, name),
              "registryId": world.state.settings["account"], "repositoryName": name,
              "repositoryUri": f"{world.state.registry_host()}/{name}",
              "createdAt": repository["createdAt"],
              "imageTagMutability": repository["imageTagMutability"],
              "imageScanningConfiguration": {"scanOnPush": False},
              "encryptionConfiguration": repository["encryptionConfiguration"]}
    if repository["imageTagMutabilityExclusionFilters"]:
        answer["imageTagMutabilityExclusionFilters"] = \
            repository["imageTagMutabilityExclusionFilters"]
    return answer


def describe(world, call, given):
    ecr_shapes.check_alone(given, "repositoryNames")
    with world.state.look() as data:
        found = data["repositories"]
        if "repositoryNames" in given:
            found = {name: find(world, data, name) for name in given["repositoryNames"]}
        shown, token = ecr_shapes.page(world, call, found, given, alone="repositoryNames")
        return ecr_shapes.listed("repositories", [output(world, each) for each in shown], token)


def tags_of(repository):
    """Digest -> its tags."""
    tags = {}
    for tag, held in sorted(repository["tags"].items()):
        tags.setdefault(held["digest"], []).append(tag)
    return tags


def visible_images(repository, given, now, unfiltered="ACTIVE"):
    """Digest -> its tags; without those whose import isn't shown yet, filtered."""
    wanted, tags = given.get("filter", {}), tags_of(repository)
    images = {}
    for digest, image in repository["images"].items():
        if (image["visibleAt"] <= now
                and wanted.get("imageStatus", unfiltered) in ("ANY", archive.status_of(image))
                and wanted.get("tagStatus", "ANY") in (
                    "ANY", "TAGGED" if digest in tags else "UNTAGGED")):
            images[digest] = tags.get(digest, [])
    return images


def image_detail(world, repository, digest, tags):
    image = repository["images"][digest]
    detail = {"registryId": world.state.settings["account"],
              "repositoryName": repository["repositoryName"], "imageDigest": digest,
              "imageTags": tags or None,
              "imageSizeInBytes": image["size"], "imagePushedAt": image["pushedAt"],
              "imageManifestMediaType": image["mediaType"],
              "artifactMediaType": image["artifactType"],
              "lastRecordedPullTime": image["pulledAt"], "imageStatus": archive.status_of(image),
              "lastArchivedAt": image.get("archivedAt"),
              "lastActivatedAt": image.get("activatedAt")}
    return {name: value for name, value in detail.items() if value is not None}


def pick(world, repository, images, image_id):
    """The digest that `image_id` names among the `images` that can be seen."""
    tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
    if tag is None and digest is None:
        raise AwsError("InvalidParameterException",
                       "Invalid request parameters: both tag and digest cannot be null")
    by_tag = repository["tags"].get(tag, {}).get("digest")
    found = digest or by_tag
    if found not in images or (tag is not None and by_tag != found):
        shown = [f"'{value}'" if value else "'null'" for value in (digest, tag)]
        raise AwsError("ImageNotFoundException",
                       f"The image with imageId {{imageDigest:{shown[0]}, imageTag:{shown[1]}}} "
                       "does not exist within the repository with name "
                       f"'{repository['repositoryName']}' in the registry with id "
                       f"'{world.state.settings['account']}'")
    return found


def describe_images(world, call, given):
    ecr_shapes.check_alone(given, "imageIds")
    with world.state.look() as data:
        repository = find(world, data, given["repositoryName"])
        images = visible_images(repository, given, call.now(),
                                "ANY" if "imageIds" in given else "ACTIVE")
        if "imageIds" in given:
            images = {found: images[found] for found in (
                pick(world, repository, images, each) for each in given["imageIds"])}
        shown, token = ecr_shapes.page(world, call, {digest: digest for digest in images}, given,
                                       alone="imageIds")
        return ecr_shapes.listed("imageDetails", [
            image_detail(world, repository, digest, images[digest]) for digest in shown], token)


def list_images(world, call, given):
    with world.state.look() as data:
        repository = find(world, data, given["repositoryName"])
        ids = {}
        for digest, tags in visible_images(repository, given, call.now()).items():
            for tag in tags or [None]:
                ids[f"{digest} {tag or ''}"] = {"imageDigest": digest,
                                                **({"imageTag": tag} if tag else {})}
        shown, token = ecr_shapes.page(world, call, ids, given)
        return ecr_shapes.listed("imageIds", shown, token)


def malformed(image_id):
    """A failure code and reason for an identifier that can't name an image, or None."""
    tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
    if tag is None and digest is None:
        return ("MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null")
    if digest is not None and not re.fullmatch(DIGEST, digest):
        return "InvalidImageDigest", "Invalid request parameters: image digest is malformed"
    if tag is not None and not re.fullmatch(TAG, tag, re.ASCII):
        return "InvalidImageTag", "Invalid request parameters: image tag is malformed"
    return None


def get_image(world, call, name, image_id):
    """The image, or the (code, reason) of its failure."""
    tag, digest = image_id.get("imageTag"), image_id.get("imageDigest")
    fault = malformed(image_id)
    if fault:
        return None, fault
    try:
        found = imports.pull(world, call, name, tag, digest)
    except imports.PullFailure as failure:
        if failure.kind == "repository":
            raise not_found(world, name) from failure
        if failure.kind == "secret":
            raise AwsError("UnableToGetUpstreamImageException", str(failure)) from failure
        return None, (FAILURE_CODES[failure.kind], str(failure))
    with world.state.look() as data:
        repository = data["repositories"][name]
        if tag is not None and repository["tags"].get(tag, {}).get("digest") != found:
            return None, ("ImageTagDoesNotMatchDigest",
                          f"Tag '{tag}' does not point to digest '{digest}'")
        image = repository["images"][found]
    shown = {"imageDigest": found, **({"imageTag": tag} if tag else {})}
    return {"registryId": world.state.settings["account"], "repositoryName": name,
            "imageId": shown, "imageManifestMediaType": image["mediaType"],
            "imageManifest": world.state.blobs.get(found).decode()}, None


def batch_get_image(world, call, given):
    images, failures = [], []
    for image_id in given["imageIds"]:
        image, fault = get_image(world, call, given["repositoryName"], image_id)
        if fault:
            failures.append({"imageId": image_id, "failureCode": fault[0],
                             "failureReason": fault[1]})
        else:
            images.append(image)
    return {"images": images, "failures": failures}


OPERATIONS = {
    "DescribeRepositories": Operation(Record({
        "registryId": REGISTRY_ID, "repositoryNames": Many(REPOSITORY, 1, 100),
        "nextToken": NEXT_TOKEN, "maxResults": MAX_RESULTS}), describe, listed_arns),
    "DescribeImages": Operation(Record({
        "registryId": REGISTRY_ID, "repositoryName": REPOSITORY, "imageIds": IMAGE_IDS,
        "nextToken": NEXT_TOKEN, "maxResults": MAX_RESULTS, "filter": FILTER,
    }, required=("repositoryName",)), describe_images, arns),
    "ListImages": Operation(Record({
        "registryId": REGISTRY_ID, "repositoryName": REPOSITORY, "nextToken": NEXT_TOKEN,
        "maxResults": MAX_RESULTS, "filter": FILTER,
    }, required=("repositoryName",)), list_images, arns),
    "BatchGetImage": Operation(Record({
        "registryId": REGISTRY_ID, "repositoryName": REPOSITORY,
        "imageIds": Many(IMAGE_ID, 1, 100), "acceptedMediaTypes": Many(Text(), 1, 100),
    }, required=("repositoryName", "imageIds")), batch_get_image, arns),
}
