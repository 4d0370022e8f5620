"""The page that the words after `kvsctl help` name: a command with all options, or a topic."""

from collections.abc import Iterator, Sequence
from typing import Any

from kvsctl.cli.help.page import Page, Row, Section, page_of, rows_of
from kvsctl.cli.help.topics import TOPICS, Topic
from kvsctl.errors import UsageError


def page_named(words: Sequence[str]) -> Page:
    """Return the page of a topic, or of a command with all its options.

    Raise UsageError if the words name neither.
    """
    if len(words) == 1 and words[0] in TOPICS:
        return topic_page(words[0])
    command, context = _found(words, has_names_only=not words)
    return page_of(command, context, is_whole=True)


def topic_page(name: str) -> Page:
    """Return the page of a topic."""
    topic = TOPICS[name]
    return Page(
        name=f"kvsctl help {name}",
        sentence=topic.sentence,
        examples=topic.examples,
        usage="",
        paragraphs=topic.paragraphs,
        sections=[
            *(Section(heading, [Row(*row) for row in rows]) for heading, rows in topic.tables),
            *_options(topic),
        ],
        more=(),
        docs=topic.docs,
    )


def command_pages() -> Iterator[Page]:
    """Yield the page of the program, and of each public command with all its options."""
    command, context = _found(())
    yield from _pages(command, context)


def _pages(command: Any, context: Any) -> Iterator[Page]:
    yield page_of(command, context, is_whole=True)
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            yield from _pages(one, _context(one, name, context))


def _options(topic: Topic) -> list[Section]:
    if topic.options is None:
        return []
    name, heading = topic.options
    return [Section(heading or "Options", rows_of(*_found([name]), heading, topic.names))]


def _found(words: Sequence[str], *, has_names_only: bool = False) -> tuple[Any, Any]:
    """Return the command that the words name, and a context of it.

    `has_names_only`: no command is loaded, because only their names are needed.
    """
    from typer.main import get_command

    from kvsctl.cli.app import command_line, commands_by_name

    command: Any = get_command(commands_by_name() if has_names_only else command_line(words))
    context = _context(command, "kvsctl", None)
    for place, word in enumerate(words):
        commands = getattr(command, "commands", {})
        if word not in commands:
            raise _unknown(words, place, [*commands, *([] if context.parent else TOPICS)])
        command = commands[word]
        context = _context(command, word, context)
    return command, context


def _context(command: Any, name: str, parent: Any) -> Any:
    return command.context_class(command, info_name=name, parent=parent, **command.context_settings)


def _unknown(words: Sequence[str], place: int, known: Sequence[str]) -> UsageError:
    """Return the error for the word at a place, where only the known words are allowed."""
    from kvsctl.config.nearest import hint_of

    if known:
        hint = hint_of(words[place], known)
    else:
        hint = f"{' '.join(words[:place])} has no commands of its own."
    return UsageError(f'no help for "{" ".join(words)}"', hint)
