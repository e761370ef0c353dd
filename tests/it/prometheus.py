"""A real Prometheus that scrapes replicas each second, and the dashboard's panels as it answers them."""

import contextlib
import http.server
import json
import math
import re
import subprocess
import threading
import urllib.parse
import urllib.request

import yaml

from http_peer import ROOT
from served import Served

DASHBOARD = ROOT / "charts" / "pullthrough" / "files" / "dashboard.json"
NAMESPACE, SERVICE = "pullthrough", "pullthrough-status"
RATE_S = 10  # Grafana's $__rate_interval: four scrapes at least, and some that fail under load


class Metrics(Served):
    """A page of metrics on a port, where an API server has its own. Use `with`."""

    def __init__(self):
        page = self
        self.text = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format, *args):  # noqa: A002
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(page.text.encode())

        super().__init__(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


def target(address, **labels):
    return {"targets": [address], "labels": labels}


def replica(address, pod):
    """With the labels that the chart's ServiceMonitor gives, but for the pod's address."""
    return target(address, job=SERVICE, namespace=NAMESPACE, service=SERVICE, pod=pod)


class Prometheus:
    def __init__(self, folder):
        self._targets = folder / "targets.yaml"
        self.scrape()
        (folder / "prometheus.yaml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{
                "job_name": "all",
                "file_sd_configs": [{"files": [str(self._targets)], "refresh_interval": "1s"}],
            }],
        }))  # fmt: skip
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml",
             f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        said = ""
        for line in self.process.stderr:
            said += line
            if found := re.search(r'"Listening on" address=(127\.0\.0\.1:\d+)', line):
                break
        else:
            raise RuntimeError(f"prometheus did not start:\n{said}")
        self.url = f"http://{found[1]}"
        self._reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self._reader.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self._reader.join()
        self.process.stderr.close()

    def scrape(self, *targets):
        """These from now on, within a second or two."""
        new = self._targets.with_suffix(".new.yaml")
        new.write_text(yaml.safe_dump(list(targets)))
        new.replace(self._targets)

    def _ask(self, path, **query):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with contextlib.closing(urllib.request.urlopen(url, timeout=60)) as answer:
            data = json.loads(answer.read())
        assert data["status"] == "success", data
        return data["data"]["result"]

    def at(self, expression, time=None):
        """[(labels, number)] of an instant query, by default now; what is no number is left out."""
        found = self._ask("query", query=expression, **({"time": time} if time else {}))
        pairs = [(each["metric"], float(each["value"][1])) for each in found]
        return [(labels, value) for labels, value in pairs if not math.isnan(value)]

    def range(self, expression, start, end, step=1):
        """[(labels, [(time, number)])]"""
        found = self._ask("query_range", query=expression, start=start, end=end, step=step)
        return [
            (each["metric"], [(float(t), float(v)) for t, v in each["values"]]) for each in found
        ]


def panels():
    return json.loads(DASHBOARD.read_text())["panels"]


def expression(target, namespace=NAMESPACE):
    """A panel's query as Grafana would send it."""
    text = target["expr"].replace("$namespace", namespace).replace("$service", SERVICE)
    text = text.replace("$__rate_interval", f"{RATE_S}s")
    assert "$" not in text, text
    return text


def panel_of(title):
    (panel,) = (each for each in panels() if each["title"] == title)
    return panel


def shown(prometheus, title):
    """{words of its labels, in their order: number} that a panel shows now; of a query without labels its
    legend."""
    panel = panel_of(title)
    return {
        " ".join(sorted(labels.values())) or each["legendFormat"]: number
        for each in panel["targets"]
        for labels, number in prometheus.at(expression(each))
    }
