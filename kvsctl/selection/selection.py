"""All selectors of a command together."""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kvsctl.selection.content.candidate import Candidate
from kvsctl.selection.moments import Age, Moment, epoch_of
from kvsctl.selection.patterns import Pattern
from kvsctl.selection.prefixes import covering, within

if TYPE_CHECKING:
    from kvsctl.selection.content.ages import AgeSource
    from kvsctl.selection.content.expressions import Expression
    from kvsctl.selection.protected import Protected
    from kvsctl.shards import Shard  # few jobs are one of several


class Verdict(Enum):
    """Whether a record is chosen."""

    CHOSEN = "chosen"
    NOT_CHOSEN = "not chosen"
    UNDECIDED = "undecided"
    """The record does not hold what a selector needs. It is left alone."""
    LACKING = "lacking"
    """A selector needs data that is not known: reading the record by batch/get may give it."""


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is known of a record, apart from its key. Times are epoch seconds; None: not known.

    `has_expiry` None: it is not known whether the record has a ttl. `expires_at` and its text,
    `expire_time`, are None for a record without a ttl. `value` is JSON.
    """

    value_bytes: int | None = None
    created_at: float | None = None
    updated_at: float | None = None
    has_expiry: bool | None = None
    expires_at: float | None = None
    expire_time: str | None = None
    value: bytes | msgspec.Raw | None = None


class AgeFrom(Enum):
    """The time that a record's age counts from."""

    CREATED = "created"
    UPDATED = "updated"


