"""The words that shells hand over, and what they read."""

import pytest

from kvsctl.cli.completion.names import Name
from kvsctl.cli.completion.offers import Offer
from kvsctl.cli.completion.shells import answer, complete, words_of
from tests.support.commands.command import Command


@pytest.mark.parametrize(
    ("line", "before", "current"),
    [
        ("kvsctl ", [], ""),
        ("kvsctl se", [], "se"),
        ("/bin/kvsctl set --format=js", ["set"], "--format=js"),
        ("kvsctl set -f 'my fi", ["set", "-f"], "my fi"),
        ('kvsctl set -f "my fi', ["set", "-f"], "my fi"),
        ("kvsctl set -f my\\ fi", ["set", "-f"], "my fi"),
        ("kvsctl set 'a b' ", ["set", "a b"], ""),
        ("kvsctl get # x", ["get", "#"], "x"),
        ("kvsctl get a\\", ["get"], "a"),
        ("", [], ""),
    ],
)
def test_a_line_of_bash_is_cut_into_words(line: str, before: list[str], current: str) -> None:
    assert words_of("bash", [], {"_KVSCTL_LINE": line}) == (before, current)


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_give_words(shell: str) -> None:
    assert words_of(shell, ["set", "a b", ""], {}) == (["set", "a b"], "")
    assert words_of(shell, [], {}) == ([], "")


_OFFER = Offer("values", [Name("a b:c", "Say it."), Name("d")], "--to=")


@pytest.mark.parametrize(
    ("shell", "lines"),
    [
        ("bash", ["values", "--to=", "'a b:c'", "d"]),
        ("zsh", ["values", "--to=", "a b\\:c:Say it.", "d"]),
        ("fish", ["values", "--to=", "--to=a b:c\tSay it.", "--to=d"]),
    ],
)
def test_each_shell_has_its_form(shell: str, lines: list[str]) -> None:
    assert answer(shell, _OFFER, "--to=", {"_KVSCTL_WORD": ""}).splitlines() == lines


@pytest.mark.parametrize(
    ("current", "word", "value"),
    [
        ("--to=", "", "to:x"),
        ("--to=to:", "", "x"),
        ("--to=to:", "to:", "to:x"),
        ("--to=t", "=t", "=to:x"),
    ],
)
def test_bash_gets_what_follows_the_end_of_a_word_of_its_own(
    current: str, word: str, value: str
) -> None:
    offer = Offer("values", [Name("to:x")], "--to=")
    assert answer("bash", offer, current, {"_KVSCTL_WORD": word}).splitlines()[2:] == [value]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("kvsctl get -t ", """'it'"'"'s $5'"""),
        ("kvsctl get -t i\\", """'it'"'"'s $5'"""),
        ('kvsctl get "a b" -t ', """'it'"'"'s $5'"""),
        ("kvsctl get -t 'i", "it'\\''s $5"),
        ('kvsctl get -t "i', "it's \\$5"),
        ("""kvsctl get "'" -t "i""", "it's \\$5"),
    ],
)
def test_bash_gets_a_value_as_the_quotation_needs_it(line: str, value: str) -> None:
    offer = Offer("values", [Name("it's $5")])
    lines = answer("bash", offer, "", {"_KVSCTL_LINE": line}).splitlines()
    assert lines[2:] == [value]


def test_a_name_that_a_terminal_would_obey_is_not_offered() -> None:
    offer = Offer("values", [Name("a\x1b[31m"), Name("b\nc"), Name("ok")])
    assert answer("fish", offer, "", {}).splitlines()[2:] == ["ok"]


def test_a_script_of_an_earlier_version_gets_nothing() -> None:
    assert complete(["set", ""], {"_KVSCTL_COMPLETE": "complete_zsh"}) == ""


def test_a_command_is_completed_and_not_run(kvsctl: Command) -> None:
    asked = kvsctl.having(_KVSCTL_COMPLETE="fish")
    assert asked("set", "-t", "local", "a=1", status=0).out == b"values\n\n"
    assert not kvsctl.database.exists()


def test_nothing_that_goes_wrong_is_shown(kvsctl: Command) -> None:
    asked = kvsctl.having(_KVSCTL_COMPLETE="zsh", KVSCTL_CONFIG="/no/such/file")
    ended = asked("get", "-t", "lo", status=0)
    assert ended.out.startswith(b"values\n\nlocal:")
    assert ended.err == b""
