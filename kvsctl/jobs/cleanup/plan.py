"""What a clean-up lists, and what it may do."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import msgspec

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.settling.precondition import Precondition
from kvsctl.jobs.cleanup.actions import Action
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.listing.plan import ListingPlan
from kvsctl.report.store.rules import RuleReport
from kvsctl.retention.rules import Rule, Rules
from kvsctl.selection.selection import Selection

if TYPE_CHECKING:
    from kvsctl.shards import Shard  # few jobs are one of several


class CleanUpRule(msgspec.Struct, frozen=True):
    """Which records a rule settles, what is done with them, and the most that may be.

    `precondition`: whether they are read again first, as every action but `Deleting` requires.
    `name`: the rule's name in reports; None if it is the only rule of the job.
    """

    rule: Rule
    action: Action
    most: MostDeleted
    precondition: Precondition
    name: str | None = None


class CleanUpPlan(msgspec.Struct, frozen=True):
    """What a clean-up lists, and its rules, in their order; at least one.

    The rules choose the listed records to work on. `shard`: the part of the keys that they work on,
    unless their selections have it; None: all.
    """

    listing: ListingPlan
    rules: Sequence[CleanUpRule]
    shard: "Shard | None" = None

    @classmethod
    def of_one(
        cls,
        listing: ListingPlan,
        most: MostDeleted,
        action: Action,
        precondition: Precondition,
    ) -> Self:
        """Return the plan that does `action` with every record that a listing chooses."""
        selection = listing.selection
        assert isinstance(selection, Selection)  # noqa: S101
        entities = [None if space is None else space.entity for space in listing.spaces]
        rule = Rule(selection, frozenset(entities), skips_expired=listing.skip_expired)
        return cls(listing, [CleanUpRule(rule, action, most, precondition)])

    @property
    def chosen(self) -> Rules:
        """The part of the rules that chooses records."""
        rules = [one.rule for one in self.rules]
        return Rules(rules, self.shard, has_no_expired=self.listing.skip_expired)

    def reports(self, tally: Tally) -> list[RuleReport]:
        """Return the report of each rule. `tally`: the totals of the job."""
        return [
            RuleReport(
                rule.name,
                rule.action.name,
                rule.action.ttl_text,
                tally if rule.name is None else Tally(),
            )
            for rule in self.rules
        ]
