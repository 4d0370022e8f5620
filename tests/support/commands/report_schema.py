"""Hold every report that a command prints to docs/report.schema.json."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

SCHEMA: Final = Path(__file__).parents[3] / "docs/report.schema.json"
_DOCUMENT: Final = b'{"schema":'


@cache
def validator(branch: str) -> Draft202012Validator:
    """Return the validator of one of the two documents: `report` or `early`."""
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    one = {"$ref": f"#/$defs/{branch}"}
    assert one in schema.pop("oneOf")
    return Draft202012Validator({**schema, **one})


def require_valid_reports(*streams: bytes) -> None:
    """Fail if the last line of a stream is a report or an error that the schema does not allow.

    Other documents that begin in the same way, such as that of `ping`, are not its matter.
    """
    for stream in streams:
        start = stream.rfind(b"\n", 0, max(len(stream) - 1, 0)) + 1
        line = stream[start:]
        if line.startswith(_DOCUMENT) and line.endswith(b"}\n"):
            document = json.loads(line)
            if is_report(document):
                require_valid(document)


def is_report(document: dict[str, Any]) -> bool:
    """Return whether a document is a report, or an error in its place."""
    return "failures" in document or isinstance(document.get("error"), dict)


def require_valid(document: dict[str, Any]) -> None:
    """Fail unless the schema allows the document."""
    wrong = [f"{error.json_path}: {error.message}" for error in _errors(document)]
    assert wrong == [], document


def _errors(document: dict[str, Any]) -> list[Any]:
    # One branch of `oneOf` alone says what is wrong; all branches say everything twice.
    branch = "report" if "failures" in document else "early"
    return [*validator(branch).iter_errors(document)]
