"""From the options of a command to the words of the command that retries what has failed."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from kvsctl.cli.arguments import ALL_COLUMNS
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.applying import ApplyOptions
from kvsctl.cli.options.cleanup.deleting import UndoOptions
from kvsctl.cli.options.comparing import DiffOptions, SyncOptions
from kvsctl.cli.options.cron import MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import InputOptions, KeysArgument
from kvsctl.cli.options.installations.working import InstallationsOptions
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import PrefixArgument
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions
from kvsctl.config.targets import Target
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Verb
from kvsctl.report.failed.retry_line import RetryWords, file_word

_WHERE: Final = (TargetOptions, RoundingOption, RunningOptions)
_HOW: Final = (VerifyOption, GetOptions, SetOptions, CheckingOptions)
_OF_THE_INPUT: Final = ("pairs", "string", "check_first", "require_input", "dry_run")
_NOT_AGAIN: Final = (ReportOptions, MonitoringOptions, RetryFailedOption, ConfirmOption)
"""What concerns the run, and the name by which the user allows writes to a protected target."""
_STDIN: Final = Path("-")
_PLANS: Final = ("plan",)
"""Options that are left out of a sync: its plan is written even if records failed."""
_NEVER_APART: Final = ("if_absent", "metadata", "infer_types")
"""Options that may stand without a value: it must be joined to them."""
_WITH_EXPIRY: Final = "--metadata=expires"


def retry_words(command: str, given: Given, job: BatchJob) -> RetryWords:
    """Return the words of the command that retries a job's failures.

    No words hold a value of a record or may hold a token.
    """
    is_chosen = job.may_have_undo or job.name == "sync"
    verb = None if is_chosen else job.plan.verb.value
    if _may_be_secret(given):
        return RetryWords(verb, None)
    has_journal = job.journal is not None
    if is_chosen:
        retries = has_journal and not job.input.is_listing
        return RetryWords(None, (), _same(command, given, job), has_journal=retries)
    options = [*_words(given, job.target, _WHERE)]
    if command == "export":
        # A file appears only once nothing has failed, so the failed records alone do not help.
        if job.has_stdout and given.of(FailuresOption).failures is not None:
            return RetryWords(verb, (*options, _WITH_EXPIRY))
        return RetryWords(None, (), _same(command, given, job))
    if job.input.is_listing:
        has_failures = given.of(FailuresOption).failures is not None
        same = None if has_failures else _same(command, given, job)
        return RetryWords(verb if has_failures else None, tuple(options), same)
    options += _words(given, job.target, _HOW, _OF_THE_INPUT)
    return RetryWords(
        verb,
        tuple(options),
        _whole(command, given, job),
        has_journal=has_journal,
        takes_keys=job.plan.verb is not Verb.SET,
    )


def retry_words_in_parts(command: str, given: Given, target: Target) -> RetryWords | None:
    """Return the words of the command that retries failures of several installations or workers.

    A ledger or the journals know what has failed, and without them a command that reads no input
    chooses its records anew. The plans of a sync are left out, as for one store. None: nothing
    retries only what failed.
    """
    kinds = [type(group) for group in given.groups if type(group) not in _NOT_AGAIN]
    has_input = InputOptions in kinds
    has_notes = given.of(InstallationsOptions).ledger is not None
    has_notes |= given.of(JournalOptions).journal is not None
    retries = has_notes and RetryFailedOption in map(type, given.groups)
    if _may_be_secret(given) or given.of(JournalOptions).journal_force:
        return None
    if given.of(SetOptions).pairs or _STDIN in given.of(InputOptions).file:
        return None
    if command == "verify" or (has_input and not retries):
        return None
    keys, prefix = given.of(KeysArgument).keys or (), given.of(PrefixArgument).prefix
    end = [*keys] if prefix is None else [prefix]
    end = ["--", *end] if any(one.startswith("-") for one in end) else end
    words = _words(given, target, kinds, _PLANS if command == "sync" else ())
    return RetryWords(None, (), (command, *words, *end), has_journal=retries)


def _may_be_secret(given: Given) -> bool:
    """Return whether the options that name stores may hold a token or a password."""
    target, sources = given.of(TargetOptions), (given.of(SyncOptions), given.of(DiffOptions))
    urls = "".join([target.url or "", *(one.from_ or "" for one in sources)])
    return target.token_command is not None or bool({"@", "?"} & set(urls))


def _whole(command: str, given: Given, job: BatchJob) -> tuple[str, ...] | None:
    """Return the command again; None if it has values in its words or reads stdin."""
    files = given.of(InputOptions).file
    if given.of(SetOptions).pairs or _STDIN in files:
        return None
    keys = given.of(KeysArgument).keys or ()
    if not (files or keys):
        return None
    kinds = [type(one) for one in given.groups if type(one) not in (*_NOT_AGAIN, FailuresOption)]
    end = ["--", *keys] if any(key.startswith("-") for key in keys) else keys
    if given.of(JournalOptions).journal_force:
        return None  # it would begin anew
    return (command, *_words(given, job.target, kinds), *end)


def _same(command: str, given: Given, job: BatchJob) -> tuple[str, ...] | None:
    """Return a command that chooses what it works on, as it was given.

    Failed keys in its place would be changed whatever they hold by now, protected or not. None if
    it prints to stdout, reads stdin, begins a journal anew, or would find the undo file that it
    has written. The plan of a sync is left out: it is written even if records failed.
    """
    undo = given.of(UndoOptions).undo
    if job.has_stdout or given.of(JournalOptions).journal_force:
        return None
    if undo is not None and "{date}" not in undo.name:
        return None
    kinds = [type(group) for group in given.groups if type(group) not in _NOT_AGAIN]
    plan, prefix = given.of(ApplyOptions).path, given.of(PrefixArgument).prefix
    if plan == _STDIN or (command == "apply" and plan is None):
        return None
    end = [] if prefix is None else ["--", prefix] if prefix.startswith("-") else [prefix]
    end += [] if plan is None else [file_word(plan)]
    left_out = _PLANS if command == "sync" else ()
    return (command, *_words(given, job.target, kinds, left_out), *end)


def _words(
    given: Given,
    target: Target,
    kinds: Iterable[type[OptionGroup]],
    leaving_out: Iterable[str] = (),
) -> Iterator[str]:
    """Yield the options of some groups that were given, as words.

    The target is always among those of `TargetOptions`: the variable that chose it may have been
    set for one command.
    """
    for kind in kinds:
        group = given.of(kind)
        if isinstance(group, TargetOptions) and group.target is None and group.url is None:
            name, url = target.name, target.url
            yield from ("-t", name) if name != url else ("--url", name)
        for name, annotation in kind.annotations.items():
            flag = None if name in leaving_out else _flag(name, annotation)
            value = getattr(group, name, None)
            if flag is None or value == kind.default(name):
                continue
            if value is True or (name == "infer_types" and value == ALL_COLUMNS):
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
