"""Where in an object or a row the key and the value stand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import add
from typing import Final

from kvsctl.errors import UsageError

_DELIMITER: Final = re.compile(r"[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f]")
_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """Text and members in turns: `literals[0] members[0] literals[1] …`, one literal more."""

    literals: tuple[str, ...]
    members: tuple[str, ...]

    @property
    def is_bare(self) -> bool:
        """Whether the key is one member and nothing else."""
        return self.literals == ("", "")

    def fill(self, texts: Sequence[str]) -> str:
        """The key that these texts of the members make."""
        return self.literals[0] + "".join(map(add, texts, self.literals[1:]))

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


RECORDS: Final = Shape()
"""Records as they stand."""
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

    `delimiter` is one ASCII character, or `\\t` spelt out. Raises UsageError, which names the
    option.
    """
    if key_field is not None and key is not None:
        raise UsageError("--key-field and --key are both given", "Choose one.")
    if delimiter == "\\t":
        delimiter = "\t"
    if delimiter is not None and not _DELIMITER.fullmatch(delimiter):
        raise UsageError(
            "--delimiter takes one ASCII character, and no quote or line end", "For example: ';'"
        )
    template = None if key is None else KeyTemplate.parse(key)
    if key_field is not None:
        template = KeyTemplate.of_member(key_field)
    return Shape(template, value_field, infer_types, delimiter)
