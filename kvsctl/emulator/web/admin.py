"""`/_emulator/`: control of the emulator by a test. For callers on loopback only,
with a token if any is configured.

POST reset      {}                        delete all records; snapshots stay
POST snapshot   {"name"?}                 save all records under a name
POST restore    {"name"?}                 return to a snapshot; 404 for an unknown name
GET  stats                                records, responses and faults so far
GET  clock                                {"now": epoch milliseconds, "iso"}
POST clock      {"now": ms, "frozen"?} or {"advance_ms": n} or {"resume": true}
POST faults     {"spec": "…"}             replace the faults; "" for none
"""

import sqlite3
from collections.abc import Callable
from typing import Any, Protocol

from kvsctl.emulator.callers import is_local
from kvsctl.emulator.clock import LATEST_MS, Clock, iso8601
from kvsctl.emulator.json_slices import is_unicode
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.refusals import EmulatorError, Refusal, malformed
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.fault_spec import FaultPlan, is_file, read_faults
from kvsctl.emulator.switches.faults import Faults
from kvsctl.emulator.wire import Response, encoded, read_object

UNNAMED = "default"


class AdminTarget(Protocol):
    """The parts of an emulator that the actions read and change."""

    service: Service
    store: Store
    clock: Clock
    faults: Faults | None
    statuses: dict[int, int]

    def arm(self, plan: FaultPlan | None) -> None:
        """Inject these faults from now on."""


async def administer(emulator: AdminTarget, method: str, action: str, body: bytes) -> Response:
    """Run an action of the list above and return its result in a 200.

    Raise Refusal for a malformed request (400) and for an unknown action (403).
    """
    request = read_object(body) if body.strip() else {}
    unknown = sorted(request.keys() - MEMBERS.get((method, action), frozenset()))
    if unknown and (method, action) in MEMBERS:
        raise malformed(f'{action} has no member "{unknown[0]}"')
    service, store = emulator.service, emulator.store
    if method == "POST" and action in WRITES:
        work = WRITES[action]
        shown = await store.run(lambda: store.writing(lambda: work(service, request)))
    elif (method, action) == ("GET", "stats"):
        shown = {
            "records": await store.run(lambda: record_counts(store.connection)),
            "answers": {str(status): count for status, count in emulator.statuses.items()},
            "faults": emulator.faults.counts if emulator.faults is not None else {},
        }
    elif action == "clock" and method in ("GET", "POST"):
        if method == "POST":
            set_clock(emulator.clock, request)
        shown = clock_shown(emulator.clock)
    elif (method, action) == ("POST", "faults"):
        shown = _arm(emulator, request)
    else:
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")
    return Response(body=encoded(shown))


def _arm(emulator: AdminTarget, request: dict[str, Any]) -> dict[str, Any]:
    spec = request.get("spec")
    if not isinstance(spec, str) or is_file(spec):
        raise malformed("spec must be a fault spec in one line, not a file")
    try:
        emulator.arm(read_faults(spec) if spec else None)
    except EmulatorError as error:
        raise malformed(str(error)) from None
    return {"spec": spec}


def check_admin_caller(client: object, headers: dict[bytes, bytes]) -> None:
    """Raise Refusal (403) if the caller is on another machine or is a web page."""
    if not is_local(client) or b"origin" in headers:
        raise Refusal(403, "FORBIDDEN", "Only callers on this machine may use /_emulator/")


def reset(service: Service, _request: dict[str, Any]) -> dict[str, Any]:
    """Delete all records of all installations. Snapshots stay."""
    connection = service.store.connection
    connection.execute("DELETE FROM record")
    connection.execute("DELETE FROM past")
    return {}


def snapshot(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Save all records under a name, replacing an earlier snapshot of that name."""
    name = _name(request)
    connection = service.store.connection
    connection.execute("DELETE FROM snapshot WHERE name = ?", (name,))
    connection.execute("INSERT OR IGNORE INTO snapshot_name VALUES (?)", (name,))
    kept = connection.execute("INSERT INTO snapshot SELECT ?, * FROM record", (name,)).rowcount
    return {"name": name, "records": kept}


def restore(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Replace all records with those of a snapshot.

    Raise Refusal (404), changing nothing, if there is no snapshot of that name.
    """
    name = _name(request)
    connection = service.store.connection
    if not connection.execute("SELECT 1 FROM snapshot_name WHERE name = ?", (name,)).fetchone():
        raise Refusal(404, "SNAPSHOT_NOT_FOUND", f'Unknown snapshot "{name}"')
    reset(service, {})
    restored = connection.execute(
        "INSERT INTO record SELECT bucket, key, value, created, updated, expires"
        " FROM snapshot WHERE name = ?",
        (name,),
    ).rowcount
    service.indexing.rebuild()
    return {"name": name, "records": restored}


def record_counts(connection: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """Return the number of records of each installation, by space.

    A space is "" for plain keys, "!secret" for secrets, or the name of an entity.
    """
    counts: dict[str, dict[str, int]] = {}
    found = connection.execute(
        "SELECT installation, space, (SELECT count(*) FROM record WHERE bucket = id) FROM bucket"
    )
    for installation, space, count in found:
        counts.setdefault(installation, {})[space] = count
    return counts


def set_clock(clock: Clock, request: dict[str, Any]) -> None:
    """Set, move or resume the emulator's time. Raise Refusal if the request is malformed."""
    given = request.keys() & {"now", "advance_ms", "resume"}
    frozen = request.get("frozen", False)
    if len(given) != 1 or ("frozen" in request and given != {"now"}):
        raise malformed("The request needs now (with frozen or not), advance_ms or resume")
    if not isinstance(frozen, bool) or request.get("resume", True) is not True:
        raise malformed("frozen must be a boolean, and resume must be true")
    if given == {"resume"}:
        clock.resume()
    elif given == {"now"}:
        clock.set(_time(request["now"]), frozen=frozen)
    else:
        by_ms = _whole(request["advance_ms"])
        _time(clock.now_ms() + by_ms)
        clock.advance(by_ms)


def clock_shown(clock: Clock) -> dict[str, Any]:
    """Return the emulator's time in epoch milliseconds and as ISO 8601."""
    now = clock.now_ms()
    return {"now": now, "iso": iso8601(now)}


def _whole(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise malformed("now and advance_ms must be whole numbers of milliseconds")
    return number


def _time(number: object) -> int:
    now_ms = _whole(number)
    if not 0 <= now_ms < LATEST_MS:
        raise malformed(f"The time must be from {iso8601(0)} to {iso8601(LATEST_MS - 1)}")
    return now_ms


def _name(request: dict[str, Any]) -> str:
    name = request.get("name", UNNAMED)
    if not isinstance(name, str) or not name:
        raise malformed("name must be a string and not empty")
    if not is_unicode(name):
        raise malformed("name must be valid Unicode, without lone surrogates")
    return name


WRITES: dict[str, Callable[[Service, dict[str, Any]], dict[str, Any]]] = {
    "reset": reset,
    "snapshot": snapshot,
    "restore": restore,
}
MEMBERS = {
    ("POST", "reset"): frozenset[str](),
    ("POST", "snapshot"): frozenset({"name"}),
    ("POST", "restore"): frozenset({"name"}),
    ("POST", "clock"): frozenset({"now", "frozen", "advance_ms", "resume"}),
    ("POST", "faults"): frozenset({"spec"}),
}
"""The members that the body of each action may have."""
