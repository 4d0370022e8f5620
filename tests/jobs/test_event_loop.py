"""The event loop of a command."""

import asyncio

import pytest

from kvsctl.errors import UsageError
from kvsctl.jobs import event_loop
from kvsctl.jobs.event_loop import on_a_loop, quick_loop


async def _work(loops: list[asyncio.AbstractEventLoop]) -> int:
    loops.append(asyncio.get_running_loop())
    return 7


@pytest.mark.parametrize("is_scarce", [False, True])
def test_a_loop_is_closed_unless_closing_could_wait_for_ever(
    is_scarce: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_loop, "is_memory_scarce", lambda: is_scarce)
    loops: list[asyncio.AbstractEventLoop] = []
    assert on_a_loop(_work(loops), has_network=False) == 7
    assert loops[0].is_closed() is not is_scarce
    loops[0].close()
    asyncio.set_event_loop(None)


def test_too_little_memory_for_threads_is_refused_before_any_is_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    monkeypatch.setattr(event_loop, "spare_memory_bytes", lambda: (24 << 20) - 1)
    with pytest.raises(UsageError, match="cannot use 24 MiB more memory"):
        on_a_loop(_work(loops), has_network=False)
    assert not loops


def test_uvloop_is_left_out_if_its_threads_may_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = quick_loop()
    monkeypatch.setattr(event_loop, "spare_memory_bytes", lambda: 64 << 20)
    assert quick_loop() is None
    monkeypatch.setattr(event_loop, "spare_memory_bytes", lambda: 256 << 20)
    assert quick_loop() is usual
