"""Simulate how much of a quota a run uses, and how often it is refused.

Whole runs of the shipped engine use a fake clock against the emulator's windows, so the result does
not depend on the machine. `--draw` writes the picture next to this file.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.quota.drawing import Panel, drawn
from benchmarks.result import parser, publish
from kvsctl.bulk.forecast import Forecaster
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.bulk.packing.best_fit import cut, units_of
from kvsctl.bulk.packing.rule import PackingRule
from kvsctl.bulk.plan import RunPlan
from kvsctl.model import Verb
from kvsctl.service.wire import wire_bytes
from tests.support.simulated.quota_service import Kind, Quota, let_through, refused_share
from tests.support.simulated.simulation import records_of, simulate

_PICTURE: Final = Path(__file__).with_name("quota.svg")
_KINDS: Final[tuple[Kind, ...]] = ("sliding", "fixed", "bucket")
_ONE_EACH: Final = PackingRule(1, 4_000_000)
_UNKNOWN: Final = {"45 batches a minute": (45, 60.0), "50 requests a second": (50, 1.0)}


def _lognormal(median: int) -> Callable[[Random], int]:
    return lambda random: min(240_000, int(median * random.lognormvariate(0, 1)))


_SIZES: Final[dict[str, Callable[[Random], int]]] = {
    "60-140 B": lambda random: random.randint(60, 140),
    "1020 B": lambda _random: 1019,
    "lognormal, median 600 B": _lognormal(600),
    "lognormal, median 3 KB": _lognormal(3000),
    "200 B, one in ten 30 KB": lambda random: 30_000 if random.random() < 0.1 else 200,
    "1-20 KB": lambda random: random.randint(1000, 20_000),
}


def main() -> None:
    """Run the simulations and print the result."""
    options = parser(__doc__)
    options.add_argument("--draw", action="store_true", help=f"write {_PICTURE.name}")
    given = options.parse_args()
    minutes = 2 if given.short else 10
    limits = dict(list(_UNKNOWN.items())[:1]) if given.short else _UNKNOWN
    panels: list[Panel] = []
    measured = {
        "packing": {name: _packed(name, 2000 if given.short else 30_000) for name in _SIZES},
        "documented": {kind: _documented(kind, given, panels) for kind in _KINDS},
        "unknown": {
            name: {kind: _unknown(name, kind, minutes, panels) for kind in _KINDS}
            for name in limits
        },
    }
    if given.draw:
        _PICTURE.write_text(drawn(panels), "utf-8")
    publish(given, measured)


def _packed(name: str, count: int) -> dict[str, float]:
    """Compare the units as packed, and in batches of 25 in input order, with the least possible."""
    rule = RunPlan(Verb.SET).packing
    records = list(records_of(count, _SIZES[name]))
    sizes = [wire_bytes(record) for record in records]
    least = max(sum(sizes) / 10_000, count / rule.max_records)
    forecaster = Forecaster(RunPlan(Verb.SET))
    for record in records:
        forecaster.admit(record)
    plain = units_of(cut(sizes, rule.max_records, rule.max_bytes), sizes)
    return {
        "plain": round(plain / least, 3),
        "packed": round(forecaster.finish().units / least, 3),
    }


def _documented(kind: Kind, given: argparse.Namespace, panels: list[Panel]) -> dict[str, float]:
    """Send 6,000 batches of one unit each, as fast as the documented quota allows."""
    packing = _ONE_EACH if given.short else RunPlan(Verb.SET).packing
    count = 6000 * packing.max_records
    plan = RunPlan(Verb.SET, packing=packing, pace=Pace.of(1.0), finds_concurrency=True)
    ran = simulate(plan, Quota(kind), records=count)
    assert ran.succeeded == count, "records were lost"
    least = plan.pace.least_seconds(6000, 6000)
    minutes = [let_through(ran.ticks, 60 * minute, 60 * minute + 60) / 4000 for minute in (0, 1)]
    refused = [refused_share(ran.ticks, 60 * minute, 60 * minute + 60) for minute in (0, 1)]
    panels.append(Panel("4000 units a minute, documented", kind, minutes, refused))
    return {
        "seconds": round(ran.seconds, 1),
        "against_least": round(ran.seconds / least, 3),
        "refused": round(refused_share(ran.ticks), 4),
    }


def _unknown(name: str, kind: Kind, minutes: int, panels: list[Panel]) -> dict[str, Any]:
    """Run for minutes against a limit that no header announces; report the first separately."""
    amount, seconds = _UNKNOWN[name]
    plan = RunPlan(Verb.SET, packing=_ONE_EACH, pace=Pace.of(0.7), finds_concurrency=True)
    quota = Quota(kind, ((amount, seconds, False),))
    watched = 60 * minutes
    ran = simulate(plan, quota, records=10**7, watched_seconds=watched)
    assert ran.failed == 0, "being throttled failed records"
    a_minute = amount * 60 / seconds
    starts = range(0, watched, 60)
    shares = [let_through(ran.ticks, start, start + 60) / a_minute for start in starts]
    refused = [refused_share(ran.ticks, start, start + 60) for start in starts]
    panels.append(Panel(f"{name}, unknown", kind, shares, refused))
    rest = let_through(ran.ticks, 60, watched) / (a_minute * (minutes - 1))
    return {
        "first_minute": {"share": round(shares[0], 3), "refused": round(refused[0], 3)},
        "after_it": {
            "share": round(rest, 3),
            "refused": round(refused_share(ran.ticks, 60, watched), 3),
        },
    }


if __name__ == "__main__":
    main()
