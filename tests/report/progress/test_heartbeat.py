"""In a log, a line now and then says how far a run is."""

import asyncio
import json
from collections.abc import Sequence

from msgspec.structs import replace

from kvsctl.report.console import Environment
from kvsctl.report.log.json_log import JsonLog
from kvsctl.report.progress.heartbeat import HeartbeatDisplay
from kvsctl.report.progress.standing import Pause, Standing
from tests.support.simulated.virtual_time import run_virtual
from tests.support.terminal import stderr


class _Followed:
    """A run that settles a record per second."""

    def standing(self) -> Standing:
        count = round(asyncio.get_running_loop().time())
        pause = Pause("waiting 48 s for quota") if count > 100 else None
        return Standing("set", count, done=count / 1000, rate=1.0, seconds_left=9.0, pause=pause)

    def parts(self) -> Sequence[Standing]:
        return ()


async def _shown_for(environment: Environment, every: int, *phases: float) -> None:
    display = HeartbeatDisplay(environment, every)
    for seconds in phases:
        with display.showing(_Followed()):
            await asyncio.sleep(seconds)
    await asyncio.sleep(600)


def test_a_line_a_minute_and_nothing_else() -> None:
    with stderr() as (environment, read):
        run_virtual(_shown_for(environment, 60, 150))
        assert read().splitlines() == [
            "kvsctl: set: 6%, 60 records, 1.0/s, 0:09 left",
            "kvsctl: set: 12%, 120 records, 1.0/s, 0:09 left, waiting 48 s for quota",
        ]


def test_a_short_run_says_nothing() -> None:
    with stderr() as (environment, read):
        run_virtual(_shown_for(environment, 60, 59))
        assert read() == ""


def test_the_minutes_are_those_of_the_whole_job() -> None:
    with stderr() as (environment, read):
        run_virtual(_shown_for(environment, 10, 6, 6, 6))
        assert [line.split(", ")[1] for line in read().splitlines()] == ["10 records"]


def test_a_log_for_programs_has_an_event() -> None:
    lines: list[bytes] = []
    with stderr() as (environment, read):
        logged = replace(environment, log=JsonLog("set", lines.append))
        run_virtual(_shown_for(logged, 110, 120))
        assert read() == ""
    (event,) = [json.loads(line) for line in lines]
    del event["time"]
    assert event == {
        "level": "info", "event": "progress", "command": "set", "records": 110, "done": 0.11,
        "records_per_s": 1.0, "left_s": 9, "failed": 0, "retries": 0,
        "pause": "waiting 48 s for quota",
    }  # fmt: skip
