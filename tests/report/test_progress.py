"""The progress bar shows how far the run is, and is erased at its end."""

import re
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from kvsctl.bulk.events import PageListed, RecordsRead, RequestEnded, Settled, Waiting, WaitReason
from kvsctl.bulk.pacing.pace import Pace
from kvsctl.model import Verb
from kvsctl.report.progress import ProgressBarLine
from kvsctl.report.rich_console import stderr_console
from tests.support.outcomes import failed, succeeded
from tests.support.terminal import Read, stderr


class Bench:
    """A bar with a clock that stands still until it is moved."""

    def __init__(self, width: int = 80) -> None:
        self.now = 100.0
        self.fraction: float | None = None
        self.width = width
        with stderr(width, is_terminal=True) as (environment, _):
            self.console = stderr_console(environment)
        self.bar = ProgressBarLine(
            self.console,
            "set",
            fraction_read=lambda: self.fraction,
            clock=lambda: self.now,
            columns=lambda: self.width,
        )

    def line(self) -> str:
        with self.console.capture() as page:
            self.console.print(self.bar.render())
        assert page.get().count("\n") == 1
        return page.get().rstrip()


def test_without_a_known_size_there_is_only_a_count() -> None:
    bench = Bench()
    assert bench.line() == "set 0 records  0/s"
    bench.bar(RecordsRead(5000))
    bench.bar(Settled([succeeded(n) for n in range(3000)]))
    bench.bar(RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, 1, False))
    bench.now += 2
    assert bench.line() == "set 3,000 records  1,500/s"


def test_a_listing_shows_its_pages_and_the_prefix_that_it_reads() -> None:
    bench = Bench()
    bench.bar(PageListed(""))
    bench.bar(RecordsRead(100))
    bench.bar(Settled([succeeded(n) for n in range(100)]))
    bench.now += 1
    assert bench.line() == "set 100 keys  1 page  100/s"
    bench.bar(PageListed("user:\x1b" + "x" * 100))
    bench.bar(RecordsRead(1))
    bench.bar(Settled([succeeded(100)]))
    assert bench.line() == f"set 101 keys  2 pages  101/s  at user:\\x1b{'x' * 20}…"


def test_with_a_known_size_it_shows_how_much_is_done_and_left() -> None:
    bench = Bench()
    bench.fraction = 0.5
    bench.bar(RecordsRead(100))
    bench.bar(Settled([succeeded(n) for n in range(50)]))
    bench.now += 30
    line = bench.line()
    assert " 25%  50 records  2/s  1:30 left" in line
    assert line.count("━") == 6
    bench.now += 3600
    assert "3:01:30 left" not in line
    assert "3:01:30 left" in bench.line()


def test_records_that_are_only_read_are_not_done() -> None:
    bench = Bench()
    bench.fraction = 1.0
    bench.bar(RecordsRead(100))
    assert "  0%" in bench.line()
    bench.bar(Settled([succeeded(n) for n in range(100)]))
    assert "100%" in bench.line()
    assert "0:00 left" in bench.line()


def test_the_rate_is_averaged_over_the_last_seconds() -> None:
    bench = Bench()
    for second in range(60):
        bench.bar(Settled([succeeded(n) for n in range(100 if second < 50 else 10)]))
        bench.now += 1
        line = bench.line()
    assert "  10/s" in line


def test_failures_are_counted() -> None:
    bench = Bench()
    bench.bar(Settled([failed(0), succeeded(1), failed(2)]))
    assert "2 failed" in bench.line()


def test_throttling_shows_until_it_is_over() -> None:
    bench = Bench()
    bench.bar(Waiting(WaitReason.THROTTLED, 5.0))
    bench.bar(Waiting(WaitReason.THROTTLED, 2.0))
    bench.now += 1
    assert "429: throttled, resumes in 0:04" in bench.line()
    bench.now += 4
    assert "429: throttled, trying now" in bench.line()
    bench.bar(RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, 1, False))
    assert "throttled" not in bench.line()


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (WaitReason.QUOTA, "quota used up, resumes in 0:40"),
        (WaitReason.UNREACHABLE, "cannot reach the target, next attempt in 0:40"),
        (WaitReason.FAILING, "the target fails, next attempt in 0:40"),
    ],
)
def test_a_wait_has_its_reason_and_the_seconds_left(reason: WaitReason, shown: str) -> None:
    bench = Bench()
    bench.bar(Waiting(reason, 41.0))
    bench.now += 1
    assert shown in bench.line()


