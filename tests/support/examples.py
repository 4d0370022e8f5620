"""How many examples a property is tried with."""

import os


def examples(count: int) -> int:
    """Return `count` times `KVSCTL_EXAMPLES_TIMES`.

    A search for rare defects sets it to more than 1. The inner loop (`-m "not slow"`) sets it to
    less.
    """
    return max(1, round(count * float(os.environ.get("KVSCTL_EXAMPLES_TIMES", "1"))))
