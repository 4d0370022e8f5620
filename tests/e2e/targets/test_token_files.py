"""Token files on which a read could wait for ever."""

import os
from pathlib import Path

from tests.support.commands.command import Command
from tests.support.needs import IS_POSIX, only_on

pytestmark = only_on(IS_POSIX, "named pipes, and names of descriptors")
_URL = "http://127.0.0.1:1"


def test_a_named_pipe_is_refused_at_once(kvsctl: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = kvsctl("get", "--url", _URL, "--token-file", tmp_path / "pipe", "k", status=2)
    assert b"a read of a named pipe could wait for ever" in ended.err
    assert b"or a token command" in ended.err


def test_a_descriptor_is_read(kvsctl: Command) -> None:
    """The run gets as far as the target, which nobody serves."""
    reading, writing = os.pipe()
    os.write(writing, b"token\n")
    os.close(writing)
    try:
        given = ("--token-file", f"/dev/fd/{reading}", "--retries", "0", "--give-up-after", "1")
        ended = kvsctl("get", "--url", _URL, *given, "k", status=4)
    finally:
        os.close(reading)
    assert b"refused" in ended.err
