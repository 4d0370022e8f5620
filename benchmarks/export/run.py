"""Compare `kvsctl export` with bare queries over the same number of connections; see ../README.md.

Two stores have the same number of records: in one, keys begin with each letter and digit equally
often; in the other, nine of ten begin with one prefix. `keys_per_s_of_raw` is the speed of an
export of the even store against `raw.py`, which knows how the keys are distributed, in alternating
runs. `hot_of_even` compares the time of exports of the two stores. Both leave out start-up:
`elapsed_s` of the report, and what `raw.py` measures itself.

`by_cpu` has the same two ratios from CPU time, which other work on the machine changes less. Client
and server have a processor each, so the one that takes more decides the time.
"""

import argparse
import hashlib
import json
import string
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.cpu import cpu_seconds_of
from benchmarks.memory.client import can_measure, emulator_process, run, run_command, write
from benchmarks.result import parser, publish, spread

_RAW = Path(__file__).parent / "raw.py"
_FIRST = string.ascii_lowercase + string.digits
_TARGETS = {
    "keys_per_s_of_raw": "at least 0.8",
    "hot_of_even": "at most 1.3",
    "growth_mb": "at most 20",
}


class _Store(NamedTuple):
    """A served store, prefixes that divide its keys evenly, and the sum of its keys."""

    url: str
    server: int
    prefixes: list[str]
    records: int
    key_sum: int


class _Step(NamedTuple):
    """The seconds of a run without start-up, and the CPU seconds of both processes with it."""

    seconds: float
    client_cpu: float
    server_cpu: float
    requests: int = 0
    peak_mb: float = 0.0

    @property
    def decisive_cpu(self) -> float:
        """The CPU seconds of the process that takes more."""
        return max(self.client_cpu, self.server_cpu)


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 5000, 1
    if not (can_measure() and Path("/proc/self/stat").exists()):
        publish(given, {"skipped": "this system does not report what processes use"})
        return
    with tempfile.TemporaryDirectory() as folder:
        publish(given, _measured(Path(folder), given))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    rounds: list[dict[str, _Step]] = []
    even_prefixes = list(_FIRST)
    hot_prefixes = [*even_prefixes, *(f"session:{number:02}" for number in range(100))]
    with ExitStack() as stack:
        servers = [stack.enter_context(emulator_process(folder)) for _ in range(3)]
        even = _loaded(folder, servers[0], _even(given.records), even_prefixes)
        hot = _loaded(folder, servers[1], _hot(given.records), hot_prefixes)
        small = _loaded(folder, servers[2], _even(given.records // 100), even_prefixes)
        steps = {
            "raw": partial(_raw, even, given.connections),
            "even": partial(_export, folder, even, given.connections),
            "hot": partial(_export, folder, hot, given.connections),
            "small": partial(_export, folder, small, given.connections),
        }
        for number in range(given.rounds):
            order = [*steps][number % 4 :] + [*steps][: number % 4]
            rounds.append({name: steps[name]() for name in order})
    growth = [max(one["even"].peak_mb, one["hot"].peak_mb) - one["small"].peak_mb for one in rounds]
    return {
        "records": given.records,
        "connections": given.connections,
        "rounds": given.rounds,
        "targets": _TARGETS,
        "keys_per_s_of_raw": _ratio(rounds, "seconds", "raw", "even"),
        "hot_of_even": _ratio(rounds, "seconds", "hot", "even"),
        "by_cpu": {
            "keys_per_s_of_raw": _ratio(rounds, "decisive_cpu", "raw", "even"),
            "hot_of_even": _ratio(rounds, "decisive_cpu", "hot", "even"),
        },
        "growth_mb": spread(growth),
        "runs": {
            name: {
                field: spread(getattr(one[name], field) for one in rounds)
                for field in ("seconds", "client_cpu", "server_cpu", "requests", "peak_mb")
            }
            for name in steps
        },
    }


def _ratio(rounds: list[dict[str, _Step]], field: str, one: str, other: str) -> dict[str, float]:
    return spread(getattr(each[one], field) / getattr(each[other], field) for each in rounds)


def _loaded(
    folder: Path, server: tuple[str, int], keys: Iterator[str], prefixes: list[str]
) -> _Store:
    url, process = server
    source = write(folder / "in.jsonl", map(_line, keys))
    _, key_sum = _summed(source)
    report = run(folder, url, source, "set").report
    if report["succeeded"] != report["records"]:
        raise SystemExit(f"the store could not be loaded: {report}")
    return _Store(url, process, prefixes, report["records"], key_sum)


def _even(records: int) -> Iterator[str]:
    for number in range(records):
        yield f"{_FIRST[number % len(_FIRST)]}{number:07}"


def _hot(records: int) -> Iterator[str]:
    for number, key in enumerate(_even(records)):
        # Spread evenly over the seven digits, whatever the number of records.
        yield key if number % 10 == 0 else f"session:{number * 10**7 // records:07}"


def _line(key: str) -> str:
    return json.dumps({"key": key, "value": {"name": "x" * 50, "n": 1}}, separators=(",", ":"))


def _export(folder: Path, store: _Store, connections: int) -> _Step:
    output = folder / "out.jsonl"
    before = cpu_seconds_of(store.server)
    took = run_command(folder, store.url, "export", "-c", str(connections), "-o", output)
    server_cpu = cpu_seconds_of(store.server) - before
    if (found := _summed(output)) != (store.records, store.key_sum):
        raise SystemExit(f"{found} are not the {store.records} keys of the store")
    report = took.report
    return _Step(
        report["elapsed_s"], took.cpu_seconds, server_cpu, report["requests"], took.peak_mb
    )


def _summed(path: Path) -> tuple[int, int]:
    """Return the number of records and a sum over their keys, whatever their order.

    The keys are not kept: the peak memory of a process includes that of its parent.
    """
    count = total = 0
    with path.open("rb") as lines:
        for line in lines:
            key = json.loads(line)["key"].encode()
            count += 1
            total += int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())
    return count, total


def _raw(store: _Store, connections: int) -> _Step:
    command: list[str | Path] = [sys.executable, _RAW, store.url, str(connections), *store.prefixes]
    before = cpu_seconds_of(store.server)
    done = subprocess.run(command, capture_output=True, check=True)
    server_cpu = cpu_seconds_of(store.server) - before
    result = json.loads(done.stdout)
    if result["records"] != store.records:
        raise SystemExit(f"{result} of {store.records}")
    return _Step(result["seconds"], result["cpu_seconds"], server_cpu)


if __name__ == "__main__":
    main()
