"""What a selection chooses, by a plain model that shares nothing with the product."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias
from zlib import crc32

from hypothesis import strategies as st

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.records import DAY

Choice: TypeAlias = bool | None
"""Whether a record is chosen; None: nothing can be decided about it."""


@dataclass(frozen=True)
class Selector:
    """An option, and what it chooses of a record and the moment that ages count from.

    `by_key`: it looks at nothing but the identity. `time`: what an age takes as the time of a
    record, in epoch seconds; None: it is no age.
    """

    words: tuple[str, ...]
    chooses: Callable[[Identity, Row, float], Choice]
    by_key: bool = False
    time: Callable[[Identity, Row], float | None] | None = None


@dataclass(frozen=True)
class Choosing:
    """A selection. `takes_plain` and `takes_entity`: which records are listed at all."""

    selectors: tuple[Selector, ...]
    takes_plain: bool = True
    takes_entity: bool = False
    protects: bool = False

    @property
    def by_key(self) -> bool:
        """Whether a key alone decides."""
        return all(one.by_key for one in self.selectors)

    @property
    def needs_age(self) -> bool:
        """Whether ages count from some moment."""
        return any(word.endswith("-than") for one in self.selectors for word in one.words)

    @property
    def words(self) -> list[str]:
        """The options, but for `--protect`, which names a file."""
        words = [word for one in self.selectors for word in one.words]
        if self.takes_entity:
            words += ["--entity", "city", *(["--plain"] if self.takes_plain else [])]
        return words

    def has_key(self, identity: Identity) -> bool:
        """Return whether the key does not rule a record out."""
        is_listed = self.takes_plain if identity.entity is None else self.takes_entity
        is_protected = self.protects and is_protected_key(identity.key)
        row = Row(identity.key, b"null", 0, 0, None)
        by_key = [one for one in self.selectors if one.by_key]
        return (
            is_listed and not is_protected and all(one.chooses(identity, row, 0) for one in by_key)
        )

    def choice(self, identity: Identity, row: Row, cutoff: float) -> Choice:
        """Decide about a record. What fails one condition is not chosen, whatever others say."""
        if not self.has_key(identity):
            return False
        choices = [one.chooses(identity, row, cutoff) for one in self.selectors]
        if False in choices:
            return False
        return None if None in choices else True


PROTECTED: Final = "a1\nb3\nlog-*\n"


def is_protected_key(key: str) -> bool:
    """Return whether the file of `--protect` names a key."""
    return key in ("a1", "b3") or key.startswith("log-")


def _by_key(*words: str, chooses: Callable[[str], bool]) -> Selector:
    return Selector(words, lambda identity, _row, _cutoff: chooses(identity.key), by_key=True)


BASES: Final = (
    _by_key("--all", chooses=lambda _: True),
    _by_key("--prefix", "a", chooses=lambda key: key.startswith("a")),
    _by_key("--prefix", "b1", chooses=lambda key: key.startswith("b1")),
    _by_key("--match", "?[13579]*", chooses=lambda key: fnmatchcase(key, "?[13579]*")),
    _by_key("--match", "b*", chooses=lambda key: key.startswith("b")),
    _by_key("--regex", "^[al].*[02]$", chooses=lambda key: bool(re.search("^[al].*[02]$", key))),
)
_OF_KEYS: Final = (_by_key("--exclude", "*7", chooses=lambda key: not key.endswith("7")),)


def _shard(number: int, parts: int) -> Selector:
    """Return a part of the keys, by the hash that docs/input.md documents."""

    def chooses(identity: Identity, _row: Row, _cutoff: float) -> Choice:
        entity = "" if identity.entity is None else identity.entity + "\0"
        return crc32((entity + identity.key).encode()) % parts + 1 == number

    return Selector(("--shard", f"{number}/{parts}"), chooses, by_key=True)


def _time_in(value: Any) -> float | None:
    """Return a time as `--age-from` documents it: seconds, milliseconds or ISO 8601."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError:
            return None
    seconds = value if value < 10**10 else value / 1000
    return seconds if 10**9 <= seconds < 10**10 else None


def _member(row: Row, name: str) -> Any:
    value = json.loads(row.value)
    return value.get(name) if isinstance(value, dict) else None


def _older(seconds: float | None, cutoff: float) -> Choice:
    return None if seconds is None else seconds < cutoff - DAY


def _key_time(key: str) -> float | None:
    match = re.fullmatch(r"log-(\d{4}-\d\d-\d\d)", key)
    return datetime.fromisoformat(f"{match[1]}T00:00:00+00:00").timestamp() if match else None


def _n_is_large(row: Row) -> Choice:
    """Return what the expression `value.n` > 50 is: null for what is not a number."""
    n = _member(row, "n")
    return n > 50 if isinstance(n, int | float) and not isinstance(n, bool) else None


_DAY_OLD: Final = ("--older-than", "1d")


def updated_at(_identity: Identity, row: Row) -> float:
    """Return when a record was updated, in epoch seconds."""
    return row.updated / 1000


def _by_age(*words: str, time: Callable[[Identity, Row], float | None]) -> Selector:
    def chooses(identity: Identity, row: Row, cutoff: float) -> Choice:
        is_older = _older(time(identity, row), cutoff)
        return is_older if words[0] == "--older-than" or is_older is None else not is_older

    return Selector(words, chooses, time=time)


_OF_AGES: Final = (
    _by_age(*_DAY_OLD, time=updated_at),
    _by_age("--newer-than", "1d", time=updated_at),
    _by_age(*_DAY_OLD, "--by", "created", time=lambda _i, row: row.created / 1000),
    _by_age(*_DAY_OLD, "--age-from", "value.at", time=lambda _i, row: _time_in(_member(row, "at"))),
    _by_age(
        *_DAY_OLD,
        "--age-from",
        "key:log-%Y-%m-%d",
        time=lambda identity, _row: _key_time(identity.key),
    ),
)
_OF_VALUES: Final = (
    Selector(("--larger-than", "200"), lambda _i, row, _cutoff: len(row.value) > 200),
    Selector(("--where", "value.n > `50`"), lambda _i, row, _cutoff: _n_is_large(row)),
)
_NO_EXPIRY: Final = Selector(("--no-expiry",), lambda _i, row, _cutoff: row.expires is None)
_EXPIRED: Final = Selector(
    ("--expired",),
    lambda _i, row, cutoff: row.expires is not None and row.expires / 1000 < cutoff,
)


@st.composite
def choosings(
    draw: st.DrawFn, *, of_live_records: bool = False, has_shards: bool = True
) -> Choosing:
    """Selections. `of_live_records`: for commands that leave expired records alone."""
    selectors = [draw(st.sampled_from(BASES))]
    if draw(st.booleans()):
        selectors.append(draw(st.sampled_from(_OF_KEYS)))
    if draw(st.integers(0, 2)) == 0:
        selectors.append(draw(st.sampled_from(_OF_AGES)))
    if draw(st.integers(0, 2)) == 0:
        selectors.append(draw(st.sampled_from(_OF_VALUES)))
    if draw(st.integers(0, 2)) == 0:
        selectors.append(
            _NO_EXPIRY if of_live_records else draw(st.sampled_from([_NO_EXPIRY, _EXPIRED]))
        )
    if has_shards and draw(st.integers(0, 3)) == 0:
        parts = draw(st.integers(2, 3))
        selectors.append(_shard(draw(st.integers(1, parts)), parts))
    spaces = draw(st.sampled_from([(True, False)] * 4 + [(False, True), (True, True)]))
    return Choosing(tuple(selectors), *spaces, protects=draw(st.integers(0, 3)) == 0)
