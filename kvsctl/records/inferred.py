"""The types of the cells of columns that `--infer-types` parses as JSON."""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kvsctl.model import Origin

_QUOTE = b'"'
_EMPTY = b'""'


class ColumnTypes(msgspec.Struct):
    """Where a column first has a string that is not empty, and where a value of another type.

    Rows that the fast path has left to the careful one count as later rows. A column with both
    types is probably a mistake: of postal codes, `01234` is a string and `10115` a number.
    """

    name: str
    is_named: bool = False
    """Whether `--infer-types` names it."""
    string: Origin | None = None
    other: Origin | None = None
    _string_at: int | None = None
    _other_at: int | None = None
    """The indexes of cells whose lines are not known yet: see `locate`."""

    @property
    def is_mixed(self) -> bool:
        """Whether it has both."""
        return self.string is not None and self.other is not None

    def saw_other(self, place: int) -> None:
        """Note a value that is not a string, at an index of the rows that are read."""
        if self.other is None and self._other_at is None:
            self._other_at = place

    def saw_strings(self, texts: Sequence[bytes], but: Collection[int] = ()) -> None:
        """Note the strings among values, given as JSON, except at the indexes in `but`."""
        if self.string is None and self._string_at is None:
            found = (
                place
                for place, text in enumerate(texts)
                if text[:1] == _QUOTE and text != _EMPTY and place not in but
            )
            self._string_at = next(found, None)

    def saw(self, texts: Sequence[bytes]) -> None:
        """Note values of any kind, given as JSON."""
        self.saw_strings(texts)
        if self.other is None and self._other_at is None:
            found = (place for place, text in enumerate(texts) if text[:1] != _QUOTE)
            self._other_at = next(found, None)

    def locate(self, label: str, numbers: Sequence[int]) -> None:
        """Note the line numbers of the rows that were read from the source `label`."""
        if self._string_at is not None:
            self.string = Origin(label, numbers[self._string_at])
            self._string_at = None
        if self._other_at is not None:
            self.other = Origin(label, numbers[self._other_at])
            self._other_at = None


class InferredTypes:
    """The types of the columns of a table, in order. None: the cells of a column are not parsed."""

    def __init__(self, columns: Iterable[ColumnTypes | None]) -> None:
        self.columns = list(columns)

    def join(self, known: dict[str, ColumnTypes]) -> None:
        """Share the types of columns with tables that were read before, by the columns' names."""
        self.columns = [
            None if one is None else known.setdefault(one.name, one) for one in self.columns
        ]

    def locate(self, label: str, numbers: Sequence[int]) -> None:
        """See ColumnTypes."""
        for column in self.columns:
            if column is not None:
                column.locate(label, numbers)
