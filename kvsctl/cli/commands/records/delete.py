"""kvsctl delete: deletes keys."""

from kvsctl.cli.option_groups import takes
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.input import InputOptions, KeysArgument, NullOption
from kvsctl.cli.options.journal import JournalOptions
from kvsctl.cli.options.report import ReportOptions
from kvsctl.cli.options.running import RunningOptions, VerifyOption
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions
from kvsctl.cli.options.target import TargetOptions


@takes(
    KeysArgument,
    InputOptions,
    NullOption,
    ShapeOptions,
    KeyFormOption,
    CheckingOptions,
    TargetOptions,
    RunningOptions,
    VerifyOption,
    JournalOptions,
    ReportOptions,
)
def delete_command(
    own: KeysArgument,
    given: InputOptions,
    null: NullOption,
    shape: ShapeOptions,
    kind: KeyFormOption,
    checking: CheckingOptions,
    target: TargetOptions,
    running: RunningOptions,
    verifying: VerifyOption,
    journal: JournalOptions,
    report: ReportOptions,
) -> None:
    """Delete keys from arguments, files or stdin: one a line, or JSON Lines.

    Deleting a key that does not exist succeeds.
    """
    from kvsctl.cli import inputs, request
    from kvsctl.jobs.runner import carry_out
    from kvsctl.model import Verb
    from kvsctl.records import parser_choice

    limits = inputs.limits_of(checking)
    form = inputs.key_forms(Verb.DELETE, shape, kind, null)
    end = b"\0" if null.null else b"\n"
    sources = inputs.gather_sources(Verb.DELETE, own.keys or (), given, form, end)
    parsers = parser_choice.key_parsers(inputs.rules_of(given, limits), form.shape)
    carry_out(
        request.batch_job(
            Verb.DELETE,
            sources,
            parsers,
            limits,
            target,
            running,
            report,
            verify=verifying.verify,
            journal=request.journalling(journal, limits, given, shape, kind, null),
            intake=inputs.intake_of(checking, sources),
        )
    )
