"""From the options of get to how it prints, and what it skips."""

from pathlib import Path

from kvsctl.bulk.settling.reconcile import ReadPolicy
from kvsctl.cli.arguments import METADATA_NAMES
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.get import GetOptions
from kvsctl.errors import UsageError
from kvsctl.outputs.forms import Printing, RecordForm
from kvsctl.service.wire import MetadataRequest


def record_output(given: Given, path: Path | None) -> tuple[Printing, MetadataRequest, ReadPolicy]:
    """Return how `get` prints, which metadata it asks the service for, and what it skips.

    `path`: see `output_path`.
    """
    options = given.of(GetOptions)
    if options.values and options.raw:
        raise UsageError("--values and --raw exclude each other", "Give one of them.")
    is_bare = options.values or options.raw
    if is_bare and options.metadata is not None:
        flag = "--raw" if options.raw else "--values"
        raise UsageError(f"{flag} prints no metadata", "Give --metadata or " + flag + ", not both.")
    printed = _metadata(options.metadata)
    style = "raw" if options.raw else "values" if options.values else "jsonl"
    asked = MetadataRequest(
        printed.created, printed.updated, printed.expires or options.skip_expired
    )
    output = Printing(form=RecordForm(style, printed), path=path, in_order=not options.unordered)
    return output, asked, ReadPolicy(options.ignore_missing, options.skip_expired)


def _metadata(given: str | None) -> MetadataRequest:
    names = set() if given is None else set(given.split(","))
    if unknown := sorted(names - set(METADATA_NAMES)):
        from kvsctl.config.nearest import hint_of

        hint = hint_of(unknown[0], METADATA_NAMES)
        raise UsageError(f'--metadata: unknown field "{unknown[0]}"', hint)
    return MetadataRequest("created" in names, "updated" in names, "expires" in names)
