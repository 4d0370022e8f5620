"""The lines of a plan as the input of a job: records that are known again by their hash."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kvsctl import codes
from kvsctl.blake2 import blake2b
from kvsctl.bulk.feeds import Feed, ReadyFeed
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.actions import body_with_ttl
from kvsctl.jobs.inputs import Session
from kvsctl.journal.fingerprint import Fingerprint, fingerprint
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Found, Identity, PieceList, Problem, Record, Verb
from kvsctl.outputs.plan_lines import DELETE, EXPIRE, PLAN_VERSION, record_hash
from kvsctl.records.checks import Breach
from kvsctl.records.parsed import Parsed, Rejected
from kvsctl.records.parsing.records import key_record
from kvsctl.records.reader import Reader
from kvsctl.records.sources import File
from kvsctl.records.ttl import Ttl, parse_ttl
from kvsctl.report.document import InputRead, inputs_read
from kvsctl.service.found import is_past
from kvsctl.service.wire import key_body

_CHUNK_BYTES: Final = 1 << 20
_ONLY_PLANS: Final = "Give the lines that --plan wrote, all of them or some."


class PlanLine(msgspec.Struct, frozen=True, gc=False):
    """The members of a line of a plan: see `outputs.plan_lines`. Others are ignored."""

    plan: int
    action: str
    target: str
    key: str
    hash: str
    installation: str | None = None
    ttl: str | dict[str, Any] | None = None
    entityName: str | None = None  # noqa: N815 - the name of the member
    updatedAt: int | None = None  # noqa: N815


class PlannedRecord(Record, gc=False, kw_only=True):
    """A record that is changed only if it is still what its plan was made for.

    `hash` and `updated_at` are those of the plan; None: the plan does not know the time. `ttl` is
    what it gets; None: it is deleted. `earlier_expiry`: its expiry before the first attempt.
    """

    hash: str
    updated_at: int | None
    ttl: Ttl | None = None
    earlier_expiry: str | None = None

    @property
    def verb(self) -> Verb:
        """The operation that carries out its line."""
        return Verb.DELETE if self.ttl is None else Verb.SET


def is_as_planned(record: Record, found: Found, service_now: float) -> bool:
    """Return whether what batch/get returned for a planned record is what the plan was made for.

    A record that has expired gets no ttl: to write it would bring it back.
    """
    assert isinstance(record, PlannedRecord)  # noqa: S101
    times = record.updated_at, found.updated_at
    has_changed = None not in times and times[0] != times[1]
    is_gone = record.ttl is not None and is_past(found.expire_time, service_now)
    return not (has_changed or is_gone) and record_hash(record.identity, found) == record.hash


class PlannedExpiry:
    """A Rewrite that gives planned records their ttl. Their values are written as they are."""

    def body(self, record: Record, found: Found) -> bytes:
        """See Rewrite."""
        assert isinstance(record, PlannedRecord)  # noqa: S101
        assert record.ttl is not None  # noqa: S101
        if not record.ambiguous:
            record.earlier_expiry = found.expire_time
        return body_with_ttl(record.identity, found.value, record.ttl)

    def is_done(self, record: Record, found: Found) -> bool:
        """See Rewrite: the same value expires at another time than before."""
        assert isinstance(record, PlannedRecord)  # noqa: S101
        before = replace(found, expire_time=record.earlier_expiry)
        is_same = record_hash(record.identity, before) == record.hash
        return is_same and found.expire_time not in (None, record.earlier_expiry)


_line_of = msgspec.json.Decoder(PlanLine).decode


def parsed(piece: bytes) -> Parsed | Rejected:
    """Parse a line of a plan. The body of the result is the line."""
    try:
        line = _line_of(piece)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        message = f"not a line of a plan: {_shown(error)}"
        return Rejected(Breach(codes.INVALID_JSON, message), readable=False)
    if (breach := _wrong_action(line)) is not None:
        return Rejected(breach)
    record = key_record(_identity(line), DEFAULT_LIMITS, is_plain=True)
    return record if isinstance(record, Rejected) else Parsed(record.identity, piece)


def _wrong_action(line: PlanLine) -> Breach | None:
    if line.plan != PLAN_VERSION or line.action == DELETE:
        return None
    if line.action != EXPIRE:
        known = f"known actions: {DELETE}, {EXPIRE}"
        return Breach(codes.INVALID_JSON, f"unknown action {quoted(line.action)}; {known}")
    ttl = parse_ttl(line.ttl, DEFAULT_LIMITS)
    return ttl if isinstance(ttl, Breach) else None


def _shown(error: Exception) -> str:
    """Return why a line cannot be read, without anything of its values."""
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _identity(line: PlanLine) -> Identity:
    return Identity(line.entityName, line.key)


def plan_lines(path: Path | None) -> Iterator[PlanLine]:
    """Yield the lines of a plan in a file, or on stdin. Raise UsageError for any other line."""
    file = File(path)
    file.require_readable()
    for pieces in Reader([file], lambda _: parsed):
        for piece in pieces:
            if isinstance(piece, Problem):
                raise UsageError(f"{piece.origin}: {piece.message}", _ONLY_PLANS)
            yield _line_of(piece.body)


class Kept:
    """What was read from stdin, in a file without a name. It ends with this object."""

    def __init__(self, fd: int, hash_: str) -> None:
        self.fd = fd
        self.hash = hash_

    def __del__(self) -> None:
        os.close(self.fd)


class PlanInput(msgspec.Struct, frozen=True):
    """A plan for `target` as the input of a job. It can be read more than once.

    `kept`: what stdin had; None for a file.
    """

    reader: Reader
    target: Target
    kept: Kept | None = None

    @classmethod
    def of(cls, path: Path | None, target: Target) -> "PlanInput":
        """Return the plan in a file, or on stdin, which is read to its end. Raise UsageError."""
        kept = _kept_stdin() if path is None else None
        file = File(path, descriptor=0 if kept is None else kept.fd)
        file.require_readable()
        return cls(Reader([file], lambda _: parsed), target, kept)

    def feed(self, session: Session | None = None) -> Feed:
        """See JobInput. Reading it raises UsageError at a line that is not for `target`."""
        del session
        return ReadyFeed(self._planned())

    def fraction_read(self) -> float | None:
        """See JobInput."""
        return self.reader.fraction_read()

    @property
    def is_typed(self) -> bool:
        """See JobInput."""
        return False

    @property
    def places(self) -> Sequence[Path | int]:
        """See JobInput."""
        return [source.place for source in self.reader.sources if source.place is not None]

    @property
    def is_listing(self) -> bool:
        """See JobInput."""
        return False

    @property
    def single_use(self) -> str | None:
        """See JobInput."""
        return None if self.kept is not None else self._single_use

    @property
    def _single_use(self) -> str | None:
        [file] = self.reader.sources
        return None if file.is_rereadable else file.label

    def fingerprint(self) -> list[Fingerprint]:
        """See JobInput."""
        if self.kept is None:
            return fingerprint(self.reader.sources)
        size = os.fstat(self.kept.fd).st_size
        return [{"kind": "plan on stdin", "size": size, "ends": self.kept.hash}]

    def inputs_read(self) -> list[InputRead]:
        """See JobInput."""
        return inputs_read(self.reader.sources)

    def warnings(self) -> list[str]:
        """See JobInput."""
        return []

    def _planned(self) -> Iterable[PieceList]:
        if self.kept is not None:
            os.lseek(self.kept.fd, 0, os.SEEK_SET)
        for pieces in self.reader:
            yield [self._record(piece) for piece in pieces]

    def _record(self, piece: Record | Problem) -> PlannedRecord:
        if isinstance(piece, Problem):
            raise UsageError(f"{piece.origin}: {piece.message}; nothing was changed", _ONLY_PLANS)
        line = _line_of(piece.body)
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
                f"{piece.origin}: a plan of version {line.plan}, and this kvsctl knows "
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
