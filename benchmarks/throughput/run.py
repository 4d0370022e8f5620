"""Compare kvsctl with clients that a user could write by hand, on a server faster than all of them.

A round runs every client once, as whole processes. The order rotates from round to round. A ratio
compares two runs of the same round, so other load on the machine affects both.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.node import Missing
from benchmarks.result import parser, publish, skip_outside_ci, spread
from benchmarks.throughput.clients import (
    Client,
    Took,
    httpx_client,
    journalled,
    kvsctl,
    node,
    run,
    run_in_turn,
    write_records,
)
from benchmarks.throughput.tools import measured_in_folder, served

_TARGETS = {
    "undici": "at least 1.0, ideally 1.1",
    "fetch": "at least 5",
    "httpx": "at least 24",
    "cpu_per_key_against_undici": "at most 1.7",
    "get_against_set": "at most 1.25",
    "journal_against_none": "at most 1.05",
    "duplicates_against_none": "at most 1.3",
}


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--only", nargs="*", help="run only these clients, and kvsctl's set")
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    publish(given, measured_in_folder(lambda folder: _measured(folder, given)))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    source = folder / "in.jsonl"
    write_records(source, range(given.records))
    write_records(folder / "duplicates.jsonl", _keys_with_duplicates(given.records))
    with served(folder) as url:
        clients = _clients(folder, url, source, given)
        for client in clients.values():
            run(client, given.records)  # warm up: fill the file and bytecode caches
        rounds = [run_in_turn(clients, given.records, turn) for turn in range(given.rounds)]
    return _result(rounds, given.records)


def _clients(folder: Path, url: str, source: Path, given: argparse.Namespace) -> dict[str, Client]:
    connections = given.connections
    makers: dict[str, Callable[[], Client]] = {
        "set": lambda: kvsctl(folder, url, source, connections, "set"),
        "get": lambda: kvsctl(folder, url, source, connections, "get"),
        "journal": lambda: journalled(folder, url, source, connections),
        "duplicates": lambda: kvsctl(folder, url, folder / "duplicates.jsonl", connections, "set"),
        "undici": lambda: node("undici_pool.mjs", url, source, connections),
        "fetch": lambda: node("fetch.mjs", url, source, connections),
        "httpx": lambda: httpx_client(url, source, connections),
    }
    clients = {}
    for name, make in makers.items():
        if given.only is not None and name not in (*given.only, "set"):
            continue
        try:
            clients[name] = make()
        except Missing as missing:
            skip_outside_ci(f"{name}: {missing}")
    return clients


def _keys_with_duplicates(count: int) -> list[int]:
    """Return the numbers of keys. A fifth of them repeat the key of an earlier record."""
    chance = Random(5)
    return [chance.randrange(at) if at % 5 == 4 else at for at in range(count)]


def _result(rounds: list[dict[str, Took]], records: int) -> dict[str, Any]:
    names = list(rounds[0])

    def ratios(over: str, under: str) -> dict[str, float]:
        return spread([one[over].seconds / one[under].seconds for one in rounds])

    result: dict[str, Any] = {
        "keys_per_second": {n: spread([records / one[n].seconds for one in rounds]) for n in names},
        "cpu_us_per_key": {
            n: spread([one[n].cpu_seconds / records * 1e6 for one in rounds]) for n in names
        },
        "set_speed_against": {
            n: ratios(n, "set") for n in ("undici", "fetch", "httpx") if n in names
        },
    }
    if "undici" in names:
        shares = [one["set"].cpu_seconds / one["undici"].cpu_seconds for one in rounds]
        result["cpu_per_key_against_undici"] = spread(shares)
    if "get" in names:
        result["get_against_set"] = ratios("get", "set")
    if "journal" in names:
        result["journal_against_none"] = ratios("journal", "set")
    if "duplicates" in names:
        result["duplicates_against_none"] = ratios("duplicates", "set")
    return result | {"targets": _TARGETS}


if __name__ == "__main__":
    main()
