"""kvsctl set: writes records."""

from kvsctl.cli.option_groups import takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.input import InputOptions
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.shape import ShapeOptions, ValueOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    SetOptions,
    InputOptions,
    ShapeOptions,
    ValueOptions,
    CheckingOptions,
    TargetOptions,
    RunningOptions,
    VerifyOption,
    JournalOptions,
    ReportOptions,
)
def set_command(
    own: SetOptions,
    given: InputOptions,
    shape: ShapeOptions,
    values: ValueOptions,
    checking: CheckingOptions,
    target: TargetOptions,
    running: RunningOptions,
    verifying: VerifyOption,
    journal: JournalOptions,
    report: ReportOptions,
) -> None:
    """Write records: KEY=VALUE pairs, or JSON Lines, a JSON array, CSV or TSV from files or stdin.

    A record is {"key": …, "value": …}, with "entityName" and "ttl" if you like. The same key
    again later in the input wins.
    """
    from kvsctl.cli import inputs, request
    from kvsctl.jobs.runner import carry_out
    from kvsctl.model import Verb
    from kvsctl.records import parser_choice

    limits = inputs.limits_of(checking)
    form = inputs.set_forms(shape, values)
    sources = inputs.gather_sources(Verb.SET, own.pairs or (), given, form)
    rules = inputs.rules_of(given, limits, own.ttl)
    parsers = parser_choice.set_parsers(rules, form.shape, string=own.string)
    carry_out(
        request.batch_job(
            Verb.SET,
            sources,
            parsers,
            limits,
            target,
            running,
            report,
            verify=verifying.verify,
            journal=request.journalling(journal, limits, own, given, shape, values),
            intake=inputs.intake_of(checking, sources),
        )
    )
