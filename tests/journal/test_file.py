"""The journal on disk: locked, truncated, synced, and whole wherever a write ends early."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.errors import StreamError, UsageError
from kvsctl.files import claims
from kvsctl.journal import file
from kvsctl.journal.file import JournalFile, is_in_use, read_journal
from kvsctl.journal.state import Group
from tests.support.journals import HEADER
from tests.support.needs import IS_POSIX, only_on


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "job.journal"


def _group(number: int) -> Group:
    return Group(SettledRanges([(number * 10, number * 10 + 5)]))


def _filled(path: Path, count: int) -> None:
    with JournalFile(path) as journal:
        journal.begin(HEADER)
        for number in range(count):
            journal.append(_group(number))


def test_appended_groups_are_read_back(path: Path) -> None:
    _filled(path, 2)
    with JournalFile(path) as journal:
        assert journal.header == HEADER
        assert list(journal.state.settled) == [(0, 5), (10, 15)]
        journal.append(_group(2))
    assert read_journal(path).state.groups == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_has_mode_600_even_if_it_existed_before(path: Path) -> None:
    path.touch(0o644)
    path.chmod(0o644)
    JournalFile(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_synced_after_each_line(path: Path) -> None:
    calls: list[str] = []

    def write(fd: int, chunk: bytes) -> int:
        calls.append("write")
        return os.write(fd, chunk)

    with JournalFile(path, write=write, sync=lambda _: calls.append("sync")) as journal:
        journal.begin(HEADER)
        journal.append(_group(0))
    assert calls == ["sync", "write", "sync", "write", "sync"]


def test_a_run_can_resume_from_every_cut_of_the_last_two_groups(path: Path) -> None:
    _filled(path, 3)
    text = path.read_bytes()
    lines = text.splitlines(keepends=True)
    for cut in range(len(text) - len(lines[-1]) - len(lines[-2]), len(text)):
        path.write_bytes(text[:cut])
        whole = text[:cut].count(b"\n") - 1
        with JournalFile(path) as journal:
            assert journal.state.groups == whole
            assert path.stat().st_size == sum(map(len, lines[: whole + 1]))
            journal.append(_group(9))
        assert list(read_journal(path).state.settled)[-1] == (90, 95)
        assert read_journal(path).state.groups == whole + 1


class _Death(BaseException):
    """The end of the process: nothing after it is executed."""


_FULL = OSError(errno.ENOSPC, "No space left on device")


def _crashing(
    at: int, kept: Callable[[bytes], int], end: BaseException
) -> Callable[[int, bytes], int]:
    """A write that fails in its call number `at`, after some bytes."""
    calls = iter(range(10**6))

    def write(fd: int, chunk: bytes) -> int:
        if next(calls) < at:
            return os.write(fd, chunk)
        os.write(fd, chunk[: kept(chunk)])
        raise end

    return write


@pytest.mark.parametrize(("end", "seen"), [(_Death(), _Death), (_FULL, StreamError)])
@pytest.mark.parametrize("kept", [lambda _: 0, lambda _: 1, lambda c: len(c) // 2, len])
@pytest.mark.parametrize("at", range(5))
def test_a_crash_in_any_write_leaves_what_was_synced(
    path: Path,
    at: int,
    kept: Callable[[bytes], int],
    end: BaseException,
    seen: type[BaseException],
) -> None:
    with JournalFile(path, write=_crashing(at, kept, end)) as journal:
        steps: list[Callable[[], None]] = [partial(journal.begin, HEADER)]
        steps += [partial(journal.append, _group(number)) for number in range(4)]
        for step in steps[:at]:
            step()
        whole_bytes = path.stat().st_size
        with pytest.raises(seen, match=r"^$|cannot write the journal .*No space left"):
            steps[at]()
        assert seen is StreamError or kept(b"line") == 0 or path.stat().st_size > whole_bytes
    with JournalFile(path) as again:
        assert again.state.groups in (max(0, at - 1), at), "what append returned from is there"
        if again.header is None:
            again.begin(HEADER)
        again.append(_group(7))
    assert (70, 75) in list(read_journal(path).state.settled)


def test_nothing_is_written_after_a_failed_sync(path: Path) -> None:
    def sync(_: int) -> None:
        if fails:
            raise OSError(errno.EIO, "Input/output error")

    _filled(path, 1)
    before = path.read_bytes()
    fails = False
    with JournalFile(path, sync=sync) as journal:
        fails = True
        with pytest.raises(StreamError, match="Input/output error"):
            journal.append(_group(1))
        assert path.read_bytes() == before, "nobody can tell whether the group is on disk"
        journal.append(_group(2))
        assert path.read_bytes() == before


def test_a_journal_that_cannot_be_synced_on_opening_is_refused(path: Path) -> None:
    def sync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    _filled(path, 1)
    with pytest.raises(StreamError, match="Input/output error"):
        JournalFile(path, sync=sync)


def test_short_writes_are_continued(path: Path) -> None:
    with JournalFile(path, write=lambda fd, chunk: os.write(fd, chunk[:7])) as journal:
        journal.begin(HEADER)
        journal.append(_group(0))
    assert read_journal(path).state.groups == 1


def test_another_process_is_refused_until_the_first_ends(path: Path) -> None:
    _filled(path, 1)
    program = (
        "import sys; from pathlib import Path; from kvsctl.journal.file import JournalFile\n"
        "journal = JournalFile(Path(sys.argv[1])); print('open', flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(UsageError, match="is in use by another run"):
            JournalFile(path)
        assert is_in_use(path)
        other.kill()
    assert not is_in_use(path)
    JournalFile(path).close()


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full"])
def test_a_device_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not a regular file"):
        JournalFile(Path(name))


def test_an_unusable_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "file"):
        with pytest.raises(UsageError, match="cannot open the journal"):
            JournalFile(path)
    with pytest.raises(UsageError, match="cannot read the journal"):
        read_journal(tmp_path / "none")
    other = tmp_path / "data.jsonl"
    other.write_text('{"key":"k"}\n')
    with pytest.raises(UsageError, match=r"data\.jsonl: the file is not a journal"):
        JournalFile(other)
    assert other.read_text() == '{"key":"k"}\n'


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
def test_nothing_is_written_to_a_file_that_was_removed_replaced_or_truncated(
    path: Path, change: Callable[[Path], None]
) -> None:
    with JournalFile(path) as journal:
        journal.begin(HEADER)
        journal.append(_group(0))
        change(path)
        with pytest.raises(StreamError, match=r"was removed or replaced|was truncated by another"):
            journal.append(_group(1))
        journal.append(_group(2))
    if change is _truncate:
        assert path.read_bytes() == b""
    elif path.exists():
        assert list(read_journal(path).state.settled) == [(0, 5)]


@only_on(IS_POSIX, "an open file stays where it is there")
def test_a_file_that_is_replaced_during_locking_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _filled(path, 1)

    def lock_late(_: int) -> bool:
        _replace(path)
        return True

    monkeypatch.setattr(claims, "try_lock", lock_late)
    with pytest.raises(UsageError, match="is in use by another run"):
        JournalFile(path)


def test_a_file_system_without_locks_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(claims, "try_lock", refuse)
    with pytest.raises(UsageError, match=r"cannot lock the journal .*: No locks available"):
        JournalFile(path)


def test_a_folder_that_cannot_be_synced_ends_the_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(file, "sync_folder", refuse)
    with (
        JournalFile(path) as journal,
        pytest.raises(StreamError, match=r"cannot write the journal .*: Input/output error"),
    ):
        journal.begin(HEADER)


@only_on(IS_POSIX, "there is no shared lock there")
def test_reading_does_not_count_as_use(path: Path) -> None:
    import fcntl

    _filled(path, 1)
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert not is_in_use(path)
