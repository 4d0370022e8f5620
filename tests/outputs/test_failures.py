"""The failures file: in input order, complete up to its last line, never undoing newer data."""

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.events import RecordsRead, Settled
from kvsctl.bulk.outcomes.in_order import HOLDING_BYTES
from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import StreamError, UsageError
from kvsctl.files import raw
from kvsctl.journal.state import FailuresMark, JournalState
from kvsctl.model import Outcome, State, Verb
from kvsctl.outputs import failures
from kvsctl.outputs.failures import FailuresFile
from tests.support.needs import IS_LINUX, IS_POSIX, only_on
from tests.support.outcomes import ended, failed, problem, record, succeeded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "failed.jsonl"


def sources(path: Path) -> list[int]:
    """Return the positions of the lines."""
    lines = path.read_text().splitlines()
    return [int(json.loads(line)["source"].rpartition(":")[2]) - 1 for line in lines]


def written(path: Path, *outcomes: Outcome, verb: Verb = Verb.SET) -> list[int]:
    file = FailuresFile(path, verb)
    file(RecordsRead(len(outcomes)))
    file(Settled(outcomes))
    file.close()
    return sources(path)


def test_nothing_failed_leaves_an_empty_file(path: Path) -> None:
    path.write_text("of an earlier run\n")
    assert written(path, succeeded(0), ended(1, State.SKIPPED)) == []
    assert path.read_bytes() == b""


@pytest.mark.parametrize("earlier", [None, 0o644])
def test_only_its_owner_can_read_it(path: Path, earlier: int | None) -> None:
    if earlier is not None:
        path.touch(earlier)
    written(path, failed(0, "a"), succeeded(1, "a"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_wait_for_every_earlier_position(path: Path) -> None:
    file = FailuresFile(path, Verb.SET)
    file(Settled([failed(2), failed(0)]))
    assert sources(path) == [0]
    assert file.held_bytes == HOLDING_BYTES + len(path.read_bytes())
    file(Settled([succeeded(1)]))
    assert sources(path) == [0, 2]
    assert file.held_bytes == 0
    file(Settled([failed(5)]))
    file.close()
    file.close()
    assert sources(path) == [0, 2, 5]


@pytest.mark.parametrize(
    "later",
    [
        succeeded(1, "a"),
        failed(1, "a"),
        *(ended(1, state, "a") for state in State if state is not State.FAILED),
    ],
    ids=lambda outcome: outcome.state.value,
)
def test_a_later_record_replaces_an_earlier_failure(path: Path, later: Outcome) -> None:
    expected = [1] if later.state is State.FAILED else []
    assert written(path, failed(0, "a"), later) == expected


def test_a_later_record_replaces_an_earlier_problem(path: Path) -> None:
    assert written(path, problem(0, b"{}", key="a"), succeeded(1, "a")) == []


def test_a_later_problem_replaces_nothing(path: Path) -> None:
    assert written(path, failed(0, "a"), problem(1, b"{}", key="a")) == [0, 1]


def test_an_earlier_record_that_settles_later_replaces_nothing(path: Path) -> None:
    assert written(path, failed(1, "a"), succeeded(0, "a")) == [1]


def test_other_identities_are_kept(path: Path) -> None:
    unreadable = problem(1, b"{", readable=False)
    assert written(path, failed(0, "a"), unreadable, succeeded(2, "b")) == [0, 1]


def test_every_line_of_a_replaced_identity_is_removed(path: Path) -> None:
    outcomes = [problem(0, b"{}", key="a"), problem(1, b"{}", key="a"), failed(2, "b")]
    assert written(path, *outcomes, failed(3, "a"), succeeded(4, "c")) == [2, 3]


def test_reading_replaces_nothing(path: Path) -> None:
    outcomes = [failed(0, "a"), failed(1, "a"), succeeded(2, "a")]
    assert written(path, *outcomes, verb=Verb.GET) == [0, 1]


def make(end: str, position: int, key: str) -> Outcome:
    if end == "p":
        return problem(position, b"{}", key=key)
    return succeeded(position, key) if end == "s" else failed(position, key)


ENDS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("sfp")), max_size=12)


