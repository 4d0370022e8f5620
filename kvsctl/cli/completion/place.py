"""Which command, option or argument the cursor is at, from the words before it.

The words are not checked: errors in them are reported when the command runs.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where the cursor is.

    `command` is the command whose options may be given there. `parameter` takes the text as its
    value; None: an option, a command of a group, or nothing that can be completed. `prefix` is the
    part of the word before the value. `given` are the names of the options so far, and of an
    argument that takes several words and has one.
    """

    command: Any
    text: str
    parameter: Any | None = None
    prefix: str = ""
    given: frozenset[str] = frozenset()


def find_place(root: Any, before: Sequence[str], current: str) -> Place | None:
    """Return where the cursor is, with `current` the text of its word up to the cursor.

    None if a word before it names no command.
    """
    command, given, count = root, set[str](), 0
    waiting: Any | None = None
    has_options = True
    for word in before:
        if waiting is not None:
            waiting = None
        elif has_options and word == "--":
            has_options = False
        elif has_options and word.startswith("-") and word != "-":
            found = _options_in(command, word)
            given |= {option.name for option, _, _ in found}
            waiting = next((option for option, _, value in found if value is None), None)
        elif commands_of(command):
            command = commands_of(command).get(word)
            if command is None:
                return None
            given, count = set(), 0
        else:
            count += 1
    so_far = frozenset(given)
    if waiting is not None:
        return Place(command, current, waiting, given=so_far)
    if has_options and current.startswith("-"):
        for option, prefix, value in _options_in(command, current):
            if value is not None and takes_value(option):
                return Place(command, value, option, prefix, so_far)
        return Place(command, current, given=so_far)
    argument = _argument(command, count)
    if argument is not None and count and argument.nargs < 0:
        so_far |= {argument.name}
    return Place(command, current, argument, given=so_far)


def commands_of(command: Any) -> dict[str, Any]:
    """Return the commands of a group by name; none for a command."""
    found: dict[str, Any] = getattr(command, "commands", {})
    return found


def takes_value(option: Any) -> bool:
    """Return whether a value follows an option."""
    return not (option.is_flag or option.count)


def options_of(command: Any) -> Iterable[Any]:
    """Return the options of a command that help shows."""
    return [one for one in command.params if one.param_type_name == "option" and not one.hidden]


def _options_in(command: Any, word: str) -> list[tuple[Any, str, str | None]]:
    """Return the options in a word, each with its part of the word and its value.

    The value is None if it is the next word, and "" for an option without a value.
    """
    named = {name: one for one in options_of(command) for name in one.opts + one.secondary_opts}
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        option = named.get(name)
        if option is None:
            return []
        return [(option, name + equals, value if equals or not takes_value(option) else None)]
    found: list[tuple[Any, str, str | None]] = []
    for end in range(2, len(word) + 1):
        option = named.get(f"-{word[end - 1]}")
        if option is None:
            break
        if takes_value(option):
            return [*found, (option, word[:end], word[end:] or None)]
        found.append((option, word[:end], ""))
    return found


def _argument(command: Any, count: int) -> Any | None:
    """Return the argument that follows `count` others; None if there is none, or it is hidden."""
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    for argument in arguments:
        if count < argument.nargs or argument.nargs < 0:
            return None if argument.hidden else argument
        count -= argument.nargs
    return None
