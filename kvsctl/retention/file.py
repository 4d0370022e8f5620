"""A retention file: rules in TOML, checked name by name, with the line of every mistake."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from kvsctl.config.nearest import hint_of, near
from kvsctl.config.toml_lines import TomlLines
from kvsctl.config.waiting import require_ready
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_MOST_BYTES: Final = 1 << 20
EXAMPLE: Final = (
    'For example: [[rules]], and below it name = "sessions", prefix = "session:", '
    'older_than = "30d" and action = "delete".'
)
_CHOOSING: Final = ("prefix", "match", "regex", "all")
_STEPS_TO_A_RULE: Final = 2
_AT_LINE: Final = re.compile(r"(.*?) \(at line ([0-9]+), column ([0-9]+)\)", re.DOTALL)


class RuleTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as it is written. Selectors have the names of the options, with `_`.

    `protect`: the name of a file, as for the option, or a list of keys and globs.
    """

    name: str
    action: Literal["delete", "expire"]
    prefix: str | None = None
    all: bool = False
    match: str | list[str] = []
    exclude: str | list[str] = []
    regex: str | list[str] = []
    older_than: str | None = None
    newer_than: str | None = None
    by: Literal["updated", "created"] = "updated"
    age_from: str | None = None
    expired: bool = False
    no_expiry: bool = False
    larger_than: str | int | None = None
    where: str | list[str] = []
    entity: str | list[str] = []
    plain: bool = False
    keep_last: int | None = None
    group_by: str | None = None
    ttl: str | None = None
    max_delete: str | int | None = None
    max_delete_bytes: str | int | None = None
    protect: str | list[str] = []


class WrittenRule(msgspec.Struct, frozen=True):
    """A rule of a file: the `number`-th, from 0."""

    table: RuleTable
    number: int


_TYPES: Final = {field.name: field.type for field in msgspec.structs.fields(RuleTable)}
_EXPECTED: Final[Mapping[Any, str]] = {
    str: "text in quotes",
    bool: "true or false",
    int | None: "a whole number",
    str | None: "text in quotes",
    str | list[str]: "text in quotes, or a list of such texts",
    str | int | None: "text in quotes, or a whole number",
    Literal["delete", "expire"]: '"delete" or "expire"',
    Literal["updated", "created"]: '"updated" or "created"',
}


