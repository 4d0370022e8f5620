"""Read all inputs in order, as records and problems with their positions."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from kvsctl.errors import StreamError, UsageError
from kvsctl.model import PieceList
from kvsctl.records.formats import Format
from kvsctl.records.inferred import ColumnTypes
from kvsctl.records.parsed import Parser, TableParser
from kvsctl.records.pieces import OddBlanks, Pieces
from kvsctl.records.sources import File, Source

ParserChoice: TypeAlias = Callable[[Source], Parser]
"""A function that chooses the parser of a source whose first lines are read."""


MOST_PIECES: Final = 1000
"""The most records in one list. A chunk can hold tens of thousands of short lines; as records, all
of them at once would need too much memory."""


class Reader(msgspec.Struct):
    """A reader of `sources` in order. Iterate it to get lists of records and problems.

    A list holds pieces that arrived together, at most `MOST_PIECES`. An empty list means that the
    input has nothing more right now. Positions count from 0 over all sources. A piece that cannot
    be read becomes a Problem, and reading continues.

    If a source cannot be used or read, raise UsageError before anything was read, and StreamError
    after that.
    """

    sources: Sequence[Source]
    choose_parser: ParserChoice
    odd_blanks: OddBlanks = msgspec.field(default_factory=OddBlanks)
    columns: dict[str, ColumnTypes] = msgspec.field(default_factory=dict)
    """The columns of tables whose cells were parsed as JSON, by their names."""
    _bytes_ahead: float = 0.0
    """The approximate number of bytes of lines that were read and not yielded yet."""

    @property
    def may_wait(self) -> bool:
        """Whether reading may block until input arrives, as from a pipe or a terminal."""
        return any(isinstance(source, File) and source.size is None for source in self.sources)

    def fraction_read(self) -> float | None:
        """Return approximately which part of the input was yielded, from 0 to 1.

        Return None unless every source is a regular file. For an archive, compressed bytes count.
        If a file shrinks while it is read, the result reaches 1 early.
        """
        files = [source for source in self.sources if isinstance(source, File)]
        sizes = [file.size for file in files]
        if len(files) < len(self.sources) or None in sizes:
            return None
        total = sum(size or 0 for size in sizes)
        given_bytes = sum(file.bytes_read for file in files) - self._bytes_ahead
        return min(1.0, given_bytes / total) if total else 1.0

    def __iter__(self) -> Iterator[PieceList]:
        has_begun = False
        self.odd_blanks, self.columns = OddBlanks(), {}
        try:
            for pieces in self._pieces():
                yield pieces
                has_begun = has_begun or bool(pieces)
        except (UsageError, StreamError) as error:
            kind = StreamError if has_begun else UsageError
            if isinstance(error, kind):
                raise
            raise kind(error.message, error.hint) from error

    def require_usable(self, *, may_reread: Callable[[Path], bool]) -> None:
        """Read the start of each later regular file; raise UsageError if one cannot be used.

        Call it before anything is sent: otherwise the records of one file would be sent before it
        is known that the next is an archive, or a table without keys. The first source is not
        checked, because nothing is sent before it is read. Files that `may_reread` refuses are
        skipped.
        """
        for source in self.sources[1:]:
            if (
                isinstance(source, File)
                and source.path is not None
                and source.is_rereadable
                and may_reread(source.path)
            ):
                self._require_usable(source)

    def _require_usable(self, source: File) -> None:
        try:
            if source.start():
                self.choose_parser(source)
        except StreamError as error:
            raise UsageError(error.message, error.hint) from error
        finally:
            source.reset()

    def _pieces(self) -> Iterator[PieceList]:
        position = 0
        for source in self.sources:
            pieces: Pieces | None = None
            passed_bytes = 0
            try:
                for lines in source.lines():
                    if not lines:
                        yield []
                        continue
                    if pieces is None:
                        pieces = self._pieces_of(source, position)
                    read_bytes = source.bytes_read if isinstance(source, File) else 0
                    bytes_per_line = (read_bytes - passed_bytes) / len(lines)
                    passed_bytes = read_bytes
                    start = 0
                    while start < len(lines):
                        end = start + MOST_PIECES - pieces.kept_count
                        self._bytes_ahead = bytes_per_line * max(0, len(lines) - end)
                        yield pieces.take(lines[start:end])
                        start = end
            except (UsageError, StreamError):
                if pieces is not None and pieces.kept_count:
                    yield pieces.finish()
                raise
            if pieces is not None:
                if pieces.kept_count:
                    yield pieces.finish()
                position = pieces.position

    def _pieces_of(self, source: Source, position: int) -> Pieces:
        parser = self.choose_parser(source)
        if isinstance(parser, TableParser) and parser.types is not None:
            parser.types.join(self.columns)
        are_keys = source.format is Format.KEYS
        are_lines = source.format is Format.JSONL
        if isinstance(source, File) and are_keys:
            are_lines = source.end == b"\n"
        return Pieces(
            source.label,
            parser,
            position,
            self.odd_blanks,
            are_lines=are_lines,
            are_keys=are_keys,
        )
