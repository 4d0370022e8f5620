"""Whether a plan may be carried out: the guard, and the question."""

from collections.abc import Sequence
from pathlib import Path

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plans.records import PlannedRecord
from kvsctl.jobs.job import BatchJob
from kvsctl.jobs.question import FIRST_KEYS, Question, ask, key_shown, nothing_done
from kvsctl.model import PieceList, Verb
from kvsctl.report.console import Environment

CHANGED = "changed"
"""What refusals say that a plan has not done."""
_NAMES = {Verb.DELETE: "delete", Verb.SET: "expire"}


class PlanCount:
    """How many records plans delete, and how many they give a ttl."""

    def __init__(self) -> None:
        self._counts: dict[Verb, int] = {}

    def count(self, verb: Verb, records: int = 1) -> None:
        """Count records of an operation."""
        self._counts[verb] = self._counts.get(verb, 0) + records

    def add(self, other: "PlanCount") -> None:
        """Add what was counted elsewhere."""
        for verb, records in other._counts.items():
            self.count(verb, records)

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(self._counts.values())

    @property
    def verbs(self) -> list[Verb]:
        """The operations that are needed, in the order in which they are carried out."""
        return [verb for verb in (Verb.DELETE, Verb.SET) if verb in self._counts]

    @property
    def action(self) -> str:
        """The users' name for what is done."""
        return _NAMES[self.verbs[0]] if len(self._counts) == 1 else "change"

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know before consenting."""
        notes = ["Each is read again first, and kept if it is no longer as planned."]
        if len(self._counts) > 1:
            deleted, expiring = (self._counts[verb] for verb in self.verbs)
            notes.append(f"{deleted:,} are deleted, {expiring:,} get a ttl.")
        return notes

    def refusal(
        self, most: MostDeleted, what: str, about: str, where: str = ""
    ) -> UsageError | None:
        """Return the error if too many records would be deleted. `what` says what is not done.

        `about`: the plan and its target. An email from cron may contain only the error.
        """
        deleted = self._counts.get(Verb.DELETE, 0)
        excess = most.excess(deleted, 0, deleted)
        if excess is None:
            return None
        hint = f"This is about {about}. Apply a smaller plan, or allow more if this is meant."
        return UsageError(f"{where}{excess}: {what}", hint)


class PlanApproval:
    """Counts a plan while it is checked, and then asks about it.

    `job` carries it out. Call `admit` with everything that is read, and then `require`.
    """

    def __init__(self, job: BatchJob, most: MostDeleted, *, has_consent: bool | None) -> None:
        self._target = job.target
        self._places = job.input.places
        self._most = most
        self._has_consent = has_consent
        self._first: list[str] = []
        self.count = PlanCount()

    @property
    def verbs(self) -> list[Verb]:
        """The operations that the plan needs, in the order in which they are carried out."""
        return self.count.verbs

    def admit(self, pieces: PieceList) -> None:
        """Count the records among these."""
        for piece in pieces:
            if isinstance(piece, PlannedRecord):
                self.count.count(piece.verb)
                if len(self._first) < FIRST_KEYS:
                    self._first.append(key_shown(piece.identity.entity, piece.identity.key))

    def refusal(self, what: str) -> UsageError | None:
        """Return the error if the plan deletes too many records. `what` says what is not done."""
        files = [str(place) for place in self._places if isinstance(place, Path)]
        name = f"the plan {files[0]}" if files else "the plan on stdin"
        return self.count.refusal(self._most, what, f"{name} for {self._target.display}")

    async def require(self, environment: Environment, done_before: int) -> None:
        """Raise UsageError if the plan deletes too many records, or unless the user consents.

        `done_before`: how many records earlier runs of the job have changed.
        """
        what = nothing_done(CHANGED, done_before)
        if (refusal := self.refusal(what)) is not None:
            raise refusal
        if not (self._has_consent or not self.count.records):
            await ask(self._question(what), environment)

    def _question(self, refusal: str) -> Question:
        count = self.count
        return Question(
            count.action,
            self._target,
            count.records,
            None,
            self._first,
            count.notes,
            refusal,
        )
