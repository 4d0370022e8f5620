"""Refuse several installations where a command works on one store."""

from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.installations.one_store import OneStoreOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.errors import UsageError


def require_one_store(given: Given, reason: str, hint: str) -> None:
    """Raise UsageError, with a reason and a way to do it, if options name several installations."""
    options = given.of(OneStoreOptions)
    for flag, is_given in (
        ("--all-installations", options.all_installations),
        ("--installations-file", options.installations_file is not None),
        ("several --installation", len(given.of(TargetOptions).installation or ()) > 1),
    ):
        if is_given:
            raise UsageError(f"{flag}: {reason}", hint)
