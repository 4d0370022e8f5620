"""The options that commands share, in groups. Names and meanings are promises to users."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

_TARGET, _INPUT, _RUNNING, _REPORT = "Target", "Input", "Running", "Report"


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Which store, and as whom."""

    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="local, forge, container, or a target of the configuration file.",
            rich_help_panel=_TARGET,
        ),
    ] = None
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Base URL of the service.", rich_help_panel=_TARGET),
    ] = None
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the token from FILE.", rich_help_panel=_TARGET),
    ] = None
    token_command: Annotated[
        str | None,
        typer.Option(
            metavar="CMD", help="Run CMD, which prints the token.", rich_help_panel=_TARGET
        ),
    ] = None
    installation: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="In a Forge Container: whose store.", rich_help_panel=_TARGET
        ),
    ] = None
    allow_http: Annotated[
        bool,
        typer.Option(
            "--allow-http",
            help="Allow plain http to other machines.",
            rich_help_panel=_TARGET,
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What to work on."""

    file: Annotated[
        list[Path],
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="Read FILE; - is stdin. May be given again.",
            rich_help_panel=_INPUT,
        ),
    ] = field(default_factory=list)
    format: Annotated[
        str | None,
        typer.Option(
            metavar="jsonl|keys",
            help="Form of the input. By default from the suffix or the first bytes.",
            rich_help_panel=_INPUT,
        ),
    ] = None
    entity: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Custom entity of records that name none.",
            rich_help_panel=_INPUT,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class NullOption:
    """How plain keys end."""

    null: Annotated[
        bool,
        typer.Option("--null", "-0", help="Plain keys end in NUL.", rich_help_panel=_INPUT),
    ] = False


@dataclass(frozen=True, slots=True)
class VerifyOption:
    """Whether what was written is read back."""

    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            help="Read back what was written, and fail what is not there.",
            rich_help_panel=_RUNNING,
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class RunningOptions:
    """How the run works; None: from the environment, the configuration file or the default."""

    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="N",
            help="Requests at a time. (default 8)",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(metavar="N", help="Records a request. (default 25)", rich_help_panel=_RUNNING),
    ] = None
    max_batch_bytes: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Bytes a request. (default 4000000)", rich_help_panel=_RUNNING
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Seconds to wait for an answer. (default 30)",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    retries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How often a record is sent again. (default 8)",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    give_up_after: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop after N failed requests in a row. (default 20)",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    patience: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="Stop when all that came for S seconds is 429. (default 300)",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    max_failures: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N failed records.", rich_help_panel=_RUNNING),
    ] = None


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What the run tells, and where."""

    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the report as one line of JSON.", rich_help_panel=_REPORT
        ),
    ] = False
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the JSON report to FILE as well.", rich_help_panel=_REPORT
        ),
    ] = None
    failures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write failed input to FILE, ready to be fed back.",
            rich_help_panel=_REPORT,
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=_REPORT),
    ] = False
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="A line a request; -vv with headers.",
            rich_help_panel=_REPORT,
        ),
    ] = 0


@dataclass(frozen=True, slots=True)
class SetOptions:
    """What only `set` takes."""

    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="VALUE is JSON if it parses, else a string."),
    ] = None
    string: Annotated[
        bool,
        typer.Option("--string", help="Take each VALUE as a string.", rich_help_panel=_INPUT),
    ] = False
    ttl: Annotated[
        str | None,
        typer.Option(
            metavar="TTL",
            help="Time to live of records that name none: 45s, 30m, 12h, 7d.",
            rich_help_panel=_INPUT,
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class KeysArgument:
    """Keys on the command line."""

    keys: Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Plain keys.")] = None


@dataclass(frozen=True, slots=True)
class JournalOptions:
    """How a run is gone on with that was stopped."""

    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep in FILE what is done; the same command goes on from there.",
            rich_help_panel=_RUNNING,
        ),
    ] = None
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            help="Try the failures in the journal again.",
            rich_help_panel=_RUNNING,
        ),
    ] = False
    journal_force: Annotated[
        bool,
        typer.Option(
            "--journal-force",
            help="Go on though the input or its options have changed.",
            rich_help_panel=_RUNNING,
        ),
    ] = False


_OUTPUT = "Output"


@dataclass(frozen=True, slots=True)
class GetOptions:
    """What only `get` takes."""

    values: Annotated[
        bool,
        typer.Option("--values", help="Print the bare JSON values.", rich_help_panel=_OUTPUT),
    ] = False
    raw: Annotated[
        bool,
        typer.Option("--raw", help="As --values, strings without quotes.", rich_help_panel=_OUTPUT),
    ] = False
    metadata: Annotated[
        str | None,
        typer.Option(
            metavar="[LIST]",
            help="Add created,updated,expires, or those that LIST names.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    unordered: Annotated[
        bool,
        typer.Option("--unordered", help="Print records as they arrive.", rich_help_panel=_OUTPUT),
    ] = False
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write to FILE; FILE.part until it is complete.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None
    ignore_missing: Annotated[
        bool,
        typer.Option(
            "--ignore-missing",
            help="Skip keys that do not exist.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
    skip_expired: Annotated[
        bool,
        typer.Option(
            "--skip-expired",
            help="Skip records whose time is past.",
            rich_help_panel=_OUTPUT,
        ),
    ] = False
