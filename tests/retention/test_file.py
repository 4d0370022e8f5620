"""Rules are read from a file, and what is wrong with them is said with its line."""

import re
from pathlib import Path

import pytest

from kvsctl.errors import UsageError
from kvsctl.retention.file import RetentionFile, WrittenRule

_RULE = '[[rules]]\nname = "old"\nprefix = "log:"\naction = "delete"\n'


def _file(folder: Path, text: str) -> Path:
    path = folder / "retention.toml"
    path.write_bytes(text.encode())
    return path


def _rules(path: Path) -> list[WrittenRule]:
    file = RetentionFile(path)
    file.require_correct()
    return file.rules


def test_rules_are_read_in_order(tmp_path: Path) -> None:
    text = (
        '[[rules]]\nname = "reports"\nmatch = "report:*"\nkeep_last = 3\n'
        'group_by = "report:{customer}:*"\naction = "delete"\nmax_delete = "5%"\n'
        '[[rules]]\nname = "logs"\nall = true\nolder_than = "1h"\naction = "expire"\nttl = "7d"\n'
    )
    first, second = _rules(_file(tmp_path, text))
    assert (first.table.name, first.table.match, first.table.keep_last) == (
        "reports",
        "report:*",
        3,
    )
    assert (second.table.name, second.table.older_than, second.table.ttl) == ("logs", "1h", "7d")
    assert (first.number, second.number) == (0, 1)


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (_RULE + 'older_then = "3d"\n', 5, 'unknown name "older_then"', "Did you mean older_than?"),
        (_RULE + "no-expiry = true\n", 5, 'unknown name "no-expiry"', "Did you mean no_expiry?"),
        (_RULE + "zzzzzz = 1\n", 5, 'unknown name "zzzzzz"', "Known: name, action, prefix"),
        ("colour = 1\n" + _RULE, 1, 'unknown name "colour"', "Known: rules."),
        ("[[rule]]\nname = 'a'\n", 1, 'unknown name "rule"', "Did you mean rules?"),
        (_RULE + "expired = 1\n", 5, "expired must be true or false", ""),
        (_RULE + "match = [1]\n", 5, "match must be text in quotes, or a list", ""),
        (_RULE + "keep_last = true\n", 5, "keep_last must be a whole number", ""),
        (_RULE + "older_than = 30\n", 5, "older_than must be text in quotes", ""),
        (_RULE + "older_than = 2026-01-31\n", 5, "older_than must be text in quotes", ""),
        (_RULE.replace('"old"', '" "'), 2, "name is empty", "Write a name"),
        (_RULE.replace('"old"', '"a\\nb"'), 2, "name has a control character", "Write a name"),
        (_RULE + "keep_last = 0\n", 5, "keep_last must be at least 1", "Remove it"),
        (_RULE + 'group_by = "{a}"\n', 5, "group_by belongs to keep_last", "Add keep_last"),
        (_RULE + 'by = "age"\n', 5, 'by must be "updated" or "created"', ""),
        (_RULE + 'ttl = "3d"\n', 5, 'ttl belongs to action "expire"', "Remove one"),
        (_RULE + _RULE, 6, 'two rules have the name "old"', "a name of its own"),
        ('[[rules]]\nprefix = "a"\naction = "delete"\n', 1, "the rule has no name", "Add name"),
        ('\n[[rules]]\nname = "a"\nprefix = "a"\n', 2, "the rule has no action", "Add action"),
        (
            _RULE.replace('"delete"', '"expire"'),
            4,
            'action "expire" needs a ttl',
            'ttl = "30d"',
        ),
        (
            '[[rules]]\nname = "old"\nexpired = true\naction = "delete"\n',
            1,
            "the rule has none of prefix, match, regex and all",
            "Add all = true",
        ),
        (
            '[[rules]]\nname = "old"\nprefix = ""\nall = false\naction = "delete"\n',
            3,
            "prefix is empty",
            "Write all = true",
        ),
        ("rules = 5\n", 1, "rules are not tables", "[[rules]]"),
        ("rules = [1]\n", 1, "rules are not tables", "[[rules]]"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        _rules(path)
    assert refused.value.message.startswith(f"{path}:{line}: {message}")
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no rules"),
        (b"rules = []", "has no rules"),
        (b"a = '''b", "is not TOML: "),
        (b"a = " + b"[" * 100_000, "is not TOML: it nests too deep"),
        (b"#" * (1 << 20) + b"#", "has more than 1,048,576 bytes"),
    ],
)
def test_a_file_without_rules_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "retention.toml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=re.escape(f"{path} {message}")):
        _rules(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n[[rules\n", "2: not TOML: "),
        (b"a = 1\r\na = 2\r\n", "2: not TOML: "),
        (b"a = 1\nb = '\xff'", "2: not UTF-8"),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "retention.toml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=re.escape(f"{path}:{message}")):
        _rules(path)


def test_everything_that_is_wrong_is_one_error_in_the_order_of_the_lines(tmp_path: Path) -> None:
    text = _RULE + 'older_then = "3d"\n[[rules]]\naction = "drop"\nwhere = 5\n[more]\n'
    path = _file(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        _rules(path)
    messages = [one.message for one in (refused.value, *refused.value.others)]
    assert messages == [
        f'{path}:5: unknown name "older_then"',
        f"{path}:6: the rule has no name",
        f"{path}:6: the rule has none of prefix, match, regex and all",
        f'{path}:7: action must be "delete" or "expire"',
        f"{path}:8: where must be text in quotes, or a list of such texts",
        f'{path}:9: unknown name "more"',
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: Is a directory"):
        _rules(tmp_path)
    with pytest.raises(UsageError, match=r"cannot read .*: No such file"):
        _rules(tmp_path / "missing.toml")


def test_a_misspelt_name_is_taken_for_the_one_that_is_meant(tmp_path: Path) -> None:
    text = '[[rules]]\nname = "a"\naction = "delete"\nprefixx = ""\nolder-than = true\n'
    path = _file(tmp_path, text)
    with pytest.raises(UsageError) as refused:
        _rules(path)
    messages = [one.message for one in (refused.value, *refused.value.others)]
    assert messages == [
        f'{path}:4: unknown name "prefixx"',
        f"{path}:4: prefix is empty",
        f'{path}:5: unknown name "older-than"',
        f"{path}:5: older_than must be text in quotes",
    ]


def test_of_one_member_only_the_first_error_is_shown(tmp_path: Path) -> None:
    file = RetentionFile(_file(tmp_path, _RULE))
    for reason in ("one", "two"):
        file.refuse(reason, None, "rules", 0, "prefix")
    file.refuse("three", "hint", "rules", 0, "action", excerpt=("text", 1))
    with pytest.raises(UsageError) as refused:
        file.require_correct()
    [other] = refused.value.others
    assert refused.value.message.endswith(":3: one")
    assert (other.message.partition(": ")[2], other.hint) == ("three", "hint")
    assert other.excerpt == ("text", 1)
