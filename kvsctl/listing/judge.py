"""Which records of a page are chosen. Pure."""

from collections.abc import Sequence

import msgspec

from kvsctl.model import Found, Identity
from kvsctl.selection.chooser import Chooser
from kvsctl.selection.selection import Known, Verdict
from kvsctl.service.faults import iso_epoch
from kvsctl.service.found import is_past
from kvsctl.slabs import FoundSlab


class Judged(msgspec.Struct, frozen=True, gc=False):
    """The places of a page's records by verdict. `chosen` None: all of them.

    `expired` records were chosen, and are skipped because they have expired. `lacking` are those
    about which only batch/get can decide.
    """

    chosen: Sequence[int] | None = None
    undecided: Sequence[int] = ()
    lacking: Sequence[int] = ()
    expired: Sequence[int] = ()


_ALL = Judged()


class Judge:
    """Decides which records of pages are chosen.

    The records are of `entity`; None: plain keys. `tests_prefix`: the listing may include keys that
    do not begin with the prefix of the selection.
    """

    def __init__(
        self,
        selection: Chooser,
        entity: str | None,
        *,
        skip_expired: bool,
        tests_prefix: bool = False,
    ) -> None:
        self._selection = selection
        self._entity = entity
        self._skip_expired = skip_expired
        is_within = not (tests_prefix and selection.prefix)
        self._takes_all = selection.is_of_prefix_only and is_within

    def judge(self, keys: Sequence[str], found: FoundSlab, now: float) -> Judged:
        """Return which records are chosen. `now`: the service's time in epoch seconds."""
        skips = self._skip_expired and found.expire_times is not None
        if self._takes_all and not skips:
            return _ALL
        chosen: list[int] = []
        places: dict[Verdict, list[int]] = {one: [] for one in Verdict}
        if self._takes_all:
            chosen = list(range(len(keys)))
        elif self._selection.is_of_keys_only:
            chooses, entity = self._selection.chooses_key, self._entity
            chosen = [place for place, key in enumerate(keys) if chooses(entity, key)]
        else:
            for place, key in enumerate(keys):
                what_is_known = known(found, place)
                verdict = self._selection.judge(self._entity, key, what_is_known, now)
                places[verdict].append(place)
            chosen = places[Verdict.CHOSEN]
        undecided, lacking = places[Verdict.UNDECIDED], places[Verdict.LACKING]
        times = found.expire_times
        if not skips or times is None:
            return Judged(chosen, undecided, lacking)
        expired = [place for place in chosen if is_past(times[place], now)]
        if expired:
            gone = set(expired)
            chosen = [place for place in chosen if place not in gone]
        return Judged(chosen, undecided, lacking, expired)


def is_chosen(selection: Chooser, identity: Identity, found: Found, now: float) -> bool:
    """Return whether a record that batch/get returned with its metadata is chosen.

    A record that cannot be decided is not. `now`: the service's time in epoch seconds.
    """
    return verdict_of(selection, identity, found, now) is Verdict.CHOSEN


def verdict_of(selection: Chooser, identity: Identity, found: Found, now: float) -> Verdict:
    """Decide about a record that batch/get returned with its metadata."""
    what_is_known = known(FoundSlab.of([found]), 0)
    return selection.judge(identity.entity, identity.key, what_is_known, now)


def known(found: FoundSlab, place: int) -> Known:
    """Return what an answer with expiry times says of a record, without its key."""
    created, updated, expires = found.created_at, found.updated_at, found.expire_times
    expire_time = expires[place] if expires else None
    value = found.values[place]
    return Known(
        len(value),
        _seconds(created[place] if created else None),
        _seconds(updated[place] if updated else None),
        expire_time is not None,
        None if expire_time is None else iso_epoch(expire_time),
        expire_time,
        value,
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
