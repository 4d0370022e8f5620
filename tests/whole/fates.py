"""What jobs are drawn, and what their runs meet."""

import errno
from collections.abc import Sequence

from hypothesis import strategies as st

from kvsctl.model import Verb
from tests.whole.disk import Trouble
from tests.whole.jobs import Shape
from tests.whole.process import Fate

_RATES = [
    "429", "throttled", "500", "502", "503", "504", "500-after", "503-after", "502-html",
    "502-empty", "reset-before", "reset-after", "cut",
]  # fmt: skip


def shapes(verb: Verb) -> st.SearchStrategy[Shape]:
    """Jobs, nearly all of this verb: the others change what it finds."""
    return st.builds(
        Shape,
        verb=st.sampled_from([*[verb] * 9, *Verb]),
        has_journal=st.sampled_from([True, True, True, False]),
        is_ordered=st.booleans(),
        ignores_missing=st.booleans(),
        verifies=st.booleans(),
        changed_only=st.booleans() if verb is Verb.SET else st.just(False),
        batch_size=st.integers(1, 6),
        concurrency=st.integers(1, 6),
        retries=st.integers(0, 5),
    )


@st.composite
def _faults(draw: st.DrawFn) -> str:
    kinds = draw(st.lists(st.sampled_from(_RATES), max_size=4, unique=True))
    parts = [f"{kind}={draw(st.sampled_from([0.03, 0.1, 0.2]))}" for kind in kinds]
    parts += draw(st.sampled_from([[], ["retry-after=2"], ["retry-after-date=3"], ["reset=1"]]))
    if draw(st.booleans()):
        parts.append(f"leave-out={draw(st.sampled_from([0.05, 0.3]))}")
    parts += draw(st.sampled_from([[], ["latency-ms=10..300"], ["latency-ms=0..7000"]]))
    parts += draw(st.sampled_from([[], [], ["payload-limit=700"], ["payload-limit=300"]]))
    parts += draw(st.sampled_from([[], [], ["token-lifetime=2"]]))
    return ",".join([f"seed={draw(st.integers(0, 9999))}", *parts]) if parts else ""


@st.composite
def _troubles(draw: st.DrawFn, names: Sequence[str]) -> Trouble:
    return Trouble(
        full=draw(st.sampled_from(names)),
        room_bytes=draw(st.sampled_from([0, 30, 300, 900])),
        in_sync=draw(st.booleans()),
        code=draw(st.sampled_from([errno.ENOSPC, errno.EIO])),
    )


SEEDS = st.integers(0, 2**20)
_quiet = {"faults": _faults(), "sync_seconds": st.sampled_from([0.0, 0.0, 0.3, 2.0]),
          "renews_tokens": st.booleans(), "splits_slabs": st.booleans(), "seed": SEEDS}  # fmt: skip
_killed_by_disk = st.builds(
    Fate,
    trouble=st.builds(Trouble, kill_at=st.integers(1, 40), share=st.floats(0, 1)),
    loses_power=st.booleans(),
    **_quiet,
)
_killed_by_turn = st.builds(
    Fate,
    kill_turn=st.integers(1, 400),
    loses_power=st.booleans(),
    **_quiet,
)
_killed_by_time = st.builds(
    Fate,
    kill_seconds=st.floats(0, 12, allow_nan=False),
    loses_power=st.booleans(),
    **_quiet,
)
_signalled = st.builds(
    Fate,
    signals=st.builds(
        lambda first, more: (first, *(first + gap for gap in more)),
        st.floats(0, 5, allow_nan=False),
        st.lists(st.sampled_from([0.0, 0.05, 0.5, 3.0]), max_size=1),
    ),
    **_quiet,
)
_out_of_time = st.builds(
    Fate,
    max_seconds=st.integers(1, 6),
    signals=st.sampled_from([(), (), (2.0,), (1.0, 1.5)]),
    **_quiet,
)


def fates(*names: str) -> st.SearchStrategy[Fate]:
    """What runs meet. `names`: the files that a disk may have no room for."""
    on_full_disk = st.builds(Fate, trouble=_troubles(names), **_quiet)
    return st.one_of(
        _killed_by_disk, _killed_by_turn, _killed_by_time, _signalled, _out_of_time, on_full_disk
    )


FATES = fates("journal", "failed", "out.part")
