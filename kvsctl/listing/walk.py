"""Yield the chosen records of all spaces, and keep track of what is left of them."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Final

import msgspec

from kvsctl.bulk.events import Event, PageListed
from kvsctl.bulk.pacing.pacer import Pacer
from kvsctl.bulk.plan import RunPlan
from kvsctl.bulk.settling.reconcile import EXPIRED, UNDECIDED
from kvsctl.errors import TargetError
from kvsctl.listing.judge import Judge, Judged
from kvsctl.listing.lister import PAGES_AHEAD, Listed, Lister
from kvsctl.listing.plan import ListingPlan
from kvsctl.listing.ranges import Range
from kvsctl.listing.reading import PageReader, QueryCaller
from kvsctl.listing.remainder import Move, Remainder
from kvsctl.model import Identity, Record
from kvsctl.selection.chooser import Chooser
from kvsctl.service.queries import EntityIndex, Query
from kvsctl.service.wire import MetadataRequest, key_bodies, key_body
from kvsctl.slabs import FoundSlab, Slab

SOURCE: Final = "listing"
"""The source of records that a listing found. Their line is their number in it, from 1."""


class Picked(msgspec.Struct, frozen=True, gc=False):
    """The chosen records of one page, and others that are skipped, in the order of the page.

    `skipped`: the reason for each skipped record, by its place in `keys`. `moves` are the moves of
    ranges since the previous page.
    """

    entity: str | None
    keys: Sequence[str]
    found: FoundSlab
    skipped: Mapping[int, str] = msgspec.field(default_factory=dict)
    moves: Sequence[Move] = ()


class _JudgedPage(msgspec.Struct, frozen=True, gc=False):
    """A page of a space and what was decided, or the moves after the last page of a space."""

    space: EntityIndex | None
    listed: Listed | None
    judged: Judged
    moves: Sequence[Move]


_NOTHING: Final = FoundSlab(())


class Walk:
    """Lists the spaces of a plan, one after the other. Iterate `pages` or `records` once.

    `run_plan` says how queries are retried. `emit` receives the events of queries. `remainder` says
    what is left of an earlier run. The caller that iterates `pages` notes the moves in it.
    """

    def __init__(
        self,
        plan: ListingPlan,
        run_plan: RunPlan,
        service: QueryCaller,
        pacer: Pacer,
        emit: Callable[[Event], None],
        remainder: Remainder | None = None,
    ) -> None:
        self._plan = plan
        self._remainder = remainder
        self._service = service
        self._emit = emit
        self._reader = PageReader(service, pacer, run_plan, emit)
        self._selection = plan.selection
        self.ages_count_from = None if remainder is None else remainder.ages_count_from
        """The moment that ages count back from; None: not known yet, or there is no age."""

    @property
    def in_flight(self) -> int:
        """How many queries are in flight."""
        return self._reader.in_flight

    def selection(self) -> Chooser:
        """Return the selection, whose ages count from one moment. Call it after an answer.

        That moment is when the first page was read, by the clock of the service: this machine's may
        be wrong. A resumed run keeps the moment of the first run.
        """
        if self._selection.counts_back:
            if self.ages_count_from is None:
                self.ages_count_from = self._service.now()
            if self._remainder is not None:
                self._remainder.ages_count_from = self.ages_count_from
            self._selection = self._selection.counted_from(self.ages_count_from)
        return self._selection

    def close(self) -> None:
        """Release the pacer."""
        self._reader.close()

    async def lacks(self, needed: MetadataRequest) -> bool:
        """Return whether queries leave out needed metadata. Read one record of each space.

        Raise KvsctlError as `pages` does.
        """
        if not (needed.created or needed.updated):
            return False
        for space in self._plan.spaces:
            for range_ in self._ranges(space):
                page = await self._reader.read(Query(range_.prefix, 1, None, space))
                if page.keys:
                    if _lacks(page.found, needed):
                        return True
                    break
        return False

    def pages(self) -> AsyncGenerator[Picked, None]:
        """Yield the chosen records of each page. Raise KvsctlError if the run must end."""
        return self._judged(_picked)

    async def records(
        self, *, until: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[Sequence[Record], None]:
        """Yield the chosen records without their values, to be read again. Raise KvsctlError.

        Records that the listing cannot decide about are included. End as soon as `until` returns
        True.
        """
        position = 0 if self._remainder is None else self._remainder.position
        async with aclosing(self._judged(_to_read)) as judgements:
            async for one in judgements:
                if until():
                    return
                keys = one.keys
                if self._remainder is not None:
                    self._remainder.note(position, keys, one.moves)
                if keys:
                    yield records_of(one.entity, keys, position)
                    position += len(keys)

    async def _judged(
        self, picked: Callable[[_JudgedPage], Picked]
    ) -> AsyncGenerator[Picked, None]:
        """Yield what is picked of each page of all spaces, and the last moves of each space."""
        spaces = dict(enumerate(self._plan.spaces))
        ranges = {number: self._ranges(space) for number, space in spaces.items()}
        if self._remainder is not None:
            plain = [number for number, space in spaces.items() if space is None]
            ranges = self._remainder.begin(ranges, prefixed=plain)
        try:
            for number, space in spaces.items():
                moves: list[Move] = []
                lister = self._lister(number, space, ranges[number], moves)
                judge: Judge | None = None
                async with aclosing(lister.pages()) as pages:
                    async for listed in pages:
                        keys = listed.keys
                        self._emit(PageListed(lister.prefix, len(keys), _entity(space), keys))
                        judge = judge or self._judge(space)
                        judged = judge.judge(keys, listed.found, self._service.now())
                        yield picked(_JudgedPage(space, listed, judged, moves.copy()))
                        moves.clear()
                yield picked(_JudgedPage(space, None, Judged(), moves))
        finally:
            self.close()

    def _lister(
        self,
        number: int,
        space: EntityIndex | None,
        ranges: Sequence[Range],
        moves: list[Move],
    ) -> Lister:
        """Return the lister of a space, which appends to `moves`. `number`: that of the space."""
        plan = self._plan
        return Lister(
            self._reader.read,
            ranges,
            chains=plan.chains if space is None or space.is_by_key else 1,
            page_records=plan.page_records,
            pages_ahead=PAGES_AHEAD if plan.limit is None else 0,
            entity=space,
            needs_order=self._remainder is not None,
            moved=lambda ended, begun: moves.append(Move(number, ended, begun)),
        )

    def _judge(self, space: EntityIndex | None) -> Judge:
        """Return the judge of a space's records. Call it after an answer."""
        return Judge(
            self.selection(),
            _entity(space),
            skip_expired=self._plan.skip_expired,
            tests_prefix=space is not None and not space.is_by_key,
        )

    def _ranges(self, space: EntityIndex | None) -> list[Range]:
        prefixes = self._plan.selection.prefixes_in(_entity(space))
        if space is not None and not space.is_by_key:
            prefixes = [""] if prefixes else []
        return [Range.of_prefix(prefix) for prefix in prefixes]