def test_another_reason_replaces_the_one_before() -> None:
    bench = Bench()
    bench.bar(Waiting(WaitReason.QUOTA, 41.0))
    bench.bar(Waiting(WaitReason.UNREACHABLE, 2.0))
    assert "cannot reach the target, next attempt in 0:02" in bench.line()


def test_the_time_left_knows_the_quota() -> None:
    bench = Bench()
    bench.bar = ProgressBarLine(
        bench.console,
        "set",
        fraction_read=lambda: 1.0,
        least_seconds=Pace(units_per_minute=2800).least_seconds,
        clock=lambda: bench.now,
    )
    bench.bar(RecordsRead(700_000))
    for _ in range(2800):
        bench.bar(RequestEnded(Verb.SET, 25, 200, 0.1, 9, 9, 1, False))
    bench.bar(Settled([succeeded(0)] * 70_000))
    bench.now += 4
    assert "8:56 left" in bench.line(), "28,000 units take nine minutes after the first 2,800"


@pytest.mark.parametrize(
    ("width", "has_bar"), [(20, False), (40, False), (65, False), (66, True), (80, True)]
)
def test_a_narrow_terminal_has_one_line(width: int, has_bar: bool) -> None:
    bench = Bench(width)
    bench.fraction = 0.5
    bench.bar(RecordsRead(2000))
    bench.bar(Settled([failed(0)] * 1000))
    bench.now += 1
    line = bench.line()
    assert line.startswith("set ")
    assert cell_len(line) <= width
    assert ("━" in line) is has_bar


def test_the_bar_follows_a_resized_terminal() -> None:
    bench = Bench(80)
    bench.fraction = 0.5
    bench.bar(RecordsRead(2000))
    bench.bar(Settled([failed(0)] * 1000))
    bench.now += 1
    assert "━" in bench.line()
    bench.width = 40
    assert cell_len(bench.line()) <= 40
    bench.width = 80
    assert "━" in bench.line()


@pytest.fixture
def drawn() -> Iterator[tuple[ProgressBarLine, Read]]:
    with stderr(is_terminal=True) as (environment, read):
        console = stderr_console(environment)
        yield ProgressBarLine(console, "get", clock=lambda: 0.0), read


def test_entering_draws_and_leaving_erases(drawn: tuple[ProgressBarLine, Read]) -> None:
    bar, read = drawn
    with bar:
        assert "get 0 records" in read()
        bar(Settled([succeeded(0)]))
    shown = read()
    assert "get 1 record " in shown
    assert shown.endswith("\x1b[2K")
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1


def test_an_error_shows_the_cursor_again(drawn: tuple[ProgressBarLine, Read]) -> None:
    bar, read = drawn
    with pytest.raises(RuntimeError), bar:
        raise RuntimeError
    assert "\x1b[?25h" in read()


@pytest.mark.parametrize("fraction", [0.5, 1.0])
def test_the_bar_of_a_plain_run_is_not_red(fraction: float) -> None:
    with stderr(is_terminal=True, has_colour=True) as (environment, read):
        console = stderr_console(environment)
        bar = ProgressBarLine(console, "set", fraction_read=lambda: fraction)
        bar(RecordsRead(1))
        bar(Settled([succeeded(0)]))
        console.print(bar.render())
        shown = read()
    styles = {code for codes in re.findall(r"\x1b\[([0-9;]+)m", shown) for code in codes.split(";")}
    assert "36" in styles, "cyan"
    assert not styles & {"31", "35", "91", "95"}, "red or magenta"