class Selection(msgspec.Struct, frozen=True):
    """The records that a command works on. All conditions must hold; without any, all records.

    A key must begin with `prefix`, match one of `matches` if there are any, one of `regexes` if
    there are any, and none of `excludes`, and must not be `protected`. `older_than` and
    `newer_than` are compared with the time that `age_from` names. `larger_than` is bytes of the
    value. `shard`: the keys of this part. All of `where` must be true. `named` returns the key that
    expressions and ages see instead, or None for a key that cannot be chosen.
    """

    prefix: str = ""
    matches: Sequence[Pattern] = ()
    regexes: Sequence[Pattern] = ()
    excludes: Sequence[Pattern] = ()
    age_from: "AgeFrom | AgeSource" = AgeFrom.UPDATED
    older_than: Moment | None = None
    newer_than: Moment | None = None
    is_expired: bool = False
    has_no_expiry: bool = False
    larger_than: int | None = None
    shard: "Shard | None" = None
    where: "Sequence[Expression]" = ()
    protected: "Protected | None" = None
    named: Callable[[str], str | None] | None = None

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

    def prefixes_in(self, entity: str | None) -> list[str]:
        """Return the prefixes that cover what may be chosen of an entity: the same for all."""
        del entity
        return self.prefixes

    @property
    def needs_age(self) -> bool:
        """Whether a time of the record decides, wherever it is kept."""
        return self.older_than is not None or self.newer_than is not None

    @property
    def counts_back(self) -> bool:
        """Whether the choice depends on the time when it is made, because of an age."""
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
    def needs_created(self) -> bool:
        """Whether the creation time of a record must be known."""
        return (self.needs_age and self.age_from is AgeFrom.CREATED) or self._reads("createdAt")

    @property
    def needs_updated(self) -> bool:
        """Whether the time of a record's last update must be known."""
        return (self.needs_age and self.age_from is AgeFrom.UPDATED) or self._reads("updatedAt")

    @property
    def needs_expiry(self) -> bool:
        """Whether the expiry of a record must be known."""
        return self.is_expired or self.has_no_expiry or self._reads("expireTime")

    @property
    def is_of_keys_only(self) -> bool:
        """Whether the entity and the key alone decide, for every key."""
        needs_more = self.needs_age or self.is_expired or self.has_no_expiry or self.where
        return not (needs_more or self.larger_than is not None)

    @property
    def is_of_prefix_only(self) -> bool:
        """Whether every key that begins with `prefix` is chosen."""
        has_patterns = bool(self.matches or self.regexes or self.excludes)
        has_more = has_patterns or self.shard is not None or self.protected is not None
        return self.is_of_keys_only and not has_more

    def _reads(self, member: str) -> bool:
        return any(member in one.members for one in self.where)

    def chooses_key(self, entity: str | None, key: str) -> bool:
        """Return whether a key of an entity meets every condition on keys; None: a plain key."""
        return (
            key.startswith(self.prefix)
            and (not self.matches or any(one.matches(key) for one in self.matches))
            and (not self.regexes or any(one.matches(key) for one in self.regexes))
            and not any(one.matches(key) for one in self.excludes)
            and (self.shard is None or self.shard.has_key(entity, key))
            and not (self.protected is not None and key in self.protected)
        )

    def judge(self, entity: str | None, key: str, known: Known, now: float) -> Verdict:
        """Decide about a record of an entity; None: a plain one.

        `now`: the service's time in epoch seconds.

        A record that fails one condition is not chosen, even if others cannot be decided.
        """
        if not self.chooses_key(entity, key):
            return Verdict.NOT_CHOSEN
        verdict = self._by_metadata(known, now)
        if verdict is Verdict.NOT_CHOSEN or not self._looks_inside:
            return verdict
        name = key if self.named is None else self.named(key)
        if name is None:
            return Verdict.NOT_CHOSEN
        record = Candidate(entity, name, known)
        for one in self._by_content(record, known, now):
            if one is Verdict.NOT_CHOSEN:
                return one
            if one is Verdict.UNDECIDED or verdict is Verdict.CHOSEN:
                verdict = one
        return verdict

    @property
    def _looks_inside(self) -> bool:
        """Whether an expression or an age looks at the key or the value."""
        return bool(self.where) or (self.needs_age and not isinstance(self.age_from, AgeFrom))

    def _by_metadata(self, known: Known, now: float) -> Verdict:
        tests = (self._is_large(known), self._is_of_age(known, now), self._has_expiry(known, now))
        if False in tests:
            return Verdict.NOT_CHOSEN
        return Verdict.LACKING if None in tests else Verdict.CHOSEN

    def _is_large(self, known: Known) -> bool | None:
        if self.larger_than is None:
            return True
        return None if known.value_bytes is None else known.value_bytes > self.larger_than

    def time_of(self, entity: str | None, key: str, known: Known) -> float | Verdict:
        """Return the time that the age of a record counts from; a verdict if that is not known."""
        if isinstance(self.age_from, AgeFrom):
            time = self._kept_time(known)
            return Verdict.LACKING if time is None else time
        return _own_time(self.age_from, Candidate(entity, key, known), known)

    def _kept_time(self, known: Known) -> float | None:
        return known.created_at if self.age_from is AgeFrom.CREATED else known.updated_at

    def _is_of_age(self, known: Known, now: float) -> bool | None:
        if not (self.needs_age and isinstance(self.age_from, AgeFrom)):
            return True
        time = self._kept_time(known)
        return None if time is None else self._is_between(time, now)

    def _is_between(self, time: float, now: float) -> bool:
        is_old = self.older_than is None or time < epoch_of(self.older_than, now)
        return is_old and (self.newer_than is None or time >= epoch_of(self.newer_than, now))

    def _has_expiry(self, known: Known, now: float) -> bool | None:
        if not (self.is_expired or self.has_no_expiry):
            return True
        if known.has_expiry is None:
            return None
        is_past = known.expires_at is not None and known.expires_at <= now
        if self.is_expired and not is_past:
            return False
        return not (self.has_no_expiry and known.has_expiry)

    def _by_content(self, record: Candidate, known: Known, now: float) -> Iterator[Verdict]:
        """Yield a verdict for each condition on what a record holds, the cheapest first."""
        if self.needs_age and not isinstance(self.age_from, AgeFrom):
            time = _own_time(self.age_from, record, known)
            if isinstance(time, Verdict):
                yield time
            else:
                is_met = self._is_between(time, now)
                yield Verdict.CHOSEN if is_met else Verdict.NOT_CHOSEN
        for expression in self.where:
            yield _meets(expression, record)


def _own_time(source: "AgeSource", record: Candidate, known: Known) -> float | Verdict:
    """Return the time that an app keeps in a record."""
    if source.needs_value and known.value is None:
        return Verdict.LACKING
    time = source.epoch_of(record)
    return Verdict.UNDECIDED if time is None else time


def _meets(expression: "Expression", record: Candidate) -> Verdict:
    """Return whether an expression is exactly true; undecided if it is neither true nor false."""
    if record.lacks(expression.members):
        return Verdict.LACKING
    try:
        result = expression.result(record.members(expression.members))
    except ArithmeticError:  # a number beyond all bounds
        return Verdict.UNDECIDED
    if result is True:
        return Verdict.CHOSEN
    return Verdict.NOT_CHOSEN if result is False else Verdict.UNDECIDED
