"""Rows are drawn at the end of a screen, replaced in place, and erased without a trace."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from kvsctl.report.console import Environment
from kvsctl.report.progress.painter import Painter
from kvsctl.report.styled import Span
from kvsctl.service.auth.terminal_use import lent
from tests.support.commands.emulated_terminal import EmulatedTerminal, emulated_terminal
from tests.support.waiting import wait_until


def environment_on(fd: int, *, has_colour: bool = False) -> Environment:
    return Environment(
        stdout_fd=None,
        stderr_fd=fd,
        stdout_is_terminal=False,
        stderr_is_terminal=True,
        stderr_has_colour=has_colour,
        can_redraw=True,
        width=80,
    )


class Drawn:
    """A painter of texts that a test changes."""

    def __init__(self, terminal: EmulatedTerminal, *texts: str) -> None:
        self.terminal = terminal
        self.texts: Sequence[str] = texts
        self.environment = environment_on(terminal.fd)
        self.painter = Painter(self.environment, self._rows)

    def _rows(self, columns: int, lines: int) -> list[list[Span]]:
        return [[(text[:columns], "")] for text in self.texts[:lines]]

    def draw(self, *texts: str) -> None:
        self.texts = texts
        self.painter.draw()

    def is_shown(self, *rows: str) -> bool:
        wait_until(lambda: self.terminal.rows == list(rows))
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedTerminal]:
    monkeypatch.delenv("COLUMNS", raising=False)
    with emulated_terminal() as opened:
        opened_environment = environment_on(opened.fd)
        opened_environment.write_stderr("$ kvsctl set\n")
        yield opened


@contextmanager
def drawing(terminal: EmulatedTerminal, *texts: str) -> Iterator[Drawn]:
    drawn = Drawn(terminal, *texts)
    with drawn.painter:
        drawn.painter.draw()
        yield drawn


def test_a_row_is_replaced_in_place_and_erased_at_the_end(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set  10%  a long line") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set  10%  a long line")
        drawn.draw("set  20%")
        assert drawn.is_shown("$ kvsctl set", "set  20%")
    assert drawn.is_shown("$ kvsctl set")
    wait_until(lambda: terminal.cursor == (0, 1))


def test_nothing_is_written_while_nothing_changes(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set")
        shown = terminal.shown
        for _ in range(10):
            drawn.painter.draw()
        drawn.environment.write_stderr("!")
        wait_until(lambda: terminal.shown != shown)
        assert terminal.shown == shown + b"!"


def test_the_row_is_never_blank_between_two_drawings(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set  0%") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set  0%")
        terminal.frames.clear()
        for percent in range(1, 20):
            drawn.draw(f"set  {percent}%")
            assert drawn.is_shown("$ kvsctl set", f"set  {percent}%")
        assert {len(frame) for frame in terminal.frames} == {2}
    assert b"\x1b[2K" not in terminal.shown, "no row is erased before it is written"


def test_lines_for_people_go_above(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set  10%") as drawn:
        drawn.painter.write_above(b"kvsctl: stopping\n")
        assert drawn.is_shown("$ kvsctl set", "kvsctl: stopping", "set  10%")
    assert drawn.is_shown("$ kvsctl set", "kvsctl: stopping")
    drawn.painter.write_above(b"kvsctl: done\n")
    assert drawn.is_shown("$ kvsctl set", "kvsctl: stopping", "kvsctl: done")


def test_what_is_typed_over_the_row_goes_with_it(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set  10%  1,000 records") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set  10%  1,000 records")
        terminal.type(b"abc")
        assert drawn.is_shown("$ kvsctl set", "abc  10%  1,000 records")
        drawn.draw("set  20%  2,000 records")
        assert drawn.is_shown("$ kvsctl set", "set  20%  2,000 records")
    assert drawn.is_shown("$ kvsctl set")


def test_several_rows_scroll_at_the_end_of_the_screen(terminal: EmulatedTerminal) -> None:
    environment = environment_on(terminal.fd)
    environment.write_stderr("".join(f"line {n}\n" for n in range(11)))
    with drawing(terminal, "one", "two", "three") as drawn:
        assert drawn.is_shown(*[f"line {n}" for n in range(2, 11)], "one", "two", "three")
        drawn.draw("one", "2")
        assert drawn.is_shown(*[f"line {n}" for n in range(2, 11)], "one", "2")
    assert drawn.is_shown(*[f"line {n}" for n in range(2, 11)])


def test_a_terminal_of_few_lines_has_as_many_rows_as_fit(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, *[f"row {n}" for n in range(30)]) as drawn:
        assert drawn.is_shown("$ kvsctl set", *[f"row {n}" for n in range(11)])
    assert drawn.is_shown("$ kvsctl set")


@pytest.mark.parametrize("columns", [40, 20, 140])
def test_rows_follow_a_resize(terminal: EmulatedTerminal, columns: int) -> None:
    text = "set  " + "x" * 200
    with drawing(terminal, text) as drawn:
        assert drawn.is_shown("$ kvsctl set", text[:79])
        terminal.resize(columns, 12)
        drawn.painter.draw()
        assert drawn.is_shown("$ kvsctl set", text[: columns - 1])
    assert drawn.is_shown("$ kvsctl set")


def test_rows_at_the_top_of_a_screen_are_not_kept_in_its_history() -> None:
    with emulated_terminal() as terminal:
        with drawing(terminal, "set  10%", "  i0  20%") as drawn:
            assert drawn.is_shown("set  10%", "  i0  20%")
            drawn.painter.write_above(b"kvsctl: stopping\n")
            assert drawn.is_shown("kvsctl: stopping", "set  10%", "  i0  20%")
        assert drawn.is_shown("kvsctl: stopping")
        assert terminal.history == []


def test_a_width_of_the_user_cannot_make_lines_wrap(
    terminal: EmulatedTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with drawing(terminal, "x" * 300) as drawn:
        assert drawn.is_shown("$ kvsctl set", "x" * 79)
        monkeypatch.setenv("COLUMNS", "30")
        drawn.painter.draw()
        assert drawn.is_shown("$ kvsctl set", "x" * 29)


def test_an_error_leaves_the_terminal_as_it_was(terminal: EmulatedTerminal) -> None:
    before = terminal.modes

    def crash() -> None:
        with drawing(terminal, "set", "more") as drawn:
            assert drawn.is_shown("$ kvsctl set", "set", "more")
            assert terminal.modes == before, "even in mid-run, so that a kill leaves it so, too"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    terminal.wait_for(lambda rows: rows == ["$ kvsctl set"])
    assert terminal.modes == before
    assert b"\x1b[?" not in terminal.shown


def test_the_background_draws_nothing_and_erases_nothing(
    terminal: EmulatedTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with drawing(terminal, "set  10%") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set  10%")
        monkeypatch.setattr("os.tcgetpgrp", lambda fd: -1)
        drawn.draw("set  20%")
    drawn.environment.write_stderr("$")
    assert drawn.is_shown("$ kvsctl set", "$et  10%")


def test_a_run_that_ends_at_once_draws_nothing(terminal: EmulatedTerminal) -> None:
    with Drawn(terminal, "set").painter:
        pass
    terminal.wait_for(lambda rows: rows == ["$ kvsctl set"])
    assert terminal.shown == b"$ kvsctl set\r\n"


def test_rows_are_drawn_without_being_asked(terminal: EmulatedTerminal) -> None:
    drawn = Drawn(terminal, "set  1%")
    with drawn.painter:
        assert drawn.is_shown("$ kvsctl set", "set  1%")
        drawn.texts = ["set  2%"]
        assert drawn.is_shown("$ kvsctl set", "set  2%")


class _Ticks:
    """The end of a painter's block, as its thread sees it: it comes after a few drawings."""

    def __init__(self, count: int) -> None:
        self.waits: list[float] = []
        self._count = count

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) > self._count

    def is_set(self) -> bool:
        return False


