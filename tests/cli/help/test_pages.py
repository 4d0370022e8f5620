"""Pages of help are short, plain text under headings, with bold names where that is wanted."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

import kvsctl
from kvsctl.bulk.plan import RunPlan
from kvsctl.cli.app import command_line
from kvsctl.cli.help import Command
from kvsctl.cli.help.about import about_of
from kvsctl.cli.help.finding import page_named
from kvsctl.cli.help.page import page_of
from kvsctl.cli.help.places import documentation
from kvsctl.cli.help.topics import TOPICS
from kvsctl.cli.option_groups import Given, OptionGroup, takes
from kvsctl.config.settings import DEFAULTS, RUNNING
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.model import Verb
from kvsctl.records.formats import Format
from tests.cli.help.pages import COMMANDS, HELP, TOPIC_PAGES, WHOLE, Words, page


class _Painting(OptionGroup):
    wall: Annotated[str, typer.Argument(help="What to paint.")] = "north"
    thick: Annotated[bool, typer.Option("--thick", help="Twice.", rich_help_panel="Paint")] = False
    dry: Annotated[bool, typer.Option("--dry", help="Wait.", rich_help_panel="After")] = False
    red: Annotated[bool, typer.Option("--red", help="In red.", rich_help_panel="Paint")] = False
    secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False


def _no_options() -> None:
    """Make the command one of a group, as all of kvsctl's are."""


def test_options_stand_under_their_groups_in_order_and_help_is_last() -> None:
    @takes(_Painting)
    def paint(given: Given) -> None:
        """Paint a wall."""

    painter = typer.Typer(rich_markup_mode=None, add_completion=False)
    painter.callback()(_no_options)
    painter.command(cls=Command)(paint)
    lines = CliRunner().invoke(painter, ["paint", "--help"]).output.splitlines()
    headings = [line for line in lines if line.endswith(":")]
    assert headings == ["Arguments:", "Paint:", "After:", "More:"]
    rows = [line.split()[0] for line in lines if line.lstrip().startswith("-")]
    assert rows == ["--thick", "--red", "--dry", "--help"]
    assert lines[0] == "Paint a wall."


def test_the_page_of_all_commands_needs_none_of_them() -> None:
    whole: Any = get_command(command_line())
    context = whole.context_class(whole, info_name="kvsctl", **whole.context_settings)
    assert page_named(()) == page_of(whole, context, is_whole=True)


def test_a_paragraph_keeps_its_lines_if_it_says_so() -> None:
    def paint(given: Given) -> None:
        """Paint a wall.

        \b
        north:  in    white
        south:  in    red
        """

    painter = typer.Typer(rich_markup_mode=None, add_completion=False)
    painter.callback()(_no_options)
    painter.command(cls=Command)(takes(_Painting)(paint))
    shown = CliRunner().invoke(painter, ["paint", "--help"]).output
    assert "\n\n    north:  in    white\n    south:  in    red\n\n" in shown


def test_every_command_is_listed_with_its_sentence_on_a_line() -> None:
    listed = page("--help", columns=80)
    for words in COMMANDS:
        if len(words) == 1:
            sentence = page(*words, "--help").splitlines()[0]
            assert re.search(rf"^  {words[0]} +{re.escape(sentence)}$", listed, re.MULTILINE)


@pytest.mark.parametrize("columns", [40, 80, 100, 140])
@pytest.mark.parametrize("words", [*HELP, *WHOLE, *TOPIC_PAGES], ids=" ".join)
def test_no_line_is_wider_than_the_terminal_or_too_long_to_read(words: Words, columns: int) -> None:
    """Commands and paths are never broken, so that they can be copied."""
    lines = page(*words, columns=columns).splitlines()
    copied = (
        "  Documentation "
        if columns >= 80
        else ("    ", "Usage: ", "  Documentation ", "  kvsctl ")
    )
    wide = [line for line in lines if len(line) > min(columns, 100)]
    assert [line for line in wide if not line.startswith(copied)] == []
    assert all(line.isascii() for line in lines), "it can be shown in any encoding"


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_a_page_of_common_options_has_at_most_50_lines(words: Words) -> None:
    assert len(page(*words, columns=100).splitlines()) <= 50


@pytest.mark.parametrize("words", [*HELP, *WHOLE], ids=" ".join)
def test_tuning_stands_last_and_only_among_all_options(words: Words) -> None:
    headings = re.findall(r"^([A-Z].*):$", page(*words), re.MULTILINE)
    assert headings[-1] == "More"
    if words[0] == "help" and "Tuning" in headings:
        assert headings[-2] == "Tuning"
    elif words[0] != "help":
        assert "Tuning" not in headings


