"""Choose a part of the entries by a stable hash, so that every run chooses the same ones."""

import msgspec

from kvsctl.blake2 import blake2b
from kvsctl.comparison.entries import Entry
from kvsctl.errors import UsageError
from kvsctl.shards import part_numbers


class Sample(msgspec.Struct, frozen=True):
    """About `count` of each `of` entries."""

    count: int = 1
    of: int = 1

    def __str__(self) -> str:
        return "all" if self.is_all else f"{self.count}/{self.of}"

    @property
    def is_all(self) -> bool:
        """Whether every entry is chosen."""
        return self.count == self.of

    def chooses(self, entry: Entry) -> bool:
        """Return whether an entry is chosen."""
        if self.is_all:
            return True
        name = f"{entry.entity}\0{entry.key}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(name, digest_size=8).digest(), "big") % self.of < self.count


def sample_of(text: str) -> Sample:
    """Return the sample that a text such as `1/20` means. Raise UsageError."""
    numbers = part_numbers(text)
    if numbers is None:
        raise UsageError(f"--sample {text}: not a part", "Write it as 1/20: one record in twenty.")
    return Sample(*numbers)
