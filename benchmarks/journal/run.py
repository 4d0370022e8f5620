"""Measure what a journal costs: run the same job with and without one, in turns.

A round is one run of each kind; which one runs first alternates. Its result is the ratio of the two
times, so other load on the machine affects both sides. The time is `elapsed_s` of the report, which
excludes start-up. CPU time, which includes start-up, is measured too: it depends little on other
load, but does not include waiting for the disk.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.cpu import cpu_seconds_of_ended
from benchmarks.result import parser, publish, spread

_HERE = Path(__file__).parent
_SERVICES = ("embedded", "null")


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=300_000)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--service", choices=_SERVICES, help="default: both")
    options.add_argument("--verb", choices=("set", "get"), default="set")
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 2000, 1
    with tempfile.TemporaryDirectory() as folder:
        services = _SERVICES if given.service is None else (given.service,)
        measured = {name: _measured(Path(folder), given, name) for name in services}
        about = {"verb": given.verb, "records": given.records, "rounds": given.rounds}
        publish(given, about | measured)


def _measured(folder: Path, given: argparse.Namespace, service: str) -> dict[str, Any]:
    source = folder / "in.jsonl"
    with source.open("w") as file:
        for number in range(given.records):
            value = {"n": number, "pad": "x" * 60}
            file.write(json.dumps({"key": f"k{number}", "value": value}) + "\n")
    if given.verb == "get":
        _run(folder, source, given, service, verb="set", has_journal=False)
    times: dict[bool, list[float]] = {False: [], True: []}
    cpu: dict[bool, list[float]] = {False: [], True: []}
    for number in range(given.rounds):
        for has_journal in (number % 2 == 0, number % 2 == 1):
            before = cpu_seconds_of_ended()
            seconds = _run(folder, source, given, service, verb=given.verb, has_journal=has_journal)
            times[has_journal].append(seconds)
            cpu[has_journal].append(cpu_seconds_of_ended() - before)
    return {
        "with_s": spread(times[True]),
        "without_s": spread(times[False]),
        "ratio": spread(_ratios(times)),
        "cpu_ratio": spread(_ratios(cpu)),
    }


def _ratios(seconds: dict[bool, list[float]]) -> list[float]:
    return [one / other for one, other in zip(seconds[True], seconds[False], strict=True)]


def _run(
    folder: Path,
    source: Path,
    given: argparse.Namespace,
    service: str,
    *,
    verb: str,
    has_journal: bool,
) -> float:
    database, journal, out = folder / "local.db", folder / "journal", folder / "out"
    if verb == "set":
        for stale in folder.glob("local.db*"):
            stale.unlink()
    journal.unlink(missing_ok=True)
    program = ["-m", "kvsctl"]
    if service == "null":
        program = [str(_HERE / "null_service.py")]
    words = [verb, "-t", "local", "--json", "-f", str(source)]
    words += ["-o", str(out)] if verb == "get" else []
    words += ["--journal", str(journal)] if has_journal else []
    done = subprocess.run(
        [sys.executable, *program, *words],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "KVSCTL_LOCAL_DB": str(database)},
        capture_output=True,
        check=True,
    )
    report = json.loads((done.stdout or done.stderr).splitlines()[-1])
    assert report["succeeded"] == given.records
    return float(report["elapsed_s"])


if __name__ == "__main__":
    main()
