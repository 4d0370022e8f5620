"""Draw the share of a core that a fleet needs as SVG text, without any library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 360, 220
_LEFT, _TOP, _GAP = 50, 60, 60
_MOST_SHARE: Final = 1.2
_COLOURS: Final = ("#1f77b4", "#d95f02")


@dataclass(frozen=True, slots=True)
class Line:
    """The share of a core that a number of stores needed, and how many stores need a whole one."""

    name: str
    points: Sequence[tuple[int, float]]
    stores_per_core: float


def drawn(panels: Mapping[str, Sequence[Line]]) -> str:
    """Draw a panel for each size of records: measured points, and lines up to the whole core."""
    width = len(panels) * (_WIDTH + _GAP) + _LEFT
    height = _TOP + _HEIGHT + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="18">share of a core that stores at full quota need</text>',
    ]
    for column, (name, lines) in enumerate(panels.items()):
        left = _LEFT + column * (_WIDTH + _GAP)
        most = 1.15 * max(line.stores_per_core for line in lines)
        parts.append(f'<text x="{left}" y="{_TOP - 8}" font-weight="bold">{escape(name)}</text>')
        parts += _axes(left, most)
        for place, line in enumerate(lines):
            parts += _line(left, most, line, _COLOURS[place], _TOP + 18 + 16 * place)
    return "\n".join([*parts, "</svg>", ""])


def _axes(left: int, most: float) -> list[str]:
    bottom = _TOP + _HEIGHT
    parts = [
        f'<rect x="{left}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" '
        'fill="none" stroke="#888"/>',
        f'<text x="{left + _WIDTH}" y="{bottom + 32}" text-anchor="end" fill="#555">stores</text>',
    ]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom - share / _MOST_SHARE * _HEIGHT
        colour = "#888" if share == 1 else "#ddd"
        parts.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="{colour}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>')
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500) if most / step < 9)
    for stores in range(0, int(most) + 1, step):
        x = left + stores / most * _WIDTH
        parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle">{stores}</text>')
    return parts


def _line(left: int, most: float, line: Line, colour: str, label_at: int) -> list[str]:
    def place(stores: float, share: float) -> tuple[float, float]:
        at = _TOP + _HEIGHT * (1 - min(share, _MOST_SHARE) / _MOST_SHARE)
        return left + stores / most * _WIDTH, at

    x, y = place(line.stores_per_core, 1.0)
    label = f"{line.name}: {line.stores_per_core:.0f} stores per core"
    parts = [
        f'<path d="M{left} {_TOP + _HEIGHT}L{x:.1f} {y:.1f}" stroke="{colour}" stroke-width="2"/>',
        f'<path d="M{x:.1f} {y:.1f}V{_TOP + _HEIGHT}" stroke="{colour}" stroke-dasharray="4"/>',
        f'<text x="{left + 10}" y="{label_at}" fill="{colour}">{escape(label)}</text>',
    ]
    for stores, share in line.points:
        x, y = place(stores, share)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    return parts
