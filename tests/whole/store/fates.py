"""What jobs on whole stores are drawn, and what somebody else does during their runs."""

from typing import NamedTuple

from hypothesis import strategies as st

from kvsctl.model import Identity
from tests.whole.fates import SEEDS
from tests.whole.store.choosing import Choosing, choosings
from tests.whole.store.jobs import Form, Kind
from tests.whole.store.records import EVERY
from tests.whole.store.retaining import retentions
from tests.whole.store.world import OTHER
from tests.whole.wire import INSTALLATION


class Drawn(NamedTuple):
    """What a job is, but for its files."""

    kind: Kind
    form: Form
    choosing: Choosing


class Meddling(NamedTuple):
    """What somebody else writes or removes, and when, in seconds since the start of a run."""

    seconds: float
    installation: str
    identity: Identity
    removes: bool
    seed: int


_RESUMED = (Kind.DELETE, Kind.APPLY, Kind.SYNC, Kind.EXPORT, Kind.RESTORE)
_UNDONE = (Kind.DELETE, Kind.CLEAN, Kind.APPLY)
_LIMITED = (Kind.DELETE, Kind.APPLY)


@st.composite
def forms(draw: st.DrawFn, kind: Kind) -> Form:
    """How jobs of a kind are carried out."""
    has_undo = kind in _UNDONE and draw(st.booleans())
    most = ["1", "5", "100"] + (["10%", "60%"] if kind is Kind.DELETE else [])
    has_journal = kind in _RESUMED and draw(st.booleans())
    limits_bytes = kind is Kind.DELETE and not has_journal
    return Form(
        has_journal=has_journal,
        has_undo=has_undo,
        undo_has_values=draw(st.sampled_from([True, True, True, False])),
        max_delete=draw(st.sampled_from([None] * 6 + most)) if kind in _LIMITED else None,
        max_delete_bytes=draw(st.none() | st.integers(1, 6000)) if limits_bytes else None,
        plans_deletions=kind is Kind.SYNC and draw(st.booleans()),
        batch_size=draw(st.integers(1, 6)),
        concurrency=draw(st.integers(1, 6)),
        retries=draw(st.integers(0, 5)),
    )


@st.composite
def drawn(draw: st.DrawFn, kinds: tuple[Kind, ...]) -> Drawn:
    """Jobs of these kinds."""
    kind = draw(st.sampled_from(kinds))
    leaves_expired = kind in (Kind.EXPIRE, Kind.PLAN_EXPIRE, Kind.SYNC)
    one = retentions() if kind is Kind.CLEAN else choosings(of_live_records=leaves_expired)
    choosing = draw(one)
    return Drawn(kind, draw(forms(kind)), choosing)


MEDDLINGS = st.lists(
    st.builds(
        Meddling,
        st.floats(0, 8, allow_nan=False),
        st.sampled_from([INSTALLATION, INSTALLATION, OTHER]),
        st.sampled_from(EVERY),
        st.booleans(),
        SEEDS,
    ),
    max_size=6,
)
