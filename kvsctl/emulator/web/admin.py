"""Control requests below `/_emulator/`, for tests.

Only callers on loopback may send them, with a token if any is configured. With an admin token, only
callers with that token may, from any address.

POST reset      {"installation"?}         delete all records, or one installation's; keep snapshots
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

from kvsctl.emulator.callers import check_admin_token, check_token, is_local, is_of_other_page
from kvsctl.emulator.clock import LATEST_MS, Clock, iso8601
from kvsctl.emulator.json_slices import is_unicode
from kvsctl.emulator.operations.service import Service
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.refusals import EmulatorError, Refusal, malformed
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.fault_spec import FaultPlan, is_file, read_faults
from kvsctl.emulator.switches.faults import Faults
from kvsctl.emulator.wire import Response, encoded, read_object

UNNAMED = "default"


class AdminTarget(Protocol):
    """The parts of an emulator that the actions read and change."""

    options: EmulatorOptions
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
    members = MEMBERS.get((method, action))
    if members is None:
        raise Refusal(403, "FORBIDDEN", "No such route, or this caller may not use it")
    request = read_object(body) if body.strip() else {}
    if unknown := sorted(request.keys() - members):
        raise malformed(f'{action} has no member "{unknown[0]}"')
    service, store = emulator.service, emulator.store
    if method == "POST" and action in WRITES:
        work = WRITES[action]
        shown = await store.run(lambda: store.writing(lambda: work(service, request)))
    elif action == "stats":
        shown = {
            "records": await store.run(lambda: record_counts(store.connection)),
            "answers": {str(status): count for status, count in emulator.statuses.items()},
            "faults": emulator.faults.counts if emulator.faults is not None else {},
        }
    elif action == "clock":
        if method == "POST":
            set_clock(emulator.clock, request)
        shown = clock_shown(emulator.clock)
    else:
        shown = _arm(emulator, request)
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


def check_admin(client: object, headers: dict[bytes, bytes], options: EmulatorOptions) -> None:
    """Raise Refusal (401 or 403) unless the caller may use the control requests.

    A web page may not, whatever token it has: its requests have an `Origin`, or a `Sec-Fetch-Site`
    that names another page. With an admin token, only callers with it may, from any address.
    Without one, only callers on this machine may, with one of the tokens if any are configured.
    """
    if b"origin" in headers or is_of_other_page(headers):
        raise Refusal(403, "FORBIDDEN", "Web pages may not use /_emulator/")
    if options.admin_token is not None:
        check_admin_token(headers, options.admin_token)
        return
    if not is_local(client):
        raise Refusal(403, "FORBIDDEN", "Only callers on this machine may use /_emulator/")
    check_token(headers, options)


def reset(service: Service, request: dict[str, Any]) -> dict[str, Any]:
    """Delete all records, or those of one installation. Snapshots stay.

    An installation without records is not an error.
    """
    connection = service.store.connection
    where = ""
    parameters: tuple[str, ...] = ()
    if "installation" in request:
        where = " WHERE bucket IN (SELECT id FROM bucket WHERE installation = ?)"
        parameters = (_text(request, "installation"),)
    for table in ("record", "past"):
        connection.execute(f"DELETE FROM {table}{where}", parameters)  # noqa: S608
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
    return _text({"name": UNNAMED, **request}, "name")


def _text(request: dict[str, Any], member: str) -> str:
    text = request[member]
    if not isinstance(text, str) or not text:
        raise malformed(f"{member} must be a string and not empty")
    if not is_unicode(text):
        raise malformed(f"{member} must be valid Unicode, without lone surrogates")
    return text


WRITES: dict[str, Callable[[Service, dict[str, Any]], dict[str, Any]]] = {
    "reset": reset,
    "snapshot": snapshot,
    "restore": restore,
}
MEMBERS = {
    ("POST", "reset"): frozenset({"installation"}),
    ("POST", "snapshot"): frozenset({"name"}),
    ("POST", "restore"): frozenset({"name"}),
    ("GET", "stats"): frozenset[str](),
    ("GET", "clock"): frozenset[str](),
    ("POST", "clock"): frozenset({"now", "frozen", "advance_ms", "resume"}),
    ("POST", "faults"): frozenset({"spec"}),
}
"""The actions, and the members that the body of each may have."""
