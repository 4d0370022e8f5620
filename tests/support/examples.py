"""How many examples a property is tried with."""

import os
from typing import Final

_TIMES: Final = int(os.environ.get("KVSCTL_EXAMPLES_TIMES", "1"))


def examples(count: int) -> int:
    """Return `count` times `KVSCTL_EXAMPLES_TIMES`, which a search for rare defects sets."""
    return count * _TIMES
