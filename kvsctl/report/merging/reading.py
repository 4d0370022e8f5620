"""Read reports from files and stdin."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from kvsctl.errors import UsageError
from kvsctl.jsontext import PARSER_DEPTH, depth_exceeds
from kvsctl.report.merging.checked import checked_report

_STDIN: Final = Path("-")
_HINT: Final = "Give it files that --report wrote."
_BLANK: Final = re.compile(r"[ \t\r\n]*")


def read_reports(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the reports in files, in order. `-` is stdin.

    Raise UsageError if a file cannot be read, is given twice, or holds anything but reports.
    """
    _require_each_once(paths)
    return [report for path in paths for report in reports_in(_content(path), _name(path))]


def reports_in(content: bytes, name: str) -> list[dict[str, Any]]:
    """Return the reports in a file: one or more JSON documents, such as JSON Lines.

    Raise UsageError if there are none, or anything else. `name`: the file's name in messages.
    """
    if depth_exceeds(content, PARSER_DEPTH):
        raise UsageError(f"{name}: not a report", _HINT)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name}: not a report: not UTF-8", _HINT) from None
    documents = _documents(text, name)
    if not documents:
        raise UsageError(
            f"{name}: holds no report", "Its run has not ended or was killed: run it again."
        )
    if len(documents) == 1:
        return [checked_report(documents[0][1], name)]
    return [checked_report(document, f"{name}:{line}") for line, document in documents]


def _documents(text: str, name: str) -> list[tuple[int, object]]:
    """Return the JSON documents of a text, each with the number of its first line."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    found: list[tuple[int, object]] = []
    line, counted, place = 1, 0, _after_blank(text, 0)
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        try:
            document, end = decoder.raw_decode(text, place)
        except ValueError:  # not JSON, or an integer of too many digits
            raise UsageError(f"{name}:{line}: not a report: not valid JSON", _HINT) from None
        found.append((line, document))
        place = _after_blank(text, end)
    return found


def _after_blank(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return place if blank is None else blank.end()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _name(path: Path) -> str:
    return "stdin" if path == _STDIN else str(path)


def _content(path: Path) -> bytes:
    try:
        if path != _STDIN:
            return path.read_bytes()
        if sys.stdin is None:
            raise UsageError("cannot read stdin: it is closed", "Give it files, or a pipe.")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(
            f"cannot read {_name(path)}: {error.strerror}",
            "Give it the files that --report wrote, or - for stdin.",
        ) from None


def _require_each_once(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        place = path if path == _STDIN else path.absolute().resolve()
        if place in seen:
            raise UsageError(
                f"{_name(path)}: given twice: its report would count twice", "Give each file once."
            )
        seen.add(place)
