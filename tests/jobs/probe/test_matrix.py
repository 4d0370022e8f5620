"""A probe tells emulators apart by every switch for what the documentation leaves open."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.cli.commands.tools.serve import _emulator_options
from kvsctl.cli.options.serve import OpenOptions, QuotaFlags, ServingOptions
from kvsctl.emulator.switches.quota import QuotaOptions
from kvsctl.limits import DEFAULT_LIMITS
from tests.jobs.probe.probing import Outcome, probed
from tests.support.examples import examples

_QUICK = ("missing-keys", "queries", "bad-records", "ttl-less-set", "expiry", "values")
_DEFAULTS: dict[str, Any] = {
    "missing-keys": "failed", "query-lag": 0.0, "query-metadata": "current",
    "bad-record": "fails-alone", "ttl-less-set": "clears-expiry", "expiry": "lazy",
    "normalise": False,
}  # fmt: skip


def _clean(outcome: Outcome) -> Outcome:
    assert (outcome.error, outcome.written, outcome.stored) == (None, [], [])
    return outcome


def test_an_emulator_as_it_is() -> None:
    assert _clean(probed(*_QUICK)).answers == _DEFAULTS


@pytest.mark.parametrize(
    ("options", "answers"),
    [
        ({"missing_keys": "left-out"}, {"missing-keys": "left-out"}),
        ({"bad_record": "refuses-batch"}, {"bad-record": "refuses-batch"}),
        (
            {"refuse_batch_for": frozenset({"INVALID_TTL", "MAX_SIZE"})},
            {"refuse-batch-for": ["INVALID_TTL", "MAX_SIZE"]},
        ),
        ({"ttl_less_set": "keeps-expiry"}, {"ttl-less-set": "keeps-expiry"}),
        ({"expiry": "strict"}, {"expiry": "strict"}),
        ({"normalise": True}, {"normalise": True}),
        ({"query_metadata": "stale"}, {"query-metadata": "stale"}),
        ({"query_metadata": "omitted"}, {"query-metadata": "omitted"}),
        ({"query_lag_seconds": 5.0}, {"query-lag": 5.0}),
        (
            {"query_lag_seconds": 5.0, "query_metadata": "stale"},
            {"query-lag": 5.0, "query-metadata": "stale"},
        ),
    ],
    ids=lambda given: "-".join(given),
)
def test_each_switch_is_told(options: dict[str, Any], answers: dict[str, Any]) -> None:
    assert _clean(probed(*_QUICK, **options)).answers == _DEFAULTS | answers


@pytest.mark.parametrize("status", [413, 400])
@pytest.mark.parametrize("limit", [4_194_304, 4_000_000, 1_048_576, 1_000_000])
def test_the_size_of_a_request(limit: int, status: int) -> None:
    limits = DEFAULT_LIMITS._replace(batch_bytes=limit)
    outcome = _clean(probed("payload", limits=limits, payload_status=status))
    assert (outcome.limits, outcome.answers) == ({"batch_bytes": limit}, {"payload-status": status})


@pytest.mark.parametrize(("limit", "known"), [(5_000_000, 4_300_000), (500_000, None)])
def test_a_size_beyond_the_candidates(limit: int, known: int | None) -> None:
    outcome = _clean(probed("payload", limits=DEFAULT_LIMITS._replace(batch_bytes=limit)))
    assert (outcome.limits.get("batch_bytes"), outcome.answers) == (known, {})


@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("unit_bytes", [10_000, 10_240])
@pytest.mark.parametrize("delete", ["size", "keys", "free"])
@pytest.mark.parametrize("refused", ["free", "size"])
def test_the_quota(window: Any, unit_bytes: int, delete: str, refused: str) -> None:
    outcome = _clean(
        probed(
            "quota",
            quota=QuotaOptions(write_units_per_minute=240, window=window),
            limits=DEFAULT_LIMITS._replace(unit_bytes=unit_bytes),
            delete_cost=delete,
            refused_cost=refused,
        )
    )
    assert outcome.limits == {"unit_bytes": unit_bytes}, outcome.notes
    assert outcome.answers == {
        "announce": "retry-after", "delete-cost": delete, "refused-cost": refused
    }, outcome.notes  # fmt: skip


@pytest.mark.slow
def test_the_documented_quota() -> None:
    outcome = _clean(probed("quota", quota=QuotaOptions(), delete_cost="free"))
    assert outcome.limits == {"unit_bytes": 10_000}
    assert outcome.answers["delete-cost"] == "free"
    assert "the quota is about 4,000 write units" in outcome.notes
    assert outcome.seconds < 660


@pytest.mark.parametrize("announces", ["retry-after", "reset", "nothing"])
def test_what_a_429_says(announces: Any) -> None:
    quota = QuotaOptions(write_units_per_minute=100, announces=announces)
    assert _clean(probed("quota", quota=quota)).answers["announce"] == announces


def test_without_a_quota_nothing_is_known_of_it() -> None:
    outcome = _clean(probed("quota"))
    assert (outcome.answers, outcome.limits) == ({}, {})
    assert "there is no quota" in outcome.notes[0]


@settings(max_examples=examples(15))
@given(
    st.fixed_dictionaries(
        {
            "missing_keys": st.sampled_from(["failed", "left-out"]),
            "bad_record": st.sampled_from(["fails-alone", "refuses-batch"]),
            "ttl_less_set": st.sampled_from(["clears-expiry", "keeps-expiry"]),
            "expiry": st.sampled_from(["lazy", "strict"]),
            "normalise": st.booleans(),
            "query_metadata": st.sampled_from(["current", "stale", "omitted"]),
            "query_lag_seconds": st.sampled_from([0.0, 2.0, 7.5]),
        }
    )
)
def test_any_emulator_is_made_again_from_its_profile(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, Any]
) -> None:
    outcome = _clean(probed(*_QUICK, **options))
    path: Path = tmp_path_factory.mktemp("profile") / "profile.json"
    path.write_text(json.dumps({"profile": 1, "answers": outcome.answers}))
    made = _emulator_options(ServingOptions(), OpenOptions(profile=path), QuotaFlags())
    assert {name: getattr(made, name) for name in options} == options
