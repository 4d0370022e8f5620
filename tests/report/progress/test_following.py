"""A run is followed by its tally and its waits, over the whole job."""

import pytest

from kvsctl.bulk.events import Event, PageListed, RecordsRead, RequestEnded, Settled, Waiting
from kvsctl.bulk.events import WaitReason as Why
from kvsctl.bulk.outcomes.tally import Tally
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.model import Verb
from kvsctl.report.progress.following import Following, Input
from kvsctl.report.progress.standing import Standing
from tests.support.outcomes import failed, succeeded


class Bench:
    """A run whose events a test makes, and a clock that stands still until it is moved."""

    def __init__(self, tally: Tally | None = None, pace: Pace | None = None) -> None:
        self.now = 100.0
        self.fraction: float | None = None
        self.passed = 0
        self.in_flight = 1
        self.tally = tally or Tally()
        self.following = Following(
            "set",
            self.tally,
            Input(lambda: self.fraction, lambda: self.passed),
            pace=pace,
            in_flight=lambda: self.in_flight,
            clock=lambda: self.now,
        )

    def pass_(self, *events: Event, seconds: float = 0.0) -> Standing:
        """Let events and then some time pass, and look."""
        for event in events:
            self.tally(event)
            if type(event) in self.following.wants:
                self.following(event)
        self.following.standing()
        self.now += seconds
        return self.following.standing()

    def pause(self, *events: Event, seconds: float = 0.0) -> str:
        """Do the same. Return the reason of the pause and what comes next."""
        pause = self.pass_(*events, seconds=seconds).pause
        return "" if pause is None else ", ".join(text for text in pause if text)


def settled(count: int) -> Settled:
    return Settled([succeeded(0)] * count)


def refused(status: int = 503) -> RequestEnded:
    return RequestEnded(
        Verb.SET, 25, status, 0.1, 9, 9, 1, is_retry=True, trouble="SERVER_ERROR: no",
        is_throttled=status == 429,
    )  # fmt: skip


def answered(units: int = 1, *, is_retry: bool = False) -> RequestEnded:
    return RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, units, is_retry)


def test_nothing_is_done_at_first() -> None:
    assert Bench().following.standing() == Standing("set")


def test_what_is_only_read_is_not_done() -> None:
    bench = Bench()
    bench.fraction = 0.5
    assert bench.pass_(RecordsRead(100)).done == 0
    assert bench.pass_(settled(50), seconds=30).done == 0.25
    assert bench.following.standing().seconds_left == pytest.approx(90)
    bench.fraction = 1.0
    assert bench.pass_(RecordsRead(100), settled(150)).done == 1.0
    assert bench.following.standing().seconds_left == 0


def test_failures_and_retries_are_those_of_the_report() -> None:
    standing = Bench().pass_(settled(2), Settled([failed(0)]), answered(is_retry=True))
    assert (standing.count, standing.failed, standing.retries) == (3, 1, 1)


def test_the_rate_is_that_of_the_last_minute() -> None:
    bench = Bench()
    for _ in range(60):
        bench.pass_(settled(100), seconds=1)
    for _ in range(60):
        standing = bench.pass_(settled(10), seconds=1)
    assert standing.rate == pytest.approx(10, abs=2)


def test_a_listing_shows_pages_keys_and_its_place_as_printable_text() -> None:
    bench = Bench()
    standing = bench.pass_(PageListed("user:\x1b" + "x" * 100), RecordsRead(9), settled(9))
    assert (standing.noun, standing.count, standing.pages) == ("key", 9, 1)
    assert standing.place == f"user:\\x1b{'x' * 20}…"


def test_a_listing_for_a_clean_up_counts_what_it_lists() -> None:
    following = Following("delete", Tally(), Input(lists_only=True), clock=lambda: 0.0)
    following(PageListed("a", 100))
    following(PageListed("b", 7))
    assert following.standing().count == 107


def test_a_number_of_records_that_is_known_needs_no_estimate() -> None:
    tally = Tally()
    tally(RecordsRead(50))
    tally(settled(50))
    following = Following("delete", tally, Input(records=150), clock=lambda: 0.0)
    assert (following.standing().count, following.standing().done) == (50, 0.25)


