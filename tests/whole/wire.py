"""The service at the far end, the wire to it, and the book of what went over and what landed."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.options import Token
from kvsctl.emulator.storage.rows import Row
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.fault_spec import read_faults
from kvsctl.emulator.web.app import Emulator
from kvsctl.model import Identity
from tests.support.simulated.virtual_time import run_virtual
from tests.whole.disk import Disk, Killed
from tests.whole.jobs import PLAIN, POISON

_EPOCH_SECONDS: Final = 1_767_225_600.0
INSTALLATION: Final = "one"
_TOKENS: Final = 20
_EVERY: Final = [Identity(entity, key) for entity in (None, "city") for key in PLAIN + POISON]


class _InlineStore(Store):
    """A store without a thread, so that virtual time need not wait for one."""

    async def run(self, work: Any, *, writes: bool = False) -> Any:
        return self.writing(work) if writes else work()


@dataclass
class Exchange:
    """One request: what it carried, and how it ended.

    `verb`: get, set, delete or query. `landed`: what of it stood in the store right after the
    service had worked on it. `done`: what an answer that reached the process called done. `sent`
    and `answered` say when, as numbers that count requests and answers together.
    """

    verb: str
    installation: str
    scope: Mapping[str, Any]
    body: bytes
    carried: dict[Identity, str | None]
    landed: list[Identity] = field(default_factory=list)
    done: list[Identity] = field(default_factory=list)
    status: int | None = None
    sent: int = 0
    answered: int | None = None
    answer: bytes = b""
    has_reached_service: bool = False


class World:
    """An emulator, and the token file of who calls it. Its time continues over all runs."""

    def __init__(
        self,
        folder: Path,
        disk: Disk,
        options: Mapping[str, Any],
        more_tokens: Sequence[Token] = (),
    ) -> None:
        tokens = (
            *(Token(f"token-{number}", INSTALLATION) for number in range(_TOKENS)),
            *more_tokens,
        )
        self._disk = disk
        self._installations = {one.secret: one.installation for one in tokens}
        self._numbers = count(1)
        self._emulator = Emulator(
            EmulatorOptions(tokens=tokens, **options),
            _InlineStore(":memory:"),
            Clock(lambda: int(self.now() * 1000)),
        )
        self.token_file = folder / "token"
        self.exchanges: list[Exchange] = []
        self.elapsed_seconds = 0.0
        self.renews_tokens = True
        self._generation = 0
        self._working: set[asyncio.Task[None]] = set()
        self.renew_token()

    def now(self) -> float:
        """Epoch seconds."""
        try:
            return _EPOCH_SECONDS + self.elapsed_seconds + asyncio.get_running_loop().time()
        except RuntimeError:
            return _EPOCH_SECONDS + self.elapsed_seconds

    def meet(self, faults: str) -> None:
        """Lets these faults happen from now on, beside that poison is always refused."""
        poison = "refuse=bad:INVALID_KEY"
        self._emulator.arm(read_faults(f"{poison},{faults}" if faults else poison))
        self.exchanges.clear()

    def pardon(self) -> None:
        """Refuses nothing any more."""
        self._emulator.arm(None)
        self.exchanges.clear()

    def renew_token(self) -> None:
        """Puts the next token into the file."""
        self._generation += 1
        self.token_file.write_text(f"token-{self._generation % _TOKENS}\n")

    def store(self) -> dict[Identity, str]:
        """Everything that is stored, as JSON."""
        held = self._held(_EVERY)
        return {identity: value for identity, value in held.items() if value is not None}

    def close(self) -> None:
        self._emulator.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The wire: a caller who goes away leaves the service at work."""
        if self._disk.is_dead:
            raise Killed
        message = await receive()
        exchange = self._exchange(scope, message["body"])
        exchange.sent = next(self._numbers)
        self.exchanges.append(exchange)
        sent: list[Any] = []
        task = asyncio.get_running_loop().create_task(self._serve(exchange, sent))
        self._working.add(task)
        task.add_done_callback(self._has_worked)
        await asyncio.shield(task)
        for message in sent:
            await send(message)
        exchange.status = sent[0]["status"]
        exchange.answered = next(self._numbers)
        exchange.answer = b"".join(message.get("body", b"") for message in sent[1:])
        exchange.done = _done(exchange)
        if exchange.status == 401 and self.renews_tokens:
            self.renew_token()

    async def settle(self) -> None:
        """Waits until the service has worked on all that reached it."""
        while self._working:
            await asyncio.wait(self._working)

    def land_after_kill(self, random: Random) -> None:
        """Of what was on its way to the service at a kill, some reaches it, in any order."""
        self._working.clear()
        on_way = [one for one in self.exchanges if not one.has_reached_service]
        self._emulator.arm(None)
        for exchange in random.sample(on_way, random.randint(0, len(on_way))):
            if not any(identity.key in POISON for identity in exchange.carried):
                run_virtual(self._serve(exchange, []))

    def _has_worked(self, task: "asyncio.Task[None]") -> None:
        self._working.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has had it

    async def _serve(self, exchange: Exchange, sent: list[Any]) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": exchange.body}

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await self._emulator(dict(exchange.scope), receive, send)
        except asyncio.CancelledError:
            raise
        except BaseException:
            self._note(exchange)
            raise
        self._note(exchange)

    def _note(self, exchange: Exchange) -> None:
        """Between the work of the service and this nothing else runs."""
        exchange.has_reached_service = True
        if exchange.verb in ("set", "delete"):
            held = self._held(exchange.carried)
            exchange.landed = [
                name for name, value in exchange.carried.items() if held[name] == value
            ]

    def _held(self, identities: Iterable[Identity]) -> dict[Identity, str | None]:
        rows = self.rows(INSTALLATION, identities)
        return {name: None if row is None else row.value.decode() for name, row in rows.items()}

    def rows(self, installation: str, identities: Iterable[Identity]) -> dict[Identity, Row | None]:
        """Return what an installation holds under each identity now."""
        held: dict[Identity, Row | None] = {}
        by_entity: dict[str | None, list[Identity]] = {}
        for one in identities:
            by_entity.setdefault(one.entity, []).append(one)
        for entity, names in by_entity.items():
            keys = [one.key for one in names]
            service = self._emulator.service
            rows = service.read(installation, service.space(entity), keys, int(self.now() * 1000))
            held |= {name: rows.get(name.key) for name in names}
        return held

    def _exchange(self, scope: Any, body: bytes) -> Exchange:
        """Return a request of a process. What a query carries is no record."""
        request = json.loads(body)
        carried = {
            Identity(one.get("entityName"), one["key"]): (
                json.dumps(one["value"]) if "value" in one else None
            )
            for one in (request if isinstance(request, list) else ())
        }
        secret = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
        verb = scope["path"].rpartition("/")[2]
        return Exchange(verb, self._installations[secret], scope, body, carried)


def _done(exchange: Exchange) -> list[Identity]:
    if exchange.status != 200 or exchange.verb == "query":
        return []
    done = json.loads(exchange.answer)["successfulKeys"]
    return [Identity(one.get("entityName"), one["key"]) for one in done]
