"""What is offered at the cursor."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from kvsctl.cli.app import command_line
from kvsctl.cli.completion import offers
from kvsctl.cli.completion.place import commands_of, options_of, takes_value
from kvsctl.records.formats import Format
from tests.support.commands.command import Command

_FREE = {
    *("N", "D", "S", "N|P%", "I/N", "K/N", "BYTES", "SIZE", "AGE", "TTL", "WHERE", "RANGE"),
    *("URL", "CMD", "ID", "ADDRESS", "CODE", "QUESTION", "[INSTALLATION=]TOKEN", "TOKEN"),
    *("P", "GLOB", "RE", "EXPR", "TEMPLATE", "VALUE", "TEXT", "C"),
    *("[KEY]...", "[KEY=VALUE]...", "[PREFIX]", "MORE", "[NAME]", "[=C]"),
}
"""What only the user knows: nothing is offered for it."""
_FREE_NAMES = {"key_field", "value_field", "host_name"}


def _names(*words: str, **environ: str) -> list[str]:
    return [one.name for one in offers.offer(words[:-1], words[-1], environ).values]


def _commands(command: Any, words: str = "kvsctl") -> Iterator[tuple[str, Any]]:
    yield words, command
    for name, inner in commands_of(command).items():
        yield from _commands(inner, f"{words} {name}")


_ALL = dict(_commands(get_command(command_line())))


def test_commands_are_offered_in_the_order_of_the_help() -> None:
    found = offers.offer([], "", {}).values
    assert [one.name for one in found] == list(commands_of(_ALL["kvsctl"]))
    assert all(one.summary.endswith(".") for one in found)
    assert _names("e") == ["export", "expire"]
    assert _names("journal", "") == ["show"]
    assert _names("journal", "show", "x", "") == []
    assert _names("no-command", "") == []
    assert "--version" in _names("-")


def test_options_that_were_given_are_not_offered_again() -> None:
    assert _names("set", "--tok") == ["--token-file", "--token-command"]
    assert _names("set", "--token-file", "x", "--tok") == ["--token-command"]
    assert _names("set", "--token-file=x", "--tok") == ["--token-command"]
    assert "--file" in _names("set", "-f", "a", "-"), "it may be given again"
    assert "--quiet" not in _names("set", "-qn", "-")
    assert "--dry-run" not in _names("set", "-qn", "-")
    assert "--help" in _names("set", "--h")


def test_after_two_dashes_there_are_no_options() -> None:
    assert _names("set", "--", "--tok") == []


@pytest.mark.parametrize(
    ("words", "prefix"),
    [(["-t", "fo"], ""), (["--target=fo"], "--target="), (["-tfo"], "-t"), (["-qtfo"], "-qt")],
)
def test_a_value_may_be_a_part_of_a_word(words: list[str], prefix: str) -> None:
    offered = offers.offer(["get", *words[:-1]], words[-1], {})
    assert [one.name for one in offered.values] == ["forge"]
    assert offered.prefix == prefix


def test_the_word_after_an_option_is_its_value_whatever_it_is() -> None:
    assert _names("set", "--token-command", "--tok") == []
    assert _names("set", "--token-command", "--tok", "--token-f") == ["--token-file"]


def test_formats_are_offered() -> None:
    assert _names("get", "--format", "") == [one.value for one in Format]
    assert _names("set", "--format", "") == [one.value for one in Format][:-1]
    assert _names("list", "--as", "j") == ["jsonl", "json"]
    assert _names("set", "--quote", "n") == ["none"]
    assert _names("set", "--if-absent=") == ["exact"]


def test_commands_and_topics_are_offered_after_help_and_nothing_after_one() -> None:
    assert _names("help", "t") == ["targets", "tuning"]
    assert {"set", "journal", "tuning"} <= {*_names("help", "")}
    assert _names("help", "journal", "") == []


def test_words_of_a_list_are_offered_one_after_the_other() -> None:
    assert _names("diff", "--only", "") == ["added", "changed", "missing"]
    assert _names("diff", "--only", "changed,") == ["changed,added", "changed,missing"]
    assert _names("get", "--metadata=updated,cr") == ["updated,created"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["set", "-f", ""], "files"),
        (["set", "--file=x"], "files"),
        (["serve", "--db", ""], "files"),
        (["apply", ""], "files"),
        (["report", "merge", "a", "b", ""], "files"),
        (["bridge", "init", ""], "folders"),
        (["bridge", "init", "x", ""], "values"),
        (["set", ""], "values"),
        (["list", ""], "values"),
    ],
)
def test_files_are_offered_where_they_belong(words: list[str], kind: str) -> None:
    assert offers.offer(words[:-1], words[-1], {}).kind == kind


@pytest.mark.parametrize(("words", "command"), _ALL.items(), ids=_ALL.keys())
def test_it_is_known_what_every_parameter_takes(words: str, command: Any) -> None:
    """For a new metavar: name it in `kvsctl/cli/completion/offers.py`, or in `_FREE` above."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    for one in [*filter(takes_value, options_of(command)), *arguments]:
        is_path = "Path" in repr(one.type)
        if is_path:
            assert offers.kind_of(one) != offers.VALUES, f"{words}: {one.name} takes a path"
        is_known = offers.kind_of(one) != offers.VALUES or offers.choices_of(one)
        is_named = one.name in {
            *offers.NAMED,
            *offers.LISTS,
            *_FREE_NAMES,
            offers.PAGES,
            "if_absent",
        }
        assert is_known or is_named or one.metavar in _FREE, f"{words}: {one.name} {one.metavar}"


