"""The forms of list: lines that are read back, JSON, tables, a number."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvsctl.bulk.events import Settled
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.walk import records_of
from kvsctl.model import Found
from kvsctl.outputs.keys import form_of
from kvsctl.outputs.records import RecordOutput
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parser_choice import key_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File
from kvsctl.selection.characters import KEY_CHARACTERS
from kvsctl.slabs import FoundSlab, Successes

_KEYS = st.text(alphabet=KEY_CHARACTERS, min_size=1, max_size=6).filter(
    lambda key: (
        bool(key.strip(" \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"))
        and any(character.isalnum() or character in ":._-#" for character in key)
    )
)
_FOUND = Found(b'{"a":1}', 1_700_000_000_000, 1_700_000_000_001, "2026-01-02T03:04:05Z")


class _Sink:
    broken = None
    pending_bytes = lost_bytes = 0

    def __init__(self) -> None:
        self.text = b""

    def write(self, chunk: bytes) -> None:
        self.text += chunk

    def complete(self) -> None:
        raise AssertionError("who made the sink completes it")

    abandon = complete


def _printed(
    style: str,
    *pages: list[str],
    is_long: bool = False,
    entity: str | None = None,
    found: Found = _FOUND,
    is_whole: bool = True,
    width: int | None = None,
) -> str:
    sink = _Sink()
    form = form_of(style, is_long=is_long, has_entities=entity is not None, width=width)
    output = RecordOutput(sink, form.format, begin=form.begin, end=form.end, skipped=form.skipped)
    position = 0
    for keys in pages:
        records = records_of(entity, keys, position)
        output(Settled(Successes(records, FoundSlab.of([found] * len(keys)))))
        position += len(keys)
    output.close(is_whole=is_whole)
    return sink.text.decode()


@given(st.lists(_KEYS, min_size=1, max_size=4))
@example(["a\nb", "c\rd", "\ufeffe", "g\r\nh", " f ", "k\ttab", "l\vm", "\u2028n"])
@pytest.mark.parametrize(
    ("style", "form"),
    [("keys", Format.KEYS), ("jsonl", Format.JSONL), ("csv", Format.CSV)],
)
def test_what_is_printed_names_the_same_keys_when_read_back(
    style: str, form: Format, tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{style}.txt"
    path.write_bytes(_printed(style, keys, is_long=True).encode())
    forms = Forms(form, has_values=False)
    reader = Reader([File(path, forms=forms)], key_parsers(Rules(DEFAULT_LIMITS), forms.shape))
    read = [piece for pieces in reader for piece in pieces]
    assert [piece.identity.key for piece in read if piece.identity is not None] == keys


@pytest.mark.parametrize("style", ["keys", "jsonl", "json", "csv"])
@pytest.mark.parametrize("keys", [["key", "a"], ["KEY", "key"], ["Key", "keys"]])
def test_keys_that_are_named_like_a_heading_are_read_back(
    style: str, keys: list[str], tmp_path: Path
) -> None:
    path = tmp_path / ("keys.csv" if style == "csv" else "keys")
    path.write_bytes(_printed(style, keys).encode())
    forms = Forms(has_values=False)
    reader = Reader([File(path, forms=forms)], key_parsers(Rules(DEFAULT_LIMITS), forms.shape))
    read = [piece for pieces in reader for piece in pieces]
    assert [piece.identity.key for piece in read if piece.identity is not None] == keys


@given(st.lists(_KEYS, max_size=3), st.lists(_KEYS, min_size=1, max_size=3))
def test_json_is_one_array_over_all_pages(one: list[str], other: list[str]) -> None:
    pages = [page for page in (one, other) if page]
    assert [item["key"] for item in json.loads(_printed("json", *pages))] == [*one, *other]


def _as_key(cell: str) -> str:
    key = json.loads(cell) if cell.startswith('"') else cell
    assert isinstance(key, str)
    return key


@given(st.lists(_KEYS, min_size=1, max_size=4))
def test_csv_has_a_row_for_each_key(keys: list[str]) -> None:
    text = _printed("csv", keys, is_long=True)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [_as_key(row["key"]) for row in rows] == keys
    assert rows[0]["size"] == "7"
    assert rows[0]["createdAt"] == "2023-11-14T22:13:20Z"
    assert rows[0]["expireTime"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("style", "is_long", "entity", "text"),
    [
        ("keys", True, None, "a\n"),
        ("count", False, None, "1\n"),
        ("jsonl", False, "pet", '{"key":"a","entityName":"pet"}\n'),
        (
            "jsonl",
            True,
            None,
            '{"key":"a","size":7,"createdAt":1700000000000,"updatedAt":1700000000001,'
            '"expireTime":"2026-01-02T03:04:05Z"}\n',
        ),
        ("csv", False, "pet", "key,entityName\na,pet\n"),
        ("table", False, None, "KEY\na\n"),
        (
            "table",
            True,
            "pet",
            "   SIZE  CREATED               UPDATED               EXPIRES               "
            "ENTITY  KEY\n"
            "      7  2023-11-14T22:13:20Z  2023-11-14T22:13:20Z  2026-01-02T03:04:05Z  pet  a\n",
        ),
    ],
)
def test_each_style(style: str, is_long: bool, entity: str | None, text: str) -> None:
    assert _printed(style, ["a"], is_long=is_long, entity=entity) == text


def test_a_key_is_not_broken_where_a_table_is_too_narrow() -> None:
    keys = ["short", "long:" * 9]
    found = Found(b"1", 1_700_000_000_999, None, None)
    wide = _printed("table", keys, is_long=True, found=found, width=200)
    assert wide == _printed("table", keys, is_long=True, found=found)
    _, short, *long = _printed("table", keys, is_long=True, found=found, width=80).splitlines()
    assert [short] == [line for line in wide.splitlines() if line.endswith("short")]
    assert long == ["      1  2023-11-14T22:13:20Z", f"         {keys[1]}"]
    assert _printed("table", keys, width=10) == _printed("table", keys)


@pytest.mark.parametrize(
    ("expiry", "cell"),
    [
        ("2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05Z"),
        ("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-05:00"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        ("soon, \x1b", "soon???"),
    ],
)
@pytest.mark.parametrize("style", ["table", "csv"])
def test_all_times_have_the_same_form(style: str, expiry: str, cell: str) -> None:
    found = Found(b"1", 1_700_000_000_999, None, expiry)
    _, row = _printed(style, ["a"], is_long=True, found=found).splitlines()
    cells = row.split(",") if style == "csv" else row.split()
    assert "2023-11-14T22:13:20Z" in cells
    assert cell in cells
    if style == "table":
        header = _printed(style, ["a"], is_long=True, found=found).splitlines()[0]
        assert row.index(cell) == header.index("EXPIRES")


@pytest.mark.parametrize(
    ("style", "text"),
    [("keys", ""), ("count", "0\n"), ("json", "[\n]\n"), ("csv", "key\n"), ("jsonl", "")],
)
def test_nothing_is_printed_whole(style: str, text: str) -> None:
    assert _printed(style) == text


@pytest.mark.parametrize("style", ["keys", "jsonl", "json", "csv", "table"])
def test_a_key_that_utf8_cannot_encode_is_escaped(style: str) -> None:
    assert "\\ud800" in _printed(style, ["\ud800"], is_long=True)


def test_what_is_not_whole_has_no_end() -> None:
    assert _printed("count", ["a"], is_whole=False) == ""
    with pytest.raises(json.JSONDecodeError):
        json.loads(_printed("json", ["a"], is_whole=False))


def test_a_time_that_is_out_of_range_is_shown_as_a_number() -> None:
    text = _printed("csv", ["a"], is_long=True, found=Found(b"1", 10**18, None, None))
    assert text.splitlines()[1] == "a,1,1000000000000000000,,"