class RetentionFile:
    """The rules of a retention file, in their order, and everything that is wrong with it.

    `rules` holds the rules whose values have the right types, so that they can be checked further
    even if something else is wrong. What the values mean, such as an age, is not checked here.
    Raise UsageError if the file cannot be read or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = _text(path)
        self._document = _parsed(path, self._text)
        self._lines: TomlLines | None = None
        self._refused: set[tuple[str | int, ...]] = set()
        self._written_as: dict[tuple[str | int, ...], str] = {}
        self._errors: list[tuple[int, UsageError]] = []
        self.rules: list[WrittenRule] = []
        self._check()

    @property
    def written(self) -> Sequence[Mapping[str, Any]]:
        """The rules as they are written, if all of them are correct."""
        return list(self._document["rules"])

    def refuse(
        self,
        reason: str,
        hint: str | None,
        *place: str | int,
        excerpt: tuple[str, int] | None = None,
    ) -> None:
        """Record a mistake at a place of the file: see `TomlLines.of`.

        Only the first mistake in each member of a rule counts. `excerpt`: see KvsctlError.
        """
        is_member = len(place) > _STEPS_TO_A_RULE
        if is_member and place in self._refused:
            return
        self._refused.add(place)
        if self._lines is None:
            self._lines = TomlLines(self._text)
        *table, name = place
        line = self._lines.of(*table, self._written_as.get(place, name))
        error = UsageError(f"{self.path}:{line}: {reason}", hint)
        error.excerpt = excerpt
        self._errors.append((line, error))

    def require_correct(self) -> None:
        """Raise UsageError with all mistakes, if there are any."""
        if self._errors:
            [first, *others] = [error for _, error in sorted(self._errors, key=lambda one: one[0])]
            first.others = others
            raise first

    def _check(self) -> None:
        for name in self._document:
            if name != "rules":
                self.refuse(*_unknown(name, ["rules"]), name)
        tables = self._document.get("rules", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self.refuse("rules are not tables: write [[rules]] before each", EXAMPLE, "rules")
        elif not tables and not self._errors:
            raise UsageError(f"{self.path} has no rules", EXAMPLE)
        else:
            names: dict[str, int] = {}
            for number, table in enumerate(tables):
                self._check_rule(number, table, names)

    def _check_rule(self, number: int, table: Mapping[str, Any], names: dict[str, int]) -> None:
        meant = self._meant(number, table)
        has_types = self._check_types(number, meant)
        for name in ("name", "action"):
            if name not in meant:
                what = _EXPECTED[_TYPES[name]]
                self.refuse(f"the rule has no {name}", f"Add {name} = {what}.", "rules", number)
        self._check_name(number, meant.get("name"), names)
        if not any(meant.get(name) for name in _CHOOSING) and meant.get("prefix") != "":
            reason = "the rule has none of prefix, match, regex and all"
            self.refuse(reason, "Add all = true if all keys are meant.", "rules", number)
        for name, reason, hint in _contradictions(meant):
            self.refuse(reason, hint, "rules", number, name)
        if has_types:
            rule = msgspec.convert({"name": "", "action": "delete"} | meant, RuleTable)
            self.rules.append(WrittenRule(rule, number))

    def _meant(self, number: int, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of a rule, under the names that were probably meant."""
        meant = {name: value for name, value in table.items() if name in _TYPES}
        for name in table.keys() - meant.keys():
            self.refuse(*_unknown(name, _TYPES), "rules", number, name)
            guesses = near(name, _TYPES)
            if len(guesses) == 1 and guesses[0] not in meant:
                meant[guesses[0]] = table[name]
                self._written_as["rules", number, guesses[0]] = name
        return meant

    def _check_types(self, number: int, meant: Mapping[str, Any]) -> bool:
        """Record members whose values have a wrong type. Return whether there are none."""
        wrong = [name for name, value in meant.items() if not _has_type(name, value)]
        for name in wrong:
            self.refuse(f"{name} must be {_EXPECTED[_TYPES[name]]}", None, "rules", number, name)
        return not wrong

    def _check_name(self, number: int, name: Any, names: dict[str, int]) -> None:
        if not isinstance(name, str):
            return
        if not name.strip() or not name.isprintable():
            reason = "name is empty" if not name.strip() else "name has a control character"
            self.refuse(reason, "Write a name for reports.", "rules", number, "name")
        elif name in names:
            reason = f"two rules have the name {quoted(name)}"
            self.refuse(reason, "Give each rule a name of its own.", "rules", number, "name")
        names[name] = number


def _contradictions(table: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Yield the members that cannot be right in this rule, each with a reason and a hint."""
    action = table.get("action")
    if action == "expire" and "ttl" not in table:
        yield "action", 'action "expire" needs a ttl', 'For example: ttl = "30d".'
    if action == "delete" and "ttl" in table:
        yield "ttl", 'ttl belongs to action "expire"', "Remove one of them."
    if table.get("prefix") == "":
        yield "prefix", "prefix is empty", "Write all = true if all keys are meant."
    keep_last = table.get("keep_last")
    if isinstance(keep_last, int) and keep_last < 1:
        yield "keep_last", "keep_last must be at least 1", "Remove it to keep none."
    for name, kind in _TYPES.items():
        if kind == str | list[str] and (table.get(name) == "" or table.get(name) == [""]):
            yield name, f"{name} is empty", "Remove it, or write what it means."
    if "group_by" in table and "keep_last" not in table:
        yield "group_by", "group_by belongs to keep_last", "Add keep_last, or remove it."


def _unknown(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Return what is wrong with an unknown name, and a hint."""
    return f"unknown name {quoted(name)}", hint_of(name, known)


def _has_type(name: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _TYPES[name])
    except msgspec.ValidationError:
        return False
    return True


def texts_of(value: str | Sequence[str]) -> list[str]:
    """Return the texts of a value that is one text or a list of them."""
    return [value] if isinstance(value, str) else [*value]


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.fullmatch(str(error))
        if found is None:
            raise UsageError(f"{path} is not TOML: {error}", EXAMPLE) from None
        reason = f"not TOML: {found[1][:1].lower()}{found[1][1:]}, at column {found[3]}"
        raise UsageError(f"{path}:{found[2]}: {reason}", EXAMPLE) from None
    except RecursionError:
        raise UsageError(f"{path} is not TOML: it nests too deep", EXAMPLE) from None


def _text(path: Path) -> str:
    try:
        require_ready(path)
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} has more than {_MOST_BYTES:,} bytes: it is not a retention file")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: not UTF-8", "Write the file in UTF-8.") from None
