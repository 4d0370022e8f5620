"""Measure what more processes gain: `set` with and without `--workers`, without a quota.

A round runs each form once, as a whole command. The order rotates from round to round. A ratio
compares two runs of the same round. The server in C of the throughput benchmark stands for the
store: it is one process, so with as many workers as processors it competes with them.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.result import parser, publish, spread
from benchmarks.throughput.clients import Client, Took, kvsctl, run, run_in_turn, write_records
from benchmarks.throughput.tools import measured_in_folder, served

_TARGETS = {
    "workers 1, CPU time": "at most 1.1",
    "workers 2, CPU time": "at most 1.6, so at most 0.8 for each",
}


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=500_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    publish(given, measured_in_folder(lambda folder: _measured(folder, given)))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    source = folder / "in.jsonl"
    write_records(source, range(given.records))
    with served(folder) as url:
        clients = _clients(folder, url, source, given)
        for client in clients.values():
            run(client, given.records)  # fills the caches of files and bytecode
        rounds = [run_in_turn(clients, given.records, turn) for turn in range(given.rounds)]
    return _result(rounds, given.records)


def _clients(folder: Path, url: str, source: Path, given: argparse.Namespace) -> dict[str, Client]:
    connections = given.connections
    clients = {"one process": kvsctl(folder, url, source, connections, "set")}
    for workers in given.workers:
        words = ("set", "--workers", str(workers))
        clients[f"workers {workers}"] = kvsctl(folder, url, source, connections, *words)
    return clients


def _result(rounds: list[dict[str, Took]], records: int) -> dict[str, Any]:
    names = list(rounds[0])
    alone = "one process"
    return {
        "keys_per_second": {n: spread([records / one[n].seconds for one in rounds]) for n in names},
        "time_against_one_process": {
            n: spread([one[n].seconds / one[alone].seconds for one in rounds]) for n in names
        },
        "cpu_against_one_process": {
            n: spread([one[n].cpu_seconds / one[alone].cpu_seconds for one in rounds])
            for n in names
        },
        "targets": _TARGETS,
    }


if __name__ == "__main__":
    main()
