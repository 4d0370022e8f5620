"""PREFIX and --prefix mean the same to every command that works on a store."""

import pytest

from tests.support.commands.command import Command

pytestmark = pytest.mark.slow


@pytest.fixture
def local(kvsctl: Command) -> Command:
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "-q", "user:1=1", "user:2=2", "page:1=3", status=0)
    return local


@pytest.mark.parametrize(
    "words", [("list",), ("export", "-q"), ("du", "--as", "json"), ("diff", "-q", "-f", "none")]
)
def test_both_choose_the_same(local: Command, words: tuple[str, ...]) -> None:
    (local.home / "none").touch()
    status = int(words[0] == "diff")
    argument = local(*words, "user:", folder=local.home, status=status).out
    assert local(*words, "--prefix", "user:", folder=local.home, status=status).out == argument
    assert argument not in (b"", local(*words, "--all", folder=local.home, status=status).out)
    refused = local(*words, "user:", "--prefix", "page:", folder=local.home, status=2)
    assert b"PREFIX and --prefix exclude each other" in refused.err
