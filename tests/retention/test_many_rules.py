"""A retention file may have many rules, and long lists: the work grows with their number."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from kvsctl.cli.cleanup.rule_options import read_rules
from kvsctl.config.toml_lines import TomlLines
from kvsctl.errors import UsageError
from kvsctl.retention.file import RetentionFile
from kvsctl.retention.rules import Rule, Rules
from kvsctl.selection.moments import Age
from kvsctl.selection.selection import Selection

_RULE = '[[rules]]\nname = "{0}"\nprefix = "p{0}:"\nolder_than = "30d"\naction = "delete"\n'


def _correct(path: Path, count: int) -> Callable[[], object]:
    path.write_text("".join(map(_RULE.format, range(count))))
    return lambda: read_rules(RetentionFile(path))


def _wrong(path: Path, count: int) -> Callable[[], object]:
    rule = _RULE.replace("prefix", "prefiks")
    path.write_text("".join(map(rule.format, range(count))))

    def read() -> None:
        with pytest.raises(UsageError) as refused:
            read_rules(RetentionFile(path))
        assert len(refused.value.others) == count - 1

    return read


def _order(_path: Path, count: int) -> Callable[[], object]:
    older = Age(30.0)
    rules = [
        Rule(Selection(f"p{number}:", older_than=older if number % 2 else None))
        for number in range(count)
    ]
    return Rules(rules).are_by_key


def _list(_path: Path, count: int) -> Callable[[], object]:
    lines = "".join(f'  "key-{number}",  # one of them\n' for number in range(count))
    return lambda: TomlLines(f"protect = [\n{lines}]\nname = 1\n")


def _text(_path: Path, count: int) -> Callable[[], object]:
    lines = "a = 1\n" * count
    return lambda: TomlLines(f'note = """\n{lines}"""\nname = 1\n')


def _steps_of(work: Callable[[], object]) -> int:
    """Return how many lines and calls of Python `work` carries out; those of C are not counted.

    Not instructions: Python 3.12 does not report them all.
    """
    count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal count
        count += event in {"call", "line"}
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("work", [_correct, _wrong, _order, _list, _text])
def test_twice_as_many_are_twice_the_work(
    tmp_path: Path, work: Callable[[Path, int], Callable[[], object]]
) -> None:
    path = tmp_path / "rules.toml"
    work(path, 2)()  # what is imported on the way is not counted
    few, many = (_steps_of(work(path, count)) for count in (40, 80))
    assert many < 2.5 * few
