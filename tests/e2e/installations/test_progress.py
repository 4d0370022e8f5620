"""A job on several installations has a line for all, and one for each that is at work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvsctl.jobs.installations import work
from kvsctl.jobs.progress.many import ManyProgress
from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command, records_file
from tests.support.commands.emulated_terminal import emulated_terminal, started

_NAMES = ("i1", "i2", "i3")
_SLOW = ("--batch-size", "1", "--rps", "3")


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return records_file(tmp_path / "in.jsonl", [{"key": f"k{n}", "value": n} for n in range(9)])


def test_each_installation_has_a_line_while_it_is_worked_on(kvsctl: Command, many: Path) -> None:
    with container(kvsctl, _NAMES) as app, emulated_terminal(100, 24) as terminal:
        command = app.having(TERM="xterm", COLUMNS="")
        words = ("set", *ALL, "-f", many, *_SLOW, "--at-once", "2")
        with started(command, terminal, *words) as process:
            terminal.wait_for(lambda rows: any("2 of 3 installations" in row for row in rows))
            assert process.wait(30) == 0
        assert terminal.settled_rows()[0].startswith("set  ")
        assert not any(" left" in row for row in terminal.rows), "nothing stays behind"
        drawn = [frame for frame in terminal.frames if any(" left" in row for row in frame)]
    first, last = ([row.split()[0] for row in frame] for frame in (drawn[0], drawn[-1]))
    assert first == ["set", "i1", "i2"]
    assert last == ["set", "i3"]


def test_a_question_is_asked_where_nothing_is_drawn(kvsctl: Command, many: Path) -> None:
    with container(kvsctl, _NAMES) as app, emulated_terminal(100, 24) as terminal:
        app("set", *ALL, "-f", many, status=0)
        command = app.having(TERM="xterm", COLUMNS="")
        words = ("delete", *ALL, "--prefix", "k", "--rps", "3", "--batch-size", "1")
        with started(command, terminal, *words) as process:
            rows = terminal.wait_for(lambda rows: any("[y/N]" in row for row in rows))
            assert not any("installations  " in row for row in rows)
            terminal.type(b"y\n")
            terminal.wait_for(
                lambda rows: any(row.startswith("delete ") and "of 3 inst" in row for row in rows)
            )
            assert process.wait(30) == 0
        rows = terminal.settled_rows()
    assert not any(" of 3 installations" in row for row in rows)
    assert any("27 succeeded" in row for row in rows)


def test_a_log_has_a_line_for_all_of_them(kvsctl: Command, many: Path) -> None:
    with container(kvsctl, _NAMES) as app:
        words = ("set", *ALL, "-f", many, *_SLOW, "--at-once", "2", "--stats-every", "1")
        err = app(*words, status=0).err.decode()
    beats = [line for line in err.splitlines() if line.startswith("kvsctl: set: ")]
    assert beats
    assert all(" of 3 installations, " in beat for beat in beats)
    assert "\x1b" not in err


def test_what_was_stopped_does_not_count_as_done(
    kvsctl: Command, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Callable[[], int]] = []

    class Progress(ManyProgress):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            done.append(given[4])

    monkeypatch.setattr(work, "ManyProgress", Progress)
    with container(kvsctl, _NAMES) as app:
        words = ("set", *ALL, "-f", many, *_SLOW, "--at-once", "2", "--max-duration", "1")
        app(*words, status=75)
        app("set", *ALL, "a=1", status=0)
    assert [count() for count in done] == [0, 3]
