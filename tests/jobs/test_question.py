"""The question before something is deleted or rewritten."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.question import Part, Question, ask, require_answerable, typed_line
from kvsctl.report.console import Environment

_NOBODY = Environment(None, None, False, False, False, False, 80)
_SOMEBODY = replace(_NOBODY, stdin_is_terminal=True, stderr_is_terminal=True)
_PATH = Path("db")
_TARGET = Target("prod", url="https://example.com/kvs", installation="i-1")


@contextmanager
def _stdin() -> Iterator[int]:
    """Replace stdin by a pipe inside the block. Yield its end to write to."""
    kept = os.dup(0)
    near, far = os.pipe()
    os.dup2(near, 0)
    os.close(near)
    try:
        yield far
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@pytest.mark.parametrize("has_consent", [True, False])
@pytest.mark.parametrize("stdin_is_terminal", [True, False])
@pytest.mark.parametrize("stderr_is_terminal", [True, False])
def test_somebody_must_be_there_or_have_consented(
    has_consent: bool, stdin_is_terminal: bool, stderr_is_terminal: bool
) -> None:
    environment = replace(
        _NOBODY, stdin_is_terminal=stdin_is_terminal, stderr_is_terminal=stderr_is_terminal
    )
    if has_consent or (stdin_is_terminal and stderr_is_terminal):
        require_answerable(environment, has_consent=has_consent)
        return
    with pytest.raises(UsageError, match="nothing was deleted") as refused:
        require_answerable(environment, has_consent=has_consent)
    assert refused.value.hint is not None
    assert "--yes" in refused.value.hint


def _answer(typed: bytes) -> None:
    with _stdin() as far:
        os.write(far, typed)
        os.close(far)
        asyncio.run(ask(Question("delete", _TARGET), _SOMEBODY))


@pytest.mark.parametrize("typed", [b"y\n", b"Y\n", b"yes\n", b" YES \r\n", b"y"])
def test_yes_is_consent(typed: bytes) -> None:
    _answer(typed)


@pytest.mark.parametrize("typed", [b"", b"\n", b"n\n", b"no\n", b"yess\n", b"\xff\n", b"j\n"])
def test_everything_else_is_not(typed: bytes) -> None:
    with pytest.raises(UsageError, match="not confirmed: nothing was deleted"):
        _answer(typed)


def test_only_one_line_is_read() -> None:
    with _stdin() as far:
        os.write(far, b"first\nsecond\n")
        assert asyncio.run(typed_line()) == "first"
        assert asyncio.run(typed_line()) == "second"
        os.close(far)


def test_a_question_without_an_answer_can_be_cut_off() -> None:
    async def cut_off() -> None:
        task = asyncio.create_task(ask(Question("delete", _TARGET), _SOMEBODY))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    with _stdin() as far:
        asyncio.run(cut_off())
        os.write(far, b"y\n")  # the thread that still reads ends, and nobody takes the answer
        os.close(far)


def test_what_is_known_is_said() -> None:
    whole = Question("delete", _TARGET, 1234, 56789, ["tmp:1", "tmp:\x1b[2J"], ["Plain keys only."])
    assert whole.text == (
        "About to delete 1,234 records (56,789 bytes) in prod (https://example.com/kvs), "
        "installation i-1\n"
        "  tmp:1\n"
        "  tmp:\\x1b[2J\n"
        "  … and 1,232 more\n"
        "Plain keys only.\n"
        "Delete? [y/N] "
    )
    local = Target("local", local_path=_PATH)
    assert Question("write", local).text == (
        f"About to write records in LOCAL EMULATOR {_PATH}\nWrite? [y/N] "
    )
    one = Question("delete", local, 1, 0, ["a"])
    assert one.text.startswith("About to delete 1 record (0 bytes) in ")
    assert "more" not in one.text


def test_parts_have_a_line_each() -> None:
    parts = [
        Part("old: delete", 1234, 56, ["tmp:1", "tmp:\x1b[2J"]),
        Part("a\x1b[2J: delete", 1, 0, ["b"]),
    ]
    asked = Question("delete", Target("local", local_path=_PATH), 1235, 56, parts=parts)
    assert asked.text == (
        f"About to delete 1,235 records (56 bytes) in LOCAL EMULATOR {_PATH}\n"
        "  old: delete 1,234 records (56 bytes): tmp:1, tmp:\\x1b[2J, …\n"
        "  a\\x1b[2J: delete 1 record (0 bytes): b\n"
        "Delete? [y/N] "
    )
