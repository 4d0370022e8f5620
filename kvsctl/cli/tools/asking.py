"""From options to the target that a command asks something."""

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.tools.asking import AskingOptions
from kvsctl.cli.request import Basis, basis_of


def asked_basis(given: Given) -> Basis:
    """Return where a question goes, and how long its answer is waited for. Raise UsageError."""
    return basis_of(given.having(RunningOptions(timeout=given.of(AskingOptions).timeout)))
