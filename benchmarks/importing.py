"""How fast 100,000 rows go into the bank and out of it, from the command line, and what others notice meanwhile.

make bench-import
"""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks.server import RunningServer, running_server

ROWS = 100_000
GIGABYTE = 10**9
TIMEOUT_S = 900
PROBE_EVERY_S = 0.01
WORDS = "card charged twice refund chart crashes quote seats invoice login password export slow page"


@dataclass
class Probe:
    """How long others waited for an answer that computes nothing, in seconds."""

    waits_s: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Return the wait that this share of the requests did not exceed."""
        ordered = sorted(self.waits_s) or [0.0]
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def main() -> None:
    """Print the figures."""
    parser = ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--gigabyte", action="store_true", help="only a file of 10^9 bytes, and what memory it takes")
    options = parser.parse_args()
    if options.gigabyte:
        gigabyte()
    else:
        tables(options.rows)


def tables(rows: int) -> None:
    """Print the figures of files of both kinds."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("rows.jsonl", "rows.csv"):
            database = {"DATABASE_PATH": f"{folder}/{name}.sqlite3", "RUNNER": "none"}
            write_rows(Path(folder, name), rows)
            with running_server(database) as server:
                report(f"{name} into an empty bank", server, rows, ["import", f"{folder}/{name}"])
                report(f"{name} again", server, rows, ["import", f"{folder}/{name}"])
                kind = name.partition(".")[2]
                report(f"out as {kind}", server, rows, ["export", "--format", kind])


def gigabyte() -> None:
    """Print the figures of a file of 10^9 bytes, in rows of 4 kB."""
    with tempfile.TemporaryDirectory() as folder:
        path, rows = Path(folder, "rows.jsonl"), 0
        with path.open("w", encoding="utf-8") as file:
            while file.tell() < GIGABYTE:
                file.write(json.dumps({"input": f"{rows} " + WORDS * 43, "ideal": WORDS[rows % 80 :]}) + "\n")
                rows += 1
        with running_server({"DATABASE_PATH": f"{folder}/bank.sqlite3", "RUNNER": "none"}) as server:
            report(f"{path.stat().st_size:,} bytes", server, rows, ["import", str(path)])
            command_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
            print(f"memory of the command: {command_kib / 1024:.0f} MiB at most")
            print(f"memory of the server: {most_memory_kib(server.pid) / 1024:.0f} MiB at most, all processes")


def write_rows(path: Path, rows: int) -> None:
    """Write a file of messages of about 150 characters, as JSON lines or CSV by its ending."""
    words = WORDS.split()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if path.suffix == ".csv":
            writer.writerow(("input", "ideal", "tags"))
        for number in range(rows):
            text = f"Message {number}: " + " ".join(words[(number * step) % len(words)] for step in range(1, 22))
            if path.suffix == ".csv":
                writer.writerow((text, words[number % 7], "web"))
            else:
                file.write(json.dumps({"input": text, "ideal": words[number % 7], "tags": ["web"]}) + "\n")


def report(what: str, server: RunningServer, rows: int, arguments: list[str]) -> None:
    """Run the command, and print rows a second and what others waited."""
    before, before_s = os.times(), cpu_s(server.pid)
    with probing(server.url) as probe:
        since = time.monotonic()
        run(server.url, arguments)
        took_s = time.monotonic() - since
    after = os.times()
    client_s = after.children_user - before.children_user + after.children_system - before.children_system
    cpu = f"CPU of the command {client_s:.2f} s, of the server {cpu_s(server.pid) - before_s:.2f} s"
    waits = f"others waited {1000 * probe.quantile(0.5):.1f} ms, p95 {1000 * probe.quantile(0.95):.1f}, "
    waits += f"p99 {1000 * probe.quantile(0.99):.1f}, longest {1000 * probe.quantile(1):.0f}"
    print(f"{what}: {rows / took_s:,.0f} rows/s ({took_s:.2f} s; {cpu}); {waits}", flush=True)


def run(url: str, arguments: list[str]) -> None:
    """Run `gepa-next examples` to its end; SystemExit if that fails."""
    subprocess.run(
        [sys.executable, "-m", "gepa_next", "examples", *arguments],
        env={**os.environ, "GEPA_NEXT_URL": url},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=TIMEOUT_S,
    )


def family(pid: int) -> Iterator[Path]:
    """Yield the folder in /proc of a process, and of those that it started."""
    yield Path(f"/proc/{pid}")
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and those that it started, in seconds."""
    stats = [(each / "stat").read_text().rpartition(")")[2].split() for each in family(pid)]
    return sum(int(each[11]) + int(each[12]) for each in stats) / os.sysconf("SC_CLK_TCK")


def most_memory_kib(pid: int) -> int:
    """Return the largest resident memory that a process and those that it started had, added up."""
    lines = [line for each in family(pid) for line in (each / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@contextmanager
def probing(url: str) -> Iterator[Probe]:
    """Ask all the time whether the server is there, and yield how long that takes."""
    probe, done = Probe(), threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not done.wait(PROBE_EVERY_S):
                since = time.monotonic()
                session.get(f"{url}/v1/healthz", timeout=TIMEOUT_S).raise_for_status()
                probe.waits_s.append(time.monotonic() - since)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield probe
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
