"""What can be completed at the cursor.

What a parameter takes follows from its type and its metavar, which help shows: `FILE` is a path,
`a|b` are choices. `NAMED` lists the parameters whose values are names that exist elsewhere.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kvsctl.cli.arguments import IF_ABSENT_EXACT, METADATA_NAMES, prepared
from kvsctl.cli.commands.sentences import SENTENCES
from kvsctl.cli.completion import names
from kvsctl.cli.completion.names import Name
from kvsctl.cli.completion.place import Place, commands_of, find_place, options_of

VALUES: Final = "values"
FILES: Final = "files"
FOLDERS: Final = "folders"
_PATHS: Final = {
    "FILE": FILES,
    "FILE...": FILES,
    "FILE|SPEC": FILES,
    "PATH": FILES,
    "PLAN": FILES,
    "[DIR]": FOLDERS,
}
LISTS: Final[Mapping[str, Sequence[str]]] = {
    "metadata": METADATA_NAMES,
    "only": ("added", "changed", "missing"),
}
"""Options that take a comma-separated list of these words."""
NAMED: Final[Mapping[str, Callable[[Mapping[str, str]], Iterable[Name]]]] = {
    "target": names.targets,
    "from_": names.targets,
    "against": names.targets,
    "confirm": names.targets,
    "entity": names.entities,
    "index": names.indexes,
}


PAGES: Final = "words"
"""The argument of `help`: the words of a command, or a topic."""


class Offer(NamedTuple):
    """What the shell offers: paths of a kind, or these values, after `prefix` in the same word."""

    kind: str = VALUES
    values: Sequence[Name] = ()
    prefix: str = ""


def offer(before: Sequence[str], current: str, environ: Mapping[str, str]) -> Offer:
    """Return what can be completed at the cursor, after the words before it."""
    before = prepared(before)
    if before or current.startswith("-"):
        from typer.main import get_command  # not needed to complete the names of commands

        from kvsctl.cli.app import command_line

        root = get_command(command_line([*before, "completion"]))
        place = find_place(root, before, current)
        return Offer() if place is None else _offer_at(place, environ)
    return Offer(values=_beginning(current, _commands()))


def _offer_at(place: Place, environ: Mapping[str, str]) -> Offer:
    if place.parameter is not None:
        found = kind_of(place.parameter)
        if found is not VALUES:
            return Offer(found, prefix=place.prefix)
        return Offer(VALUES, _values(place, environ), place.prefix)
    if place.text.startswith("-"):
        return Offer(values=_beginning(place.text, _options(place)))
    commands = commands_of(place.command).items()
    named = [Name(name, _sentence(one.help)) for name, one in commands if not one.hidden]
    return Offer(values=_beginning(place.text, named))


def kind_of(parameter: Any) -> str:
    """Return which kind of values an option or argument takes."""
    return _PATHS.get(parameter.metavar or "", VALUES)


def _values(place: Place, environ: Mapping[str, str]) -> list[Name]:
    parameter = place.parameter
    assert parameter is not None  # noqa: S101
    if parameter.name in LISTS:
        first, comma, _ = place.text.rpartition(",")
        taken = first.split(",")
        words = [one for one in LISTS[parameter.name] if one not in taken]
        return _beginning(place.text, [Name(f"{first}{comma}{one}") for one in words])
    if parameter.name == "if_absent":
        return _beginning(place.text, [Name(IF_ABSENT_EXACT)])
    given = NAMED.get(parameter.name)
    if given is not None:
        return _beginning(place.text, given(environ))
    if parameter.name == PAGES:
        return _beginning(place.text, _pages(place))
    return _beginning(place.text, map(Name, choices_of(parameter)))


def _pages(place: Place) -> list[Name]:
    """Return the commands and topics that `help` shows. After a word, nothing is offered."""
    from kvsctl.cli.help.topics import TOPICS

    if PAGES in place.given:
        return []
    topics = [Name(name, topic.sentence) for name, topic in TOPICS.items()]
    return [*_commands(), *topics]


def choices_of(parameter: Any) -> Sequence[str]:
    """Return the only values that an option takes, as its type or its metavar says."""
    choices = getattr(parameter.type, "choices", ())
    if choices:
        return [str(getattr(one, "value", one)) for one in choices]
    words = (parameter.metavar or "").split("|")
    return words if len(words) > 1 and all(word.islower() for word in words) else ()


def _options(place: Place) -> list[Name]:
    """Return the long options that may still be given, and the short ones after a single dash."""
    found = []
    for option in options_of(place.command):
        if option.name in place.given and not option.multiple:
            continue
        found += [
            Name(name, _sentence(option.help))
            for name in (*option.opts, *option.secondary_opts)
            if name.startswith("--")
        ]
    return [*found, Name("--help", "Show this message and exit.")]


def _beginning(text: str, values: Iterable[Name]) -> list[Name]:
    return [one for one in values if one.name.startswith(text)]


def _commands() -> list[Name]:
    """Return all commands."""
    return [Name(name, sentence) for name, sentence in SENTENCES.items()]


def _sentence(text: str | None) -> str:
    """Return the first sentence of a help text, on one line."""
    words = " ".join((text or "").split())
    first, period, _ = words.partition(". ")
    return first + period.rstrip()
