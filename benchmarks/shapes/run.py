"""Measure what each shape of record costs against plain ones: whole processes, CPU time per record.

A round runs every shape, as `kvsctl set` or `kvsctl delete` against a server that is faster, with
all records and with one. The time of the run with one record, for start-up with all modules that
the shape needs, is subtracted. Rounds begin at different shapes. A ratio compares two runs of the
same round, so other load on the machine affects both.
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
        sizes = (1, given.records)
        clients = {
            (shape.name, size): _client(folder, url, shape, size)
            for shape in shapes
            for size in sizes
        }
        rounds = [_one_round(clients, shapes, sizes, turn) for turn in range(given.rounds)]
    return {"records": given.records, "rounds": given.rounds, "shapes": _table(shapes, rounds)}


def _chosen(names: Sequence[str] | None) -> list[Shape]:
    if names is None:
        return list(SHAPES)
    bases = {shape.base for shape in SHAPES if shape.name in names}
    return [shape for shape in SHAPES if shape.name in {*names, *bases, "plain"}]


def _client(folder: Path, url: str, shape: Shape, records: int) -> Client:
    source = folder / f"{SHAPES.index(shape)}-{records}.{shape.suffix}"
    with source.open("wb") as file:
        file.writelines(shape.rows(records))
    client = kvsctl(folder, url, source, _CONNECTIONS, *shape.words)
    failing = shape.failing(records)
    named = partial(_accounted_for, failing)
    return replace(client, named=named, exit_status=1 if failing else 0)


def _accounted_for(failing: int, output: bytes) -> int:
    """Return how many records the report counts. Raise RuntimeError unless `failing` failed."""
    report = json.loads(output.splitlines()[-1])
    if report["failed"] != failing:
        raise RuntimeError(f"{report['failed']} records failed, not {failing}")
    # A dry run sends none.
    return sum(report[name] for name in ("succeeded", "duplicates", "unsent", "failed"))


def _one_round(
    clients: Mapping[tuple[str, int], Client],
    shapes: Sequence[Shape],
    sizes: tuple[int, int],
    turn: int,
) -> dict[str, float]:
    """Return the CPU time of a record in microseconds, by shape."""
    first = turn * 7 % len(shapes)
    one, all_records = sizes

    def seconds(shape: Shape, size: int) -> float:
        return run(clients[shape.name, size], size).cpu_seconds

    return {
        shape.name: (seconds(shape, all_records) - seconds(shape, one)) / (all_records - one) * 1e6
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
