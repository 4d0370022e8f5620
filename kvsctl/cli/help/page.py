"""The parts of a page, from a command or a topic, without width or form."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from kvsctl.cli.help.about import about_of, heading_of
from kvsctl.cli.help.about.form import About, Example
from kvsctl.cli.options import panels
from kvsctl.config.settings import RUNNING

_VARIABLES: Final = {
    "target": "KVSCTL_TARGET",
    "url": "KVSCTL_URL",
    "ping_url": "KVSCTL_PING_URL",
    **{name: f"KVSCTL_{name.upper()}" for name in RUNNING},
}
"""The environment variable of each option that has one, by the option's name in the code."""

_NOTE: Final = re.compile(r" ?\((default: [^()]+|required)\)$")
"""A note at the end of an option's help."""
_NOTES: Final = re.compile(r" \((?:default|required|at most|env)\b[^()]*\)$")
"""All notes of an option, as `text_of` writes them."""

_HELP: Final = "help"
_EVERYWHERE: Final = ("environment", "exit-codes")
"""Topics of every command that has topics."""

_VERBATIM: Final = "\b\n"
TIED: Final = "\N{NO-BREAK SPACE}"
"""A space at which lines are not broken."""


class Row(NamedTuple):
    """A name, such as `-f, --file FILE`, and what is said about it."""

    name: str
    text: str


class Section(NamedTuple):
    """Rows under a heading."""

    heading: str
    rows: Sequence[Row]


class Page(NamedTuple):
    """A help page. `name` is how it is called: `kvsctl set`, or `kvsctl help tuning`.

    A paragraph of several lines is shown as it is.
    """

    name: str
    sentence: str
    examples: Sequence[Example]
    usage: str
    paragraphs: Sequence[str]
    sections: Sequence[Section]
    more: Sequence[Row]
    docs: str


def page_of(command: Any, context: Any, *, is_whole: bool = False) -> Page:
    """Return the page of a command: with its common options, or with all of them.

    `context` is a context of the command, which names it and its groups.
    """
    words = tuple(context.command_path.split()[1:])
    about = about_of(words)
    sentence, *paragraphs = _paragraphs(command.help or "")
    options = _options(command, context)
    chosen = options if is_whole else _common(options, about)
    has_rest = _names(chosen) < _names(options)
    help_row = [] if _names(chosen[-1:]) != {_HELP} else [row for _, row in chosen.pop()[1]]
    if not is_whole:
        paragraphs = paragraphs[:1]
        chosen = [(heading, [_shortened(*one) for one in rows]) for heading, rows in chosen]
    pieces = " ".join(command.collect_usage_pieces(context))
    return Page(
        name=context.command_path,
        sentence=sentence,
        examples=about.examples,
        usage=f"{context.command_path} {pieces}",
        paragraphs=paragraphs,
        sections=[*_commands(command, context), *map(_section, chosen)],
        more=[*help_row, *_more(words, about, has_rest=has_rest)],
        docs=about.docs,
    )


def rows_of(command: Any, context: Any, heading: str, names: Sequence[str] = ()) -> list[Row]:
    """Return the options of a command under a heading, or under any; with names, only these."""
    return [
        row
        for found, rows in _options(command, context)
        for name, row in rows
        if found == (heading or found) and name in (names or (name,))
    ]


