"""kvsctl against what a user could write by hand, on a server that is faster than any of them.

A round runs every client once, whole processes, in an order that turns from round to round; a
ratio is that of two runs of one round, so what the machine does meanwhile meets both.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.result import parser, publish, spread
from benchmarks.throughput.clients import Client, Took, httpx_client, journalled, kvsctl, node, run
from benchmarks.throughput.tools import Missing, served

_ASKED = {
    "undici": "1.0 the goal, 0.7 at the least",
    "fetch": "2 at the least, 3 the goal",
    "httpx": "8 at the least",
    "cpu_a_key_against_undici": "1.7 at most",
    "get_against_set": "1.5 at most",
    "journal_against_none": "1.05 at most",
}


def main() -> None:
    """Runs, and prints the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--only", nargs="*", help="names of clients; kvsctl's set is always run")
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    with tempfile.TemporaryDirectory() as folder:
        try:
            publish(given, _measured(Path(folder), given))
        except Missing as missing:
            _skip(str(missing))
            publish(given, {"skipped": str(missing)})


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    source = folder / "in.jsonl"
    _write_records(source, given.records)
    with served(folder) as url:
        clients = _clients(folder, url, source, given)
        for client in clients.values():
            run(client, given.records)  # what is read and compiled only once is by then
        rounds = [_one_round(clients, given.records, turn) for turn in range(given.rounds)]
    return _result(rounds, given.records)


def _clients(folder: Path, url: str, source: Path, given: argparse.Namespace) -> dict[str, Client]:
    connections = given.connections
    makers: dict[str, Callable[[], Client]] = {
        "set": lambda: kvsctl(folder, url, source, connections, "set"),
        "get": lambda: kvsctl(folder, url, source, connections, "get"),
        "journal": lambda: journalled(folder, url, source, connections),
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
            _skip(f"{name}: {missing}")
    return clients


def _skip(what: str) -> None:
    if os.environ.get("CI") == "true":
        sys.exit(f"not skipped in CI: {what}")
    print(f"skipped: {what}", file=sys.stderr)


def _write_records(source: Path, count: int) -> None:
    """100 bytes each, with their line feeds."""
    with source.open("w") as file:
        for number in range(count):
            line = f'{{"key":"key-{number:08}","value":{{"n":{number},"pad":"'
            file.write(f'{line}{"x" * (96 - len(line))}"}}}}\n')


def _one_round(clients: dict[str, Client], records: int, turn: int) -> dict[str, Took]:
    names = list(clients)
    first = turn % len(names)
    return {name: run(clients[name], records) for name in names[first:] + names[:first]}


def _result(rounds: list[dict[str, Took]], records: int) -> dict[str, Any]:
    names = list(rounds[0])

    def ratios(over: str, under: str) -> dict[str, float]:
        return spread([one[over].seconds / one[under].seconds for one in rounds])

    result: dict[str, Any] = {
        "keys_a_second": {n: spread([records / one[n].seconds for one in rounds]) for n in names},
        "cpu_us_a_key": {
            n: spread([one[n].cpu_seconds / records * 1e6 for one in rounds]) for n in names
        },
        "set_speed_against": {
            n: ratios(n, "set") for n in ("undici", "fetch", "httpx") if n in names
        },
    }
    if "undici" in names:
        shares = [one["set"].cpu_seconds / one["undici"].cpu_seconds for one in rounds]
        result["cpu_a_key_against_undici"] = spread(shares)
    if "get" in names:
        result["get_against_set"] = ratios("get", "set")
    if "journal" in names:
        result["journal_against_none"] = ratios("journal", "set")
    return result | {"asked": _ASKED}


if __name__ == "__main__":
    main()