@pytest.mark.parametrize("words", [*HELP, *WHOLE, *TOPIC_PAGES], ids=" ".join)
def test_a_page_ends_with_a_link_to_the_documentation(words: Words) -> None:
    *_, last = page(*words).splitlines()
    assert last.startswith("  Documentation ")
    assert Path(last.split()[1]).is_file()


def test_the_documentation_of_an_installation_is_named_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, shared = tmp_path / "lib/kvsctl/__init__.py", tmp_path / "share/doc/kvsctl/README.md"
    monkeypatch.setattr(kvsctl, "__file__", str(package))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert documentation("README.md") == "README.md", "it is nowhere"
    shared.parent.mkdir(parents=True)
    shared.touch()
    assert documentation("README.md") == str(shared)


@pytest.mark.parametrize("words", [*WHOLE, *TOPIC_PAGES], ids=" ".join)
def test_defaults_bounds_and_variables_have_one_style(words: Words) -> None:
    text = " ".join(page(*words).split())
    assert not re.search(r"\[(default|env|required|\d+<=)", text)
    assert not re.search(r"\(default (?!:)|[Dd]efaults to|by default\)", text)
    for note in re.findall(r"\(((?:default|required|at most|env)\b[^()]*)\)", text):
        parts = [re.split(r":? ", part)[0] for part in note.split("; ")]
        order = ["default", "required", "at", "env"]
        assert sorted(parts, key=order.index) == parts, note


def test_every_setting_names_its_variable() -> None:
    text = " ".join(page("help", "set").split())
    for name in RUNNING:
        flag, variable = f"--{name.replace('_', '-')}", f"KVSCTL_{name.upper()}"
        assert re.search(rf"{flag} [A-Z] (?:(?! --).)*env: {variable}\)", text), name


def test_common_options_are_options_of_their_commands() -> None:
    for words, command in COMMANDS.items():
        about = about_of(words)
        assert set(about.common) <= {parameter.name for parameter in command.params}, words
        assert set(about.topics) <= TOPICS.keys()


def test_colours_are_there_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    page.cache_clear()
    coloured = page("set", "--help")
    assert "\n\x1b[1mTarget\x1b[0m:\n" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    page.cache_clear()
    plain = page("set", "--help")
    page.cache_clear()
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_help_shows_the_defaults_of_the_settings() -> None:
    text = " ".join(page("help", "set").split())
    shown = {
        "--batch-size": DEFAULTS.batch_size,
        "--max-batch-bytes": DEFAULTS.max_batch_bytes,
        "--timeout": DEFAULTS.timeout,
        "--retries": DEFAULTS.retries,
        "--give-up-after": DEFAULTS.give_up_after,
        "--patience": DEFAULTS.patience,
        "--quota-share": DEFAULTS.quota_share,
    }
    for flag, default in shown.items():
        value = f"{default:g}" if isinstance(default, float) else str(default)
        assert re.search(rf"{flag} [ND] [^-]*?\(default: {re.escape(value)};", text), flag


def test_a_plan_has_the_defaults_of_the_settings() -> None:
    plan = RunPlan(Verb.SET)
    assert (plan.give_up_after, plan.patience_seconds, plan.stop_seconds, plan.retry.retries) == (
        *(DEFAULTS.give_up_after, DEFAULTS.patience, DEFAULTS.timeout),
        DEFAULTS.retries,
    )


def test_help_names_every_input_format() -> None:
    formats = [one.value for one in Format]
    shown = {verb: page("help", verb).split() for verb in ("set", "get")}
    assert "|".join(formats) in shown["get"]
    assert "|".join(formats[:-1]) in shown["set"], "keys, the last one, have no values"


def test_help_of_serve_shows_the_defaults_of_the_emulator() -> None:
    entries = re.split(r"^      (?=--)", page("help", "serve"), flags=re.MULTILINE)
    options = QuotaOptions()
    for flag, default in {
        "--requests-per-second": options.requests_per_second,
        "--read-units": options.read_units_per_minute,
        "--write-units": options.write_units_per_minute,
        "--minute": f"{options.minute_seconds:g}",
        "--window": options.window,
        "--announce": options.announces,
    }.items():
        (entry,) = [one for one in entries if one.startswith(f"{flag} ")]
        assert f"(default: {default})" in " ".join(entry.split())
