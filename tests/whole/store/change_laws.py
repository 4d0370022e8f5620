"""What a run may change, however it ends: nothing but what it had read and what was chosen then."""

import json

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.account import StoreAccount, StoreRun
from tests.whole.store.jobs import TTL_SECONDS, Kind
from tests.whole.store.retaining import Retention
from tests.whole.store.world import OTHER, Entry

_LATE_SECONDS = 30.0
"""How long a request may take to arrive, for a ttl that counts from its arrival."""
_ACTIONS = {"delete": "delete", "set": "expire"}


def check_changes(account: StoreAccount, run: StoreRun) -> None:
    """Check every change of a run, one by one."""
    job = account.job
    assert not [one for one in account.entries(run, OTHER) if one.changed], (
        "the source is read only"
    )
    removed = 0
    for entry, identity in account.changes(run):
        assert entry.exchange is not None
        verb = entry.exchange.verb
        removed += verb == "delete"
        match job.kind:
            case Kind.DELETE:
                assert verb == "delete"
                _check_delete(account, run, entry, identity)
            case Kind.EXPIRE:
                assert verb == "set"
                read = _chosen_read(account, run, entry, identity)
                _check_ttl(entry, identity, read)
                _check_listed(account, run, entry, identity)
            case Kind.CLEAN:
                _check_settled(account, run, entry, identity)
            case Kind.APPLY:
                _check_planned(account, run, entry, identity)
            case Kind.SYNC:
                assert verb == "set"
                _check_copied(account, run, entry, identity)
            case Kind.RESTORE:
                assert verb == "set"
            case _:
                raise AssertionError(f"{job.kind.value} changes nothing")
    if job.form.max_delete is not None and job.form.max_delete.isdigit():
        assert removed <= int(job.form.max_delete), "more went than --max-delete allows"


def _check_delete(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> None:
    choosing = account.job.choosing
    assert choosing is not None
    if choosing.by_key and not account.job.form.has_undo:
        assert choosing.has_key(identity)
    else:
        _chosen_read(account, run, entry, identity)


def _chosen_read(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> Row:
    """Return what was read of a record before it was changed. It was chosen then."""
    choosing, read = account.job.choosing, account.last_read(run, entry, identity)
    assert choosing is not None
    assert read is not None, "changed without reading it first"
    choices = [choosing.choice(identity, read, cutoff) for cutoff in run.cutoffs]
    assert True in choices, "changed although it was not chosen when it was read"
    return read


def _check_settled(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> None:
    """The rule that settled the record when it was read does this. A key alone may be enough."""
    retention = account.job.choosing
    assert isinstance(retention, Retention)
    assert entry.exchange is not None
    action = _ACTIONS[entry.exchange.verb]
    read, rule = account.last_read(run, entry, identity), retention.settled_by_key(identity)
    if read is not None:
        rules = [retention.settled_by(identity, read, cutoff) for cutoff in run.cutoffs]
        assert action in [one.action for one in rules if one is not None]
    else:
        assert rule is not None, "changed without reading it first"
        assert action == rule.action
        assert not account.job.form.has_undo
    if action == "expire":
        assert read is not None
        _check_ttl(entry, identity, read)
        _check_listed(account, run, entry, identity)


def _check_ttl(entry: Entry, identity: Identity, read: Row) -> None:
    """The value is the one that was read, byte for byte, and it expires after the ttl."""
    written = entry.after[identity]
    assert written is not None
    assert written.value == read.value
    assert read.expires is None or read.expires / 1000 > entry.moment - _LATE_SECONDS
    assert written.expires is not None
    assert abs(written.expires / 1000 - entry.moment - TTL_SECONDS) < 1


def _check_listed(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> None:
    """The value is one that a query of this run has shown."""
    written = entry.after[identity]
    assert written is not None
    assert any(
        record["key"] == identity.key and record["value"] == json.loads(written.value)
        for exchange in account.world.exchanges
        if exchange.verb == "query" and exchange.status == 200
        for record in json.loads(exchange.answer)["data"]
    )


def _check_planned(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> None:
    """The plan names it, and it was still the record of the plan when it was read."""
    read = account.last_read(run, entry, identity)
    assert identity in account.planned
    assert read is not None
    action, row = account.planned[identity]
    assert entry.exchange is not None
    assert action == _ACTIONS[entry.exchange.verb]
    assert (read.value, read.expires, read.updated) == (row.value, row.expires, row.updated)
    if action == "expire":
        _check_ttl(entry, identity, read)


def _check_copied(account: StoreAccount, run: StoreRun, entry: Entry, identity: Identity) -> None:
    """It is a record of the source that was chosen, with what is left of its ttl."""
    choosing, written = account.job.choosing, entry.after[identity]
    assert choosing is not None
    assert written is not None
    cutoffs = account.cutoffs | set(run.cutoffs)
    for row in account.versions(identity, OTHER):
        choices = [choosing.choice(identity, row, cutoff) for cutoff in cutoffs]
        if True in choices and row.value == written.value and _expires_alike(written, row):
            return
    raise AssertionError("written, and the source had no such record that was chosen")


def _expires_alike(written: Row, row: Row) -> bool:
    if written.expires is None or row.expires is None:
        return written.expires == row.expires
    return abs(written.expires - row.expires) < _LATE_SECONDS * 1000
