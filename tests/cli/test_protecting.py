"""`--protect FILE`: what a file of keys and globs protects."""

import gzip
import time
from pathlib import Path

import pytest

from kvsctl.cli.protecting import protected_keys
from kvsctl.errors import UsageError


def test_a_line_with_outer_white_space_protects_the_key_without_it_too(tmp_path: Path) -> None:
    path = tmp_path / "protected"
    path.write_bytes(b"user:1 \n\n #remark\r\ntmp:* \n")
    protected = protected_keys(path)
    for key in ("user:1", "user:1 ", "#remark", " #remark", "tmp:1", "tmp:1 "):
        assert key in protected
    assert "user:" not in protected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('["user:1","user:2"]\n', 'protected:1: "[\\"user:1\\",\\"user:2\\"]": a list'),
        ("a\n[user:1, user:2]\n", 'protected:2: "[user:1, user:2]": a list'),
        ('["user:1"\n', 'protected:1: "[\\"user:1\\"": a list'),
        (
            "   SIZE  CREATED               UPDATED               EXPIRES               KEY\n",
            "protected:1: this is a table for people, as list --long prints it",
        ),
        (
            "      1  2026-01-31T12:00:00Z  2026-01-31T12:00:00Z                        user:1\n",
            "protected:1: this is a table for people, as list --long prints it",
        ),
    ],
)
def test_lines_that_would_protect_something_else_are_refused(
    tmp_path: Path, text: str, why: str
) -> None:
    path = tmp_path / "protected"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        protected_keys(path)
    assert why in caught.value.message


def test_a_class_of_characters_protects_as_before(tmp_path: Path) -> None:
    path = tmp_path / "protected"
    path.write_text("user:[1-3]*\n[!a]b\n", "utf-8")
    protected = protected_keys(path)
    assert "user:27" in protected
    assert "cb" in protected
    assert "ab" not in protected


def test_an_archive_is_read_as_any_input(tmp_path: Path) -> None:
    path = tmp_path / "protected.gz"
    path.write_bytes(gzip.compress(b"a\nb*\n"))
    assert "bb" in protected_keys(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UsageError):
        protected_keys(path)


def test_many_lines_are_read_quickly(tmp_path: Path) -> None:
    """It takes half a second on a quiet machine."""
    path = tmp_path / "protected"
    lines = [f"user:{number}:settings\ncart:{number}:*\n" for number in range(50_000)]
    path.write_text("".join(lines), "utf-8")
    began = time.process_time()
    protected = protected_keys(path)
    assert time.process_time() - began < 5
    assert "user:7:settings" in protected
    assert "cart:7:x" in protected
    assert len(protected) == 100_000
