"""From the options of a command to the words of the command that retries what has failed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.deleting import UndoOptions
from kvsctl.cli.options.cron import MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import InputOptions, KeysArgument
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import PrefixArgument
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Verb
from kvsctl.report.failed.retry_line import RetryWords

_WHERE: Final = (TargetOptions, ConfirmOption, RoundingOption, RunningOptions)
_HOW: Final = (VerifyOption, GetOptions, SetOptions, CheckingOptions)
_OF_THE_INPUT: Final = ("pairs", "string", "check_first", "require_input", "dry_run")
_ABOUT_THE_RUN: Final = (ReportOptions, MonitoringOptions, RetryFailedOption)
_NOT_AGAIN: Final = (FailuresOption, *_ABOUT_THE_RUN)
_STDIN: Final = Path("-")
_NEVER_APART: Final = ("if_absent", "metadata")
"""Options that may stand without a value: it must be joined to them."""


def retry_words(command: str, given: Given, job: BatchJob) -> RetryWords | None:
    """Return the words of the command that retries a job's failures; None if they are secret.

    No words hold a value of a record or may hold a token.
    """
    target, verb = given.of(TargetOptions), job.plan.verb
    if job.checks.checks_first:
        return None  # nothing was sent, not even what has not failed
    if target.token_command is not None or (target.url and {"@", "?"} & set(target.url)):
        return None
    if job.may_have_undo:
        return RetryWords(None, (), _same(command, given, job))
    is_own = job.name is None
    options = [*_words(given, _WHERE), *(_words(given, _HOW, _OF_THE_INPUT) if is_own else ())]
    return RetryWords(
        verb.value,
        tuple(options),
        _whole(command, given) if is_own and not job.input.is_listing else None,
        has_journal=job.journal is not None and is_own and not job.input.is_listing,
        takes_keys=is_own and verb is not Verb.SET,
    )


def _whole(command: str, given: Given) -> tuple[str, ...] | None:
    """Return the command again; None if it has values in its words or reads stdin."""
    files = given.of(InputOptions).file
    if given.of(SetOptions).pairs or _STDIN in files:
        return None
    keys = given.of(KeysArgument).keys or ()
    if not (files or keys):
        return None
    kinds = [type(group) for group in given.groups if type(group) not in _NOT_AGAIN]
    end = ["--", *keys] if any(key.startswith("-") for key in keys) else keys
    if given.of(JournalOptions).journal_force:
        return None  # it would begin anew
    return (command, *_words(given, kinds), *end)


def _same(command: str, given: Given, job: BatchJob) -> tuple[str, ...] | None:
    """Return a command that chooses what it changes, as it was given.

    Failed keys in its place would be changed whatever they hold by now, protected or not. None if
    it only prints, begins a journal anew, or would find the undo file that it has written.
    """
    undo = given.of(UndoOptions).undo
    if job.records is not None or given.of(JournalOptions).journal_force:
        return None
    if undo is not None and "{date}" not in undo.name:
        return None
    kinds = [type(group) for group in given.groups if type(group) not in _ABOUT_THE_RUN]
    prefix = given.of(PrefixArgument).prefix
    end = [] if prefix is None else ["--", prefix] if prefix.startswith("-") else [prefix]
    return (command, *_words(given, kinds), *end)


def _words(
    given: Given, kinds: Iterable[type[OptionGroup]], leaving_out: Iterable[str] = ()
) -> Iterator[str]:
    """Yield the options of some groups that were given, as words."""
    for kind in kinds:
        group = given.of(kind)
        for name, annotation in kind.annotations.items():
            flag = None if name in leaving_out else _flag(name, annotation)
            value = getattr(group, name, None)
            if flag is None or value == kind.default(name):
                continue
            if value is True:
                yield flag
                continue
            for one in value if isinstance(value, list | tuple) else [value]:
                if name in _NEVER_APART or str(one).startswith("-"):
                    yield f"{flag}={one}"
                else:
                    yield from (flag, str(one))


def _flag(name: str, annotation: Any) -> str | None:
    """Return the name of an option; None for an argument, and for what is neither."""
    from typer.models import OptionInfo

    for info in get_args(annotation)[1:]:
        if isinstance(info, OptionInfo) and not info.count:
            named = (info.default, *(info.param_decls or ()))
            names = [one for one in named if isinstance(one, str) and one.startswith("-")]
            short = [one for one in names if not one.startswith("--")]
            return (short or names or ["--" + name.replace("_", "-")])[0]
    return None
