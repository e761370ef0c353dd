"""Two ways to ask a server for answers: wrk for load, and single TLS connections for the rest."""

import dataclasses
import http.client
import os
import pathlib
import ssl
import subprocess

PATH = "/mutate"


@dataclasses.dataclass
class Load:
    requests: int
    seconds: float
    p50_us: float
    p99_us: float


def wrk(port, review_file, connections, seconds, threads=1, cpu=None):
    """Post the review over and over; an answer that isn't 200 is an error."""
    done = subprocess.run(
        ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--latency"]
        + ["-s", str(pathlib.Path(__file__).parent / "post.lua")]
        + [f"https://127.0.0.1:{port}{PATH}"],
        env={**os.environ, "REVIEW": str(review_file)},
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        preexec_fn=(lambda: os.sched_setaffinity(0, {cpu})) if cpu is not None else None,
    )
    words = done.stdout.rpartition("\nresult ")[2].split()
    if done.returncode != 0 or len(words) != 6 or words[4:] != ["0", "0"] or words[0] == "0":
        raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
    requests, microseconds = int(words[0]), float(words[1])
    return Load(requests, microseconds / 1e6, float(words[2]), float(words[3]))


class Connection:
    """One TLS connection that is kept alive, and whose certificate is checked."""

    def __init__(self, port, certificate):
        context = ssl.create_default_context(cafile=str(certificate.cert))
        self._http = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
        self._http.connect()

    def post(self, body):
        self._http.request("POST", PATH, body, {"Content-Type": "application/json"})
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answer {answer.status}: {text[:200]!r}")
        return text

    def close(self):
        self._http.close()
