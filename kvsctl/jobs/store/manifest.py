"""Write the manifest of an export."""

from datetime import UTC, datetime

from kvsctl.backups.digest import uncompressed
from kvsctl.backups.manifest import Facts
from kvsctl.backups.writer import ManifestWriter
from kvsctl.errors import StreamError, UsageError
from kvsctl.files.claims import require_unused, resolved
from kvsctl.files.sinks import ByteSink, part_path
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.listing import ListingInput
from kvsctl.journal.state import JournalState
from kvsctl.report.document import About, require_writable


class ExportManifest:
    """Takes what an export writes, and writes its manifest once it is complete.

    Raise UsageError if the manifest could not be written.
    """

    def __init__(self, job: BatchJob, about: About) -> None:
        if job.records is not None and job.records.manifest_path is not None:
            require_writable(job.records.manifest_path)
            require_unused(resolved(job.records.manifest_path), "the manifest")
        self._job = job
        self._about = about
        self._writer = ManifestWriter()

    def over(self, sink: ByteSink, state: JournalState | None) -> ByteSink:
        """Return a sink that passes on what it takes, and remembers it for the manifest.

        With `state`, what earlier runs have written is read again. Raise UsageError or StreamError
        if that fails.
        """
        path = None if self._job.records is None else self._job.records.path
        if state is not None and path is not None and state.output_bytes:
            self._writer.take_all(uncompressed(part_path(path)))
        return _Remembering(sink, self._writer)

    def write(self) -> StreamError | None:
        """Write the manifest. Return the error if that fails."""
        job, records = self._job, self._job.records
        assert records is not None  # noqa: S101
        assert records.manifest_path is not None  # noqa: S101
        assert job.listing is not None  # noqa: S101
        assert isinstance(job.input, ListingInput)  # noqa: S101
        spaces = job.listing.spaces
        facts = Facts(
            target=self._about.target,
            installation=job.target.installation,
            selection=job.input.selection,
            entities=[space.entity for space in spaces if space is not None],
            has_plain_keys=None in spaces,
            read_from=self._about.started_at,
            read_until=datetime.now(UTC),
        )
        try:
            self._writer.write_to(records.manifest_path, facts)
        except StreamError as error:
            return error
        except UsageError as error:  # it could have been written when the export began
            return StreamError(error.message, error.hint)
        return None


class _Remembering:
    """A sink that also passes what it takes to the writer of a manifest."""

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
