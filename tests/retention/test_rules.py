"""Which of several rules settles a record."""

import pytest
from msgspec.structs import replace

from kvsctl.retention.groups import GroupTemplate, Latest
from kvsctl.retention.rules import Keeping, Rule, Rules, Step
from kvsctl.selection.content.ages import age_source
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.moments import Age
from kvsctl.selection.patterns import glob
from kvsctl.selection.selection import AgeFrom, Known, Selection, Verdict
from kvsctl.shards import Shard

_CHOSEN, _UNDECIDED, _NOT = Verdict.CHOSEN, Verdict.UNDECIDED, Verdict.NOT_CHOSEN
_GROUPS = Keeping(1, GroupTemplate.of("r:{who}:*"))


def _known(value: bytes = b"1", updated: float | None = 5.0, expires: float | None = None) -> Known:
    text = None if expires is None else "2000-01-01T00:00:00Z"
    return Known(len(value), 1.0, updated, expires is not None, expires, text, value)


def _where(text: str) -> Selection:
    return Selection("r:", where=[Expression(text, "--where")])


def test_the_first_rule_that_says_something_ends_the_steps() -> None:
    rules = Rules([Rule(Selection("a")), Rule(Selection("b")), Rule(Selection(""))])
    assert rules.steps(None, "b1", _known(), 0.0) == [Step(1, _CHOSEN)]
    assert rules.steps(None, "c1", _known(), 0.0) == [Step(2, _CHOSEN)]
    assert rules.steps("e", "b1", _known(), 0.0) == []


def test_an_undecided_record_is_not_given_to_later_rules() -> None:
    rules = Rules([Rule(_where("value > `5`")), Rule(Selection("r:"))])
    assert rules.steps(None, "r:a:1", _known(b'"?"'), 0.0) == [Step(0, _UNDECIDED)]
    assert rules.chosen_by([Step(0, _UNDECIDED)], None, "r:a:1", {}) is None
    assert rules.steps(None, "r:a:1", _known(b"3"), 0.0) == [Step(1, _CHOSEN)]


def test_a_member_of_a_group_is_listed_even_if_its_rule_does_not_choose_it() -> None:
    rules = Rules([Rule(_where("value > `5`"), keeping=_GROUPS), Rule(Selection("r:a"))])
    steps = rules.steps(None, "r:a:1", _known(b"3"), 0.0)
    assert steps == [Step(0, _NOT, 5.0), Step(1, _CHOSEN)]
    assert rules.judge(None, "r:a:1", _known(b"3"), 0.0) is _CHOSEN
    latest = Latest(1)
    latest.take(("", "a"), 9.0, "r:a:2")
    assert rules.chosen_by(steps, None, "r:a:1", {0: latest}) == 1
    latest = Latest(1)
    latest.take(("", "a"), 5.0, "r:a:1")
    assert rules.chosen_by(steps, None, "r:a:1", {0: latest}) is None


@pytest.mark.parametrize(
    ("key", "known", "step"),
    [
        ("r:a", _known(), Step(0, _UNDECIDED)),
        ("r:a:1", _known(updated=None), Step(0, Verdict.LACKING)),
        ("r:a:1", _known(), Step(0, _CHOSEN, 5.0)),
    ],
)
def test_a_record_without_a_group_or_a_time_is_not_chosen(
    key: str, known: Known, step: Step
) -> None:
    rules = Rules([Rule(Selection("r:"), keeping=_GROUPS)])
    assert rules.steps(None, key, known, 0.0) == [step]
    expected = Verdict.LACKING if step.verdict is Verdict.LACKING else _CHOSEN
    assert rules.judge(None, key, known, 0.0) is expected


def test_the_order_of_a_group_is_that_of_the_time_that_ages_count_from() -> None:
    for source, time in (
        (AgeFrom.CREATED, 1.0),
        (AgeFrom.UPDATED, 5.0),
        (age_source("key:%Y-%m-%d", "--age-from"), 1769904000.0),
    ):
        rule = Rule(Selection("r:", age_from=source), keeping=Keeping(1))
        [step] = Rules([rule]).steps(None, "r:2026-02-01", _known(), 0.0)
        assert step.time == time
        assert (rule.needs_created, rule.needs_updated) == (
            source is AgeFrom.CREATED,
            source is AgeFrom.UPDATED,
        )


def test_an_entity_has_groups_of_its_own() -> None:
    assert _GROUPS.group_of(None, "r:a:1") == ("", "a")
    assert _GROUPS.group_of("e", "r:a:1") == ("e", "a")
    assert Keeping(1).group_of("e", "r:a:1") == ("e",)
    assert _GROUPS.group_of(None, "s:a:1") is None


