"""Help is plain text under headings, coloured where the terminal has colours."""

import re
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from kvsctl.bulk.plan import RunPlan
from kvsctl.cli.app import command_line
from kvsctl.cli.help import Command
from kvsctl.cli.option_groups import Given, OptionGroup, takes
from kvsctl.config.settings import DEFAULTS
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.model import Verb
from kvsctl.records.formats import Format


class _Painting(OptionGroup):
    wall: Annotated[str, typer.Argument(help="What to paint.")] = "north"
    thick: Annotated[bool, typer.Option("--thick", help="Twice.", rich_help_panel="Paint")] = False
    dry: Annotated[bool, typer.Option("--dry", help="Wait.", rich_help_panel="After")] = False
    red: Annotated[bool, typer.Option("--red", help="In red.", rich_help_panel="Paint")] = False
    secret: Annotated[bool, typer.Option("--secret", hidden=True)] = False


def _help(*words: str) -> str:
    asked = [*words, "--help"]
    output = CliRunner().invoke(command_line(), asked).output
    assert CliRunner().invoke(command_line(asked), asked).output == output
    return output


def test_options_stand_under_their_groups_in_order_and_help_is_last() -> None:
    @takes(_Painting)
    def paint(given: Given) -> None:
        """Paint a wall."""

    painter = typer.Typer(rich_markup_mode=None, add_completion=False)
    painter.command(cls=Command)(paint)
    lines = CliRunner().invoke(painter, ["--help"]).output.splitlines()
    headings = [line for line in lines if line.endswith(":")]
    assert headings == ["Arguments:", "Paint:", "After:", "Options:"]
    rows = [line.split()[0] for line in lines if line.startswith("  -")]
    assert rows == ["--thick", "--red", "--dry", "--help"]
    assert "  Paint a wall." in lines


def test_every_command_is_listed_with_a_sentence() -> None:
    listed = _help().partition("Commands:\n")[2]
    for name in [
        "set",
        "get",
        "delete",
        "list",
        "export",
        "du",
        "verify",
        "diff",
        "sync",
        "expire",
        "clean",
        "ping",
        "probe",
        "serve",
        "installations",
        "journal",
        "report",
        "bridge",
        "completion",
    ]:
        assert re.search(rf"^  {name} +\w+", listed, re.MULTILINE)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("set",),
        ("list",),
        ("export",),
        ("du",),
        ("installations",),
        ("journal",),
        ("journal", "show"),
        ("report",),
        ("report", "merge"),
        ("bridge", "init"),
        ("bridge", "remove"),
        ("completion",),
        ("ping",),
        ("probe",),
        ("serve",),
        ("verify",),
        ("diff",),
        ("sync",),
        ("expire",),
        ("clean",),
    ],
)
def test_no_line_is_too_long_to_read(words: tuple[str, ...]) -> None:
    output = _help(*words)
    assert output.startswith("Usage: ")
    assert all(len(line) <= 100 for line in output.splitlines())


def test_colours_are_there_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = _help("set")
    assert "\x1b[1mTarget\x1b[0m:" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = _help("set")
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain


def test_help_shows_the_defaults_of_the_settings() -> None:
    text = " ".join(_help("set").split())
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
        assert re.search(rf"{flag} [ND] [^-]*?\(default: {re.escape(value)}\)", text), flag


def test_a_plan_has_the_defaults_of_the_settings() -> None:
    plan = RunPlan(Verb.SET)
    assert (plan.give_up_after, plan.patience_seconds, plan.stop_seconds, plan.retry.retries) == (
        *(DEFAULTS.give_up_after, DEFAULTS.patience, DEFAULTS.timeout),
        DEFAULTS.retries,
    )


def test_help_names_every_input_format() -> None:
    formats = [one.value for one in Format]
    shown = {verb: _help(verb).split() for verb in ("set", "get")}
    assert "|".join(formats) in shown["get"]
    assert "|".join(formats[:-1]) in shown["set"], "keys, the last one, have no values"


def test_help_of_serve_shows_the_defaults_of_the_emulator() -> None:
    entries = re.split(r"^  (?=--)", _help("serve"), flags=re.MULTILINE)
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
        assert f"(default {default})" in " ".join(entry.split())
