"""Compare `-t local` with the same job with sqlite3 alone; see ../README.md.

A round is one run of each, as whole processes that take turns. `ratio` compares their times without
start-up: `elapsed_s` of kvsctl's report, and what `plain.py` measures itself after its imports.
`process_ratio` and `process_cpu_ratio` compare the whole processes. After each round, both must
have stored or printed the same bytes.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.result import parser, publish, spread

_PLAIN = Path(__file__).parent / "plain.py"
_TARGET = 2.5
_STORED = "SELECT key, value, expires FROM record ORDER BY key"


class Taken(NamedTuple):
    """The seconds of a run."""

    elapsed: float
    process: float
    cpu: float


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=9)
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    with tempfile.TemporaryDirectory() as folder:
        publish(given, _measured(Path(folder), given))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    records, keys = folder / "in.jsonl", folder / "keys.txt"
    with records.open("w") as lines, keys.open("w") as names:
        for number in range(given.records):
            value = {"name": "x" * 50, "n": number}
            line = json.dumps({"key": f"user:{number:09}", "value": value}, separators=(",", ":"))
            lines.write(line + "\n")
            names.write(f"user:{number:09}\n")
    rounds: dict[str, list[dict[str, Taken]]] = {"set": [], "get": []}
    for number in range(given.rounds):
        for verb, source in (("set", records), ("get", keys)):
            order = [_kvsctl, _plain] if number % 2 else [_plain, _kvsctl]
            rounds[verb].append({run.__name__[1:]: run(folder, verb, source) for run in order})
            _require_equal(folder, verb)
    about = {"records": given.records, "rounds": given.rounds}
    return about | {verb: _compared(given.records, each) for verb, each in rounds.items()}


def _compared(records: int, rounds: list[dict[str, Taken]]) -> dict[str, Any]:
    ratios = {
        name: spread(
            getattr(one["kvsctl"], field) / max(getattr(one["plain"], field), 1e-9)
            for one in rounds
        )
        for name, field in (
            ("ratio", "elapsed"),
            ("process_ratio", "process"),
            ("process_cpu_ratio", "cpu"),
        )
    }
    return {
        "kvsctl_us_per_key": spread(one["kvsctl"].elapsed * 1e6 / records for one in rounds),
        "plain_us_per_key": spread(one["plain"].elapsed * 1e6 / records for one in rounds),
        **ratios,
        "target_at_most": _TARGET,
    }


def _kvsctl(folder: Path, verb: str, source: Path) -> Taken:
    database = folder / "kvsctl.db"
    words = ["-m", "kvsctl", verb, "-t", "local", "--json", "-f", str(source)]
    words += ["-o", str(folder / "kvsctl.out")] if verb == "get" else []
    return _taken(words, folder, database if verb == "set" else None)


def _plain(folder: Path, verb: str, source: Path) -> Taken:
    database = folder / "plain.db"
    words = [str(_PLAIN), verb, str(source), str(database), str(folder / "plain.out")]
    return _taken(words, folder, database if verb == "set" else None)


def _taken(words: list[str], folder: Path, fresh: Path | None) -> Taken:
    """Run Python with these words. Each `set` begins without a database."""
    for stale in folder.glob(f"{fresh.name}*") if fresh else ():
        stale.unlink()
    environment = {"HOME": str(folder), "KVSCTL_LOCAL_DB": str(folder / "kvsctl.db")}
    environment |= {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, check=True
    )
    process, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    last = json.loads((done.stdout or done.stderr).splitlines()[-1])
    return Taken(last if isinstance(last, float) else last["elapsed_s"], process, cpu)


def _require_equal(folder: Path, verb: str) -> None:
    """Raise SystemExit unless both have stored the same records, or printed the same lines."""
    if verb == "get":
        results = [(folder / f"{who}.out").read_bytes() for who in ("kvsctl", "plain")]
    else:
        results = [_stored(folder / f"{who}.db") for who in ("kvsctl", "plain")]  # type: ignore[misc]
    if results[0] != results[1] or not results[0]:
        raise SystemExit(f"{verb}: the results differ")


def _stored(database: Path) -> list[Any]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(_STORED).fetchall()
    finally:
        connection.close()


if __name__ == "__main__":
    main()
