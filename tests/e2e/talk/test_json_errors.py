"""With --json, an error before there is a report is a JSON document where the report would be."""

import json
from typing import Any

import pytest

from tests.support.commands.command import Command, Ended

_ON_STDOUT = ("set", "delete", "expire", "sync", "clean", "apply")
_ON_STDERR = ("get", "list", "export", "du", "diff")


def _error(ended: Ended) -> dict[str, Any]:
    document = ended.report
    assert set(document) == {"schema", "version", "command", "exit_code", "error"}
    assert document["exit_code"] == ended.status
    error: dict[str, Any] = document["error"]
    assert list(error) == ["code", "message", "hint"]
    return error


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["set", "--zzz"], "USAGE", "no such option: --zzz"),
        (["set", "-t", "nosuch", "a=1"], "USAGE", '--target: unknown target "nosuch"'),
        (["set", "-f", "none", "-t", "local"], "USAGE", "cannot read none: No such file"),
        (["frobnicate"], "USAGE", "no such command: frobnicate"),
        (["ping", "-t", "nosuch"], "USAGE", '--target: unknown target "nosuch"'),
        (["set", "-t", "local", "a=1", "--timeout", "soon"], "USAGE", '--timeout "soon": not a'),
    ],
)
def test_a_wrong_usage(kvsctl: Command, words: list[str], code: str, message: str) -> None:
    plain = kvsctl(*words, status=2)
    ended = kvsctl(*words, "--json", status=2)
    error = _error(ended)
    assert error["code"] == code
    assert error["message"].startswith(message)
    assert plain.out == b""
    assert plain.err == ended.err, "people read the same on stderr"
    assert plain.err.decode() == f"kvsctl: {error['message']}\n" + (
        f"{error['hint']}\n" if error["hint"] else ""
    )


@pytest.mark.parametrize("command", [*_ON_STDOUT, *_ON_STDERR])
def test_it_stands_where_the_report_would_be(kvsctl: Command, command: str) -> None:
    ended = kvsctl(command, "--json", "-t", "nosuch", "--zzz", status=2)
    own = ended.out if command in _ON_STDOUT else ended.err
    assert json.loads(own.splitlines()[-1])["command"] == command
    assert (ended.out == b"") == (command in _ON_STDERR)


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["config", "show", "-t", "nosuch"], "config show"),
        (["journal", "show", "none"], "journal show"),
        (["config", "shw"], "config"),
        (["-t", "local", "get", "x"], ""),
        (["get", "get", "-t", "nosuch"], "get"),
        (["frobnicate"], ""),
        ([], ""),
    ],
)
def test_the_command_is_named_as_its_report_names_it(
    kvsctl: Command, words: list[str], command: str
) -> None:
    ended = kvsctl(*words, "--json", status=2)
    document = json.loads((ended.out or ended.err).splitlines()[-1])
    assert document["command"] == command


def test_a_wrong_configuration(kvsctl: Command) -> None:
    path = kvsctl.home / "config.toml"
    path.write_text("default = [", "utf-8")
    ended = kvsctl.having(KVSCTL_CONFIG=str(path))("set", "a=1", "--json", status=2)
    assert str(path) in _error(ended)["message"]


def test_refused_credentials_have_a_code_of_their_own(kvsctl: Command) -> None:
    words = ["set", "a=1", "--url", "https://h.example", "--token-command", "exit 9", "--json"]
    error = kvsctl(*words, status=3).report["error"]
    assert error["code"] == "REFUSED"
    assert error["message"] == 'cannot run token command "exit": No such file or directory'


def test_the_report_of_a_run_has_the_error_that_ended_it(kvsctl: Command) -> None:
    words = ["set", "a=1", "--url", "http://127.0.0.1:1", "--retries", "0", "--json"]
    report = kvsctl(*words, status=4).report
    assert (report["records"], report["error"]["code"]) == (1, "UNREACHABLE")
    assert "error" not in kvsctl("set", "a=1", "-t", "local", "--json", status=0).report
    assert "error" not in kvsctl("get", "b", "-t", "local", "--json", status=1).report


def test_a_key_is_not_an_option(kvsctl: Command) -> None:
    ended = kvsctl("get", "-t", "nosuch", "--", "--json", status=2)
    assert b"{" not in ended.out + ended.err


def test_an_error_in_a_json_log_is_printed_for_programs_too(kvsctl: Command) -> None:
    words = ["set", "-t", "nosuch", "a=1", "--json", "--log-format", "json"]
    ended = kvsctl(*words, status=2)
    assert _error(ended)["code"] == "USAGE"
    assert json.loads(ended.err)["event"] == "error"


def test_no_value_and_no_token_is_in_it(kvsctl: Command) -> None:
    command = kvsctl.having(KVSCTL_TOKEN="very-secret")
    ended = command("set", "a=hidden-value", "--json", status=2)
    assert _error(ended)["message"]
    assert b"very-secret" not in ended.out + ended.err
    assert b"hidden-value" not in ended.out + ended.err
