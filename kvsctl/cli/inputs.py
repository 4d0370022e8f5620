"""Where a batch command's records come from, and how they are read."""

from collections.abc import Sequence
from typing import Final

from kvsctl.cli.options.checking import CheckingOptions
from kvsctl.cli.options.input import InputOptions, NullOption
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions, ValueOptions
from kvsctl.config.limitsfile import read_limits
from kvsctl.errors import UsageError
from kvsctl.jobs.examine import require_rereadable
from kvsctl.jobs.job import Intake
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.model import Verb
from kvsctl.records.checks import Breach, check_entity
from kvsctl.records.formats import Format, Forms
from kvsctl.records.parsing.records import Rules
from kvsctl.records.shapes import RECORDS, shape_of
from kvsctl.records.sources import Arguments, File, Source
from kvsctl.records.ttl import parse_ttl
from kvsctl.report.console import Environment

_EXAMPLES: Final = {
    Verb.SET: "kvsctl set greeting=hello, or kvsctl set -f records.jsonl",
    Verb.GET: "kvsctl get greeting, or kvsctl get -f keys.txt",
    Verb.DELETE: "kvsctl delete greeting, or kvsctl delete -f keys.txt",
}


def gather_sources(
    verb: Verb, words: Sequence[str], options: InputOptions, forms: Forms, end: bytes = b"\n"
) -> list[Source]:
    """Arguments, then files in order; stdin only if there is neither and it is no terminal.

    `end` is what plain keys end in. Raises UsageError, with an example, where there is nothing
    to read, and for a file that cannot be read at all.
    """
    sources: list[Source] = [Arguments(words)] if words else []
    files = [
        File(None if str(path) == "-" else path, end=end, forms=forms) for path in options.file
    ]
    if sum(file.path is None for file in files) > 1:
        raise UsageError("stdin (-) is named twice", "It can be read once only.")
    environment = Environment.of_process()
    if not environment.stdin_is_open and any(file.path is None for file in files):
        raise UsageError("stdin (-) is closed", "Name a file.")
    for file in files:
        file.require_readable()
    sources += files
    if words and not files and forms.shape != RECORDS:
        raise UsageError(
            "there is no file for --key-field, --key and others like it", "Name it by -f FILE."
        )
    if not sources:
        if environment.stdin_is_terminal or not environment.stdin_is_open:
            raise UsageError("nothing to work on", f"For example: {_EXAMPLES[verb]}")
        sources = [File(None, end=end, forms=forms)]
    return sources


def limits_of(options: CheckingOptions) -> Limits | None:
    """What records are held to; None: to nothing. Raises UsageError for a bad file."""
    if options.no_checks:
        if options.limits is not None:
            raise UsageError("--limits has no use with --no-checks", "Leave out one of them.")
        return None
    return DEFAULT_LIMITS if options.limits is None else read_limits(options.limits)


def intake_of(options: CheckingOptions, sources: Sequence[Source]) -> Intake:
    """What is asked of the input. Raises UsageError where it cannot be read twice but has to."""
    if options.check_first:
        require_rereadable(sources)
    return Intake(options.require_input, options.check_first, options.dry_run)


def rules_of(options: InputOptions, limits: Limits | None, ttl: str | None = None) -> Rules:
    """What records are held to, with the defaults that the options give them."""
    if (
        options.entity is not None
        and limits is not None
        and (breach := check_entity(options.entity, limits))
    ):
        raise UsageError(f"--entity: {breach.message}")
    parsed = None if ttl is None else parse_ttl(ttl, limits)
    if isinstance(parsed, Breach):
        raise UsageError(f"--ttl: {parsed.message}")
    return Rules(limits, options.entity, parsed)


_WITH_VALUES: Final = tuple(one.value for one in Format if one is not Format.KEYS)
_WITH_KEYS: Final = tuple(one.value for one in Format)


def set_forms(shape: ShapeOptions, values: ValueOptions) -> Forms:
    """How the form of each file is found that `set` reads. Raises UsageError."""
    return _forms(Verb.SET, shape, values)


def key_forms(verb: Verb, shape: ShapeOptions, form: KeyFormOption, null: NullOption) -> Forms:
    """The same for `get` and `delete`. Keys that end in NUL are plain keys."""
    if not null.null:
        return _forms(verb, shape, ValueOptions(format=form.format))
    for flag, is_given in (
        ("--format", form.format not in (None, Format.KEYS.value)),
        ("--key-field", shape.key_field is not None),
        ("--key", shape.key is not None),
        ("--delimiter", shape.delimiter is not None),
    ):
        if is_given:
            raise UsageError(f"-0 is for plain keys, {flag} for others", "Leave out one of them.")
    return Forms(Format.KEYS, has_values=False)


def _forms(verb: Verb, shape: ShapeOptions, values: ValueOptions) -> Forms:
    form = _checked_format(verb, values.format)
    is_table = form is None or form.is_table
    for flag, is_given, has_use in (
        ("--delimiter", shape.delimiter is not None, is_table),
        ("--infer-types", values.infer_types, is_table),
        ("--key-field", shape.key_field is not None, form is not Format.KEYS),
        ("--key", shape.key is not None, form is not Format.KEYS),
    ):
        if is_given and not has_use:
            raise UsageError(
                f"{flag} has no use with --format {values.format}", "Leave out one of them."
            )
    made_of = shape_of(
        key_field=shape.key_field,
        key=shape.key,
        value_field=values.value_field,
        infer_types=values.infer_types,
        delimiter=shape.delimiter,
    )
    return Forms(form, made_of, has_values=verb is Verb.SET)


def _checked_format(verb: Verb, given: str | None) -> Format | None:
    names = _WITH_VALUES if verb is Verb.SET else _WITH_KEYS
    if given is None or given in names:
        return None if given is None else Format(given)
    if given in _WITH_KEYS:
        raise UsageError(f"--format {given} has no values to set", "Give records.")
    raise UsageError(f'no format "{given}"', f"There are {', '.join(names)}.")
