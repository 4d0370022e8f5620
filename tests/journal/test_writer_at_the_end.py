"""What is written of a journal once nothing more may be given to the thread that writes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kvsctl.bulk.events import Settled
from kvsctl.journal.file import JournalFile, read_journal
from kvsctl.journal.state import Stage
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Verb
from tests.support.journals import HEADER
from tests.support.outcomes import failed, succeeded
from tests.support.simulated.virtual_time import run_virtual


@pytest.mark.parametrize("settles_later", [False, True])
def test_what_settles_last_is_written_without_the_executor(
    tmp_path: Path, settles_later: bool
) -> None:
    """The event loop runs on while connections close: no group may begin that cannot be written."""
    path = tmp_path / "job.journal"
    with JournalFile(path) as journal, ThreadPoolExecutor(1) as executor:
        journal.begin(HEADER)
        writer = JournalWriter(journal, Verb.SET, executor)

        async def settle() -> None:
            writer(Settled([succeeded(0), failed(1)]))
            writer.leave_executor()
            executor.shutdown(wait=False)
            if settles_later:
                writer(Settled([succeeded(2)]))
            await asyncio.sleep(10)

        run_virtual(settle())
        writer.finish(Stage.RUNNING)
    state = read_journal(path).state
    settled = 2 + settles_later
    assert list(state.settled) == [(0, settled)]
    assert list(state.retryable) == [(1, 2)]
    assert state.totals.counts["records"] == settled
