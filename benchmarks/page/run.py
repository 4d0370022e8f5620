"""Measure how soon the emulator's page shows a large store; see ../README.md.

Serve a file with many records, and send the requests of the page. Each is measured several times;
the first time, nothing of the file is in memory.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from benchmarks.result import parser, publish, spread
from kvsctl.emulator.page.answers import API
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.web.serve import ServeOptions, running

_REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "first_level": ("children", {}),
    "level_below": ("children", {"prefix": "app:3:user:"}),
    "list_by_key": ("records", {}),
    "no_expiry": ("records", {"neverExpires": True}),
    "largest": ("records", {"sort": "size"}),
    "count": ("count", {}),
    "download_of_1000": ("download", {}),
}


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=9)
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    with tempfile.TemporaryDirectory() as folder:
        publish(given, _measured(Path(folder) / "kvs.db", given))


def _measured(file: Path, given: argparse.Namespace) -> dict[str, Any]:
    _fill(file, given.records)
    result: dict[str, Any] = {"records": given.records, "file_bytes": file.stat().st_size}
    with running(ServeOptions(port=0, db=file)) as server, httpx.Client() as client:
        for name, (path, body) in _REQUESTS.items():
            taken = [
                _milliseconds(client, server.url + API + path, body) for _ in range(given.rounds)
            ]
            result[f"{name}_ms"] = spread(taken)
    return result


def _fill(file: Path, records: int) -> None:
    store = Store(file)
    try:
        bucket = store.writing(lambda: store.rows.get_or_create_bucket("default", ""))
        sql = "INSERT INTO record VALUES (?, ?, ?, 0, 0, ?)"
        store.writing(lambda: store.connection.executemany(sql, _rows(bucket, records)))
    finally:
        store.close()


def _rows(bucket: int, records: int) -> Iterator[tuple[int, str, bytes, int | None]]:
    """Return records of 20 to 400 bytes in seven parts; one in five never expires."""
    later = (int(time.time()) + 86400) * 1000
    for app in range(7):
        for number in range(app, records, 7):
            value = b'{"name":"%b"}' % (b"x" * (9 + number * 7919 % 381))
            yield bucket, f"app:{app}:user:{number:09}", value, later if number % 5 else None


def _milliseconds(client: httpx.Client, url: str, body: dict[str, Any]) -> float:
    began = time.perf_counter()
    response = client.post(url, json={"installation": "default", **body})
    taken = (time.perf_counter() - began) * 1000
    response.raise_for_status()
    if len(response.content) < 20:
        sys.exit(f"{url} answered with nothing")
    return taken


if __name__ == "__main__":
    main()