class TestAResumedJob:
    def _bench(self) -> Bench:
        tally = Tally()
        tally(RecordsRead(100_000))
        tally(settled(99_000))
        tally(Settled([failed(0)] * 1000))
        tally(answered(units=5000))
        return Bench(tally)

    def test_counts_the_whole_job(self) -> None:
        bench = self._bench()
        bench.fraction, bench.passed = 0.25, 50_000
        standing = bench.pass_()
        assert (standing.count, standing.failed, standing.done) == (100_000, 1000, 0.5)
        assert standing.rate == 0
        assert standing.seconds_left is None, "nothing says how fast this run is"

    def test_takes_the_time_of_what_is_left(self) -> None:
        bench = self._bench()
        bench.fraction, bench.passed = 0.55, 100_000
        standing = bench.pass_(RecordsRead(10_000), settled(10_000), answered(), seconds=10)
        assert standing.done == pytest.approx(0.55)
        assert standing.seconds_left == pytest.approx(90)
        assert standing.rate == pytest.approx(1000)

    def test_of_failures_alone_is_almost_done(self) -> None:
        bench = self._bench()
        bench.fraction, bench.passed = 0.5, 49_500
        standing = bench.pass_(RecordsRead(500))
        assert standing.done == pytest.approx(1.0)


class TestTheQuota:
    def test_is_known_before_the_first_answer(self) -> None:
        bench = Bench(pace=Pace(units_per_minute=2800, requests_per_second=700))
        bench.fraction = 0.01
        standing = bench.pass_(RecordsRead(2000))
        assert standing.seconds_left == pytest.approx(123, abs=1), "8,000 requests: 2,800 at once"

    def test_that_is_not_reached_says_nothing_before_the_first_answer(self) -> None:
        bench = Bench(pace=Pace(units_per_minute=2800))
        bench.fraction = 0.5
        assert bench.pass_(RecordsRead(2000)).seconds_left is None

    def test_counts_units_as_they_are_charged(self) -> None:
        bench = Bench(pace=Pace(units_per_minute=2800))
        bench.fraction = 1.0
        standing = bench.pass_(RecordsRead(70_000), settled(7000), *[answered(10)] * 280)
        assert standing.seconds_left == pytest.approx(540), "28,000 units, 2,800 of them done"

    def test_leaves_its_waits_out_of_the_rate(self) -> None:
        bench = Bench(pace=Pace(units_per_minute=100))
        bench.fraction = 1.0
        bench.pass_(RecordsRead(5000), settled(2500), *[answered()] * 100, seconds=4)
        bench.pass_(Waiting(Why.QUOTA, 56.0))
        for _ in range(50):
            standing = bench.pass_(seconds=1)
        assert standing.seconds_left == pytest.approx(6, abs=1)


