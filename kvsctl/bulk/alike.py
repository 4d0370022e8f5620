"""Many outcomes with the same state, as one value: see also `slabs`.

Each `Outcome` is created on access, so listeners that do not look at single ones cost little.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, Self, TypeVar, overload

from kvsctl.model import FAILED, Failure, Outcome, Problem, Record, State

_Subject = TypeVar("_Subject", bound=Record | Problem)


class Alike(Sequence[Outcome], Generic[_Subject]):
    """The outcomes of `subjects`, all with the same state."""

    __slots__ = ("subjects",)

    def __init__(self, subjects: Sequence[_Subject]) -> None:
        self.subjects = subjects

    @staticmethod
    @abstractmethod
    def outcome_of(subject: _Subject) -> Outcome:
        """Return the outcome of one subject."""

    def __len__(self) -> int:
        return len(self.subjects)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Outcome | Self:
        if isinstance(index, slice):
            return type(self)(self.subjects[index])
        return self.outcome_of(self.subjects[index])

    def __iter__(self) -> Iterator[Outcome]:
        return map(self.outcome_of, self.subjects)


class FailedChecks(Alike[Problem]):
    """The outcomes of problems."""

    __slots__ = ()

    @staticmethod
    def outcome_of(subject: Problem) -> Outcome:
        """Return the outcome of a problem."""
        failure = Failure(subject.code, subject.message, cause=subject.cause)
        return Outcome(subject, FAILED, failure)


class Unsent(Alike[Record]):
    """The outcomes of records that were not sent. `subjects` may be a slab."""

    __slots__ = ()

    @staticmethod
    def outcome_of(subject: Record) -> Outcome:
        """Return the outcome of a record."""
        return Outcome(subject, State.UNSENT)
