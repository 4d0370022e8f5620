"""How many failed installations stop the others from being begun. Pure."""

import re
from typing import Final

import msgspec

from kvsctl.errors import UsageError
from kvsctl.jsontext import quoted

_COUNT: Final = re.compile(r"[1-9][0-9]{0,8}")
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_HUNDRED: Final = 100.0


class MostFailed(msgspec.Struct, frozen=True):
    """A number of failed installations, or a share of all in percent."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def of(cls, text: str) -> "MostFailed":
        """Return the limit that `--stop-after-failed-installations` sets. Raise UsageError."""
        if _COUNT.fullmatch(text):
            return cls(int(text))
        percent = _PERCENT.fullmatch(text)
        if percent is None or not 0 < float(percent[1]) <= _HUNDRED:
            raise UsageError(
                f"--stop-after-failed-installations {quoted(text)}: neither a number nor a "
                "percentage",
                "Write it as 20, or as 2% of all installations.",
            )
        return cls(None, float(percent[1]))

    @property
    def text(self) -> str:
        """The limit as it is written."""
        return f"{self.count:,}" if self.count is not None else f"{self.percent:g}%"

    def is_reached(self, failed: int, total: int) -> bool:
        """Return whether `failed` of `total` installations are enough to stop. One at least is."""
        if self.count is not None:
            return failed >= self.count
        # Multiplied, not divided: 2% of 50 is exactly 1.
        return failed > 0 and failed * _HUNDRED >= (self.percent or 0.0) * total
