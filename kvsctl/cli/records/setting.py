"""From the options of set to when it writes."""

from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.cli.arguments import IF_ABSENT_EXACT, IF_ABSENT_READS
from kvsctl.cli.options.set import SetOptions
from kvsctl.errors import UsageError


def precondition_of(options: SetOptions) -> Precondition:
    """Return when records are written. Raise UsageError."""
    if options.bytes and not options.changed_only:
        raise UsageError("--bytes needs --changed-only", "Add --changed-only.")
    if options.if_absent is None:
        write_if = WriteIf.CHANGED if options.changed_only else WriteIf.ALWAYS
        return Precondition(write_if, options.bytes)
    if options.changed_only:
        raise UsageError("--changed-only and --if-absent exclude each other", "Give one of them.")
    kinds = {IF_ABSENT_READS: WriteIf.ABSENT, IF_ABSENT_EXACT: WriteIf.ABSENT_EXACT}
    if options.if_absent not in kinds:
        raise UsageError(
            f'--if-absent: unknown value "{options.if_absent}"',
            "Give --if-absent or --if-absent=exact.",
        )
    return Precondition(kinds[options.if_absent])
