"""Custom entities as an app's manifest declares them, and the check of a value against them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.rules import JS_SPACE

BY_KEY = "by-key"
INTEGER_MIN, INTEGER_MAX = -(2**31), 2**31 - 1
SMALLEST_EXPONENT, LARGEST_EXPONENT = -130, 125
DIGITS_MAX = 38
RANGE_BYTES_MAX = 900
PARTITION_BYTES_MAX = 1700


class Index(msgspec.Struct, frozen=True):
    """An index: the attributes of its partition, and the range attribute that it is sorted by."""

    name: str
    partition: tuple[str, ...]
    range: str


class Entity(msgspec.Struct, frozen=True):
    """A declared entity: its attribute types and its indexes, both by name."""

    name: str
    attributes: Mapping[str, str]
    indexes: Mapping[str, Index]

    def check(self, value: bytes) -> None:
        """Check an object, raw JSON: its attributes have their declared types and fit the indexes.

        Raise Refusal with `INCORRECT_PROPERTY_TYPE` or `INVALID_ENTITY_VALUE` otherwise. Attributes
        that are undeclared, missing or null are accepted: the contract has no rule for them.
        """
        found: Any = json_slices.parsed_exactly(value)
        for name, kind in self.attributes.items():
            attribute = found.get(name)
            if attribute is None:
                continue
            if not is_of_type(attribute, kind):
                raise Refusal(
                    400,
                    "INCORRECT_PROPERTY_TYPE",
                    f'Data type for property "{name}" is defined as "{kind}"',
                )
            if kind == "string" and not attribute.strip(JS_SPACE):
                raise _invalid(f'The string "{name}" needs a character that is not white space')
            if kind == "float" and not is_storable(attribute):
                raise _invalid(
                    f'The float "{name}" must be 0, or from 1E-130 to 9.99E+125 in size with at '
                    f"most {DIGITS_MAX} digits"
                )
        for index in self.indexes.values():
            if _size(found.get(index.range)) > RANGE_BYTES_MAX:
                raise _invalid(f'The range "{index.range}" is larger than {RANGE_BYTES_MAX} bytes')
            if sum(_size(found.get(name)) for name in index.partition) > PARTITION_BYTES_MAX:
                raise _invalid(
                    f'The partition of index "{index.name}" is larger than {PARTITION_BYTES_MAX} '
                    "bytes"
                )


def is_of_type(value: object, kind: str) -> bool:
    """Return whether a JSON value has an attribute type of the manifest."""
    if kind == "any":
        return True
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "string":
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    if kind == "integer":
        return INTEGER_MIN <= value <= INTEGER_MAX and value == int(value)
    return True


def is_storable(value: int | Decimal) -> bool:
    """Return whether a float attribute can have this value: size and digits are limited."""
    number = Decimal(value)
    if number.is_zero():
        return True
    if not number.is_finite() or not SMALLEST_EXPONENT <= number.adjusted() <= LARGEST_EXPONENT:
        return False
    digits = "".join(map(str, number.as_tuple().digits))
    return len(digits.rstrip("0")) <= DIGITS_MAX


def _size(value: object) -> int:
    """Return the size of an indexed value: the bytes of its text."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return len(text.encode(errors="surrogatepass"))


def _invalid(message: str) -> Refusal:
    return Refusal(400, "INVALID_ENTITY_VALUE", message)


def schema_not_found() -> Refusal:
    """Return a 404 for an entity that the manifest does not declare."""
    return Refusal(404, "SCHEMA_NOT_FOUND", "The schema provided does not exist")
