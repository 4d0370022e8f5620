"""Show how far runs are, in the last rows of a terminal."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec.structs import asdict, replace

from kvsctl.report.console import Environment
from kvsctl.report.escape import columns, visible
from kvsctl.report.progress.line import Lines
from kvsctl.report.progress.painter import Painter
from kvsctl.report.progress.standing import Followed
from kvsctl.report.styled import Span, is_unicode

_MOST_PARTS: Final = 10
_LEAST_LABEL: Final = 8


class _Above(Environment, frozen=True, kw_only=True):
    """An environment that passes what is written to stderr to `put`, a line at a time."""

    put: Callable[[bytes], None]

    def write_stderr_bytes(self, chunk: bytes) -> None:
        """See Environment."""
        self.put(chunk)


class TerminalDisplay:
    """One line for a run, and one below it for each of its parts. It is erased at the end."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._whole = Lines(environment.encoding)
        self._parts = Lines(environment.encoding)
        self._painter: Painter | None = None
        self.above: Final[Environment] = _Above(**asdict(environment), put=self._put)
        """The same environment, whose lines are written above what is drawn."""

    @contextmanager
    def showing(self, followed: Followed) -> Iterator[None]:
        """See Display."""

        def rows(width: int, lines: int) -> Sequence[list[Span]]:
            whole = self._whole.line(followed.standing(), width)
            return [whole, *self._rows_of_parts(followed, width, lines - 1)]

        with Painter(self._environment, rows) as self._painter:
            yield
        self._painter = None

    def write_above(self, text: str) -> None:
        """See Display."""
        self.above.note(text)

    def _put(self, chunk: bytes) -> None:
        if self._painter is None:
            self._environment.write_stderr_bytes(chunk)
        else:
            self._painter.write_above(chunk)

    def _rows_of_parts(self, followed: Followed, width: int, lines: int) -> Iterator[list[Span]]:
        parts, most = followed.parts(), min(lines, _MOST_PARTS)
        if most <= 0:
            return
        shown = parts if len(parts) <= most else parts[: most - 1]
        most_columns = max(_LEAST_LABEL, width // 3)
        labels = [f"  {visible(part.label, most_columns)}" for part in shown]
        label_columns = max(map(columns, labels), default=0)
        for part, label in zip(shown, labels, strict=True):
            yield self._parts.line(replace(part, label=label), width, label_columns)
        if len(shown) < len(parts):
            dots = "…" if is_unicode(self._environment.encoding) else "..."
            yield [(f"  {dots} and {len(parts) - len(shown):,} more"[:width], "dim")]
