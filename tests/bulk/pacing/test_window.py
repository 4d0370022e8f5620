"""The amount used in the last seconds."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.pacing.window import SlidingWindow

_USES = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=80)


@given(_USES)
def test_the_amount_is_never_too_small_and_is_forgotten_soon(uses: list[tuple[float, int]]) -> None:
    window = SlidingWindow(60.0)
    noted: list[tuple[float, int]] = []
    now = 0.0
    for seconds, amount in uses:
        now += seconds
        window.add(now, amount)
        noted.append((now, amount))
        exact = sum(used for at, used in noted if at > now - 60)
        late = sum(used for at, used in noted if at > now - 60.2)
        assert exact <= window.used(now) <= late


@given(_USES, st.integers(0, 500))
def test_after_the_wait_it_has_fallen_to_the_level(
    uses: list[tuple[float, int]], level: int
) -> None:
    window = SlidingWindow(60.0)
    now = 0.0
    for seconds, amount in uses:
        now += seconds
        window.add(now, amount)
    wait_seconds = window.seconds_until(now, level)
    assert (wait_seconds == 0) == (window.used(now) <= level)
    assert window.used(now + wait_seconds + 1e-9) <= level
