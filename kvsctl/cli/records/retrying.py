"""From the options of a command to the words of the command that retries its failures."""

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from kvsctl.cli.arguments import ALL_COLUMNS
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.cleanup.applying import ApplyOptions
from kvsctl.cli.options.cleanup.deleting import PlanOptions, PrefixOption, UndoOptions
from kvsctl.cli.options.comparing import DiffOptions, SyncOptions
from kvsctl.cli.options.cron import LockOptions, MonitoringOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import FileOption, InputOptions, KeysArgument, ShardOption
from kvsctl.cli.options.installations.working import (
    SEVERAL_INSTALLATIONS,
    InstallationsOptions,
)
from kvsctl.cli.options.journal import JournalOptions, RetryFailedOption
from kvsctl.cli.options.report import FailuresOption, OutputOption, ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.selection import EntityOptions, PrefixArgument, SelectionOptions
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.target import ConfirmOption, RoundingOption, TargetOptions
from kvsctl.config.targets import Target
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.job import BatchJob
from kvsctl.model import Verb
from kvsctl.report.failed.retry_line import RetryWords, file_word

_WHERE: Final = (TargetOptions, RoundingOption, RunningOptions, LockOptions)
_HOW: Final = (VerifyOption, GetOptions, SetOptions, CheckingOptions)
_OF_THE_INPUT: Final = ("pairs", "string", "check_first", "require_input", "dry_run")
_WITH_DEFAULTS: Final = (SetOptions, InputOptions, EntityOptions)
_DEFAULTS: Final = ("ttl", "entity")
"""Options with defaults for records, whatever the format of the input."""
_NOT_AGAIN: Final = (ReportOptions, MonitoringOptions, RetryFailedOption, ConfirmOption)
"""Groups that are not repeated: they concern one run, or allow writes to a protected target."""
_DATA: Final = (InputOptions, FileOption, ApplyOptions, OutputOption, FailuresOption, ReportOptions)
"""Groups that name files of records, plans and results: a command that retries has its own."""
_RETRY: Final = "--retry-failed"
_STDIN: Final = Path("-")
_PLANS: Final = ("plan",)
"""Options that are left out of a sync: its plan is written even if records failed."""
_LISTING: Final = ("export", "list", "du")
_NEVER_APART: Final = ("if_absent", "metadata", "infer_types")
"""Options whose value is optional, so it must be joined to them by a `=`."""
_WITH_EXPIRY: Final = "--metadata=expires"


def retry_words(command: str, given: Given, job: BatchJob) -> RetryWords:
    """Return the words of the command that retries a job's failures.

    The words never hold the value of a record, or anything that may be a token.
    """
    is_chosen = job.may_have_undo or job.name == "sync"
    verb = None if is_chosen else job.plan.verb.value
    has_input = not (is_chosen or job.input.is_listing)
    defaults = _defaults(given, job.target) if has_input else ()
    if _is_for_once(given):
        return RetryWords(verb, None, defaults)
    notes = job.journal is not None and not job.input.is_listing
    retrying = _retrying(given) if notes else ()
    if is_chosen:
        same = _same(command, given, job.target, prints=job.has_stdout)
        return RetryWords(None, (), whole=same, retrying=retrying)
    options = [*_words(given, job.target, _WHERE)]
    if command == "export":
        # The file of an export appears only if nothing has failed, so it needs all records again.
        if job.has_stdout and given.of(FailuresOption).failures is not None:
            return RetryWords(verb, (*options, _WITH_EXPIRY))
        same = _same(command, given, job.target, prints=job.has_stdout)
        return RetryWords(None, (), whole=same)
    if job.input.is_listing:
        has_failures = given.of(FailuresOption).failures is not None
        same = None if has_failures else _same(command, given, job.target, prints=job.has_stdout)
        return RetryWords(verb if has_failures else None, tuple(options), whole=same)
    options += _words(given, job.target, _HOW, (*_OF_THE_INPUT, *_DEFAULTS))
    return RetryWords(
        verb,
        tuple(options),
        defaults,
        _again(command, given, job.target, FailuresOption),
        retrying,
        takes_keys=job.plan.verb is not Verb.SET,
    )


def retry_words_in_parts(
    command: str, given: Given, target: Target, *, has_files_for_each: bool = False
) -> RetryWords | None:
    """Return the words of the command that retries failures of several installations or workers.

    A ledger or the journals record what has failed. Without them, the failures files are the input,
    and a command that reads no input chooses its records anew; the plans of a sync are left out, as
    for one store. `has_files_for_each`: the parts are installations, and `{installation}` in the
    name of an input file is the name of each. None: no command retries what failed.
    """
    if command == "verify":
        return None
    ledger, journal = given.of(InstallationsOptions).ledger, given.of(JournalOptions).journal
    takes_notes = given.has(RetryFailedOption)
    is_for_once = _is_for_once(given)
    if not _reads_input(given):
        same = _same(command, given, target, prints=is_for_once or _prints(command, given))
        if same is None:
            return None
        retrying = _retrying(given) if takes_notes and ledger is not None else ()
        return RetryWords(None, (), whole=same, retrying=retrying)
    has_files = given.of(FailuresOption).failures is not None
    if takes_notes and not is_for_once and (ledger is not None or journal is not None):
        again = _again(command, given, target)
        if again is not None or not has_files:
            return RetryWords(command, (), whole=again, retrying=_retrying(given))
    has_notes = ledger is not None or journal is not None
    whole = None if is_for_once or has_notes else _again(command, given, target)
    if not has_files:
        part = "installation" if has_files_for_each else "shard"
        return RetryWords(command, (), whole=whole, failures_name=f"failed-{{{part}}}.jsonl")
    anew = (_RETRY,) if takes_notes and ledger is not None else ()
    defaults = _defaults(given, target)
    if is_for_once:
        return RetryWords(command, None, defaults, whole, anew=anew)
    at, *how = _WHERE
    # --shard chooses installations. If the parts are workers, their files hold only its records.
    parts = (*SEVERAL_INSTALLATIONS, ShardOption) if has_files_for_each else ()
    where = _words(given, target, (at, *parts, *how), ("ledger",))
    hows = _words(given, target, _HOW, (*_OF_THE_INPUT, *_DEFAULTS))
    return RetryWords(command, (*where, *hows), defaults, whole, anew=anew)


