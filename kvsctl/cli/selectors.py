"""From options to a selection: which records of a store a command works on."""

import re
import time
from typing import Final

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.selection import PrefixArgument, SelectionOptions
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.selection.moments import moment_before
from kvsctl.selection.patterns import glob, regex
from kvsctl.selection.selection import AgeFrom, Selection
from kvsctl.selection.sizes import size_bytes

_GLOB: Final = re.compile(r"[*?\[\]]")


def selection_of(given: Given, *, now: float | None = None) -> Selection:
    """Return the selection that the options ask for. Raise UsageError.

    Ages count back from `now`, in epoch seconds; None: from this moment.
    """
    options, prefix = given.of(SelectionOptions), given.of(PrefixArgument).prefix
    now = time.time() if now is None else now
    if options.all and prefix is not None:
        raise UsageError("--all and PREFIX exclude each other", "Give one of them.")
    if prefix is not None and (special := _GLOB.search(prefix)):
        raise UsageError(
            f"PREFIX {quoted(prefix)}: no key has {quoted(special[0])}",
            "Use --match for a glob.",
        )
    older, newer = options.older_than, options.newer_than
    return Selection(
        prefix or "",
        [glob(text) for text in options.match],
        [regex(text) for text in options.regex],
        [glob(text) for text in options.exclude],
        AgeFrom(options.by),
        None if older is None else moment_before(older, now, "--older-than"),
        None if newer is None else moment_before(newer, now, "--newer-than"),
        options.expired,
        options.no_expiry,
        None if options.larger_than is None else size_bytes(options.larger_than, "--larger-than"),
    )


def selectors_given(given: Given) -> dict[str, object]:
    """Return the selectors that were given, as they were written: what tells a selection apart."""
    options = {**vars(given.of(PrefixArgument)), **vars(given.of(SelectionOptions))}
    if not (options["older_than"] or options["newer_than"]):
        del options["by"]
    del options["all"]  # it says what is so without it
    return {name: value for name, value in options.items() if value}
