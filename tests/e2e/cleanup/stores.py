"""Filled stores of both kinds, for tests of clean-up commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvsctl.emulator import embedded
from tests.support.commands.command import Command
from tests.support.commands.server import served

STORE_KINDS = ["embedded", "server"]


@contextmanager
def filled(kind: str, kvsctl: Command, folder: Path, *records: str | Path) -> Iterator[Command]:
    """Yield kvsctl with a store of a kind that holds what `set -f FILE [KEY=VALUE]...` sets."""
    if kind == "embedded":
        command = kvsctl.having(KVSCTL_TARGET="local")
        command("set", "-q", "-f", *records, status=0)
        yield command
        return
    with served(embedded(folder / "served.db")) as url:
        command = kvsctl.having(KVSCTL_URL=url)
        command("set", "-q", "-f", *records, status=0)
        yield command
