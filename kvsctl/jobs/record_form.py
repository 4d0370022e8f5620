"""The form in which a job prints records or keys."""

from kvsctl.jobs.job import Printing
from kvsctl.outputs.keys import Form, form_of
from kvsctl.outputs.records import (
    Formatter,
    MetadataField,
    bare_values,
    json_lines,
    raw_values,
)


def record_form(records: Printing) -> Form:
    """Return the form that a job asks for."""
    if records.keys_as is not None:
        return form_of(records.keys_as, is_long=records.is_long, has_entities=records.has_entities)
    return Form(_formatter(records))


def _formatter(records: Printing) -> Formatter:
    if records.style == "values":
        return bare_values
    if records.style == "raw":
        return raw_values
    wanted = records.metadata
    asked = {
        MetadataField.CREATED: wanted.created,
        MetadataField.UPDATED: wanted.updated,
        MetadataField.EXPIRES: wanted.expires,
    }
    return json_lines(field for field, is_wanted in asked.items() if is_wanted)
