"""From the options of diff and verify to their jobs: nothing is opened for writing."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.cli.inputs import require_matching_files, set_forms
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import DiffOptions, DiffReportOptions, VerifyOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import basis_of, database_files
from kvsctl.comparison.joining import Change
from kvsctl.comparison.sampling import Sample, sample_of
from kvsctl.errors import UsageError
from kvsctl.files.compressed import compressor_of
from kvsctl.files.descriptors import descriptor
from kvsctl.files.sinks import part_path
from kvsctl.jobs.file_roles import require_one_role_each
from kvsctl.jobs.job import Reporting
from kvsctl.jobs.store.comparing import Comparison, Form
from kvsctl.jobs.store.reading import StoreSide
from kvsctl.jobs.store.verifying import Comparand
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.records.checks import check_entity
from kvsctl.records.parser_choice import set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import Rules
from kvsctl.records.sources import File
from kvsctl.report.console import Environment

_EXAMPLE: Final = (
    "For example: kvsctl diff -f backup.jsonl -t staging, or kvsctl diff -f a.jsonl --with b.jsonl"
)
_STDIN: Final = Path("-")
_T = TypeVar("_T", Change, Form)


def comparison(given: Given) -> Comparison:
    """Return the job that the options of diff ask for.

    Raise UsageError if they cannot be carried out; nothing was opened for writing then.
    """
    options, report = given.of(DiffOptions), given.of(DiffReportOptions)
    left, right = _left(options), options.with_
    store = None if right else _store_of(given.of(TargetOptions), given)
    if [*left, *right].count(_STDIN) > 1:
        raise UsageError("-: stdin is given twice", "It can be read only once.")
    flags = given.of(TargetOptions)
    if right and (flags.target or flags.url):
        raise UsageError("--with and a target exclude each other", "Give one of them.")
    output = None if options.output == _STDIN else options.output
    if output is not None:
        compressor_of(output)  # refuses what cannot be written
    database = None if store is None else store.target.local_path
    _require_own_files([*left, *right], output, report.report, database)
    require_matching_files(given, [*left, *right])
    form = None if options.as_ is None else _known("--as", options.as_, Form)
    return Comparison(
        _reader(given, left),
        store or _reader(given, right),
        compares_text=options.bytes,
        only=_only(options.only),
        form=form,
        output=output,
        reporting=Reporting(
            as_json=report.json,
            report_path=report.report,
            quiet=report.quiet,
            replaces_any=report.force,
        ),
    )


def _left(options: DiffOptions) -> Sequence[Path]:
    environment = Environment.of_process()
    if not options.file and (environment.stdin_is_terminal or not environment.stdin_is_open):
        raise UsageError("nothing to compare: give -f FILE or pipe records on stdin", _EXAMPLE)
    return options.file or [_STDIN]


def comparand(given: Given, path: Path) -> Comparand | None:
    """Return what verify compares an export with; None: only its manifest. Raise UsageError."""
    options = given.of(VerifyOptions)
    if options.against is None:
        if options.sample is not None:
            raise UsageError("--sample is a part of what is compared", "Add --against TARGET.")
        return None
    sample = Sample() if options.sample is None else sample_of(options.sample)
    name = options.against
    flags = TargetOptions(url=name) if "://" in name else TargetOptions(target=name)
    return Comparand(_reader(given, [path]), _store_of(flags, given), sample)


def _store_of(flags: TargetOptions, given: Given) -> StoreSide:
    """Return a target as the right side."""
    groups = Given([flags, given.of(RunningOptions)])
    basis = basis_of(groups, policy=ReadPolicy(ignore_missing=True))
    return StoreSide(basis.target, basis.plan, basis.allow_http, basis.timeout_seconds)


def _reader(given: Given, paths: Iterable[Path]) -> Reader:
    entity, forms = given.of(DiffOptions).entity, set_forms(given)
    if entity is not None and (breach := check_entity(entity, DEFAULT_LIMITS)):
        raise UsageError(f"--entity {entity}: {breach.message}")
    files = [File(None if path == _STDIN else path, forms=forms) for path in paths]
    for file in files:
        file.require_readable()
    # Records of another installation, or of the future, may break today's limits.
    reader = Reader(files, set_parsers(Rules(None, entity), forms.shape, string=False))
    reader.require_usable(may_reread=lambda path: descriptor(path) is None)
    return reader


def _only(given: str | None) -> frozenset[Change]:
    if given is None:
        return frozenset(Change)
    return frozenset(_known("--only", name, Change) for name in given.split(","))


def _known(flag: str, name: str, kinds: type[_T]) -> _T:
    for kind in kinds:
        if kind.value == name:
            return kind
    known = ", ".join(kind.value for kind in kinds)
    raise UsageError(f'{flag}: unknown value "{name}"', f"Known: {known}.")


def _require_own_files(
    inputs: Iterable[Path], output: Path | None, report: Path | None, database: Path | None
) -> None:
    if report == _STDIN:
        raise UsageError("--report -: not a file name", "Give --report the name of a file.")
    require_one_role_each(
        [
            *(("input", 0 if path == _STDIN else path) for path in inputs),
            ("output", output or 1),
            ("output", None if output is None else part_path(output)),
            ("report", report),
            *database_files(database),
        ]
    )
