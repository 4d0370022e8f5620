"""Which of several rules settles a record. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
from msgspec.structs import replace

from kvsctl.retention.groups import GroupTemplate, Latest
from kvsctl.selection.chooser import Chooser
from kvsctl.selection.prefixes import Prefixes, covering
from kvsctl.selection.selection import AgeFrom, Known, Selection, Verdict

if TYPE_CHECKING:
    from kvsctl.shards import Shard


class Keeping(msgspec.Struct, frozen=True):
    """The part of a rule that keeps the `count` latest unexpired records of each group.

    Without a `template`, all keys of an entity that the rule chooses from are one group.
    """

    count: int
    template: GroupTemplate | None = None

    def group_of(self, entity: str | None, key: str) -> tuple[str, ...] | None:
        """Return the group of a key; None if it does not fit the template."""
        names = () if self.template is None else self.template.group_of(key)
        return None if names is None else (entity or "", *names)


class Step(NamedTuple):
    """The verdict of a rule on a record.

    `verdict` is that of all its conditions except `keeping`. `time` is set if the record is in a
    group of the rule: if it is one of the latest, the rule keeps it, whatever the verdict is.
    """

    rule: int
    verdict: Verdict
    time: float | None = None


class Rule(msgspec.Struct, frozen=True):
    """The records that one rule settles: a `selection` of some entities, except what it keeps.

    `entities`: None stands for plain keys. `skips_expired`: an expired record is not chosen.
    """

    selection: Selection
    entities: frozenset[str | None] = frozenset({None})
    keeping: Keeping | None = None
    skips_expired: bool = False

    @property
    def is_of_keys_only(self) -> bool:
        """Whether the entity and the key alone decide."""
        needs_more = self.keeping is not None or self.skips_expired
        return self.selection.is_of_keys_only and not needs_more

    @property
    def needs_created(self) -> bool:
        """Whether the creation time of a record must be known."""
        orders = self.keeping is not None and self.selection.age_from is AgeFrom.CREATED
        return orders or self.selection.needs_created

    @property
    def needs_updated(self) -> bool:
        """Whether the time of a record's last update must be known."""
        orders = self.keeping is not None and self.selection.age_from is AgeFrom.UPDATED
        return orders or self.selection.needs_updated

    @property
    def needs_expiry(self) -> bool:
        """Whether the expiry of a record must be known."""
        has_use = self.keeping is not None or self.skips_expired
        return has_use or self.selection.needs_expiry

    def covers(self, entity: str | None, prefixes: tuple[str, ...], keys: Sequence[str]) -> int:
        """Return how many of some keys the rule must list. `prefixes`: those of its selection."""
        if entity not in self.entities:
            return 0
        return sum(key.startswith(prefixes) for key in keys)

    def chooses_key(self, entity: str | None, key: str) -> bool:
        """Return whether a key of an entity meets every condition on keys."""
        return entity in self.entities and self.selection.chooses_key(entity, key)

    def step(
        self, number: int, entity: str | None, key: str, known: Known, now: float
    ) -> Step | None:
        """Return the step of the rule, the `number`-th, for a record; None if it has none."""
        if not self.chooses_key(entity, key):
            return None
        is_expired = known.expires_at is not None and known.expires_at <= now
        if self.skips_expired and is_expired:
            verdict = Verdict.NOT_CHOSEN
        else:
            verdict = self.selection.judge(entity, key, known, now)
        if self.keeping is not None and self.keeping.group_of(entity, key) is None:
            return Step(number, Verdict.UNDECIDED)
        # An expired record is about to vanish: keeping it would mean keeping one record fewer.
        if self.keeping is not None and not is_expired:
            time = self.selection.time_of(entity, key, known)
            if isinstance(time, Verdict):
                return Step(number, time)
            return Step(number, verdict, time)
        return None if verdict is Verdict.NOT_CHOSEN else Step(number, verdict)