def records_of(entity: str | None, keys: Sequence[str], position: int) -> Slab:
    """Return listed keys as records to read, the first at `position`."""
    lines = range(position + 1, position + 1 + len(keys))
    if entity is None:
        return Slab(position, SOURCE, lines, keys, key_bodies(keys))
    bodies = [key_body(Identity(entity, key)) for key in keys]
    return Slab(position, SOURCE, lines, keys, bodies, [entity] * len(keys))


def _picked(one: _JudgedPage) -> Picked:
    """Return the records that are chosen. Raise TargetError if that cannot be decided."""
    entity, listed, judged = _entity(one.space), one.listed, one.judged
    if judged.lacking:
        raise _times_left_out()
    if listed is None:
        return Picked(entity, (), _NOTHING, moves=one.moves)
    keys, found = listed.keys, listed.found
    if judged.chosen is None:
        return Picked(entity, keys, found, moves=one.moves)
    why = dict.fromkeys(judged.expired, EXPIRED) | dict.fromkeys(judged.undecided, UNDECIDED)
    places = sorted([*judged.chosen, *why])
    skipped = {number: why[place] for number, place in enumerate(places) if place in why}
    picked = [keys[place] for place in places]
    return Picked(entity, picked, found.picked(places), skipped, one.moves)


def _to_read(one: _JudgedPage) -> Picked:
    """Return the records that are chosen, or that batch/get must decide about, without values."""
    entity, listed, judged = _entity(one.space), one.listed, one.judged
    if listed is None:
        return Picked(entity, (), _NOTHING, moves=one.moves)
    keys = listed.keys
    if judged.chosen is not None:
        chosen, expired = judged.chosen, judged.expired
        places = sorted([*chosen, *expired, *judged.undecided, *judged.lacking])
        keys = [keys[place] for place in places]
    return Picked(entity, keys, _NOTHING, moves=one.moves)


def _entity(space: EntityIndex | None) -> str | None:
    return None if space is None else space.entity


def _lacks(found: FoundSlab, needed: MetadataRequest) -> bool:
    wanted = [(needed.created, found.created_at), (needed.updated, found.updated_at)]
    return any(is_needed and (not times or None in times) for is_needed, times in wanted)


def _times_left_out() -> TargetError:
    return TargetError(
        "the service left out the times of some records, so their age is not known",
        "Add --consistent, which reads each record again.",
    )
