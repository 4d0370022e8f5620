"""Targets that must not be written to, or only by who gives their name."""

from pathlib import Path

import pytest

from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import in_terminal

_ASKED = "set writes to local ("


@pytest.fixture
def stored(kvsctl: Command) -> Command:
    """kvsctl with a record in the store."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    command("set", "-q", "a=1", status=0)
    return command


def _configured(command: Command, tmp_path: Path, setting: str) -> Command:
    config = tmp_path / "config.toml"
    config.write_text(f"[targets.local]\n{setting}\n")
    return command.having(KVSCTL_CONFIG=str(config))


def _value(command: Command) -> bytes:
    return command("get", "-q", "a", "--values").out


@pytest.fixture(params=["section", "environment"])
def read_only(request: pytest.FixtureRequest, stored: Command, tmp_path: Path) -> Command:
    if request.param == "section":
        return _configured(stored, tmp_path, "read_only = true")
    return stored.having(KVSCTL_READ_ONLY="1")


@pytest.mark.parametrize(
    "words",
    [("set", "a=2"), ("delete", "a"), ("set", "a=2", "--if-absent=exact"),
     ("set", "a=2", "--confirm", "local")],
)  # fmt: skip
def test_nothing_is_written_to_a_read_only_target(
    stored: Command, read_only: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    failures = tmp_path / "failures.jsonl"
    ended = read_only(*words, "--failures", failures, status=2)
    assert b"target local is read-only: nothing was sent" in ended.err
    assert b"KVSCTL_READ_ONLY" in ended.err
    assert _value(stored) == b"1\n"
    assert not failures.exists()


def test_a_read_only_target_can_be_read_listed_and_rehearsed_on(read_only: Command) -> None:
    assert _value(read_only) == b"1\n"
    assert read_only("list", "-q", status=0).out == b"a\n"
    read_only("set", "-n", "a=2", status=0)
    assert _value(read_only) == b"1\n"


@pytest.fixture
def protected(stored: Command, tmp_path: Path) -> Command:
    return _configured(stored, tmp_path, "protected = true")


def test_a_protected_target_needs_its_name(protected: Command, stored: Command) -> None:
    ended = protected("set", "a=2", status=2)
    assert b"target local is protected: nothing was sent" in ended.err
    assert b"Add --confirm local to write to it." in ended.err
    assert _value(stored) == b"1\n"
    protected("set", "a=2", "--confirm", "local", status=0)
    assert _value(protected) == b"2\n"
    protected("delete", "a", "--confirm", "local", status=0)
    assert protected("get", "-q", "a").status == 1


@pytest.mark.parametrize("is_protected", [True, False])
def test_the_name_of_another_target_is_refused(
    stored: Command, protected: Command, is_protected: bool
) -> None:
    command = protected if is_protected else stored
    ended = command("set", "a=2", "--confirm", "prod", status=2)
    assert b"--confirm prod: the target is local; nothing was sent" in ended.err
    assert _value(stored) == b"1\n"


def test_on_a_terminal_the_name_is_typed(protected: Command) -> None:
    screen = in_terminal(protected, "set", "a=2", typed=b"local\n", columns=400)
    assert screen.status == 0
    assert _ASKED in screen.text
    assert "Type the name of the target to continue:" in screen.text
    assert _value(protected) == b"2\n"


@pytest.mark.parametrize("typed", [b"y\n", b"\n", b"locale\n", b"\x04"])
def test_anything_else_changes_nothing(protected: Command, typed: bytes) -> None:
    screen = in_terminal(protected, "set", "a=2", typed=typed)
    assert screen.status == 2
    assert "that is not the name of target local: nothing was sent" in screen.text
    assert _value(protected) == b"1\n"


def test_nobody_is_asked_to_read_or_after_giving_the_name(protected: Command) -> None:
    assert _ASKED not in in_terminal(protected, "get", "a").text
    assert _ASKED not in in_terminal(protected, "set", "a=2", "--confirm", "local").text
    assert _ASKED not in in_terminal(protected, "set", "-n", "a=2").text


def test_a_variable_that_is_no_switch_is_refused(stored: Command) -> None:
    ended = stored.having(KVSCTL_READ_ONLY="maybe")("get", "a", status=2)
    assert b"KVSCTL_READ_ONLY: expected 1 or 0" in ended.err


@pytest.mark.parametrize(
    "words",
    [("set", "a=2"), ("delete", "a"), ("delete", "--prefix", "a"), ("expire", "a", "--ttl=1h")],
)
def test_a_dry_run_on_a_protected_target_warns_that_its_name_is_needed(
    stored: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    protected = _configured(stored, tmp_path, "protected = true")
    needed = b"target local is protected: without --confirm local"
    assert needed in protected(*words, "-n", status=0).err
    assert needed not in protected(*words, "-n", "--confirm", "local", status=0).err
    assert needed not in protected(*words, "-n", "-q", status=0).err


def test_a_dry_run_warns_of_a_url_that_the_run_refuses(kvsctl: Command) -> None:
    words = ("set", "a=1", "--url", "http://example.com")
    refusal = b"http:// to example.com is refused"
    assert refusal in kvsctl(*words, status=2).err
    assert refusal in kvsctl(*words, "-n", status=0).err
    assert refusal not in kvsctl(*words, "-n", "--allow-http", status=0).err
