"""Lines that are records, almost records, or neither, in blocks as one reading would meet them.

Members stand in any order, are repeated, escaped, of the wrong type, null or unknown, with white
space as compact, usual or odd writers put it.
"""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from kvsctl.records.rules import Rules
from kvsctl.records.ttl import Ttl
from tests.support.jsontexts import LEGAL_KEYS, STRINGS, VALUES, object_of, spelt

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
RULES = [
    Rules(epoch=lambda: NOW),
    Rules(epoch=lambda: NOW, entity="user"),
    Rules(epoch=lambda: NOW, ttl=Ttl(1, "HOURS")),
    Rules(epoch=lambda: NOW, entity="user", ttl=Ttl(2, "DAYS")),
    Rules(epoch=lambda: NOW, limits=None),
    Rules(epoch=lambda: NOW, entity="No"),
]

KEYS = LEGAL_KEYS.map(json.dumps)
_ODD_KEYS = st.one_of(
    st.text(max_size=3).map(json.dumps),
    LEGAL_KEYS.flatmap(spelt),
    STRINGS,
    st.sampled_from(
        ['"a b"', '" a"', '"a "', '" "', '"a\\tb"', '"a\\u0022"', '"é"', f'"{"k" * 501}"']
    ),
)
_TTLS = st.sampled_from(
    [
        '"7d"',
        '"45s"',
        '"400d"',
        '"0s"',
        '"soon"',
        '"7\\u0064"',
        "null",
        "7",
        "[]",
        '{"value":7}',
        '{"value":7,"unit":"DAYS"}',
        '{ "unit": "HOURS" , "value": 1 }',
        '{"value":0,"unit":"DAYS"}',
        '{"value":1,"value":2,"unit":"DAYS"}',
        '{"value":1.0,"unit":"DAYS"}',
        '{"value":1e2,"unit":"DAYS"}',
        '{"value":7,"unit":"DAYS","x":1}',
        f'{{"value":{"9" * 30},"unit":"DAYS"}}',
        '{"value":true,"unit":"DAYS"}',
    ]
)
_OPTIONS = st.one_of(
    _TTLS.map(lambda ttl: f'{{"ttl":{ttl}}}'),
    st.sampled_from(
        ["null", "{}", "[]", '{"ttl":"1d","x":1}', '{"x":1}', '{"ttl":"1d","ttl":"2d"}', '"7d"']
    ),
)
_TIMES = st.sampled_from(
    [
        '"2026-06-01T00:00:00Z"',
        '"2026-06-01T00:00:00.123Z"',
        '"2026-06-01T02:00:00.5+02:00"',
        '"2026-06-01"',
        '"2026-06-01T00:00:00"',
        '"soon"',
        '""',
        "null",
        "5",
        '"2099-01-01T00:00:00Z"',
        '"2020-01-01T00:00:00Z"',
        '"2027-01-01T12:00:00Z"',
        '"2027-01-02T00:00:00Z"',
        '"2026\\u002d06-01T00:00:00Z"',
        '"20260601T000000Z"',
        '"0001-01-01T00:00:00+23:59"',
        '"9999-12-31T23:59:59Z"',
    ]
)
_ENTITIES = st.sampled_from(
    ['"abc"', '"user"', '"a.b-c:1"', '"u\\u0073er"', "null", '""', '"A"', '"a..b"', "5", '"abc "']
)
_IGNORED = st.sampled_from(["1", "null", '{"code":"X"}', '"f:1"', "1767225600000", '"\\u0022"'])
_PLAIN_VALUES = st.sampled_from(
    [
        "1",
        '"text"',
        '{"n":1,"on":true}',
        "[]",
        "null",
        '"é"',
        '"say \\"hi\\""',
        "1e400",
        "-0",
        "9" * 40,
    ]
)
_VALUES = st.one_of(
    _PLAIN_VALUES,
    VALUES,
    st.sampled_from(
        ["[" * depth + "]" * depth for depth in (30, 31, 32, 33)]
        + ['{"a":' * 31 + "1" + "}" * 31, '"' + "[{" * 40 + '"', "NaN", "01", "", '"\ud800"']
        + ['"' + "x" * (240 * 1024 - 2) + '"', '"' + "x" * (240 * 1024 - 1) + '"']
    ),
)
TEXTS = {
    "key": KEYS | _ODD_KEYS,
    "value": _PLAIN_VALUES | _VALUES,
    "entityName": _ENTITIES,
    "ttl": _TTLS,
    "options": _OPTIONS,
    "expireTime": _TIMES,
    "createdAt": _IGNORED,
    "updatedAt": _IGNORED,
    "error": _IGNORED,
    "source": _IGNORED,
    "installation": _IGNORED,
    "raw": _IGNORED,
    "other": _IGNORED,
}
_SETTLED = {
    "key": KEYS,
    # In an entity, only objects are legal.
    "value": _PLAIN_VALUES.filter("null".__ne__) | st.just('{"n":1}') | st.just('{ "a": "}" }'),
    "entityName": st.sampled_from(['"abc"', '"user"', "null"]),
    "ttl": st.sampled_from(['"7d"', "null", '{"value":7,"unit":"DAYS"}']),
    "expireTime": st.sampled_from(['"2026-06-01T00:00:00.123Z"', "null"]),
    "options": st.sampled_from(["null", "{}"]),
    "createdAt": _IGNORED,
    "updatedAt": _IGNORED,
}
"""Members with which a record is legal, in any combination."""
Members = Sequence[tuple[str, str]]


