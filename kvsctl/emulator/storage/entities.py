"""Custom entities as an app's manifest declares them, and the check of a value against them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvsctl.emulator.refusals import Refusal

BY_KEY = "by-key"
INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Index:
    """An index: the attributes of its partition, and the range attribute that it is sorted by."""

    name: str
    partition: tuple[str, ...]
    range: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A declared entity: its attribute types and its indexes, both by name."""

    name: str
    attributes: Mapping[str, str]
    indexes: Mapping[str, Index]

    def check(self, value: object) -> dict[str, Any]:
        """Return the value if it is an object whose attributes have their declared types.

        Raise Refusal with `INVALID_ENTITY_VALUE` or `INCORRECT_PROPERTY_TYPE` otherwise.
        Attributes that are undeclared, missing or null are accepted: the contract has no rule for
        them.
        """
        if not isinstance(value, dict):
            raise Refusal(
                400,
                "INVALID_ENTITY_VALUE",
                "Entity values must match one of the types defined in Custom Entities.",
            )
        for name, kind in self.attributes.items():
            found = value.get(name)
            if found is not None and not is_of_type(found, kind):
                raise Refusal(
                    400,
                    "INCORRECT_PROPERTY_TYPE",
                    f'Data type for property "{name}" is defined as "{kind}"',
                )
        return value


def is_of_type(value: object, kind: str) -> bool:
    """Return whether a JSON value has an attribute type of the manifest."""
    if kind == "any":
        return True
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if kind == "integer":
        return INTEGER_MIN <= value <= INTEGER_MAX and value % 1 == 0
    return abs(value) != float("inf")


def schema_not_found() -> Refusal:
    """Return a 404 for an entity that the manifest does not declare."""
    return Refusal(404, "SCHEMA_NOT_FOUND", "The schema provided does not exist")
