"""Where an object or a row keeps its key and its value."""

import re
from collections.abc import Sequence
from operator import add
from typing import Final

import msgspec

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_DELIMITER: Final = re.compile(r"[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x7f]")
QUOTES: Final = ("double", "none")
"""The values of `--quote`."""
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")


class KeyTemplate(msgspec.Struct, frozen=True):
    """Alternating text and members: `literals[0] members[0] literals[1] …`.

    There is one literal more than there are members.
    """

    literals: tuple[str, ...]
    members: tuple[str, ...]

    @property
    def is_bare(self) -> bool:
        """Whether the key is one member and nothing else."""
        return self.literals == ("", "")

    def fill(self, texts: Sequence[str]) -> str:
        """Return the key for these texts of the members.

        Two halves of a surrogate pair that meet become one character, as in the JSON of the key.
        """
        return _paired(self.literals[0] + "".join(map(add, texts, self.literals[1:])))

    @classmethod
    def of_member(cls, name: str) -> "KeyTemplate":
        """Return the template of keys that are the text of this member."""
        return cls(("", ""), (name,))

    @classmethod
    def parse(cls, text: str, flag: str = "--key", example: str = "user:{id}") -> "KeyTemplate":
        """Read a template such as `user:{id}`. `{{` and `}}` are literal braces.

        Raise UsageError, with the option `flag`, if a brace is unmatched, or if no member is named.
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
                f"{flag}: unmatched brace at character {end + 1}",
                f"Name members as in '{example}'; write {{{{ or }}}} for a literal brace.",
            )
        if not members:
            raise UsageError(
                f"{flag}: the template names no member", f"Write it as in {flag} '{example}'."
            )
        return cls(tuple(literals), tuple(members))


class Shape(msgspec.Struct, frozen=True):
    """How to make records from objects and rows. Create it with `shape_of`.

    If `key` is None, the key is the member `key`. If `value_field` is None, the value is the
    member `value` if `key` is None too; if `key` is set, the value is the whole object, with its
    exact bytes. If `infer_types` is True, a table cell that is valid JSON becomes that JSON, byte
    for byte; all other cells are strings. Only cells of `typed_columns` are parsed; None: all. If
    `delimiter` is None, CSV has a comma and TSV a tab, unless a table names its delimiter itself.
    If `has_quotes` is False, a quote in a table is an ordinary character, and every line is a row.
    """

    key: KeyTemplate | None = None
    value_field: str | None = None
    infer_types: bool = False
    delimiter: str | None = None
    has_quotes: bool = True
    typed_columns: frozenset[str] | None = None

    def infers(self, column: str) -> bool:
        """Return whether the cells of a column are parsed as JSON."""
        return self.infer_types and (self.typed_columns is None or column in self.typed_columns)

    @property
    def is_record(self) -> bool:
        """Whether objects are records already: `{"key": …, "value": …}` with optional members."""
        return self.key is None and self.value_field is None

    @property
    def takes_whole(self) -> bool:
        """Whether the whole object is the value."""
        return self.key is not None and self.value_field is None

    @property
    def key_template(self) -> KeyTemplate:
        """The template that makes the key."""
        return self.key or _KEY

    @property
    def key_members(self) -> frozenset[str]:
        """The members that the key is made from."""
        return frozenset(self.key_template.members)


RECORDS: Final = Shape()
"""The shape of objects that are records already."""
_KEY: Final = KeyTemplate.of_member("key")


def shape_of(
    *,
    key_field: str | None = None,
    key: str | None = None,
    value_field: str | None = None,
    infer_types: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
    typed_columns: str | None = None,
) -> Shape:
    """Return the shape for the values of `--key-field`, `--key` and the other options of its kind.

    `delimiter` is one ASCII character, or the two characters `\\t` for a tab. `quote` is `double`,
    the default, or `none`. `typed_columns`: the columns that `--infer-types` names, in a row of
    CSV; None: all. Raise UsageError, with the option's name, if a value is not valid.
    """
    if key_field is not None and key is not None:
        raise UsageError("--key-field and --key cannot be combined", "Give one of them.")
    if delimiter == "\\t":
        delimiter = "\t"
    if quote not in (None, *QUOTES):
        raise UsageError(f"--quote: unknown value {quoted(quote)}", f"Known: {', '.join(QUOTES)}.")
    if delimiter is not None and not _DELIMITER.fullmatch(delimiter):
        raise UsageError(
            f"--delimiter {quoted(delimiter)}: not a valid delimiter",
            "Give one ASCII character that is not a quote or a line end, such as ';'.",
        )
    template = None if key is None else KeyTemplate.parse(key)
    if key_field is not None:
        template = KeyTemplate.of_member(key_field)
    return Shape(
        template,
        value_field,
        infer_types,
        delimiter,
        has_quotes=quote != "none",
        typed_columns=None if typed_columns is None else _columns(typed_columns),
    )


def _columns(text: str) -> frozenset[str]:
    """Return the names in a row of CSV. Raise UsageError if there are none."""
    import csv  # few commands name columns

    try:
        names = next(csv.reader([text], strict=True), [])
    except csv.Error:
        names = []
    if not names or "" in names:
        raise UsageError(
            f"--infer-types={text}: not a list of columns",
            "Name columns as in --infer-types=age,score, or give --infer-types alone for all.",
        )
    return frozenset(names)


def _paired(text: str) -> str:
    if text.isascii() or not _PAIR.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
