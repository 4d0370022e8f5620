"""Decode many lines into their members, as columns, and prove that no member occurs twice.

Most lines of an input have the same members. So lines are decoded into a struct with the names in
the lines before, which takes fewer objects than a dictionary. A line with another name is decoded
into a dictionary first, to learn its names.

Of several members with the same name, the decoder keeps the last, but the careful path refuses
them. The proof that there are none: what was decoded is written again, compactly. A line of the
same length holds nothing else. A longer line with the same number of quotes may have white space or
escapes, but no other member, because each member has at least the two quotes of its name.

The decoder refuses lone surrogates, which JSON allows. If one of the lines has one, lines with
escapes of surrogates are decoded *masked*: with the escapes of other characters in their place.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from kvsctl.jsontext import PARSER_DEPTH, are_shallow, depth_exceeds

NONE: Final = msgspec.Raw(b"")
_ESCAPED_QUOTE: Final = rb"\u0022"
_BACKSLASH: Final = ord("\\")
_MOST_NAMES: Final = 64
_MASKS: Final = ((rb"\ud", rb"\ue"), (rb"\uD", rb"\uE"))
"""The beginnings of escapes of surrogates, and what masks them: those of other escapes."""
_may_be_masked: Final = re.compile("[\ud800-\uefff]").search

Text: TypeAlias = str | msgspec.Raw | UnsetType | None
"""A member that is decoded as text, or null. Raw if there are too many names for that."""
_Getter: TypeAlias = Callable[[list[Any]], list[Any]]
_GETTERS: Final[Sequence[_Getter]] = (
    lambda entries: [entry.member_0 for entry in entries],
    lambda entries: [entry.member_1 for entry in entries],
    lambda entries: [entry.member_2 for entry in entries],
    lambda entries: [entry.member_3 for entry in entries],
    lambda entries: [entry.member_4 for entry in entries],
    lambda entries: [entry.member_5 for entry in entries],
    lambda entries: [entry.member_6 for entry in entries],
    lambda entries: [entry.member_7 for entry in entries],
)
"""How to get the first columns, in half of the time of `attrgetter`. Few records have more."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines


