"""Draw lines in panels as SVG text, without any library."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 300, 130
_LEFT, _TOP, _GAP = 60, 50, 50
_COLOURS: Final = {"sliding": "#1f77b4", "fixed": "#d95f02", "bucket": "#1b9e77"}
_ROWS: Final = (("share of the limit", 1.2), ("requests refused", 0.6))


@dataclass(frozen=True, slots=True)
class Panel:
    """One line in each of a limit's two panels, with a value per minute."""

    limit: str
    kind: str
    shares: Sequence[float]
    refused: Sequence[float]


def drawn(panels: Sequence[Panel]) -> str:
    """Draw a column per limit: the share achieved above, the share refused below."""
    limits = list(dict.fromkeys(panel.limit for panel in panels))
    width = _LEFT + len(limits) * (_WIDTH + _GAP)
    height = _TOP + 2 * (_HEIGHT + _GAP) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for place, (kind, colour) in enumerate(_COLOURS.items()):
        at = _LEFT + 110 * place
        parts.append(f'<path d="M{at} 14h20" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{at + 25}" y="18">{kind} window</text>')
    for column, limit in enumerate(limits):
        left = _LEFT + column * (_WIDTH + _GAP)
        parts.append(f'<text x="{left}" y="{_TOP - 8}" font-weight="bold">{escape(limit)}</text>')
        lines = [panel for panel in panels if panel.limit == limit]
        for row, (label, most) in enumerate(_ROWS):
            top = _TOP + row * (_HEIGHT + _GAP)
            parts += _axes(left, top, label, most, len(lines[0].shares))
            for panel in lines:
                values = (panel.shares, panel.refused)[row]
                parts.append(_line(left, top, values, most, _COLOURS[panel.kind]))
    return "\n".join([*parts, "</svg>", ""])


def _axes(left: int, top: int, label: str, most: float, minutes: int) -> list[str]:
    bottom = top + _HEIGHT
    parts = [
        f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" '
        'fill="none" stroke="#888"/>',
        f'<text x="{left + 4}" y="{top + 14}" fill="#555">{label}</text>',
        f'<text x="{left + _WIDTH}" y="{bottom + 28}" text-anchor="end" fill="#555">minute</text>',
    ]
    for tick in (0.0, most / 3, 2 * most / 3, most):
        y = bottom - tick / most * _HEIGHT
        parts.append(f'<path d="M{left} {y:.1f}h{_WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.1f}</text>')
    for minute in range(minutes):
        x = _x(left, minute, minutes)
        place = f'x="{x:.1f}" y="{bottom + 14}" text-anchor="middle"'
        parts.append(f"<text {place}>{minute + 1}</text>")
    return parts


def _line(left: int, top: int, values: Sequence[float], most: float, colour: str) -> str:
    points = " ".join(
        f"{_x(left, place, len(values)):.1f},{top + _HEIGHT * (1 - min(value, most) / most):.1f}"
        for place, value in enumerate(values)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _x(left: int, place: int, count: int) -> float:
    return left + _WIDTH * (place + 0.5) / count
