"""Take what an export writes, and write its manifest at the end."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from kvsctl.backups.digest import uncompressed
from kvsctl.backups.manifest import Facts
from kvsctl.backups.writer import ManifestWriter
from kvsctl.errors import StreamError, UsageError
from kvsctl.files.claims import (
    require_claimable,
    require_unused,
    require_writable,
    resolved,
)
from kvsctl.files.sinks import ByteSink, part_path

_WHAT: Final = "the manifest"


class ExportManifest:
    """Takes what an export writes, and writes its manifest to `path` once it is complete.

    `facts` say what is exported; their `read_until` is taken from the clock at the end. Raise
    UsageError if the manifest could not be written.
    """

    def __init__(self, path: Path, facts: Facts) -> None:
        _require_possible(path)
        self._path = path
        self._facts = facts
        self._writer = ManifestWriter()

    def over(self, sink: ByteSink, part: Path | None) -> ByteSink:
        """Return a sink that passes on what it takes, and adds it to the manifest's digest.

        `part` is the file that earlier runs have written, which is read again; None: there is none.
        Raise UsageError or StreamError if that fails.
        """
        if part is not None:
            self._writer.take_all(uncompressed(part))
        return _Remembering(sink, self._writer)

    def write(self) -> StreamError | None:
        """Write the manifest. Return the error if that fails."""
        try:
            facts = replace(self._facts, read_until=datetime.now(UTC))
            self._writer.write_to(self._path, facts)
        except StreamError as error:
            return error
        except UsageError as error:  # when the export began, it was possible
            return StreamError(error.message, error.hint)
        return None


def _require_possible(path: Path) -> None:
    """Raise UsageError if the manifest could not be written at the end. Change nothing."""
    real = resolved(path)
    require_writable(real if path.is_symlink() else path)
    if real.exists() and not real.is_file():
        raise UsageError(f"cannot write the manifest to {path}: not a regular file")
    require_unused(real, _WHAT)
    require_claimable(part_path(path), _WHAT)


class _Remembering:
    """A sink that also passes every chunk to the writer of a manifest."""

    def __init__(self, sink: ByteSink, writer: ManifestWriter) -> None:
        self._sink = sink
        self._writer = writer

    @property
    def broken(self) -> OSError | None:
        """See ByteSink."""
        return self._sink.broken

    @property
    def pending_bytes(self) -> int:
        """See ByteSink."""
        return self._sink.pending_bytes

    @property
    def lost_bytes(self) -> int:
        """See ByteSink."""
        return self._sink.lost_bytes

    def write(self, chunk: bytes) -> None:
        """See ByteSink."""
        self._writer.take(chunk)
        self._sink.write(chunk)

    def complete(self) -> None:
        """See ByteSink."""
        self._sink.complete()

    def abandon(self) -> None:
        """See ByteSink."""
        self._sink.abandon()
