"""Custom entities as an app's manifest declares them, and what a value must be to fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvsctl.emulator.refusals import Refusal

BY_KEY = "by-key"
INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Index:
    """An index: records are parted by these attributes and sorted by the range attribute."""

    name: str
    partition: tuple[str, ...]
    range: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A declared entity: attribute types by name, indexes by name."""

    name: str
    attributes: Mapping[str, str]
    indexes: Mapping[str, Index]

    def check(self, value: object) -> dict[str, Any]:
        """The value, an object whose attributes have their declared types.

        Anything else is `INVALID_ENTITY_VALUE` or `INCORRECT_PROPERTY_TYPE`. Attributes that are
        not declared, missing or null are let pass: the contract does not speak of them.
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
    """Whether a JSON value fits an attribute type of the manifest."""
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
    """404 for an entity that the manifest does not declare."""
    return Refusal(404, "SCHEMA_NOT_FOUND", "The schema provided does not exist")
