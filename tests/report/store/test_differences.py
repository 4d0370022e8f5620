"""Differences and totals for people."""

from msgspec.structs import replace

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.comparison.entries import Entry
from kvsctl.comparison.joining import Change, Counts, Difference
from kvsctl.report.store.differences import Compared, difference_summary, on_stdout, shown
from tests.support.terminal import stderr


def _entry(value: bytes, key: str = "k", entity: str = "") -> Entry:
    return Entry(entity, key, b'{"key":"k","value":%b}' % value)


def _shown(change: Change, left: Entry | None, right: Entry | None) -> list[str]:
    with stderr(100) as (environment, _):
        return shown(Difference(change, left, right), environment).splitlines()


def test_each_change_has_its_mark_and_what_differs() -> None:
    assert _shown(Change.ADDED, None, _entry(b'"new"')) == ['+ k  "new"']
    assert _shown(Change.MISSING, _entry(b"[1]", entity="city"), None) == ["- k (city)  [1]"]
    lines = _shown(Change.CHANGED, _entry(b'{"name":"a","n":1}'), _entry(b'{"name":"b"}'))
    assert lines == ["~ k", '    value.name: "a" -> "b"', "    value.n: 1 -> (none)"]


def test_text_from_outside_is_escaped_and_truncated() -> None:
    hostile = _entry(b'{"\\u001b[31m":"' + b"\xe2\x80\xae" + b"x" * 200 + b'"}', key="k\x1b[2J")
    lines = _shown(Change.MISSING, hostile, None)
    assert "\x1b" not in lines[0]
    assert lines[0].startswith("- k\\x1b[2J  ")
    assert len(lines[0]) < 100
    [_, part] = _shown(Change.CHANGED, hostile, _entry(b"{}"))
    assert "\x1b" not in part
    assert "\u202e" not in part


def test_many_parts_are_counted() -> None:
    left = b"[" + b",".join(b"%d" % n for n in range(1, 31)) + b"]"
    lines = _shown(Change.CHANGED, _entry(left), _entry(left.replace(b",", b"0,")))
    assert len(lines) == 22
    assert lines[-1] == "    and 9 more parts"


def test_texts_that_differ_only_in_form_are_explained() -> None:
    lines = _shown(Change.CHANGED, _entry(b"1.0"), _entry(b"1"))
    assert lines == ["~ k", "    the same JSON, written differently"]


def test_stdout_has_its_own_colours() -> None:
    with stderr(100, has_colour=True) as (environment, _):
        plain = replace(environment, stdout_width=40)
        assert not on_stdout(plain).stderr_has_colour
        assert on_stdout(plain).width == 40
        assert on_stdout(replace(environment, stdout_has_colour=True)).stderr_has_colour


def test_the_summary_names_both_sides_and_counts() -> None:
    tally = Tally()
    tally.failed, tally.duplicates, tally.requests, tally.units_read = 1, 2, 1, 3
    compared = Compared("a.jsonl", "b\x1b.jsonl", Counts(1000, 1, 2, 3))
    with stderr(200) as (environment, _):
        text = difference_summary(compared, tally, 1.5, environment)
    assert text.splitlines() == [
        "diff  a.jsonl with b\\x1b.jsonl",
        "1,006 keys · 1,000 equal · 1 added · 2 changed · 3 missing · 1 failed · 2 duplicates · "
        "1.50 s · 3 read units",
    ]
    assert compared.members["equal"] == 1000
