"""What the stores hold once a job has reached its end: all that had to change, and nothing else."""

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.account import StoreAccount, live, same_json
from tests.whole.store.file_laws import plan_lines
from tests.whole.store.jobs import TTL_SECONDS, Kind
from tests.whole.store.retaining import Retention, What
from tests.whole.store.world import OTHER
from tests.whole.wire import INSTALLATION

_LATE_SECONDS = 30.0
"""How long a request may take to arrive, for a ttl that counts from its arrival."""


def check_store(account: StoreAccount, failed: set[Identity]) -> None:
    """Check what a job that is over has left. What others touch is left out of account."""
    match account.job.kind:
        case Kind.DELETE | Kind.EXPIRE:
            _check_cleaned(account, failed)
        case Kind.CLEAN:
            _check_settled(account, failed)
        case Kind.APPLY:
            _check_applied(account, failed)
        case Kind.SYNC:
            _check_synced(account, failed)
        case Kind.RESTORE:
            pass  # held against what there was before, by whoever restores
        case _:
            held = account.world.held()
            assert _untouched(account).items() <= held.items(), "it only reads"


def _untouched(account: StoreAccount, installation: str = INSTALLATION) -> dict[Identity, Row]:
    touched, held = account.touched(installation), account.held[installation]
    return {identity: row for identity, row in held.items() if identity not in touched}


def _check_cleaned(account: StoreAccount, failed: set[Identity]) -> None:
    now_held, kind = account.world.held(), account.job.kind
    for identity, row in _untouched(account).items():
        is_chosen = account.surely_chosen(identity, row)
        if kind is Kind.EXPIRE and row.expires is not None:
            is_chosen = is_chosen and row.expires / 1000 > account.began_at
        held = now_held.get(identity)
        if is_chosen is False:
            assert held == row, "it was not chosen"
        elif is_chosen and identity not in failed:
            _check_done(kind is Kind.DELETE, held, row, account.began_at)


def _check_settled(account: StoreAccount, failed: set[Identity]) -> None:
    """What earlier runs have given a ttl is another record by now, which other rules may settle."""
    retention, now_held = account.job.choosing, account.world.held()
    assert isinstance(retention, Retention)
    earlier = {
        identity
        for run in account.runs[:-1]
        for entry, identity in account.changes(run)
        if entry.after[identity] is not None
    }
    outcomes = [retention.settle(account.held[INSTALLATION], one) for one in account.cutoffs]
    # What somebody else writes, and what got a ttl, may take the place of a record that is kept.
    is_certain = not (account.touched() or earlier)
    for identity, row in _untouched(account).items():
        choices = {retention.choice(identity, row, cutoff) for cutoff in account.cutoffs}
        is_member = any(retention.places(identity, row, cutoff) for cutoff in account.cutoffs)
        settled = {one.get(identity) for one in outcomes}
        held = now_held.get(identity)
        if choices <= {False, None}:
            assert held == row, "no rule settled it"
        elif len(settled) == 1 and (is_certain or not is_member):
            [one] = settled
            if one is None or one.what is not What.CHANGED:
                assert held == row, "it is one of the latest"
            elif identity not in failed | earlier:
                is_delete = retention.rules[one.number].action == "delete"
                _check_done(is_delete, held, row, account.began_at)


def _check_done(is_delete: bool, held: Row | None, row: Row, began_at: float) -> None:
    if is_delete:
        assert held is None, "chosen throughout, and still there"
        return
    assert held is not None
    assert held.value == row.value
    assert held.expires is not None
    assert held.expires / 1000 > began_at + TTL_SECONDS - 1


def _check_applied(account: StoreAccount, failed: set[Identity]) -> None:
    now_held = account.world.held()
    for identity, row in _untouched(account).items():
        held = now_held.get(identity)
        action, planned = account.planned.get(identity, (None, None))
        is_same = planned is not None and _facts(planned) == _facts(row)
        if action == "expire" and row.expires is not None:
            is_same = is_same and row.expires / 1000 > account.began_at
        if not is_same:
            assert held == row, "not planned, or changed since"
        elif identity not in failed:
            _check_done(action == "delete", held, row, account.began_at)


def _facts(row: Row) -> tuple[bytes, int, int | None]:
    return row.value, row.updated, row.expires


def _check_synced(account: StoreAccount, failed: set[Identity]) -> None:
    source, target = _untouched(account, OTHER), _untouched(account)
    touched, source_touched = account.touched(), account.touched(OTHER)
    held, now = account.world.held(), account.world.now()
    for identity, row in source.items():
        is_alive = row.expires is None or row.expires / 1000 > now
        if is_alive and account.surely_chosen(identity, row) and identity not in touched | failed:
            assert identity in held, "the source has it"
            assert same_json(held[identity].value, row.value)
            assert (held[identity].expires is None) is (row.expires is None)
    for identity, row in target.items():
        other = account.held[OTHER].get(identity)
        is_chosen = False if other is None else account.surely_chosen(identity, other)
        if is_chosen is False and identity not in source_touched:
            assert held[identity] == row, "nothing was to be written here"
    if account.job.form.plans_deletions and account.job.out.exists():
        _check_deletions(account)


def _check_deletions(account: StoreAccount) -> None:
    """What the target has and the source lacks is planned to go."""
    planned = {line.identity for line in plan_lines(account.job.out)}
    lacking = account.touched(OTHER) | account.held[OTHER].keys()
    for identity, row in live(_untouched(account), account.world.now()).items():
        is_chosen = account.surely_chosen(identity, row)
        if identity not in account.touched(OTHER) and is_chosen is not None:
            assert (identity in planned) is (is_chosen and identity not in lacking)


def check_restored(account: StoreAccount, failed: set[Identity]) -> None:
    """What was restored is there as it was, but for what has expired since."""
    touched, held, now = account.touched_since_begun(), account.world.held(), account.world.now()
    for identity, row in account.expected.items():
        if row.expires is not None and row.expires / 1000 <= now:
            continue
        if identity not in touched | failed:
            restored = held[identity]
            assert restored.value == row.value
            assert (restored.expires is None) is (row.expires is None)
            if row.expires is not None and restored.expires is not None:
                assert abs(restored.expires - row.expires) < _LATE_SECONDS * 1000
