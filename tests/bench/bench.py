#!/usr/bin/python3
"""What a review costs, beside a constant answer from the same HTTP server in the same run.

Rates and times depend on the machine and on what else it does, so they are shown as medians of
interleaved runs and of their ratios, with their goals, and judged by people. The one figure that is
compared by this program is the count of instructions, for it is repeatable.
"""

import argparse
import pathlib
import platform
import os
import statistics
import subprocess
import sys
import tempfile
import time

import instructions
import servers
from clients import Connection, wrk
from make_review import make_review

# Many short rounds: what else the machine does then falls on all that are compared.
ROUNDS, SECONDS = 9, 1


def say(text):
    print(text, flush=True)


def figure(name, value, rest=""):
    say(f"{name:<44} {value:>12}  {rest}".rstrip())


def goal(value, ceiling):
    return f"goal {ceiling:g}: {'met' if value <= ceiling else 'MISSED'}"


def medians(rounds):
    """Of each column."""
    return [statistics.median(column) for column in zip(*rounds)]


def ratio_of(rounds, others):
    """Median of the ratios of first columns, round by round: neighbours in time share noise."""
    return statistics.median(a[0] / b[0] for a, b in zip(rounds, others))


class Bench:
    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.certificate = servers.Certificate(folder)
        self.reviews, self.review_files = {}, {}
        for kilobytes in (3, 10, 30):
            self.reviews[kilobytes] = make_review(kilobytes)
            self.review_files[kilobytes] = folder / f"review-{kilobytes}.json"
            self.review_files[kilobytes].write_bytes(self.reviews[kilobytes])
        cpus = sorted(os.sched_getaffinity(0))
        self.server_cpu, self.client_cpu = (cpus[0], cpus[1]) if len(cpus) > 1 else (None, None)
        self.logs = 0

    def serve(self, threads=1, level="warn", aws=None):
        return servers.serve(self.build, self.certificate, self.folder, threads, level, aws)

    def constant(self, threads=1):
        return servers.constant(self.build, self.certificate, threads)

    def start(self, program, cpu=None):
        self.logs += 1
        return servers.Server(program, self.folder / f"server-{self.logs}.log", cpu)

    # The quick part: what doesn't depend on the machine's load, or hardly.

    def size(self):
        program = self.build / "src" / "pullthrough"
        figure("size of the program", f"{program.stat().st_size / 1024:.0f} KiB")

    def first_answer(self):
        times = []
        for _ in range(5):
            with self.start(self.serve()) as server:
                connection = Connection(server.port(), self.certificate)
                connection.post(self.reviews[10])
                times.append((time.perf_counter() - server.started) * 1000)
                connection.close()
        middle = statistics.median(times)
        figure("start to the first answer", f"{middle:.0f} ms", goal(middle, 100))

    def instructions(self, write_down):
        """Whether the count is within what was written down."""
        count = instructions.measure(
            self.serve(), self.certificate, self.reviews[10], self.folder
        )
        before, libraries = instructions.written_down()
        figure("instructions a review of 10 KB, over TLS", f"{count:.0f}", goal(count, 189_000))
        if write_down:
            instructions.write_down(count)
            say(f"written down in {instructions.WRITTEN_DOWN.name}")
            return True
        if before is None:
            say("none are written down to compare with: hack/bench.sh --write-down")
            return False
        change = count / before - 1
        figure("  written down", f"{before}", f"changed by {change:+.1%}")
        if libraries != instructions.versions():
            say(f"  libraries differ: then {libraries}; now {instructions.versions()}")
        if change > instructions.TOLERANCE:
            say(f"over {instructions.TOLERANCE:.0%} more instructions than written down")
            return False
        if change < -instructions.TOLERANCE:
            say("fewer than written down: hack/bench.sh --write-down keeps the gain")
        return True

    def fallback(self):
        """Whether two images are asked for within the goal, in the fullest table that there may be."""
        program = self.build / "tests" / "bench" / "fallback_cost"
        none, full = (
            instructions.measure_program([program, table], self.folder)
            for table in ("none", "full")
        )
        figure(
            "  of them, 2 images against what nodes say",
            f"{full - none:.0f}",
            f"{goal(full - none, 1000)}; a review without a table {none:.0f}",
        )
        return full - none <= 1000

    def cached(self):
        """Whether asking for two images in a full set, and its memory, are within their goals."""
        program = self.build / "tests" / "bench" / "cache_cost"
        off, full = (
            instructions.measure_program([program, mode], self.folder) for mode in ("off", "full")
        )
        figure(
            "  of them, 2 images against what ECR holds",
            f"{full - off:.0f}",
            f"{goal(full - off, 1500)}; a review without that {off:.0f}",
        )
        done = subprocess.run([program, "memory"], check=True, capture_output=True, text=True)
        mebibytes = int(done.stdout) / 1024
        figure("memory of 65,536 images of ECR", f"{mebibytes:.2f} MiB", goal(mebibytes, 2.5))
        return full - off <= 1500 and mebibytes <= 2.5

    # The rest: timed, so never judged by the program.

    def cpu_round(self, port, server, kilobytes):
        before = server.cpu_seconds()
        load = wrk(port, self.review_files[kilobytes], 16, SECONDS, cpu=self.client_cpu)
        return (server.cpu_seconds() - before) / load.requests * 1e6, load.requests / load.seconds

    def cpu(self):
        """Processor time of the server a request, 16 connections, A B A B."""
        with self.start(self.constant(), self.server_cpu) as constant:
            with self.start(self.serve(), self.server_cpu) as serve:
                both = ((constant.port(), constant), (serve.port(), serve))
                for kilobytes, ceiling in ((3, None), (10, 1.5), (30, 2.5)):
                    results = ([], [])
                    for _ in range(ROUNDS):
                        for kept, (port, server) in zip(results, both):
                            kept.append(self.cpu_round(port, server, kilobytes))
                    (constant_us, _), (us, rate) = map(medians, results)
                    ratio = ratio_of(results[1], results[0])
                    figure(
                        f"CPU a review of {kilobytes} KB",
                        f"{us:.1f} us",
                        f"constant {constant_us:.1f} us, ratio {ratio:.2f}"
                        + (f", {goal(ratio, ceiling)}" if ceiling else "")
                        + f"; {rate:.0f} a second",
                    )

    def latency(self):
        """One connection, 10 KB: medians of p50 and p99, A B C A B C."""
        programs = (self.constant(), self.serve(level="warn"), self.serve(level="info"))
        running = [self.start(program, self.server_cpu) for program in programs]
        try:
            ports = [server.port() for server in running]
            results = [[], [], []]
            for _ in range(ROUNDS):
                for kept, port in zip(results, ports):
                    load = wrk(port, self.review_files[10], 1, SECONDS, cpu=self.client_cpu)
                    kept.append((load.p50_us, load.p99_us))
        finally:
            for server in running:
                server.stop()
        constant, _ = medians(results[0])
        for level, kept in zip(("warn", "info"), results[1:]):
            p50, p99 = medians(kept)
            ratio = ratio_of(kept, results[0])
            figure(
                f"p50 of one connection, log level {level}",
                f"{p50:.0f} us",
                f"constant {constant:.0f} us, ratio {ratio:.2f}"
                + (f", {goal(ratio, 1.15)}" if level == "warn" else "")
                + f"; p99 {p99:.0f} us",
            )

    def beside_hanging_aws(self):
        """The same with a reconciler whose calls to AWS get no answer, A B A B."""
        with servers.HangingAws() as aws:
            programs = (self.serve(level="error"), self.serve(level="error", aws=aws))
            running = [self.start(program, self.server_cpu) for program in programs]
            try:
                ports = [server.port() for server in running]
                aws.wait_for_a_call()
                results = [[], []]
                for _ in range(ROUNDS):
                    for kept, port in zip(results, ports):
                        load = wrk(port, self.review_files[10], 1, SECONDS, cpu=self.client_cpu)
                        kept.append((load.p50_us, load.p99_us))
            finally:
                for server in running:
                    server.stop()
        (_, alone_p99), (p50, p99) = map(medians, results)
        figure(
            "p50 of one connection, AWS hanging",
            f"{p50:.0f} us",
            f"ratio to none asked {ratio_of(results[1], results[0]):.2f}; "
            f"p99 {p99:.0f} us, without {alone_p99:.0f} us",
        )

    def idle_memory(self):
        """Resident after start, and what 1,000 idle TLS connections add."""
        many = 1000
        with self.start(self.serve(threads=2)) as server:
            port = server.port()
            start = server.rss_kib()
            figure(
                "memory after start, 2 threads",
                f"{start / 1024:.1f} MiB",
                f"{server.libraries()} libraries, most of them Debian's libcurl's; "
                "hack/image.sh measures the image, which has a smaller one",
            )
            connections = []
            for _ in range(many):
                connections.append(Connection(port, self.certificate))
                connections[-1].post(self.reviews[10])
                if len(connections) == 1:
                    one = server.rss_kib()
            each = (server.rss_kib() - one) / (many - 1)
            for connection in connections:
                connection.close()
        figure(f"memory a connection, {many} idle", f"{each:.1f} KiB", goal(each, 16))

    def flat_memory(self):
        """Resident in the course of 200,000 reviews over 250 connections."""
        total, sizes, sent = 200_000, [], 0
        with self.start(self.serve(threads=2)) as server:
            port = server.port()
            while sent < total:
                # long enough for 250 handshakes and some reviews on a busy machine too
                sent += wrk(port, self.review_files[10], 250, 5 * SECONDS, threads=2).requests
                sizes.append((sent, server.rss_kib() / 1024))
        first, last = sizes[0], sizes[-1]
        figure(
            f"memory after {last[0]} reviews",
            f"{last[1]:.1f} MiB",
            f"after {first[0]}: {first[1]:.1f} MiB, changed by {last[1] - first[1]:+.1f} MiB",
        )


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


def raise_open_files():
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", type=pathlib.Path, required=True)
    options.add_argument("--quick", action="store_true", help="size, start and instructions only")
    options.add_argument("--write-down", action="store_true", help="keep the count to compare with")
    chosen = options.parse_args()
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="pullthrough-bench-") as folder:
        bench = Bench(chosen.build, pathlib.Path(folder))
        say(f"on {processor()}, {len(os.sched_getaffinity(0))} CPUs, {platform.platform()}")
        bench.size()
        bench.first_answer()
        fine = bench.instructions(chosen.write_down)
        fine = bench.fallback() and fine
        fine = bench.cached() and fine
        if not chosen.quick and not chosen.write_down:
            bench.cpu()
            bench.latency()
            bench.beside_hanging_aws()
            bench.idle_memory()
            bench.flat_memory()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
