"""Many installations at a time, each held to its own quota: by the emulator's own accounting."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvsctl.emulator.switches.quota import QuotaOptions
from tests.support.commands.command import Command
from tests.support.simulated.app import App

Apps = Callable[[int, int, QuotaOptions], App]


@pytest.fixture
def app_of() -> Iterator[Apps]:
    """Make apps, and close them at the end."""
    apps: list[App] = []

    def make(installations: int, records: int, quota: QuotaOptions) -> App:
        apps.append(App(installations, records, quota))
        return apps[-1]

    yield make
    for app in apps:
        app.close()


@pytest.mark.parametrize("window", ["sliding", "fixed", "bucket"])
def test_each_uses_all_of_its_quota_and_no_more(
    app_of: Apps, kvsctl: Command, tmp_path: Path, window: str
) -> None:
    app = app_of(25, 250, _quota(4, window))
    words = ("delete", "--prefix", "tmp:", "--yes", "--units-per-min", "4", "--at-once", "25")
    report = app.run(kvsctl, tmp_path, *words, "--json").report
    assert (report["exit_code"], report["succeeded"]) == (0, 25 * 250)
    assert (report["throttled"], app.quota.refused) == (0, 0)
    assert app.most_used("write") == [4] * 25
    assert 120 <= app.seconds <= 122  # three minutes' units: 4, 4 and 2


def test_five_hundred_at_once_use_all_of_their_quotas(
    app_of: Apps, kvsctl: Command, tmp_path: Path
) -> None:
    app = app_of(500, 75, _quota(2, "sliding"))
    words = ("delete", "--prefix", "tmp:", "--yes", "--units-per-min", "2", "--at-once", "500")
    report = app.run(kvsctl, tmp_path, *words, "--json").report
    assert (report["exit_code"], report["succeeded"]) == (0, 500 * 75)
    assert (report["throttled"], app.quota.refused) == (0, 0)
    assert app.most_used("write") == [2] * 500
    assert 60 <= app.seconds <= 61  # two minutes' units: 2 and 1


@pytest.mark.parametrize("consent", [("--max-delete", "100000"), ()])
def test_a_listing_and_the_changes_after_it_keep_to_one_quota(
    app_of: Apps, kvsctl: Command, tmp_path: Path, consent: tuple[str, ...]
) -> None:
    app = app_of(3, 1000, _quota(12, "sliding"))
    words = ("delete", "--prefix", "tmp:", "--yes", "--units-per-min", "12", *consent)
    report = app.run(kvsctl, tmp_path, *words, "--verify", "--json").report
    assert (report["exit_code"], report["succeeded"]) == (0, 3 * 1000)
    assert (report["throttled"], app.quota.refused) == (0, 0)
    assert max(app.most_used("read")) <= 12


def _quota(units: int, window: str) -> QuotaOptions:
    return QuotaOptions(
        read_units_per_minute=units,
        write_units_per_minute=units,
        window=window,  # type: ignore[arg-type]
    )
