"""Only a ledger is read as one: any other file is refused, and so never truncated."""

import pytest

from kvsctl.errors import UsageError
from kvsctl.jobs.installations.ledger_lines import Header, header_line, read_content

_HEADER = header_line(Header(1, "1.0.0", "set", "container", {}, []))


@pytest.mark.parametrize("text", [b'{"precious":1}', b"token", b"\xff", b"[", b'{"ledge":1}'])
def test_a_file_without_a_line_end_is_not_an_unfinished_ledger(text: bytes) -> None:
    with pytest.raises(UsageError, match="file:1: not a line of a ledger"):
        read_content("file", [text])


@pytest.mark.parametrize("size", range(1, len(_HEADER)))
def test_an_unfinished_header_counts_as_none(size: int) -> None:
    content = read_content("file", [_HEADER[:size]])
    assert (content.header, content.valid_bytes) == (None, 0)
