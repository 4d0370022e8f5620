"""Which parts of two values differ, and where they are."""

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from kvsctl import jsontext
from kvsctl.jsonequal import are_equal

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class DifferingPart(NamedTuple):
    """A part of a value that differs: its path, and its JSON on each side; None if it is absent.

    A path begins with `value`: `value.name`, `value.tags[2]`, `value["two words"]`.
    """

    path: str
    left: bytes | None
    right: bytes | None


def differing_parts(left: bytes, right: bytes, path: str = "value") -> Iterator[DifferingPart]:
    """Yield the smallest parts in which two values differ, in the order of the left.

    Elements of arrays are compared by index. The caller must have checked the depth.
    """
    kinds = left[:1] + right[:1]
    if kinds == b"{{":
        yield from _differing_members(left, right, path)
    elif kinds == b"[[":
        yield from _differing_elements(left, right, path)
    elif not are_equal(left, right):
        yield DifferingPart(path, left, right)


def _differing_members(left: bytes, right: bytes, path: str) -> Iterator[DifferingPart]:
    ones, others = _members(left), _members(right)
    for name in [*ones, *(name for name in others if name not in ones)]:
        yield from _compared(ones.get(name), others.get(name), path + _step(name))


def _differing_elements(left: bytes, right: bytes, path: str) -> Iterator[DifferingPart]:
    ones, others = jsontext.elements(left), jsontext.elements(right)
    for place in range(max(len(ones), len(others))):
        one = ones[place] if place < len(ones) else None
        other = others[place] if place < len(others) else None
        yield from _compared(one, other, f"{path}[{place}]")


def _compared(one: bytes | None, other: bytes | None, path: str) -> Iterator[DifferingPart]:
    if one is None or other is None:
        yield DifferingPart(path, one, other)
    else:
        yield from differing_parts(one, other, path)


def _members(text: bytes) -> dict[str, bytes]:
    try:
        return jsontext.members(text)
    except jsontext.JsonTextError:  # a repeated member: the last one counts
        pairs: dict[str, object] = json.loads(text)
        return {name: jsontext.json_line(member) for name, member in pairs.items()}


def _step(name: str) -> str:
    return f".{name}" if _NAME.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"