class Members(msgspec.Struct, gc=False):
    """The members of lines.

    `lines` are the lines as they were decoded. Each line in `gaps` is not certainly an object, and
    another object is in its place. `entries` are the members of each line. A member may occur
    twice: see `repeats`.
    """

    lines: Sequence[bytes]
    entries: list[Any]
    getters: Mapping[str, _Getter] | None
    """How to get a column of the entries, by name. None if the entries are dictionaries."""
    gaps: Sequence[int]
    masked: Sequence[int]
    """The indexes of lines that were decoded masked.

    A mask is never legal in a name or a key, or in another member that is read, except the value.
    """
    is_shallow: bool
    """Whether certainly no line nests deeper than a value may."""

    joined: bytes
    """All lines, with NUL between them."""

    _columns: dict[str, list[Any]] = msgspec.field(default_factory=dict)
    _lines_written: bytes = b""

    def has_other_than(self, names: Collection[str]) -> bool:
        """Return whether a line may have other members than these."""
        return self.getters is None or not self.getters.keys() <= set(names)

    def each_has_other_than(self, names: Collection[str], likely: Collection[str] = ()) -> bool:
        """Return whether certainly each line has a member with another name than these.

        Members of `likely` names are looked at first. Give names that are read anyway.
        """
        others = [name for name in self.getters or () if name not in names]
        others.sort(key=likely.__contains__, reverse=True)
        return any(all(self._column(name)) for name in others)

    def _column(self, name: str) -> list[Any]:
        """Return the members of a name, as they were decoded."""
        if self.getters is None:
            return [entry.get(name, NONE) for entry in self.entries]
        if name not in self.getters:
            return [NONE] * len(self.entries)
        column = self._columns.get(name)
        if column is None:
            self._columns[name] = column = self.getters[name](self.entries)
        return column

    def column(self, name: str) -> list[msgspec.Raw]:
        """Return the members of a name, each as its bytes; `NONE` if a line has none.

        Of a masked line, these are masked, too: see `unmasked`.
        """
        return self._column(name)

    def unmasked(self, column: list[msgspec.Raw]) -> list[msgspec.Raw]:
        """Return a column with the exact bytes of the lines. It may change the column given."""
        for place in self.masked:
            text = bytes(column[place])
            for escape, mask in _MASKS:
                text = text.replace(mask, escape)
            column[place] = msgspec.Raw(text)
        return column

    def column_if_any(self, name: str) -> list[msgspec.Raw] | None:
        """Return the members of a name; None if no line has one."""
        if self.getters is not None and name not in self.getters:
            return None
        column = self.column(name)
        return column if any(column) else None

    def keys(self, name: str) -> list[str]:
        """Return the members of the name that is decoded as a key; "" if a line has none."""
        return self._column(name)

    def texts_if_any(self, name: str) -> list[Text] | None:
        """Return the members of a name that is decoded as text; None if no line has one."""
        if self.getters is not None and name not in self.getters:
            return None
        column = self._column(name)
        return column if any(column) or "" in column else None

    @property
    def are_compact(self) -> bool:
        """Whether all lines are certainly compact JSON in which no member occurs twice."""
        # The decoded members of a line, written again, are never longer than the line. So if all of
        # them are as long as all lines together, those of each line are as long as the line.
        # A line feed follows each line that is written.
        return len(self._written) == len(self.joined) + 1 and self.getters is not None

    @property
    def _written(self) -> bytes:
        """What was decoded, written again compactly."""
        if not self._lines_written:
            self._lines_written = _encode_lines(self.entries)
        return self._lines_written

    def repeats(self) -> list[int]:
        """Return the indexes of lines in which a member may occur twice."""
        if self.are_compact:
            return []
        found: list[int] = []
        if self.getters is None:
            # A masked name may be another spelling of one that is not.
            found += [
                place for place in self.masked if _may_be_masked("".join(self.entries[place]))
            ]
        lines, written, joined = self.lines, self._written, self.joined
        if written.count(b'"') == joined.count(b'"') and _ESCAPED_QUOTE not in joined:
            return found
        return found + [
            place
            for place, (line, text) in enumerate(
                zip(lines, map(_encode, self.entries), strict=True)
            )
            if len(line) != len(text)
            # A quote may be written as an escape, which has none.
            and (line.count(b'"') != text.count(b'"') or _ESCAPED_QUOTE in line)
        ]


class _Form(NamedTuple):
    """What lines are decoded into: a struct with these names, or a dictionary."""

    names: dict[str, None]
    decode: Callable[[bytes], Any]
    getters: Mapping[str, _Getter] | None


