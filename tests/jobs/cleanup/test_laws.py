"""What holds for every store, selection, lag, and whatever someone else writes meanwhile."""

import json
import tempfile
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.errors import WorkLeft
from kvsctl.listing.judge import is_chosen
from kvsctl.model import Found, Identity
from kvsctl.outputs.undo_file import UndoFile
from kvsctl.selection.content.expressions import Expression
from kvsctl.selection.patterns import glob
from kvsctl.selection.protected import Protected
from kvsctl.selection.selection import Selection
from tests.jobs.cleanup.support import Around, clean_up, cleanup_job
from tests.support.simulated.shared_store import SharedStore, Write

_SELECTIONS = (
    Selection("a"),
    Selection("", matches=[glob("a*"), glob("b1*")], excludes=[glob("*2")]),
    Selection("a", larger_than=2),
    Selection("", older_than=-50.0),
    Selection("b", older_than=1.0, larger_than=1),
    Selection("", has_no_expiry=True),
    Selection("", is_expired=True, newer_than=-80.0),
    Selection("", protected=Protected(["a1", "b*"])),
    Selection("a", where=[Expression("value > `50`", "--where")]),
    Selection("", where=[Expression("value > `500` || value < `50` && key", "--where")]),
)


def _record(random: Random, moment: float) -> Found:
    value = b"1" * random.randint(1, 4)
    expiry = random.choice([None, None, "1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
    return Found(value, round(moment * 1000), round(moment * 1000), expiry)


def _key(random: Random) -> str:
    return random.choice("ab") + str(random.randrange(14))


def _store(random: Random, *, most_writes: int) -> SharedStore:
    moments = [random.uniform(-100, -1) for _ in range(random.randint(0, 20))]
    records = {_key(random): _record(random, moment) for moment in moments}
    writes: list[Write] = []
    for _ in range(random.randint(0, most_writes)):
        moment = random.uniform(0, 6)
        found = None if random.random() < 0.2 else _record(random, moment)
        writes.append((moment, _key(random), found))
    lag_seconds = random.choice([0.0, 0.0, 0.3, 1.0, 3.0])
    return SharedStore(records, lag_seconds, sorted(writes, key=lambda one: one[0]))


@settings(max_examples=250)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_nothing_is_deleted_that_was_not_chosen_when_read_and_what_always_was_is_deleted(
    seed: int, selection: Selection
) -> None:
    random = Random(seed)
    store = _store(random, most_writes=12)
    before, touched = dict(store.records), {key for _, key, _ in store.others}
    around = Around()
    error = clean_up(cleanup_job(selection), store, around)
    assert error is None or isinstance(error, WorkLeft)
    for key, read, _ in store.deleted:
        assert selection.chooses_key(None, key)
        if not selection.is_of_keys_only:
            assert read is not None
            assert is_chosen(selection, Identity(None, key), read, 1000.0)
    for key in before.keys() - touched:
        chosen = is_chosen(selection, Identity(None, key), before[key], 1000.0)
        assert (key in store.records) is not chosen
    around.tally.check_sum()
    assert around.tally.succeeded == len(store.deleted)
    keys = [key for key, _, _ in store.deleted]
    assert len(set(keys)) == len(keys)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_alone_it_deletes_exactly_what_is_chosen_however_queries_lag(
    seed: int, selection: Selection
) -> None:
    store = _store(Random(seed), most_writes=0)
    left = {
        key: found
        for key, found in store.records.items()
        if not is_chosen(selection, Identity(None, key), found, 1000.0)
    }
    assert clean_up(cleanup_job(selection), store, Around()) is None
    assert store.records == left


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(_SELECTIONS))
def test_the_undo_has_exactly_what_went_as_it_was_read(seed: int, selection: Selection) -> None:
    store = _store(Random(seed), most_writes=12)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "undo.jsonl"
        undo = UndoFile(path)
        error = clean_up(cleanup_job(selection, reads_first=True), store, Around(undo=undo))
        undo.close()
        assert path.exists() is bool(store.deleted)
        lines = path.read_bytes().splitlines() if path.exists() else []
    assert error is None or isinstance(error, WorkLeft)
    records = list(map(json.loads, lines))
    kept = {one["key"]: (one["value"], one.get("expireTime")) for one in records}
    went = {
        key: (json.loads(read.value), read.expire_time)
        for key, read, _ in store.deleted
        if read is not None
    }
    assert kept == went
    assert len(lines) == len(store.deleted)
