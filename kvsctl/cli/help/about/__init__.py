"""For each command: examples, the options that most users need, and further reading.

- `form`: the form of these, and names that several commands share.
- `records`: for `set`, `get` and `delete`.
- `store`: for the commands that work on whole stores.
- `tools`: for the program itself and its tools.
"""

from collections.abc import Sequence
from typing import Final

from kvsctl.cli.help.about.form import NO_EXAMPLES, About

RECORDS: Final = "Records"
STORE: Final = "Whole stores"
TOOLS: Final = "Tools"

_HEADINGS: Final = {
    **dict.fromkeys(("set", "get", "delete"), RECORDS),
    **dict.fromkeys(
        ("list", "export", "du", "verify", "diff", "sync", "expire", "clean", "apply"), STORE
    ),
}


def heading_of(name: str) -> str:
    """Return the heading of a command in the list of all commands."""
    return _HEADINGS.get(name, TOOLS)


def about_of(words: Sequence[str]) -> About:
    """Return the `About` of the command with these words; without words, of the program itself."""
    heading = heading_of(words[0]) if words else TOOLS
    if heading == RECORDS:
        from kvsctl.cli.help.about.records import ABOUT
    elif heading == STORE:
        from kvsctl.cli.help.about.store import ABOUT
    else:
        from kvsctl.cli.help.about.tools import ABOUT
    return ABOUT.get(tuple(words), NO_EXAMPLES)
