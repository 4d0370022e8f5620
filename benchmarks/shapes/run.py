"""Measure what each shape of record costs against plain ones: whole processes, CPU time per record.

A round runs every shape once, as `kvsctl set` or `kvsctl delete` against a server faster than it,
and once a file of one record, whose time is that of starting and is subtracted from the others.
Rounds begin at different shapes. A ratio compares two runs of the same round, so other load on the
machine affects both.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.result import parser, publish, spread
from benchmarks.shapes.rare import RARE
from benchmarks.shapes.shapes import COMMON, Shape
from benchmarks.throughput.clients import Client, kvsctl, run
from benchmarks.throughput.tools import measured_in_folder, served

SHAPES = (*COMMON, *RARE)
_CONNECTIONS = 16


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=60_000)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument(
        "--only",
        action="append",
        metavar="SHAPE",
        help="run only this shape (repeatable), and plain",
    )
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 300, 1
    publish(given, measured_in_folder(lambda folder: _measured(folder, given)))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    shapes = _chosen(given.only)
    with served(folder) as url:
        clients = {shape.name: _client(folder, url, shape, given.records) for shape in shapes}
        start_ups = {words: _start_up(folder, url, words) for words in ("set", "delete")}
        rounds = [
            _one_round(clients, start_ups, shapes, given.records, turn)
            for turn in range(given.rounds)
        ]
    return {"records": given.records, "rounds": given.rounds, "shapes": _table(shapes, rounds)}


def _chosen(names: Sequence[str] | None) -> list[Shape]:
    if names is None:
        return list(SHAPES)
    bases = {shape.base for shape in SHAPES if shape.name in names}
    return [shape for shape in SHAPES if shape.name in {*names, *bases, "plain"}]


def _client(folder: Path, url: str, shape: Shape, records: int) -> Client:
    source = folder / f"{SHAPES.index(shape)}.{shape.suffix}"
    with source.open("wb") as file:
        file.writelines(shape.rows(records))
    client = kvsctl(folder, url, source, _CONNECTIONS, *shape.words)
    failing = shape.failing(records)
    named = partial(_accounted_for, failing)
    return replace(client, named=named, exit_status=1 if failing else 0)


def _accounted_for(failing: int, output: bytes) -> int:
    """Return how many records the report counts. Raise RuntimeError unless so many failed."""
    report = json.loads(output.splitlines()[-1])
    if report["failed"] != failing:
        raise RuntimeError(f"{report['failed']} records failed, not {failing}")
    # A dry run sends none.
    return sum(report[name] for name in ("succeeded", "duplicates", "unsent", "failed"))


def _start_up(folder: Path, url: str, command: str) -> Client:
    source = folder / f"one-{command}.jsonl"
    source.write_text('{"key":"a","value":1}\n')
    return kvsctl(folder, url, source, _CONNECTIONS, command)


def _one_round(
    clients: Mapping[str, Client],
    start_ups: Mapping[str, Client],
    shapes: Sequence[Shape],
    records: int,
    turn: int,
) -> dict[str, float]:
    """Return the CPU time of a record in microseconds, by shape."""
    starting = {command: run(client, 1).cpu_seconds for command, client in start_ups.items()}
    first = turn * 7 % len(shapes)
    return {
        shape.name: (run(clients[shape.name], records).cpu_seconds - starting[shape.words[0]])
        / records
        * 1e6
        for shape in (*shapes[first:], *shapes[:first])
    }


def _table(shapes: Sequence[Shape], rounds: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    return {
        shape.name: {
            "bound": shape.bound,
            "against": shape.base,
            "ratio": spread(one[shape.name] / one[shape.base] for one in rounds),
            "us_per_record": spread(one[shape.name] for one in rounds),
        }
        for shape in shapes
    }


if __name__ == "__main__":
    main()
