"""Ways to do the same that take turns, so that what the machine does besides meets all of them alike:
how much each gets done in a second, and what that costs the API server."""

import os
import pathlib
import statistics
import time

import burst

ROUNDS = 5


class Turns:
    def __init__(self, world, titles, count):
        """Of the ways in `titles`, each does `count` in all; `share` of them at a turn."""
        self.share = count // ROUNDS // burst.WORKERS * burst.WORKERS
        self.count = ROUNDS * self.share
        (self._pid,) = world.processes("kube-apiserver", "--etcd-servers")
        self._titles = titles
        self._rates, self._costs = ({mode: [] for mode in titles} for _ in range(2))

    def take(self, mode, send, *arguments):
        """A turn: send(...) of burst with a share. All of it is rewritten, and by "none" nothing."""
        theirs, began = self._cpu_seconds(), time.monotonic()
        rewritten = send(*arguments)
        self._rates[mode].append(self.share / (time.monotonic() - began))
        self._costs[mode].append((self._cpu_seconds() - theirs) / self.share * 1e6)
        assert rewritten == (0 if mode == "none" else self.share), mode

    def _cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lines(self, what, unit, more=None):
        """For the end of the report: `more` of each way, behind its figures."""
        yield (f"{what} each way, interleaved, {os.cpu_count()} CPUs; "
               f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
        for mode, title in self._titles.items():
            low = statistics.quantiles(self._costs[mode], n=4)[0]
            yield (f"  {title:45} {statistics.median(self._rates[mode]):6.0f} {unit}/s"
                   f"  {low:6.0f} us CPU of the API server each (lower quartile)"
                   f"{(more or {}).get(mode, '')}")  # fmt: skip
