"""Which rule of a retention file settles a record, by a plain model like that of `choosing`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.choosing import Choice, Choosing, Selector, choosings


@dataclass(frozen=True)
class RetentionRule:
    """One rule: what it chooses, and what it does with that. `most`: how many it may change."""

    choosing: Choosing
    action: str
    most: int | None = None

    @property
    def by_key(self) -> bool:
        """Whether a key alone decides: an expired record is given no ttl."""
        return self.choosing.by_key and self.action == "delete"

    def choice(self, identity: Identity, row: Row, cutoff: float) -> Choice:
        """Decide about a record, as if there were no other rule."""
        if self.action == "expire" and row.expires is not None and row.expires / 1000 <= cutoff:
            return False
        return self.choosing.choice(identity, row, cutoff)

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
        return ["[[rules]]", *lines]


@dataclass(frozen=True)
class Retention(Choosing):
    """The rules of a file, in their order. `choice` says whether one of them settles a record."""

    rules: Sequence[RetentionRule] = ()

    @property
    def text(self) -> str:
        """The retention file."""
        lines = [line for number, one in enumerate(self.rules) for line in one.lines(number)]
        return "\n".join(lines) + "\n"

    def choice(self, identity: Identity, row: Row, cutoff: float) -> Choice:
        """Decide about a record; None: a rule that nothing is certain about keeps it."""
        if self.protects and not Choosing.has_key(self, identity):
            return False
        for rule in self.rules:
            choice = rule.choice(identity, row, cutoff)
            if choice is not False:
                return choice
        return False

    def settled_by(self, identity: Identity, row: Row, cutoff: float) -> RetentionRule | None:
        """Return the rule that settles a record, if any does."""
        if self.choice(identity, row, cutoff) is not True:
            return None
        return next(one for one in self.rules if one.choice(identity, row, cutoff))

    def settled_by_key(self, identity: Identity) -> RetentionRule | None:
        """Return the rule that settles whatever record has the key, if that is certain."""
        if self.protects and not Choosing.has_key(self, identity):
            return None
        for rule in self.rules:
            if rule.choosing.has_key(identity):
                return rule if rule.by_key else None
        return None


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
        action = draw(st.sampled_from(["delete", "expire"]))
        rules.append(RetentionRule(replace(drawn, protects=False), action, most))
    protects = draw(st.integers(0, 3)) == 0
    return Retention((), takes_entity=True, protects=protects, rules=tuple(rules))
