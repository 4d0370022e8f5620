"""How long nobody may send."""

from kvsctl.bulk.pacing import Pacer


def test_the_longest_hold_counts() -> None:
    now = 100.0
    pacer = Pacer(lambda: now)
    assert pacer.wait_seconds == 0
    pacer.hold(5)
    pacer.hold(2)
    assert pacer.wait_seconds == 5
    now = 104.0
    assert pacer.wait_seconds == 1
    pacer.hold(2)
    assert pacer.wait_seconds == 2
    now = 200.0
    assert pacer.wait_seconds == 0