@pytest.mark.parametrize("rows", [1, 2, 11])
def test_a_slow_link_keeps_up_with_any_number_of_rows(
    monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    written: list[str] = []
    monkeypatch.setattr(Environment, "write_stderr", lambda _, text: written.append(text))
    monkeypatch.setattr(Environment, "terminal_size", lambda _: (140, 40))
    monkeypatch.setattr(Environment, "is_in_foreground", True)
    counter = itertools.count()

    def changing(columns: int, lines: int) -> list[list[Span]]:
        row: list[Span] = [("━" * 24, "cyan"), (f"{next(counter):>{columns - 24}}", "")]
        return [row] * rows

    painter = Painter(environment_on(2, has_colour=True), changing)
    ticks = _Ticks(4)
    monkeypatch.setattr(painter, "_is_over", ticks)
    painter._redraw()
    assert len(written) == 4
    seconds = ticks.waits[1:]
    assert all(
        len(text.encode()) / wait < 1000 for text, wait in zip(written, seconds, strict=True)
    )
    assert min(seconds) >= 0.5


def test_nothing_is_drawn_while_a_command_has_the_terminal(terminal: EmulatedTerminal) -> None:
    with drawing(terminal, "set  10%") as drawn:
        assert drawn.is_shown("$ kvsctl set", "set  10%")
        with lent():
            assert drawn.is_shown("$ kvsctl set")
            drawn.environment.write_stderr("Code of your device: ")
            drawn.draw("set  20%")
            drawn.painter.write_above(b"\nkvsctl: stopping\n")
            drawn.draw("set  30%")
            assert terminal.settled_rows() == [
                "$ kvsctl set", "Code of your device:", "kvsctl: stopping"
            ]  # fmt: skip
        drawn.draw("set  40%")
        assert drawn.is_shown(
            "$ kvsctl set", "Code of your device:", "kvsctl: stopping", "set  40%"
        )
    with lent():
        pass
    with lent(), drawing(terminal, "set  50%"):
        assert terminal.settled_rows()[-1] == "kvsctl: stopping"
