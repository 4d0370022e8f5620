import json
from pathlib import Path
from typing import Any

import pytest

from kvsctl.cli.commands.tools.serve import _emulator_options
from kvsctl.cli.options.serve import OpenOptions, QuotaFlags, ServingOptions
from kvsctl.emulator import EmulatorError
from kvsctl.emulator.switches.profile import CHOICES, read_profile

ALL: dict[str, Any] = {
    "bad-record": "refuses-batch", "missing-keys": "left-out", "payload-status": 400,
    "ttl-less-set": "keeps-expiry", "expiry": "strict", "normalise": True,
    "query-metadata": "omitted", "delete-cost": "keys", "refused-cost": "size",
    "announce": "reset", "query-lag": 2.5, "refuse-batch-for": ["INVALID_TTL"],
}  # fmt: skip


def _written(folder: Path, document: Any) -> Path:
    path = folder / "profile.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def _profile(folder: Path, **members: Any) -> Path:
    return _written(folder, {"profile": 1, "target": "prod", **members})


def test_every_switch_is_set(tmp_path: Path) -> None:
    limits = {"batch_bytes": 4_194_304, "unit_bytes": 10_240}
    path = _profile(tmp_path, answers=ALL, limits=limits)
    options = _emulator_options(
        ServingOptions(), OpenOptions(profile=path), QuotaFlags(quotas=True)
    )
    assert (options.bad_record, options.missing_keys) == ("refuses-batch", "left-out")
    assert (options.payload_status, options.ttl_less_set) == (400, "keeps-expiry")
    assert (options.expiry, options.normalise, options.query_metadata) == (
        *("strict", True, "omitted"),
    )
    assert (options.delete_cost, options.refused_cost) == ("keys", "size")
    assert options.query_lag_seconds == 2.5
    assert options.refuse_batch_for == frozenset({"INVALID_TTL"})
    assert (options.limits.batch_bytes, options.limits.unit_bytes) == (4_194_304, 10_240)
    assert options.quota is not None
    assert options.quota.announces == "reset"


def test_a_switch_beside_it_wins_even_with_the_default(tmp_path: Path) -> None:
    path = _profile(tmp_path, answers=ALL, limits={"unit_bytes": 10_240})
    options = _emulator_options(
        ServingOptions(),
        OpenOptions(profile=path, missing_keys="failed", kb="1000", query_lag="0"),
        QuotaFlags(announce="retry-after"),
    )
    assert (options.missing_keys, options.expiry) == ("failed", "strict")
    assert (options.limits.unit_bytes, options.query_lag_seconds) == (10_000, 0.0)
    assert options.quota is not None
    assert options.quota.announces == "retry-after"


def test_a_profile_sets_no_quota(tmp_path: Path) -> None:
    path = _profile(tmp_path, answers=ALL)
    assert (
        _emulator_options(ServingOptions(), OpenOptions(profile=path), QuotaFlags()).quota is None
    )


def test_what_was_not_found_out_is_as_by_default(tmp_path: Path) -> None:
    path = _profile(tmp_path, answers={})
    found = _emulator_options(ServingOptions(), OpenOptions(profile=path), QuotaFlags())
    assert found == _emulator_options(ServingOptions(), OpenOptions(), QuotaFlags())


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a profile"),
        ({"answers": {}}, "is not a profile"),
        ({"profile": 2}, "a format that this version does not know"),
        ({"profile": 1, "answers": []}, "must be objects"),
        ({"profile": 1, "answers": {"kb": 1000}}, "kb is not an answer"),
        ({"profile": 1, "answers": {"expiry": "never"}}, "expiry is not an answer"),
        ({"profile": 1, "answers": {"normalise": 1}}, "normalise is not an answer"),
        ({"profile": 1, "answers": {"query-lag": -1}}, "query-lag is not an answer"),
        ({"profile": 1, "answers": {"query-lag": True}}, "query-lag is not an answer"),
        ({"profile": 1, "answers": {"refuse-batch-for": [1]}}, "refuse-batch-for is not an answer"),
        ({"profile": 1, "limits": {"unit_bytes": 0}}, "unit_bytes is not a limit"),
        ({"profile": 1, "limits": {"unit_bytes": 1.5}}, "unit_bytes is not a limit"),
        ({"profile": 1, "limits": {"key_chars": 5}}, "key_chars is not a limit"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, document: Any, said: str) -> None:
    with pytest.raises(EmulatorError, match=said):
        read_profile(_written(tmp_path, document))


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in CHOICES.items() for value in values]
)
def test_each_answer_is_taken(tmp_path: Path, name: str, value: object) -> None:
    assert read_profile(_profile(tmp_path, answers={name: value})).answers == {name: value}