class Decoder:
    """A decoder of lines into members, which learns their names.

    A line that nests deeper than `PARSER_DEPTH` is not decoded, because the decoder recurses.
    `value_depth`: how deep a value may nest. Members are exact bytes; that of the name `key` is a
    string, and those of `texts` are strings or null. `known` are the legal names, if not all are.
    `names` are those that most lines have. Several threads may use it.
    """

    def __init__(
        self,
        value_depth: int,
        names: Collection[str],
        *,
        key: str | None = None,
        texts: Collection[str] = (),
        known: Collection[str] | None = None,
    ) -> None:
        self._value_depth = value_depth
        self._key = key
        self._texts = texts
        self._known = known
        self._form = self._form_of(dict.fromkeys(filter(self._is_legal, names)))
        # It is common, so a line that is not an object does not slow down the lines beside it.
        self._instead = _encode(dict.fromkeys(self._form.names, "a"))

    def read(self, lines: Sequence[bytes]) -> Members:
        """Return the members of lines."""
        given = lines
        lines, joined, is_shallow = self._decodable(given)
        form = self._form
        masked: Sequence[int] = ()
        entries = _decoded(form.decode, lines)
        if entries is None:
            lines, masked = _all_masked(lines)
            entries = _decoded(form.decode, lines) if masked else None
        gaps: Sequence[int] = ()
        if entries is None:
            entries = _decoded_or_none(form.decode, lines)
            left = [line for line, entry in zip(lines, entries, strict=True) if entry is None]
            learnt = self._learnt(form, left)
            if learnt is not form:
                self._form = form = learnt
                entries = _decoded_or_none(form.decode, lines)
            gaps = [place for place, entry in enumerate(entries) if entry is None]
            lines, instead = list(lines), form.decode(self._instead)
            for place in gaps:
                lines[place], entries[place] = self._instead, instead
        if lines is not given:
            joined = b"\0".join(lines)
        return Members(lines, entries, form.getters, gaps, masked, is_shallow, joined)

    def _learnt(self, form: _Form, lines: Sequence[bytes]) -> _Form:
        """Return a form with the names of these lines, too; the same form if it has all of them."""
        if form.getters is None:
            return form
        objects = _decoded_or_none(_decode_object, lines)
        names = {
            name: None for members in objects for name in members or () if self._is_legal(name)
        }
        return form if names.keys() <= form.names.keys() else self._form_of(form.names | names)

    def _is_legal(self, name: str) -> bool:
        if self._known is not None:
            return name in self._known
        return not _may_be_masked(name)

    def _form_of(self, names: dict[str, None]) -> _Form:
        if len(names) > _MOST_NAMES or any(map(_needs_escape, names)):
            return _Form(names, _decode_object, None)
        fields = {name: f"member_{place}" for place, name in enumerate(names)}
        entry = msgspec.defstruct(
            "Entry",
            [(field, *self._type_of(name)) for name, field in fields.items()],
            rename={field: name for name, field in fields.items()},
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
        )
        others = [_getter_of(field) for field in [*fields.values()][len(_GETTERS) :]]
        getters = dict(zip(fields, (*_GETTERS, *others)))  # noqa: B905 - there may be fewer fields
        return _Form(names, msgspec.json.Decoder(entry).decode, getters)

    def _type_of(self, name: str) -> tuple[Any, Any]:
        """Return the type of a member, and its value if a line has none."""
        if name == self._key:
            return str, ""
        return (str | UnsetType | None, UNSET) if name in self._texts else (msgspec.Raw, NONE)

    def _decodable(self, lines: Sequence[bytes]) -> tuple[Sequence[bytes], bytes, bool]:
        """Return the lines, with an empty one in place of each that must not be decoded.

        Return also the lines given, with NUL between them, and whether all lines are certainly
        shallow: see `Members`.
        """
        text, longest = b"\0".join(lines), max(map(len, lines))
        # For short lines, it is faster to look at the values alone.
        are_long = longest > 2 * PARSER_DEPTH
        is_shallow = are_long and are_shallow(text, self._value_depth)
        if are_long and not is_shallow:
            lines = [b"" if depth_exceeds(line, PARSER_DEPTH) else line for line in lines]
        if not is_utf8(text):
            # The decoder does not check the UTF-8 inside a Raw.
            lines = [line if is_utf8(line) else b"" for line in lines]
        return lines, text, is_shallow


def _getter_of(field: str) -> _Getter:
    get = attrgetter(field)
    return lambda entries: list(map(get, entries))


def _decoded(decode: Callable[[bytes], Any], lines: Sequence[bytes]) -> list[Any] | None:
    """Return the decoded lines; None if one of them cannot be decoded."""
    try:
        return list(map(decode, lines))
    except msgspec.MsgspecError:
        return None


def _decoded_or_none(decode: Callable[[bytes], Any], lines: Sequence[bytes]) -> list[Any]:
    """Return the decoded lines, with None for each that cannot be decoded."""
    entries: list[Any] = []
    rest = iter(lines)
    while len(entries) < len(lines):
        try:
            for entry in map(decode, rest):
                entries.append(entry)
        except msgspec.MsgspecError:
            entries.append(None)
    return entries


def _all_masked(lines: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[int]]:
    """Return the lines with masked surrogates, and the indexes of those that have some.

    A line that already contains the mask is not masked.
    """
    shown, places = list(lines), []
    for place in [place for place, line in enumerate(lines) if _BACKSLASH in line]:
        line = lines[place]
        masked = line if _has_mask(line) else _masked(line)
        if masked != line:
            shown[place] = masked
            places.append(place)
    return shown, places


def _has_mask(text: bytes) -> bool:
    # bytes.find is faster: `in` first tries to use the bytes as a number, and drops that error.
    return any(text.find(mask) >= 0 for _, mask in _MASKS)


def _masked(text: bytes) -> bytes:
    for escape, mask in _MASKS:
        text = text.replace(escape, mask)
    return text


def _needs_escape(name: str) -> bool:
    return "\\" in name or '"' in name or not name.isprintable()


def is_utf8(text: bytes) -> bool:
    """Return whether a text is UTF-8."""
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
