"""The options of calls: what is written when, and which part of a store is read."""

import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.events import Listener
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.precondition import Precondition, WriteIf
from kvsctl.config.targets import Target
from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.limits import DEFAULT_LIMITS, Limits
from kvsctl.listing.plan import ListingPlan
from kvsctl.records.checks import Breach, check_entity
from kvsctl.records.rules import Rules
from kvsctl.records.ttl import parse_ttl
from kvsctl.selection.contradictions import why_no_key_begins
from kvsctl.selection.selection import Selection
from kvsctl.service.queries import EntityIndex
from kvsctl.service.wire import MetadataRequest

Ttl: TypeAlias = str | Mapping[str, Any]
"""A time to live: `"7d"`, `"12h"`, `"30m"`, `"45s"`, or `{"value": 7, "unit": "DAYS"}`."""
IfAbsent: TypeAlias = bool | Literal["exact"]
"""Whether to write only keys that do not exist. With "exact", the service decides that."""

_ABSENT: Final[Mapping[object, WriteIf]] = {
    True: WriteIf.ABSENT,
    "exact": WriteIf.ABSENT_EXACT,
}


def rules_of(limits: Limits, entity: str | None, ttl: Ttl | None = None) -> Rules:
    """Return the rules that records are checked against, with their defaults. Raise UsageError."""
    if entity is not None:
        _require_entity(entity, limits)
    if ttl is None:
        return Rules(limits, entity)
    parsed = parse_ttl({**ttl} if isinstance(ttl, Mapping) else ttl, limits)
    if isinstance(parsed, Breach):
        raise UsageError(f"ttl={ttl!r}: {parsed.message}")
    return Rules(limits, entity, parsed)


def _require_entity(entity: object, limits: Limits) -> None:
    if not isinstance(entity, str):
        raise UsageError(f"entity: expected a string, not {entity!r}")
    if breach := check_entity(entity, limits):
        raise UsageError(f"entity {quoted(entity)}: {breach.message}")


def callable_listeners(listeners: Iterable[Listener]) -> Sequence[Listener]:
    """Return the listeners of a call. Raise UsageError if they are not functions."""
    if not isinstance(listeners, Iterable):
        raise UsageError(
            f"listeners: expected a list of functions, not {type(listeners).__name__}",
            "Write listeners=[function].",
        )
    given = [*listeners]
    for one in given:
        if not callable(one):
            raise UsageError(
                f"listeners: expected functions that take an event, not {type(one).__name__}"
            )
    return given


def file_name(argument: str, given: object, expected: str, hint: str) -> str:
    """Return the path that a caller gave, as a string. Raise UsageError if no file can have it.

    `argument` is its name. `expected` says what it may be, and `hint` what to give.
    """
    name = os.fspath(given) if isinstance(given, PathLike) else given
    if not isinstance(name, str):
        raise UsageError(f"{argument}: expected {expected}, not {type(name).__name__}", hint)
    if not name:
        raise UsageError(f"{argument}: empty file name", hint)
    if "\0" in name:
        raise UsageError(f"{argument}: the name {quoted(name)} has a NUL (U+0000)", hint)
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        why = f"the name {quoted(name)} has an unpaired surrogate"
        raise UsageError(f"{argument}: {why}", hint) from error
    return name


def other_file(given: object, client: str) -> Path:
    """Return the file that a store is compared with. Raise UsageError if it cannot be one.

    `client`: the kind of client that could have been given as well.
    """
    hint = "Give another open client, or a file as a string or a Path."
    return Path(file_name("other", given, f"{client}, a string or a Path", hint))


def set_plan(
    plan: RunPlan, target: Target, *, if_absent: IfAbsent, changed_only: bool, verify: bool
) -> RunPlan:
    """Return the plan of a set with these options. Raise UsageError if they exclude each other."""
    if if_absent and changed_only:
        raise UsageError("changed_only and if_absent exclude each other", "Give one of them.")
    write_if = WriteIf.CHANGED if changed_only else WriteIf.ALWAYS
    if if_absent:
        if if_absent not in _ABSENT:
            raise UsageError(
                f'if_absent={if_absent!r}: expected True, False or "exact"',
                'Give True, or "exact" to let the service decide.',
            )
        write_if = _ABSENT[if_absent]
    if changed_only and target.is_bridge:  # the stored values must be known exactly
        plan = replace(plan, read_policy=replace(plan.read_policy, refuses_rounded=True))
    return replace(plan.conditioned(Precondition(write_if)), verify=verify)


def compared_with_itself() -> UsageError:
    """Return the error of a comparison of a client with itself."""
    return UsageError("a store is compared with another one, not with itself", "Give that client.")


def other_not_open() -> UsageError:
    """Return the error of a comparison with a client that is not open."""
    return UsageError("the other client is not open", "Open both clients.")


class Covered(msgspec.Struct, frozen=True):
    """Which part of a store is read.

    These are the records whose keys begin with `prefix`, of these `entities`; None: plain keys.
    `is_consistent`: each is read again by batch/get. `skips_expired`: expired ones are left out.
    """

    prefix: str = ""
    entities: Sequence[str | None] = (None,)
    is_consistent: bool = False
    skips_expired: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError if a member cannot be used."""
        if not isinstance(self.prefix, str):
            raise UsageError(f"prefix: expected a string, not {self.prefix!r}")
        if why := why_no_key_begins(self.prefix):
            raise UsageError(f"the prefix {quoted(self.prefix)}: {why}")
        if isinstance(self.entities, str) or not self.entities:
            raise UsageError("entities: expected a list of names, with None for plain keys")
        for name in self.entities:
            if name is not None:
                _require_entity(name, DEFAULT_LIMITS)

    def plan(
        self, run_plan: RunPlan, *, in_order: bool, needed: MetadataRequest | None = None
    ) -> ListingPlan:
        """Return what is listed. `in_order`: by key. `needed`: the times that must be known."""
        return ListingPlan(
            selection=Selection(prefix=self.prefix),
            spaces=self.spaces,
            chains=1 if in_order else run_plan.concurrency,
            needed=needed or MetadataRequest(),
            rereads=self.is_consistent,
            skip_expired=self.skips_expired,
        )

    @property
    def spaces(self) -> list[EntityIndex | None]:
        """The plain keys (None) and the entities, each once."""
        names = dict.fromkeys(self.entities)
        return [None if name is None else EntityIndex(name) for name in names]

    @property
    def selection(self) -> dict[str, Any]:
        """The selectors, as options of the commands would name them."""
        names = [one.entity for one in self.spaces if one is not None]
        has_plain = None in self.entities
        selectors = {"prefix": self.prefix, "entity": names, "plain": has_plain and bool(names)}
        return {name: value for name, value in selectors.items() if value}
