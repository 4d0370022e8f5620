"""Which rule of a retention file settles a record, by a plain model like that of `choosing`."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from hypothesis import strategies as st

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.choosing import Choice, Choosing, Selector, choosings, updated_at

_GROUPS = re.compile("(.+?)1.*", re.DOTALL)
_GROUP_BY = "{letter}1*"


class What(Enum):
    """What a rule does with a record that it settles."""

    CHANGED = "changed"
    KEPT = "kept"
    UNDECIDED = "undecided"


class Settled(NamedTuple):
    """Which rule settles a record, and how."""

    number: int
    what: What


@dataclass(frozen=True)
class RetentionRule:
    """One rule: what it chooses, and what it does with that.

    `most` and `most_bytes`: how much it may change. `keep`: how many of each group it keeps.
    `has_groups`: by the template; otherwise, all records of an entity are one group.
    """

    choosing: Choosing
    action: str
    most: int | None = None
    most_bytes: int | None = None
    keep: int | None = None
    has_groups: bool = False

    @property
    def by_key(self) -> bool:
        """Whether a key alone decides: an expired record is given no ttl."""
        return self.choosing.by_key and self.action == "delete" and self.keep is None

    def choice(self, identity: Identity, row: Row, cutoff: float) -> Choice:
        """Decide about a record, as if there were no other rule, and none were kept."""
        if not self.choosing.has_key(identity):
            return False
        if self.keep is not None and self._group(identity) is None:
            return None
        is_expired = _is_expired(row, cutoff)
        if self.keep is not None and not is_expired and self._time(identity, row) is None:
            return None
        if self.action == "expire" and is_expired:
            return False
        return self.choosing.choice(identity, row, cutoff)

    def place(self, identity: Identity, row: Row, cutoff: float) -> "Place | None":
        """Return where a record stands among those of which some are kept; None: nowhere."""
        if self.keep is None or not self.choosing.has_key(identity) or _is_expired(row, cutoff):
            return None
        group, time = self._group(identity), self._time(identity, row)
        return None if group is None or time is None else Place(group, (time, identity.key))

    def _group(self, identity: Identity) -> tuple[str, ...] | None:
        if not self.has_groups:
            return (identity.entity or "",)
        found = _GROUPS.fullmatch(identity.key)
        return None if found is None else (identity.entity or "", found[1])

    def _time(self, identity: Identity, row: Row) -> float | None:
        times = [one.time for one in self.choosing.selectors if one.time is not None]
        return (times or [updated_at])[0](identity, row)

    def lines(self, number: int) -> list[str]:
        """Return the rule in TOML."""
        members: list[tuple[str, str | bool]] = [("name", f"rule {number}")]
        members.append(("action", self.action))
        members += [("ttl", "30d")] if self.action == "expire" else []
        for selector in self.choosing.selectors:
            members += _members(selector)
        lines = [f"{name} = {json.dumps(value)}" for name, value in members]
        if self.choosing.takes_entity:
            lines.append('entity = "city"')
            lines += ["plain = true"] if self.choosing.takes_plain else []
        lines += [] if self.most is None else [f"max_delete = {self.most}"]
        lines += [] if self.most_bytes is None else [f"max_delete_bytes = {self.most_bytes}"]
        lines += [] if self.keep is None else [f"keep_last = {self.keep}"]
        lines += [f'group_by = "{_GROUP_BY}"'] if self.has_groups else []
        return ["[[rules]]", *lines]


class Place(NamedTuple):
    """Where a record stands: in which group, and how late."""

    group: tuple[str, ...]
    rank: tuple[float, str]


def _is_expired(row: Row, cutoff: float) -> bool:
    return row.expires is not None and row.expires / 1000 <= cutoff


@dataclass(frozen=True)
class Retention(Choosing):
    """The rules of a file, in their order. `choice` says whether one of them settles a record."""

    rules: Sequence[RetentionRule] = ()

    @property
    def text(self) -> str:
        """The retention file."""
        lines = [line for number, one in enumerate(self.rules) for line in one.lines(number)]
        return "\n".join(lines) + "\n"

    def settle(self, rows: Mapping[Identity, Row], cutoff: float) -> dict[Identity, Settled]:
        """Return what becomes of all records of a store that some rule settles."""
        left = {one: row for one, row in rows.items() if not self._is_protected(one)}
        settled: dict[Identity, Settled] = {}
        for number, rule in enumerate(self.rules):
            kept = _kept(rule, left, cutoff)
            for identity, row in list(left.items()):
                choice = rule.choice(identity, row, cutoff)
                if identity in kept:
                    settled[identity] = Settled(number, What.KEPT)
                elif choice is not False:
                    what = What.UNDECIDED if choice is None else What.CHANGED
                    settled[identity] = Settled(number, what)
                if identity in settled:
                    del left[identity]
        return settled

    def choice(self, identity: Identity, row: Row, cutoff: float) -> Choice:
        """Decide about a record that no rule keeps as one of the latest.

        None: a rule that nothing is certain about keeps it.
        """
        number = self._number(identity, row, cutoff)
        return number is not None and self.rules[number].choice(identity, row, cutoff)

    def settled_by(self, identity: Identity, row: Row, cutoff: float) -> RetentionRule | None:
        """Return the rule that changes a record that none keeps as one of the latest, if any."""
        number = self._number(identity, row, cutoff)
        if number is None or not self.rules[number].choice(identity, row, cutoff):
            return None
        return self.rules[number]

    def _number(self, identity: Identity, row: Row, cutoff: float) -> int | None:
        if self._is_protected(identity):
            return None
        for number, rule in enumerate(self.rules):
            if rule.choice(identity, row, cutoff) is not False:
                return number
        return None

    def places(self, identity: Identity, row: Row, cutoff: float) -> dict[int, Place]:
        """Return where a record stands in each rule that may keep it, up to the settling one."""
        if self._is_protected(identity):
            return {}
        number = self._number(identity, row, cutoff)
        reached = self.rules if number is None else self.rules[: number + 1]
        places = [rule.place(identity, row, cutoff) for rule in reached]
        return {number: place for number, place in enumerate(places) if place is not None}

    def settled_by_key(self, identity: Identity) -> RetentionRule | None:
        """Return the rule that settles whatever record has the key, if that is certain."""
        if self._is_protected(identity):
            return None
        for rule in self.rules:
            if rule.choosing.has_key(identity):
                return rule if rule.by_key else None
        return None

    def _is_protected(self, identity: Identity) -> bool:
        return self.protects and not Choosing.has_key(self, identity)


def _kept(rule: RetentionRule, rows: Mapping[Identity, Row], cutoff: float) -> set[Identity]:
    """Return the latest records of each group, of those that came as far as the rule."""
    groups: dict[tuple[str, ...], list[tuple[tuple[float, str], Identity]]] = {}
    for identity, row in rows.items():
        place = rule.place(identity, row, cutoff)
        if place is not None:
            groups.setdefault(place.group, []).append((place.rank, identity))
    most = rule.keep or 0
    return {
        identity
        for group in groups.values()
        for _, identity in sorted(group, key=lambda pair: pair[0])[-most:]
    }


def _members(selector: Selector) -> list[tuple[str, str | bool]]:
    """Return the members that stand for an option."""
    names = [word.removeprefix("--").replace("-", "_") for word in selector.words[::2]]
    values: list[str | bool] = [*selector.words[1::2]] or [True]
    return list(zip(names, values, strict=True))


@st.composite
def retentions(draw: st.DrawFn) -> Retention:
    """One to three rules, each without a shard, which is an option of the command."""
    rules = []
    for _ in range(draw(st.integers(1, 3))):
        drawn = draw(choosings(of_live_records=True, has_shards=False))
        most = draw(st.sampled_from([None] * 8 + [1, 5, 100]))
        most_bytes = draw(st.sampled_from([None] * 6 + [1, 50, 300, 2000]))
        action = draw(st.sampled_from(["delete", "expire"]))
        keep = draw(st.sampled_from([None, None, None, 1, 2, 5]))
        has_groups = keep is not None and draw(st.booleans())
        choosing = replace(drawn, protects=False)
        rules.append(RetentionRule(choosing, action, most, most_bytes, keep, has_groups))
    protects = draw(st.integers(0, 3)) == 0
    return Retention((), takes_entity=True, protects=protects, rules=tuple(rules))
