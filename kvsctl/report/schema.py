"""The JSON documents that are printed for programs: their schema numbers and their form."""

from typing import Any, Final

from kvsctl.jsontext import json_line

REPORT_SCHEMA: Final = 1
"""The schema of a run's report."""
JOURNAL_SCHEMA: Final = 1
"""The schema of what `kvsctl journal show --json` prints."""
USAGE_SCHEMA: Final = 1
"""The schema of what `kvsctl du` prints as JSON."""
VERIFY_SCHEMA: Final = 1
"""The schema of what `kvsctl verify --json` prints."""
PROBE_SCHEMA: Final = 1
"""The schema of what `kvsctl probe --json` prints."""
PING_SCHEMA: Final = 1
"""The schema of what `kvsctl ping --json` prints."""

CONFIG_SCHEMA: Final = 1
"""The schema of what `kvsctl config show --json` and `config targets --json` print."""


def document_line(document: dict[str, Any]) -> bytes:
    """Return the document as one line of JSON that ends in a line feed."""
    return json_line(document) + b"\n"
