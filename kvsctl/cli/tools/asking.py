"""From options to the target of `ping` and `probe`."""

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.running import RunningOptions
from kvsctl.cli.options.tools.asking import AskingOptions
from kvsctl.cli.request import Basis, basis_of


def asked_basis(given: Given) -> Basis:
    """Return the target that is asked, and the timeout of its answer. Raise UsageError."""
    return basis_of(given.having(RunningOptions(timeout=given.of(AskingOptions).timeout)))
