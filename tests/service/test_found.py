"""How deep the values of an answer may nest: each by itself, however many there are."""

import json

import pytest

from kvsctl import jsontext
from kvsctl.model import Verb
from kvsctl.service.found import UnreadableAnswer
from kvsctl.service.queries import decode_page
from kvsctl.service.reply import AllDone, ReplyDecoder
from tests.support.records import record

_NESTED = json.dumps([{"id": number, "tags": [{}]} for number in range(30)])
"""A value with many brackets, none of them deep."""
_DEEPEST = "[" * 197 + " " * 10 + "]" * 197
_TOO_DEEP = f"[{_DEEPEST}]"

_MORE = pytest.mark.parametrize("more", ["", ',"createdAt":5'], ids=["plain", "with a time"])


def _records(values: list[str], more: str) -> str:
    return ",".join(
        f'{{"key":"k{place}","value":{value}{more}}}' for place, value in enumerate(values)
    )


def _read(values: list[str], more: str) -> list[str]:
    """Return the values that are found in an answer to a batch, and in a page."""
    body = f'{{"successfulKeys":[{_records(values, more)}],"failedKeys":[]}}'.encode()
    asked = [record(place, f"k{place}") for place in range(len(values))]
    done = ReplyDecoder().decode(Verb.GET, body, None, asked)
    assert isinstance(done, AllDone)
    assert done.found is not None
    page = decode_page(f'{{"data":[{_records(values, more)}],"cursor":"c"}}'.encode())
    found = [one.value.decode() for one in done.found]
    assert found == [one.value.decode() for one in page.found]
    return found


@_MORE
def test_many_nested_values_are_read_without_looking_at_each_bracket(
    more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsontext, "depths", None)
    assert _read([_NESTED] * 25, more) == [_NESTED] * 25


@_MORE
def test_each_value_may_nest_as_deep_as_one_alone(more: str) -> None:
    values = [_DEEPEST, _NESTED, "1", _DEEPEST]
    assert _read(values, more) == values


@_MORE
@pytest.mark.parametrize("place", range(3))
def test_one_value_that_nests_too_deep_makes_the_answer_unreadable(place: int, more: str) -> None:
    values = [_NESTED, "1", _DEEPEST]
    values[place] = _TOO_DEEP
    with pytest.raises(UnreadableAnswer, match="200 levels"):
        _read(values, more)
    with pytest.raises(UnreadableAnswer, match="200 levels"):
        decode_page(f'{{"data":[{_records(values, more)}]}}'.encode())
