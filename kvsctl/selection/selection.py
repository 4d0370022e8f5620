"""All selectors of a command together."""

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kvsctl.selection.moments import Age, Moment, epoch_of
from kvsctl.selection.patterns import Pattern
from kvsctl.selection.prefixes import covering, within

if TYPE_CHECKING:
    from kvsctl.shards import Shard  # few jobs are one of several


class Verdict(Enum):
    """Whether a record is chosen."""

    CHOSEN = "chosen"
    NOT_CHOSEN = "not chosen"
    UNDECIDED = "undecided"
    """A selector needs metadata that is not known."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is known of a record besides its key. Times are epoch seconds; None: not known.

    `has_expiry` None: it is not known whether the record has a ttl. `expires_at` is None for a
    record without one.
    """

    value_bytes: int | None = None
    created_at: float | None = None
    updated_at: float | None = None
    has_expiry: bool | None = None
    expires_at: float | None = None


class AgeFrom(Enum):
    """The time that a record's age counts from."""

    CREATED = "created"
    UPDATED = "updated"


class Selection(msgspec.Struct, frozen=True):
    """The records that a command works on. All conditions must hold; without any, all records.

    A key must begin with `prefix`, match one of `matches` if there are any, one of `regexes` if
    there are any, and none of `excludes`. `older_than` and `newer_than` are compared with the time
    that `age_from` names. `larger_than` is bytes of the value. `shard`: the keys of this part.
    """

    prefix: str = ""
    matches: Sequence[Pattern] = ()
    regexes: Sequence[Pattern] = ()
    excludes: Sequence[Pattern] = ()
    age_from: AgeFrom = AgeFrom.UPDATED
    older_than: Moment | None = None
    newer_than: Moment | None = None
    is_expired: bool = False
    has_no_expiry: bool = False
    larger_than: int | None = None
    shard: "Shard | None" = None

    @property
    def prefixes(self) -> list[str]:
        """The prefixes that cover every key that may be chosen; none covers another.

        An empty list: no key can be chosen.
        """
        prefixes = [self.prefix]
        for patterns in (self.matches, self.regexes):
            if patterns:
                others = covering(pattern.prefix for pattern in patterns)
                prefixes = covering(one for prefix in prefixes for one in within(prefix, others))
        return prefixes

    @property
    def needs_age(self) -> bool:
        """Whether it must be known when a record was created or updated."""
        return self.older_than is not None or self.newer_than is not None

    @property
    def counts_back(self) -> bool:
        """Whether what is chosen depends on when it is decided, because of an age."""
        return isinstance(self.older_than, Age) or isinstance(self.newer_than, Age)

    def counted_from(self, now: float) -> "Selection":
        """Return the selection whose ages count back from `now`, whenever it is applied."""
        older, newer = self.older_than, self.newer_than
        return replace(
            self,
            older_than=None if older is None else epoch_of(older, now),
            newer_than=None if newer is None else epoch_of(newer, now),
        )

    @property
    def needs_expiry(self) -> bool:
        """Whether it must be known when a record expires."""
        return self.is_expired or self.has_no_expiry

    @property
    def is_of_keys_only(self) -> bool:
        """Whether the entity and the key alone decide."""
        return not (self.needs_age or self.needs_expiry or self.larger_than is not None)

    @property
    def is_of_prefix_only(self) -> bool:
        """Whether every key that begins with `prefix` is chosen."""
        has_patterns = bool(self.matches or self.regexes or self.excludes)
        return self.is_of_keys_only and not has_patterns and self.shard is None

    def chooses_key(self, entity: str | None, key: str) -> bool:
        """Return whether a key of an entity meets every condition on keys; None: a plain key."""
        return (
            key.startswith(self.prefix)
            and (not self.matches or any(one.matches(key) for one in self.matches))
            and (not self.regexes or any(one.matches(key) for one in self.regexes))
            and not any(one.matches(key) for one in self.excludes)
            and (self.shard is None or self.shard.has_key(entity, key))
        )

    def judge(self, entity: str | None, key: str, known: Known, now: float) -> Verdict:
        """Decide about a record of an entity; None: a plain one.

        `now`: the service's time in epoch seconds.

        A record that fails one condition is not chosen, even if others cannot be decided.
        """
        if not self.chooses_key(entity, key):
            return Verdict.NOT_CHOSEN
        tests = (self._is_large(known), self._is_of_age(known, now), self._has_expiry(known, now))
        if False in tests:
            return Verdict.NOT_CHOSEN
        return Verdict.UNDECIDED if None in tests else Verdict.CHOSEN

    def _is_large(self, known: Known) -> bool | None:
        if self.larger_than is None:
            return True
        return None if known.value_bytes is None else known.value_bytes > self.larger_than

    def _is_of_age(self, known: Known, now: float) -> bool | None:
        if not self.needs_age:
            return True
        time = known.created_at if self.age_from is AgeFrom.CREATED else known.updated_at
        if time is None:
            return None
        is_old = self.older_than is None or time < epoch_of(self.older_than, now)
        return is_old and (self.newer_than is None or time >= epoch_of(self.newer_than, now))

    def _has_expiry(self, known: Known, now: float) -> bool | None:
        if not self.needs_expiry:
            return True
        if known.has_expiry is None:
            return None
        is_past = known.expires_at is not None and known.expires_at <= now
        if self.is_expired and not is_past:
            return False
        return not (self.has_no_expiry and known.has_expiry)
