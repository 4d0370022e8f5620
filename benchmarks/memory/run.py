"""Measure memory and time as the input grows: memory should stay flat, and time grow linearly.

Peak memory is that of the kvsctl process alone. Many records go to the server in C of the
throughput benchmark, which is faster than any client. Large values and failures go to
`kvsctl serve`.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.memory.client import Took, can_measure, emulated, run, write
from benchmarks.node import Missing
from benchmarks.result import parser, publish
from benchmarks.throughput.tools import served

_SIZES = (10_000, 100_000, 200_000, 1_000_000, 2_000_000, 10_000_000)
_SMALL, _LARGE = "x" * 100, "x" * 240_000
_TARGETS = {
    "peak_mb": "under 110 in every run",
    "growth": "peak at 2,000,000 at most 1.2 times that at 200,000; constant time per record",
}


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--most", type=int, default=2_000_000, help="records in the largest run")
    options.add_argument(
        "--many", type=int, default=1_000_000, help="records of one key, and failures"
    )
    options.add_argument("--large", type=int, default=2000, help="records, every second of 240 KB")
    given = options.parse_args()
    if given.short:
        given.most, given.many, given.large = 4000, 2000, 20
    with tempfile.TemporaryDirectory() as folder:
        publish(given, _measured(Path(folder), given))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    if not can_measure():
        return {"skipped": "this system does not report the peak memory of a process"}
    result: dict[str, Any] = {"targets": _TARGETS}
    try:
        with served(folder) as url:
            result["growth"] = _growth(folder, url, given.most)
            result["one_key"] = _one_key(folder, url, given.many)
    except Missing as missing:
        result["skipped"] = str(missing)
    result["large_values"] = _large_values(folder, given.large)
    result["failures"] = _failures(folder, given.many)
    return result


def _growth(folder: Path, url: str, most: int) -> dict[str, Any]:
    sizes = [size for size in _SIZES if size <= most] or [most // 2, most]
    rows: dict[str, dict[int, Took]] = {"set": {}, "get": {}}
    for size in sizes:
        lines = (f'{{"key":"k{number}","value":"{_SMALL}"}}' for number in range(size))
        source = write(folder / "in.jsonl", lines)
        for verb, taken in rows.items():
            taken[size] = _ended(run(folder, url, source, verb), succeeded=size)
        source.unlink()
    return {verb: _table(taken) for verb, taken in rows.items()}


def _table(taken: dict[int, Took]) -> dict[str, Any]:
    result: dict[str, Any] = {f"{size:,}": _row(took, size) for size, took in taken.items()}
    if 200_000 in taken and 2_000_000 in taken:
        ratio = taken[2_000_000].peak_mb / taken[200_000].peak_mb
        result["peak_of_2,000,000_over_200,000"] = round(ratio, 3)
    return result


def _one_key(folder: Path, url: str, count: int) -> dict[str, Any]:
    lines = (f'{{"key":"k","value":{number}}}' for number in range(count))
    source = write(folder / "in.jsonl", lines)
    result = {}
    for verb in ("set", "get"):
        took = run(folder, url, source, verb)
        if took.report["succeeded"] + took.report["duplicates"] != count:
            raise RuntimeError(f"{verb} of one key: not all are accounted for")
        result[verb] = _row(took, count)
    return result


def _large_values(folder: Path, count: int) -> dict[str, Any]:
    values = (_LARGE, _SMALL)
    lines = (f'{{"key":"k{n}","value":"{values[n % 2]}"}}' for n in range(count))
    source = write(folder / "in.jsonl", lines)
    with emulated(folder) as url:
        return {
            verb: _row(_ended(run(folder, url, source, verb), succeeded=count), count)
            for verb in ("set", "get")
        }


def _failures(folder: Path, count: int) -> dict[str, Any]:
    """Send records that pass every check; the service refuses nine in ten of them one by one.

    The records that succeed in between prevent the run from giving up.
    """
    records = count * 10 // 9
    failed = records - -(-records // 10)
    lines = (f'{{"key":"{"k" if n % 10 else "s"}{n}","value":{n}}}' for n in range(records))
    source = write(folder / "in.jsonl", lines)
    file = folder / "failed.jsonl"
    words = {
        "alone": (),
        "failures_file": ("--failures", str(file)),
        "journal_too": ("--failures", str(file), "--journal", str(folder / "journal")),
    }
    result = {}
    with emulated(folder, "--faults", "refuse=k:KEY_REFUSED") as url:
        for name, more in words.items():
            result[name] = _row(
                _ended(run(folder, url, source, "set", *more), failed=failed), records
            )
            if more and sum(1 for _ in file.open("rb")) != failed:
                raise RuntimeError("the failures file does not hold every failure")
    return result


def _ended(took: Took, **expected: int) -> Took:
    """Return the run. Raise RuntimeError if its counts are not the expected ones."""
    if any(took.report[name] != count for name, count in expected.items()):
        seen = {name: took.report[name] for name in ("records", *expected)}
        raise RuntimeError(f"expected {expected}, not {seen}")
    return took


def _row(took: Took, records: int) -> dict[str, float]:
    return {
        "records": records,
        "seconds": round(took.seconds, 2),
        "us_per_record": round(took.seconds / records * 1e6, 2),
        "peak_mb": round(took.peak_mb, 1),
    }


if __name__ == "__main__":
    main()
