"""A record to be judged, as expressions see it."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from kvsctl.selection.content.exact import exact_value

if TYPE_CHECKING:
    from kvsctl.selection.selection import Known

MEMBERS: Final = ("key", "value", "entityName", "createdAt", "updatedAt", "expireTime", "size")
"""The members of a record. Times are those of the service: see `Candidate.members`."""

_KNOWN_BY: Final = {
    "value": "value",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "expireTime": "has_expiry",
    "size": "value_bytes",
}
"""For each member, the field of `Known` that is None if the member is not known."""


class Candidate:
    """A record to be judged. Its value is decoded at most once, and only if it is needed."""

    def __init__(self, entity: str | None, key: str, known: "Known") -> None:
        self.entity = entity
        self.key = key
        self._known = known

    @cached_property
    def value(self) -> Any:
        """The value, with exact numbers. Raise ArithmeticError for a number beyond all bounds."""
        assert self._known.value is not None  # noqa: S101
        return exact_value(bytes(self._known.value))

    def lacks(self, names: Iterable[str]) -> bool:
        """Return whether one of the members is not known."""
        needed = (_KNOWN_BY[name] for name in names if name in _KNOWN_BY)
        return any(getattr(self._known, part) is None for part in needed)

    def members(self, names: Iterable[str]) -> dict[str, Any]:
        """Return these members of the record, as the service gives them; None for an absent one.

        `createdAt` and `updatedAt` are epoch milliseconds, `expireTime` is ISO 8601, and `size` is
        bytes of the value. Raise ArithmeticError as `value` does.
        """
        return {name: self._member(name) for name in names}

    def _member(self, name: str) -> Any:
        known = self._known
        match name:
            case "key":
                return self.key
            case "value":
                return self.value
            case "entityName":
                return self.entity
            case "createdAt":
                return _milliseconds(known.created_at)
            case "updatedAt":
                return _milliseconds(known.updated_at)
            case "expireTime":
                return known.expire_time
            case _:
                return known.value_bytes


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
