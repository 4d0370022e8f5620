"""Clean many installations with one command, against one store of the same size; see ../README.md.

`keys_per_s_of_one` is the speed of `delete --prefix` over many small stores against that over one
store with as many keys, in alternating runs, without start-up (`elapsed_s` of the report).
`by_cpu` is the same ratio from the CPU time of client and server together, which other work on the
machine changes less.

`steps` shows the time and the peak memory as the number of installations grows; all have the same
number of keys. `seconds_per_installation_growth` is the time per installation in the last step
against the first step that is large enough to measure.

`quotas` cleans 500 installations at once, in real time, each with a quota of 2 units per minute and
3 units of deletions. The server refuses a request above a quota, and `refused` must be 0. `seconds`
is near the `least_seconds` that the quotas allow only if each installation uses all of its quota.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.cpu import cpu_seconds_of
from benchmarks.memory.client import can_measure, emulator_process
from benchmarks.result import parser, publish, spread

_KVSCTL = [sys.executable, "-m", "kvsctl"]
_TARGETS = {
    "keys_per_s_of_one": "at least 0.8",
    "peak_mb": "under 150 at 10,000 installations",
    "seconds_per_installation_growth": "about 1",
}
_MB = 1024
_QUOTA_UNITS = 2
_BATCH = 25
_LIMITED = 500
_MINUTE_SECONDS = 60


class _Step(NamedTuple):
    """A clean-up: its seconds without start-up, CPU seconds of both sides, peak memory."""

    seconds: float
    cpu_seconds: float
    client_cpu_seconds: float
    peak_mb: float


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--installations", type=int, default=1000)
    options.add_argument("--keys", type=int, default=100, help="keys of each")
    options.add_argument("--most", type=int, default=10_000, help="installations in the last step")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    limited, units = _LIMITED, _QUOTA_UNITS + 1
    if given.short:
        given.installations, given.keys, given.most, given.rounds = 20, 5, 20, 1
        limited, units = 5, 1
    if not (can_measure() and Path("/proc/self/stat").exists()):
        publish(given, {"skipped": "this system does not report what processes use"})
        return
    with tempfile.TemporaryDirectory() as folder:
        quotas = _held_to_quotas(Path(folder), limited, units)
        publish(given, _measured(Path(folder), given) | {"quotas": quotas})


def _measured(folder: Path, given: Any) -> dict[str, Any]:
    many: list[_Step] = []
    one: list[_Step] = []
    for _ in range(given.rounds):
        many.append(_cleaned(folder, given.installations, given.keys))
        one.append(_cleaned(folder, 1, given.installations * given.keys))
    steps = {}
    count = 10
    while count <= given.most:
        steps[count] = _cleaned(folder, count, given.keys)
        count *= 10
    growing = [count for count in steps if count >= 100] or [*steps]
    each = [steps[count].seconds / count for count in (growing[0], growing[-1])]
    pairs = [*zip(many, one, strict=True)]
    return {
        "installations": given.installations,
        "keys": given.keys,
        "rounds": given.rounds,
        "targets": _TARGETS,
        "keys_per_s_of_one": spread(o.seconds / m.seconds for m, o in pairs),
        "by_cpu": {
            "keys_per_s_of_one": spread(o.cpu_seconds / m.cpu_seconds for m, o in pairs),
            "client": spread(o.client_cpu_seconds / m.client_cpu_seconds for m, o in pairs),
        },
        "seconds_per_installation_growth": round(each[1] / each[0], 3),
        "steps": {str(count): step._asdict() for count, step in steps.items()},
    }


def _cleaned(folder: Path, installations: int, keys: int) -> _Step:
    """Clean this many stores, and check that everything was deleted."""
    seed = _seed(folder, installations, keys)
    with emulator_process(folder, "--seed", str(seed)) as (url, server):
        words = ["--all-installations"] if installations > 1 else ["--installation", "i00000"]
        limits = ["--rps", "0", "--units-per-min", "0"]
        command = ["delete", "-t", "container", *words, "--prefix", "tmp:", "--yes", *limits]
        before = cpu_seconds_of(server)
        client = subprocess.Popen(
            [*_KVSCTL, *command, "--json"],
            stdout=subprocess.PIPE,
            env=os.environ | {"FORGE_EGRESS_PROXY_URL": url},
        )
        assert client.stdout is not None
        report = json.loads(client.stdout.read())
        _, _, used = os.wait4(client.pid, 0)
        client.returncode = 0
        server_cpu = cpu_seconds_of(server) - before
    if (report["exit_code"], report["succeeded"]) != (0, installations * keys):
        raise SystemExit(f"not all was deleted: {report['exit_code']}, {report['succeeded']}")
    client_cpu = used.ru_utime + used.ru_stime
    return _Step(
        report["elapsed_s"],
        round(client_cpu + server_cpu, 3),
        round(client_cpu, 3),
        round(used.ru_maxrss / _MB, 1),
    )


def _held_to_quotas(folder: Path, installations: int, units: int) -> dict[str, Any]:
    """Clean this many stores at once, each with a quota, in real time. Check what each has used."""
    seed = _seed(folder, installations, units * _BATCH)
    quota = str(_QUOTA_UNITS)
    quotas = ("--read-units", quota, "--write-units", quota)
    with emulator_process(folder, "--seed", str(seed), *quotas) as (url, _):
        words = ["delete", "-t", "container", "--all-installations", "--prefix", "tmp:", "--yes"]
        limits = ["--units-per-min", quota, "--at-once", str(installations)]
        printed = subprocess.run(
            [*_KVSCTL, *words, *limits, "--json"],
            stdout=subprocess.PIPE,
            env=os.environ | {"FORGE_EGRESS_PROXY_URL": url},
        ).stdout
    report = json.loads(printed)
    used = {line["units"]["write"] for line in report["installations"]}
    if report["exit_code"] or used != {units}:
        raise SystemExit(f"not all was deleted: {report['exit_code']}, units {used}")
    return {
        "installations": installations,
        "units_of_each": units,
        "units_per_minute": _QUOTA_UNITS,
        "refused": report["throttled"],
        "seconds": report["elapsed_s"],
        "least_seconds": _MINUTE_SECONDS * ((units - 1) // _QUOTA_UNITS),
    }


def _seed(folder: Path, installations: int, keys: int) -> Path:
    """Write the records of this many stores to a file, and return it."""
    seed = folder / "seed.jsonl"
    with seed.open("w", encoding="utf-8") as lines:
        lines.writelines(_lines(installations, keys))
    return seed


def _lines(installations: int, keys: int) -> Iterator[str]:
    for number in range(installations):
        for key in range(keys):
            record = {
                "key": f"tmp:{key:06}",
                "value": {"n": key, "text": "x" * 40},
                "installation": f"i{number:05}",
            }
            yield json.dumps(record) + "\n"


if __name__ == "__main__":
    main()
