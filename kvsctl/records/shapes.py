"""Where in an object or a row the key and the value stand."""

import re
from dataclasses import dataclass
from typing import Final

from kvsctl.errors import UsageError

_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """Text and members in turns: `literals[0] members[0] literals[1] …`, one literal more."""

    literals: tuple[str, ...]
    members: tuple[str, ...]

    @classmethod
    def of_member(cls, name: str) -> "KeyTemplate":
        """The key is what this member says."""
        return cls(("", ""), (name,))

    @classmethod
    def parse(cls, text: str) -> "KeyTemplate":
        """Reads `user:{id}`. Braces that are meant as such are doubled.

        Raises UsageError for a brace without its other, and where no member is named.
        """
        literals, members, end = [""], [], 0
        for part in _PART.finditer(text):
            if part.start() != end:
                break
            end = part.end()
            if part[1] is not None:
                members.append(part[1])
                literals.append("")
            else:
                literals[-1] += part[2] or part[0][0]
        if end != len(text):
            raise UsageError(
                f"--key: a brace at character {end + 1} has no other to it",
                "Name members as in 'user:{id}'; write {{ or }} for a brace.",
            )
        if not members:
            raise UsageError("--key names no member", "For example: --key 'user:{id}'")
        return cls(tuple(literals), tuple(members))


@dataclass(frozen=True, slots=True)
class Shape:
    """What the options say about objects and rows that are no records as they stand.

    `key` None: the member `key` is the key. `value_field` None: with `key` None the member
    `value` is the value, with a `key` the whole object is, as its exact bytes. `infer_types`: a
    cell of a table that is JSON is that JSON, to the byte; else every cell is a string.
    `delimiter` None: a comma for CSV, a tab for TSV. Build one with `shape_of`.
    """

    key: KeyTemplate | None = None
    value_field: str | None = None
    infer_types: bool = False
    delimiter: str | None = None

    @property
    def is_record(self) -> bool:
        """Whether objects are records: `{"key": …, "value": …}` and what belongs to it."""
        return self.key is None and self.value_field is None

    @property
    def takes_whole(self) -> bool:
        """Whether the whole object is the value."""
        return self.key is not None and self.value_field is None

    @property
    def key_template(self) -> KeyTemplate:
        """How the key is made."""
        return self.key or _KEY

    @property
    def key_members(self) -> frozenset[str]:
        """The members without which there is no key."""
        return frozenset(self.key_template.members)


_KEY: Final = KeyTemplate.of_member("key")


def shape_of(
    *,
    key_field: str | None = None,
    key: str | None = None,
    value_field: str | None = None,
    infer_types: bool = False,
    delimiter: str | None = None,
) -> Shape:
    """The shape that options ask for: `--key-field`, `--key`, and so on, as they were given.

    `delimiter` is one character, or `\\t` spelt out. Raises UsageError, which names the option.
    """
    if key_field is not None and key is not None:
        raise UsageError("--key-field and --key are both given", "Choose one.")
    if delimiter == "\\t":
        delimiter = "\t"
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0\ufeff'):
        raise UsageError(
            "--delimiter takes one character, and no quote or line end", "For example: ';'"
        )
    template = None if key is None else KeyTemplate.parse(key)
    if key_field is not None:
        template = KeyTemplate.of_member(key_field)
    return Shape(template, value_field, infer_types, delimiter)
