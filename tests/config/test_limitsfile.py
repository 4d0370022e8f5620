from pathlib import Path

import pytest

from kvsctl.config.limitsfile import read_limits
from kvsctl.errors import UsageError
from kvsctl.limits import DEFAULT_LIMITS, Limits


def written(folder: Path, text: str, name: str = "limits.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_what_the_file_names_is_taken_and_the_rest_stays(tmp_path: Path) -> None:
    expected = Limits(value_bytes=500_000, batch_records=50)
    toml = written(tmp_path, "value_bytes = 500_000\nbatch_records = 50  # since May\n")
    assert read_limits(toml) == expected
    json = written(tmp_path, '{"value_bytes": 500000, "batch_records": 50}', "limits.JSON")
    assert read_limits(json) == expected
    assert read_limits(written(tmp_path, "")) == DEFAULT_LIMITS


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("valu_bytes = 1", "a.toml", 'unknown limit "valu_bytes"'),
        ("value_bytes = 0", "a.toml", "value_bytes must be a positive"),
        ("value_bytes = -1", "a.toml", "value_bytes must be a positive"),
        ("value_bytes = 1.5", "a.toml", "value_bytes must be a positive"),
        ("value_bytes = true", "a.toml", "value_bytes must be a positive"),
        ('value_bytes = "1"', "a.toml", "value_bytes must be a positive"),
        ('{"value_bytes": 1e400}', "a.json", "value_bytes must be a positive"),
        (f"value_bytes = {10**16}", "a.toml", "value_bytes must be a positive"),
        ("entity_chars_min = 70", "a.toml", "entity_chars_min is more"),
        ("[value_bytes]", "a.toml", "value_bytes must be a positive"),
        ("value_bytes: 1", "a.toml", "is not TOML"),
        ("value_bytes = 1", "a.json", "is not JSON"),
        ("[1]", "a.json", ": not an object"),
        ("[" * 100_000, "a.json", "is not JSON"),
        ("[" * 100_000, "a.toml", "is not TOML"),
        ('{"value_bytes": ' + "9" * 10_000 + "}", "a.json", "is not JSON"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_limits(written(tmp_path, text, name))
    assert message in caught.value.message
    assert len(caught.value.message) < 500


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(UsageError, match="cannot read"):
            read_limits(path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="is not TOML"):
        read_limits(tmp_path / "bytes.toml")
