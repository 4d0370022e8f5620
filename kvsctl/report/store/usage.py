"""What `kvsctl du` prints: how much of a store each prefix takes."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from kvsctl import __version__
from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.escape import visible
from kvsctl.report.rich_console import stdout_text
from kvsctl.report.schema import USAGE_SCHEMA, document_line
from kvsctl.report.styled import is_unicode
from kvsctl.report.summary import plural
from kvsctl.usage.account import Account, Usage
from kvsctl.usage.sizes import SizeClass
from kvsctl.usage.totals import Totals

_ALL_COLUMNS_WIDTH: Final = 72
"""On a narrower terminal, units and dollars of prefixes and the bars are left out."""
_NUMBERS_WIDTH: Final = {True: 52, False: 30}
"""How many columns the numbers take, with and without units and dollars."""
_LEAST_PREFIX_WIDTH: Final = 8
_BAR_WIDTH: Final = 20
_NO_PREFIX: Final = "(no prefix)"
_OTHERS: Final = "(others)"
_BYTE_UNITS: Final = ("B", "kB", "MB", "GB", "TB")
_PARTIAL: Final = "PARTIAL: the listing ended early. The store holds more than these numbers say."


def renderer(
    about: About,
    environment: Environment,
    top: int,
    *,
    is_json: bool,
    installation: str | None = None,
) -> Callable[[Account, bool], bytes]:
    """Return a function that returns what is printed of an account.

    Its second argument: whether the account is complete. At most `top` prefixes have a row. With an
    `installation`, the account is one of several, and names it.
    """

    def render(account: Account, is_complete: bool) -> bytes:
        usage = account.usage(top)
        if is_json:
            document = usage_document(usage, about, is_complete=is_complete)
            if installation is not None:
                document["installation"] = installation
            return document_line(document)
        return usage_table(usage, environment, installation, is_complete=is_complete)

    return render


def usage_document(usage: Usage, about: About, *, is_complete: bool) -> dict[str, Any]:
    """Return the sums as one JSON object."""
    others = usage.others
    return {
        "schema": USAGE_SCHEMA,
        "version": __version__,
        "command": about.command,
        "target": about.target,
        "covers": about.covers,
        "complete": is_complete,
        **_members(usage.total),
        "depth": usage.division.depth,
        "separator": usage.division.separator,
        "prefix_count": usage.prefixes,
        "prefixes": [
            {"prefix": row.prefix}
            | ({} if row.entity is None else {"entityName": row.entity})
            | _members(row.totals)
            for row in usage.rows
        ],
        "others": None
        if others is None
        else {"prefix_count": others.prefixes, **_members(others.totals)},
        "sizes": [
            {"at_most": one.at_most, "keys": one.keys, "bytes": one.value_bytes}
            for one in usage.sizes
        ],
    }


def _members(totals: Totals) -> dict[str, Any]:
    return {
        "keys": totals.keys,
        "bytes": totals.value_bytes,
        "answer_bytes": totals.answer_bytes,
        "read_units": totals.read_units,
        "read_usd": round(totals.read_usd, 9),
        "without_ttl": totals.without_ttl,
        "share_without_ttl": round(totals.share_without_ttl, 6),
    }


def usage_table(
    usage: Usage,
    environment: Environment,
    installation: str | None = None,
    *,
    is_complete: bool,
) -> bytes:
    """Return the sums for people, no wider than the terminal. Keys are escaped."""
    parts: list[RenderableType] = []
    if installation is not None:
        parts += [Text(f"Installation {visible(installation)}", "bold"), Text()]
    if usage.total.keys:
        prefixes = _prefixes(usage, environment.stdout_width)
        parts += [prefixes, Text(), _sizes(usage.sizes, environment), Text()]
    parts.append(_totals_line(usage.total))
    if not is_complete:
        parts.append(Text(_PARTIAL, "bold red"))
    if installation is not None:
        parts.append(Text())
    return stdout_text(environment, *parts)


def _prefixes(usage: Usage, width: int) -> Table:
    has_all = width >= _ALL_COLUMNS_WIDTH
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    table.add_column("Prefix", "total", overflow="fold")
    total = usage.total
    for title, total_text in zip(_titles(has_all), _cells(total, total, has_all), strict=True):
        table.add_column(title, total_text, justify="right", no_wrap=True)
    room = max(width - _NUMBERS_WIDTH[has_all], _LEAST_PREFIX_WIDTH)
    for row in usage.rows:
        name = visible(row.prefix, 2 * room) if row.prefix else _NO_PREFIX
        if usage.has_entities:
            name = f"{visible(row.entity or 'plain keys')} {name}"
        table.add_row(Text(name), *_cells(row.totals, total, has_all))
    if (others := usage.others) is not None:
        name = f"{_OTHERS}: {others.prefixes:,} {'prefix' if others.prefixes == 1 else 'prefixes'}"
        table.add_row(Text(name, "dim"), *_cells(others.totals, total, has_all))
    return table


def _titles(has_all: bool) -> Sequence[str]:
    return ("Keys", "Bytes", "", "Units", "USD", "No ttl") if has_all else ("Keys", "Bytes", "")


def _cells(totals: Totals, whole: Totals, has_all: bool) -> Sequence[str]:
    share = totals.value_bytes / whole.value_bytes if whole.value_bytes else 0.0
    cells = [f"{totals.keys:,}", size_text(totals.value_bytes), _percent(share)]
    if has_all:
        cells += [
            f"{totals.read_units:,}",
            _usd(totals.read_usd),
            _percent(totals.share_without_ttl),
        ]
    return cells


def _sizes(sizes: Sequence[SizeClass], environment: Environment) -> Table:
    """Return the histogram, without the empty classes at both ends."""
    used = [place for place, one in enumerate(sizes) if one.keys]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("Value size", no_wrap=True)
    for title in ("Keys", "Bytes"):
        table.add_column(title, justify="right", no_wrap=True)
    if has_bars := environment.stdout_width >= _ALL_COLUMNS_WIDTH:
        table.add_column("", no_wrap=True)
    most = max(one.keys for one in sizes)
    mark = "█" if is_unicode(environment.stdout_encoding) else "#"
    below = [None, *(one.at_most for one in sizes)]
    for place in range(used[0], used[-1] + 1):
        one = sizes[place]
        bound, before = one.at_most, below[place]
        name = f"up to {size_text(bound)}" if bound else f"over {size_text(before or 0)}"
        bar = mark * -(-one.keys * _BAR_WIDTH // most)
        cells = [name, f"{one.keys:,}", size_text(one.value_bytes)]
        table.add_row(*cells, *([Text(bar, "cyan")] if has_bars else []))
    return table


def _totals_line(total: Totals) -> Text:
    return Text(
        f"{total.keys:,} {plural('key', total.keys)}, {size_text(total.value_bytes)} of values. "
        f"To export: about {total.read_units:,} read {plural('unit', total.read_units)}, "
        f"{_usd(total.read_usd)} USD."
    )


def size_text(size: int) -> str:
    """Return a number of bytes with a unit, in at most 8 characters: `512 B`, `1.2 MB`."""
    amount, place = float(size), 0
    while round(amount, 1) >= 1000 and place < len(_BYTE_UNITS) - 1:
        amount, place = amount / 1000, place + 1
    digits = 0 if place == 0 else 1
    return f"{amount:,.{digits}f} {_BYTE_UNITS[place]}"


def _percent(share: float) -> str:
    """Return a share in percent: 0% only for nothing, and 100% only for everything."""
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def _usd(amount: float) -> str:
    return "<0.01" if 0 < amount < 0.01 else f"{amount:,.2f}"
