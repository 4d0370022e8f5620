"""Ask on the terminal before something is deleted or rewritten.

A job that asks calls `require_answerable` before it opens anything, and `ask` once it knows what it
would do. Both raise UsageError, so that nothing is changed without consent.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from kvsctl.config.targets import Target
from kvsctl.errors import Interrupted, UsageError
from kvsctl.jobs.signals import continuing, interruptible
from kvsctl.report.console import Environment
from kvsctl.report.escape import visible
from kvsctl.report.styled import wrapped
from kvsctl.texts import counted

FIRST_KEYS: Final = 5
"""How many keys a question shows."""
ANSWER_IN_TIME: Final = "Run the same command again, and answer in time or add --yes."
"""The hint of a job that has ended before its question was answered."""
_STDIN: Final = 0
_MOST_BYTES: Final = 4096
_CONSENT: Final = frozenset({"y", "yes"})
_DELETED: Final = "nothing was deleted"


class Part(msgspec.Struct, frozen=True):
    """Some of the records of a question: how many, what their values take, and the first keys.

    `heading`: what is done with them. Without first keys, the line ends with the sum.
    """

    heading: str
    count: int
    value_bytes: int
    first_keys: Sequence[str]

    @property
    def line(self) -> str:
        """The line that people read. It is escaped."""
        what = f"{visible(self.heading)} {sum_text(self.count, self.value_bytes)}"
        if not self.first_keys:
            return f"  {what}"
        more = ", …" if self.count > len(self.first_keys) else ""
        return f"  {what}: {', '.join(map(visible, self.first_keys))}{more}"


class Question(msgspec.Struct, frozen=True):
    """What a job is about to do to `target`.

    `action` is what happens to the records, as users know it: `delete`, `write`. `count` and
    `value_bytes` are how many records these are and what their values take together; None: not
    known. `first_keys` are some of them, for people to recognise. `notes` are sentences that help
    to decide. `refusal` names what a refused job has not done. `parts`: what is done with which
    of the records, if that differs.
    """

    action: str
    target: Target
    count: int | None = None
    value_bytes: int | None = None
    first_keys: Sequence[str] = ()
    notes: Sequence[str] = ()
    refusal: str = _DELETED
    parts: Sequence[Part] = ()

    @property
    def text(self) -> str:
        """The lines that people read, up to the place where they type. Keys are escaped."""
        lines = [f"{self._what} {self._where}"]
        lines += [f"  {visible(key)}" for key in self.first_keys]
        if self.count is not None and self.first_keys and self.count > len(self.first_keys):
            lines.append(f"  … and {self.count - len(self.first_keys):,} more")
        lines += [part.line for part in self.parts]
        lines += [visible(note) for note in self.notes]
        return "\n".join([*lines, f"{self.action.capitalize()}? [y/N] "])

    @property
    def _what(self) -> str:
        if self.count is None:
            return f"About to {self.action} records"
        return f"About to {self.action} {sum_text(self.count, self.value_bytes)}"

    @property
    def _where(self) -> str:
        target = self.target
        path = target.local_path
        name = target.display if path is None else f"LOCAL EMULATOR {path}"
        installation = target.installation
        if installation is None:
            return f"in {visible(name)}"
        return f"in {visible(name)}, installation {visible(installation)}"


def sum_text(count: int, value_bytes: int | None) -> str:
    """Return how many records these are and what their values take, if that is known."""
    records = counted(count, "record")
    return records if value_bytes is None else f"{records} ({value_bytes:,} bytes)"


def nothing_done(done: str, done_before: int = 0) -> str:
    """Return what to say of a job that may not begin: `nothing was deleted`.

    `done`: the past participle of what it does. `done_before`: how many records earlier runs of the
    job have changed.
    """
    return f"nothing {'more ' if done_before else ''}was {done}"


def key_shown(entity: str | None, key: str) -> str:
    """Return a key as questions show it, with its entity if it has one."""
    return f"{entity}: {key}" if entity else key


def require_answerable(
    environment: Environment, *, has_consent: bool, refusal: str = _DELETED
) -> None:
    """Raise UsageError if there is neither consent (`--yes`) nor a terminal to ask on."""
    can_ask = environment.stdin_is_terminal and environment.stderr_is_terminal
    if not (has_consent or can_ask):
        raise UsageError(
            f"cannot ask, because this is not a terminal: {refusal}",
            "Add --yes if it is meant. Try it with --dry-run first.",
        )


async def ask(question: Question, environment: Environment) -> None:
    """Ask, and return once the user has consented. Raise UsageError for any other answer.

    Raise Interrupted if a signal arrives that no run handles. The end of the input counts as no. It
    can be cancelled while it waits for the answer. A process that was stopped (Ctrl-Z) asks again.
    """

    def show() -> None:
        environment.write_stderr(wrapped(question.text, environment.terminal_size()[0]))

    async def answered() -> str:
        show()
        with continuing(show):
            return _typed(await _next_line(), environment)

    try:
        answer = await interruptible(answered(), question.refusal)
    except (Interrupted, asyncio.CancelledError):
        environment.write_stderr("\n")  # later output must not be on the question's line
        raise
    if answer.casefold() not in _CONSENT:
        raise UsageError(f"not confirmed: {question.refusal}")


async def typed_line() -> str | None:
    """Return the next line of the terminal, stripped of blanks; None at the end of the input."""
    line = await _next_line()
    return _text_of(line) if line else None


def read_line(environment: Environment) -> str:
    """Wait for the next line of the terminal. Return it stripped of blanks; "" at the end."""
    return _typed(_read_bytes(), environment)


async def _next_line() -> bytes:
    """Return the next line of the terminal, with its line feed unless the input has ended.

    The loop continues meanwhile: signals end a job that waits here. A thread waits for the line,
    because not every system can watch a terminal.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[bytes] = loop.create_future()

    def answer(line: bytes) -> None:
        if not answered.done():
            answered.set_result(line)

    def read() -> None:
        line = _read_bytes()
        with suppress(RuntimeError):  # the wait is over, and the loop is closed
            loop.call_soon_threadsafe(answer, line)

    threading.Thread(target=read, name="answer", daemon=True).start()
    return await answered


def _read_bytes() -> bytes:
    """Wait for the next line of the terminal. Return it, with its line feed if it has one."""
    typed = b""
    while not typed.endswith(b"\n") and len(typed) < _MOST_BYTES:
        try:
            piece = os.read(_STDIN, 1)
        except OSError:  # the terminal has gone
            break
        if not piece:
            break
        typed += piece
    return typed


def _typed(line: bytes, environment: Environment) -> str:
    """Return the text of a line. If it lacks its line feed, end the line on the terminal."""
    if not line.endswith(b"\n"):
        environment.write_stderr("\n")
    return _text_of(line)


def _text_of(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()
