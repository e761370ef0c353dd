"""The alerts as users get them: the rules that the chart renders, tried by promtool with the cases of
tests/fixtures/alerts, of which each rule must have those that fire, stay silent and end."""

import re
import shutil
import subprocess

import pytest
import yaml
from helm import IMAGE, Helm
from http_peer import ROOT

CASES = ROOT / "tests" / "fixtures" / "alerts"
KINDS = ("fires", "stays silent", "ends")
RUNBOOK = ROOT / "docs" / "operations.md"
TARGET = 'namespace="{}",service="pullthrough-status",job="pullthrough-status",pod="{}",instance="{}:8080"'
TARGETS = {
    "@elsewhere": TARGET.format("there", "a", "z"),
    **{f"@{pod}": TARGET.format("here", pod, pod) for pod in "abc"},
}


@pytest.fixture(scope="module", name="rules")
def _rules(tmp_path_factory):
    """rules(values): {name: rule} of the release "pullthrough" in the namespace "here"."""
    helm = Helm(4, "/nonexistent", tmp_path_factory.mktemp("helm"))

    def render(values):
        on = {"prometheusRule": {"enabled": True}, "serviceMonitor": {"enabled": True}}
        objects = helm.template(
            "pullthrough", "here", {"image": {"repository": IMAGE}, **on, **values}
        )
        (found,) = (each for each in objects if each["kind"] == "PrometheusRule")
        groups = found["spec"]["groups"]
        return {name_of(rule): rule for group in groups for rule in group["rules"]}

    return render


def name_of(rule):
    return rule.get("alert") or rule["record"]


def cases_of(name):
    """Its file; [] where there is none."""
    path = CASES / f"{name}.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else []


def printed(text, labels):
    """An annotation with the labels of its alert, as far as ours ask for them."""

    def value(match):
        names = re.findall(r"\$labels\.(\w+)", match[1])
        assert re.sub(r"\$labels\.\w+", "", match[1]).strip() in ("", "or"), match[1]
        return next((labels[name] for name in names if labels.get(name)), "")

    return re.sub(r"\{\{(.*?)\}\}", value, text)


def selector(text):
    for word, labels in TARGETS.items():
        text = text.replace(word, labels)
    return text


def expected(rule, at, labels):
    """What promtool is to find of an alert at that time."""
    return {
        "eval_time": at,
        "alertname": rule["alert"],
        "exp_alerts": [
            {
                "exp_labels": {**rule["labels"], **each},
                "exp_annotations": {k: printed(v, each) for k, v in rule["annotations"].items()},
            }
            for each in labels
        ],
    }


def promtool(folder, rule, case):
    """What it says of a case; "" where it is as it should be."""
    (folder / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "chart", "rules": [rule]}]})
    )
    # A bare 0x60 is a number in base 16.
    assert all(isinstance(values, str) for values in case["series"].values())
    test = {
        "interval": case.get("every", "1m"),
        "input_series": [
            {"series": selector(k), "values": v} for k, v in case["series"].items()
        ],
    }
    if "record" in rule:
        test["promql_expr_test"] = case["at"]
    else:
        test["alert_rule_test"] = [expected(rule, at, found) for at, found in case["at"].items()]
    (folder / "test.yaml").write_text(
        yaml.safe_dump(
            {"rule_files": ["rules.yaml"], "evaluation_interval": test["interval"], "tests": [test]}
        )
    )
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
WRITTEN = [
    (path.stem, case) for path in sorted(CASES.glob("*.yaml")) for case in cases_of(path.stem)
]


@needs_promtool
@pytest.mark.parametrize("name, case", WRITTEN, ids=[f"{n}: {c['case']}" for n, c in WRITTEN])
def test_case(rules, tmp_path, name, case):
    assert promtool(tmp_path, rules(case.get("values", {}))[name], case) == ""


def test_every_rule_has_its_cases(rules):
    """And every case a rule; one that fires says so by what it expects."""
    for name in rules({}):
        kinds = [kind for kind in KINDS for case in cases_of(name) if case["case"].startswith(kind)]
        assert set(kinds) == set(KINDS), f"{CASES}/{name}.yaml: {kinds}"
    assert {name for name, _ in WRITTEN} == set(rules({}))
    for name, case in WRITTEN:
        found = [bool(labels) for labels in case["at"].values()]
        kind = next(kind for kind in KINDS if case["case"].startswith(kind))
        where = f"{name}: {case['case']}"
        if kind == "stays silent":
            assert not any(found), where
        elif kind == "ends":
            assert found[0] and not found[-1], where
        else:
            assert any(found), where


def test_every_alert_has_its_runbook(rules):
    """An anchor of the page that there is, and none is left over."""
    page = RUNBOOK.read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    anchors = [word.lower() for word in re.findall("^### (.*)$", page, re.M)]
    urls = [rule["annotations"]["runbook_url"] for rule in rules({}).values()]
    assert urls == [f"docs/operations.md#{anchor}" for anchor in anchors]
    on = {"enabled": True, "runbookUrl": "https://wiki.example/x", "alertLabels": {"team": "us"}}
    for name, rule in rules({"prometheusRule": on}).items():
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example/x#{name.lower()}"
        assert rule["labels"]["team"] == "us" and rule["labels"]["severity"]


def test_alerts_are_as_severe_as_their_owner_says(rules):
    on = {"enabled": True, "alertLabels": {"severity": "page"}}
    assert {rule["labels"]["severity"] for rule in rules({"prometheusRule": on}).values()} == {"page"}
    assert {rule["labels"]["severity"] for rule in rules({}).values()} == {"warning", "critical"}


def test_nobody_is_missed_whom_nobody_collects(rules):
    """Without our ServiceMonitor, and without the labels of another, absence says nothing."""
    without = {"serviceMonitor": {"enabled": False}}
    assert set(rules({})) - set(rules(without)) == {"PullthroughDown"}
    selector = {"enabled": True, "selector": {"job": "webhook"}}
    found = rules({**without, "prometheusRule": selector})
    assert set(found) == set(rules({}))
    assert 'service="' not in "".join(rule["expr"] for rule in found.values())


@needs_promtool
def test_a_wrong_case_fails(rules, tmp_path):
    """What promtool says of it, so that silence above means something."""
    case = {"series": {"pullthrough_build_info{@a}": "1x40"}, "at": {"30m": [{"pod": "a"}]}}
    assert "exp:" in promtool(tmp_path, rules({})["PullthroughDown"], case)
