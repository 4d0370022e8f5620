"""The command that retries failed records, as a line to paste into a shell."""

import shlex
from pathlib import Path
from typing import Final

import msgspec

from kvsctl import codes
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.escape import visible

_ONLY_FAILED: Final = "To retry what failed:"
_MOST_KEYS: Final = 10
_MOST_NAMES: Final = 99
_FAILED: Final = Path("failed.jsonl")


class RetryWords(msgspec.Struct, frozen=True):
    """The words of a command line that retry lines are made of, without any value or token.

    `verb`: the command that takes failed records; None if only the command itself may retry them,
    as it chooses them and guards what it does. `options`: where and how it works; None if they are
    secret. `whole`: the words of the command itself, without `--failures`; None if it cannot be
    repeated as it is. `has_journal`: it takes `--retry-failed`. `takes_keys`: failed keys may be
    its arguments.
    """

    verb: str | None
    options: tuple[str, ...] | None
    whole: tuple[str, ...] | None = None
    has_journal: bool = False
    takes_keys: bool = False


def retry_lines(
    words: RetryWords | None, tally: Tally, failures_path: Path | None, folder: Path
) -> list[str]:
    """Return the lines that say where failed records are, and how to retry them.

    They are none if there is nothing to say. `words` None: no command retries them. `folder`: where
    the command runs.
    """
    # With a journal, the input is read again, and not the failures file.
    has_raw_lines = _has_raw_lines(tally) and not (words is not None and words.has_journal)
    kept = "" if failures_path is None else _kept(failures_path, has_raw_lines=has_raw_lines)
    if words is None:
        return [kept] if kept else []
    heading, command = _command(words, tally, failures_path, folder)
    line = None if command is None else shlex.join(["kvsctl", *command])
    if line is not None and line.isprintable():
        said = [kept, heading] if has_raw_lines and kept else [f"{kept} {heading}".lstrip()]
        return [*said, f"  {line}"]
    # No command can, or a terminal would show something else than what must be pasted.
    again = "" if words.verb is None else f" Retry them with kvsctl {words.verb} -f."
    return [f"{kept}{again}"] if kept else []


def _kept(path: Path, *, has_raw_lines: bool) -> str:
    """Return where failed records are, and what to do about those that could not be read."""
    where = f"Failed records are in {visible(str(path))}"
    if has_raw_lines:
        return f'{where}: write the lines with "raw" as records first.'
    return f"{where}."


def _has_raw_lines(tally: Tally) -> bool:
    """Return whether failed lines could not be read: the failures file has them as they were.

    What an earlier run of the job could not read has left no more than its code.
    """
    is_resumed = tally.earlier > 0
    codes_of = {group.code for group in tally.groups} if is_resumed else set()
    return tally.has_unreadable or codes.INVALID_JSON in codes_of


def _command(
    words: RetryWords, tally: Tally, failures_path: Path | None, folder: Path
) -> tuple[str, list[str] | None]:
    """Return what a command does about the failed records, and its words; None without one."""
    whole = None if words.whole is None else [*words.whole]
    if words.has_journal:
        return _ONLY_FAILED, None if whole is None else [*whole, "--retry-failed"]
    if words.verb is None:
        return _ONLY_FAILED, whole
    if words.options is None:
        return _ONLY_FAILED, None
    if failures_path is not None:
        return _ONLY_FAILED, [words.verb, *words.options, "-f", file_word(failures_path)]
    keys = _keys(tally) if words.takes_keys else None
    if keys is not None:
        return _ONLY_FAILED, [words.verb, *words.options, *keys]
    name = _free_name(_FAILED, folder)
    if whole is None or name is None:
        return _ONLY_FAILED, None
    doing = "read" if words.verb == "get" else "send"
    return f"To {doing} all of it again and keep what fails:", [*whole, "--failures", str(name)]


def _free_name(path: Path, folder: Path) -> Path | None:
    """Return the path, or one with a number if it exists: `failed-2.jsonl`."""
    names = (path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, _MOST_NAMES)))
    return next((name for name in names if not (folder / name).exists()), None)


def file_word(path: Path) -> str:
    """Return the name of a file as an option or argument takes it, even if it has a hyphen."""
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
