"""Whether what a plan would delete may be deleted: the guard, and the question."""

from typing import Final

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.guards import MostDeleted
from kvsctl.jobs.question import Question, ask
from kvsctl.model import PieceList, Record
from kvsctl.report.console import Environment

_FIRST_KEYS: Final = 5


class PlanApproval:
    """Counts a plan while it is checked, and then asks about it.

    Call `admit` with everything that is read, and then `require`.
    """

    def __init__(self, target: Target, most: MostDeleted, *, has_consent: bool) -> None:
        self._target = target
        self._most = most
        self._has_consent = has_consent
        self._count = 0
        self._first: list[str] = []

    def admit(self, pieces: PieceList) -> None:
        """Count the records among these."""
        for piece in pieces:
            if isinstance(piece, Record):
                self._count += 1
                if len(self._first) < _FIRST_KEYS:
                    entity, key = piece.identity.entity, piece.identity.key
                    self._first.append(key if entity is None else f"{entity}: {key}")

    async def require(self, environment: Environment) -> None:
        """Raise UsageError if the plan has too many records, or unless the user consents."""
        excess = self._most.excess(self._count, 0, self._count)
        if excess is not None:
            raise UsageError(
                f"{excess}: nothing was deleted", "Apply a smaller plan, or allow more."
            )
        if self._has_consent or not self._count:
            return
        notes = ["Each is read again first, and kept if it is not as planned any more."]
        await ask(
            Question("delete", self._target, self._count, None, self._first, notes), environment
        )
