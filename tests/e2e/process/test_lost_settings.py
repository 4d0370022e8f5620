"""A job that lost its settings never works on the local database."""

import pytest

from tests.support.commands.command import Command
from tests.support.commands.pseudo_terminal import with_terminal_stderr

_MESSAGE = b"kvsctl: no target is chosen, and stderr is not a terminal\n"
_JOBS = [["set", "k=1"], ["get", "k"], ["delete", "k"], ["set", "-n", "k=1"]]


@pytest.mark.parametrize("words", _JOBS, ids=" ".join)
def test_without_a_terminal_and_a_target_nothing_is_done(kvsctl: Command, words: list[str]) -> None:
    ended = kvsctl(*words, status=2)
    assert ended.out == b""
    assert ended.err.startswith(_MESSAGE)
    assert b"--target or KVSCTL_TARGET" in ended.err
    assert list(kvsctl.home.iterdir()) == []


def test_a_process_with_an_empty_environment_is_refused(kvsctl: Command) -> None:
    assert kvsctl.process("set", "k=1", status=2).err.startswith(_MESSAGE)


@pytest.mark.parametrize("chosen", [["-t", "local"], []])
def test_a_chosen_local_target_is_used(kvsctl: Command, chosen: list[str]) -> None:
    command = kvsctl if chosen else kvsctl.having(KVSCTL_TARGET="local")
    command("set", "k=1", *chosen, status=0)
    assert kvsctl.database.exists()


def test_on_a_terminal_it_is_local(kvsctl: Command) -> None:
    assert b"1 succeeded" in with_terminal_stderr(kvsctl, "set", "-v", "k=1", status=0).err
    assert kvsctl.database.exists()


@pytest.mark.parametrize("name", ["KVSCTL_TOKEN", "FORGE_EGRESS_PROXY_URL"])
def test_on_a_terminal_left_over_settings_are_a_sign(kvsctl: Command, name: str) -> None:
    left = kvsctl.having(**{name: "http://x"})
    ended = with_terminal_stderr(left, "set", "k=1", status=2)
    assert b"no target is chosen, although " + name.encode() in ended.err
    assert not kvsctl.database.exists()
