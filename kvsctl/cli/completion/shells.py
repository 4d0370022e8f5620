"""The words that a shell passes, and the answer in the form that it reads."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from kvsctl.cli.completion.offers import Offer, offer
from kvsctl.cli.completion.scripts import SCRIPTS

_CURSOR: Final = "\x1f"
"""Marks the cursor while a line is cut into words. No line of a terminal holds it."""


def complete(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the answer for the script of the shell that `_KVSCTL_COMPLETE` names.

    It is empty for any other value, such as one that the script of an earlier version sets.
    """
    shell = environ["_KVSCTL_COMPLETE"]
    if shell not in SCRIPTS:
        return ""
    before, current = words_of(shell, arguments, environ)
    return answer(shell, offer(before, current, environ), current, environ)


def words_of(
    shell: str, arguments: Sequence[str], environ: Mapping[str, str]
) -> tuple[list[str], str]:
    """Return the words after the program's name and before the cursor, and the word at it.

    zsh and fish pass words as arguments. Bash passes the line: its words end at `=` and `:`, too.
    """
    if shell != "bash":
        return list(arguments[:-1]), arguments[-1] if arguments else ""
    words = _split(environ.get("_KVSCTL_LINE", "") + _CURSOR)[1:]
    return words[:-1], words[-1].removesuffix(_CURSOR) if words else ""


def _lexer(line: str) -> shlex.shlex:
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return lexer


def _split(line: str) -> list[str]:
    """Return the words of a line, the last of which can have an unclosed quote."""
    lexer = _lexer(line)
    words: list[str] = []
    try:
        words.extend(iter(lexer.get_token, None))
    except ValueError:
        words.append(lexer.token)
    return words


def _open_quote(line: str) -> str:
    """Return the quotation mark that a line does not close; "" if there is none."""
    for quote in ("", "'"):
        with suppress(ValueError):
            list(_lexer(line + _CURSOR + quote))
            return quote
    return '"'


def answer(shell: str, offered: Offer, current: str, environ: Mapping[str, str]) -> str:
    """Return the lines that the script of a shell reads: see `scripts`."""
    shown = [one for one in offered.values if one.name.isprintable()]
    if shell == "bash":
        cut = _bash_cut(offered.prefix, current, environ.get("_KVSCTL_WORD", current))
        quote = _open_quote(environ.get("_KVSCTL_LINE", ""))
        values = [_bash_quoted(f"{offered.prefix}{one.name}"[cut:], quote) for one in shown]
    elif shell == "zsh":
        values = [_with_summary(_escaped(one.name), ":", one.summary) for one in shown]
    else:
        values = [_with_summary(f"{offered.prefix}{one.name}", "\t", one.summary) for one in shown]
    return "".join(f"{line}\n" for line in (offered.kind, offered.prefix, *values))


def _bash_cut(prefix: str, current: str, word: str) -> int:
    """Return how many characters of a value Bash takes for earlier words and does not replace."""
    return len(current) - len(word) if current.endswith(word) else len(prefix)


def _bash_quoted(value: str, quote: str) -> str:
    """Return a value as it is written after an opened quotation mark, which Bash closes itself."""
    if quote == "'":
        return value.replace("'", "'\\''")
    if quote == '"':
        return "".join(f"\\{one}" if one in '\\"$`' else one for one in value)
    return shlex.quote(value)


def _with_summary(value: str, separator: str, summary: str) -> str:
    return f"{value}{separator}{summary}" if summary else value


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(":", "\\:")
