"""Exports with manifests, for tests."""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from kvsctl.backups.manifest import Facts
from kvsctl.backups.writer import ManifestWriter

FACTS = Facts(
    target="prod",
    installation=None,
    selection={"prefix": "user:"},
    entities=["city"],
    has_plain_keys=True,
    read_from=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    read_until=datetime(2026, 1, 2, 3, 5, tzinfo=UTC),
)


def write_export(path: Path, lines: Sequence[bytes], facts: Facts = FACTS) -> Path:
    """Write lines to a file, compressed if its name says so, and its manifest beside it."""
    writer = ManifestWriter()
    writer.take_all(lines)
    content = b"".join(lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    writer.write(path, facts)
    return path
