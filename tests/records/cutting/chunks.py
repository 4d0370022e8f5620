"""Content in pieces, as it arrives from a file or a pipe."""

import itertools
from collections.abc import Iterator, Sequence


def cut_into(content: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """The content cut at these places; a place given twice is a pause, with nothing there."""
    edges = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    for start, stop in itertools.pairwise(edges):
        yield content[start:stop]
