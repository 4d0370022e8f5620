"""The command that retries failed records, as a line to paste into a shell."""

import shlex
from pathlib import Path
from typing import Final

import msgspec

from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.escape import visible

_MOST_KEYS: Final = 10
_NAMES: Final = ("failed.jsonl", *(f"failed-{number}.jsonl" for number in range(2, 100)))


class RetryWords(msgspec.Struct, frozen=True):
    """The words of a command line that retry lines are made of, without any value or token.

    `verb`: the command that takes failed records; None if only the command itself may retry them,
    as it chooses them and guards what it does. `options`: where and how it works. `whole`: the
    words of the command itself, without `--failures`; None if it cannot be repeated as it is.
    `has_journal`: it takes `--retry-failed`. `takes_keys`: failed keys may be its arguments.
    """

    verb: str | None
    options: tuple[str, ...]
    whole: tuple[str, ...] | None = None
    has_journal: bool = False
    takes_keys: bool = False


def retry_lines(
    words: RetryWords, tally: Tally, failures_path: Path | None, folder: Path
) -> list[str]:
    """Return the lines that say how to retry what failed; none if no command can.

    `folder`: where the command runs.
    """
    kept = "" if failures_path is None else f"Failed records are in {visible(str(failures_path))}. "
    command = _command(words, tally, failures_path, folder)
    line = None if command is None else shlex.join(["kvsctl", *command])
    if line is not None and line.isprintable():
        return [f"{kept}To retry what failed:", f"  {line}"]
    # No command can, or a terminal would show something else than what must be pasted.
    again = "" if words.verb is None else f"Retry them with kvsctl {words.verb} -f."
    return [f"{kept}{again}".rstrip()] if kept else []


def _command(
    words: RetryWords, tally: Tally, failures_path: Path | None, folder: Path
) -> list[str] | None:
    if words.verb is None:
        return None if words.whole is None else [*words.whole]
    if words.has_journal:
        return None if words.whole is None else [*words.whole, "--retry-failed"]
    if failures_path is not None:
        return [words.verb, *words.options, "-f", _file_name(failures_path)]
    keys = _keys(tally) if words.takes_keys else None
    if keys is not None:
        return [words.verb, *words.options, *keys]
    if words.whole is None:
        return None
    name = next((name for name in _NAMES if not (folder / name).exists()), None)
    return None if name is None else [*words.whole, "--failures", name]


def _file_name(path: Path) -> str:
    """Return the name as -f takes it, if it begins with a hyphen as well."""
    name = str(path)
    return f"./{name}" if name.startswith("-") else name


def _keys(tally: Tally) -> list[str] | None:
    """Return the words that name all failed keys; None if they are too many or of several kinds."""
    notes = tally.failures
    keys = list(dict.fromkeys(note.key for note in notes if note.key is not None))
    entities = {note.entity for note in notes}
    if len(notes) != tally.failed or len(entities) != 1 or not 0 < len(keys) <= _MOST_KEYS:
        return None
    if any(note.key is None for note in notes):
        return None
    [entity] = entities
    named = [] if entity is None else ["--entity", entity]
    return [*named, *(["--"] if any(key.startswith("-") for key in keys) else []), *keys]
