"""A file that a run writes is this run's and this user's alone, or it is refused unchanged."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.files import claims
from kvsctl.files.claims import (
    claim,
    claim_emptied,
    claim_shared,
    interference,
    lock_existing,
    require_unused,
    require_writable,
    resolved,
)
from kvsctl.files.raw import open_cut, open_private
from kvsctl.files.sinks import PartFile
from tests.support.needs import IS_POSIX, IS_ROOT, only_on

pytestmark = only_on(IS_POSIX, "modes, links and owners of POSIX")
as_root = only_on(IS_ROOT, "only root gives files away")

_WHAT = "the output"
_SECRET = b"what others must not read"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def keep() -> Iterator[Callable[[int], int]]:
    """Close descriptors after the test."""
    fds: list[int] = []

    def note(fd: int) -> int:
        fds.append(fd)
        return fd

    yield note
    for fd in fds:
        os.close(fd)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_a_new_file_is_private_whatever_the_umask(
    path: Path, keep: Callable[[int], int], mask: int
) -> None:
    before = os.umask(mask)
    try:
        keep(claim_emptied(path, _WHAT))
    finally:
        os.umask(before)
    assert mode(path) == 0o600


@pytest.mark.parametrize("claimed", [claim, claim_emptied, claim_shared])
def test_a_file_is_claimed_once(
    path: Path, keep: Callable[[int], int], claimed: Callable[[Path, str], int]
) -> None:
    fd = claimed(path, _WHAT)
    os.write(fd, b"line\n")
    for other in (claim, claim_emptied, claim_shared, require_unused, lock_existing):
        with pytest.raises(UsageError, match=r"the output .*/file is in use by another run"):
            other(path, _WHAT)
    assert path.read_bytes() == b"line\n"
    os.close(fd)
    require_unused(path, _WHAT)
    keep(claimed(path, _WHAT))
    assert path.read_bytes() == (b"line\n" if claimed is claim else b"")


def _symlink(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign)


def _fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def _dangling(path: Path, foreign: Path) -> None:
    path.symlink_to(foreign.with_name("planted"))


@pytest.mark.parametrize("plant", [_symlink, _dangling, _fifo])
@pytest.mark.parametrize("claimed", [claim, claim_emptied, claim_shared])
def test_a_link_or_pipe_is_refused(
    path: Path, plant: Callable[[Path, Path], None], claimed: Callable[[Path, str], int]
) -> None:
    foreign = path.with_name("foreign")
    foreign.write_bytes(b"kept")
    plant(path, foreign)
    names = sorted(os.listdir(path.parent))
    with pytest.raises(UsageError, match=r"symbolic link|not a regular file") as refused:
        claimed(path, _WHAT)
    assert (refused.value.hint == "Give another file name.") is (plant is _fifo)
    assert foreign.read_bytes() == b"kept"
    assert sorted(os.listdir(path.parent)) == names


@pytest.mark.parametrize("plant", [_symlink, _dangling, _fifo])
def test_a_planted_part_is_refused(tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"kept")
    plant(tmp_path / "out.part", foreign)
    for kept_bytes in (0, 2):
        with pytest.raises(UsageError, match=r"cannot write to .*/out\.part: "):
            PartFile(tmp_path / "out", kept_bytes=kept_bytes)
    assert foreign.read_bytes() == b"kept"


@pytest.mark.parametrize("opened", [claim_emptied, open_private])
def test_a_second_name_is_left_as_it_was(
    path: Path, keep: Callable[[int], int], opened: Callable[[Path, str], int]
) -> None:
    foreign = path.with_name("foreign")
    foreign.write_bytes(b"kept")
    os.link(foreign, path)
    fd = keep(opened(path, _WHAT))
    os.write(fd, _SECRET)
    assert foreign.read_bytes() == b"kept"
    assert (path.read_bytes(), mode(path)) == (_SECRET, 0o600)


@pytest.mark.parametrize("wider", [0o644, 0o660, 0o606])
def test_who_had_opened_a_wider_file_reads_nothing_of_the_new_one(
    path: Path, keep: Callable[[int], int], wider: int
) -> None:
    path.touch()
    path.chmod(wider)
    reader = keep(os.open(path, os.O_RDONLY))
    fd = keep(open_private(path, _WHAT))
    os.write(fd, _SECRET)
    assert os.read(reader, 100) == b""
    assert (path.read_bytes(), mode(path)) == (_SECRET, 0o600)


def test_a_wider_file_in_a_folder_that_keeps_it_is_narrowed(
    path: Path, keep: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    path.write_bytes(b"earlier")
    path.chmod(0o644)
    monkeypatch.setattr(Path, "unlink", refuse)
    keep(claim_emptied(path, _WHAT))
    assert (path.read_bytes(), mode(path)) == (b"", 0o600)


def test_a_file_system_that_gives_each_file_a_wide_mode_is_accepted(
    path: Path, keep: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_is_exposed", lambda _: True)
    keep(claim_emptied(path, _WHAT))
    assert path.exists()


def test_a_resumed_file_has_one_name_and_gets_its_mode(
    path: Path, keep: Callable[[int], int]
) -> None:
    path.write_bytes(b"one\ntwo\n")
    path.chmod(0o644)
    os.link(path, path.with_name("second"))
    with pytest.raises(UsageError, match="a second name"):
        open_cut(path, _WHAT, 4)
    assert path.read_bytes() == b"one\ntwo\n"
    path.with_name("second").unlink()
    keep(open_cut(path, _WHAT, 4))
    assert (path.read_bytes(), mode(path)) == (b"one\n", 0o600)


@as_root
@pytest.mark.parametrize("opened", [claim, claim_emptied, open_private])
def test_a_file_of_another_user_is_refused(path: Path, opened: Callable[[Path, str], int]) -> None:
    path.write_bytes(b"kept")
    path.chmod(0o666)
    os.chown(path, 12345, 12345)
    with pytest.raises(UsageError, match=r"cannot write to .*: it belongs to another user"):
        opened(path, _WHAT)
    assert (path.read_bytes(), mode(path)) == (b"kept", 0o666)


@as_root
def test_a_link_or_pipe_of_another_user_is_not_followed(path: Path) -> None:
    path.symlink_to(path.with_name("redirected"))
    os.chown(path, 12345, 12345, follow_symlinks=False)
    with pytest.raises(UsageError, match="a symbolic link of another user"):
        resolved(path)
    with pytest.raises(UsageError, match="a symbolic link of another user"):
        open_private(path, _WHAT)
    pipe = path.with_name("pipe")
    os.mkfifo(pipe, 0o666)
    os.chown(pipe, 12345, 12345)
    with pytest.raises(UsageError, match="a pipe of another user"):
        open_private(pipe, _WHAT)
    assert not path.exists()


def test_where_every_file_has_one_owner_a_file_is_accepted(
    path: Path, keep: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on network file systems that map all users to one."""
    path.write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    keep(claim(path, _WHAT))


