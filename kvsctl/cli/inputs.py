"""Where a batch command's records come from, and how they are read."""

import os
import shlex
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from kvsctl.cli.arguments import ALL_COLUMNS
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.input import (
    InputOptions,
    KeysArgument,
    ManifestOption,
    NullOption,
    ShardOption,
)
from kvsctl.cli.options.set import SetOptions
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions, ValueOptions
from kvsctl.config.limitsfile import read_limits
from kvsctl.durations import duration_text
from kvsctl.errors import UsageError, WorkLeft
from kvsctl.files.descriptors import descriptor
from kvsctl.jobs.inputs import JobInput, ReaderInput
from kvsctl.jobs.job import InputChecks, Schedule
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.records.checks import Breach, check_entity
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parser_choice import key_parsers, set_parsers
from kvsctl.records.reader import Reader
from kvsctl.records.rules import OneInstallation, Rules
from kvsctl.records.shapes import RECORDS, shape_of
from kvsctl.records.sources import Arguments, File, Source
from kvsctl.records.ttl import parse_ttl
from kvsctl.report.console import Environment

if TYPE_CHECKING:
    from kvsctl.shards import Shard

_EXAMPLES: Final = {
    Verb.SET: "kvsctl set greeting=hello, or kvsctl set -f records.jsonl",
    Verb.GET: "kvsctl get greeting, or kvsctl get -f keys.txt",
    Verb.DELETE: "kvsctl delete greeting, or kvsctl delete -f keys.txt",
}
_WITH_VALUES: Final = tuple(one.value for one in Format if one is not Format.KEYS)
_WITH_KEYS: Final = tuple(one.value for one in Format)


def read_input(verb: Verb, given: Given, limits: Limits | None) -> ReaderInput:
    """Return the input that the options name, read as they say. Raise UsageError.

    `limits`: what records are checked against; None: nothing.
    """
    options, end = given.of(InputOptions), b"\n"
    if verb is Verb.SET:
        words = given.of(SetOptions).pairs or ()
        forms = set_forms(given)
        rules = replace(
            _rules(options, limits, given.of(SetOptions).ttl), one_installation=OneInstallation()
        )
        parsers = set_parsers(rules, forms.shape, string=given.of(SetOptions).string)
    else:
        words = given.of(KeysArgument).keys or ()
        forms = _key_forms(verb, given)
        end = b"\0" if given.of(NullOption).null else end
        parsers = key_parsers(_rules(options, limits), forms.shape)
    reader = Reader(_sources(verb, words, options, forms, end), parsers)
    # On some systems, a descriptor cannot be read a second time.
    reader.require_usable(may_reread=lambda path: descriptor(path) is None)
    return ReaderInput(reader, _doubts(verb, words))


def _doubts(verb: Verb, words: Sequence[str]) -> list[str]:
    """Return a warning about arguments that are names of files. Raise UsageError for set.

    A file's name can be a key, but without `=` it is not KEY=VALUE.
    """
    names = [word for word in words if os.path.isfile(word)]  # noqa: PTH113 - raises nothing
    if verb is Verb.SET:
        names = [name for name in names if "=" not in name]
        if names:
            raise UsageError(
                f"{names[0]} is a file, not KEY=VALUE", f"Read it with -f {shlex.quote(names[0])}"
            )
        return []
    if not names:
        return []
    count = "1 key is" if len(names) == 1 else f"{len(names):,} keys are"
    return [
        f"{count} also the name of a file here: to {verb.value} the keys in it, use "
        f"-f {shlex.quote(names[0])}"
    ]


def require_matching_files(
    given: Given,
    places: Iterable[Path | int],
    schedule: Schedule,
    clock: Callable[[], float] = time.monotonic,
) -> Schedule:
    """Return the schedule of a job, with the time that comparing files with their manifests took.

    Raise UsageError if a file that is read does not match the manifest beside it, and WorkLeft once
    the time of the job is up: the files are not read to their ends then.
    """
    if given.of(ManifestOption).ignore_manifest:
        return schedule
    from kvsctl.backups.checking import require_matching

    began, seconds = clock() - schedule.spent_seconds, schedule.max_duration_seconds

    def is_time_up() -> bool:
        return seconds is not None and clock() - began >= seconds

    require_matching((place for place in places if isinstance(place, Path)), is_time_up)
    if seconds is not None and is_time_up():
        raise WorkLeft(
            f"the time of --max-duration {duration_text(seconds)} was up before the input was "
            "compared with its manifest: nothing was sent",
            "Give it more time, or read the input as it is with --ignore-manifest.",
        )
    return replace(schedule, spent_seconds=clock() - began)


def limits_of(given: Given) -> Limits | None:
    """Return what records are checked against; None: nothing. Raise UsageError for a bad file."""
    options = given.of(CheckingOptions)
    if options.no_checks:
        if options.limits is not None:
            raise UsageError("--limits and --no-checks exclude each other", "Give one of them.")
        return None
    return DEFAULT_LIMITS if options.limits is None else read_limits(options.limits)


def input_checks(given: Given, source: JobInput) -> InputChecks:
    """Return what is required of the input. Raise UsageError if `--check-first` cannot work."""
    options = given.of(CheckingOptions)
    if options.check_first:
        from kvsctl.jobs.examine import require_rereadable

        require_rereadable(source)
    return InputChecks(options.require_input, options.check_first, options.dry_run)


