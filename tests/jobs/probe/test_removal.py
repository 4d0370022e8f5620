"""A scratch record counts as removed only if the service does not know its key."""

import asyncio

import pytest

from kvsctl.jobs.probe import scratch as module
from kvsctl.jobs.probe.scratch import Lists, Scratch
from kvsctl.model import Identity


@pytest.mark.parametrize(("code", "left"), [("KEY_NOT_FOUND", 0), ("INTERNAL_ERROR", 1)])
def test_only_a_missing_key_is_gone(monkeypatch: pytest.MonkeyPatch, code: str, left: int) -> None:
    class _Answer:
        is_refusal = False

    async def answered(*_: object, **__: object) -> object:
        return _Answer()

    monkeypatch.setattr(Scratch, "request", answered)
    monkeypatch.setattr(module, "lists_of", lambda _answer: Lists({}, {"a": code}))
    scratch = Scratch(None, "", lambda: 0.0, asyncio.sleep)  # type: ignore[arg-type]
    scratch.note("a")
    assert asyncio.run(scratch.remove_all()) is None
    assert scratch.written == [Identity(None, "a")][:left]
