"""Running `pullthrough review` and `pullthrough rewrite`, and reading what they answer.

Everything that must hold for any answer, whatever the pod, is checked while it is read.
"""

import base64
import json
import os
import re
import subprocess

import jsonpatch

import oracle

TIMEOUT_S = 120  # a machine under load; nothing waits this long on purpose

_IMAGE_PATH = re.compile(
    r"/spec/(?:(?:containers|initContainers|ephemeralContainers)/(?:0|[1-9][0-9]*)/image"
    r"|volumes/(?:0|[1-9][0-9]*)/image/reference)"
)
_MAP_PATH = "/metadata/annotations"
_ANNOTATION_PATH = _MAP_PATH + "/" + oracle.ORIGINALS.replace("/", "~1")


def run(program, *arguments, stdin=b""):
    """The finished process. Nothing of AWS in the environment, so that only the file speaks."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return subprocess.run(
        [program, *arguments],
        input=stdin,
        capture_output=True,
        env=environment,
        timeout=TIMEOUT_S,
        check=False,
    )


def _no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice: {keys}"
    return dict(pairs)


class Answer:
    """One answer of `review`, checked as far as it can be without the request."""

    def __init__(self, process):
        said = (
            f"{process.stdout[:2000]!r}, standard error {process.stderr.decode(errors='replace')}"
        )
        assert process.returncode in (0, 1), f"exit {process.returncode}: {said}"
        self.status = 200 if process.returncode == 0 else 400
        self.document = json.loads(process.stdout.decode("utf-8"), object_pairs_hook=_no_duplicates)
        self.ops = []
        if self.status == 400:
            self._check_status()
        else:
            self._check_review()

    def _check_status(self):
        status = self.document
        assert status["kind"] == "Status" and status["apiVersion"] == "v1", status
        assert status["status"] == "Failure" and status["code"] == 400, status
        assert isinstance(status["message"], str) and status["message"], status

    def _check_review(self):
        assert set(self.document) == {"kind", "apiVersion", "response"}, self.document
        assert self.document["kind"] == "AdmissionReview"
        assert self.document["apiVersion"] in oracle.API_VERSIONS
        response = self.document["response"]
        assert {"uid", "allowed"} <= set(response), response
        assert not set(response) - {
            "uid",
            "allowed",
            "patchType",
            "patch",
            "auditAnnotations",
            "warnings",
        }, response
        assert response["allowed"] is True
        assert ("patch" in response) == ("patchType" in response)
        if "patch" in response:
            assert response["patchType"] == "JSONPatch"
            patch = base64.b64decode(response["patch"], validate=True)
            assert base64.b64encode(patch).decode() == response["patch"], "padding or line ends"
            self.ops = json.loads(patch.decode("utf-8"), object_pairs_hook=_no_duplicates)
            assert isinstance(self.ops, list) and self.ops, "a patch that does nothing"
            self._check_ops()
        if "auditAnnotations" in response:
            assert set(response["auditAnnotations"]) == {"rewritten"}
            assert re.fullmatch("[1-9][0-9]*", response["auditAnnotations"]["rewritten"])
        for warning in response.get("warnings", []):
            assert warning.isascii() and warning.isprintable() and 1 <= len(warning) <= 120, warning
        assert len(response.get("warnings", ["one"])) == 1

    def _check_ops(self):
        paths = [op["path"] for op in self.ops]
        assert len(paths) == len(set(paths)), f"a path twice: {paths}"
        notes = 0
        for op in self.ops:
            assert set(op) == {"op", "path", "value"}, op
            if _IMAGE_PATH.fullmatch(op["path"]):
                assert op["op"] == "replace" and isinstance(op["value"], str), op
                continue
            notes += 1
            assert op["path"] in (_MAP_PATH, _ANNOTATION_PATH), op
            assert op["op"] in ("add", "replace"), op
            if op["path"] == _MAP_PATH:
                assert list(op["value"]) == [oracle.ORIGINALS], op
        assert notes <= 1, paths

    def apply(self, before):
        """The object as it is after the patch; the patch must fit `before`."""
        for op in self.ops:
            present, value = look_up(before, op["path"])
            if op["path"] == _MAP_PATH:
                # A whole map may only be put where there is none: it would wipe what is there.
                assert value is None, f"{op} over {value}"
            elif op["path"] == _ANNOTATION_PATH:
                assert isinstance(look_up(before, _MAP_PATH)[1], dict), op
                assert present or op["op"] == "add", op
            else:
                assert present and isinstance(value, str), f"{op} over {value!r}"
                assert value != op["value"], f"{op} changes nothing"
        return jsonpatch.JsonPatch(self.ops).apply(before) if self.ops else before


def look_up(document, path):
    for part in path.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            return False, None
    return True, document


def review(program, config, body):
    return Answer(run(program, "review", "--config", config, stdin=body))


def readable(pod, decoded):
    """The pod for comparison: the annotation's map as a map where `decoded`."""
    if not decoded:
        return pod
    annotations = dict(pod["metadata"]["annotations"])
    annotations[oracle.ORIGINALS] = json.loads(
        annotations[oracle.ORIGINALS], object_pairs_hook=_no_duplicates
    )
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}


def again(body, after):
    """The same review for the object as we left it: a second round."""
    document = oracle.loads(body)
    document["request"]["object"] = after
    return json.dumps(document).encode()


def check(program, config, body, want):
    """Run the review and compare it with an Expectation; the second round must be quiet."""
    answer = review(program, config, body)
    assert answer.status == want.status
    if want.status != 200:
        return answer
    response = answer.document["response"]
    assert answer.document["apiVersion"] == want.api_version
    assert response["uid"] == want.uid
    assert bool(answer.ops) == want.may_patch(), answer.ops
    after = answer.apply(want.before)
    assert readable(after, want.recorded) == readable(want.after, want.recorded)
    audit = {"rewritten": str(want.rewritten)} if want.rewritten else None
    assert response.get("auditAnnotations") == audit
    assert ("warnings" in response) == want.warns
    if answer.ops:
        second = review(program, config, again(body, after))
        assert second.status == 200 and set(second.document["response"]) == {"uid", "allowed"}
    return answer
