"""The emulator against a bare app that runs the same SQL; see ../README.md.

Ratios of medians over alternating runs, with their spread. Needs `wrk`.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from servers import fill

HERE = Path(__file__).parent
PORTS = {"bare": 8811, "emulator": 8812}
MILLION = 1_000_000


@contextlib.contextmanager
def server(kind: str, db: Path) -> Iterator[tuple[str, int]]:
    """The URL and process number of a server on this file."""
    port = PORTS[kind]
    command = [sys.executable, str(HERE / "servers.py"), kind, str(port), str(db)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                post(url, "/v1/batch/get", [{"key": "a"}])
                break
            time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait()


def post(url: str, path: str, body: object) -> bytes:
    """POST and the answer's body."""
    request = urllib.request.Request(url + path, json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def load(url: str, mode: str, seconds: int, seed: int) -> tuple[float, float, float]:
    """Requests a second, median and 99th percentile in milliseconds, at 16 connections."""
    command = ["wrk", "-t2", "-c16", f"-d{seconds}", "--latency", "-s", str(HERE / "batch.lua")]
    environment = os.environ | {"MODE": mode, "SEED": str(seed)}
    shown = subprocess.run(
        [*command, url], env=environment, capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in shown:
        raise SystemExit(f"requests were refused:\n{shown}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", shown)[1])  # type: ignore[index]
    return rate, percentile(shown, "50"), percentile(shown, "99")


def percentile(shown: str, which: str) -> float:
    """A line of wrk's latency distribution, in milliseconds."""
    found = re.search(rf"\s{which}%\s+([\d.]+)(us|ms|s)\b", shown)
    if found is None:
        raise SystemExit(f"wrk shows no percentiles:\n{shown}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def spread(values: list[float]) -> str:
    """The median, and the least and the most."""
    return f"{statistics.median(values):,.2f} ({min(values):,.2f} to {max(values):,.2f})"


def batches(folder: Path, runs: int, seconds: int) -> None:
    """batch/set and batch/get, alternating between the two servers."""
    rates: dict[tuple[str, str], list[float]] = {}
    tails: dict[tuple[str, str], list[float]] = {}
    for run in range(runs):
        for kind in ("bare", "emulator"):
            with server(kind, folder / f"{kind}-{run}.db") as (url, _):
                for mode in ("set", "get"):
                    rate, median, p99 = load(url, mode, seconds, run + 1)
                    rates.setdefault((kind, mode), []).append(rate)
                    tails.setdefault((kind, mode), []).append(p99 / median)
    for mode in ("set", "get"):
        bare, ours = rates["bare", mode], rates["emulator", mode]
        ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
        print(f"batch/{mode}: bare {spread(bare)} requests/s, emulator {spread(ours)}")
        print(f"batch/{mode}: ratio {spread(ratios)} (0.5 is asked)")
        print(f"batch/{mode}: p99 over median, bare {spread(tails['bare', mode])}")
        print(f"batch/{mode}: p99 over median {spread(tails['emulator', mode])} (under 3 is asked)")


def pages(folder: Path, runs: int) -> None:
    """A query page of 100 from a million keys and from a thousand; memory before and after."""
    for keys in (1000, MILLION):
        fill(str(folder / f"{keys}.db"), keys)
    times: dict[int, list[float]] = {1000: [], MILLION: []}
    for _ in range(runs):
        for keys in times:
            with server("emulator", folder / f"{keys}.db") as (url, process):
                before = memory_mb(process)
                times[keys].append(page_ms(url, keys))
                if keys == MILLION:
                    walk(url)
                    after = memory_mb(process)
    ratio = statistics.median(times[MILLION]) / statistics.median(times[1000])
    print(f"query page of 100: from a thousand {spread(times[1000])} ms")
    print(f"query page of 100: from a million {spread(times[MILLION])} ms, ratio {ratio:.2f}")
    print(f"memory: {before:.0f} MB, after reading a million keys {after:.0f} MB")


def page_ms(url: str, keys: int) -> float:
    """The median time of a page that begins in the middle."""
    where = [begins("user:00005" if keys == 1000 else "user:05")]
    after = json.loads(post(url, "/v1/query", {"limit": 50, "where": where}))["cursor"]
    taken = []
    for _ in range(300):
        start = time.perf_counter()
        post(url, "/v1/query", {"limit": 100, "after": after})
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def begins(prefix: str) -> dict[str, object]:
    """A where clause."""
    return {"property": "key", "condition": "BEGINS_WITH", "values": [prefix]}


def walk(url: str) -> None:
    """Read every key once."""
    body: dict[str, object] = {"limit": 100}
    while True:
        cursor = json.loads(post(url, "/v1/query", body)).get("cursor")
        if cursor is None:
            return
        body["after"] = cursor


def memory_mb(process: int) -> float:
    """Resident memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", choices=["batches", "pages"])
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        if asked.only != "pages":
            batches(Path(folder), asked.runs, asked.seconds)
        if asked.only != "batches":
            pages(Path(folder), min(asked.runs, 3))


if __name__ == "__main__":
    main()
