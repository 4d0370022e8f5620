"""Compare kvsctl as a library with the command, on the same jobs; see ../README.md.

A round does every job with the command, and with `program.py` and a list, an iterator and
AsyncClient, in turns. The time of a run with one record, for start-up and the first request, is
subtracted. The command is measured as a whole process, the program only in its call: making its
records is not a part of the job, just as writing the command's file is not.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.library.program import JOBS, Job
from benchmarks.memory.client import emulated
from benchmarks.result import parser, publish, spread
from benchmarks.throughput.clients import Client, Took, kvsctl, run
from benchmarks.throughput.tools import measured_in_folder, served

_PROGRAM = Path(__file__).parent / "program.py"
_CONNECTIONS = 16
_BOUND = 1.1
_COMMAND = "command"
_SHORT = ("set", "get", "scan", "diff")
"""The jobs that use all of the program and of this script."""


class _Sized(NamedTuple):
    """A job with a number of records: the server, the command, and the program's file."""

    name: str
    records: int
    url: str
    command: Client
    path: Path


def main() -> None:
    """Run the benchmark and print the result."""
    options = parser(__doc__)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--only", action="append", choices=[*JOBS], help="do only this job")
    given = options.parse_args()
    if given.short:
        given.records, given.rounds = 300, 1
    publish(given, measured_in_folder(lambda folder: _measured(folder, given)))


def _measured(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    names = given.only or (_SHORT if given.short else [*JOBS])
    with ExitStack() as stack:
        url = stack.enter_context(served(folder))
        jobs = {name: _prepared(folder, stack, url, name, given.records) for name in names}
        rounds = [_one_round(jobs, turn) for turn in range(given.rounds)]
    return {
        "records": given.records,
        "rounds": given.rounds,
        "bound": _BOUND,
        "jobs": {name: _table(name, rounds) for name in names},
    }


def _prepared(
    folder: Path, stack: ExitStack, url: str, name: str, records: int
) -> tuple[_Sized, _Sized]:
    """Return a job with one record and with all. Its input is written and its store is filled."""
    job, sized = JOBS[name], []
    for size in (1, records // job.share):
        place = folder / f"{name}-{size}".replace(" ", "-")
        place.mkdir()
        source = place / ("in.keys" if isinstance(job.make(0), str) else "in.jsonl")
        with source.open("wb") as file:
            file.writelines(_lines(job, size))
        if job.is_of_store:
            url = stack.enter_context(emulated(place))
            run(kvsctl(place, url, source, _CONNECTIONS, "set"), size)
        path = source if job.method == "diff" else place / "exported.jsonl"
        sized.append(_Sized(name, size, url, _command(job, place, url, source), path))
    return sized[0], sized[1]


def _lines(job: Job, records: int) -> Iterator[bytes]:
    for number in range(records):
        one = job.make(number)
        text = one if isinstance(one, str) else json.dumps(one, separators=(",", ":"))
        yield text.encode() + b"\n"


def _command(job: Job, place: Path, url: str, source: Path) -> Client:
    client = kvsctl(place, url, source, _CONNECTIONS, *job.words)
    if job.words[0] != "export":
        return client
    words = client.command[: client.command.index("-f")]
    if "-c" in job.words:  # the number of connections is one
        at = words.index("--concurrency")
        del words[at : at + 2]
    command: list[str | Path] = [*words, "-o", place / "out.jsonl"]
    return Client(command, client.named, client.environment)


def _one_round(jobs: dict[str, tuple[_Sized, _Sized]], turn: int) -> dict[str, dict[str, Took]]:
    """Return the times per record, in microseconds, by job and by program."""
    order = [*jobs][turn % len(jobs) :] + [*jobs][: turn % len(jobs)]
    return {name: {who: _per_record(*jobs[name], who) for who in _doers(name)} for name in order}


def _doers(name: str) -> tuple[str, ...]:
    return (_COMMAND, *JOBS[name].kinds)


def _per_record(one: _Sized, all_records: _Sized, who: str) -> Took:
    first, rest = _done(one, who), _done(all_records, who)
    scale = 1e6 / (all_records.records - one.records)
    return Took(
        (rest.seconds - first.seconds) * scale, (rest.cpu_seconds - first.cpu_seconds) * scale
    )


def _done(job: _Sized, who: str) -> Took:
    return run(job.command, job.records) if who == _COMMAND else _called(job, who)


def _called(job: _Sized, kind: str) -> Took:
    """Run a job in the program. Raise RuntimeError unless it accounted for every record."""
    words = [job.name, kind, job.url, str(job.records), str(_CONNECTIONS), str(job.path)]
    done = subprocess.run([sys.executable, _PROGRAM, *words], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr.decode(errors='replace')}")
    took: dict[str, float] = json.loads(done.stdout)
    if took["records"] != job.records:
        raise RuntimeError(f"{words}: {took}")
    return Took(took["seconds"], took["cpu_seconds"])


def _table(name: str, rounds: list[dict[str, dict[str, Took]]]) -> dict[str, Any]:
    each = [one[name] for one in rounds]
    return {
        "us_per_record": {
            who: {
                "seconds": spread(one[who].seconds for one in each),
                "cpu_seconds": spread(one[who].cpu_seconds for one in each),
            }
            for who in _doers(name)
        },
        "of_the_command": {
            kind: {
                "time": spread(one[kind].seconds / one[_COMMAND].seconds for one in each),
                "cpu": spread(one[kind].cpu_seconds / one[_COMMAND].cpu_seconds for one in each),
            }
            for kind in JOBS[name].kinds
        },
    }


if __name__ == "__main__":
    main()
