"""The command that retries failed records, as a line to paste into a shell."""

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from kvsctl import codes
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.report.escape import visible

_FAILED: Final = "To retry what failed"
_MOST_KEYS: Final = 10
_MOST_CHARACTERS: Final = 1000
"""The length of the longest line that is shown."""
_MOST_NAMES: Final = 99
_PLACE: Final = re.compile(r"\{\w+\}")
"""A placeholder for the name of a part, in the name of a file."""
_JSON_LINES: Final = (".jsonl", ".ndjson")
"""Suffixes of files that are read as JSON Lines, whatever they hold."""


class RetryWords(msgspec.Struct, frozen=True):
    """The words of a command line that retry lines are made of, without any value or token.

    `verb`: the command that takes failed records; None if only the original command may retry them,
    because it chooses and guards them. `options`: where and how `verb` works; None if they are
    secret. `defaults`: options for members that a record lacks, such as one written in place of an
    unreadable line. `whole`: the words of the original command, on one store without `--failures`;
    None if it cannot be repeated as it is. `retrying`: words to add to `whole` to retry the
    failures in its journal; empty if it has none. `anew`: words to add so that the command works on
    all installations that are left, if it has a ledger. `takes_keys`: failed keys can be arguments
    of `verb`. `failures_name`: a name for `--failures`, if it was not given.
    """

    verb: str | None
    options: tuple[str, ...] | None
    defaults: tuple[str, ...] = ()
    whole: tuple[str, ...] | None = None
    retrying: tuple[str, ...] = ()
    anew: tuple[str, ...] = ()
    takes_keys: bool = False
    failures_name: str = "failed.jsonl"


class FailuresKept(NamedTuple):
    """The failures file. `has_raw`: some of its lines hold input that could not be read.

    `is_complete`: no later run of the same job will continue it. `files`: the files of parts, to be
    read one by one; None: `path` itself is read, even if it has `{installation}` in its name.
    `lacks_some`: some installations have no such file.
    """

    path: Path
    has_raw: bool = False
    is_complete: bool = True
    files: Sequence[Path] | None = None
    lacks_some: bool = False


_INEXACT: Final = (
    "Numbers that are not exact fail again: write them as strings, or add --allow-rounding."
)


class _Way(NamedTuple):
    """One way to retry: what it does, lines for a shell, and words in case no line can be shown.

    `lines`: the best one first. `in_words` may be empty.
    """

    does: str
    lines: Sequence[str]
    in_words: str = ""


def retry_lines(
    words: RetryWords | None, tally: Tally, kept: FailuresKept | None, folder: Path
) -> list[str]:
    """Return the lines that say where failed records are, and how to retry them.

    The list is empty if no record failed. `words` None: no command retries them. `folder`: where
    the command runs.
    """
    lines = _lines(words, tally, kept, folder)
    is_inexact = any(group.code == codes.NUMBER_NOT_EXACT for group in tally.groups)
    if is_inexact and words is not None and lines:
        return [_INEXACT, *lines]
    return lines


def _lines(
    words: RetryWords | None, tally: Tally, kept: FailuresKept | None, folder: Path
) -> list[str]:
    where = "" if kept is None else f"Failed records are in {visible(str(kept.path))}."
    if words is None:
        return [where] if where else []
    if kept is not None and words.verb is not None and (kept.is_complete or not words.retrying):
        if kept.lacks_some:
            return _shown(where, _on_all_installations(words))
        shown = _shown("", _of_the_input(words)) if words.retrying else []
        if kept.has_raw:
            where = f'{where[:-1]}: write the lines with "raw" as records first.'
        by_file = _by_file(words, words.verb, kept, is_other=bool(shown))
        return shown + _shown(where, by_file, is_apart=kept.has_raw)
    if words.verb is None or words.retrying:
        return _shown(where, _by_itself(words))
    by_keys = _by_keys(words, words.verb, tally)
    return _shown(where, by_keys if _line(by_keys) else _all_again(words, folder))


def _line(way: _Way) -> str | None:
    """Return the best line that a terminal shows as it is; None if it can show none."""
    fitting = (one for one in way.lines if one.isprintable() and len(one) <= _MOST_CHARACTERS)
    return next(fitting, None)


