"""The log for programs: one JSON object per line."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kvsctl.bulk.events import (
    Event,
    RecordsRead,
    RequestEnded,
    Settled,
    SizeLearnt,
    Waiting,
    WaitReason,
    wants,
)
from kvsctl.errors import ExitStatus
from kvsctl.model import Failure, Outcome, State, Verb
from kvsctl.report.log.json_log import JsonLog
from kvsctl.report.log.run_events import ProblemEvents, RunEvents
from tests.support.records import problem, record

_BASE = {"time": "2026-01-02T03:04:05.678Z", "command": "set"}


class _Lines:
    def __init__(self) -> None:
        self.written: list[bytes] = []
        now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        self.log = JsonLog("set", self.written.append, lambda: now)

    @property
    def parsed(self) -> list[dict[str, Any]]:
        assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in self.written)
        return [json.loads(line) for line in self.written]


@pytest.fixture
def lines() -> _Lines:
    return _Lines()


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (
            lambda log: log.log("started", target="two\nlines", shard=None),
            {"level": "info", "event": "started", "target": "two\nlines"},
        ),
        (
            lambda log: log.fail("broken", "Mend it.", ExitStatus.USAGE),
            {
                "level": "error", "event": "error", "message": "broken", "hint": "Mend it.",
                "exit_code": 2,
            },
        ),
        (
            lambda log: log.fail("broken", None, None),
            {"level": "error", "event": "error", "message": "broken"},
        ),
        (
            lambda log: log.end({"exit_code": 0}),
            {"level": "info", "event": "ended", "report": {"exit_code": 0}},
        ),
        (
            lambda log: log.end({"exit_code": 75}),
            {"level": "error", "event": "ended", "report": {"exit_code": 75}},
        ),
    ],
)  # fmt: skip
def test_each_event_is_a_line(
    lines: _Lines, write: Callable[[JsonLog], None], expected: dict[str, Any]
) -> None:
    write(lines.log)
    assert lines.parsed == [_BASE | expected]
    assert list(lines.parsed[0])[:4] == ["time", "level", "event", "command"]


_REQUEST = RequestEnded(Verb.SET, 25, 200, 0.1234, 4000, 300, 1, False, "abc")
_TROUBLED = RequestEnded(
    Verb.SET, 1, None, 30.0, 40, 0, 0, True, None, "TIMEOUT: no answer", ("> host: h",)
)


def _requests(*, shows_requests: bool) -> list[dict[str, Any]]:
    lines = _Lines()
    listener = RunEvents(lines.log, shows_requests=shows_requests)
    events: list[Event] = [
        RecordsRead(3),
        _REQUEST,
        Waiting(WaitReason.QUOTA, 1.23456),
        Waiting(WaitReason.THROTTLED, 30.0, "HTTP 429", 30.0),
        _TROUBLED,
        SizeLearnt(10, 5000),
    ]
    for event in events:
        if wants(listener, type(event)):
            listener(event)
    return [
        {name: value for name, value in line.items() if name not in _BASE} for line in lines.parsed
    ]


_WAITING = {"level": "info", "event": "waiting", "reason": "quota", "wait_s": 1.235}
_ASKED = {
    "level": "info",
    "event": "waiting",
    "reason": "throttled",
    "wait_s": 30.0,
    "detail": "HTTP 429",
    "asked_s": 30.0,
}
_LEARNT = {"level": "info", "event": "learnt", "max_records": 10, "max_bytes": 5000}


def test_waits_and_learnt_limits_are_logged() -> None:
    assert _requests(shows_requests=False) == [_WAITING, _ASKED, _LEARNT]


def test_requests_are_logged_if_they_are_asked_for() -> None:
    assert _requests(shows_requests=True) == [
        {
            "level": "info", "event": "request", "operation": "set", "status": 200,
            "elapsed_s": 0.123, "records": 25, "units": 1, "retry": False, "trace_id": "abc",
        },
        _WAITING,
        _ASKED,
        {
            "level": "warning", "event": "request", "operation": "set", "elapsed_s": 30.0,
            "records": 1, "units": 0, "retry": True, "trouble": "TIMEOUT: no answer",
            "headers": ["> host: h"],
        },
        _LEARNT,
    ]  # fmt: skip


def test_problems_are_logged_with_their_places_but_no_content(lines: _Lines) -> None:
    failed = Outcome(problem(1, "k"), State.FAILED, Failure("INVALID_KEY", "no such key"))
    ProblemEvents(lines.log)(Settled([Outcome(record(0), State.UNSENT), failed]))
    assert lines.parsed == [
        _BASE
        | {
            "level": "error", "event": "problem", "source": "in.jsonl:2", "code": "INVALID_KEY",
            "message": "no such key",
        }
    ]  # fmt: skip
