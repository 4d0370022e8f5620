"""Records for a bridge: those whose numbers it would change are rejected, and no others."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kvsctl import codes
from kvsctl.jsonequal import changes_in_javascript
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.model import Problem, Record
from kvsctl.records.exact_numbers import with_exact_numbers
from kvsctl.records.formats import Forms
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape
from kvsctl.records.sources import Arguments, File, Source
from kvsctl.records.ttl import Ttl

_NUMBERS = ["1", "1.0", "12345678901234567", "0.5", "1e400", "9007199254740993", "1e2", '"1e400"']


def read(source: Source, rules: Rules | None = None, shape: Shape | None = None) -> list[object]:
    parsers = set_parsers(rules or Rules(), *([shape] if shape else []), string=False)
    reader = Reader([source], with_exact_numbers(parsers))
    return [piece for pieces in reader for piece in pieces]


def rejected(pieces: list[object]) -> list[int]:
    assert all(isinstance(piece, Record | Problem) for piece in pieces)
    problems = [piece for piece in pieces if isinstance(piece, Problem)]
    assert {problem.code for problem in problems} <= {codes.NUMBER_NOT_EXACT}
    return [problem.position for problem in problems]


@given(st.lists(st.sampled_from(_NUMBERS), max_size=60), st.booleans())
def test_lines_are_rejected_by_their_numbers(values: list[str], odd: bool) -> None:
    blank = " " if odd else ""
    lines = [
        f'{{{blank}"key":"k{n}","value":{{"n":{one}}}}}' for n, one in enumerate(values)
    ]  # fmt: skip
    changed = [n for n, one in enumerate(values) if changes_in_javascript(one.encode())]
    pieces = [*_of_lines(lines)]
    assert rejected(pieces) == changed
    assert len(pieces) == len(lines)
    for problem in pieces:
        if isinstance(problem, Problem):
            assert json.loads(problem.raw)["key"] == f"k{problem.position}"


def _of_lines(lines: list[str]) -> list[object]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        path.write_text("".join(line + "\n" for line in lines), "utf-8")
        return read(File(path))


def test_a_key_may_look_like_any_number() -> None:
    lines = [f'{{"key":"{one}","value":1}}' for one in ("9007199254740993", "1e400")]
    assert rejected(_of_lines(lines)) == []


def test_arguments_and_defaults_are_checked_too() -> None:
    words = ["a=1", "b=9007199254740993", "c=[1e400]", "d=x9007199254740993"]
    pieces = read(Arguments(words), Rules(ttl=Ttl(1, "DAYS")))
    assert rejected(pieces) == [1, 2]
    problem = pieces[1]
    assert isinstance(problem, Problem)
    assert json.loads(problem.raw) == {
        "key": "b",
        "value": 9007199254740993,
        "options": {"ttl": {"value": 1, "unit": "DAYS"}},
    }


def test_an_expiry_is_kept_in_what_was_rejected() -> None:
    line = '{"key":"a","value":1e400,"expireTime":"2099-01-02T03:04:05Z"}'
    [problem] = _of_lines([line])
    assert isinstance(problem, Problem)
    assert json.loads(problem.raw)["expireTime"].startswith("2099-01-02T03:04:05")


def test_cells_are_checked_where_they_become_numbers(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("key,n\na,1\nb,9007199254740993\nc,1e400\n", "utf-8")
    from kvsctl.records.shapes import shape_of

    for infers, expected in ((True, [1, 2]), (False, [])):
        shape = shape_of(
            key_field="key", key=None, value_field=None, infer_types=infers, delimiter=None,
            quote=None,
        )  # fmt: skip
        assert rejected(read(File(table, forms=Forms(None, shape)), shape=shape)) == expected


def test_without_limits_they_are_checked_as_well() -> None:
    assert rejected(read(Arguments(["a=9007199254740993"]), Rules(None))) == [0]
    assert DEFAULT_LIMITS.value_bytes  # the limits play no part
