"""Measure how many stores at full quota one core can feed.

A fleet has one store for each installation of an app, and each store has a quota of its own. So the
network and the service do not bound how many of them one process can write to: its CPU time does.

Each measurement is a process that writes to several stores at once. A store receives what its quota
allows in a given time: as many records as fit in its units. The CPU time that this takes, divided
by the time in which the quota allows it, is the share of a core that a store needs. The server in C
of the throughput benchmark stands for every store.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.fleet.drawing import Line, drawn
from benchmarks.result import parser, publish, spread
from benchmarks.throughput.tools import measured_in_folder, served
from kvsctl.bulk.pacing.pace import MINUTE_SECONDS, request_units
from kvsctl.limits import DEFAULT_LIMITS

_ROOT: Final = Path(__file__).parents[2]
_STORES: Final = Path(__file__).with_name("stores.py")
_PICTURE: Final = Path(__file__).with_name("fleet.svg")
_SIZES: Final = {"100 B": 100, "1 KB": 1000}
_KINDS: Final = {"set": False, "set --journal": True}


def main() -> None:
    """Run the measurements and print the result."""
    options = parser(__doc__)
    options.add_argument("--stores", type=int, nargs="*", default=[1, 4, 16, 48])
    options.add_argument("--seconds", type=float, default=30.0, help="of the quota of each store")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--draw", action="store_true", help=f"write {_PICTURE.name}")
    given = options.parse_args()
    if given.short:
        given.stores, given.seconds, given.rounds = [1, 3], 0.5, 1
    measured = measured_in_folder(lambda folder: _measured(folder, given))
    if given.draw and "skipped" not in measured:
        _PICTURE.write_text(drawn(_panels(measured)), "utf-8")
    publish(given, {"seconds_of_quota": given.seconds, **measured})


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {}
    with served(folder) as url:
        for name, size in _SIZES.items():
            source = folder / f"{size}.jsonl"
            records = _write_records(source, size, given.seconds)
            result[name] = {
                kind: _one(url, source, records, given, has_journal=has_journal)
                for kind, has_journal in _KINDS.items()
            }
    return result


def _write_records(source: Path, size: int, seconds: float) -> int:
    """Write as many records of `size` bytes as fit in a store's quota; return how many."""
    units = seconds / MINUTE_SECONDS * DEFAULT_LIMITS.write_units_per_minute
    counts = range(1, DEFAULT_LIMITS.batch_records + 1)
    records_per_unit = max(count / request_units(count * size) for count in counts)
    records = int(units * records_per_unit)
    with source.open("w") as file:
        for number in range(records):
            line = f'{{"key":"key-{number:08}","value":{{"n":{number},"pad":"'
            file.write(f'{line}{"x" * (size - 4 - len(line))}"}}}}\n')
    return records


def _one(
    url: str, source: Path, records: int, given: argparse.Namespace, *, has_journal: bool
) -> dict[str, Any]:
    """Measure each number of stores, in turns."""
    took: dict[int, list[dict[str, float]]] = {stores: [] for stores in given.stores}
    for _ in range(given.rounds):
        for stores, runs in took.items():
            runs.append(_run(url, source, stores, has_journal=has_journal))
            assert runs[-1]["records"] == stores * records, "records were lost"
    most = max(given.stores)
    return {
        "stores_per_core": spread([1 / _share(one) for one in took[most]]),
        "share_of_a_core_per_store": {
            str(stores): spread([_share(one) for one in runs]) for stores, runs in took.items()
        },
        "cpu_us_per_key": {
            str(stores): spread([one["cpu_seconds"] / one["records"] * 1e6 for one in runs])
            for stores, runs in took.items()
        },
        "keys_per_store_and_minute": round(
            spread([one["records"] / one["units"] for one in took[most]])["median"]
            * DEFAULT_LIMITS.write_units_per_minute
        ),
    }


def _share(took: dict[str, float]) -> float:
    """Return the CPU time of a store, divided by the time in which its quota allows the units."""
    allowed_seconds = took["units"] / DEFAULT_LIMITS.write_units_per_minute * MINUTE_SECONDS
    return took["cpu_seconds"] / allowed_seconds


def _run(url: str, source: Path, stores: int, *, has_journal: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, _STORES, url, source, str(stores), folder, "01"[has_journal]],
            env={"PATH": os.environ["PATH"], "HOME": folder, "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    took: dict[str, float] = json.loads(done.stdout)
    return took


def _panels(measured: dict[str, Any]) -> dict[str, list[Line]]:
    return {
        f"{name}: {of_size['set']['keys_per_store_and_minute']:,} keys per store and minute": [
            Line(
                kind,
                [
                    (int(stores), int(stores) * share["median"])
                    for stores, share in of_size[kind]["share_of_a_core_per_store"].items()
                ],
                of_size[kind]["stores_per_core"]["median"],
            )
            for kind in _KINDS
        ]
        for name, of_size in measured.items()
    }


if __name__ == "__main__":
    main()
