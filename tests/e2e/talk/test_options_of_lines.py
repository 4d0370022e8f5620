"""The line that retries a failures file has each option that still means something."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from typer.main import get_command

from kvsctl.cli.app import command_line
from tests.e2e.talk.pasting import line_of
from tests.support.commands.command import Command

_RUNNING: Final = {
    "concurrency": "-c 2",
    "batch_size": "--batch-size 5",
    "max_batch_bytes": "--max-batch-bytes 100000",
    "timeout": "--timeout 5s",
    "retries": "--retries 0",
    "give_up_after": "--give-up-after 7",
    "patience": "--patience 60s",
    "max_failures": "--max-failures 99",
    "quota_share": "--quota-share 0.5",
    "rps": "--rps 50.0",
    "units_per_min": "--units-per-min 9000.0",
    "max_duration": "--max-duration 1h",
    "lock": "--lock l",
    "lock_wait": "--lock-wait 5s",
    "no_checks": "--no-checks",
    "entity": "--entity person",
}
_KEPT: Final[Mapping[str, Mapping[str, str]]] = {
    "get": _RUNNING
    | {
        "values": "--values",
        "unordered": "--unordered",
        "ignore_missing": "--ignore-missing",
        "skip_expired": "--skip-expired",
    },
    "set": _RUNNING
    | {
        "verify": "--verify",
        "allow_rounding": "--allow-rounding",
        "ttl": "--ttl 7d",
        "changed_only": "--changed-only",
        "bytes": "--bytes",
    },
    "delete": _RUNNING | {"verify": "--verify", "allow_rounding": "--allow-rounding"},
}
_OF_THE_STORE: Final = {
    *("target", "url", "token_file", "token_command", "installation", "allow_http"),
    *("all_installations", "installations_file", "at_once", "canary"),
    *("stop_after_failed_installations", "workers", "dask"),
}
"""Other tests give them."""
_INSTEAD: Final = {"limits", "raw", "metadata", "if_absent"}
"""They are kept as the others of their groups, which exclude them."""
_OF_THE_INPUT: Final = {
    *("file", "null", "key_field", "key", "delimiter", "quote", "format", "value_field"),
    *("infer_types", "pairs", "string", "keys", "ignore_manifest", "require_input", "check_first"),
    "shard",
}
"""The failures file has records, with the keys that these have made, of the shard that it was.

The shard of installations is kept: other tests give it.
"""
_OF_THE_RUN: Final = {
    *("dry_run", "confirm", "journal", "journal_force", "retry_failed", "ledger", "failures"),
    *("report", "json", "quiet", "verbose", "force", "stats_every", "ping_url", "metrics_file"),
    *("log_format", "output"),
}
"""The run has reported; the name of a protected target is typed again."""
_OF_SELECTIONS: Final = {
    *("prefix_option", "match", "regex", "all", "protect", "plain", "index", "partition", "range"),
    *("exclude", "where", "by", "age_from", "older_than", "newer_than", "larger_than", "expired"),
    *("no_expiry", "consistent", "yes", "undo", "undo_keys_only", "with_values", "plan"),
    *("max_delete", "max_delete_bytes"),
}
"""`delete` has no such line with them."""


def _options(verb: str) -> dict[str, Any]:
    commands: dict[str, Any] = getattr(get_command(command_line()), "commands")  # noqa: B009
    return {one.name: one for one in commands[verb].params}


@pytest.mark.parametrize("verb", _KEPT)
def test_every_option_is_kept_or_has_a_reason_not_to_be(verb: str) -> None:
    without = _OF_THE_STORE | _INSTEAD | _OF_THE_INPUT | _OF_THE_RUN | _OF_SELECTIONS
    assert not _KEPT[verb].keys() & without
    assert _options(verb).keys() - without == _KEPT[verb].keys()


@pytest.mark.parametrize("verb", _KEPT)
def test_the_line_has_the_options_that_are_kept(kvsctl: Command, verb: str) -> None:
    (kvsctl.home / "in.jsonl").write_text('{"key":"a"\n', "utf-8")
    options = [word for text in _KEPT[verb].values() for word in text.split()]
    words = ["-t", "local", "-f", "in.jsonl", "--failures", "f.jsonl", *options]
    line = line_of(kvsctl(verb, *words, status=1, folder=kvsctl.home))
    for text in _KEPT[verb].values():
        assert f" {text} " in line
    again = kvsctl(*line.split()[1:], status=1, folder=kvsctl.home)
    assert line_of(again).startswith(f"kvsctl {verb} "), "without the file it is another line"
