"""`pullthrough review`: the webhook's judgement, whole answers, by files and by chance.

Every patch is applied and the object compared with the oracle's; then the object goes back in
and nothing more may change. PULLTHROUGH_CASES sets how many reviews are made by chance,
PULLTHROUGH_SEED which ones.
"""

import json

import pytest

import answers
import cases
import generate
import oracle

HOST = "111122223333.dkr.ecr.us-west-2.amazonaws.com"


def expect(config, body):
    return oracle.expect(oracle.Rules.from_yaml(config.read_text("utf-8")), body)


@pytest.fixture(scope="session", name="configs")
def _configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    paths = {}
    for name, text in generate.CONFIGS.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text, "utf-8")
    return paths


@pytest.mark.parametrize("case", cases.reviews(), ids=lambda case: case.name)
def test_case(case, program):
    # That the oracle agrees with want.json is test_oracle's; a case's own words come first here.
    want = expect(case.config, case.body)
    answer = answers.check(program, case.config, case.body, want)
    assert answer.status == case.want["status"]
    if answer.status != 200:
        return
    images = {op["path"]: op["value"] for op in answer.ops if op["op"] == "replace"}
    images = {path: text for path, text in images.items() if not path.startswith("/metadata/")}
    assert images == case.want["images"]
    after = cases.wanted_object(case, want.before, oracle.ORIGINALS)
    recorded = "originals" in case.want
    found = answers.readable(answer.apply(want.before), recorded)
    assert found == answers.readable(after, recorded)


SAMPLES = {
    "admissionreview-create-pod.json": {
        "/spec/containers/0/image": f"{HOST}/dockercache/library/nginx:1.27",
        "/spec/initContainers/1/image": f"{HOST}/k8scache/proxy:v1",
        "/spec/volumes/0/image/reference": f"{HOST}/quaycache/org/model:v1",
    },
    "admissionreview-update-pod.json": {},
    "admissionreview-update-ephemeralcontainers.json": {
        "/spec/ephemeralContainers/0/image": f"{HOST}/dockercache/library/busybox"
    },
}


@pytest.mark.parametrize("path", cases.samples(), ids=lambda path: path.name)
def test_sample(path, program):
    body = path.read_bytes()
    answer = answers.check(program, cases.DEFAULT_CONFIG, body, expect(cases.DEFAULT_CONFIG, body))
    images = {op["path"]: op["value"] for op in answer.ops if op["path"].startswith("/spec/")}
    assert images == SAMPLES[path.name]


@pytest.mark.parametrize("number", range(generate.CASES))
def test_generated(number, program, configs, tmp_path):
    rng = generate.generator("review", number)
    config = configs[generate.config(rng)]
    body = generate.encode(rng, generate.review(rng))
    (tmp_path / "review.json").write_bytes(body)
    print(f"PULLTHROUGH_SEED={generate.SEED}, case {number}: {tmp_path}/review.json, {config}")
    answers.check(program, config, body, expect(config, body))


