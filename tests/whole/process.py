"""A process that carries out a job: everything of the command but its threads and the network.

It runs in virtual time, in this process. What ends it abruptly is raised by the loop or by the
disk, and from then on nothing that its code still does reaches a file or the service.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, Final, Protocol, Self, TypeVar
from unittest.mock import patch

import typer

from kvsctl.cli.app import command_line
from kvsctl.cli.arguments import prepared
from kvsctl.errors import ExitStatus, KvsctlError
from kvsctl.jobs.listeners import JobListeners
from kvsctl.journal.file import JournalFile
from kvsctl.journal.writer import JournalWriter
from kvsctl.model import Record, Verb
from kvsctl.report.console import Environment
from kvsctl.service.client import Answer, StoreClient
from kvsctl.service.transport.carrier import Carrier
from kvsctl.service.transport.in_process import in_process
from tests.support.books import Books
from tests.support.simulated.virtual_time import run_virtual
from tests.whole.disk import Disk, Killed, Trouble
from tests.whole.stand_ins import PacedFeed, SlowExecutor, at_once
from tests.whole.wire import World

_T = TypeVar("_T")
_COMMAND: Final = typer.main.get_command(command_line())
"""Made once: making it takes longer than a run."""
_MOST_TURNS: Final = 200_000
"""Of the loop, in one run: many times what the longest takes."""


class Command(Protocol):
    """A command line, and the folder with its files and its configuration."""

    @property
    def folder(self) -> Path: ...

    def words(self, token_file: Path, *, retries_failed: bool) -> list[str | Path]: ...


@dataclass(frozen=True)
class Fate:
    """What a run meets. Times are seconds since its start.

    `kill_turn`, `kill_seconds`: it is gone at that turn of its loop, or then. `max_seconds`: its
    time is up then (`--max-duration`). `signals`: the times at which a signal comes.
    `sync_seconds`: how long it takes to write a group of the journal. `splits_slabs`: the run makes
    a record of each at once.
    """

    faults: str = ""
    trouble: Trouble = field(default_factory=Trouble)
    kill_turn: int | None = None
    kill_seconds: float | None = None
    loses_power: bool = False
    max_seconds: int | None = None
    signals: tuple[float, ...] = ()
    renews_tokens: bool = True
    sync_seconds: float = 0.0
    retries_failed: bool = False
    splits_slabs: bool = False
    seed: int = 0


@dataclass
class Ended:
    """How a run ended: `status` None if it was killed, then or at `killed_at` seconds."""

    fate: Fate
    books: Books
    sent: list[list[int]] = field(default_factory=list)
    status: ExitStatus | None = None
    refusal: KvsctlError | None = None
    disk_has_failed: bool = False
    seconds: float = 0.0

    @property
    def is_killed(self) -> bool:
        return self.status is None


Meanwhile = Sequence[tuple[float, Callable[[], None]]]
"""What happens during a run that is none of its doing, and when."""


def run(job: Command, world: World, disk: Disk, fate: Fate, meanwhile: Meanwhile = ()) -> Ended:
    """One run of the job, from its options to its exit code or its abrupt end."""
    ended = Ended(fate, Books())
    with ExitStack() as stack:
        stack.enter_context(disk.meeting(fate.trouble))
        stack.enter_context(_in_place(job, world, disk, ended, meanwhile))
        try:
            words = job.words(world.token_file, retries_failed=fate.retries_failed)
            _COMMAND.main(args=prepared(list(map(str, words))), prog_name="kvsctl")
        except SystemExit as left:
            # One that died at the very end has still died.
            ended.status = None if disk.is_dead else ExitStatus(int(left.code or 0))
        except KvsctlError as refusal:
            ended.refusal = refusal
            ended.status = None if disk.is_dead else refusal.status
        except Killed:
            pass
    ended.disk_has_failed = disk.has_failed
    world.elapsed_seconds += ended.seconds
    if ended.is_killed:
        random = Random(fate.seed)
        world.land_after_kill(random)
        if fate.loses_power:
            disk.lose_power(random)
    return ended


@contextmanager
def _in_place(
    job: Command, world: World, disk: Disk, ended: Ended, meanwhile: Meanwhile
) -> Iterator[None]:
    """Virtual time, the world at the far end, and no thread."""
    fate, random = ended.fate, Random(ended.fate.seed)
    turns = all_turns = 0

    def turned(now: float) -> None:
        nonlocal turns, all_turns
        turns += 1
        all_turns += 1
        assert all_turns < _MOST_TURNS, "the run does not end"
        ended.seconds = now
        if disk.is_dead and turns > 0:
            turns = -(10**9)
            raise Killed
        is_time = fate.kill_seconds is not None and now >= fate.kill_seconds
        if turns == fate.kill_turn or (is_time and turns > 0):
            disk.is_dead, turns = True, -(10**9)
            raise Killed

    def told(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not disk.is_dead:  # the dead leave everything behind as it is
            loop.default_exception_handler(context)

    def arrive(number: signal.Signals) -> None:
        """Deliver a signal. Where the process does not catch it yet, it is the end of it."""
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            disk.is_dead = True
        else:
            signal.raise_signal(number)

    async def worked(work: Coroutine[Any, Any, _T]) -> _T:
        nonlocal turns
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(told)
        timers = [
            loop.call_later(seconds, arrive, number)
            for number, seconds in zip((signal.SIGTERM, signal.SIGINT), fate.signals, strict=False)
        ]
        timers += [loop.call_later(seconds, action) for seconds, action in meanwhile]
        try:
            result = await work
            for timer in timers:
                timer.cancel()  # the command has ended: a signal has nobody to receive it
            await world.settle()
            return result
        finally:
            turns = -(10**9)

    def on_virtual_time(work: Coroutine[Any, Any, _T], **_: object) -> _T:
        try:
            return run_virtual(worked(work), turned=turned)
        finally:
            work.close()  # it may not even have begun

    class Heard(JobListeners):
        def __enter__(self) -> Self:
            super().__enter__()
            self.listeners.insert(0, ended.books)
            return self

    def service(carrier: Carrier, **named: Any) -> StoreClient:
        clock = asyncio.get_running_loop().time
        noting = _Noting(carrier, epoch=world.now, monotonic=clock, **named)
        noting.sent = ended.sent
        return noting

    def over_network(url: str, timeout_seconds: float) -> Carrier:
        return in_process(url, world, timeout_seconds)

    journal = partial(
        JournalFile, write=lambda fd, text: os.write(fd, text), sync=lambda fd: os.fsync(fd)
    )
    executor = partial(SlowExecutor, fate.sync_seconds)
    environment = {"XDG_CONFIG_HOME": str(job.folder), "XDG_DATA_HOME": str(job.folder)}
    if fate.splits_slabs:
        environment["KVSCTL_SPLIT_SLABS"] = "1"
    if fate.max_seconds is not None:
        environment["KVSCTL_MAX_DURATION"] = str(fate.max_seconds)
    with ExitStack() as stack:
        out = stack.enter_context((job.folder / "stdout").open("wb"))
        streams = Environment(out.fileno(), out.fileno(), False, False, False, False, 80)
        for name, replacement in (
            ("cli.carry_out.Environment.of_process", lambda: streams),
            ("cli.carry_out.on_a_loop", on_virtual_time),
            ("jobs.runner.JobListeners", Heard),
            ("bulk.run.RANDOM", random),
            ("listing.reading.RANDOM", random),
            ("jobs.inputs.feed_of", lambda reader, may_wait: PacedFeed(random, reader)),
        ):
            stack.enter_context(patch(f"kvsctl.{name}", replacement))
        stack.enter_context(patch("kvsctl.jobs.connect.StoreClient", service))
        stack.enter_context(patch("kvsctl.service.transport.choose.over_network", over_network))
        stack.enter_context(patch("kvsctl.journal.file.JournalFile", journal))
        for name in ("jobs.journal", "outputs.undo_file"):
            threads = f"kvsctl.{name}.ThreadPoolExecutor"
            stack.enter_context(patch(threads, lambda *_: executor()))
        # What a group costs decides when the next begins, so that must not depend on this machine.
        costs = {"cpu_seconds": _processor(Random(fate.seed)), "wall_seconds": lambda: 0.0}
        stack.enter_context(patch.dict(JournalWriter.__init__.__kwdefaults__, costs))
        clock = SimpleNamespace(monotonic=world.now)
        stack.enter_context(patch("kvsctl.jobs.journal.time", clock))
        stack.enter_context(patch("kvsctl.service.auth.credentials.in_daemon_thread", at_once))
        stack.enter_context(patch.dict(os.environ, environment))
        yield


def _processor(random: Random) -> Callable[[], float]:
    """A clock of processor time by which each group of a journal costs the same."""
    step = random.choice([0.0, 0.001, 0.004, 0.02])
    return map(step.__mul__, count()).__next__


class _Noting(StoreClient):
    """Notes which positions each request carries, what is read back left out."""

    sent: list[list[int]]

    async def call(self, verb: Verb, records: Sequence[Record]) -> Answer:
        self.sent.append([one.position for one in records if type(one) is Record])
        return await super().call(verb, records)
