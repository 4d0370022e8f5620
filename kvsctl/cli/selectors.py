"""From options to a selection, and to what must be listed for it."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kvsctl.bulk.plan import RunPlan
from kvsctl.cli.option_groups import Given
from kvsctl.cli.options.cleanup.deleting import PrefixOption
from kvsctl.cli.options.listing import ConsistentOption, ExportOptions
from kvsctl.cli.options.selection import (
    EntityOptions,
    PrefixArgument,
    ProtectOption,
    SelectionOptions,
    ShardSelector,
)
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS
from kvsctl.listing.plan import ListingPlan
from kvsctl.records.checks import check_entity
from kvsctl.selection.contradictions import (
    excluding_all,
    why_no_key_begins,
    why_no_key_matches,
)
from kvsctl.selection.moments import Age, epoch_of, moment_of
from kvsctl.selection.patterns import GLOB_SPECIAL, glob, regex
from kvsctl.selection.ranges import index_range, json_or_text
from kvsctl.selection.selection import AgeFrom, Selection
from kvsctl.selection.sizes import size_bytes
from kvsctl.service.queries import BY_KEY, EntityIndex
from kvsctl.service.wire import MetadataRequest

if TYPE_CHECKING:
    from kvsctl.selection.content.ages import AgeSource
    from kvsctl.selection.content.expressions import Expression
    from kvsctl.selection.protected import Protected
    from kvsctl.shards import Shard

_LEGAL_CHARACTERS: Final = "Keys have letters, digits, white space and : . _ - # only."
_AGE_EXAMPLE: Final = "Write an age such as 30d, or a time such as 2026-01-31."
_CLOCK_ERROR_SECONDS: Final = 86_400
"""How far the clock of this machine may be behind that of the service."""


def with_prefix(given: Given) -> Given:
    """Return the same options, with `--prefix` as PREFIX. Raise UsageError if both are given."""
    prefix, option = given.of(PrefixArgument).prefix, given.of(PrefixOption).prefix_option
    if prefix is not None and option is not None:
        raise UsageError("PREFIX and --prefix exclude each other", "Give one of them.")
    return given.having(PrefixArgument(prefix=option if prefix is None else prefix))


def chooses_keys(prefix: str | None, options: SelectionOptions) -> bool:
    """Return whether keys are chosen, and not only records among all keys."""
    return bool(prefix or options.all or options.match or options.regex)


def require_selection(given: Given, command: str) -> None:
    """Raise UsageError unless keys are chosen. `given` must have the prefix as PREFIX."""
    if not chooses_keys(given.of(PrefixArgument).prefix, given.of(SelectionOptions)):
        raise UsageError(
            f"{command} needs a selection: PREFIX, --prefix, --match, --regex or --all",
            "Give --all for all keys. Other selectors choose among these.",
        )


def nothing_expired(given: Given) -> UsageError:
    """Return the error for `--expired` in a command that skips expired records."""
    is_asked = given.of(ExportOptions).skip_expired
    return UsageError(
        "--expired chooses nothing here: expired records are skipped",
        "Leave out --expired or --skip-expired." if is_asked else "Leave out --expired.",
    )


def listing_plan(
    given: Given,
    run_plan: RunPlan,
    *,
    limit: int | None = None,
    in_order: bool = False,
    is_long: bool = False,
    skip_expired: bool = False,
) -> ListingPlan:
    """Return what must be listed for the selection of the options. Raise UsageError.

    The number of ranges that are read at a time is that of the requests in flight in `run_plan`;
    `in_order`: only one. `is_long`: the times of records are printed.
    """
    selection = selection_of(given)
    if skip_expired and selection.is_expired:
        raise nothing_expired(given)
    page = DEFAULT_LIMITS.query_page
    if limit is not None and selection.is_of_prefix_only:
        page = min(page, limit)
    return ListingPlan(
        selection,
        spaces_of(given),
        chains=1 if in_order else run_plan.concurrency,
        page_records=page,
        needed=_needed_by(selection, is_long=is_long),
        limit=limit,
        rereads=given.of(ConsistentOption).consistent,
        skip_expired=skip_expired,
    )


def require_by_key(plan: ListingPlan) -> None:
    """Raise UsageError if a listing cannot be resumed, because it is not in key order."""
    if not plan.is_by_key:
        raise UsageError(
            "--journal cannot resume a listing by an index", "Leave out --index or --journal."
        )


def _needed_by(selection: Selection, *, is_long: bool) -> MetadataRequest:
    """Return the times that the listing cannot do without."""
    return MetadataRequest(
        created=is_long or selection.needs_created,
        updated=is_long or selection.needs_updated,
    )


def selection_of(given: Given, *, orders: bool = False) -> Selection:
    """Return the selection that the options ask for. Raise UsageError.

    `orders`: the time that an age counts from is needed even without an age.
    """
    options, prefix = given.of(SelectionOptions), given.of(PrefixArgument).prefix
    if options.all and prefix is not None:
        raise UsageError("--all and a prefix exclude each other", "Give one of them.")
    older, newer = options.older_than, options.newer_than
    selection = Selection(
        prefix or "",
        [glob(text) for text in options.match],
        [regex(text) for text in options.regex],
        [glob(text) for text in options.exclude],
        _age_from(options, orders=orders),
        None if older is None else moment_of(older, "--older-than"),
        None if newer is None else moment_of(newer, "--newer-than"),
        options.expired,
        options.no_expiry,
        None if options.larger_than is None else size_bytes(options.larger_than, "--larger-than"),
        shard_of(given),
        _expressions(options.where),
        _protected(given.of(ProtectOption).protect),
    )
    _require_possible_keys(options, selection)
    _require_possible_ages(options, selection, time.time(), orders=orders)
    return selection


def _require_possible_keys(options: SelectionOptions, selection: Selection) -> None:
    """Raise UsageError if no key can be chosen, or if a pattern matches none."""
    prefix = selection.prefix
    if why := why_no_key_begins(prefix):
        hint = "Use --match for a glob." if GLOB_SPECIAL.search(prefix) else _LEGAL_CHARACTERS
        raise UsageError(f"the prefix {quoted(prefix)}: {why}", hint)
    for flag, texts in (("--match", options.match), ("--exclude", options.exclude)):
        for text in texts:
            if why := why_no_key_matches(text):
                raise UsageError(f"{flag} {quoted(text)}: {why}", _LEGAL_CHARACTERS)
    for one in selection.regexes:
        if why := why_no_key_begins(one.prefix):
            raise UsageError(f"--regex {quoted(one.text)}: {why}", _LEGAL_CHARACTERS)
    if not selection.prefixes:
        names = {"the prefix": prefix, "--match": options.match, "--regex": options.regex}
        raise UsageError(
            f"{' and '.join(name for name, given in names.items() if given)} exclude each other: "
            "no key begins as they require",
            "Leave out one of them.",
        )
    if (exclude := excluding_all(selection)) is not None:
        text = quoted(exclude.text)
        if exclude.text in options.match:
            raise UsageError(
                f"--match {text} and --exclude {text} exclude each other", "Leave out one of them."
            )
        raise UsageError(
            f"--exclude {text} leaves out every key that is chosen",
            "Remove it, or choose other keys.",
        )


def _require_possible_ages(
    options: SelectionOptions, selection: Selection, now: float, *, orders: bool
) -> None:
    """Raise UsageError if no record can have the age or the expiry that is asked for."""
    if options.expired and options.no_expiry:
        raise UsageError(
            "--expired and --no-expiry exclude each other: without a ttl, no record expires",
            "Give one of them.",
        )
    ages = selection.older_than, selection.newer_than
    older, newer = (None if one is None else epoch_of(one, now) for one in ages)
    has_use = orders or older is not None or newer is not None
    if options.by != SelectionOptions.default("by") and not has_use:
        raise UsageError(f"--by {options.by} needs an age", "Add --older-than or --newer-than.")
    is_of_service = options.age_from is None  # a time that the app keeps can be any time
    if is_of_service and older is not None and older <= 0:
        raise UsageError(
            f"--older-than {quoted(options.older_than or '')}: no record is older than 1970",
            _AGE_EXAMPLE,
        )
    if is_of_service and newer is not None and newer > now + _CLOCK_ERROR_SECONDS:
        raise UsageError(
            f"--newer-than {quoted(options.newer_than or '')}: this is in the future", _AGE_EXAMPLE
        )
    if older is not None and newer is not None:
        depends_on_clock = isinstance(ages[0], Age) != isinstance(ages[1], Age)
        if newer >= older + _CLOCK_ERROR_SECONDS * depends_on_clock:
            raise UsageError(
                f"--older-than {quoted(options.older_than or '')} and --newer-than "
                f"{quoted(options.newer_than or '')} exclude each other: no record is both",
                "For records of the last week but not of today: --older-than 1d --newer-than 7d.",
            )


def shard_of(given: Given) -> "Shard | None":
    """Return the part of the keys that a command works on; None: all. Raise UsageError."""
    text = given.of(ShardSelector).shard
    if text is None:
        return None
    from kvsctl.shards import parsed_shard  # few jobs have shards

    return parsed_shard(text)


def _age_from(options: SelectionOptions, *, orders: bool) -> "AgeFrom | AgeSource":
    """Return the time that ages count from. Raise UsageError."""
    if options.age_from is None:
        return AgeFrom(options.by)
    if options.by != SelectionOptions.default("by"):
        raise UsageError("--age-from and --by exclude each other", "Give one of them.")
    if options.older_than is None and options.newer_than is None and not orders:
        raise UsageError("--age-from needs an age", "Add --older-than AGE or --newer-than AGE.")
    from kvsctl.selection.content.ages import age_source

    return age_source(options.age_from, "--age-from")


def _expressions(texts: Sequence[str]) -> "Sequence[Expression]":
    if not texts:
        return ()
    from kvsctl.selection.content.expressions import Expression

    return [Expression(text, "--where") for text in texts]


def _protected(path: Path | None) -> "Protected | None":
    if path is None:
        return None
    from kvsctl.cli.protecting import protected_keys

    return protected_keys(path)


def protected_by(plan: ListingPlan) -> "Protected | None":
    """Return the keys that a listing never chooses, whatever else matches."""
    return plan.selection.protected if isinstance(plan.selection, Selection) else None


def spaces_of(given: Given) -> list[EntityIndex | None]:
    """Return the spaces to list: plain keys (None) and entities. Raise UsageError."""
    options = given.of(EntityOptions)
    index = options.index or BY_KEY
    for flag, is_given in (
        ("--plain", options.plain),
        ("--index", options.index is not None),
    ):
        if is_given and not options.entity:
            raise UsageError(f"{flag} needs an entity", "Add --entity NAME.")
    for flag, is_given in (
        ("--partition", bool(options.partition)),
        ("--range", options.range is not None),
    ):
        if is_given and index == BY_KEY:
            raise UsageError(f"{flag} needs an index", "Add --entity NAME and --index NAME.")
    if options.index is not None and (len(options.entity) > 1 or options.plain):
        raise UsageError("--index applies to one entity", "Run the command once for each.")
    for name in options.entity:
        if breach := check_entity(name, DEFAULT_LIMITS):
            raise UsageError(f"--entity {name}: {breach.message}")
    partition = [json_or_text(text) for text in options.partition]
    range_ = None if options.range is None else index_range(options.range)
    plain: list[EntityIndex | None] = [None] if options.plain or not options.entity else []
    names = list(dict.fromkeys(options.entity))
    return [*plain, *(EntityIndex(name, index, partition, range_) for name in names)]


def selectors_shown(selectors: Mapping[str, object]) -> str:
    """Return selectors as they would be typed in a shell."""
    words: list[str] = []
    for name, value in selectors.items():
        flag = "--" + name.replace("_", "-")
        values = value if isinstance(value, list) else [value]
        words += [flag if one is True else f"{flag} {shlex.quote(str(one))}" for one in values]
    return " ".join(words)


def selectors_given(given: Given) -> dict[str, object]:
    """Return the selectors that were given, as they were written: they identify a selection."""
    groups = PrefixArgument, SelectionOptions, ProtectOption, EntityOptions, ShardSelector
    options = {name: value for group in groups for name, value in vars(given.of(group)).items()}
    if options["age_from"] or not (options["older_than"] or options["newer_than"]):
        del options["by"]
    del options["all"]  # the default
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if value
    }