def test_a_file_system_without_locks_takes_output(
    path: Path, keep: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(claims, "try_lock", refuse)
    keep(claim_emptied(path, _WHAT))
    with pytest.raises(UsageError, match="cannot lock the journal"):
        claim(path, "the journal", needs_lock=True)


def test_a_file_that_was_removed_or_replaced_is_noticed(
    path: Path, keep: Callable[[int], int]
) -> None:
    fd = keep(claim(path, _WHAT))
    assert interference(path, fd, 0) is None
    path.rename(path.with_name("moved"))
    assert interference(path, fd, 0) == "removed or replaced"
    path.touch()
    assert interference(path, fd, 0) == "removed or replaced"


def test_a_file_that_was_truncated_is_noticed(path: Path, keep: Callable[[int], int]) -> None:
    fd = keep(claim(path, _WHAT))
    os.write(fd, b"abc")
    assert interference(path, fd, 3) is None
    assert interference(path, fd, 2) is None, "another thread wrote"
    os.truncate(path, 2)
    assert interference(path, fd, 3) == "truncated by another program"


def test_what_an_output_replaces_is_locked_too(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"earlier\n")
    first = PartFile(out)
    with pytest.raises(UsageError, match=r"the output .*/out is in use by another run"):
        PartFile(out)
    with pytest.raises(UsageError, match=r"the failures file .*/out is in use by another run"):
        open_private(out, "the failures file")
    first.write(b"new\n")
    first.complete()
    second = PartFile(out)
    second.abandon()
    assert out.read_bytes() == b"new\n"


def test_an_unwritable_path_is_refused_before_the_run(tmp_path: Path) -> None:
    require_writable(tmp_path / "report.json")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.json").touch()
    for path in (tmp_path / "old.json", Path("report.json")):
        require_writable(path)
    for path in (tmp_path, tmp_path / "none" / "report.json", tmp_path / "old.json" / "x"):
        with pytest.raises(UsageError, match="cannot write to"):
            require_writable(path)
