"""What a help page has in addition to the docstring and the options: examples, common options.

Every example works when it is pasted into a shell, in an empty folder and on an empty local store:
a test runs them all.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

Example: TypeAlias = tuple[str, ...]
"""What a few commands do, without a period, and the lines of these commands."""

README: Final = "README.md"
INPUT: Final = "docs/input.md"
TARGETS: Final = "docs/targets.md"
JOURNAL: Final = "docs/journal.md"
SELECTORS: Final = "docs/selectors.md"
STORE: Final = "docs/whole-store.md"
BRIDGE: Final = "docs/bridge.md"
CLEAN_UP: Final = "docs/clean-up.md"


LOAD_TABLE: Final[Example] = (
    "Load a table, with keys made of a column",
    r"printf 'id,name\n1,Ada\n2,Alan\n' > users.csv",
    "kvsctl set -t local -f users.csv --key 'user:{id}'",
)


class About(NamedTuple):
    """What the page of a command shows in addition to its docstring and its options.

    `common` names options as the code does; without it, all options but those for tuning are
    common. Arguments are always shown. `topics` are those of `kvsctl help TOPIC`. `docs` is the
    file of the documentation to read.
    """

    examples: Sequence[Example] = ()
    common: Sequence[str] = ()
    topics: Sequence[str] = ()
    docs: str = README


NO_EXAMPLES: Final = About()

TARGET: Final = ("target", "url", "token_file")
REPORT: Final = ("json", "quiet", "verbose")
FILES: Final = ("file", "format", "key", "infer_types")
SELECTION: Final = ("match", "older_than", "where")
CHANGES: Final = ("dry_run", "yes", "undo", "plan")
