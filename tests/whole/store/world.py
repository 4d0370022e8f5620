"""The stores, who else writes to them, and the book of everything that was read or changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kvsctl.emulator.operations.service import LAZY_PURGE_MS, Write
from kvsctl.emulator.options import Token
from kvsctl.emulator.storage.rows import Row
from kvsctl.model import Identity
from tests.whole.disk import Disk
from tests.whole.store.records import EVERY, Version
from tests.whole.wire import INSTALLATION, Exchange, World

OTHER: Final = "two"
"""The installation that a sync reads."""
_OTHER_TOKEN: Final = "token-of-the-source"
Rows = dict[Identity, Row]


@dataclass(frozen=True)
class Entry:
    """What one request, or somebody else, read or changed at a moment, in epoch seconds.

    `before` and `after` hold the records of its identities; None: there was none. `exchange` None:
    it was somebody else.
    """

    moment: float
    installation: str
    before: Mapping[Identity, Row | None]
    after: Mapping[Identity, Row | None]
    exchange: Exchange | None

    @property
    def changed(self) -> list[Identity]:
        """What it wrote or removed."""
        return [one for one in self.before if self.before[one] != self.after[one]]


class StoreWorld(World):
    """Two installations of one service. `book`: all that happened, in order."""

    def __init__(self, folder: Path, disk: Disk, options: Mapping[str, Any]) -> None:
        self.lag_seconds: float = options["query_lag_seconds"]
        self.book: list[Entry] = []
        self._known: dict[str, Rows] = {INSTALLATION: {}, OTHER: {}}
        super().__init__(folder, disk, options, [Token(_OTHER_TOKEN, OTHER)])
        self.source_token_file = folder / "source-token"
        self.source_token_file.write_text(f"{_OTHER_TOKEN}\n")

    def seed(self, installation: str, versions: Mapping[Identity, Version]) -> None:
        """Put records into an installation that is empty."""
        for identity, version in versions.items():
            self._put(installation, identity, version)
            self._known[installation] |= self._rows_of(installation, [identity])

    def write(self, installation: str, identity: Identity, version: Version | None) -> None:
        """Let somebody else write a record, or remove it."""
        before = self._before(installation, [identity])
        if version is None:
            service = self._emulator.service
            space, now_ms = service.space(identity.entity), int(self.now() * 1000)
            service.store.writing(
                lambda: service.remove(installation, space, [identity.key], now_ms)
            )
        else:
            self._put(installation, identity, version)
        self._enter(installation, before, None)

    def held(self, installation: str = INSTALLATION) -> Rows:
        """Return everything that an installation holds now."""
        return self._rows_of(installation, EVERY)

    def since(self, start: int, installation: str = INSTALLATION) -> list[Entry]:
        """Return the entries of an installation, from one number on."""
        return [one for one in self.book[start:] if one.installation == installation]

    def _put(self, installation: str, identity: Identity, version: Version) -> None:
        service = self._emulator.service
        space = service.space(identity.entity)
        expires = None if version.expires is None else int(version.expires * 1000)
        write = Write(identity.key, version.value, expires)
        created_ms, updated_ms = int(version.created * 1000), int(version.updated * 1000)
        service.store.writing(
            lambda: service.put(installation, space, [write], updated_ms, created_ms=created_ms)
        )

    def _note(self, exchange: Exchange) -> None:
        super()._note(exchange)
        if exchange.carried:
            before = self._before(exchange.installation, exchange.carried)
            self._enter(exchange.installation, before, exchange)

    def _enter(
        self, installation: str, before: dict[Identity, Row | None], exchange: Exchange | None
    ) -> None:
        after = self.rows(installation, before)
        known = self._known[installation]
        for identity, row in after.items():
            known.pop(identity, None)
            if row is not None:
                known[identity] = row
        self.book.append(Entry(self.now(), installation, before, after, exchange))

    def _before(
        self, installation: str, identities: Iterable[Identity]
    ) -> dict[Identity, Row | None]:
        """Return what an installation held, but for what time has removed since."""
        gone_ms, known = self.now() * 1000 - LAZY_PURGE_MS, self._known[installation]
        held: dict[Identity, Row | None] = {}
        for identity in identities:
            row = known.get(identity)
            is_gone = row is not None and row.expires is not None and row.expires <= gone_ms
            held[identity] = None if is_gone else row
        return held

    def _rows_of(self, installation: str, identities: Iterable[Identity]) -> Rows:
        rows = self.rows(installation, identities)
        return {identity: row for identity, row in rows.items() if row is not None}
