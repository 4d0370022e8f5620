"""Ranges of an index as people write them: `1..9`, `>=5`, `=cat`, `cat*`."""

import json
import re
from typing import Any, Final

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_OPERATORS: Final = {
    ">=": "GREATER_THAN_EQUAL_TO",
    "<=": "LESS_THAN_EQUAL_TO",
    ">": "GREATER_THAN",
    "<": "LESS_THAN",
    "=": "EQUAL_TO",
}
_COMPARED: Final = re.compile(r"(>=|<=|>|<|=)(.*)", re.DOTALL)
_BETWEEN: Final = re.compile(r"(.*?)\.\.(.*)", re.DOTALL)


def index_range(text: str) -> dict[str, Any]:
    """Return the condition that the service takes for a range. Raise UsageError."""
    if (compared := _COMPARED.fullmatch(text)) is not None and compared[2]:
        return _condition(_OPERATORS[compared[1]], compared[2])
    between = _BETWEEN.fullmatch(text)
    if between is not None and between[1] and between[2]:
        condition = _condition("BETWEEN", between[1], between[2])
        if _is_descending(*condition["values"]):
            raise UsageError(
                f"--range {quoted(text)}: no value is in it, as it ends before it begins",
                f"Write it as {between[2]}..{between[1]}.",
            )
        return condition
    if len(text) > 1 and text.endswith("*") and not _COMPARED.match(text):
        return {"condition": "BEGINS_WITH", "values": [text[:-1]]}
    raise UsageError(
        f"--range {quoted(text)}: not a range", "Write it as 1..9, '>=5', '<5', '=5' or 'text*'."
    )


def json_or_text(text: str) -> Any:
    """Return the JSON scalar that the text is, or else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) or value is None else value


def _is_descending(low: Any, high: Any) -> bool:
    """Return whether two numbers descend. The order of texts is up to the service."""
    numbers = int | float
    return isinstance(low, numbers) and isinstance(high, numbers) and low > high


def _condition(name: str, *values: str) -> dict[str, Any]:
    return {"condition": name, "values": [json_or_text(value) for value in values]}
