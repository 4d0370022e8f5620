"""What one of several commands or processes may use of a quota that they divide."""

from typing import Final

import pytest

from kvsctl.bulk.pacing.pace import Pace
from kvsctl.cli.compare_request import comparison
from kvsctl.cli.option_groups import Given, OptionGroup
from kvsctl.cli.options.comparing import DiffOptions
from kvsctl.cli.options.input import ShardOption
from kvsctl.cli.options.running import QuotaParts, RunningOptions
from kvsctl.cli.options.selection import ShardSelector
from kvsctl.cli.options.target import TargetOptions
from kvsctl.cli.request import basis_of
from kvsctl.cli.stores import source_store
from kvsctl.config.settings import DEFAULTS
from kvsctl.jobs.store.listing import ListedStore

_STORE: Final = TargetOptions(url="http://127.0.0.1:8")
_WHOLE: Final = Pace.of(DEFAULTS.quota_share)


def _pace(*groups: OptionGroup) -> Pace:
    return basis_of(Given([_STORE, *groups])).plan.pace


@pytest.mark.parametrize("group", [ShardOption, ShardSelector])
def test_the_shards_of_a_store_divide_the_share(group: type[ShardOption | ShardSelector]) -> None:
    assert _pace() == _WHOLE
    assert _pace(group(shard="3/4")) == _WHOLE.divided(4)
    share = RunningOptions(quota_share=1.0)
    assert _pace(group(shard="3/4"), share) == Pace.of(1).divided(4)


def test_what_replaces_the_share_holds_for_each_shard() -> None:
    shard, given = ShardOption(shard="3/4"), RunningOptions(rps=10)
    share = Pace.of(DEFAULTS.quota_share, rps=10, commands=4)
    assert _pace(shard, given) == share
    assert share.requests_per_second == 10
    given = RunningOptions(rps=10, units_per_min=30)
    assert _pace(shard, given) == Pace(10, 30)
    assert _pace(shard, RunningOptions(units_per_min=0)).units_per_minute is None


def test_the_workers_of_a_shard_divide_all_that_it_may_use() -> None:
    """Shard 3/4 by two workers is 3/8 and 7/8."""
    parts = ShardOption(shard="7/8"), QuotaParts(parts=2)
    assert _pace(*parts) == _WHOLE.divided(8)
    assert _pace(*parts, RunningOptions(rps=10, units_per_min=30)) == Pace(5, 15)
    assert _pace(ShardOption(shard="2/2"), QuotaParts(parts=2)) == _WHOLE.divided(2)


def test_both_stores_of_a_comparison_are_read_by_all_shards() -> None:
    options = DiffOptions(from_="http://127.0.0.1:9"), ShardSelector(shard="1/5")
    job = comparison(Given([_STORE, *options]))
    assert isinstance(job.left, ListedStore)
    assert isinstance(job.right, ListedStore)
    assert job.left.store.plan.pace == job.right.store.plan.pace == _WHOLE.divided(5)


def test_shards_of_installations_divide_only_what_all_installations_share() -> None:
    parts = QuotaParts(shards_of_installations=4)
    assert _pace(parts) == _WHOLE
    bridged = Pace(1, 2, 3, 40)
    assert bridged.with_app_divided(4) == Pace(1, 2, 3, 10)
    assert source_store("http://127.0.0.1:9", Given([parts])).plan.pace == _WHOLE.divided(4)
