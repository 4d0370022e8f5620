"""The memory of unfinished answers is bounded over all connections of a carrier."""

import asyncio
from typing import Any

import pytest

from kvsctl.service.transport import direct, httpx_carrier
from kvsctl.service.transport.answer_memory import AnswerMemory
from kvsctl.service.transport.carrier import TooSlow
from tests.service.networks import Network
from tests.service.serving import CERTIFICATES, Served, read_request, serving


class _Reader:
    def __init__(self) -> None:
        self.is_paused = False

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False


def _paused(readers: list[_Reader]) -> list[int]:
    return [place for place, reader in enumerate(readers) if reader.is_paused]


def test_the_oldest_answer_is_always_read_further() -> None:
    memory = AnswerMemory(100)
    readers = [_Reader() for _ in range(3)]
    for reader in readers:
        memory.hold(reader, 40)
    assert (_paused(readers), memory.held_bytes) == ([2], 120)
    memory.hold(readers[1], 50)
    memory.hold(readers[0], 1000)
    assert (_paused(readers), memory.held_bytes) == ([1, 2], 1090)


def test_an_answer_that_ends_makes_room_for_others() -> None:
    memory = AnswerMemory(100)
    readers = [_Reader() for _ in range(4)]
    for reader in readers:
        memory.hold(reader, 70)
    assert _paused(readers) == [1, 2, 3]
    memory.release(readers[0])
    assert _paused(readers) == [2, 3], "too much is held, but the oldest goes on"
    memory.release(readers[3])
    assert _paused(readers[:3]) == [2], "there is no more room for it"
    memory.release(readers[1])
    assert (_paused(readers[:3]), memory.held_bytes) == ([], 70)
    memory.release(readers[2])
    assert memory.held_bytes == 0


def test_an_answer_that_was_never_counted_may_end() -> None:
    memory = AnswerMemory(100)
    memory.release(_Reader())
    assert memory.held_bytes == 0


class _Noted(AnswerMemory):
    """A small memory that notes the most that it held."""

    all: list["_Noted"]

    def __init__(self) -> None:
        super().__init__(max_bytes=1_000_000)
        self.most_bytes = 0
        self.all.append(self)

    def hold(self, reader: Any, held_bytes: int) -> None:
        super().hold(reader, held_bytes)
        self.most_bytes = max(self.most_bytes, self.held_bytes)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[_Noted]:
    _Noted.all = []
    for module in (direct, httpx_carrier):
        monkeypatch.setattr(module, "AnswerMemory", _Noted)
    return _Noted.all


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_many_large_answers_at_once_all_arrive(
    network: Network, noted: list[_Noted], monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))
    size, requests = 2_000_000, 16
    body = b"x" * size

    async def talk(served: Served, reader: Any, writer: Any) -> None:
        await read_request(served, reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + body)
        await writer.drain()
        await reader.read()

    async def work() -> None:
        async with serving(talk, tls=tls) as served:
            carrier = network.carrier(served.url("https" if tls else "http", "localhost"))
            asked = (carrier.request("POST", "/", {}, b"[]") for _ in range(requests))
            answers = await asyncio.gather(*asked)
            assert [answer.body == body for answer in answers] == [True] * requests
            await carrier.aclose()

    network.run(work())
    (memory,) = noted
    assert memory.held_bytes == 0
    # What each connection may have read at once, before it was paused, comes on top.
    assert memory.most_bytes <= 1_000_000 + size + requests * 256 * 1024


def test_answers_that_fail_give_their_memory_back(network: Network, noted: list[_Noted]) -> None:
    async def talk(served: Served, reader: Any, writer: Any) -> None:
        await read_request(served, reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"x" * 2_000_000)
        await asyncio.Event().wait()

    async def work() -> None:
        async with serving(talk) as served:
            carrier = network.carrier(served.url(), 0.5)
            asked = (carrier.request("POST", "/", {}, b"[]") for _ in range(4))
            ends = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(end) for end in ends] == [TooSlow] * 4
            await carrier.aclose()

    network.run(work())
    (memory,) = noted
    assert (memory.held_bytes, memory.most_bytes > 1_000_000) == (0, True)
