"""Records and problems for tests that do not read any input."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.slabs import Slab


def identity(name: str) -> Identity:
    """A plain key, or with `entity/key` a record of an entity."""
    entity, slash, key = name.partition("/")
    return Identity(entity, key) if slash else Identity(None, name)


def moment(epoch_seconds: float | None) -> datetime | None:
    """Return a time as records have it."""
    return None if epoch_seconds is None else datetime.fromtimestamp(epoch_seconds, UTC)


def record(
    position: int, name: str = "k", *, body_bytes: int = 0, expires_at: float | None = None
) -> Record:
    """A set record whose value is its position; `body_bytes`: padded to this size."""
    body = b'{"key":"%b","value":%d}' % (name.encode(), position)
    return Record(
        position,
        "in.jsonl",
        position + 1,
        identity(name),
        body + b" " * (body_bytes - len(body)),
        moment(expires_at),
    )


def problem(position: int, name: str | None = None) -> Problem:
    """A line that broke a rule."""
    whose = None if name is None else identity(name)
    origin = Origin("in.jsonl", position + 1)
    return Problem(position, origin, whose, "INVALID_KEY", "no such key", b"{}")


def slab(
    position: int,
    names: Sequence[str],
    *,
    body_bytes: int = 0,
    expiries: Sequence[float | None] | None = None,
) -> Slab:
    """Consecutive set records, each as `record` makes it."""
    return slab_of(
        [
            record(position + place, name, body_bytes=body_bytes, expires_at=expiry)
            for place, (name, expiry) in enumerate(
                zip(names, expiries or [None] * len(names), strict=True)
            )
        ],
        position,
    )


def slab_of(records: Sequence[Record], position: int = 0) -> Slab:
    """Return consecutive records of one source as a slab."""
    return Slab(
        records[0].position if records else position,
        records[0].source if records else "in.jsonl",
        [one.line for one in records],
        [one.identity.key for one in records],
        [one.body for one in records],
        [one.identity.entity for one in records],
        [one.expires_at for one in records],
    )


def as_slabs(pieces: Sequence[Record | Problem]) -> list[Slab | list[Record | Problem]]:
    """Return the same pieces, with consecutive records in slabs, as a reader gives them."""
    parts: list[Slab | list[Record | Problem]] = []
    for kind, run in groupby(pieces, type):
        some = list(run)
        records = [one for one in some if isinstance(one, Record)]
        parts.append(slab_of(records) if kind is Record else some)
    return parts
