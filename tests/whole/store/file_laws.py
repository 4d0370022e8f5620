"""What must hold of undo files, plans and exports."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from kvsctl.emulator.storage.rows import Row
from kvsctl.errors import ExitStatus
from kvsctl.jsontext import members
from kvsctl.model import Identity
from tests.whole.store.account import OVER, StoreAccount, StoreRun
from tests.whole.store.jobs import Kind
from tests.whole.wire import INSTALLATION

_Kept = tuple[Identity, bytes | None, int | None]


@dataclass(frozen=True)
class Line:
    """A line of a plan or an export. Times are in epoch milliseconds."""

    identity: Identity
    value: bytes | None
    expires: int | None
    members: dict[str, Any]


def lines_of(path: Path) -> list[Line]:
    """Return the whole lines of a file of records; what a kill has torn is left out."""
    text = path.read_bytes()
    lines = []
    for piece in text[: text.rfind(b"\n") + 1].splitlines():
        record, raw = json.loads(piece), members(piece)
        identity = Identity(record.get("entityName"), record["key"])
        value = bytes(raw["value"]) if "value" in raw else None
        lines.append(Line(identity, value, _milliseconds(record.get("expireTime")), record))
    return lines


def plan_lines(path: Path) -> list[Line]:
    """Return the lines of a plan, which is whole."""
    assert not path.read_bytes() or path.read_bytes().endswith(b"\n")
    return lines_of(path)


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)


def check_undo(account: StoreAccount) -> None:
    """Everything that went is in an undo file as it was read, and nothing was made up."""
    job = account.job
    kept = [
        (line.identity, line.value, line.expires) for path in job.undos for line in lines_of(path)
    ]
    went: list[_Kept] = []
    for run in account.runs:
        for entry, identity in account.changes(run):
            read = account.last_read(run, entry, identity)
            assert read is not None
            went.append(_kept(identity, read, has_values=job.form.undo_has_values))
    assert set(went) <= set(kept), "changed, and not in the undo file"
    assert set(kept) <= _read_ever(account), "in the undo file, and never read"
    if all(run.is_quiet for run in account.runs):
        assert sorted(kept, key=str) == sorted(went, key=str)


def _kept(identity: Identity, row: Row, *, has_values: bool) -> _Kept:
    return (identity, row.value, row.expires) if has_values else (identity, None, None)


def _read_ever(account: StoreAccount) -> set[_Kept]:
    has_values = account.job.form.undo_has_values
    return {
        _kept(identity, row, has_values=has_values)
        for run in account.runs
        for entry in account.entries(run)
        if entry.exchange is not None and entry.exchange.verb == "get"
        for identity, row in entry.after.items()
        if row is not None
    }


def check_plan(account: StoreAccount, run: StoreRun, failed: set[Identity]) -> None:
    """A plan is whole, or not there. It names what was chosen, as it was read."""
    job = account.job
    if not job.out.exists():
        assert run.ended.status not in OVER or run.ended.disk_has_failed
        return
    choosing = job.choosing
    assert choosing is not None
    lines = plan_lines(job.out)
    named = [line.identity for line in lines]
    assert len(set(named)) == len(named)
    read = {
        (identity, row)
        for entry in account.entries(run)
        if entry.exchange is not None and entry.exchange.verb == "get"
        for identity, row in entry.after.items()
        if row is not None
    }
    for line in lines:
        facts = line.value, line.members["updatedAt"]
        rows = [
            row
            for identity, row in read
            if identity == line.identity and (row.value, row.updated) == facts
        ]
        assert rows, "planned, and never read so"
        assert any(
            choosing.choice(line.identity, row, cutoff) is True
            for row in rows
            for cutoff in run.cutoffs
        )
    _check_all_named(account, set(named), failed)


def _check_all_named(account: StoreAccount, named: set[Identity], failed: set[Identity]) -> None:
    touched, skips_expired = account.touched(), account.job.kind is Kind.PLAN_EXPIRE
    for identity, row in account.held[INSTALLATION].items():
        is_chosen = account.surely_chosen(identity, row)
        if skips_expired and row.expires is not None:
            is_chosen = is_chosen and row.expires / 1000 > account.began_at
        if identity not in touched | failed and is_chosen is not None:
            assert (identity in named) is is_chosen


def check_export(account: StoreAccount, failed: set[Identity]) -> None:
    """An export that is complete has what was chosen throughout, once, as it was."""
    job, choosing = account.job, account.job.choosing
    assert choosing is not None
    if not job.out.exists():
        assert account.runs[-1].ended.status is not ExitStatus.OK
        return
    lines = lines_of(job.out)
    named = [line.identity for line in lines]
    assert len(set(named)) == len(named)
    for line in lines:
        rows = account.versions(line.identity, INSTALLATION)
        assert any(
            (row.value, row.expires) == (line.value, line.expires)
            and choosing.choice(line.identity, row, cutoff) is True
            for row in rows
            for cutoff in account.cutoffs
        ), "exported, and never stored so"
    _check_all_named(account, set(named), failed)
