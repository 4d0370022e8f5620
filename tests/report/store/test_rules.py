"""What a report has of each rule of a retention file."""

from kvsctl.bulk.events import RecordsRead, RequestEnded, Settled
from kvsctl.bulk.forecast import Forecast
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.model import Outcome, State, Verb
from kvsctl.report.dry_run import DryRun
from kvsctl.report.store.rules import RuleReport, dry_run_of, rule_lines
from tests.support.outcomes import failed, record
from tests.support.terminal import stderr

_FORECAST = Forecast(
    records=2,
    duplicates=0,
    requests=1,
    units=3,
    are_units_least=False,
    bytes_sent=2_500,
    least_seconds=1.0,
    reads=2,
)


def _tally() -> Tally:
    tally = Tally()
    tally(RecordsRead(4))
    skipped = Outcome(record(2), State.SKIPPED, skipped_by="changed")
    tally(Settled([failed(3), skipped, *(Outcome(record(n), State.SUCCEEDED) for n in range(2))]))
    tally(RequestEnded(Verb.DELETE, 2, 200, 0.1, 10, 20, 3, is_retry=False))
    return tally


def _lines(*rules: RuleReport) -> list[str]:
    with stderr(200) as (environment, _):
        return rule_lines(rules, environment).splitlines()


def test_a_rule_has_the_totals_of_its_records() -> None:
    rule = RuleReport("old", "delete", None, _tally(), kept=3)
    assert rule.members == {
        "name": "old",
        "action": "delete",
        "records": 4,
        "succeeded": 2,
        "failed": 1,
        "skipped": 1,
        "skipped_by": {"changed": 1},
        "kept": 3,
        "unknown": 0,
        "unsent": 0,
        "requests": 1,
        "units": {"read": 0, "write": 3},
    }
    assert _lines(rule) == [
        "  old  delete  4 records · 2 succeeded · 1 failed · 1 skipped (changed 1) · 3 kept"
    ]


def test_a_dry_run_has_what_the_rule_would_need_at_most() -> None:
    rule = RuleReport("logs", "expire", "30d", Tally(), dry_run=DryRun(_FORECAST, 0.005))
    rule.tally(RecordsRead(2))
    rule.tally(Settled([Outcome(record(n), State.SUCCEEDED) for n in range(2)]))
    assert rule.dry_run is not None
    rule.dry_run.enter(rule.tally)
    assert (rule.members["ttl"], rule.members["unsent"]) == ("30d", 2)
    assert rule.members["dry_run"] is True
    assert rule.members["cost_usd"] == 0.005
    assert _lines(rule) == [
        "  logs  expire 30d  2 records · 2 to send · at most 3 requests · "
        "at most 3 write units · less than 0.01 USD"
    ]
    nothing = RuleReport("logs", "expire", "30d", Tally(), dry_run=DryRun(_FORECAST, 0.0))
    assert _lines(nothing) == ["  logs  expire 30d  0 records"]


def test_what_all_rules_would_need_adds_up() -> None:
    rules = [
        RuleReport("a", "delete", None, Tally(), dry_run=DryRun(_FORECAST, 0.25)) for _ in range(2)
    ]
    both = dry_run_of(rules)
    assert both is not None
    assert (both.cost_usd, both.forecast.records, both.forecast.reads) == (0.5, 4, 4)
    assert dry_run_of([RuleReport("a", "delete", None, Tally())]) is None


def test_a_rule_without_a_name_has_no_line_and_names_are_escaped() -> None:
    rules = [RuleReport(name, "delete", None, Tally()) for name in (None, "a\u202eb")]
    assert _lines(*rules) == ["  a\\u202eb  delete  0 records"]
