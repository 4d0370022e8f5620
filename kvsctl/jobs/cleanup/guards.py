"""The most that a clean-up may delete. Pure."""

import re
from typing import Final

import msgspec

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted
from kvsctl.selection.sizes import size_bytes
from kvsctl.texts import counted

_COUNT: Final = re.compile(r"[0-9]{1,12}")
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_HUNDRED: Final = 100.0
_OPTIONS: Final = ("--max-delete", "--max-delete-bytes")


class MostDeleted(msgspec.Struct, frozen=True):
    """The most that a job may delete: records, percent of what was listed, bytes of values.

    None: any number. `names`: the users' names for the limits of records and of bytes.
    """

    records: int | None = None
    percent: float | None = None
    value_bytes: int | None = None
    names: tuple[str, str] = _OPTIONS

    @classmethod
    def of(
        cls, most: str | None, most_bytes: str | None, names: tuple[str, str] = _OPTIONS
    ) -> "MostDeleted":
        """Return the limits that `--max-delete` and `--max-delete-bytes` set. Raise UsageError."""
        value_bytes = None if most_bytes is None else size_bytes(most_bytes, "--max-delete-bytes")
        if most is None:
            return cls(value_bytes=value_bytes, names=names)
        if _COUNT.fullmatch(most):
            return cls(int(most), None, value_bytes, names)
        percent = _PERCENT.fullmatch(most)
        if percent is None or float(percent[1]) > _HUNDRED:
            raise UsageError(
                f"--max-delete {quoted(most)}: neither a number nor a percentage",
                "Write it as 1000, or as 5% of the keys that were listed.",
            )
        return cls(None, float(percent[1]), value_bytes, names)

    def excess(
        self, count: int, value_bytes: int, listed: int, done: str = "deleted"
    ) -> str | None:
        """Return why this many records must not be `done` (such as deleted); None if they may be.

        `count` records whose values take `value_bytes` are chosen of `listed` ones.
        """
        name, name_of_bytes = self.names
        if self.records is not None and count > self.records:
            return f"{counted(count, 'record')} would be {done}, and {name} is {self.records:,}"
        # Multiplied, not divided: 5% of 20 is exactly 1.
        if self.percent is not None and count * _HUNDRED > self.percent * listed:
            share = f"{count * _HUNDRED / listed:.4g}%" if listed else "all"
            return (
                f"{counted(count, 'record')} would be {done}, {share} of the {listed:,} that were "
                f"listed, and {name} is {self.percent:g}%"
            )
        if self.value_bytes is not None and value_bytes > self.value_bytes:
            return (
                f"{value_bytes:,} bytes would be {done}, "
                f"and {name_of_bytes} is {self.value_bytes:,}"
            )
        return None
