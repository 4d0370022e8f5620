"""A plan as the input of a job."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from kvsctl.blake2 import blake2b
from kvsctl.bulk.feeds import Feed, ReadyFeed
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.plans.lines import ONLY_PLANS, PlanLine, line_of, parsed, plan_file
from kvsctl.jobs.cleanup.plans.records import PlannedRecord
from kvsctl.jobs.inputs import Emit, ReaderInput, Session, to_nobody
from kvsctl.journal.fingerprint import Fingerprint
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import PieceList, Problem, Record
from kvsctl.outputs.plan_lines import DELETE, PLAN_VERSION
from kvsctl.records.checks import Breach
from kvsctl.records.reader import Reader
from kvsctl.records.ttl import parse_ttl
from kvsctl.service.wire import key_body

_CHUNK_BYTES: Final = 1 << 20


class Kept:
    """The content of stdin, in an unnamed file that is closed with this object."""

    def __init__(self, fd: int, hash_: str) -> None:
        self.fd = fd
        self.hash = hash_

    def __del__(self) -> None:
        os.close(self.fd)


class PlanInput(ReaderInput, frozen=True, kw_only=True):
    """A plan for `target` as the input of a job. It can be read more than once.

    `kept`: the content of stdin; None for a file.
    """

    target: Target
    kept: Kept | None = None

    @classmethod
    def of(cls, path: Path | None, target: Target) -> "PlanInput":
        """Return the plan in a file, or on stdin, which is read to its end. Raise UsageError."""
        kept = _kept_stdin() if path is None else None
        file = plan_file(path, 0 if kept is None else kept.fd)
        file.require_readable()
        return cls(Reader([file], lambda _: parsed), target=target, kept=kept)

    def feed(self, session: Session | None = None, emit: Emit = to_nobody) -> Feed:
        """See JobInput. Reading it raises UsageError at a line that is not for `target`."""
        del session, emit
        return ReadyFeed(self._planned())

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        return super().single_use if self.kept is None else None

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput."""
        if self.kept is None:
            return super().fingerprint()
        size = os.fstat(self.kept.fd).st_size
        return [{"kind": "plan on stdin", "size": size, "ends": self.kept.hash}]

    def _planned(self) -> Iterable[PieceList]:
        if self.kept is not None:
            os.lseek(self.kept.fd, 0, os.SEEK_SET)
        for pieces in self.reader:
            yield [self._record(piece) for piece in pieces]

    def _record(self, piece: Record | Problem) -> PlannedRecord:
        if isinstance(piece, Problem):
            raise UsageError(f"{piece.origin}: {piece.message}; nothing was changed", ONLY_PLANS)
        line = line_of(piece.body)
        self._require_for_target(line, piece)
        ttl = None if line.action == DELETE else parse_ttl(line.ttl, DEFAULT_LIMITS)
        assert not isinstance(ttl, Breach)  # noqa: S101
        return PlannedRecord(
            piece.position,
            piece.source,
            piece.line,
            piece.identity,
            key_body(piece.identity),
            hash=line.hash,
            updated_at=line.updatedAt,
            ttl=ttl,
        )

    def _require_for_target(self, line: PlanLine, piece: Record) -> None:
        if line.plan != PLAN_VERSION:
            raise UsageError(
                f"{piece.origin}: the plan has version {line.plan}, but this kvsctl supports "
                f"{PLAN_VERSION}: nothing was changed",
                "Use the kvsctl that wrote it, or a newer one.",
            )
        target = self.target
        for name, one, other in (
            ("target", line.target, target.display),
            ("installation", line.installation, target.installation),
        ):
            if one != other:
                raise UsageError(
                    f"{piece.origin}: the {name} of the plan is {one or 'none'}, but that of the "
                    f"command is {other or 'none'}: nothing was changed",
                    "Give the target that the plan was made for, by the same name.",
                )


def _kept_stdin() -> Kept:
    """Read stdin to its end into a temporary file. Raise UsageError."""
    digest = blake2b(digest_size=16)
    try:
        with tempfile.TemporaryFile() as file:
            while chunk := os.read(0, _CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            return Kept(os.dup(file.fileno()), digest.hexdigest())
    except OSError as error:
        raise UsageError(f"cannot keep the plan on stdin: {error.strerror}") from error