class Rules(msgspec.Struct, frozen=True):
    """Rules in their order. The first one with a step for a record settles it.

    `shard`: only records of this part of the keys are worked on; None: all. The others may still be
    the latest of their groups. `has_no_expired`: the listing skips expired records, so none is
    judged. As a Chooser, they choose each record that one of them chooses, may keep, or cannot
    decide about.
    """

    rules: Sequence[Rule]
    shard: "Shard | None" = None
    has_no_expired: bool = False

    @property
    def chooser(self) -> Chooser:
        """What a listing for the rules chooses."""
        [first, *others] = self.rules
        is_one = not others and first.keeping is None and self.shard is None
        is_all = self.has_no_expired or not first.skips_expired
        return first.selection if is_one and is_all else self

    @property
    def prefix(self) -> str:
        """See Chooser."""
        return ""

    @property
    def counts_back(self) -> bool:
        """See Chooser."""
        return any(rule.selection.counts_back for rule in self.rules)

    @property
    def needs_expiry(self) -> bool:
        """See Chooser."""
        return any(rule.needs_expiry for rule in self.rules)

    @property
    def is_of_keys_only(self) -> bool:
        """See Chooser."""
        return all(rule.is_of_keys_only for rule in self.rules)

    @property
    def is_of_prefix_only(self) -> bool:
        """See Chooser."""
        return False

    def are_by_key(self) -> list[bool]:
        """Return, for each rule, whether the key alone decides that it settles a record.

        A record reaches a rule if no earlier rule settles it. So earlier rules that may concern the
        same keys must be of keys only, too. Takes time proportional to the number of rules.
        """
        by_more: dict[str | None, Prefixes] = {}
        are_by_key: list[bool] = []
        for rule in self.rules:
            before = [by_more[entity] for entity in rule.entities if entity in by_more]
            prefixes = rule.selection.prefixes
            meets = any(one.may_share(prefix) for one in before for prefix in prefixes)
            are_by_key.append(rule.is_of_keys_only and not meets)
            if not rule.is_of_keys_only:
                for entity in rule.entities:
                    by_more.setdefault(entity, Prefixes()).add(prefixes)
        return are_by_key

    def prefixes_in(self, entity: str | None) -> Sequence[str]:
        """See Chooser."""
        about = [rule for rule in self.rules if entity in rule.entities]
        return covering(prefix for rule in about for prefix in rule.selection.prefixes)

    def counted_from(self, now: float) -> Self:
        """See Chooser."""
        return replace(
            self,
            rules=[
                replace(rule, selection=rule.selection.counted_from(now)) for rule in self.rules
            ],
        )

    def chooses_key(self, entity: str | None, key: str) -> bool:
        """See Chooser."""
        is_about = any(rule.chooses_key(entity, key) for rule in self.rules)
        return is_about and self.is_in_shard(entity, key)

    def is_in_shard(self, entity: str | None, key: str) -> bool:
        """Return whether a record belongs to the part of the keys that is worked on."""
        return self.shard is None or self.shard.has_key(entity, key)

    def judge(self, entity: str | None, key: str, known: Known, now: float) -> Verdict:
        """See Chooser."""
        steps = self.steps(entity, key, known, now)
        is_member = any(step.time is not None for step in steps)
        if not (is_member or self.is_in_shard(entity, key)):
            return Verdict.NOT_CHOSEN
        if any(step.verdict is Verdict.LACKING for step in steps):
            return Verdict.LACKING
        return Verdict.CHOSEN if steps else Verdict.NOT_CHOSEN

    def steps(self, entity: str | None, key: str, known: Known, now: float) -> list[Step]:
        """Return the steps of the rules for a record, up to the first that settles it for sure."""
        steps: list[Step] = []
        for number, rule in enumerate(self.rules):
            step = rule.step(number, entity, key, known, now)
            if step is not None:
                steps.append(step)
                if step.verdict is not Verdict.NOT_CHOSEN:
                    break
        return steps

    def chosen_by(
        self, steps: Sequence[Step], entity: str | None, key: str, latest: Mapping[int, Latest]
    ) -> int | None:
        """Return the number of the rule that chooses a record; None if it is kept.

        `latest`: the latest records of the groups of each rule that keeps some.
        """
        for step in steps:
            if step.time is not None:
                keeping = self.rules[step.rule].keeping
                group = None if keeping is None else keeping.group_of(entity, key)
                if group is None or latest[step.rule].has(group, step.time, key):
                    return None
            if step.verdict is not Verdict.NOT_CHOSEN:
                return step.rule if step.verdict is Verdict.CHOSEN else None
        return None
