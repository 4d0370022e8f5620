"""What a question to a service is, and what was found out."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from kvsctl.jobs.probe.scratch import Scratch


class Cost(msgspec.Struct, frozen=True):
    """What asking costs at most, including the removal of what it wrote."""

    records: int = 0
    requests: int = 0
    read_units: int = 0
    write_units: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(mine + its for mine, its in zip(self._all, other._all, strict=True)))

    @property
    def _all(self) -> tuple[Any, ...]:
        return msgspec.structs.astuple(self)


class Finding(msgspec.Struct, frozen=True):
    """What was found out. `answers` and `limits` are those of a profile; empty: nothing.

    `notes`: what else was seen, or why nothing was found out.
    """

    answers: Mapping[str, Any] = msgspec.field(default_factory=dict)
    limits: Mapping[str, int] = msgspec.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def nothing(cls, why: str) -> "Finding":
        """Return the finding of a question that was not answered."""
        return cls(notes=(why,))

    @property
    def is_answer(self) -> bool:
        """Whether something was found out."""
        return bool(self.answers or self.limits)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question: what is asked, how it is found out, and what the answers mean.

    `meanings` has, by the name of each answer, what its values mean. `find` asks the service.
    `uses_up_quota`: it needs 429 responses, so it uses up the app's quota of some minutes.
    """

    name: str
    asks: str
    method: str
    meanings: Mapping[str, Mapping[object, str]]
    cost: Cost
    find: "Callable[[Scratch], Awaitable[Finding]]"
    uses_up_quota: bool = False

    def meaning(self, name: str, value: object) -> str:
        """Return what an answer means, in words; "" if the value says it all."""
        return self.meanings.get(name, {}).get(_hashable(value), "")


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
