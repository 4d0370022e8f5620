"""What the options say about the form of input, and which of them contradict each other."""

from typing import Final

from kvsctl.cli.options.input import NullOption
from kvsctl.cli.options.shape import KeyFormOption, ShapeOptions, ValueOptions
from kvsctl.errors import UsageError
from kvsctl.model import Verb
from kvsctl.records.formats import Format, Forms
from kvsctl.records.shapes import shape_of

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
