"""A client in its process: Ctrl-C, a fork, and what ends while a call is in progress."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import pytest

from kvsctl import AsyncClient, Client
from kvsctl.bulk.events import RequestEnded
from kvsctl.client.loop_thread import LoopThread
from kvsctl.errors import WorkLeft
from kvsctl.service.transport.carrier import CarrierAnswer
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import URL, in_memory, session_of
from tests.support.needs import only_on

_PROGRAM = """
import asyncio, json, os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
from kvsctl import Client
from kvsctl.emulator import embedded
from kvsctl.errors import UsageError
from kvsctl.service.transport.in_process import in_process

URL = "http://127.0.0.1:1"

class Held:
    '''A carrier whose answers wait until `go` is set.'''

    def __init__(self):
        self.carrier = in_process(URL, embedded(":memory:"), 30)
        self.host, self.proxy = self.carrier.host, self.carrier.proxy
        self.is_held, self.asked = False, threading.Event()

    async def request(self, *request):
        if self.is_held:
            self.asked.set()
            await asyncio.Event().wait()
        return await self.carrier.request(*request)

    async def aclose(self):
        await self.carrier.aclose()

carrier = Held()
said = []
"""


def _said(program: str) -> Any:
    """Return what a program says as JSON, which is run as the main thread of its own process."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM + textwrap.dedent(program) + "\nprint(json.dumps(said))"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    assert done.returncode == 0
    return json.loads(done.stdout)


@only_on(hasattr(os, "fork"), "this system does not fork")
def test_a_fork_refuses_the_client_of_its_parent_and_has_its_own() -> None:
    said = _said(
        """
        reader, writer = os.pipe()
        with Client(URL, transport=carrier) as client:
            client.set_many([{"key": "k", "value": 1}])
            reading = client.scan()
            next(reading)
            if os.fork() == 0:
                words = []
                for call in (lambda: client.set_many([]), lambda: next(client.get_many(["k"]))):
                    try:
                        call()
                    except UsageError as error:
                        words.append(error.message)
                reading.close()
                client.close()
                with Client(URL, transport=in_process(URL, embedded(":memory:"), 30)) as own:
                    words.append(own.set_many([{"key": "k", "value": 1}]).succeeded)
                os.write(writer, json.dumps(words).encode())
                os._exit(0)
            os.wait()
            said += json.loads(os.read(reader, 10_000))
            said.append(client.set_many([{"key": "k", "value": 2}]).succeeded)
        """
    )
    refused = "the client was opened in another process"
    assert said == [refused, refused, 1, 1]


@only_on(os.name != "nt", "Ctrl-C is no signal there")
@pytest.mark.parametrize(
    "call",
    [
        'client.set_many([{"key": "k", "value": 1}])',
        'client.set_many(iter([{"key": "k", "value": 1}]))',
        'next(client.get_many(iter(["k"])))',
        "next(client.scan())",
        "next(client.export_lines())",
    ],
)
def test_ctrl_c_ends_a_call_and_leaves_the_client_usable(call: str) -> None:
    """As in a notebook: an event loop runs in the main thread, and the next cell goes on."""
    said = _said(
        f"""
        def press():
            carrier.asked.wait()
            os.kill(os.getpid(), signal.SIGINT)

        async def cell():
            threading.Thread(target=press).start()
            try:
                {call}
            except KeyboardInterrupt:
                said.append("interrupted")

        signal.signal(signal.SIGINT, signal.default_int_handler)
        with Client(URL, transport=carrier) as client:
            carrier.is_held = True
            loop = asyncio.new_event_loop()
            loop.run_until_complete(cell())
            carrier.is_held = False
            said.append(client.set_many([{{"key": "k", "value": 1}}]).succeeded)
            said.append([one.value for one in client.scan()])
            loop.close()
        said.append([one.name for one in threading.enumerate() if one.name == "kvsctl-client"])
        """
    )
    assert said == ["interrupted", 1, [1], []]


class _Held:
    """A carrier whose requests are not answered. `note` is called for each."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._carrier = in_process(URL, in_memory(), 30)
        self.host, self.proxy = self._carrier.host, self._carrier.proxy
        self._note = note

    async def request(self, *request: Any) -> CarrierAnswer:
        self._note()
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        await self._carrier.aclose()


@pytest.mark.parametrize("kind", ["list", "iterator", "get", "scan", "export_lines"])
def test_a_client_that_is_closed_in_mid_run_raises_in_the_thread_that_calls(kind: str) -> None:
    asked = threading.Event()
    client = Client(URL, transport=_Held(asked.set))

    def close() -> None:
        assert asked.wait(20)
        client.close()

    def records() -> Iterator[dict[str, Any]]:
        for number in range(100):
            yield {"key": f"k{number}", "value": 1}

    calls: dict[str, Any] = {
        "list": lambda: client.set_many([*records()]),
        "iterator": lambda: client.set_many(records()),
        "get": lambda: next(client.get_many(one["key"] for one in records())),
        "scan": lambda: next(client.scan()),
        "export_lines": lambda: next(client.export_lines()),
    }
    closing = threading.Thread(target=close)
    with client:
        closing.start()
        with pytest.raises(WorkLeft, match="the client was closed while a call was in progress"):
            calls[kind]()
        closing.join()
    assert closing.name not in [one.name for one in threading.enumerate()]


def test_a_client_may_be_closed_by_another_thread_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The slower thread finds the client open, and acts once the other one has closed it."""
    client = Client(URL, transport=in_process(URL, in_memory(), 30))
    found_open, is_closed = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def close() -> None:
        try:
            client.close()
        except BaseException as error:
            raised.append(error)

    slower = threading.Thread(target=close)

    def is_of_this_process(_: LoopThread) -> bool:
        if threading.current_thread() is slower and not found_open.is_set():
            found_open.set()
            assert is_closed.wait(20)
        return True

    monkeypatch.setattr(LoopThread, "is_of_this_process", property(is_of_this_process))
    with client:
        slower.start()
        assert found_open.wait(20)
        client.close()
        is_closed.set()
        slower.join()
    assert raised == []


