"""Ask one question after the other, stop on signals, and clean up however that ends."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from kvsctl.errors import KvsctlError
from kvsctl.jobs.probe.questions import Finding, Question
from kvsctl.jobs.probe.scratch import Scratch, Stopped


class Asked(NamedTuple):
    """A question and what was found out about it."""

    question: Question
    finding: Finding


class Asking:
    """Asks questions, and removes the records they wrote. Signals stop it: see `jobs.signals`."""

    def __init__(
        self, questions: Sequence[Question], scratch: Scratch, note: Callable[[str], None]
    ) -> None:
        self._questions = questions
        self._scratch = scratch
        self._note = note
        self._work: asyncio.Task[None] | None = None
        self._is_aborted = False
        self.asked: list[Asked] = []
        self.error: KvsctlError | None = None
        """The error that ended the questions, or kept records from being removed."""

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._scratch.in_flight

    def stop(self) -> None:
        """Ask nothing more. Requests in flight are finished, and what was written is removed."""
        self._scratch.stop()

    def abort(self) -> None:
        """Stop at once, and leave what was written."""
        self._is_aborted = True
        if self._work is not None:
            self._work.cancel()

    async def carry_out(self) -> None:
        """Ask all questions and clean up. An error is in `error`."""
        self._work = asyncio.ensure_future(self._ask_and_clean_up())
        await asyncio.wait([self._work])
        if not self._work.cancelled():
            self._work.result()

    async def _ask_and_clean_up(self) -> None:
        try:
            await self._ask()
        except Stopped:
            pass
        except KvsctlError as error:
            self.error = error
        finally:
            if not self._is_aborted:
                left = await self._scratch.remove_all()
                self.error = self.error or left

    async def _ask(self) -> None:
        for question in self._questions:
            self._note(f"{question.name}: {question.asks}")
            self.asked.append(Asked(question, await question.find(self._scratch)))
