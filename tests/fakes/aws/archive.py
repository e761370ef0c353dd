"""What happens to images behind everybody's back: a lifecycle policy, or a person, archives,
restores or deletes them.

As in ECR, a list is taken together with the images that it alone lists, and an image that another
list needs can't be taken before that list.
"""

import json

STATUSES = ("ACTIVE", "ARCHIVED", "ACTIVATING")
LIST_TYPES = ("application/vnd.oci.image.index.v1+json",
              "application/vnd.docker.distribution.manifest.list.v2+json")


class Impossible(Exception):
    pass


def status_of(image):
    return image.get("status", "ACTIVE")


def inner(world, repository, digest):
    """The images that a list lists."""
    if repository["images"][digest]["mediaType"] not in LIST_TYPES:
        return set()
    raw = world.state.blobs.get(digest)
    return {each["digest"] for each in json.loads(raw)["manifests"]} if raw else set()


def chosen(world, repository, tag, digest):
    """The image and what goes with it; all images where neither tag nor digest is given."""
    if tag is None and digest is None:
        return set(repository["images"])
    if tag is not None:
        digest = repository["tags"].get(tag, {}).get("digest")
    if digest not in repository["images"]:
        raise Impossible("there is no such image")
    others = {each: inner(world, repository, each) for each, image in repository["images"].items()
              if each != digest and status_of(image) == "ACTIVE"}
    if any(digest in listed for listed in others.values()):
        raise Impossible("a list that is there needs this image")
    return {digest} | {each for each in inner(world, repository, digest)
                       if each in repository["images"]
                       and not any(each in listed for listed in others.values())}


def find(data, name):
    if name not in data["repositories"]:
        raise Impossible(f"there is no repository {name}")
    return data["repositories"][name]


def change(world, name, tag, digest, status):
    """Archive or restore; how many images that were."""
    if status not in STATUSES:
        raise Impossible(f"status must be one of {', '.join(STATUSES)}")
    with world.state.change() as data:
        repository = find(data, name)
        found = chosen(world, repository, tag, digest)
        for each in found:
            image = repository["images"][each]
            if status == "ARCHIVED":
                image["archivedAt"] = round(world.state.now(), 3)
            elif status == "ACTIVE" and status_of(image) != "ACTIVE":
                image["activatedAt"] = round(world.state.now(), 3)
            image["status"] = status
        return len(found)


def delete(world, name, tag, digest):
    """Delete, with all tags; how many images that were. Their layers stay known, as in ECR for a
    while."""
    with world.state.change() as data:
        repository = find(data, name)
        found = chosen(world, repository, tag, digest)
        for each in found:
            del repository["images"][each]
        repository["tags"] = {each: held for each, held in repository["tags"].items()
                              if held["digest"] not in found}
        return len(found)
