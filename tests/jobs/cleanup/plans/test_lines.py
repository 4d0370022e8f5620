"""The lines of a plan: what they are read from, and what is wrong with others."""

from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.jobs.cleanup.plans.lines import parsed, plan_lines
from kvsctl.records.parsed import Rejected

_LINE = '{"plan":1,"action":"delete","target":"local","key":"%s","hash":"0"}'


@pytest.mark.parametrize("name", ["plan.jsonl", "plan.json", "plan", "plan.csv", "plan.txt"])
@pytest.mark.parametrize("form", ["{}\n{}\n", "[{},{}]", "[\n{},\n{}\n]\n", "\n\n {}\n{}"])
def test_a_plan_is_lines_or_one_array_whatever_its_name(
    tmp_path: Path, name: str, form: str
) -> None:
    path = tmp_path / name
    path.write_text(form.replace("{}", "%s") % (_LINE % "a", _LINE % "b"), "utf-8")
    assert [line.key for line in plan_lines(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"plan":1', "not JSON: "),
        (b"tmp:1", "not JSON: "),
        (b"{}", 'it has no "plan"'),
        (b'{"key":"a","value":1}', 'it has no "plan"'),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"plan":1,"action":"delete"}', 'it has no "target"'),
        ((_LINE % "a").replace('"0"', "null").encode(), 'its "hash" has the wrong type'),
        ((_LINE % "a").replace("1,", '"secret",').encode(), 'its "plan" has the wrong type'),
        (b"\xff", "not JSON: invalid UTF-8"),
        ((_LINE % "\xff").encode("latin-1"), "not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_plainly(text: bytes, why: str) -> None:
    rejected = parsed(text)
    assert isinstance(rejected, Rejected)
    assert rejected.breach.message.startswith(f"not a line of a plan: {why}")
    assert "`" not in rejected.breach.message
    assert "secret" not in rejected.breach.message


def test_a_pretty_printed_line_has_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    path.write_text((_LINE % "a").replace(",", ",\n"), "utf-8")
    with pytest.raises(UsageError) as caught:
        list(plan_lines(path))
    assert caught.value.hint is not None
    assert "jq -c" in caught.value.hint