_Panel = tuple[str, list[tuple[str, Row]]]
"""A heading, and under it the names of options in the code with their rows."""


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a docstring; the lines of one that begins with `\\b` stay lines."""
    return [
        one.removeprefix(_VERBATIM) if one.startswith(_VERBATIM) else " ".join(one.split())
        for one in inspect.cleandoc(text).split("\n\n")
    ]


def _options(command: Any, context: Any) -> list[_Panel]:
    """Return all arguments and options under their headings, tuning and `--help` last."""
    panels_by_name: dict[str, list[tuple[str, Row]]] = {}
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False):
            is_argument = parameter.param_type_name == "argument"
            plain = panels.ARGUMENTS if is_argument else panels.OPTIONS
            heading = getattr(parameter, "rich_help_panel", None) or plain
            row = Row(_name_of(parameter, context), text_of(parameter))
            panels_by_name.setdefault(heading, []).append((parameter.name, row))
    for last in (panels.TUNING, panels.OPTIONS):
        if last in panels_by_name:
            panels_by_name[last] = panels_by_name.pop(last)
    return [*panels_by_name.items()]


def _common(options: Sequence[_Panel], about: About) -> list[_Panel]:
    """Return the common options: without a list of them, all but tuning."""
    chosen: list[_Panel] = []
    for heading, rows in options:
        kept = [
            (name, row)
            for name, row in rows
            if name in (about.common or ())
            or name == _HELP
            or heading == panels.ARGUMENTS
            or (not about.common and heading != panels.TUNING)
        ]
        if kept:
            chosen.append((heading, kept))
    return chosen


def _shortened(name: str, row: Row) -> tuple[str, Row]:
    """Return an option with the first sentence of its text, and with its note."""
    note = _NOTES.search(row.text)
    text = row.text[: note.start()] if note else row.text
    sentence, dot, _ = text.partition(". ")
    return name, Row(row.name, sentence + dot.rstrip() + (note[0] if note else ""))


def _names(options: Iterable[_Panel]) -> set[str]:
    return {name for _, rows in options for name, _ in rows}


def _section(panel: _Panel) -> Section:
    return Section(panel[0], [row for _, row in panel[1]])


def _commands(command: Any, context: Any) -> list[Section]:
    """Return the commands of a group, each with its sentence."""
    sections: dict[str, list[Row]] = {}
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            heading = panels.COMMANDS if context.parent else heading_of(name)
            sentence, *_ = _paragraphs(one.help or "")
            sections.setdefault(heading, []).append(Row(name, sentence))
    return [Section(*one) for one in sections.items()]


def _more(words: Sequence[str], about: About, *, has_rest: bool) -> list[Row]:
    """Return where there is more to read, except for the documentation."""
    rows = []
    if has_rest:
        rows.append(Row(" ".join(["kvsctl help", *words]), "All options."))
    if not words:
        rows.append(Row("kvsctl help COMMAND", "All options of a command."))
    if about.topics:
        topics = dict.fromkeys((*about.topics, *_EVERYWHERE))
        rows.append(Row("kvsctl help TOPIC", f"{', '.join(topics)}."))
    return rows


def _name_of(parameter: Any, context: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.make_metavar(context))
    flags = sorted([*parameter.opts, *parameter.secondary_opts], key=len)
    metavar = ""
    if not (parameter.is_flag or parameter.count):
        metavar = parameter.metavar or parameter.make_metavar(context).strip("[]<>")
        # An optional value must be joined to its option.
        metavar = metavar if metavar.startswith("[=") else f" {metavar}"
    return ", ".join(flags) + metavar


def text_of(parameter: Any) -> str:
    """Return the help of an option, with its default, bound and variable in one style."""
    text = parameter.help or ""
    notes = []
    if found := _NOTE.search(text):
        text, notes = text[: found.start()], [found[1].replace(": ", f":{TIED}", 1)]
    elif parameter.required and parameter.param_type_name == "option":
        notes = ["required"]
    elif (default := _default_of(parameter)) is not None:
        notes = [f"default:{TIED}{default}"]
    if (most := getattr(parameter.type, "max", None)) is not None:
        notes.append(f"at most{TIED}{most}")
    if variable := _VARIABLES.get(parameter.name):
        notes.append(f"env:{TIED}{variable}")
    return f"{text} ({'; '.join(notes)})" if notes else text


def _default_of(parameter: Any) -> object:
    """Return the default that is worth showing, or None."""
    default = parameter.default
    if not parameter.show_default or default is None or isinstance(default, bool):
        return None
    if callable(default) or default in ((), []) or default == "":
        return None
    return default
