import asyncio
import math
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import CredentialsError
from kvsctl.service.auth.credentials import Credentials, GivenToken, Secret, TokenFile, bearer
from kvsctl.service.auth.lifetime import PAUSE_SECONDS, due_again_at, due_at, end_of
from tests.support.simulated.tokens import token_until

NOW = 1_790_000_000.0
_LIFETIMES = st.floats(1, 20_000)


class Relay:
    """A source that gives the token of the last hour, or of any other period, by a clock."""

    name = "relay"
    may_change = True

    def __init__(self, every: float, lifetime: float) -> None:
        self.every, self.lifetime = every, lifetime
        self.now, self.reads, self.fails = NOW, 0, False

    def read(self) -> Secret:
        self.reads += 1
        if self.fails:
            raise CredentialsError("the relay does not answer")
        number = math.floor((self.now - NOW) / self.every)
        return Secret(token_until(NOW + number * self.every + self.lifetime, str(number)))


class TestEnd:
    @given(st.floats(1, 2e11, allow_subnormal=False) | st.integers(1, 10**11), st.text())
    def test_is_read_from_the_payload(self, ends_at: float, name: str) -> None:
        assert end_of(token_until(ends_at, name)) == ends_at

    @given(st.text() | st.from_regex(r"[\w-]*\.[\w-]*\.[\w-]*", fullmatch=True))
    def test_any_other_text_has_none(self, token: str) -> None:
        assert end_of(token) > 0

    @pytest.mark.parametrize("ends_at", [None, "soon", True, -1, 0, 1e300, [1], {"at": 1}, "1"])
    def test_what_is_not_a_time_is_none(self, ends_at: object) -> None:
        assert end_of(token_until(ends_at)) == math.inf  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "token", ["", "a.b", "..", "a.!!.c", "a.W10.c", "a.eyJleHAiOg.c", "é.é.é"]
    )
    def test_a_token_of_another_form_has_none(self, token: str) -> None:
        assert end_of(token) == math.inf

    def test_a_payload_nested_too_deep_has_none(self) -> None:
        deep: object = []
        for _ in range(900):
            deep = [deep]
        assert end_of(token_until(5.0, at=deep)) in (5.0, math.inf)


class TestDue:
    @given(_LIFETIMES)
    def test_is_before_the_end_and_in_the_second_half(self, lifetime: float) -> None:
        due = due_at(NOW + lifetime, NOW)
        assert NOW + lifetime / 2 - 1e-3 <= due < NOW + lifetime
        assert due >= NOW + lifetime - 300 - 1e-3

    @given(st.floats(-1000, 20_000))
    def test_asking_again_leaves_a_pause_and_is_before_the_end(self, left: float) -> None:
        again = due_again_at(NOW + left, NOW)
        assert again >= NOW + PAUSE_SECONDS
        assert again == math.inf or again < NOW + left

    def test_a_token_that_has_ended_is_left_to_its_refusal(self) -> None:
        assert due_at(NOW, NOW) == math.inf


@given(
    every=st.floats(60, 7200),
    share=st.floats(1.2, 4),
    steps=st.lists(st.floats(0, 500), min_size=1, max_size=40),
)
def test_no_request_has_a_token_that_has_ended(
    every: float, share: float, steps: list[float]
) -> None:
    """While the source always has one that lasts longer than steps between requests do."""
    relay = Relay(every, every * share + 600)

    async def work() -> None:
        credentials = Credentials(relay, bearer)
        for step in steps:
            relay.now += step
            token = await credentials.current(relay.now)
            assert token is not None
            assert end_of(token.reveal()) > relay.now

    asyncio.run(work())
    assert relay.reads <= 1 + sum(steps) / PAUSE_SECONDS


@given(st.lists(st.floats(0, 400), min_size=1, max_size=40), st.booleans())
def test_a_source_that_has_no_other_token_is_asked_seldom(
    steps: list[float], is_failing: bool
) -> None:
    relay = Relay(10**9, 3600)

    async def work() -> None:
        credentials = Credentials(relay, bearer)
        first = await credentials.current(relay.now)
        relay.fails = is_failing
        for step in steps:
            relay.now += step
            assert await credentials.current(relay.now) is first

    asyncio.run(work())
    assert relay.reads <= 1 + min(len(steps), 10)


def test_one_caller_asks_while_the_others_use_the_old_token() -> None:
    asked, released = threading.Event(), threading.Event()

    class Slow(Relay):
        def read(self) -> Secret:
            if self.reads:
                asked.set()
                assert released.wait(30)
            return super().read()

    relay = Slow(3600, 4000)

    async def work() -> None:
        credentials = Credentials(relay, bearer)
        old = await credentials.current(NOW)
        relay.now = NOW + 3800
        asking = asyncio.ensure_future(credentials.current(relay.now))
        assert await asyncio.to_thread(asked.wait, 20)
        assert [await credentials.current(relay.now) for _ in range(5)] == [old] * 5
        late = asyncio.ensure_future(credentials.current(NOW + 4001))
        await asyncio.sleep(0)
        assert not late.done(), "the old token has ended"
        released.set()
        new = await asking
        assert new != old
        assert await late == new

    asyncio.run(work())
    assert relay.reads == 2


def test_a_token_that_cannot_change_is_not_asked_for() -> None:
    given_token = GivenToken("KVSCTL_TOKEN", Secret(token_until(NOW + 100)))

    async def work() -> Credentials:
        credentials = Credentials(given_token, bearer)
        await credentials.current(NOW)
        return credentials

    credentials = asyncio.run(work())
    assert credentials.ends_at == NOW + 100
    assert credentials.due_at == math.inf


def test_only_a_regular_file_may_change(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("x")
    assert TokenFile(path).may_change
    assert not TokenFile(path.parent).may_change
    assert not TokenFile(Path("a\0b")).may_change
