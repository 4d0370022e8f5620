"""A page as a man page. `python -m kvsctl.cli.help.manual FOLDER` writes all of them.

Commands are in section 1 and topics in section 7. The pages use only those requests of the `man`
macros that both groff and mandoc know.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from kvsctl import __version__
from kvsctl.cli.help.finding import command_pages, topic_page
from kvsctl.cli.help.layout import broken
from kvsctl.cli.help.page import TIED, Page, Row
from kvsctl.cli.help.topics import TOPICS
from kvsctl.cli.options import panels

_COMMANDS: Final = 1
_TOPICS: Final = 7
_DATE: Final = "2026-11-28"
"""The day on which the form of the pages was last changed: a page must have a date."""
_ESCAPES: Final = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    '"': r"\(dq",
    TIED: r"\~",
}
_WIDTH: Final = 79
"""The most columns of a line of running text."""
_METAVAR: Final = re.compile(r"(?<= )\S+$")


def manual() -> Mapping[str, str]:
    """Return all man pages, by their names: `kvsctl-set.1`."""
    pages = list(command_pages())
    names = [(_name(page), _COMMANDS) for page in pages]
    names += [(f"kvsctl-{topic}", _TOPICS) for topic in TOPICS]
    topics = [topic_page(topic) for topic in TOPICS]
    return {
        f"{name}.{section}": "".join(f"{line}\n" for line in _lines(page, name, section, names))
        for (name, section), page in zip(names, [*pages, *topics], strict=True)
    }


def _name(page: Page) -> str:
    return page.name.replace(" ", "-")


def _lines(page: Page, name: str, section: int, names: Sequence[tuple[str, int]]) -> Iterator[str]:
    yield f'.TH {name.upper()} {section} {_DATE} "kvsctl {__version__}" "kvsctl manual"'
    yield from (".nh", ".ad l")  # options and names are neither hyphenated nor spread
    yield ".SH NAME"
    yield from broken(f"{_text(name)} \\- {_text(_clause(page.sentence))}", _WIDTH)
    if page.usage:
        yield ".SH SYNOPSIS"
        yield rf"\fB{_text(page.name)}\fR{_text(page.usage.removeprefix(page.name))}"
    yield ".SH DESCRIPTION"
    yield from _paragraphs([page.sentence, *page.paragraphs])
    yield from _sections(page)
    if page.examples:
        yield ".SH EXAMPLES"
        for number, (does, *commands) in enumerate(page.examples):
            yield from ([".PP"] if number else [])
            yield from (f"{_text(does)}:", ".PP", ".RS 4", ".nf")
            yield from map(_text, commands)
            yield from (".fi", ".RE")
    yield ".SH SEE ALSO"
    yield from _see_also(page, names)
    yield ".PP"
    yield "Documentation, where kvsctl is installed:"
    yield _text(f"share/doc/kvsctl/{page.docs}")


def _sections(page: Page) -> Iterator[str]:
    """Yield options under one heading, with subheadings; other tables under their own headings."""
    has_heading = False
    for heading, rows in page.sections:
        if heading == panels.ARGUMENTS or rows[0].name.startswith("-"):
            if not has_heading:
                yield ".SH OPTIONS"
                has_heading = True
            if heading != panels.OPTIONS:
                yield f".SS {_text(heading)}"
        else:
            yield f".SH {_text(heading.upper())}"
        yield from _rows(rows)
    helps = [row for row in page.more if row.name.startswith("-")]
    if helps:
        yield from ((".SS Help") if has_heading else ".SH OPTIONS",)
        yield from _rows(helps)


def _rows(rows: Sequence[Row]) -> Iterator[str]:
    for name, text in rows:
        yield ".TP"
        yield _styled(name)
        yield from _filled(text)


def _styled(name: str) -> str:
    """Return the name of an option in bold, with the name of its value in italics."""
    if not name.startswith("-"):
        return rf"\fB{_text(name)}\fR"
    found = _METAVAR.search(name)
    value = found[0] if found and not found[0].startswith("-") else ""
    flags = name.removesuffix(value).rstrip().split(", ")
    shown = ", ".join(rf"\fB{_text(flag)}\fR" for flag in flags)
    return rf"{shown} \fI{_text(value)}\fR" if value else shown


def _paragraphs(texts: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if number:
            yield ".PP"
        if "\n" in text:
            yield from (".nf", *map(_text, text.split("\n")), ".fi")
        else:
            yield from _filled(text)


def _see_also(page: Page, names: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Yield the pages above and below a page, and those of its topics."""
    own = _name(page)
    parts = own.split("-")
    related = [
        (name, section)
        for name, section in names
        if section == _COMMANDS
        and (name.rpartition("-")[0] == own or name == "-".join(parts[:-1]))
        and page.usage
    ]
    if not page.usage:
        related = [("kvsctl", _COMMANDS)]
    listed = {topic for row in page.more for topic in row.text.rstrip(".").split(", ")}
    related += [(f"kvsctl-{topic}", _TOPICS) for topic in TOPICS if topic in listed]
    for number, (name, section) in enumerate(related):
        comma = "," if number + 1 < len(related) else ""
        yield f".BR {_text(name)} ({section}){comma}"


def _clause(sentence: str) -> str:
    """Return a sentence in the form of the NAME section: in lower case, without a period."""
    return sentence[:1].lower() + sentence[1:].removesuffix(".")


def _filled(text: str) -> Iterator[str]:
    """Yield running text as lines that roff does not take for requests."""
    for line in broken(_text(text), _WIDTH):
        yield rf"\&{line}" if line.startswith(".") else line


def _text(text: str) -> str:
    """Return a text with the characters escaped that have a meaning in roff."""
    shown = "".join(
        _ESCAPES.get(one) or (one if one.isascii() else rf"\[u{ord(one):04X}]") for one in text
    )
    return rf"\&{shown}" if shown.startswith(".") else shown


def main(folder: Path) -> None:
    """Write all man pages to a folder of sections: `man1` and `man7`."""
    for name, text in manual().items():
        place = folder / f"man{name[-1]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, "ascii", newline="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