def shard_of_keys(given: Given) -> "Shard | None":
    """Return which part of the keys is worked on; None: all. Raise UsageError."""
    text = given.of(ShardOption).shard
    if text is None:
        return None
    from kvsctl.shards import parsed_shard  # few jobs have shards

    return parsed_shard(text)


def sharded(
    source: JobInput, shard: "Shard | None", checks: InputChecks
) -> tuple[JobInput, InputChecks]:
    """Return the part of the input that is worked on, and what is required of it."""
    if shard is None:
        return source, checks
    from kvsctl.jobs.cron.sharded import ShardedInput

    part = ShardedInput(source, shard, requires_input=checks.requires_input)
    return part, replace(checks, requires_input=False)


def _sources(
    verb: Verb, words: Sequence[str], options: InputOptions, forms: Forms, end: bytes
) -> list[Source]:
    """Return arguments, then files in order; stdin if there is neither and it is not a terminal.

    `end` terminates each plain key. Raise UsageError, with an example, if there is nothing to read,
    and for a file that cannot be read at all.
    """
    files = [
        File(None if str(path) == "-" else path, end=end, forms=forms) for path in options.file
    ]
    if sum(file.path is None for file in files) > 1:
        raise UsageError("--file -: stdin is given twice", "It can be read only once.")
    environment = Environment.of_process()
    if not environment.stdin_is_open and any(file.path is None for file in files):
        raise UsageError("--file -: stdin is closed", "Give the name of a file.")
    for file in files:
        file.require_readable()
    if words and not files and forms.shape != RECORDS:
        raise UsageError(
            "options such as --key and --key-field apply to files, and none is given",
            "Add -f FILE.",
        )
    if not words and not files:
        if environment.stdin_is_terminal or not environment.stdin_is_open:
            what = "records" if verb is Verb.SET else "keys"
            arguments = "KEY=VALUE pairs" if verb is Verb.SET else "keys"
            raise UsageError(
                f"no input: give {arguments}, --file or pipe {what} on stdin",
                f"For example: {_EXAMPLES[verb]}",
            )
        files = [File(None, end=end, forms=forms)]
    return [Arguments(words), *files] if words else list(files)


def _rules(options: InputOptions, limits: Limits | None, ttl: str | None = None) -> Rules:
    """Return what records are checked against, and the defaults that the options give them."""
    if (
        options.entity is not None
        and limits is not None
        and (breach := check_entity(options.entity, limits))
    ):
        raise UsageError(f"--entity {options.entity}: {breach.message}")
    parsed = None if ttl is None else parse_ttl(ttl, limits)
    if isinstance(parsed, Breach):
        raise UsageError(f"--ttl {ttl}: {parsed.message}")
    return Rules(limits, options.entity, parsed)


def set_forms(given: Given) -> Forms:
    """Return how the form of each file that `set` reads is recognised. Raise UsageError."""
    return _forms(Verb.SET, given.of(ShapeOptions), given.of(ValueOptions))


def _key_forms(verb: Verb, given: Given) -> Forms:
    """Return the same for `get` and `delete`. Keys that end in NUL are plain keys."""
    shape, form = given.of(ShapeOptions), given.of(KeyFormOption)
    if not given.of(NullOption).null:
        return _forms(verb, shape, ValueOptions(format=form.format))
    for flag, is_given in (
        ("--format", form.format not in (None, Format.KEYS.value)),
        ("--key-field", shape.key_field is not None),
        ("--key", shape.key is not None),
        ("--delimiter", shape.delimiter is not None),
        ("--quote", shape.quote is not None),
    ):
        if is_given:
            raise UsageError(
                f"--null and {flag} exclude each other: --null reads plain keys",
                "Give one of them.",
            )
    return Forms(Format.KEYS, has_values=False)


def _forms(verb: Verb, shape: ShapeOptions, values: ValueOptions) -> Forms:
    form = _checked_format(verb, values.format)
    is_table = form is None or form.is_table
    for flag, is_given, has_use in (
        ("--delimiter", shape.delimiter is not None, is_table),
        ("--quote", shape.quote is not None, is_table),
        ("--infer-types", values.infer_types is not None, is_table),
        ("--key-field", shape.key_field is not None, form is not Format.KEYS),
        ("--key", shape.key is not None, form is not Format.KEYS),
    ):
        if is_given and not has_use:
            raise UsageError(
                f"{flag} does not apply to --format {values.format}", "Give one of them."
            )
    made_of = shape_of(
        key_field=shape.key_field,
        key=shape.key,
        value_field=values.value_field,
        infer_types=values.infer_types is not None,
        delimiter=shape.delimiter,
        quote=shape.quote,
        typed_columns=None if values.infer_types == ALL_COLUMNS else values.infer_types,
    )
    return Forms(form, made_of, has_values=verb is Verb.SET)


def _checked_format(verb: Verb, given: str | None) -> Format | None:
    names = _WITH_VALUES if verb is Verb.SET else _WITH_KEYS
    if given is None or given in names:
        return None if given is None else Format(given)
    if given in _WITH_KEYS:
        raise UsageError(
            f"--format {given}: keys have no values to set", f"Known: {', '.join(names)}."
        )
    from kvsctl.config.nearest import hint_of

    raise UsageError(f'--format: unknown format "{given}"', hint_of(given, names))
