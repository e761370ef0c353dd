"""The dashboard: each query of each panel, asked of a real Prometheus that scrapes two replicas under mixed
load, must give data, and the panels must show the one that is ill; and Grafana's schema of it."""

import json
import math
import shutil
import time

import jsonschema
import pytest

from http_peer import ROOT
from prometheus import DASHBOARD, expression, panel_of, panels, shown
from reconciling import wait_for
from watched import WRONG_KEYS, Watched

SCHEMA = ROOT / "tests" / "fixtures" / "grafana" / "schema.json"  # hack/grafana-schema.sh
PATIENCE_S = 150  # where everything takes ten times as long as here
BAD = "pullthrough-b"
# What this story doesn't have: a registry that is down, and more wishes than there is room for.
STAY_ZERO = {("Turned away from the cache", "C"), ("Waiting to be imported", "B")}


@pytest.fixture(scope="module", name="watched")
def _watched(program, certs, secure_standin, registries, tmp_path_factory):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed")
    folder = tmp_path_factory.mktemp("watched")
    with Watched(program, folder, certs, secure_standin, registries) as watched:
        watched.start("a").wait_states(quay_io="ready", docker_io="ready", ghcr_io="secret-missing")
        watched.start("b", keys=WRONG_KEYS)
        yield watched


def wait_shown(watched, title, wanted):
    """Until a panel shows just that; wanted(what it shows) says whether."""
    seen = {}

    def right():
        seen.clear()
        seen.update(shown(watched.prometheus, title))
        return wanted(seen)

    try:
        wait_for(right, title, PATIENCE_S)
    except AssertionError:
        raise AssertionError(f"{title}: {seen}") from None


def numbers(watched, target, begin):
    """Every finite one that a query gave since then."""
    found = watched.prometheus.range(expression(target), begin, time.time())
    return [value for _, series in found for _, value in series if math.isfinite(value)]


def test_what_panels_show(watched):
    """One story: a replica that AWS refuses, its end, a configuration that is refused, a burst that
    fails open, pulls that fail. In the end every query has given data."""
    begin = time.time()
    wait_shown(watched, "Replicas", lambda seen: list(seen.values()) == [2])

    # It leaves every image alone, while the other is well.
    wait_shown(watched, "Upstreams", lambda seen: seen == {"docker.io": 0, "quay.io": 0, "ghcr.io": 0})
    why = {"docker.io unknown": 1, "quay.io unknown": 1, "ghcr.io unknown": 1,
           "ghcr.io secret-missing": 1}  # fmt: skip
    wait_shown(watched, "Not rewritten, and why", lambda seen: seen == why)
    wait_shown(
        watched,
        "Left alone for want of a rule",
        lambda seen: {n for key, n in seen.items() if BAD in key} == {1}
        and any(n < 1 for key, n in seen.items() if BAD not in key),
    )

    # What is over isn't shown any more.
    watched.end("b")
    watched.start("b")
    watched.secret()
    for each in watched.replicas.values():
        each.wait_states(all="ready")
    wait_shown(watched, "Upstreams", lambda seen: seen == {"docker.io": 1, "quay.io": 1, "ghcr.io": 1})
    wait_shown(watched, "Not rewritten, and why", lambda seen: not seen)

    # For as long as it is refused, and no longer.
    watched.configure("b", "never")
    wait_shown(watched, "Configuration", lambda seen: list(seen.values()) == [0])
    watched.configure("b", "cached")
    wait_shown(watched, "Configuration", lambda seen: list(seen.values()) == [1])

    # The whole burst, though its series begins with it.
    watched.fail_open(40)
    (target,) = panel_of("Failing open, seen by the API server")["targets"]
    wait_for(lambda: 40 in numbers(watched, target, begin), "the burst is drawn", PATIENCE_S)

    for i in range(3):
        watched.fail_pull(f"broken-{i}:1", f"web-{i}")
    wait_shown(watched, "Turned away from the cache", lambda seen: seen.get("upstreams") == 1)

    wanting = {(p["title"], t["refId"]): t for p in panels() for t in p["targets"]}

    def all_moved():
        for key, target in list(wanting.items()):
            found = numbers(watched, target, begin)
            if any(found) or (found and key in STAY_ZERO):
                del wanting[key]
        return not wanting

    try:
        wait_for(all_moved, "data for every query", PATIENCE_S)
    except AssertionError:
        raise AssertionError(f"no data, or only 0: {sorted(wanting)}") from None


# Against Grafana's published schema


def leaves(error):
    """What is behind one of schemas of which none fits."""
    return [leaf for each in error.context for leaf in leaves(each)] or [error]


def mistakes(dashboard):
    """What Grafana's schema says against it, and against the options of its panels."""
    schema = json.loads(SCHEMA.read_text())
    known = schema["definitions"]["Checked"]["properties"]

    def check(name, node, where):
        errors = jsonschema.Draft7Validator(known[name]).iter_errors(node)
        return [f"{where}: {leaf.message}" for error in errors for leaf in leaves(error)]

    found = check("dashboard", dashboard, "dashboard")
    for panel in dashboard["panels"]:
        kind, where = panel["type"], panel["title"]
        found += check(f"{kind}Options", panel["options"], where)
        if kind == "timeseries":
            found += check("timeseriesCustom", panel["fieldConfig"]["defaults"]["custom"], where)
    return found


def test_grafana_knows_all_of_it():
    assert mistakes(json.loads(DASHBOARD.read_text())) == []


WRONG = {
    "a key": (lambda panel: panel.update(titel="x"), "titel"),
    "a place without width": (lambda panel: panel["gridPos"].pop("w"), "'w' is a required"),
    "a colour mode": (lambda panel: panel["options"].update(colorMode="loud"), "loud"),
    "a threshold": (
        lambda panel: panel["fieldConfig"]["defaults"]["thresholds"].update(mode="half"),
        "half",
    ),
}


@pytest.mark.parametrize("change, word", WRONG.values(), ids=WRONG)
def test_and_says_what_it_does_not_know(change, word):
    dashboard = json.loads(DASHBOARD.read_text())
    change(dashboard["panels"][0])
    assert word in "".join(mistakes(dashboard))


def test_panels_lie_side_by_side():
    """No two share a place, an id or a title, and each tells what it shows."""
    places = [
        (x, y)
        for each in panels()
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    ]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24
    for key in ("id", "title", "description"):
        assert len({each[key] for each in panels()}) == len(panels())
    # What is shown as a state is asked for now, and has thresholds.
    for each in panels():
        if each["type"] == "stat":
            assert all(target["instant"] and not target["range"] for target in each["targets"])
            assert each["fieldConfig"]["defaults"]["thresholds"]["steps"]
