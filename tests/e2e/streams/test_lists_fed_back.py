"""What list prints is read back as it was meant, or refused before anything is sent."""

import pytest

from tests.support.commands.command import Command


@pytest.fixture
def tables(kvsctl: Command) -> Command:
    """kvsctl on the embedded target, with records that have the names of headings, too."""
    local = kvsctl.having(KVSCTL_TARGET="local")
    local("set", "a=1", "key=5", "KEY=6", "tmp:1=7", "tmp:2=8", status=0)
    return local


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--as", "keys"), 0),
        (("--as", "jsonl"), 0),
        (("--as", "json"), 0),
        (("--long", "--as", "jsonl"), 0),
        (("--long", "--as", "csv"), 0),
        (("--as", "csv"), 2),
        (("--as", "table"), 2),
        (("--long",), 2),
    ],
)
def test_only_what_was_listed_is_deleted(
    tables: Command, options: tuple[str, ...], status: int
) -> None:
    listed = tables("list", "tmp:", *options, status=0).out
    ended = tables("delete", "-f", "-", "--json", stdin=listed, status=status)
    assert ended.report["succeeded"] == (0 if status else 2)
    left = b"" if status == 0 else b"tmp:1\ntmp:2\n"
    assert tables("list", status=0).out == b'"KEY"\na\n"key"\n' + left


def test_a_format_tells_a_header_from_a_key(tables: Command) -> None:
    listed = tables("list", "tmp:", "--as", "csv", status=0).out
    got = tables("get", "--values", "--format", "csv", stdin=listed, status=0).out
    assert got == b"7\n8\n"
    got = tables("get", "--values", "--format", "keys", stdin=listed, status=0).out
    assert got == b"5\n7\n8\n"
