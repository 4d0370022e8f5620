"""Workers divide the quota of an installation: together they stay within it, and use it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.quota import Cost, Quota, QuotaOptions
from kvsctl.emulator.web.app import Emulator
from tests.support.commands.command import Command, records_file
from tests.support.commands.server import served

_RATE = 40
_COUNT = 200


class _Watched(Quota):
    """A quota that notes when it was asked."""

    def __init__(self, options: QuotaOptions) -> None:
        super().__init__(options)
        self.asked_ms: list[int] = []

    def admit(
        self, installation: str, cost: Cost, units: int, now_ms: int, *, is_batch: bool = False
    ) -> None:
        self.asked_ms.append(now_ms)
        super().admit(installation, cost, units, now_ms, is_batch=is_batch)


@pytest.fixture
def watched() -> Iterator[tuple[str, _Watched]]:
    options = QuotaOptions(requests_per_second=_RATE, window="sliding")
    with closing(Store(":memory:")) as store:
        emulator = Emulator(EmulatorOptions(quota=options), store)
        quota = emulator.quota = _Watched(options)
        with served(emulator) as url:
            yield url, quota


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_workers_together_keep_to_the_quota_and_use_it(
    kvsctl: Command, tmp_path: Path, watched: tuple[str, _Watched], workers: int
) -> None:
    url, quota = watched
    records = [{"key": f"k{n}", "value": n} for n in range(_COUNT)]
    path = records_file(tmp_path / "in.jsonl", records)
    report = kvsctl.process(
        *("set", "-f", path, "--url", url, "--workers", str(workers), "--json"),
        *("--batch-size", "1", "--rps", str(_RATE), "--units-per-min", "0"),
        status=0,
    ).report
    assert report["succeeded"] == _COUNT
    # What reaches the service within a second may have been sent within a little more.
    assert report["throttled"] <= 0.02 * _COUNT
    seconds = (max(quota.asked_ms) - min(quota.asked_ms)) / 1000
    least_seconds = (_COUNT - _RATE) / _RATE
    assert least_seconds * 0.95 <= seconds
    assert _most_in_any_second(quota.asked_ms) >= 0.8 * _RATE


def _most_in_any_second(moments_ms: list[int]) -> int:
    return max(sum(start <= moment < start + 1000 for moment in moments_ms) for start in moments_ms)