def _defaults(given: Given, target: Target) -> tuple[str, ...]:
    """Return the options that are defaults for records without such a value."""
    return tuple(_words(given, target, _WITH_DEFAULTS, only=_DEFAULTS))


def _retrying(given: Given) -> tuple[str, ...]:
    """Return what is added to a command to retry recorded failures."""
    reads = given.has(GetOptions) and given.of(JournalOptions).journal is not None
    is_in_order = reads and not given.of(GetOptions).unordered
    return (_RETRY, "--unordered") if is_in_order else (_RETRY,)


def _reads_input(given: Given) -> bool:
    """Return whether a command works on given keys or records instead of choosing them."""
    if given.has(InputOptions):
        return True
    from kvsctl.cli.selectors import chooses_keys  # few jobs are in parts

    prefix, selection = given.of(PrefixOption).prefix_option, given.of(SelectionOptions)
    return given.has(FileOption) and not chooses_keys(prefix, selection)


def _is_for_once(given: Given) -> bool:
    """Return whether no other command may have these options.

    Those that name stores may hold a token or a password, and others may name a pipe.
    """
    groups = (vars(group).values() for group in given.groups if type(group) not in _DATA)
    values = (value for group in groups for value in group)
    paths = (one for value in values for one in (value if isinstance(value, list) else [value]))
    if any(isinstance(one, Path) and _is_pipe(one) for one in paths):
        return True
    target, sources = given.of(TargetOptions), (given.of(SyncOptions), given.of(DiffOptions))
    urls = "".join([target.url or "", *(one.from_ or "" for one in sources)])
    return target.token_command is not None or bool({"@", "?"} & set(urls))


def _again(
    command: str, given: Given, target: Target, *but: type[OptionGroup]
) -> tuple[str, ...] | None:
    """Return the command again, without some groups of options.

    None if it has values in its words, reads stdin or a pipe, or would begin a journal anew.
    """
    files = (*given.of(InputOptions).file, *given.of(FileOption).file)
    if given.of(SetOptions).pairs or given.of(JournalOptions).journal_force:
        return None
    if any(map(_is_pipe, files)):
        return None
    keys = given.of(KeysArgument).keys or ()
    if not (files or keys):
        return None
    kinds = [type(one) for one in given.groups if type(one) not in (*_NOT_AGAIN, *but)]
    end = ["--", *keys] if any(key.startswith("-") for key in keys) else keys
    return (command, *_words(given, target, kinds), *end)


def _same(command: str, given: Given, target: Target, *, prints: bool) -> tuple[str, ...] | None:
    """Return a command that chooses what it works on, as it was given.

    A command on the failed keys would change them whatever they hold by now, even protected ones.
    None if it `prints` to stdout, reads stdin or a pipe, begins a journal anew, or would find the
    undo file that it has written. The plan of a sync is left out: it is written even if records
    failed.
    """
    undo = given.of(UndoOptions).undo
    if prints or given.of(JournalOptions).journal_force:
        return None
    if undo is not None and "{date}" not in undo.name:
        return None
    kinds = [type(group) for group in given.groups if type(group) not in _NOT_AGAIN]
    plan, prefix = given.of(ApplyOptions).path, given.of(PrefixArgument).prefix
    if command == "apply" and (plan is None or _is_pipe(plan)):
        return None
    end = [] if prefix is None else ["--", prefix] if prefix.startswith("-") else [prefix]
    end += [] if plan is None else [file_word(plan)]
    left_out = _PLANS if command == "sync" else ()
    return (command, *_words(given, target, kinds, left_out), *end)


def _is_pipe(path: Path) -> bool:
    """Return whether a path stands for stdin or another pipe, which can be read only once."""
    if path == _STDIN or descriptor(path) is not None:
        return True
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def _prints(command: str, given: Given) -> bool:
    """Return whether a command that chooses its records prints them, or a plan, to stdout."""
    lists = command in _LISTING and given.of(OutputOption).output is None
    return lists or given.of(PlanOptions).plan == _STDIN


def _words(
    given: Given,
    target: Target,
    kinds: Iterable[type[OptionGroup]],
    leaving_out: Iterable[str] = (),
    only: Iterable[str] | None = None,
) -> Iterator[str]:
    """Yield the options of some groups that were given, as words; `only`: those with these names.

    The words for `TargetOptions` always name the target, because the variable that chose it may
    have been set for one command only.
    """
    for kind in kinds:
        group = given.of(kind)
        if isinstance(group, TargetOptions) and group.target is None and group.url is None:
            name, url = target.name, target.url
            yield from ("-t", name) if name != url else ("--url", name)
        for name, annotation in kind.annotations.items():
            is_left_out = name in leaving_out or (only is not None and name not in only)
            flag = None if is_left_out else _flag(name, annotation)
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