@given(ENDS, st.data())
def test_the_lines_do_not_depend_on_the_order_of_settling(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[str, str]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("law") / "failed.jsonl"
    outcomes = [make(end, position, key) for position, (key, end) in enumerate(ends)]
    expected = [
        position
        for position, (key, end) in enumerate(ends)
        if end != "s" and not any(k == key and e != "p" for k, e in ends[position + 1 :])
    ]
    assert written(path, *data.draw(st.permutations(outcomes))) == expected


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    assert written(link, failed(0, "a"), succeeded(1, "a")) == []
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_device_is_written_to_and_never_replaced() -> None:
    file = FailuresFile(Path("/dev/null"), Verb.SET)
    file(Settled([failed(0, "a"), succeeded(1, "a")]))
    file.close()
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        FailuresFile(tmp_path, Verb.SET)
    with pytest.raises(UsageError, match="No such file"):
        FailuresFile(tmp_path / "no" / "file", Verb.SET)


@only_on(IS_LINUX, "only Linux has a device that is always full")
def test_a_full_disk_is_a_stream_error() -> None:
    file = FailuresFile(Path("/dev/full"), Verb.SET)
    with pytest.raises(StreamError, match="/dev/full: No space left on device"):
        file(Settled([failed(0)]))
    file.close()


@only_on(IS_LINUX, "only Linux has a device that is always full")
def test_a_disk_that_fills_up_at_the_end_is_a_stream_error_once() -> None:
    file = FailuresFile(Path("/dev/full"), Verb.SET)
    file(Settled([failed(1)]))
    with pytest.raises(StreamError, match="No space left on device"):
        file.close()
    file.close()


def _kept(path: Path, text: str, through: int, held: dict[int, bytes]) -> FailuresFile:
    """A file to resume: positions 0 to 8 except 4 are settled, and 1 and 6 have lines."""
    path.write_text(text)
    state = JournalState(
        SettledRanges([(0, 4), (5, 8)]),
        lines=SettledRanges([(1, 2), (6, 7)]),
        held=held,
        failures=FailuresMark(6, through),
    )
    return FailuresFile(path, Verb.SET, state)


def test_it_is_truncated_to_the_mark_and_resumed(path: Path) -> None:
    file = _kept(path, "first\nnot in the journal", 4, {6: b"sixth\n"})
    assert path.read_text() == "first\n"
    assert file.mark == FailuresMark(6, 4)
    file.replay([record(place) for place in (0, 1)])
    assert file.mark == FailuresMark(6, 4), "no lower while the input is read again"
    file.replay([record(place) for place in (2, 3)])
    file.replay([record(place) for place in (5, 6, 7)])
    assert file.take_newly_held() == {6: b"sixth\n"}
    file(Settled([failed(4)]))
    assert file.mark.through == 8
    file.close()
    assert path.read_text().splitlines()[0::2] == ["first", "sixth"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_of_an_earlier_run_is_replaced_too(path: Path) -> None:
    file = _kept(path, "first\n", 4, {6: b"sixth\n"})
    file.replay([record(place, "a" if place == 1 else "") for place in (0, 1, 2, 3)])
    file.replay([record(place) for place in (5, 6, 7)])
    file(Settled([succeeded(4, "a")]))
    file.close()
    assert path.read_text() == "sixth\n"


def test_before_the_job_is_complete_lines_keep_waiting_and_none_is_removed(path: Path) -> None:
    state = JournalState()
    file = FailuresFile(path, Verb.SET, state)
    file(Settled([failed(0, "a"), succeeded(1, "a"), failed(4), ended(2, State.UNSENT)]))
    file(Settled([succeeded(3), ended(5, State.UNKNOWN)]))
    assert list(file.take_newly_held()) == [4]
    assert file.take_newly_held() == {}
    file.sync()
    file.close(is_whole=False)
    assert sources(path) == [0]
    assert file.mark == FailuresMark(path.stat().st_size, 2)


def test_a_file_that_is_shorter_than_its_mark_is_refused(path: Path) -> None:
    for text in ("", "short"):
        with pytest.raises(UsageError, match=f"has {len(text)} bytes, but the journal recorded 6"):
            _kept(path, text, 4, {})
    path.unlink()
    with pytest.raises(UsageError, match="is missing, but the journal recorded 6 bytes"):
        FailuresFile(path, Verb.SET, JournalState(failures=FailuresMark(6, 4)))
    assert not path.exists()


def test_lines_are_removed_after_the_file_is_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows does not replace a file that is open."""
    opened: list[int] = []
    replaced: list[Path] = []

    def opening(place: Path, what: str) -> int:
        opened.append(raw.open_private(place, what))
        return opened[0]

    def replace(self: Path, target: Path) -> Path:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(opened[0])
        os.replace(self, target)
        replaced.append(target)
        return target

    monkeypatch.setattr(failures, "open_private", opening)
    monkeypatch.setattr(Path, "replace", replace)
    file = FailuresFile(path, Verb.SET)
    file(Settled([failed(0, "a"), succeeded(1, "a")]))
    file.close()
    assert replaced == [path]
    assert path.read_bytes() == b""


def _remove(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def _truncate(path: Path) -> None:
    os.truncate(path, 0)


@only_on(IS_POSIX, "an open file stays where it is there")
@pytest.mark.parametrize("change", [_remove, _replace, _truncate])
def test_a_file_that_is_removed_replaced_or_truncated_is_noticed_at_the_next_line_and_at_the_end(
    path: Path, change: Callable[[Path], None]
) -> None:
    for notice in (lambda file: file(Settled([failed(1)])), FailuresFile.close):
        path.unlink(missing_ok=True)
        file = FailuresFile(path, Verb.SET)
        file(Settled([failed(0)]))
        change(path)
        done = "truncated by another program" if change is _truncate else "removed or replaced"
        with pytest.raises(StreamError, match=f"was {done} during the run"):
            notice(file)
        assert file.is_broken
        file.close()


@only_on(IS_POSIX, "an open file stays where it is there")
def test_the_journal_learns_that_the_file_was_removed(path: Path) -> None:
    file = FailuresFile(path, Verb.SET, JournalState())
    path.unlink()
    with pytest.raises(StreamError, match="was removed or replaced during the run"):
        file.sync()
    file.close()


def test_a_full_disk_leaves_whole_lines(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(fd: int, text: bytes) -> None:
        raw.write_all(fd, text[: len(text) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = FailuresFile(path, Verb.SET)
    file(Settled([failed(0)]))
    whole = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(failures, "write_all", write_half)
        with pytest.raises(StreamError, match="No space left on device"):
            file(Settled([failed(1)]))
    assert path.read_bytes() == whole
    file(Settled([failed(2)]))  # a later line alone would look as if 1 had succeeded
    file.close()
    assert path.read_bytes() == whole
