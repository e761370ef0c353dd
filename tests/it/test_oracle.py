"""The oracle itself, against the cases that were written by hand."""

import copy

import pytest

import answers
import cases
import generate
import oracle
from documents import REASONS

REVIEWS = list(cases.reviews())


@pytest.mark.parametrize("case", cases.references(), ids=lambda case: f"line-{case.line}")
def test_parse_reference(case):
    try:
        found = oracle.parse_reference(case.text)
    except oracle.InvalidReference:
        found = None
    wanted = oracle.Reference(case.domain, case.path, case.tag, case.digest)
    assert found == (wanted if case.valid else None)


def test_parse_reference_by_bytes():
    for text in (b"nginx\0", b"\0nginx", b"ngi\0nx:1", b"nginx\n", b"\xff", b"nginx:\xc3\xa9", b""):
        with pytest.raises(oracle.InvalidReference):
            oracle.parse_reference(text)


@pytest.mark.parametrize("case", REVIEWS, ids=lambda case: case.name)
def test_expect(case):
    want = oracle.expect(oracle.Rules.from_yaml(case.config.read_text("utf-8")), case.body)
    assert want.status == case.want["status"]
    if want.status != 200:
        return
    assert want.api_version == case.want.get("apiVersion", "admission.k8s.io/v1")
    assert want.rewritten == len(case.want["images"])
    assert want.recorded == ("originals" in case.want)
    assert want.warns == case.want.get("warns", False)
    after = cases.wanted_object(case, want.before, oracle.ORIGINALS)
    assert answers.readable(want.after, want.recorded) == answers.readable(after, want.recorded)


def test_expect_leaves_what_it_was_given():
    for case in REVIEWS:
        want = oracle.expect(oracle.Rules.from_yaml(case.config.read_text("utf-8")), case.body)
        if want.may_patch():
            assert want.before != want.after
            assert want.before == oracle.loads(case.body)["request"]["object"]


def test_cases_cover_every_outcome():
    outcomes = set()
    for case in REVIEWS:
        rules = oracle.Rules.from_yaml(case.config.read_text("utf-8"))
        outcomes.update(oracle.expect(rules, case.body).outcomes)
    # What nodes say of the whole registry, and what ECR holds, is in no review.
    assert outcomes == {"rewritten", *REASONS} - {"registry-down", "not-cached"}


@pytest.mark.parametrize("name", generate.CONFIGS)
def test_judge_twice_changes_nothing(name):
    rules = oracle.Rules.from_yaml(generate.CONFIGS[name])
    rng = generate.generator("judge", name)
    rewritten = 0
    for _ in range(2000):
        verdict = oracle.judge(rules, generate.image(rng).encode())
        if verdict.text is not None:
            rewritten += 1
            assert oracle.judge(rules, verdict.text).outcome in ("already-ecr", "excluded")
            assert oracle.parse_reference(verdict.text)
    assert (rewritten > 100) == bool(rules.host)


def test_generated_reviews_are_worth_it():
    """What is generated must reach every branch often enough to be called a test."""
    seen = {"patched": 0, "recorded": 0, "unrecorded": 0, "bad": 0, "quiet": 0, "update": 0}
    seen.update({"kept": 0, "pull-failed": 0, "never-pulled": 0, "skipped-container": 0})
    for number in range(generate.CASES):
        rng = generate.generator("review", number)
        rules = oracle.Rules.from_yaml(generate.CONFIGS[generate.config(rng)])
        review = generate.review(rng)
        plain = copy.deepcopy(review)
        want = oracle.expect(rules, generate.encode(rng, review))
        assert review == plain
        seen["bad"] += want.status == 400
        seen["quiet"] += want.status == 200 and not want.may_patch()
        seen["patched"] += want.may_patch()
        seen["recorded"] += want.recorded
        seen["unrecorded"] += want.may_patch() and rules.record_originals and not want.recorded
        seen["kept"] += want.rewritten > want.outcomes.count("rewritten")
        for outcome in ("pull-failed", "never-pulled", "skipped-container"):
            seen[outcome] += outcome in want.outcomes
        seen["update"] += want.may_patch() and review["request"]["operation"] == "UPDATE"
    assert seen["patched"] > generate.CASES / 4 and min(seen.values()) > 0, seen
