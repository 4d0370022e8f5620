"""Quota options, and units as the service counts them."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.quota import Cost, Quota, QuotaOptions
from kvsctl.emulator.web.app import Emulator
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served


class _Counting(Quota):
    """A quota that notes what it let in."""

    def __init__(self, options: QuotaOptions) -> None:
        super().__init__(options)
        self.units = {"read": 0, "write": 0}

    def admit(
        self, installation: str, cost: Cost, units: int, now_ms: int, *, is_batch: bool = False
    ) -> None:
        super().admit(installation, cost, units, now_ms, is_batch=is_batch)
        self.units[cost] += units

    def adjust(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        super().adjust(installation, cost, units, now_ms)
        self.units[cost] += units


@pytest.fixture
def counting() -> Iterator[tuple[str, _Counting]]:
    options = QuotaOptions()
    with closing(Store(":memory:")) as store:
        emulator = Emulator(EmulatorOptions(quota=options), store)
        quota = emulator.quota = _Counting(options)
        with served(emulator) as url:
            yield url, quota


@pytest.mark.parametrize("seed", range(4))
def test_the_report_counts_units_as_the_service_does(
    kvsctl: Command, tmp_path: Path, counting: tuple[str, _Counting], seed: int
) -> None:
    url, quota = counting
    random = Random(seed)
    median = [50, 600, 3000, 300][seed]
    sizes = [min(60_000, int(median * random.lognormvariate(0, 1.5))) for _ in range(400)]
    ttls = [{"ttl": "1h"} if random.random() < 0.3 else {} for _ in sizes]
    records = [
        {"key": f"k{place}", "value": "é" * (size // 6), **ttl}
        for place, (size, ttl) in enumerate(zip(sizes, ttls, strict=True))
    ]
    source = records_file(tmp_path / "in.jsonl", records)
    reported = {"read": 0, "write": 0}
    for words in (["set", "-f", source], ["set", "-f", source, "--verify"], ["get"], ["delete"]):
        keys = json.dumps([f"k{place}" for place in range(0, 400, 3)])
        given = words if len(words) > 1 else [*words, *json.loads(keys)]
        ended = kvsctl(*given, "--url", url, "--json", status=0)
        assert ended.report["retries"] == 0
        for cost, units in ended.report["units"].items():
            reported[cost] += units
        assert reported == quota.units


def test_requests_a_second_are_bounded(kvsctl: Command, counting: tuple[str, _Counting]) -> None:
    url, _ = counting
    pairs = [f"k{place}=1" for place in range(41)]
    words = ["set", "--url", url, "--json", "--batch-size", "1", "--rps", "20", *pairs]
    assert kvsctl(*words, status=0).report["elapsed_s"] >= 2


def test_units_a_minute_are_bounded_in_a_target_of_the_file(
    kvsctl: Command, tmp_path: Path, counting: tuple[str, _Counting]
) -> None:
    url, _ = counting
    config = tmp_path / "config.toml"
    config.write_text(f'[targets.t]\nurl = "{url}"\nquota_share = 0.003\n', "utf-8")
    settled = kvsctl.having(KVSCTL_CONFIG=str(config))
    pairs = [f"k{place}=1" for place in range(6)]
    within = settled("set", "-t", "t", "--json", "--batch-size", "1", *pairs, status=0).report
    assert within["units"]["write"] == 6
    assert 0.9 <= within["elapsed_s"] < 30, "3 requests per second, 12 units per minute"


@pytest.mark.parametrize(
    "words", [("--quota-share", "0"), ("--quota-share", "1.1"), ("--rps", "-1")]
)
def test_a_pace_that_cannot_be_kept_is_a_usage_error(
    kvsctl: Command, words: tuple[str, str]
) -> None:
    ended = kvsctl("set", "-t", "local", "k=1", *words, status=2)
    assert words[0].encode() in ended.err
