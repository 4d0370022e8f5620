"""All inputs in order, as records and problems with their positions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from kvsctl.errors import StreamError, UsageError
from kvsctl.model import Problem, Record
from kvsctl.records.parsed import Parser
from kvsctl.records.pieces import pieces_of
from kvsctl.records.sources import File, Source

ParserChoice: TypeAlias = Callable[[Source, bytes], Parser]
"""Which parser reads a source, given its first line that is not blank."""


MOST_PIECES: Final = 1000
"""Short lines come by tens of thousands at a time: as records they would fill the memory."""


@dataclass(slots=True)
class Reader:
    """Reads `sources` in order. Iterating gives lists of what arrived together.

    A list holds at most `MOST_PIECES`. An empty list says that the input has nothing more right
    now. Positions count from 0 over all sources. A piece that cannot be read is a Problem and stops
    nothing. A source that cannot be used at all raises UsageError if it is the first to give
    anything, otherwise, as all reading that fails part-way, StreamError.
    """

    sources: Sequence[Source]
    choose_parser: ParserChoice

    @property
    def may_wait(self) -> bool:
        """Whether a source may have to wait for what is not there yet: a pipe, a terminal."""
        return any(isinstance(source, File) and source.size is None for source in self.sources)

    def fraction_read(self) -> float | None:
        """How much was read, from 0 to 1; None unless every source is a regular file.

        Bytes of archives count as they lie there. A file that shrinks while it is read is read
        to 1 early.
        """
        files = [source for source in self.sources if isinstance(source, File)]
        sizes = [file.size for file in files]
        if len(files) < len(self.sources) or None in sizes:
            return None
        total = sum(size or 0 for size in sizes)
        return min(1.0, sum(file.bytes_read for file in files) / total) if total else 1.0

    def __iter__(self) -> Iterator[list[Record | Problem]]:
        has_begun = False
        try:
            for pieces in self._pieces():
                yield pieces
                has_begun = has_begun or bool(pieces)
        except UsageError as error:
            if not has_begun:
                raise
            raise StreamError(error.message, error.hint) from error

    def _pieces(self) -> Iterator[list[Record | Problem]]:
        position = 0
        for source in self.sources:
            parser: Parser | None = None
            label = source.label
            for lines in source.lines():
                if not lines:
                    yield []
                    continue
                if parser is None:
                    parser = self.choose_parser(source, lines[0].text)
                for start in range(0, len(lines), MOST_PIECES):
                    part = lines[start : start + MOST_PIECES]
                    yield pieces_of(part, parser, position, label)
                    position += len(part)