def _shown(before: str, way: _Way, *, is_apart: bool = False) -> list[str]:
    """Return the lines that show a way, after a sentence. `is_apart`: that has its own line."""
    line = _line(way)
    if line is not None:
        doing = f"{way.does}:"
        start = [before, doing] if is_apart else [f"{before} {doing}".lstrip()]
        return [*start, f"  {line}"]
    said = f"{before} {way.in_words}".strip()
    return [said] if said else []


def _by_itself(words: RetryWords) -> _Way:
    """Return how the original command retries what failed."""
    if words.whole is None:
        return _Way(_FAILED, ())
    again = " ".join(["run the same command", *(["with"] if words.retrying else ["again"])])
    in_words = " ".join([f"{_FAILED}, {again}", *words.retrying])
    return _Way(_FAILED, [_command(*words.whole, *words.retrying)], f"{in_words}.")


def _of_the_input(words: RetryWords) -> _Way:
    """Return the same, as one of two ways; the other is the failures file."""
    way = _by_itself(words)
    return way._replace(does=f"{_FAILED}, as it is in the input")


def _on_all_installations(words: RetryWords) -> _Way:
    """Return how to repeat the original command: some installations have no failures file."""
    if words.anew:
        does = f"{_FAILED} and what was not begun"
        return _Way(does, (), " ".join([f"{does}, run the same command with", *words.anew]) + ".")
    doing = "read all of it again, from" if words.verb == "get" else "send all of it again, to"
    does = f"To {doing} all installations"
    lines = [] if words.whole is None else [_command(*words.whole)]
    return _Way(does, lines, f"{does}, run the same command again.")


def _by_file(words: RetryWords, verb: str, kept: FailuresKept, *, is_other: bool) -> _Way:
    """Return how to retry the records of the failures file. `is_other`: as a second way."""
    does = "To retry them from there, once they are corrected" if is_other else _FAILED
    in_words = f"Retry them with {_command(verb, *words.defaults, '-f')}."
    files = [kept.path] if kept.files is None else kept.files
    if words.options is None or not files:
        return _Way(does, (), in_words)
    are_named = all(file.suffix.lower() in _JSON_LINES for file in files)
    options = [*words.options, *words.defaults, *([] if are_named else ["--format", "jsonl"])]
    read = [word for file in files for word in ("-f", file_word(file))]
    return _Way(does, [_command(verb, *options, *read)], in_words)


def _by_keys(words: RetryWords, verb: str, tally: Tally) -> _Way:
    """Return how to retry failed keys, without a line if there are many or several kinds.

    Keys that a terminal cannot show are written as JSON strings, and piped.
    """
    notes = tally.failures
    keys = list(dict.fromkeys(note.key for note in notes if note.key is not None))
    entities = {note.entity for note in notes}
    if words.options is None or not words.takes_keys or any(note.key is None for note in notes):
        return _Way(_FAILED, ())
    if len(notes) != tally.failed or len(entities) != 1 or not 0 < len(keys) <= _MOST_KEYS:
        return _Way(_FAILED, ())
    [entity] = entities
    options = [*words.options, *([] if entity is None else ["--entity", entity])]
    end = ["--", *keys] if any(key.startswith("-") for key in keys) else keys
    printed = shlex.join(["printf", "%s\\n", *map(json.dumps, keys)])
    piped = f"{printed} | {_command(verb, *options, '--format', 'keys', '-f', '-')}"
    return _Way(_FAILED, [_command(verb, *options, *end), piped])


def _all_again(words: RetryWords, folder: Path) -> _Way:
    """Return how to send all of the input again, and keep what fails."""
    name = _free_name(Path(words.failures_name), folder)
    if words.whole is None or name is None:
        return _Way(_FAILED, ())
    doing = "read" if words.verb == "get" else "send"
    does = f"To {doing} all of it again and keep what fails"
    return _Way(
        does,
        [_command(*words.whole, "--failures", str(name))],
        f"{does}, run the same command with --failures {name}.",
    )


def _command(*words: str) -> str:
    return shlex.join(["kvsctl", *words])


def _free_name(path: Path, folder: Path) -> Path | None:
    """Return the path, or one with a number if it exists: `failed-2.jsonl`.

    A name with `{shard}` or `{installation}` exists if the file of any part does.
    """
    names = (path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, _MOST_NAMES)))
    return next((name for name in names if not any(folder.glob(_PLACE.sub("*", str(name))))), None)


def file_word(path: Path) -> str:
    """Return the name of a file as an option or argument takes it, even if it has a hyphen."""
    name = str(path)
    return f"./{name}" if name.startswith("-") else name