def test_expired_records_are_left_to_later_rules() -> None:
    rules = Rules([Rule(Selection("r:"), skips_expired=True), Rule(Selection("r:"))])
    assert rules.steps(None, "r:1", _known(expires=10.0), 9.0) == [Step(0, _CHOSEN)]
    assert rules.steps(None, "r:1", _known(expires=10.0), 10.0) == [Step(1, _CHOSEN)]
    assert not rules.is_of_keys_only
    assert rules.needs_expiry


def test_an_expired_record_is_in_no_group() -> None:
    rules = Rules([Rule(Selection("r:"), keeping=_GROUPS)])
    assert rules.steps(None, "r:a:1", _known(expires=10.0), 9.0) == [Step(0, _CHOSEN, 5.0)]
    assert rules.steps(None, "r:a:1", _known(expires=10.0), 10.0) == [Step(0, _CHOSEN)]
    assert rules.steps(None, "r:a", _known(expires=10.0), 10.0) == [Step(0, _UNDECIDED)]


def test_a_key_of_another_part_is_listed_only_for_its_group() -> None:
    shards = [Shard(1, 2), Shard(2, 2)]
    plain = [Rules([Rule(Selection("r:"))], shard) for shard in shards]
    grouped = [Rules([Rule(Selection("r:"), keeping=_GROUPS)], shard) for shard in shards]
    chosen = [rules.judge(None, "r:a:1", _known(), 0.0) is _CHOSEN for rules in plain]
    assert sorted(chosen) == [False, True]
    assert chosen == [rules.chooses_key(None, "r:a:1") for rules in plain]
    assert all(rules.judge(None, "r:a:1", _known(), 0.0) is _CHOSEN for rules in grouped)


def test_what_must_be_listed_is_that_of_the_rules_for_an_entity() -> None:
    rules = Rules(
        [
            Rule(Selection("a:b")),
            Rule(Selection("a:"), frozenset({None, "e"})),
            Rule(Selection("", matches=[glob("c*"), glob("d?")]), frozenset({"e"})),
        ]
    )
    assert rules.prefixes_in(None) == ["a:"]
    assert rules.prefixes_in("e") == ["a:", "c", "d"]
    assert rules.prefixes_in("other") == []


def test_only_one_rule_without_groups_is_a_selection() -> None:
    one = Rule(Selection("a"))
    assert Rules([one]).chooser is one.selection
    for rules in (
        Rules([one, one]),
        Rules([Rule(Selection("a"), keeping=Keeping(1))]),
        Rules([one], Shard(1, 2)),
    ):
        assert rules.chooser is rules


def test_ages_of_all_rules_count_from_one_moment() -> None:
    rules = Rules([Rule(Selection("a")), Rule(Selection("b", older_than=Age(10.0)))])
    assert rules.counts_back
    fixed = rules.counted_from(100.0)
    assert not fixed.counts_back
    assert fixed.steps(None, "b", _known(updated=89.0), 500.0) == [Step(1, _CHOSEN)]
    assert fixed.steps(None, "b", _known(updated=91.0), 500.0) == []


@pytest.mark.parametrize(
    ("one", "other", "may_meet"),
    [
        (Rule(Selection("a:")), Rule(Selection("a:b")), True),
        (Rule(Selection("a:")), Rule(Selection("b:")), False),
        (Rule(Selection("")), Rule(Selection("b:")), True),
        (Rule(Selection("a:")), Rule(Selection("a:"), frozenset({"e"})), False),
        (Rule(Selection("", matches=[glob("a*"), glob("b*")])), Rule(Selection("b:")), True),
    ],
)
def test_rules_of_other_keys_do_not_meet(one: Rule, other: Rule, *, may_meet: bool) -> None:
    for before, after in ((one, other), (other, one)):
        by_more = replace(before, skips_expired=True)
        assert Rules([by_more, after]).are_by_key() == [False, not may_meet]


def test_keys_that_a_rule_must_list_are_counted() -> None:
    rule = Rule(Selection("a:"), frozenset({"e"}))
    assert rule.covers("e", ("a:",), ["a:1", "b:1", "a:2"]) == 2
    assert rule.covers(None, ("a:",), ["a:1"]) == 0


def test_a_rule_is_by_key_if_the_rules_that_it_may_meet_are() -> None:
    by_key, by_value = Rule(Selection("a:")), Rule(Selection("b:", larger_than=5))
    rules = Rules([by_key, by_value, by_key, Rule(Selection(""))])
    assert rules.are_by_key() == [True, False, True, False]
    assert not Rules([Rule(Selection("a:"), keeping=Keeping(1))]).are_by_key()[0]
    assert not Rules([Rule(Selection("a:"), skips_expired=True), by_key]).are_by_key()[1]