@pytest.mark.parametrize("number", range(generate.CASES // 4))
def test_an_update_that_leaves_the_spec_alone_changes_nothing(number, program, configs):
    """Whatever else it changes: the chart's matchCondition has the API server ask about no such."""
    rng = generate.generator("spec", number)
    config = configs[generate.config(rng)]
    pod, old = generate.pod(rng), generate.pod(rng)
    old["spec"] = pod.get("spec")
    sub = rng.choice([{}, {"subResource": "ephemeralcontainers"}])
    made = pod_review(None, operation="UPDATE", object=pod, oldObject=old, **sub)
    print(f"PULLTHROUGH_SEED={generate.SEED}, case {number}: {made}")
    answer = answers.review(program, config, generate.encode(rng, made))
    assert answer.status == 200 and answer.ops == []


@pytest.mark.parametrize("number", range(generate.CASES // 2))
def test_damaged(number, program, configs, tmp_path):
    """Spoilt bytes: whatever is understood of them, the answer is sound and the patch fits."""
    rng = generate.generator("damaged", number)
    config = configs["defaults"]
    body = generate.damage(rng, generate.encode(rng, generate.review(rng)))
    (tmp_path / "review.json").write_bytes(body)
    print(f"PULLTHROUGH_SEED={generate.SEED}, case {number}: {tmp_path}/review.json, {config}")
    answer = answers.review(program, config, body)
    if answer.status != 200:
        return
    request = oracle.loads(body)["request"]
    assert answer.document["response"]["uid"] == request["uid"]
    if not answer.ops:
        return
    rules = oracle.Rules.from_yaml(config.read_text("utf-8"))
    after = answer.apply(request["object"])
    for op in answer.ops:
        if op["path"].startswith("/spec/"):
            text = answers.look_up(request["object"], op["path"])[1]
            had = json.dumps(request.get("oldObject"), ensure_ascii=False)
            assert (
                op["value"].encode() == oracle.judge(rules, text.encode()).text
                or f'"image": "{op["value"]}"' in had
            )
    assert not answers.review(program, config, answers.again(body, after)).ops


# --- sizes ---------------------------------------------------------------------------------------


def pod_review(spec, metadata=None, **request):
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "0398c0e7-ecc5-4181-8b9a-586571eef7e6",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "demo",
            "operation": "CREATE",
            "object": {"kind": "Pod", "metadata": metadata or {}, "spec": spec},
            "oldObject": None,
            **request,
        },
    }


def check(program, review):
    body = json.dumps(review, ensure_ascii=False).encode()
    want = expect(cases.DEFAULT_CONFIG, body)
    answers.check(program, cases.DEFAULT_CONFIG, body, want)
    return want


WEB = {"name": "web", "image": "nginx:1.27"}
WEB_NOTE = '{"containers/web":"nginx:1.27"}'


@pytest.mark.parametrize("count, rewritten", [(4096, 4096), (4097, 0)])
def test_most_images(program, count, rewritten):
    third = count // 3
    spec = {
        "containers": [{"name": f"c{i}", "image": f"nginx:{i}"} for i in range(count - 2 * third)],
        "initContainers": [{"name": f"i{i}", "image": f"quay.io/o/x:{i}"} for i in range(third)],
        "volumes": [{"name": f"v{i}", "image": {"reference": f"redis:{i}"}} for i in range(third)],
    }
    assert check(program, pod_review(spec)).rewritten == rewritten


@pytest.mark.parametrize("letter", ["a", "\u00e9"])
@pytest.mark.parametrize("over, recorded", [(0, True), (1, False), (100000, False)])
def test_largest_annotations(program, over, recorded, letter):
    room = 256 * 1024 - len("pad") - len(oracle.ORIGINALS) - len(WEB_NOTE) + over
    size = len(letter.encode())
    pad = letter * (room // size) + "b" * (room % size)
    want = check(program, pod_review({"containers": [WEB]}, {"annotations": {"pad": pad}}))
    assert want.rewritten == 1 and want.recorded is recorded


@pytest.mark.parametrize("over, recorded", [(0, True), (1, False)])
def test_largest_annotations_when_merged(program, over, recorded):
    """What is replaced doesn't count twice. (On an update, where other entries stay.)"""
    old = '{"containers/side":"' + "x" * 100000 + '"}'
    merged = old[:-1] + "," + WEB_NOTE[1:]
    room = 256 * 1024 - len("pad") - len(oracle.ORIGINALS) - len(merged) + over
    annotations = {"pad": "p" * room, oracle.ORIGINALS: old}
    before = {"metadata": {}, "spec": {"containers": [{**WEB, "image": "nginx:1.26"}]}}
    review = pod_review(
        {"containers": [WEB]}, {"annotations": annotations}, operation="UPDATE", oldObject=before
    )
    want = check(program, review)
    assert want.rewritten == 1 and want.recorded is recorded


def test_original_too_large_to_record(program):
    """A long name for each container: none is recorded, all are rewritten."""
    spec = {"containers": [{"name": f"{i}" + "n" * 60000, "image": "nginx"} for i in range(5)]}
    want = check(program, pod_review(spec))
    assert want.rewritten == 5 and not want.recorded


def test_largest_update(program):
    """Seven mebibytes, as the API server may send for an update."""
    env = [{"name": "E", "value": "x" * (3 * 1024 * 1024 + 500 * 1024)}]
    old = {"metadata": {}, "spec": {"containers": [{**WEB, "image": "nginx:1.26", "env": env}]}}
    review = pod_review(
        {"containers": [{**WEB, "env": env}]}, operation="UPDATE", oldObject=old, name="web"
    )
    assert check(program, review).rewritten == 1


def test_large_texts_that_are_no_images(program):
    texts = ["a" * 1000000, "a/" * 300000, "a." * 300000, "-" * 1000000, ":" * 100000, "@" * 100000]
    spec = {"containers": [{"name": f"c{i}", "image": text} for i, text in enumerate(texts)]}
    assert check(program, pod_review({**spec, "initContainers": [WEB]})).rewritten == 1


@pytest.mark.parametrize("depth", [100, 9000, 200000])
def test_deep(program, depth):
    """Go reads 10,000 levels; to there a pod is like any other, beyond any sound answer does."""
    body = json.dumps(pod_review({"containers": [WEB], "x": "DEEP"})).encode()
    body = body.replace(b'"DEEP"', b"[" * depth + b"]" * depth)
    answer = answers.review(program, cases.DEFAULT_CONFIG, body)
    paths = [op["path"] for op in answer.ops]
    if depth < 10000 or answer.ops:
        assert paths == ["/spec/containers/0/image", "/metadata/annotations"]


def _places(node, path=()):
    """Every member and every entry below, as a path of keys."""
    members = node.items() if isinstance(node, dict) else enumerate(node)
    for key, member in members:
        yield (*path, key)
        if isinstance(member, (dict, list)):
            yield from _places(member, (*path, key))


def _odd_review():
    metadata = {"labels": {"application": "spil"}, "annotations": {oracle.SWITCH: "enabled"}}
    old = {"metadata": {}, "spec": {"containers": [{**WEB, "image": "nginx:1.26"}]}}
    spec = {
        "containers": [WEB],
        "initContainers": [{"name": "init", "image": "redis:7"}],
        "volumes": [{"name": "model", "image": {"reference": "quay.io/o/x:1"}}],
    }
    return pod_review(spec, metadata, oldObject=old, subResource="", dryRun=False, name="web")


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize("path", _places(_odd_review()), ids=lambda path: "/".join(map(str, path)))
def test_another_type(program, path, operation):
    """One value of a wrong type, as long as the right one: a sound answer, whatever it says."""
    for make in (lambda size: int("7" * size), lambda size: ["x"] * size):
        review = _odd_review()
        review["request"]["operation"] = operation
        *parents, last = path
        place = review
        for part in parents:
            place = place[part]
        size = len(place[last]) if isinstance(place[last], (str, list, dict)) else 1
        place[last] = make(size or 1)
        body = json.dumps(review).encode()
        answer = answers.review(program, cases.DEFAULT_CONFIG, body)
        if answer.status == 200:
            answer.apply(review["request"]["object"])
            assert answer.document["response"]["uid"] == review["request"]["uid"]
        else:
            assert path in (("request",), ("request", "uid"))
