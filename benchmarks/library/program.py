"""A program that uses kvsctl as a library, for run.py.

    python program.py JOB KIND URL RECORDS CONNECTIONS FILE

JOB is one of `JOBS`. KIND is how the records or keys are given: `list`, `iterator`, or `async`,
which uses AsyncClient. FILE is written by `export` and read by `diff`. It prints how many records
it accounted for, and the wall and CPU time of its call, without the time to start and to make the
records or keys.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.shapes.writers import plain_record
from kvsctl import AsyncClient, Client
from kvsctl.jobs.event_loop import quick_loop

_LARGE: Final = "x" * 10_000


def _large_record(number: int) -> dict[str, Any]:
    return {"key": f"key-{number:08}", "value": {"n": number, "pad": _LARGE}}


def _ttl_record(number: int) -> dict[str, Any]:
    return plain_record(number) | {"ttl": {"value": 7, "unit": "DAYS"}}


def _entity_record(number: int) -> dict[str, Any]:
    return {"entityName": "user"} | plain_record(number)


def _key(number: int) -> str:
    return f"key-{number:08}"


def _entity_key(number: int) -> dict[str, str]:
    return {"entityName": "user", "key": _key(number)}


@dataclass(frozen=True, slots=True)
class Job:
    """A method of a client, and a function from a number to what it is given.

    `words`: the command that does the same, without its target and its input. `share`: the job
    needs only one in this many records. `is_of_store`: it reads a store, which must be filled
    before.
    """

    method: str
    make: Callable[[int], Any]
    words: tuple[str, ...]
    share: int = 1
    is_of_store: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The ways to give records. A job on a store gets none, so only the client differs."""
        return ("list", "async") if self.is_of_store else ("list", "iterator", "async")


JOBS: Final[Mapping[str, Job]] = {
    "set": Job("set_many", plain_record, ("set",)),
    "set, 10 KB": Job("set_many", _large_record, ("set",), share=10),
    "set, ttl": Job("set_many", _ttl_record, ("set",)),
    "set, entityName": Job("set_many", _entity_record, ("set",)),
    "get": Job("get_many", _key, ("get",)),
    "get, entityName": Job("get_many", _entity_key, ("get",)),
    "delete": Job("delete_many", _key, ("delete",)),
    "delete, entityName": Job("delete_many", _entity_key, ("delete",)),
    "scan": Job("scan", plain_record, ("export", "-c", "1"), is_of_store=True),
    "export": Job("export", plain_record, ("export",), is_of_store=True),
    "diff": Job("diff", plain_record, ("diff",), is_of_store=True),
}


def main() -> None:
    """Do the job, and print its count and times."""
    name, kind, url, records, connections, path = sys.argv[1:]
    job = JOBS[name]
    given = [] if job.is_of_store else [job.make(number) for number in range(int(records))]
    settings: Any = {"concurrency": int(connections), "rps": 0, "units_per_min": 0}
    if kind == "async":
        with asyncio.Runner(loop_factory=quick_loop()) as runner:  # the loop of the command
            took = runner.run(_awaited(job.method, given, url, path, settings))
    else:
        given_as = iter(given) if kind == "iterator" else given
        took = _called(job.method, given_as, url, path, settings)
    print(json.dumps(took))


def _called(
    method: str, given: Iterable[Any], url: str, path: str, settings: Any
) -> dict[str, float]:
    with Client(url, "benchmark", **settings) as client:
        started, cpu = time.perf_counter(), time.process_time()
        match method:
            case "get_many" | "scan":
                count = sum(1 for _ in getattr(client, method)(*[given] * (method != "scan")))
            case "export":
                count = client.export(path).succeeded
            case "diff":
                differences = client.diff(path)
                count = sum(1 for _ in differences) + differences.counts.equal
            case _:
                count = getattr(client, method)(given).succeeded
        return _took(count, started, cpu)


async def _awaited(
    method: str, given: Iterable[Any], url: str, path: str, settings: Any
) -> dict[str, float]:
    async with AsyncClient(url, "benchmark", **settings) as client:
        started, cpu = time.perf_counter(), time.process_time()
        match method:
            case "get_many" | "scan":
                read = client.scan() if method == "scan" else client.get_many(given)
                count = await _counted(read)
            case "export":
                count = (await client.export(path)).succeeded
            case "diff":
                differences = client.diff(path)
                count = await _counted(differences) + differences.counts.equal
            case _:
                count = (await getattr(client, method)(given)).succeeded
        return _took(count, started, cpu)


async def _counted(iterator: AsyncIterator[Any]) -> int:
    count = 0
    async for _ in iterator:
        count += 1
    return count


def _took(count: int, started: float, cpu: float) -> dict[str, float]:
    seconds = time.perf_counter() - started
    return {"records": count, "seconds": seconds, "cpu_seconds": time.process_time() - cpu}


if __name__ == "__main__":
    main()
