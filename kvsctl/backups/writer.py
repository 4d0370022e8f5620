"""Write a manifest once its export is complete."""

from collections.abc import Iterable
from pathlib import Path

from kvsctl.backups.digest import RunningDigest
from kvsctl.backups.manifest import Facts, Manifest, encode, manifest_path
from kvsctl.errors import StreamError
from kvsctl.files.sinks import PartFile


class ManifestWriter:
    """Takes the uncompressed records of an export, and writes its manifest at the end.

    Give `take` each chunk that is written to the export, before it is compressed. A resumed export
    first gives `take_all` what earlier runs have written: `digest.uncompressed(part)` yields it.
    Call `write` after the export is complete, so that an incomplete one never has a manifest.
    """

    def __init__(self) -> None:
        self._digest = RunningDigest()

    def take(self, chunk: bytes) -> None:
        """Take the next uncompressed bytes of the export."""
        self._digest.take(chunk)

    def take_all(self, chunks: Iterable[bytes]) -> None:
        """Take several chunks, in their order."""
        for chunk in chunks:
            self._digest.take(chunk)

    def write(self, export: Path, facts: Facts) -> None:
        """Write the manifest beside an export, synced to disk. Raise StreamError."""
        self.write_to(manifest_path(export), facts)

    def write_to(self, path: Path, facts: Facts) -> None:
        """Write the manifest to `path`, synced to disk. Raise StreamError."""
        part = PartFile(path)
        part.write(encode(Manifest(self._digest.result(), facts)))
        part.complete()
        if part.broken is not None:
            raise StreamError(f"cannot write the manifest to {path}: {part.broken.strerror}")
