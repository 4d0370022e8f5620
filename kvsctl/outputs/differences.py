"""The differences that diff prints for programs: as JSON Lines, keys or records."""

from collections.abc import Callable
from typing import TypeAlias

from kvsctl import jsontext
from kvsctl.comparison.entries import Entry
from kvsctl.comparison.joining import Difference, value_of
from kvsctl.jsontext import one_line
from kvsctl.outputs.keys import shown_key

DifferenceFormat: TypeAlias = Callable[[Difference], bytes]
"""Formats a difference as one or more lines, with their line feeds."""


def json_line_of(difference: Difference, installation: str | None = None) -> bytes:
    """Return `{"change","key","entityName"?,"left"?,"right"?}`. Values keep their bytes.

    With an `installation`, the first member names it.
    """
    members = [] if installation is None else [b'"installation":' + jsontext.string(installation)]
    members += [b'"change":"%b"' % difference.change.value.encode(), _identity(difference.entry)]
    for name, entry in ((b"left", difference.left), (b"right", difference.right)):
        if entry is not None:
            members.append(b'"%b":%b' % (name, one_line(value_of(entry.body))))
    return b"{%b}\n" % b",".join(members)


def key_line_of(difference: Difference) -> bytes:
    """Return the key as a line that get and delete read back as it is.

    A key with characters that a plain line does not show is a JSON string. A record of an entity is
    an object with `key` and `entityName`.
    """
    entry = difference.entry
    if entry.entity:
        return b"{%b}\n" % _identity(entry)
    return f"{shown_key(entry.key)}\n".encode()


def record_line_of(difference: Difference) -> bytes:
    """Return the record for set: as the left has it, or as the right does if the left lacks it."""
    return one_line(difference.entry.body) + b"\n"


def _identity(entry: Entry) -> bytes:
    key = b'"key":' + jsontext.string(entry.key)
    return key + b',"entityName":' + jsontext.string(entry.entity) if entry.entity else key
