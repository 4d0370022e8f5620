"""The rules of reports add up, rule by rule."""

import pytest

from kvsctl.report.merging.rules import are_rules, merged_rules


def test_a_rule_has_the_sums_of_all_parts() -> None:
    one = {"name": "a", "action": "delete", "records": 2, "skipped_by": {"x": 1}, "more": 1}
    other = {"name": "a", "action": "delete", "records": 3, "skipped_by": {"x": 1, "b": 2}}
    expiring = {"name": "a", "action": "expire", "ttl": "30d", "records": 1}
    assert merged_rules([[one, expiring], [], [other]]) == [
        {"name": "a", "action": "delete", "records": 5, "skipped_by": {"b": 2, "x": 2}},
        expiring,
    ]


def test_prices_add_up_and_times_do_not() -> None:
    parts = [
        {"name": "a", "action": "delete", "least_s": seconds, "cost_usd": usd}
        for seconds, usd in ((1.0, 0.1), (3.0, 0.2), (2.0, 0.3))
    ]
    assert merged_rules([[part] for part in parts]) == [
        {"name": "a", "action": "delete", "least_s": 3.0, "cost_usd": 0.6}
    ]


@pytest.mark.parametrize(
    "rules",
    [
        None,
        {},
        [1],
        [{}],
        [{"name": "a"}],
        [{"name": 1, "action": "delete"}],
        [{"name": "a", "action": "delete", "ttl": None}],
        [{"name": "a", "action": "delete", "records": -1}],
        [{"name": "a", "action": "delete", "records": True}],
        [{"name": "a", "action": "delete", "units": 5}],
        [{"name": "a", "action": "delete", "skipped_by": {"x": "1"}}],
        [{"name": "a", "action": "delete", "cost_usd": float("nan")}],
    ],
)
def test_what_does_not_add_up_is_no_list_of_rules(rules: object) -> None:
    assert not are_rules(rules)
    assert are_rules([{"name": "a", "action": "delete", "records": 1}])
