"""What the options of diff ask for."""

import pytest

from kvsctl.cli.compare_request import comparison
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.target import TargetOptions
from kvsctl.jobs.store.listing import ListedStore


def test_a_store_is_listed_with_the_concurrency_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KVSCTL_CONCURRENCY", "3")
    options = DiffOptions(from_="http://127.0.0.1:9"), TargetOptions(url="http://127.0.0.1:8")
    job = comparison(Given(options))
    assert isinstance(job.left, ListedStore)
    assert job.left.plan.chains == 3
