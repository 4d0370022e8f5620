"""What a run may change, however it ends: nothing but what it had read and what was chosen then."""

import json

from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.store.account import StoreAccount, StoreRun
from tests.whole.store.jobs import TTL_SECONDS, Kind
from tests.whole.store.records import EVERY
from tests.whole.store.retaining import Place, Retention
from tests.whole.store.world import OTHER, Entry
from tests.whole.wire import INSTALLATION

_LATE_SECONDS = 30.0
"""How long a request may take to arrive, for a ttl that counts from its arrival."""
_ACTIONS = {"delete": "delete", "set": "expire"}


def check_changes(account: StoreAccount, run: StoreRun) -> None:
    """Check every change of a run, one by one."""
    job = account.job
    assert not [one for one in account.entries(run, OTHER) if one.changed], (
        "the source is read only"
    )
    removed, removed_bytes = 0, 0
    for entry, identity in account.changes(run):
        assert entry.exchange is not None
        verb = entry.exchange.verb
        removed += verb == "delete"
        removed_bytes += _least_bytes(account, identity)
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
    if job.form.max_delete_bytes is not None:
        assert removed_bytes <= job.form.max_delete_bytes, "more went than the limit of bytes"
    if isinstance(job.choosing, Retention):
        _check_bytes_of_rules(account, run, job.choosing)


def _least_bytes(account: StoreAccount, identity: Identity) -> int:
    """Return what a value takes at least that a listing may have shown."""
    return min((len(row.value) for row in account.versions(identity, INSTALLATION)), default=0)


def _check_bytes_of_rules(account: StoreAccount, run: StoreRun, retention: Retention) -> None:
    """No rule changes records whose values take more than it may."""
    taken = [0] * len(retention.rules)
    for entry, identity in account.changes(run):
        read = account.last_read(run, entry, identity)
        if read is None:
            rules = {retention.settled_by_key(identity)}
        else:
            rules = {retention.settled_by(identity, read, cutoff) for cutoff in run.cutoffs}
        rule = rules.pop()
        if rule is not None and not rules:
            taken[retention.rules.index(rule)] += _least_bytes(account, identity)
    for rule, value_bytes in zip(retention.rules, taken, strict=True):
        assert rule.most_bytes is None or value_bytes <= rule.most_bytes


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
        assert any(_is_not_kept(account, retention, identity, read, cut) for cut in run.cutoffs)
    else:
        assert rule is not None, "changed without reading it first"
        assert action == rule.action
        assert not account.job.form.has_undo
    if action == "expire":
        assert read is not None
        _check_ttl(entry, identity, read)
        _check_listed(account, run, entry, identity)


def _is_not_kept(
    account: StoreAccount, retention: Retention, identity: Identity, read: Row, cutoff: float
) -> bool:
    """Return whether enough later records may have been listed that no rule had to keep this."""
    return all(
        sum(
            other != identity and _may_be_later(account, retention, other, number, place, cutoff)
            for other in EVERY
        )
        >= (retention.rules[number].keep or 0)
        for number, place in retention.places(identity, read, cutoff).items()
    )


def _may_be_later(
    account: StoreAccount,
    retention: Retention,
    other: Identity,
    number: int,
    place: Place,
    cutoff: float,
) -> bool:
    found = (
        retention.places(other, row, cutoff).get(number)
        for row in account.versions(other, INSTALLATION)
    )
    return any(
        one is not None and one.group == place.group and one.rank > place.rank for one in found
    )


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