class TestTroubles:
    """200,000 records at four requests per second: 2,000 seconds."""

    def _bench(self) -> Bench:
        bench = Bench(pace=Pace(requests_per_second=4))
        bench.fraction = 1.0
        return bench

    def test_requests_that_failed_do_not_move_the_end(self) -> None:
        bench = self._bench()
        bench.pass_(RecordsRead(200_000), refused(), refused(), refused(429))
        standing = bench.pass_(settled(100), *[answered()] * 4, seconds=1)
        assert standing.seconds_left == pytest.approx(2000, rel=0.01)

    @pytest.mark.parametrize("count", [1, 3])
    def test_refusals_of_which_nothing_says_that_they_recur_do_not_move_it(
        self, count: int
    ) -> None:
        bench = self._bench()
        bench.pass_(RecordsRead(200_000))
        for _ in range(count):
            bench.pass_(settled(100), *[answered()] * 4, seconds=1)
            standing = bench.pass_(refused(429), Waiting(Why.THROTTLED, 1.0), seconds=1)
            assert standing.seconds_left == pytest.approx(2000, rel=0.05)
            assert standing.is_least

    @pytest.mark.parametrize("before", [0, 1000])
    @pytest.mark.parametrize("why", [Why.UNREACHABLE, Why.FAILING, Why.RETRYING])
    def test_the_time_left_stands_still_in_an_outage(self, why: Why, before: int) -> None:
        bench = self._bench()
        seconds = before / 100
        first = bench.pass_(RecordsRead(200_000), seconds=seconds)
        if before:
            first = bench.pass_(settled(before), *[answered()] * (before // 25))
        assert first.seconds_left is not None
        for _ in range(100):
            during = bench.pass_(refused(), Waiting(why, 2.0), seconds=2)
            assert during.seconds_left == pytest.approx(first.seconds_left)
        after = bench.pass_(settled(400), *[answered()] * 16, seconds=4)
        assert after.seconds_left == pytest.approx(first.seconds_left - 4, rel=0.01)

    def test_the_silence_before_an_outage_is_part_of_it(self) -> None:
        bench = self._bench()
        bench.pass_(RecordsRead(200_000), seconds=10)
        first = bench.pass_(settled(1000), *[answered()] * 40)
        assert first.seconds_left is not None
        for _ in range(30):
            bench.pass_(seconds=1)
        during = bench.pass_(refused(), Waiting(Why.RETRYING, 5.0), seconds=5)
        assert during.seconds_left == pytest.approx(first.seconds_left, rel=0.01)

    def test_it_stands_still_while_nothing_is_answered(self) -> None:
        bench = self._bench()
        first = bench.pass_(RecordsRead(200_000))
        assert first.seconds_left is not None
        for _ in range(60):
            during = bench.pass_(seconds=1)
        assert during.seconds_left is not None
        assert first.seconds_left - 4 <= during.seconds_left <= first.seconds_left


class TestAPause:
    @pytest.mark.parametrize(
        ("wait", "expected", "afterwards"),
        [
            (Waiting(Why.QUOTA, 50), "waiting 48 s for quota", ""),
            (Waiting(Why.RETRYING, 50), "waiting 48 s to retry", ""),
            (
                Waiting(Why.UNREACHABLE, 50, "connection refused"),
                "connection refused, trying again in 48 s",
                "connection refused, trying again",
            ),
            (
                Waiting(Why.FAILING, 152, "HTTP 503"),
                "HTTP 503, trying again in 2:30 min",
                "HTTP 503, trying again",
            ),
            (
                Waiting(Why.THROTTLED, 50, "HTTP 429"),
                "throttled (HTTP 429), trying again in 48 s",
                "throttled (HTTP 429), trying again",
            ),
            (
                Waiting(Why.THROTTLED, 30, "HTTP 429", 30.0),
                "service asks for 30 s, 28 s left",
                "service asked for 30 s, trying again",
            ),
            (
                Waiting(Why.FAILING, 30, "HTTP 503", 30.0),
                "service asks for 30 s, 28 s left",
                "service asked for 30 s, trying again",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else value.reason.value,
    )
    def test_has_its_reason(self, wait: Waiting, expected: str, afterwards: str) -> None:
        bench = Bench()
        assert bench.pause(wait, seconds=2) == expected
        assert bench.pause(seconds=wait.wait_seconds - 1) == afterwards
        assert bench.pause(settled(1), answered(), seconds=2) == "", "it is over"

    def test_that_is_short_is_not_shown(self) -> None:
        bench = Bench()
        for _ in range(20):
            assert bench.pause(settled(1), Waiting(Why.THROTTLED, 0.6), seconds=0.5) == ""

    def test_of_another_reason_replaces_the_one_before(self) -> None:
        bench = Bench()
        bench.pass_(Waiting(Why.QUOTA, 41.0), seconds=2)
        refused = Waiting(Why.UNREACHABLE, 5.0, "connection refused")
        assert bench.pause(refused) == "connection refused, trying again in 5 s"

    def test_of_one_reason_lasts_until_the_last_of_them_ends(self) -> None:
        bench = Bench()
        bench.pass_(Waiting(Why.THROTTLED, 5.0), Waiting(Why.THROTTLED, 2.0), seconds=2)
        assert bench.pause() == "throttled (HTTP 429), trying again in 3 s"

    def test_for_an_answer_is_one_as_well(self) -> None:
        bench = Bench()
        assert bench.pause(RecordsRead(5), seconds=2.5) == ""
        assert bench.pause(seconds=10) == "no answer for 12 s"
        assert bench.pause(answered()) == ""

    def test_for_input_is_one_as_well(self) -> None:
        bench = Bench()
        bench.in_flight = 0
        assert bench.pause(RecordsRead(5), settled(5), answered(), seconds=4) == "waiting for input"

    def test_detail_of_the_service_is_shown_and_not_obeyed(self) -> None:
        bench = Bench()
        evil = Waiting(Why.UNREACHABLE, 9.0, "\x1b[2J" + "x" * 99)
        shown = bench.pause(evil, seconds=2)
        assert shown.startswith("\\x1b[2J")
        assert len(shown) < 70
