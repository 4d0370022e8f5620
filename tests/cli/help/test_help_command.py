"""`kvsctl help` shows the page of a command with all options, or a topic."""

import re
from pathlib import Path
from typing import Final

import pytest

from kvsctl import __version__
from kvsctl.cli.help.topics import TOPICS
from kvsctl.errors import ExitStatus
from tests.cli.help.pages import COMMANDS, page
from tests.support.commands.command import Command

_DOCS: Final = Path(__file__).parents[3] / "docs"


def test_help_alone_is_the_page_of_the_program(kvsctl: Command) -> None:
    assert kvsctl("help", status=0).out == kvsctl("--help", status=0).out
    assert kvsctl("help", status=0).out == kvsctl("-h", status=0).out


def test_help_of_a_command_has_all_its_options(kvsctl: Command) -> None:
    common, everything = (
        set(re.findall(r"--[a-z-]+", kvsctl(*words, status=0).out.decode()))
        for words in (("set", "--help"), ("help", "set"))
    )
    assert common < everything
    assert {"--batch-size", "--limits", "--if-absent"} <= everything - common


def test_help_of_a_command_in_a_group(kvsctl: Command) -> None:
    shown = kvsctl("help", "journal", "show", status=0).out.decode()
    assert "\nUsage: kvsctl journal show [OPTIONS] FILE\n" in shown


def test_help_of_a_topic_shows_the_options_that_belong_to_it(kvsctl: Command) -> None:
    shown = kvsctl("help", "tuning", status=0).out.decode()
    assert shown.startswith("How a run is made faster, gentler or more patient.\n\nExamples:\n")
    assert re.search(r"-c, --concurrency N +\S", shown)
    assert "--journal FILE" in kvsctl("help", "resuming", status=0).out.decode()


def test_every_topic_is_named_by_the_program_and_has_no_name_of_a_command() -> None:
    (named,) = re.findall(r"^  kvsctl help TOPIC +(.*)\.$", page("--help"), re.MULTILINE)
    assert named.split(", ") == list(TOPICS)
    assert TOPICS.keys().isdisjoint(words[0] for words in COMMANDS if words)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["help", "help"], 'no help for "help help"', "help has no commands of its own."),
        (["get", "get", "get"], 'no help for "get get get"', "get has no commands of its own."),
        (["st"], 'no help for "st"', "Did you mean set?"),
        (["tunning"], 'no help for "tunning"', "Did you mean tuning?"),
        (["journal", "shw"], 'no help for "journal shw"', "Did you mean show?"),
        (["set", "x"], 'no help for "set x"', "set has no commands of its own."),
        (["qqqq"], 'no help for "qqqq"', "Known: set, get, "),
    ],
    ids=str,
)
def test_a_page_that_does_not_exist(
    kvsctl: Command, words: list[str], message: str, hint: str
) -> None:
    ended = kvsctl("help", *words, status=ExitStatus.USAGE)
    first, second = ended.err.decode().splitlines()
    assert first == f"kvsctl: {message}"
    assert second.startswith(hint)
    assert ended.out == b""


def test_the_version_has_a_short_option(kvsctl: Command) -> None:
    assert kvsctl("-V", status=0).out.decode() == f"kvsctl {__version__}\n"
    assert kvsctl.process("-V", status=0).out == kvsctl.process("--version", status=0).out


def test_the_variables_are_those_that_are_documented() -> None:
    [(_, rows)] = TOPICS["environment"].tables
    named = {name for names, _ in rows for name in names.split(", ") if name != "..."}
    section = (_DOCS / "targets.md").read_text("utf-8").partition("\n## Environment variables\n")[2]
    cells = re.findall(r"^\| (`.*?) \| ", section.partition("\n## ")[0], re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == documented - {"KVSCTL_CONCURRENCY"}, "one of the settings stands for them all"


def test_the_exit_codes_are_those_that_exist() -> None:
    [(_, rows)] = TOPICS["exit-codes"].tables
    assert [int(code) for code, _ in rows] == sorted(ExitStatus)
