"""Input order comes out whatever order goes in, and as early as it can."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.report.ordered import HOLDING_BYTES, Reorder

PAYLOADS = st.lists(st.none() | st.binary(min_size=1, max_size=5), max_size=30)


@given(st.data())
def test_releases_in_position_order_as_soon_as_earlier_ones_are_in(data: st.DataObject) -> None:
    payloads = data.draw(PAYLOADS)
    arrival = data.draw(st.permutations(range(len(payloads))))
    reorder: Reorder[bytes] = Reorder(len)
    released: list[bytes] = []
    seen: set[int] = set()
    for position in arrival:
        released += reorder.add(position, payloads[position])
        seen.add(position)
        through = next(n for n in range(len(payloads) + 1) if n not in seen)
        assert released == [payload for payload in payloads[:through] if payload is not None]
        waiting = [payload for n in seen if n >= through and (payload := payloads[n]) is not None]
        assert reorder.held_bytes == sum(HOLDING_BYTES + len(payload) for payload in waiting)
    assert released == [payload for payload in payloads if payload is not None]


def test_drain_gives_what_waits_behind_a_gap_in_order() -> None:
    reorder: Reorder[bytes] = Reorder(len)
    for position, payload in [(5, b"f"), (2, b"c"), (4, None), (0, b"a")]:
        reorder.add(position, payload)
    assert reorder.drain() == [b"c", b"f"]
    assert reorder.held_bytes == 0
    assert reorder.drain() == []


def test_what_an_earlier_run_settled_is_skipped() -> None:
    reorder: Reorder[bytes] = Reorder(len, [(0, 2), (3, 5), (6, 7)])
    assert reorder.settled_through == 2
    assert reorder.add(7, b"h") == []
    assert reorder.add(2, b"c") == [b"c"]
    assert reorder.settled_through == 5
    assert reorder.add(5, b"f") == [b"f", b"h"]
    assert reorder.settled_through == 8
