"""Whether a plan may be carried out: the guard, and the question."""

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.cleanup.plans.records import PlannedRecord
from kvsctl.jobs.question import FIRST_KEYS, Question, ask, key_shown
from kvsctl.model import PieceList, Verb
from kvsctl.report.console import Environment


class PlanApproval:
    """Counts a plan while it is checked, and then asks about it.

    Call `admit` with everything that is read, and then `require`.
    """

    def __init__(self, target: Target, most: MostDeleted, *, has_consent: bool | None) -> None:
        self._target = target
        self._most = most
        self._has_consent = has_consent
        self._counts: dict[Verb, int] = {}
        self._first: list[str] = []

    @property
    def verbs(self) -> list[Verb]:
        """The operations that the plan needs, in the order in which they are carried out."""
        return [verb for verb in (Verb.DELETE, Verb.SET) if verb in self._counts]

    def admit(self, pieces: PieceList) -> None:
        """Count the records among these."""
        for piece in pieces:
            if isinstance(piece, PlannedRecord):
                self._counts[piece.verb] = self._counts.get(piece.verb, 0) + 1
                if len(self._first) < FIRST_KEYS:
                    self._first.append(key_shown(piece.identity.entity, piece.identity.key))

    def refusal(self, what: str) -> UsageError | None:
        """Return the error of a plan that deletes too many records. `what` is not done, then."""
        deleted = self._counts.get(Verb.DELETE, 0)
        excess = self._most.excess(deleted, 0, deleted)
        if excess is None:
            return None
        return UsageError(f"{excess}: {what}", "Apply a smaller plan, or allow more.")

    async def require(self, environment: Environment) -> None:
        """Raise UsageError if the plan deletes too many records, or unless the user consents."""
        if (refusal := self.refusal("nothing was changed")) is not None:
            raise refusal
        if not (self._has_consent or not self._counts):
            await ask(self._question, environment)

    @property
    def _question(self) -> Question:
        counts = self._counts
        names = {Verb.DELETE: "delete", Verb.SET: "expire"}
        action = names[self.verbs[0]] if len(counts) == 1 else "change"
        notes = ["Each is read again first, and kept if it is not as planned any more."]
        if len(counts) > 1:
            notes.append(f"{counts[Verb.DELETE]:,} are deleted, {counts[Verb.SET]:,} get a ttl.")
        count, refusal = sum(counts.values()), "nothing was changed"
        return Question(action, self._target, count, None, self._first, notes, refusal)
