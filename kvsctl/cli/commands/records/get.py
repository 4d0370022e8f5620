"""kvsctl get: reads records."""

from kvsctl.cli.option_groups import takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.get import GetOptions
from kvsctl.cli.options.input import InputOptions, KeysArgument, NullOption
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    KeysArgument,
    GetOptions,
    InputOptions,
    NullOption,
    ShapeOptions,
    KeyFormOption,
    CheckingOptions,
    TargetOptions,
    RunningOptions,
    JournalOptions,
    ReportOptions,
)
def get_command(
    own: KeysArgument,
    output: GetOptions,
    given: InputOptions,
    null: NullOption,
    shape: ShapeOptions,
    kind: KeyFormOption,
    checking: CheckingOptions,
    target: TargetOptions,
    running: RunningOptions,
    journal: JournalOptions,
    report: ReportOptions,
) -> None:
    """Read records, one line of JSON each, in the order of the input.

    A key that does not exist is a failure, unless --ignore-missing.
    """
    from kvsctl.cli import inputs, request
    from kvsctl.jobs.runner import carry_out
    from kvsctl.model import Verb
    from kvsctl.records import parser_choice

    records, asked, policy = request.record_output(output)
    limits = inputs.limits_of(checking)
    form = inputs.key_forms(Verb.GET, shape, kind, null)
    end = b"\0" if null.null else b"\n"
    sources = inputs.gather_sources(Verb.GET, own.keys or (), given, form, end)
    parsers = parser_choice.key_parsers(inputs.rules_of(given, limits), form.shape)
    carry_out(
        request.batch_job(
            Verb.GET,
            sources,
            parsers,
            limits,
            target,
            running,
            report,
            records=records,
            asked=asked,
            policy=policy,
            journal=request.journalling(journal, limits, output, given, shape, kind, null),
            intake=inputs.intake_of(checking, sources),
        )
    )
