"""An app with installations: the emulator with quotas, on the time of a virtual loop.

Commands reach it without a network, and their whole work takes virtual time.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from kvsctl.emulator import EmulatorOptions
from kvsctl.emulator.clock import Clock
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.storage.store import Store
from kvsctl.emulator.switches.quota import Cost, Quota, QuotaOptions
from kvsctl.emulator.web.app import Emulator
from kvsctl.service.auth.credentials import container
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.in_process import in_process
from tests.support.commands.command import Command, Ended
from tests.support.simulated.virtual_time import run_virtual

_T = TypeVar("_T")
_EPOCH_MS = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Use:
    """What the quota of an installation admitted, and when, in seconds of the run."""

    at: float
    cost: Cost
    units: int


class _InlineStore(Store):
    """A store without a thread, so that virtual time need not wait for one."""

    async def run(self, work: Any, *, writes: bool = False) -> Any:
        return self.writing(work) if writes else work()


class _WatchedQuota(Quota):
    """The emulator's own accounting, which also notes what it admits and refuses."""

    def __init__(self, options: QuotaOptions) -> None:
        super().__init__(options)
        self.uses: dict[str, list[Use]] = defaultdict(list)
        self.refused = 0

    def admit(
        self, installation: str, cost: Cost, units: int, now_ms: int, *, is_batch: bool = False
    ) -> None:
        try:
            super().admit(installation, cost, units, now_ms, is_batch=is_batch)
        except Refusal:
            self.refused += 1
            raise
        self._note(installation, cost, units, now_ms)

    def adjust(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        super().adjust(installation, cost, units, now_ms)
        self._note(installation, cost, units, now_ms)

    def _note(self, installation: str, cost: Cost, units: int, now_ms: int) -> None:
        self.uses[installation].append(Use((now_ms - _EPOCH_MS) / 1000, cost, units))


class App:
    """So many installations, each with so many records `tmp:N`. Close it.

    `latency_seconds`: how long each request takes.
    """

    def __init__(
        self, installations: int, records: int, quota: QuotaOptions, latency_seconds: float = 0.1
    ) -> None:
        self.names = [f"i{number:04}" for number in range(installations)]
        self.seconds = 0.0
        self._latency_seconds = latency_seconds
        self._emulator = Emulator(
            EmulatorOptions(installations=tuple(self.names), quota=quota),
            _InlineStore(":memory:"),
            Clock(lambda: _EPOCH_MS + round(self.seconds * 1000)),
        )
        self._emulator.quota = None
        run_virtual(self._fill(records))
        self.quota = self._emulator.quota = _WatchedQuota(quota)

    def close(self) -> None:
        """Close the store."""
        self._emulator.close()

    def run(self, kvsctl: Command, folder: Path, *words: str | Path) -> Ended:
        """Run `kvsctl WORDS` on all installations. `seconds` is how long it took."""
        file = folder / "installations.jsonl"
        lines = [json.dumps({"installation": name}) + "\n" for name in self.names]
        file.write_text("".join(lines), "utf-8")
        inside = kvsctl.having(FORGE_EGRESS_PROXY_URL="http://127.0.0.1:9")
        with ExitStack() as stack:
            stack.enter_context(patch("kvsctl.cli.carry_out.on_a_loop", self._on_a_loop))
            over_network = "kvsctl.service.transport.shared.over_network"
            stack.enter_context(patch(over_network, self._carrier))
            return inside(words[0], "-t", "container", "--installations-file", file, *words[1:])

    def most_used(self, cost: Cost, seconds: float = 60.0) -> list[int]:
        """Return the most units that each installation used in any time of this length."""
        most = []
        for uses in self.quota.uses.values():
            spent = [(use.at, use.units) for use in uses if use.cost == cost]
            most.append(max((_sum_from(spent, at, seconds) for at, _ in spent), default=0))
        return most

    def _on_a_loop(self, work: Coroutine[Any, Any, _T], *, has_network: bool) -> _T:
        assert has_network
        return run_virtual(work)

    def _carrier(self, url: str, timeout_seconds: float) -> Carrier:
        return in_process(url, self._answer, timeout_seconds)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(self._latency_seconds / 2)
        self.seconds = asyncio.get_running_loop().time()
        await self._emulator(scope, receive, send)
        await asyncio.sleep(self._latency_seconds / 2)

    async def _fill(self, records: int) -> None:
        bodies = [
            {"key": f"tmp:{number:05}", "value": {"number": number}} for number in range(records)
        ]
        for name in self.names:
            carrier = in_process("http://127.0.0.1:9", self._emulator, 30.0)
            headers = container(name)
            for first in range(0, records, 25):
                body = json.dumps(bodies[first : first + 25]).encode()
                answer = await carrier.request("POST", "/v1/batch/set", headers, body)
                assert answer.status == 200, answer.body


def _sum_from(spent: Sequence[tuple[float, int]], start: float, seconds: float) -> int:
    return sum(units for at, units in spent if start <= at < start + seconds)
