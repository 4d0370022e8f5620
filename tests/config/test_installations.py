"""Installations from options and from a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from kvsctl.config.installations import on_installations, read_installations, short_id
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError

_ARI = "ari:cloud:ecosystem::installation/7f3a"
_CONTAINER = Target("container", url="http://localhost:7072/forge/storage/kvs", is_proxied=True)
_FORGE = Target("forge", url="https://api.example.com/kvs", token="s3cret", is_read_only=True)


def _file(folder: Path, *lines: Any) -> Path:
    path = folder / "installations.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def test_an_ari_and_its_last_part_are_one_installation() -> None:
    assert short_id(_ARI) == short_id("7f3a") == "7f3a"
    assert [one.installation for one in on_installations(_CONTAINER, [_ARI, "b"])] == [_ARI, "b"]
    with pytest.raises(UsageError, match="--installation 7f3a: given twice"):
        on_installations(_CONTAINER, [_ARI, "7f3a"])
    with pytest.raises(UsageError, match="not a valid id"):
        on_installations(_CONTAINER, ["a b"])


def test_a_line_has_the_way_to_its_store_and_no_token_of_another(tmp_path: Path) -> None:
    path = _file(
        tmp_path,
        "\ufeff" + json.dumps({"installation": "a", "token_file": "~/a.token", "note": 1}),
        "",
        {"installation": "b", "url": "https://b.example.com/x1/b", "token_command": "get b"},
        {"installation": "c", "url": "http://127.0.0.1:9"},
    )
    a, b, c = read_installations(path, _FORGE)
    assert (a.url, a.token_file) == (_FORGE.url, Path("~/a.token").expanduser())
    assert (b.url, b.token_command) == ("https://b.example.com/x1/b", "get b")
    assert [one.token for one in (a, b, c)] == [None] * 3
    assert all(one.is_read_only for one in (a, b, c))
    assert [one.installation for one in (a, b, c)] == ["a", "b", "c"]


def test_a_container_needs_the_installation_alone(tmp_path: Path) -> None:
    path = _file(tmp_path, {"installation": "a", "context": "c", "version": "1"})
    (one,) = read_installations(path, _CONTAINER)
    assert (one.installation, one.is_proxied) == ("a", True)
    with pytest.raises(UsageError, match="jsonl:1: target container needs neither url nor token"):
        read_installations(_file(tmp_path, {"installation": "a", "url": "https://x"}), _CONTAINER)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "jsonl:2: Input data was truncated"),
        ({"url": "https://x"}, "jsonl:2: Object missing required field `installation`"),
        ({"installation": "a b"}, "jsonl:2: the installation is not a valid id"),
        ({"installation": "first"}, "jsonl:2: the same installation as line 1"),
        ({"installation": "x/first"}, "jsonl:2: the same installation as line 1"),
        ({"installation": "a", "url": ""}, "jsonl:2: url is empty"),
        ('{"installation": "a", "url": "https://x", "url": "https://y"}', 'duplicate member "url"'),
        ('{"installation": "a", "note": 1, "n\\u006fte": 1}', 'jsonl:2: duplicate member "note"'),
        (
            {"installation": "a", "token_file": "f", "token_command": "c"},
            "jsonl:2: token_file and token_command exclude each other",
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_not_shown(
    tmp_path: Path, line: Any, said: str
) -> None:
    path = _file(tmp_path, {"installation": "first"}, line)
    with pytest.raises(UsageError, match=said) as failed:
        read_installations(path, _FORGE)
    assert "https://x" not in failed.value.message


def test_a_file_without_lines_or_without_urls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no installations"):
        read_installations(_file(tmp_path, "", " "), _FORGE)
    with pytest.raises(UsageError, match="jsonl:1: no url"):
        read_installations(_file(tmp_path, {"installation": "a"}), Target("local"))
    with pytest.raises(UsageError, match="cannot read"):
        read_installations(tmp_path / "missing", _FORGE)
