"""Names of files with the time and the installation in them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.outputs.names import named

_MOMENT = datetime(2026, 1, 31, 12, 0, 7, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("template", "installation", "name"),
    [
        ("undo.jsonl", None, "undo.jsonl"),
        ("{date}.jsonl", None, "20260131T120007Z.jsonl"),
        ("{date}-{date}", None, "20260131T120007Z-20260131T120007Z"),
        ("{installation}.jsonl", "i-1", "i-1.jsonl"),
        ("{installation}", "ari:cloud:ecosystem::i/a b", "ari_cloud_ecosystem__i_a_b"),
        ("{installation}", None, "prod"),
        ("{open-{date}-shut}", None, "{open-20260131T120007Z-shut}"),
    ],
)
def test_have_their_places_filled(template: str, installation: str | None, name: str) -> None:
    target = Target("prod", url="https://example.com", installation=installation)
    assert named(Path("a/{date}") / template, _MOMENT, target) == Path("a/{date}") / name


@pytest.mark.parametrize(
    ("name", "word", "hint"),
    [
        ("u-{instalation}.jsonl", "{instalation}", "Did you mean {installation}?"),
        ("{date}-{Date}", "{Date}", "Did you mean {date}?"),
        ("{foo}.jsonl", "{foo}", "Known: {date}, {installation}."),
        ("{}", "{}", "Known: {date}, {installation}."),
    ],
)
def test_an_unknown_place_is_refused(name: str, word: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        named(Path(name), _MOMENT, Target("local"))
    assert refused.value.message == f"{name}: unknown placeholder {word}"
    assert refused.value.hint == hint


@pytest.mark.parametrize("path", ["", ".", "/", "..", "a/.."])
def test_a_path_without_a_name_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="not a file name"):
        named(Path(path), _MOMENT, Target("local"))
