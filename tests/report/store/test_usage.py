"""What du prints is complete, fits the terminal, is escaped, and says what is missing."""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from kvsctl.report.console import Environment
from kvsctl.report.document import About
from kvsctl.report.store.usage import renderer, size_text
from kvsctl.usage.account import Account, Division

_ABOUT = About("du", "staging", "0.1.0", datetime(2026, 1, 2, tzinfo=UTC), covers="plain keys")
_NOWHERE = Environment(None, None, False, False, False, False, 80)


def _account(division: Division | None = None) -> Account:
    account = Account(division or Division())
    account.note(None, ["user:1", "user:2", "x"], [1000, 3000, 10])
    account.note(None, [f"s{n}:\x1b[2J\u202e" for n in range(30)], [50] * 30)
    account.note("pet", ["cat:1"], [7], ["2026-01-31T12:00:00Z"])
    return account


def _printed(
    width: int = 80, *, is_complete: bool = True, top: int = 5, colour: bool = False,
    encoding: str = "utf-8", account: Account | None = None,
) -> str:  # fmt: skip
    environment = replace(
        _NOWHERE, stdout_width=width, stdout_has_colour=colour, stdout_encoding=encoding
    )
    account = account or _account()
    printed = renderer(_ABOUT, environment, top, is_json=False)(account, is_complete)
    account.close()
    return printed.decode(encoding)


@pytest.mark.parametrize("width", [20, 40, 60, 71, 72, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    printed = _printed(width)
    assert max(map(cell_len, printed.splitlines())) <= width
    assert "\x1b" not in printed
    assert "\u202e" not in printed


def test_a_wide_terminal_shows_everything() -> None:
    lines = [line.split() for line in _printed(100).splitlines() if line.strip()]
    assert lines[0] == ["Prefix", "Keys", "Bytes", "Units", "USD", "No", "ttl"]
    assert lines[2] == ["plain", "keys", "user:", "2", "4.0", "kB", "73%", "1", "<0.01", "100%"]
    others = next(line for line in lines if line[0] == "(others):")
    assert others[:4] == ["(others):", "28", "prefixes", "28"]
    total = next(line for line in lines if line[0] == "total")
    assert total == ["total", "34", "5.5", "kB", "100%", "1", "<0.01", "97%"]
    assert any(line[:4] == ["up", "to", "100", "B"] and line[4] == "32" for line in lines)
    assert lines[-1][:6] == ["34", "keys,", "5.5", "kB", "of", "values."]
    assert not any("PARTIAL" in line[0] for line in lines)


def test_partial_sums_say_so() -> None:
    assert "PARTIAL: the listing ended early" in _printed(is_complete=False)


def test_colours_are_written_only_if_stdout_has_them() -> None:
    assert "\x1b[" in _printed(colour=True)
    assert "\x1b[" not in _printed()


def test_an_encoding_without_blocks_gets_ascii() -> None:
    printed = _printed(encoding="ascii")
    assert "####" in printed
    assert printed.isascii()


def test_an_empty_store_has_a_total_only() -> None:
    printed = _printed(account=Account(Division()))
    assert printed == "0 keys, 0 B of values. To export: about 1 read unit, 0.00 USD.\n"


def test_json_has_every_sum() -> None:
    account = _account(Division(2, ":"))
    line = renderer(_ABOUT, _NOWHERE, 2, is_json=True)(account, True)
    account.close()
    assert line.endswith(b"}\n")
    document = json.loads(line)
    assert document["complete"] is True
    assert (document["target"], document["covers"]) == ("staging", "plain keys")
    assert (document["depth"], document["separator"]) == (2, ":")
    assert (document["keys"], document["bytes"], document["without_ttl"]) == (34, 5517, 33)
    assert document["prefixes"][0]["prefix"] == "user:"
    shown = len(document["prefixes"])
    assert shown + document["others"]["prefix_count"] == document["prefix_count"] == 33
    parts = [*document["prefixes"], document["others"]]
    for name in ("keys", "bytes", "answer_bytes", "without_ttl"):
        assert sum(part[name] for part in parts) == document[name]
    assert document["read_usd"] == round(document["answer_bytes"] * 0.055 / 1e9, 9)
    entity = renderer(_ABOUT, _NOWHERE, 100, is_json=True)(_account(), False)
    document = json.loads(entity)
    assert document["complete"] is False
    assert document["others"] is None
    assert [one["prefix"] for one in document["prefixes"] if "entityName" in one] == ["cat:"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1049, "1.0 kB"), (999_949, "999.9 kB"),
        (999_950, "1.0 MB"), (245_760, "245.8 kB"), (10**12, "1.0 TB"), (10**16, "10,000.0 TB"),
    ],
)  # fmt: skip
def test_sizes_have_a_unit(size: int, text: str) -> None:
    assert size_text(size) == text