_TYPED = st.one_of(
    st.sampled_from(["set", "get", "journal", "show", "--", "-", "-f", "-qt", "--format="]),
    st.text(max_size=5),
)


@given(st.lists(_TYPED, max_size=4), _TYPED)
def test_whatever_is_typed_the_answer_begins_with_it(before: list[str], current: str) -> None:
    offered = offers.offer(before, current, {"HOME": "/nowhere"})
    for one in offered.values:
        assert f"{offered.prefix}{one.name}".startswith(current)


def test_targets_are_those_of_the_configuration_file_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[targets.staging]\nurl = "https://a.example"\n[targets."my own"]\n')
    environ = {"KVSCTL_CONFIG": str(config)}
    expected = ["local", "forge", "container", "staging", "my own"]
    for words in (["get", "-t"], ["diff", "--from"], ["verify", "--against"], ["set", "--confirm"]):
        assert _names(*words, "", **environ) == expected
    config.write_text("not TOML")
    assert _names("get", "-t", "", **environ) == expected[:3]


def test_a_url_is_offered_without_its_secrets(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[targets.a]\nurl = "https://u:s3cret@a.example/?s3cret"\n')
    offered = offers.offer(["get", "-t"], "", {"KVSCTL_CONFIG": str(config)})
    assert offered.values[-1].summary == "https://***@a.example/?***"


def test_entities_are_those_of_the_manifest_and_of_the_local_store(
    kvsctl: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kvsctl("set", "-t", "local", "--entity", "pages", "a={}", status=0)
    kvsctl("set", "-t", "local", "a=1", status=0)
    environ = {"KVSCTL_LOCAL_DB": str(kvsctl.database), "HOME": str(tmp_path)}
    monkeypatch.chdir(tmp_path)
    assert _names("get", "--entity", "", **environ) == ["pages"]
    (tmp_path / "manifest.yml").write_text(
        "app:\n  storage:\n    entities:\n    - name: users\n      indexes:\n      - by-age\n"
    )
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    assert _names("get", "--entity", "", **environ) == ["pages", "users"]
    assert _names("list", "--index", "", **environ) == ["by-key", "by-age"]
