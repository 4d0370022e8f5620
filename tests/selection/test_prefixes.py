"""Prefixes that keys may begin with."""

from hypothesis import given
from hypothesis import strategies as st

from kvsctl.selection.prefixes import Prefixes

_PREFIXES = st.text("ab:", max_size=4)


@given(st.lists(st.lists(_PREFIXES, max_size=3), max_size=4), _PREFIXES)
def test_keys_may_share_a_prefix_if_one_begins_with_the_other(
    added: list[list[str]], prefix: str
) -> None:
    prefixes = Prefixes()
    for some in added:
        prefixes.add(some)
    every = [one for some in added for one in some]
    expected = any(one.startswith(prefix) or prefix.startswith(one) for one in every)
    assert prefixes.may_share(prefix) is expected
