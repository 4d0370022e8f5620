"""Records and problems for tests that do not read any input."""

from collections.abc import Sequence
from itertools import groupby

from kvsctl.model import Identity, Origin, Problem, Record
from kvsctl.slabs import Slab


def identity(name: str) -> Identity:
    """A plain key, or with `entity/key` a record of an entity."""
    entity, slash, key = name.partition("/")
    return Identity(entity, key) if slash else Identity(None, name)


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
        expires_at,
    )


def problem(position: int, name: str | None = None) -> Problem:
    """A line that broke a rule."""
    whose = None if name is None else identity(name)
    origin = Origin("in.jsonl", position + 1)
    return Problem(position, origin, whose, "INVALID_KEY", "no such key", b"{}")


def slab(position: int, names: Sequence[str], *, body_bytes: int = 0) -> Slab:
    """Consecutive set records without an entity, each as `record` makes it."""
    records = [
        record(position + place, name, body_bytes=body_bytes) for place, name in enumerate(names)
    ]
    lines = range(position + 1, position + 1 + len(names))
    return Slab(position, "in.jsonl", lines, list(names), [one.body for one in records])


def as_slabs(pieces: Sequence[Record | Problem]) -> list[Slab | list[Record | Problem]]:
    """Return the same pieces, with records that may be in a slab in one, as a reader gives them."""
    parts: list[Slab | list[Record | Problem]] = []
    for is_plain, run in groupby(pieces, _is_plain):
        some = list(run)
        records = [one for one in some if isinstance(one, Record)]
        if not is_plain:
            parts.append(some)
            continue
        first = records[0]
        keys = [one.identity.key for one in records]
        lines = [one.line for one in records]
        bodies = [one.body for one in records]
        parts.append(Slab(first.position, first.source, lines, keys, bodies))
    return parts


def _is_plain(piece: Record | Problem) -> bool:
    return isinstance(piece, Record) and piece.identity.entity is None and piece.expires_at is None
