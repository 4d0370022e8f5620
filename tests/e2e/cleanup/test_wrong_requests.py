"""Requests to delete that are refused with exit code 2, before anything is opened."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command

pytestmark = pytest.mark.slow


@pytest.fixture
def stored(kvsctl: Command) -> Command:
    """kvsctl with two records in the store."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    command("set", "-q", "a=1", "b=2", status=0)
    return command


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--expired"], "--expired alone chooses nothing to delete"),
        (["--exclude", "x*"], "delete needs one of --prefix, --match, --regex and --all"),
        (["--older-than", "30d"], "--older-than alone"),
        (["--larger-than", "1k", "--no-expiry"], "alone chooses nothing"),
        (["--entity", "log", "--plain"], "--plain alone"),
        (["--all", "--prefix", "a"], "--all and --prefix exclude each other"),
        (["--prefix", ""], "--prefix is empty"),
        (["--prefix", "a*"], 'no key has "*"'),
        (["a", "--all"], "keys and --all exclude each other"),
        (["a", "--prefix", "b"], "keys and --prefix exclude each other"),
        (["-f", "keys.txt", "--match", "a*"], "--file and --match exclude each other"),
        (["--all", "--older-than", "soon"], "neither an age nor a time"),
        (["--all", "--max-delete", "few"], "neither a number nor a percentage"),
        (["--all", "--max-delete-bytes", "few"], "not a size"),
        (
            ["--all", "-y", "--journal", "j", "--max-delete-bytes", "1M"],
            "--max-delete-bytes and --journal exclude each other: bytes are counted in one run",
        ),
        (["a", "--max-delete", "1"], "--max-delete applies to what selectors choose"),
        (["a", "--consistent"], "--consistent applies to what selectors choose"),
        (["--all", "--null"], "--null applies to keys that are read"),
        (["--all", "--format", "csv"], "--format applies to keys that are read"),
        (["--all", "--check-first"], "--check-first applies to keys that are read"),
        (["--all", "--shard", "3/2"], "not one of N parts"),
        (["a*"], '"a*": no key has "*"'),
        (["a", "b?"], '"b?": no key has "?"'),
        (["a", "--entity", "one", "--entity", "two"], "keys have one default entity"),
    ],
)
def test_is_refused_and_deletes_nothing(
    stored: Command, tmp_path: Path, words: list[str], why: str
) -> None:
    ended = stored("delete", "-y", *words, status=2, folder=tmp_path)
    assert why in ended.err.decode()
    assert stored("get", "-q", "a", "b", "--values").out == b"1\n2\n"


def test_a_key_that_looks_like_a_glob_says_how_to_delete_what_it_matches(stored: Command) -> None:
    ended = stored("delete", "tmp:*", status=2)
    assert b'--match "tmp:*"' in ended.err
    assert b"nothing was deleted" in ended.err


def test_with_no_checks_the_service_decides_about_such_a_key(stored: Command) -> None:
    ended = stored("delete", "--no-checks", "--json", "tmp:*", status=1)
    assert ended.report["failures"][0]["code"] == "INVALID_KEY"


@pytest.mark.parametrize("name", ["yes", "all", "prefix", "confirm", "max_delete", "force"])
def test_consent_and_selectors_take_no_default_from_the_configuration(
    stored: Command, tmp_path: Path, name: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f"[targets.local]\n{name} = true\n")
    command = stored.having(KVSCTL_CONFIG=str(config))
    ended = command("delete", "--all", status=2)
    assert f'unknown setting "{name}"' in ended.err.decode()
    assert stored("get", "-q", "a", "b", "--values").out == b"1\n2\n"


def test_keys_given_one_by_one_are_not_asked_about(stored: Command) -> None:
    stored("delete", "a", status=0)
    stored("delete", "b", "--yes", status=0)
    assert stored("list", "-q").out == b""


def test_a_read_only_target_and_a_protected_one_are_spared(stored: Command, tmp_path: Path) -> None:
    read_only = stored.having(KVSCTL_READ_ONLY="1")
    assert b"read-only" in read_only("delete", "--all", "--yes", status=2).err
    config = tmp_path / "config.toml"
    config.write_text("[targets.local]\nprotected = true\n")
    protected = stored.having(KVSCTL_CONFIG=str(config))
    assert b"--confirm local" in protected("delete", "--all", "--yes", status=2).err
    assert b"terminal" in protected("delete", "--all", "--confirm", "local", status=2).err
    assert read_only("delete", "--all", "-n", status=0).out == b"a\nb\n"
    assert stored("list", "-q").out == b"a\nb\n"
    protected("delete", "--all", "--yes", "--confirm", "local", status=0)
    assert stored("list", "-q").out == b""


def test_a_plan_is_called_one_where_it_clashes(stored: Command, tmp_path: Path) -> None:
    clash = ("--plan", "p", "--report", "p")
    for words in (("delete", "--all"), ("expire", "--all", "--ttl", "1d")):
        ended = stored(*words, *clash, status=2, folder=tmp_path)
        assert b"p is plan and report at once" in ended.err


def test_apply_refuses_an_empty_name_and_a_report_of_what_is_only_shown(
    stored: Command, tmp_path: Path
) -> None:
    assert b"PLAN is empty or a folder: not a file name" in stored("apply", "", status=2).err
    stored("delete", "--all", "--plan", tmp_path / "p", status=0)
    ended = stored("apply", tmp_path / "p", "--show", "--json", status=2)
    assert b"--show and --json exclude each other" in ended.err
    assert json.loads(ended.out)["error"]["code"] == "USAGE"


def test_keys_with_an_undo_file_get_a_hint_that_names_the_way(stored: Command) -> None:
    ended = stored("delete", "a", "--undo", "u", status=2)
    assert b"--undo applies to what selectors choose, not to keys" in ended.err
    assert b"--match KEY chooses one key." in ended.err


@pytest.mark.parametrize(
    "words", [["delete", "--prefix", "none:"], ["expire", "none:", "--ttl", "3d"]]
)
@pytest.mark.parametrize("more", [["--yes"], ["-n"], ["--plan", "plan.jsonl"], ["--plan", "-"]])
def test_required_records_are_required_whatever_is_done_with_them(
    kvsctl: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    more: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    local = kvsctl.having(KVSCTL_TARGET="local")
    ended = local(*words, *more, "--require-input", status=2)
    assert b"--require-input needs at least one record.\n" in ended.err
    assert not (tmp_path / "plan.jsonl").exists()
    local(*words, *more, status=0)