@st.composite
def legal_members(draw: st.DrawFn) -> Members:
    """Draw the members of a legal record, in any order."""
    names = ["key", "value", *draw(st.sets(st.sampled_from([*_SETTLED][2:])))]
    return [(f'"{name}"', draw(_SETTLED[name])) for name in draw(st.permutations(names))]


@st.composite
def any_members(draw: st.DrawFn) -> Members:
    """Draw the members of a legal record with something odd about one of them, or two."""
    members = list(draw(legal_members()))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from([*TEXTS]))
        member = (f'"{name}"', draw(TEXTS[name]))
        place = draw(st.integers(0, len(members) - 1))
        change = draw(st.sampled_from(["value", "value", "name", "add", "add", "repeat", "drop"]))
        if change == "add":
            members.insert(place, member)
        elif change == "repeat":
            members.append(draw(st.sampled_from([members[place], (members[place][0], member[1])])))
        elif change == "drop" and len(members) > 1:
            del members[place]
        elif change == "name":
            spelling = draw(spelt(members[place][0][1:-1]))
            members[place] = (spelling, members[place][1])
        else:
            members = [one for one in members if one[0] != member[0]]
            members.insert(place, member)
    return members


def compact(members: Members) -> str:
    """Write an object without white space."""
    return "{" + ",".join(f"{name}:{text}" for name, text in members) + "}"


def spaced(members: Members) -> str:
    """Write an object as `json.dumps` does."""
    return "{" + ", ".join(f"{name}: {text}" for name, text in members) + "}"


def indented(members: Members) -> str:
    """Write an object as `json.dumps(indent=2)` writes one in an array."""
    return "{\n    " + ",\n    ".join(f"{name}: {text}" for name, text in members) + "\n  }"


LAYOUTS = st.sampled_from([compact, spaced, indented])

JSON_LAYOUTS: Sequence[dict[str, Any]] = [
    {"separators": (",", ":")},
    {},
    {"indent": 2},
    {"ensure_ascii": False},
    {"separators": (" ,\t", "\r: ")},
]
"""Options of `json.dumps`, for the layouts of lines that it writes."""


def written(members: st.SearchStrategy[Members]) -> st.SearchStrategy[str]:
    """Return the texts of objects with these members, in any layout."""
    return st.one_of(
        st.builds(lambda layout, drawn: layout(drawn), LAYOUTS, members),
        members.flatmap(lambda drawn: object_of(list(drawn))),
    )


@st.composite
def damaged(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    """Draw a text with a few bytes removed, changed or added."""
    text = bytearray(draw(texts).encode("utf-8", "surrogatepass")[:200])
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(text)))
        text[place : place + draw(st.integers(0, 2))] = draw(
            st.binary(max_size=1)
            | st.sampled_from([b'"', b"\\", b",", b"{", b"}", b"[", b"\xff", b"\0", b" ", b"\x0b"])
        )
    return bytes(text)


def blocks_of(
    legal: st.SearchStrategy[Members], anything: st.SearchStrategy[Members]
) -> st.SearchStrategy[list[bytes]]:
    """Return blocks of lines: most legal, others of any kind, in one layout or in several."""
    usual = written(legal).map(_bytes)
    odd = written(anything).map(_bytes)
    outer = st.sampled_from([b"", b" ", b"\t", b"\r", b"\x0b"])
    ringed = st.builds(b"%b%b%b".__mod__, st.tuples(outer, usual | odd, outer))
    lines = st.one_of(usual, odd, usual, ringed, damaged(written(legal)), st.just(b""))
    alike = st.tuples(LAYOUTS, st.lists(legal, min_size=1, max_size=5)).map(
        lambda drawn: [_bytes(drawn[0](members)) for members in drawn[1]]
    )
    mixed = st.lists(lines, min_size=1, max_size=5)
    return st.one_of(alike, mixed, st.tuples(alike, mixed).map(lambda both: both[0] + both[1]))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


BLOCKS = blocks_of(legal_members(), any_members())
"""Blocks of lines that are records, or almost."""
