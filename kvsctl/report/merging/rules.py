"""The rules of many reports of `clean`: shards and installations each report their part."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

_SAME: Final = ("name", "action", "ttl")
"""The members that tell rules apart. They are texts; a rule may have no ttl."""
_COUNTS: Final = (
    "records",
    "succeeded",
    "failed",
    "skipped",
    "kept",
    "unknown",
    "unsent",
    "requests",
)
_NANO: Final = 1_000_000_000


def are_rules(value: object) -> bool:
    """Return whether a value is a list of rules as reports have them."""
    return isinstance(value, list) and all(_is_rule(each) for each in value)


def merged_rules(lists: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return each rule once, with the sums of its members, in order of appearance.

    `are_rules` must be true of each list. Another member stays if it is the same in all reports.
    """
    parts: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for rule in (rule for rules in lists for rule in rules):
        parts.setdefault(tuple(rule.get(name) for name in _SAME), []).append(rule)
    return [_sum(each) for each in parts.values()]


def _sum(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = dict.fromkeys(name for part in parts for name in part)
    whole: dict[str, Any] = {}
    for name in names:
        given = [part[name] for part in parts if name in part]
        if name in _ADDED:
            whole[name] = _ADDED[name](given)
        elif len(given) == len(parts) and all(one == given[0] for one in given):
            whole[name] = given[0]
    return whole


def _sum_of_counts(parts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for part in parts:
        totals.update(part)
    return dict(sorted(totals.items()))


def _total_usd(amounts: Sequence[float]) -> float:
    """Add amounts as whole billionths: sums of fractions would depend on their order."""
    return sum(round(amount * _NANO) for amount in amounts) / _NANO


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_counts(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_count, value.values()))


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _NANO


_ADDED: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(_COUNTS, sum),
    **dict.fromkeys(("skipped_by", "units"), _sum_of_counts),
    "least_s": max,
    "cost_usd": _total_usd,
}
_FIT: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(_SAME, lambda value: isinstance(value, str)),
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(("skipped_by", "units"), _are_counts),
    **dict.fromkeys(("least_s", "cost_usd"), _is_amount),
}


def _is_rule(value: object) -> bool:
    if not (isinstance(value, Mapping) and "name" in value and "action" in value):
        return False
    return all(is_fit(value[name]) for name, is_fit in _FIT.items() if name in value)
