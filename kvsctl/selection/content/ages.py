"""Where an app keeps the time from which the age of a record counts: in the value or in the key."""

from typing import TYPE_CHECKING, Protocol

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.selection.content.candidate import Candidate
from kvsctl.selection.content.epochs import epoch_of
from kvsctl.selection.content.key_times import KeyTimes

if TYPE_CHECKING:
    from kvsctl.selection.content.expressions import Expression


class AgeSource(Protocol):
    """Where the time of a record is kept."""

    @property
    def needs_value(self) -> bool:
        """Whether the time is in the value."""
        ...

    def epoch_of(self, record: Candidate) -> float | None:
        """Return the time in epoch seconds; None if no time can be read."""
        ...


def age_source(text: str, option: str) -> AgeSource:
    """Return what `value.PATH` or `key:FORMAT` means. Raise UsageError."""
    if text.startswith("key:"):
        return _InKey(KeyTimes(text.removeprefix("key:"), option))
    if text == "value" or text.startswith(("value.", "value[")):
        from kvsctl.selection.content.expressions import Expression

        return _InValue(Expression(text, option, ("value",)))
    raise UsageError(
        f"{option} {quoted(text)}: neither value.PATH nor key:FORMAT",
        "Write it as value.updatedAt or key:log-%Y-%m-%d. The times of the service are --by.",
    )


class _InKey:
    needs_value = False

    def __init__(self, times: KeyTimes) -> None:
        self._times = times

    def epoch_of(self, record: Candidate) -> float | None:
        return self._times.epoch_of(record.key)


class _InValue:
    needs_value = True

    def __init__(self, path: "Expression") -> None:
        self._path = path

    def epoch_of(self, record: Candidate) -> float | None:
        try:
            members = record.members(self._path.members)
        except ArithmeticError:
            return None
        return epoch_of(self._path.result(members))
