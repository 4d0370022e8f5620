"""Measure the emulator against a bare app that runs the same SQL; see ../README.md.

The results are ratios of medians over alternating runs, with their spread. Needs `wrk`.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.emulator.servers import fill
from benchmarks.result import parser, publish, spread

HERE = Path(__file__).parent
MILLION = 1_000_000
BATCH_KEYS = 100_000


@contextlib.contextmanager
def server(kind: str, db: Path, keys: int) -> Iterator[tuple[str, int]]:
    """Run a server on this file, which has `keys` keys; yield its URL and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "servers.py"), kind, str(port), str(db), str(keys)]
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
    """Send a POST request and return the body of the answer."""
    request = urllib.request.Request(url + path, json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def load(url: str, mode: str, seconds: int, seed: int, keys: int) -> tuple[float, float, float]:
    """Return requests per second, and median and 99th percentile in ms, at 16 connections."""
    command = ["wrk", "-t2", "-c16", f"-d{seconds}", "--latency", "-s", str(HERE / "batch.lua")]
    environment = os.environ | {"MODE": mode, "SEED": str(seed), "KEYS": str(keys)}
    shown = subprocess.run(
        [*command, url], env=environment, capture_output=True, text=True, check=True
    ).stdout
    if "Non-2xx" in shown:
        raise SystemExit(f"requests were refused:\n{shown}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", shown)[1])  # type: ignore[index]
    return rate, percentile(shown, "50"), percentile(shown, "99")


def percentile(shown: str, which: str) -> float:
    """Return a percentile of wrk's latency distribution in milliseconds."""
    found = re.search(rf"\s{which}%\s+([\d.]+)(us|ms|s)\b", shown)
    if found is None:
        raise SystemExit(f"wrk shows no percentiles:\n{shown}")
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def batches(folder: Path, runs: int, seconds: int, keys: int) -> dict[str, Any]:
    """Measure batch/set and batch/get, alternating between the two servers.

    Each server begins with a file that has all keys.
    """
    filled = folder / "filled.db"
    fill(str(filled), keys)
    rates: dict[tuple[str, str], list[float]] = {}
    tails: dict[tuple[str, str], list[float]] = {}
    for run in range(runs):
        for kind in ("bare", "emulator"):
            db = Path(shutil.copy(filled, folder / f"{kind}-{run}.db"))
            with server(kind, db, keys) as (url, _):
                for mode in ("set", "get"):
                    rate, median, p99 = load(url, mode, seconds, run + 1, keys)
                    rates.setdefault((kind, mode), []).append(rate)
                    tails.setdefault((kind, mode), []).append(p99 / median)
    return {f"batch_{mode}": _compared(rates, tails, mode) for mode in ("set", "get")}


def _compared(
    rates: dict[tuple[str, str], list[float]], tails: dict[tuple[str, str], list[float]], mode: str
) -> dict[str, Any]:
    bare, ours = rates["bare", mode], rates["emulator", mode]
    return {
        "bare_requests_per_second": spread(bare),
        "emulator_requests_per_second": spread(ours),
        "ratio": spread(mine / theirs for mine, theirs in zip(ours, bare, strict=True)),
        "bare_p99_over_median": spread(tails["bare", mode]),
        "p99_over_median": spread(tails["emulator", mode]),
    }


def pages(folder: Path, runs: int, most_keys: int) -> dict[str, Any]:
    """Measure query pages of 100 from many keys and a thousand, and memory before and after."""
    for keys in (1000, most_keys):
        fill(str(folder / f"{keys}.db"), keys)
    times: dict[int, list[float]] = {1000: [], most_keys: []}
    for _ in range(runs):
        for keys in times:
            with server("emulator", folder / f"{keys}.db", keys) as (url, process):
                before = memory_mb(process)
                times[keys].append(page_ms(url, keys))
                if keys == most_keys:
                    walk(url)
                    after = memory_mb(process)
    pairs = zip(times[most_keys], times[1000], strict=True)
    return {
        "keys": most_keys,
        "page_of_a_thousand_ms": spread(times[1000]),
        "page_of_many_ms": spread(times[most_keys]),
        "ratio": spread(many / few for many, few in pairs),
        "memory_before_mb": round(before),
        "memory_after_reading_all_mb": round(after),
    }


def page_ms(url: str, keys: int) -> float:
    """Return the median time of a page that starts in the middle of the keys."""
    where = [begins(f"user:{keys // 2:07}"[:-2])]
    after = json.loads(post(url, "/v1/query", {"limit": 50, "where": where}))["cursor"]
    taken = []
    for _ in range(300):
        start = time.perf_counter()
        post(url, "/v1/query", {"limit": 100, "after": after})
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def begins(prefix: str) -> dict[str, object]:
    """Return a where clause for keys with this prefix."""
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
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Measure and print the result."""
    options = parser(__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--seconds", type=int, default=5)
    options.add_argument("--only", choices=["batches", "pages"])
    given = options.parse_args()
    most_keys, batch_keys = MILLION, BATCH_KEYS
    if given.short:
        given.runs, given.seconds, most_keys, batch_keys = 1, 1, 3000, 3000
    has_wrk = shutil.which("wrk") is not None
    if not has_wrk and not given.short:
        raise SystemExit("wrk is missing: apt-get install wrk")
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        if given.only != "pages" and has_wrk:
            measured |= batches(Path(folder), given.runs, given.seconds, batch_keys)
        if given.only != "batches":
            measured["pages"] = pages(Path(folder), min(given.runs, 3), most_keys)
    publish(given, measured)


if __name__ == "__main__":
    main()
