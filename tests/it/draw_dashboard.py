"""Draws the dashboard as a real Prometheus answers it: before faults, amid them, after them. No test: it
takes minutes, and needs matplotlib. hack/dashboard-pictures.sh runs it by its name; what may happen is
watched.py."""

import math
import os
import pathlib
import shutil
import time

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

from prometheus import expression, panels  # noqa: E402
from watched import WRONG_KEYS, Watched  # noqa: E402

COLOURS = {"green": "#56a64b", "orange": "#ff9830", "red": "#e02f44", "text": "#5794f2"}
UNITS = {"s": " s", "short": ""}  # of what stats show
PHASE_S = 40
MIB = 1024 * 1024
LEGEND_MAX = 6


def words(number, unit):
    if unit == "percentunit":
        return f"{100 * number:.0f} %"
    if unit == "s" and number >= 3600:
        return f"{number / 86400:.1f} d" if number >= 86400 else f"{number / 3600:.1f} h"
    return f"{number:.3g}{UNITS[unit]}"


def legend(text, labels):
    for name, value in labels.items():
        text = text.replace("{{%s}}" % name, value)
    return text


def settings_of(panel, target):
    """The unit, steps and mappings of a query's numbers."""
    found = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byFrameRefID", "options": target["refId"]}:
            found.update({each["id"]: each["value"] for each in override["properties"]})
    return found


def draw_stat(axes, panel, prometheus, _begin, now):
    tiles = []
    for target in panel["targets"]:
        settings = settings_of(panel, target)
        (mapping,) = settings.get("mappings") or [{"options": {}}]
        for labels, number in prometheus.at(expression(target), now):
            steps = settings["thresholds"]["steps"]
            colour = [s["color"] for s in steps if s["value"] is None or number >= s["value"]][-1]
            known = mapping["options"].get(f"{number:g}")
            text = known["text"] if known else words(number, settings["unit"])
            name = legend(target["legendFormat"], labels)
            tiles.append((f"{name}\n{text}" if name else text, COLOURS[colour]))
    if not tiles:
        tiles = [(panel["fieldConfig"]["defaults"]["noValue"], "#3d3d46")]
    axes.axis("off")
    for i, (text, colour) in enumerate(sorted(tiles)):
        height = 1 / len(tiles)
        low = 1 - (i + 1) * height
        axes.add_patch(plt.Rectangle((0, low + 0.02), 1, height - 0.04, color=colour))
        axes.text(0.5, low + height / 2, text, ha="center", va="center", fontsize=7, color="white")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def draw_series(axes, panel, prometheus, begin, now):
    defaults = panel["fieldConfig"]["defaults"]
    found = [
        (legend(target["legendFormat"], labels), series)
        for target in panel["targets"]
        for labels, series in prometheus.range(expression(target), begin, now)
    ]
    times = range(int(begin), int(now) + 1)
    scale = MIB if defaults["unit"] == "bytes" else 1
    columns = {}
    for name, series in found:
        at = {round(t): v / scale for t, v in series}
        columns[name] = [at.get(t, math.nan) for t in times]
    # What was never more than 0 is a line of the legend only; of a share it is what others are seen beside.
    columns = {
        name: values
        for name, values in sorted(columns.items())
        if any((x or "max" in defaults) and not math.isnan(x) for x in values)
    }
    if defaults["custom"]["stacking"]["mode"] == "normal" and columns:
        whole = [[0 if math.isnan(x) else x for x in v] for v in columns.values()]
        axes.stackplot([t - begin for t in times], whole, labels=list(columns), alpha=0.7)
    else:
        for name, values in columns.items():
            axes.plot([t - begin for t in times], values, label=name, linewidth=1)
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"]:
            axes.axhline(step["value"], color=COLOURS[step["color"]], linestyle=":", linewidth=1)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4 if columns else 1)  # the legend's room
    axes.set_xlim(0, now - begin)
    axes.tick_params(labelsize=5)
    if columns:
        handles, names = axes.get_legend_handles_labels()
        if len(names) > LEGEND_MAX:
            names[LEGEND_MAX - 1] += f", and {len(names) - LEGEND_MAX} more"
        axes.legend(handles[:LEGEND_MAX], names[:LEGEND_MAX], fontsize=4.5, loc="upper left",
                    ncol=1 if max(map(len, names)) > 25 else 2, framealpha=0.5, borderpad=0.2)  # fmt: skip


def draw(prometheus, path, begin, now, note):
    """The whole dashboard, as Grafana would lay it out, with the time since `begin` in seconds."""
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels())
    figure = plt.figure(figsize=(11, rows * 0.24 + 0.5), facecolor="#f4f5f5")
    figure.suptitle(note, fontsize=8, y=0.995)
    for panel in panels():
        place = panel["gridPos"]
        left, width = place["x"] / 24 + 0.022, place["w"] / 24 - 0.028
        height = place["h"] / rows * 0.98
        low = 0.98 - place["y"] / rows * 0.98 - height
        axes = figure.add_axes((left, low + 0.012, width, height - 0.028))
        title = panel["title"] + {"ops": ", a second", "bytes": ", MiB"}.get(
            panel["fieldConfig"]["defaults"]["unit"], ""
        )
        axes.set_title(title, fontsize=6.5, loc="left", pad=2)
        kind = {"stat": draw_stat, "timeseries": draw_series}[panel["type"]]
        kind(axes, panel, prometheus, begin, now)
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})
    plt.close(figure)
    shrink(path)


def shrink(path):
    """To 64 colours, which is a third of the bytes."""
    from PIL import Image

    with Image.open(path) as image:
        image.convert("RGB").quantize(64).save(path, optimize=True)


def test_draw(program, certs, secure_standin, registries, tmp_path):
    """Each phase lasts so long that its shape can be seen: here time is waited for."""
    assert shutil.which("prometheus"), "prometheus is not installed"
    folder = pathlib.Path(os.environ["PULLTHROUGH_PICTURES"])
    folder.mkdir(exist_ok=True)
    with Watched(program, tmp_path, certs, secure_standin, registries) as watched:
        watched.secret()
        watched.start("a").wait_states(all="ready")
        watched.start("b").wait_states(all="ready")
        prometheus = watched.prometheus
        begin = time.time()

        def passed():
            return f"{time.time() - begin:.0f} s"

        time.sleep(PHASE_S)
        draw(prometheus, folder / "dashboard-before.png", begin, time.time(),
             f"before: two replicas in cached mode, {passed()}")  # fmt: skip

        refused = passed()
        watched.end("b")
        watched.start("c", keys=WRONG_KEYS)
        time.sleep(PHASE_S)
        broken = passed()
        watched.configure("a", "never")
        watched.fail_open(40)
        for i in range(3):
            watched.fail_pull(f"broken-{i}:1", f"web-{i}")
        time.sleep(PHASE_S)
        draw(prometheus, folder / "dashboard-faults.png", begin, time.time(),
             f"from {refused} on pullthrough-c is there instead of b, and AWS refuses it; from {broken} on "
             "pullthrough-a refuses its configuration, 40 pods fail open at once, three pulls fail")  # fmt: skip

        mended = passed()
        watched.configure("a", "cached")
        watched.end("c")
        watched.start("d").wait_states(all="ready")
        time.sleep(PHASE_S)
        draw(prometheus, folder / "dashboard-after.png", begin, time.time(),
             f"after: mended from {mended} on, pullthrough-d instead of c")  # fmt: skip
