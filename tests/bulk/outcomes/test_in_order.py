"""Payloads are released in input order, in whatever order they are added, and without delay."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.bulk.outcomes.in_order import HOLDING_BYTES, Reorder

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


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12), st.data())
def test_a_payload_of_several_positions_is_released_in_its_place(
    runs: list[tuple[int, bool]], data: st.DataObject
) -> None:
    starts = [sum(length for length, _ in runs[:place]) for place in range(len(runs))]
    reorder: Reorder[bytes] = Reorder(len)
    released: list[bytes] = []
    seen: set[int] = set()
    for place in data.draw(st.permutations(range(len(runs)))):
        length, has_payload = runs[place]
        payload = b"%d" % place if has_payload else None
        stop = None if length == 1 else starts[place] + length
        released += reorder.add(starts[place], payload, stop)
        seen.add(place)
        through = next(n for n in range(len(runs) + 1) if n not in seen)
        assert released == [b"%d" % n for n, (_, shows) in enumerate(runs[:through]) if shows]
        waiting = [n for n in seen if n >= through and runs[n][1]]
        assert reorder.held_bytes == sum(HOLDING_BYTES + len(b"%d" % n) for n in waiting)
    assert reorder.settled_through == sum(length for length, _ in runs)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12), st.data())
def test_a_resumed_order_releases_the_rest_as_if_all_had_been_added(
    runs: list[tuple[int, bool]], data: st.DataObject
) -> None:
    starts = [sum(length for length, _ in runs[:place]) for place in range(len(runs))]
    ranges = [(start, start + length) for start, (length, _) in zip(starts, runs, strict=True)]
    whole: Reorder[bytes] = Reorder(len)
    resumed: Reorder[bytes] = Reorder(
        len, data.draw(st.permutations([ranges[n] for n, (_, before) in enumerate(runs) if before]))
    )
    for n, (_, before) in enumerate(runs):
        if before:
            whole.add(starts[n], None, ranges[n][1])
    left = [n for n, (_, before) in enumerate(runs) if not before]
    for n in data.draw(st.permutations(left)):
        assert resumed.settled_through == whole.settled_through
        released = resumed.add(starts[n], b"%d" % n, ranges[n][1])
        assert released == whole.add(starts[n], b"%d" % n, ranges[n][1])
        assert resumed.held_bytes == whole.held_bytes
    assert resumed.settled_through == sum(length for length, _ in runs)


def test_drain_returns_payloads_after_a_gap_in_order() -> None:
    reorder: Reorder[bytes] = Reorder(len)
    for position, payload in [(5, b"f"), (2, b"c"), (4, None), (0, b"a")]:
        reorder.add(position, payload)
    assert reorder.drain() == [b"c", b"f"]
    assert reorder.held_bytes == 0
    assert reorder.drain() == []


def test_positions_that_an_earlier_run_settled_are_skipped() -> None:
    reorder: Reorder[bytes] = Reorder(len, [(0, 2), (3, 5), (6, 7)])
    assert reorder.settled_through == 2
    assert reorder.add(7, b"h") == []
    assert reorder.add(2, b"c") == [b"c"]
    assert reorder.settled_through == 5
    assert reorder.add(5, b"f") == [b"f", b"h"]
    assert reorder.settled_through == 8
