"""What the fidelity benchmark compares with its record. `test_short_forms` runs it whole."""

import re
from pathlib import Path

import pytest

from benchmarks.fidelity import record
from benchmarks.fidelity.documents import questions
from benchmarks.fidelity.question import Outcome, Page, asked
from benchmarks.fidelity.record import Record
from benchmarks.fidelity.sources import Cited
from benchmarks.fidelity.wire import Wire

_README = Path(__file__).parents[2] / "benchmarks" / "README.md"
RECORDED = Record(["a: holds", "a: falls"], ["a: never"], ["out/x.js:1"])


def outcome(name: str, why_not: str | None = None) -> Outcome:
    return Outcome(name, "somewhere", why_not)


def test_nothing_is_worse_if_all_is_as_it_was_recorded() -> None:
    same = [outcome("a: holds"), outcome("a: falls"), outcome("a: never", "no")]
    now = record.record_of(same, ["out/x.js:1"])
    assert now == RECORDED
    assert not any(record.changes(RECORDED, now).values())


def test_what_is_worse_or_not_recorded_is_named() -> None:
    now = record.record_of(
        [outcome("a: falls", "another answer"), outcome("a: never"), outcome("a: new")],
        ["out/x.js:1", "out/x.js:2"],
    )
    assert record.changes(RECORDED, now) == {
        "fallen": ["a: falls"],
        "gone": ["a: holds"],
        "unrecorded": ["a: new"],
        "unreached": ["out/x.js:2"],
    }
    assert record.improved(RECORDED, now) == ["a: never"]


def test_the_share_is_that_of_the_questions_that_held() -> None:
    found = record.shares([outcome("a: x"), outcome("a: y", "no"), outcome("b: z")])
    assert (found["asked"], found["held"], found["share"]) == (3, 2, 0.6667)
    assert found["groups"] == {"a": {"asked": 2, "held": 1}, "b": {"asked": 1, "held": 1}}


def test_a_question_holds_only_if_the_emulator_answers_so() -> None:
    page = Page("made up", "nowhere")
    page.refuses("an empty key: KEY_TOO_SHORT", "get", {"key": ""}, "KEY_TOO_SHORT")
    page.refuses("an empty key: ANOTHER", "get", {"key": ""}, "ANOTHER")
    page.refuses("a good key is refused", "set", {"key": "a", "value": 1}, None)
    page.takes("a batch with a bad key", "batch/set", [{"key": "/", "value": 1}])
    page.fails_alone("a good item fails", {"key": "a", "value": 1}, "INVALID_KEY", options="plain")
    with Wire() as wire:
        found = asked(page.questions, wire)
    assert [one.why_not is None for one in found] == [True, False, False, False, False]
    assert "KEY_TOO_SHORT" in str(found[1].why_not), "it says what was answered"


def test_a_source_must_stand_where_a_question_says(tmp_path: Path) -> None:
    home = tmp_path / "node_modules" / "it"
    home.mkdir(parents=True)
    (home / "package.json").write_text('{"version": "1.2.3"}')
    (home / "a.js").write_text("one\ntwo\n")
    assert Cited("it", "a.js", 2, "two").checked(tmp_path) == "it 1.2.3 a.js:2"
    for line, text in ((1, "two"), (3, "two")):
        with pytest.raises(ValueError, match="does not have 'two'"):
            Cited("it", "a.js", line, text).checked(tmp_path)


def test_every_question_has_a_name_of_its_own() -> None:
    names = [one.name for one in questions()]
    assert len(names) == len(set(names)) > 250
    recorded = record.read()
    known = {*recorded.held, *recorded.not_held}
    assert len(known) == len(recorded.held) + len(recorded.not_held)
    assert set(names) <= known, "run benchmarks/fidelity/run.py --record"
    assert record.FILE.read_text("utf-8") == record.written(recorded)


def test_the_page_has_the_recorded_numbers() -> None:
    recorded = record.read()
    found = record.shares(
        [outcome(name) for name in recorded.held]
        + [outcome(name, "no") for name in recorded.not_held]
    )
    section = _README.read_text("utf-8").partition("\n## Fidelity\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([a-z ]+) \|.*\| (\d+ of \d+) \|$", section, re.M))
    expected = {
        name: f"{count['held']} of {count['asked']}" for name, count in found["groups"].items()
    }
    assert rows == expected
    assert f"{found['held']} of {found['asked']} questions" in section
    assert f"{found['share']:.1%}" in section
    assert [name for name in recorded.not_held if name.partition(": ")[2] not in section] == []
