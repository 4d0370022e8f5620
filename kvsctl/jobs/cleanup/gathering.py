"""List what rules choose into spools, one for each rule."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Final, NamedTuple

import msgspec

from kvsctl.bulk.events import Event, PageListed, RequestEnded, Settled, Waiting
from kvsctl.bulk.settling.reconcile import EXPIRED, UNDECIDED
from kvsctl.comparison.entries import Entry
from kvsctl.comparison.memory import SortingMemory
from kvsctl.errors import RUN_AGAIN, TargetError
from kvsctl.jobs.cleanup.actions import Action
from kvsctl.jobs.cleanup.spool import Spool, paced
from kvsctl.listing.judge import known
from kvsctl.model import Found, Identity, State
from kvsctl.retention.groups import Latest
from kvsctl.retention.rules import Rules, Step
from kvsctl.selection.selection import Verdict
from kvsctl.slabs import FoundSlab
from kvsctl.texts import counted

_json_of: Final = msgspec.json.Encoder().encode
_steps_of: Final = msgspec.json.Decoder(list[Step]).decode
_END_OF_STEPS: Final = b"\n"
"""Ends the steps of a waiting record. The body of its entry follows."""


def size_of(entry: Entry) -> int:
    """Return how many bytes the value of a gathered record takes."""
    return int(entry.body.partition(b" ")[0])


class Gathered:
    """Listed records, by the rule that chooses them.

    `kept` and `undecided` count, for each rule, the records that it keeps as the latest ones, and
    those that it cannot decide about. Later rules get neither. `listed` counts the records that
    each rule must list. Call `resolve` once everything is added.
    """

    def __init__(self, rules: Rules, actions: Sequence[Action], memory: SortingMemory) -> None:
        self._rules = rules
        self._memory = memory
        self._actions = actions
        self.spools = [Spool(memory, size_of) for _ in actions]
        self.latest: dict[int, Latest] = {}
        """The latest records of the groups of each rule that keeps some."""
        self._waiting: dict[int, Spool] = {}
        for number, rule in enumerate(rules.rules):
            if rule.keeping is not None:
                self.latest[number] = Latest(rule.keeping.count)
                self._waiting[number] = Spool(memory)
        self.listed = [0] * len(actions)
        self.kept = [0] * len(actions)
        self.undecided = [0] * len(actions)
        self.expired = 0
        """How many records are skipped because they would be chosen, but have expired."""

    @property
    def count(self) -> int:
        """How many records are chosen."""
        return sum(spool.count for spool in self.spools)

    def add(self, identity: Identity, found: Found, steps: Sequence[Step]) -> None:
        """Add a record, with the steps of the rules. Raise StreamError if it cannot be kept."""
        # A waiting record may be settled by any of the rules: the longest body serves them all.
        entries = [self._actions[step.rule].entry(identity, found) for step in steps]
        if entries:
            self._pass_on(max(entries, key=lambda entry: len(entry.body)), steps)

    def add_chosen(self, identity: Identity, found: Found) -> None:
        """Add a record that the only rule chooses."""
        self.spools[0].add(self._actions[0].entry(identity, found))

    async def resolve(self, handled: Spool) -> Spool:
        """Decide about all records that wait for the latest of their groups to be known.

        Records in `handled` were settled by an earlier listing, and are in no group. `handled` is
        used up: go on with the spool that is returned.
        """
        for number, waiting in self._waiting.items():
            new = waiting
            if handled.count:
                new, handled = await waiting.without(handled)
            try:
                await self._resolve_waiting(number, new)
            except BaseException:
                handled.close()
                raise
        return handled

    async def _resolve_waiting(self, number: int, waiting: Spool) -> None:
        """Decide about the waiting records of a rule. `waiting` is used up."""
        self._waiting[number] = again = Spool(self._memory)
        with closing(waiting):
            async for entry in paced(waiting):
                again.add(entry)
                step = self._steps_and_body(entry)[0][0]
                assert step.time is not None  # noqa: S101
                self.latest[number].take(self._group(step, entry), step.time, entry.key)
        async for entry in paced(again):
            steps, body = self._steps_and_body(entry)
            self._resolve_one(entry._replace(body=body), steps, self.latest[number])

    def close(self) -> None:
        """Free the memory, and the space on disk."""
        with ExitStack() as closing:
            for spool in (*self.spools, *self._waiting.values()):
                closing.callback(spool.close)

    @staticmethod
    def _steps_and_body(entry: Entry) -> tuple[list[Step], bytes]:
        """Return the steps of a waiting record, beginning with the rule that it waits for."""
        steps, _, body = entry.body.partition(_END_OF_STEPS)
        return _steps_of(steps), body

    def _resolve_one(self, entry: Entry, steps: Sequence[Step], latest: Latest) -> None:
        step = steps[0]
        group = self._group(step, entry)
        assert step.time is not None  # noqa: S101
        if latest.has(group, step.time, entry.key):
            self.kept[step.rule] += self._is_in_shard(entry)
        elif step.verdict is Verdict.NOT_CHOSEN:
            self._pass_on(entry, steps[1:])
        else:
            self._settle(entry, step)

    def _pass_on(self, entry: Entry, steps: Sequence[Step]) -> None:
        if not steps:
            return
        step = steps[0]
        if step.time is None:
            self._settle(entry, step)
            return
        body = _json_of(steps) + _END_OF_STEPS + entry.body
        self._waiting[step.rule].add(entry._replace(body=body))

    def _settle(self, entry: Entry, step: Step) -> None:
        if not self._is_in_shard(entry):
            return
        if step.verdict is Verdict.CHOSEN:
            self.spools[step.rule].add(entry)
        else:
            self.undecided[step.rule] += 1

    def _is_in_shard(self, entry: Entry) -> bool:
        return self._rules.is_in_shard(entry.entity or None, entry.key)

    def _group(self, step: Step, entry: Entry) -> tuple[str, ...]:
        keeping = self._rules.rules[step.rule].keeping
        group = None if keeping is None else keeping.group_of(entry.entity or None, entry.key)
        assert group is not None  # noqa: S101
        return group


class Listed(NamedTuple):
    """A finished listing, and when the ages of the rules counted from; None: they have none.

    Its owner must close it.
    """

    gathered: Gathered
    ages_count_from: float | None

    def close(self) -> None:
        """Free the memory, and the space on disk."""
        self.gathered.close()


class Gatherer:
    """A listener that keeps chosen records of a listing in `gathered`, and passes on other events.

    `moment` returns when the ages of the rules count from; None if they have none. `now` is the
    time of the service, in epoch seconds.
    """

    wants = frozenset({Settled, RequestEnded, Waiting, PageListed})

    def __init__(
        self,
        rules: Rules,
        gathered: Gathered,
        emit: Callable[[Event], None],
        moment: Callable[[], float | None],
        now: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._gathered = gathered
        self._emit = emit
        self._moment = moment
        self._now = now
        self._is_one = rules.chooser is not rules
        self._prefixes = (
            [] if self._is_one else [tuple(rule.selection.prefixes) for rule in rules.rules]
        )
        self._unread = 0
        self._code = ""

    def __call__(self, event: Event) -> None:
        """Take what was found. Raise StreamError if it cannot be kept."""
        if not isinstance(event, Settled):
            if isinstance(event, PageListed):
                self._note_page(event)
            self._emit(event)
            return
        gathered, now = self._gathered, self._now()
        for outcome in event.outcomes:
            identity, found = outcome.subject.identity, outcome.found
            if identity is not None and found is not None:
                if self._is_one:  # the listing has decided
                    gathered.add_chosen(identity, found)
                else:
                    gathered.add(identity, found, self._steps(identity, found, now))
            elif outcome.state is State.SKIPPED:
                gathered.undecided[0] += outcome.skipped_by == UNDECIDED
                gathered.expired += outcome.skipped_by == EXPIRED
            else:
                self._unread += 1
                failure = outcome.failure
                self._code = self._code or (failure.code if failure else outcome.state.value)

    def require_all_read(self, name: str, done: str) -> None:
        """Raise TargetError if a listed record could not be read again to decide about it.

        `name` and `done`: the action, for the message.
        """
        if self._unread:
            keys = counted(self._unread, "listed key")
            raise TargetError(
                f"{keys} could not be read to decide whether to {name} them, the "
                f"first with {self._code}; none of what was listed was {done}",
                RUN_AGAIN,
            )

    def _note_page(self, page: PageListed) -> None:
        listed = self._gathered.listed
        if self._is_one:
            listed[0] += page.records
            return
        for number, (rule, prefixes) in enumerate(
            zip(self._rules.rules, self._prefixes, strict=True)
        ):
            listed[number] += rule.covers(page.entity, prefixes, page.keys)

    def _steps(self, identity: Identity, found: Found, now: float) -> Sequence[Step]:
        if self._rules.counts_back:
            moment = self._moment()
            assert moment is not None  # noqa: S101
            self._rules = self._rules.counted_from(moment)
        return steps_of(self._rules, identity, found, now)


def steps_of(rules: Rules, identity: Identity, found: Found, now: float) -> list[Step]:
    """Return the steps of rules for a record that was read with its metadata."""
    what_is_known = known(FoundSlab.of([found]), 0)
    return rules.steps(identity.entity, identity.key, what_is_known, now)


def is_chosen_by(
    rules: Rules,
    number: int,
    latest: Mapping[int, Latest],
    identity: Identity,
    found: Found,
    now: float,
) -> bool:
    """Return whether the `number`-th rule chooses a record that batch/get returned."""
    steps = steps_of(rules, identity, found, now)
    return rules.chosen_by(steps, identity.entity, identity.key, latest) == number
