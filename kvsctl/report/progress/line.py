"""A standing as one line, which fits the terminal and keeps steady."""

from typing import Final, NamedTuple

from kvsctl.report.escape import columns, visible
from kvsctl.report.progress.pauses import clock_text
from kvsctl.report.progress.standing import Standing
from kvsctl.report.styled import Span, is_unicode, span_columns
from kvsctl.texts import counted

_GAP: Final = "  "
_BARS: Final = ((110, 24), (70, 8))
"""The least columns of a terminal, and how many of them the bar takes."""
_PAUSE: Final = 1
"""The rank of the reason of a pause: it is truncated rather than left out."""
_LEAST_PAUSE: Final = 8


class _Part(NamedTuple):
    """A part of a line. If it is too long, the part with the largest `rank` is dropped first."""

    spans: list[Span]
    rank: int


class Lines:
    """Formats standings as lines. A number that becomes shorter keeps its width.

    `encoding`: that of stderr.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._widths: dict[str, int] = {}

    def line(self, standing: Standing, width: int, label_width: int = 0) -> list[Span]:
        """Return a line of at most `width` columns. The label takes at least `label_width`."""
        parts = self._parts(standing, width, label_width)
        while len(parts) > 1 and _taken(parts) > width:
            last = max(parts, key=lambda part: part.rank)
            room = width - _taken(parts[:1]) - len(_GAP)
            if len(parts) == 2 and last.rank == _PAUSE and room >= _LEAST_PAUSE:
                return [*parts[0].spans, (_GAP, ""), self._cut(last, room)]
            parts.remove(last)
        if _taken(parts) > width:
            return [self._cut(parts[0], width)]
        gap: Span = (_GAP, "")
        spans: list[Span] = []
        for part in parts:
            spans += [gap, *part.spans] if spans else part.spans
        return spans

    def _parts(self, standing: Standing, width: int, label_width: int) -> list[_Part]:
        label = self._shown(standing.label)
        label += " " * (label_width - columns(label))
        parts = [_Part([(label, "bold")], 0)]
        if standing.done is not None:
            bar = next((size for least, size in _BARS if width >= least - 1), 0)
            if bar:
                parts.append(_Part(self._bar(standing.done, bar), 7))
            parts.append(_Part([(f"{percent_text(standing.done):>4}", "")], 2))
        if standing.parts:
            parts.append(self._steady("parts", standing.parts, 2))
        parts.append(self._steady("count", counted(standing.count, standing.noun), 5))
        if standing.seconds_left is not None:
            parts.append(self._steady("left", _left_text(standing, standing.seconds_left), 4))
        parts.append(self._steady("rate", rate_text(standing.rate), 8))
        if standing.pages:
            parts.append(_Part([(counted(standing.pages, "page"), "")], 10))
        if standing.failed:
            parts.append(_Part([(f"{standing.failed:,} failed", "red")], 3))
        if standing.retries:
            parts.append(_Part([(retries_text(standing.retries), "")], 9))
        if standing.pause is not None:
            reason, then = standing.pause
            parts.append(_Part([(self._shown(reason), "bold")], _PAUSE))
            if then:
                parts.append(_Part([(then, "")], 6))
        elif standing.place:
            parts.append(_Part([(f"at {self._shown(standing.place)}", "dim")], 11))
        return parts

    def _steady(self, name: str, text: str, rank: int) -> _Part:
        width = self._widths[name] = max(self._widths.get(name, 0), len(text))
        return _Part([(text.rjust(width), "")], rank)

    def _bar(self, done: float, size: int) -> list[Span]:
        full, empty = ("━", "─") if is_unicode(self._encoding) else ("#", "-")
        filled = int(done * size)
        spans = [(full * filled, "cyan"), (empty * (size - filled), "dim")]
        return [span for span in spans if span[0]]

    def _cut(self, part: _Part, width: int) -> Span:
        text, style = part.spans[0]
        return visible(text, width) if is_unicode(self._encoding) else text[:width], style

    def _shown(self, text: str) -> str:
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)


def heartbeat_text(standing: Standing) -> str:
    """Return a standing for a log, such as `set: 42%, 84,000 records, 1,400/s, 2:03 left`."""
    parts = [] if standing.done is None else [percent_text(standing.done)]
    if standing.parts:
        parts.append(standing.parts)
    parts.append(counted(standing.count, standing.noun))
    if standing.pages:
        parts.append(counted(standing.pages, "page"))
    parts.append(rate_text(standing.rate))
    if standing.seconds_left is not None:
        parts.append(_left_text(standing, standing.seconds_left))
    if standing.failed:
        parts.append(f"{standing.failed:,} failed")
    if standing.retries:
        parts.append(retries_text(standing.retries))
    if standing.pause is not None:
        parts += [text for text in standing.pause if text]
    return f"{standing.label}: {', '.join(parts)}"


def _left_text(standing: Standing, seconds: float) -> str:
    """Return how long the rest takes: `2:03 left`, or `over 2:03 left` if it may be longer."""
    return f"{'over ' if standing.is_least else ''}{clock_text(seconds)} left"


def percent_text(done: float) -> str:
    """Return a part of a whole as a percentage: 100% only if nothing is left."""
    return f"{int(100 * done)}%"


def rate_text(rate: float) -> str:
    """Return records per second with two significant digits: more would change all the time."""
    if rate >= 99.5:
        digits = len(str(int(rate))) - 2
        rate = round(rate, -digits)
    return f"{rate:,.0f}/s" if rate >= 9.5 or not rate else f"{rate:.1f}/s"


def retries_text(retries: int) -> str:
    """Return how many requests were retries."""
    return "1 retry" if retries == 1 else f"{retries:,} retries"


def _taken(parts: list[_Part]) -> int:
    return sum(span_columns(part.spans) for part in parts) + len(_GAP) * (len(parts) - 1)
