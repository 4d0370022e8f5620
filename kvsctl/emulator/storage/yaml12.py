"""Parse YAML as the vendor's parser does (npm `yaml`, YAML 1.2 core schema).

PyYAML alone follows YAML 1.1: it reads `on` and `no` as booleans, `012` as octal and `2026-01-01`
as a date, merges `<<`, and lets the last of two equal keys win. Here it only splits the text into
events. Unlike PyYAML's own constructor, this one does not recurse, so that deep nesting cannot
exhaust the stack. Tags and documents in YAML 1.1 are refused: a manifest needs neither.
"""

import re
from dataclasses import dataclass, field
from typing import Any

DEPTH_MAX = 100
ALIASES_MAX = 100
"""The vendor's limit on the uses of an anchor, weighted by the aliases inside it."""

NULL = re.compile(r"(?:~|[Nn]ull|NULL)?")
BOOLEAN = re.compile(r"[Tt]rue|TRUE|[Ff]alse|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+)", re.ASCII
)
NOT_FINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|(\.(?:nan|NaN|NAN))")


class YamlError(Exception):
    """A text that is not YAML, or YAML that is refused. The message is one line."""


@dataclass(slots=True, eq=False)
class _Anchor:
    """An anchored node: its value, its uses so far, and what it weighs for `ALIASES_MAX`."""

    value: object
    has_scalars: bool
    inner: list["_Anchor"]
    uses: int = 0
    weight: int = 0

    def use(self) -> object:
        self.uses += 1
        if self.weight == 0:
            weights = [inner.uses * inner.weight for inner in self.inner]
            self.weight = max([int(self.has_scalars), *weights])
        if self.uses * self.weight > ALIASES_MAX:
            raise YamlError("too many aliases")
        return self.value


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    value: "list[object] | dict[str, object]"
    anchor: str | None
    place: str
    key: str = ""
    has_key: bool = False
    keys: set[object] = field(default_factory=set)
    has_scalars: bool = False
    inner: list[_Anchor] = field(default_factory=list)


def parse_yaml(text: str) -> object:
    """Return the document of a text as Python objects; None for an empty text.

    Keys of mappings are strings, as in JavaScript. Raise YamlError if the text is not one document
    of YAML, repeats a key, nests deeper than 100 levels, or has tags or too many aliases.
    """
    import yaml  # not at the top: only --manifest needs it

    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.read(event)
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    return builder.document


class _Builder:
    """The document built from the events read so far."""

    def __init__(self) -> None:
        self.document: object = None
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchor] = {}

    def read(self, event: Any) -> None:
        """Add one event of PyYAML's parser. Raise YamlError if it is refused."""
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise YamlError("more than one document")
                if event.version == (1, 1):
                    raise YamlError("a document in YAML 1.1")
            case "SequenceStartEvent" | "MappingStartEvent":
                self._start(event)
            case "SequenceEndEvent" | "MappingEndEvent":
                self._end()
            case "ScalarEvent":
                _refuse_tag(event)
                is_plain = event.style is None
                value = _resolved(event.value) if is_plain else event.value
                self._add(value, event, anchor=event.anchor)
            case "AliasEvent":
                self._add_alias(event)

    def _start(self, event: Any) -> None:
        _refuse_tag(event)
        if len(self._open) == DEPTH_MAX:
            raise YamlError(f"{_place(event)}: nested deeper than {DEPTH_MAX} levels")
        is_list = type(event).__name__ == "SequenceStartEvent"
        self._open.append(_Open([] if is_list else {}, event.anchor, _place(event)))

    def _end(self) -> None:
        closed = self._open.pop()
        if closed.anchor is not None:
            self._anchors[closed.anchor] = _Anchor(closed.value, closed.has_scalars, closed.inner)
        if self._open:
            self._open[-1].has_scalars |= closed.has_scalars
            self._open[-1].inner += closed.inner
        self._place_value(closed.value, closed.place, is_alias=False)

    def _add(self, value: object, event: Any, *, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = _Anchor(value, True, [])
        if self._open:
            self._open[-1].has_scalars = True
        self._place_value(value, _place(event), is_alias=False)

    def _add_alias(self, event: Any) -> None:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise YamlError(f"{_place(event)}: unknown alias *{event.anchor}")
        value = anchor.use()
        if self._open:
            self._open[-1].inner.append(anchor)
        self._place_value(value, _place(event), is_alias=True)

    def _place_value(self, value: object, place: str, *, is_alias: bool) -> None:
        if not self._open:
            self.document = value
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.has_key:
            parent.value[parent.key] = value
            parent.has_key = False
        else:
            if isinstance(value, list | dict):
                raise YamlError(f"{place}: a key that is not a scalar")
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            same = ("number" if is_number else type(value).__name__, value)
            if not is_alias and same in parent.keys:
                raise YamlError(f'{place}: the key "{_key(value)}" is there twice')
            parent.keys.add(same)
            parent.key, parent.has_key = _key(value), True


def _resolved(text: str) -> object:
    """Return a plain scalar with its type in the core schema."""
    if NULL.fullmatch(text):
        return None
    if BOOLEAN.fullmatch(text):
        return text[0] in "tT"
    if INTEGER.fullmatch(text):
        digits = text.lstrip("+-")
        base = {"0o": 8, "0x": 16}.get(digits[:2], 10)
        # Python does not parse integers of more than 4300 digits.
        return int(text, base) if len(text) < 400 else float("inf")
    if FLOAT.fullmatch(text):
        return float(text)
    if found := NOT_FINITE.fullmatch(text):
        return float("nan") if found.group(2) else float(found.group(1) + "inf")
    return text


def _key(value: object) -> str:
    """Return a scalar as JavaScript writes it as a key. Only the start of a number must match."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(str(value), str(value))
    return str(value)


def _refuse_tag(event: Any) -> None:
    if event.tag is not None:
        raise YamlError(f'{_place(event)}: the tag "{event.tag}"')


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"
