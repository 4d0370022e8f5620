"""File names that no option takes: empty ones, and those in a folder that may not be entered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.permissions import HAS_PERMISSIONS, permissions_applied
from tests.support.commands.command import Command

_FILE = "is empty or a folder: not a file name"


@pytest.mark.parametrize(
    "flag", ["--report", "--failures", "--journal", "--lock", "--metrics-file"]
)
@pytest.mark.parametrize("name", ["", "."])
def test_an_empty_file_name_is_refused(kvsctl: Command, flag: str, name: str) -> None:
    ended = kvsctl("set", "-t", "local", "a=1", flag, name, status=2)
    assert f"{flag} {_FILE}" in ended.err.decode()
    assert not kvsctl.database.exists()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["get", "-f", ""], "--file"),
        (["get", "-f", "a", "--file", ""], "--file"),
        (["get", "a", "-o", ""], "--output"),
        (["get", "a", "--limits", ""], "--limits"),
        (["get", "a", "--token-file", ""], "--token-file"),
        (["export", "--manifest", "", "-o", "x"], "--manifest"),
        (["list", "--protect", ""], "--protect"),
        (["delete", "--all", "--undo", ""], "--undo"),
        (["delete", "--all", "--plan", ""], "--plan"),
        (["sync", "--from", "local", "--all", "--plan", ""], "--plan"),
        (["diff", "-f", ""], "--file"),
        (["diff", "-f", "a", "--with", ""], "--with"),
        (["verify", ""], "FILE"),
        (["clean", "-f", ""], "--file"),
        (["serve", "--seed", ""], "--seed"),
    ],
)
def test_no_option_of_a_file_takes_nothing(kvsctl: Command, words: list[str], shown: str) -> None:
    ended = kvsctl(*words, status=2)
    assert f"{shown} {_FILE}" in ended.err.decode()


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that may not be entered, not even by root."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    with permissions_applied():
        yield folder
    folder.chmod(0o700)


@HAS_PERMISSIONS
@pytest.mark.parametrize(
    "words",
    [
        ["set", "a=1", "--report"],
        ["set", "a=1", "--failures"],
        ["set", "a=1", "--journal"],
        ["set", "a=1", "--lock"],
        ["set", "a=1", "--metrics-file"],
        ["set", "--url", "http://127.0.0.1:1", "a=1", "--token-file"],
        ["get", "a", "-o"],
        ["export", "-o"],
        ["export", "--manifest"],
        ["diff", "-f"],
        ["verify"],
        ["delete", "--all", "--yes", "--undo"],
        ["delete", "--all", "--plan"],
        ["serve", "--port", "0", "--db"],
        ["serve", "--port", "0", "--import"],
        ["serve", "--port", "0", "--export-on-exit"],
    ],
)
def test_a_folder_that_may_not_be_entered_is_no_defect(
    kvsctl: Command, closed: Path, words: list[str]
) -> None:
    own = [] if words[0] in ("serve", "verify") or "--url" in words else ["-t", "local"]
    ended = kvsctl(*words, closed / "file", *own, status=2)
    assert f"kvsctl: cannot use {closed / 'file'}: Permission denied\n" in ended.err.decode()
    assert not kvsctl.database.exists()
