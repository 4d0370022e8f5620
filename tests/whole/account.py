"""The plain model: what a job's runs have told so far, and what follows from it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kvsctl.bulk.outcomes.positions import SettledRanges
from kvsctl.journal.file import read_journal
from kvsctl.journal.state import JournalState
from kvsctl.model import Identity, Outcome, Record, State, Verb
from tests.whole.jobs import Job
from tests.whole.process import Ended
from tests.whole.wire import Exchange


@dataclass
class Account:
    """One job. `outcomes`: how each record ended that no further run looks at again.

    `doubtful`: identities of which no run can know what the store holds, because an attempt went
    unanswered, or what was sent is sent again. `without_line`: failures that --retry-failed found
    replaced, so that the failures file it began has no line for them.
    """

    job: Job
    stored: dict[Identity, str]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    doubtful: set[Identity] = field(default_factory=set)
    without_line: set[int] = field(default_factory=set)
    runs: int = 0

    def state(self) -> JournalState:
        """What the journal says now."""
        path = self.job.journal
        return read_journal(path).state if path.exists() else JournalState()

    def forget_retried(self, before: JournalState, after: JournalState) -> None:
        """A run that tries failures again has begun to, if it came that far."""
        retryable = positions(before.retryable)
        if retryable and after.groups > before.groups:
            self.outcomes = {at: o for at, o in self.outcomes.items() if at not in retryable}
            self.without_line = set(failed(self.outcomes))

    def take(self, ended: Ended, after: JournalState) -> dict[int, Outcome]:
        """Adds what a run told, as far as it stays; gives all that was told."""
        if not self.job.shape.has_journal:
            self.outcomes.clear()
        again = self.outcomes.keys() & ended.books.outcomes.keys()
        assert not again, "what was settled is not settled again"
        whole = self.outcomes | ended.books.outcomes
        if self.job.shape.has_journal:
            self.outcomes = {at: whole[at] for at in sorted(positions(after.settled))}
        else:
            self.outcomes = whole
        self.runs += 1
        return whole

    def doubt(self, ended: Ended, after: JournalState) -> None:
        """What this run sent and did not keep may stand in the store all the same."""
        kept = positions(after.settled)
        for at in {at for one in ended.sent for at in one} - kept:
            identity = self.job.lines[at].identity
            assert identity is not None
            self.doubtful.add(identity)

    def replaced(self, settled: Iterable[int]) -> set[int]:
        """Positions after which a record of the same identity is among `settled`."""
        if self.job.shape.verb is Verb.GET:
            return set()
        newest: dict[Identity, int] = {}
        for at in settled:
            line = self.job.lines[at]
            if line.is_record and line.identity is not None:
                newest[line.identity] = max(at, newest.get(line.identity, 0))
        return {
            line.position
            for line in self.job.lines
            if line.identity is not None and line.position < newest.get(line.identity, 0)
        }

    def source_of(self, at: int) -> str:
        return f"{self.job.source}:{at + 1}"

    def position_of(self, exchange: Exchange, identity: Identity) -> int:
        """Return the number of the record that a write carried: the text of a value begins so."""
        value = exchange.carried[identity]
        assert value is not None
        carried = json.loads(value)
        text: str = carried if identity.entity is None else carried["text"]
        return int(text.partition(":")[0])

    def line_found(self, at: int) -> dict[str, Any]:
        """What `get` prints for a record that was found."""
        outcome = self.outcomes[at]
        identity, found = outcome.subject.identity, outcome.found
        assert identity is not None
        assert found is not None
        entity = {} if identity.entity is None else {"entityName": identity.entity}
        return {"key": identity.key, **entity, "value": json.loads(found.value)}


def positions(ranges: SettledRanges) -> set[int]:
    """Each position in ranges."""
    return {at for start, stop in ranges for at in range(start, stop)}


def failed(outcomes: dict[int, Outcome]) -> list[int]:
    """Which records failed, in input order."""
    return sorted(at for at, one in outcomes.items() if one.state is State.FAILED)


def is_ambiguous(outcome: Outcome) -> bool:
    """Whether an attempt of it went unanswered."""
    return isinstance(outcome.subject, Record) and outcome.subject.ambiguous
