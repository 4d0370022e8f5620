"""An empty file name, as an unset variable of a script leaves it, is refused by every option."""

import pytest

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
