"""A command line that cannot be read: what is wrong with it, and what may have been meant."""

import pytest

from tests.support.commands.command import Command


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ["set", "--tmeout", "3"],
            "no such option: --tmeout",
            "Did you mean --timeout? kvsctl set --help shows what there is.",
        ),
        (["get", "--zzz"], "no such option: --zzz", "kvsctl get --help shows what there is."),
        (
            ["clean", "--max-delete", "1"],
            "no such option: --max-delete",
            "Write max_delete in the file of rules, for each rule. "
            "kvsctl clean --help shows what there is.",
        ),
        (
            ["clean", "--yess"],
            "no such option: --yess",
            "Did you mean --yes? kvsctl clean --help shows what there is.",
        ),
        (
            ["apply", "plan.jsonl", "--workers", "2"],
            "no such option: --workers",
            "It checks the whole plan, and asks once, before anything changes. With --shard I/N, "
            "each of N processes carries out a part. kvsctl apply --help shows what there is.",
        ),
        (
            ["sync", "--from", "a", "--dask", "tcp://a:1"],
            "no such option: --dask",
            "Each part reads both stores whole. With --shard I/N, each of N processes writes a "
            "part. kvsctl sync --help shows what there is.",
        ),
        (
            ["list", "--workers", "2"],
            "no such option: --workers",
            "kvsctl list --help shows what there is.",
        ),
        (["get", "-Z"], "no such option: -Z", "kvsctl get --help shows what there is."),
        (
            ["gett", "a"],
            "no such command: gett",
            "Did you mean get? kvsctl --help shows what there is.",
        ),
        (
            ["del", "a"],
            "no such command: del",
            "Did you mean delete? kvsctl --help shows what there is.",
        ),
        (["remove"], "no such command: remove", "kvsctl --help shows what there is."),
        (["it's"], "no such command: it's", "kvsctl --help shows what there is."),
        (
            ["bridge", "inti"],
            "no such command: inti",
            "Did you mean init? kvsctl bridge --help shows what there is.",
        ),
        (
            ["serve", "--port", "x"],
            '--port "x": expected a whole number',
            "kvsctl serve --help shows what there is.",
        ),
        (
            ["set", "-c", "x", "a=1"],
            '--concurrency "x": expected a whole number',
            "kvsctl set --help shows what there is.",
        ),
        (
            ["set", "--quota-share", "half", "a=1"],
            '--quota-share "half": expected a number',
            "kvsctl set --help shows what there is.",
        ),
        (
            ["list", "--as", "tabel"],
            '--as "tabel": expected keys, jsonl, json, csv or table',
            "Did you mean table? kvsctl list --help shows what there is.",
        ),
        (
            ["list", "--as", "xml"],
            '--as "xml": expected keys, jsonl, json, csv or table',
            "kvsctl list --help shows what there is.",
        ),
        (
            ["completion", "fisch"],
            '"fisch": expected bash, zsh or fish',
            "Did you mean fish? kvsctl completion --help shows what there is.",
        ),
        (
            ["completion"],
            "missing argument: bash, zsh or fish",
            "kvsctl completion --help shows what there is.",
        ),
        (
            ["report", "merge"],
            "missing argument: FILE...",
            "kvsctl report merge --help shows what there is.",
        ),
        (["list", "a", "b"], "unexpected argument: b", "kvsctl list --help shows what there is."),
        (["set", "-f"], "-f needs a value", "kvsctl set --help shows what there is."),
        (
            ["set", "--dry-run=3"],
            "--dry-run takes no value",
            "kvsctl set --help shows what there is.",
        ),
        (
            ["--versoin"],
            "no such option: --versoin",
            "Did you mean --version? kvsctl --help shows what there is.",
        ),
    ],
)
def test_it_is_said_as_any_other_error(
    kvsctl: Command, words: list[str], message: str, hint: str
) -> None:
    ended = kvsctl(*words, status=2)
    assert ended.out == b""
    assert ended.err.decode() == f"kvsctl: {message}\n{hint}\n"


def test_control_characters_of_a_name_are_escaped(kvsctl: Command) -> None:
    assert b"no such command: \\x1b[2J\n" in kvsctl("\x1b[2J", status=2).err
    assert b"no such option: --\\x1b\n" in kvsctl("get", "--\x1b", status=2).err


@pytest.mark.parametrize("words", [[], ["bridge"], ["journal"]])
def test_no_command_shows_the_help(kvsctl: Command, words: list[str]) -> None:
    ended = kvsctl(*words, status=2)
    usage = f"\nUsage: {' '.join(['kvsctl', *words])} [OPTIONS] COMMAND [ARGS]...\n"
    assert usage in (ended.out + ended.err).decode()
    assert b"kvsctl: " not in ended.err


def test_a_value_for_json_does_not_cost_the_json_of_the_error(kvsctl: Command) -> None:
    for word in ("--json=1", "--json"):
        [document] = kvsctl("set", word, "--tmeout", "3", status=2).lines
        assert (document["command"], document["exit_code"]) == ("set", 2)
    assert kvsctl("set", "--tmeout", "3", "--", "--json=1", status=2).out == b""