@pytest.mark.parametrize("kind", [LookupError, TimeoutError, futures.CancelledError])
def test_a_generator_that_raises_midway_costs_no_record_before_it(kind: type[Exception]) -> None:
    error = kind("the database is gone")

    def failing() -> Iterator[dict[str, Any]]:
        for number in range(2500):
            yield {"key": f"k{number:04}", "value": number}
        yield from [{"key": "no/key", "value": 1}] * 10
        raise error

    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        with pytest.raises(kind, match="the database is gone") as caught:
            client.set_many(failing())
        assert len([*client.scan()]) == 2500
    assert caught.value is error
    assert caught.value.__notes__ == [
        "kvsctl: of 2,510 records given before, 2,500 succeeded, 10 failed"
    ]


class _Loud(Exception):
    """An exception that takes no note."""

    def add_note(self, note: str, /) -> None:
        raise RuntimeError(note)


@pytest.mark.parametrize("kind", [ValueError, _Loud])
def test_an_exception_that_takes_no_note_is_raised_itself(kind: type[Exception]) -> None:
    error = kind("the database is gone")
    setattr(error, "__notes__", 5)  # noqa: B010 - its type is a list

    def failing() -> Iterator[dict[str, Any]]:
        yield {"key": "k", "value": 1}
        raise error

    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        with pytest.raises(kind) as caught:
            client.set_many(failing())
        assert len([*client.scan()]) == 1
    assert caught.value is error


class _Cancelled:
    """A carrier that waits for something that was cancelled, after so many `answers`."""

    def __init__(self) -> None:
        self._carrier = in_process(URL, in_memory(), 30)
        self.host, self.proxy = self._carrier.host, self._carrier.proxy
        self.answers = 1000

    async def request(self, *request: Any) -> CarrierAnswer:
        self.answers -= 1
        if self.answers < 0:
            raise asyncio.CancelledError
        return await self._carrier.request(*request)

    async def aclose(self) -> None:
        await self._carrier.aclose()


@pytest.mark.parametrize("name", ["set_many", "get_many", "scan", "export_lines", "verify"])
def test_a_transport_that_was_cancelled_ends_the_call(name: str) -> None:
    keys = [f"k{number:03}" for number in range(250)]
    records = [{"key": key, "value": 1} for key in keys]
    calls: dict[str, Callable[[Client], Any]] = {
        "set_many": lambda client: client.set_many(records),
        "get_many": lambda client: [*client.get_many(keys)],
        "scan": lambda client: [*client.scan()],
        "export_lines": lambda client: [*client.export_lines()],
        "verify": lambda client: client.set_many(records[:25], verify=True),
    }
    carrier = _Cancelled()
    with Client(URL, transport=carrier) as client:
        assert client.set_many(records).succeeded == 250
        carrier.answers = 1
        with pytest.raises(RuntimeError, match=r"^the transport raised CancelledError$"):
            calls[name](client)


def test_a_cancelled_read_ends_its_requests() -> None:
    async def work() -> None:
        asked = asyncio.Event()
        async with AsyncClient(URL, transport=_Held(asked.set)) as client:
            for begun in (client.scan, lambda: client.get_many(["k"]), client.export_lines):
                asked.clear()
                reading = asyncio.ensure_future(anext(begun()))
                await asked.wait()
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                assert session_of(client).is_idle

    asyncio.run(work())


def test_listeners_of_threads_do_not_mix() -> None:
    counts: dict[str, int] = {}

    def work(client: Client, name: str) -> None:
        def note(event: Any) -> None:
            if isinstance(event, RequestEnded):
                counts[name] = counts.get(name, 0) + event.records

        client.set_many(({"key": f"{name}{n}", "value": n} for n in range(100)), listeners=[note])

    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        threads = [threading.Thread(target=work, args=(client, name)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert counts == dict.fromkeys("abc", 100)


def test_a_client_that_is_closed_while_its_caller_gives_keys_says_so() -> None:
    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:

        def keys() -> Iterator[str]:
            closing = threading.Thread(target=client.close)
            closing.start()
            closing.join()
            yield "k"

        with pytest.raises(WorkLeft, match="the client was closed while a call was in progress"):
            next(client.get_many(keys()))
