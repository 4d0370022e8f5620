"""The options of a command except its input, drawn by a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from unittest import mock

from benchmarks.fuzz.grammar import Grammar
from kvsctl.records.cutting import lines
from kvsctl.records.rules import Rules
from kvsctl.records.shapes import Shape, shape_of
from kvsctl.records.ttl import Ttl


class Defaults(NamedTuple):
    """The defaults for records without an entity or ttl."""

    entity: str | None = None
    ttl: tuple[int, str] | None = None


_DEFAULTS: Final = (
    Defaults(),
    Defaults(),
    Defaults(),
    Defaults(entity="abc"),
    Defaults(ttl=(7, "DAYS")),
    Defaults("a:b-c.d", (45, "SECONDS")),
)


class Bound(NamedTuple):
    """The longest piece, and how much of a longer one is kept."""

    most_bytes: int
    kept_bytes: int


class Options(NamedTuple):
    """The options of a command. `bound` replaces 16 MiB, which would take too long to draw."""

    defaults: Defaults = Defaults()
    key_field: str | None = None
    key: str | None = None
    value_field: str | None = None
    infer_types: bool = False
    delimiter: str | None = None
    quote: str | None = None
    bound: Bound | None = None

    @property
    def rules(self) -> Rules:
        """The defaults, as the parsers take them."""
        entity, ttl = self.defaults
        return Rules(entity=entity, ttl=Ttl(*ttl) if ttl else None)

    @property
    def shape(self) -> Shape:
        """The shape, as the parsers take it."""
        return shape_of(
            key_field=self.key_field,
            key=self.key,
            value_field=self.value_field,
            infer_types=self.infer_types,
            delimiter=self.delimiter,
            quote=self.quote,
        )

    @property
    def takes_records(self) -> bool:
        """Whether objects and rows are records without any mapping."""
        return self.key_field is None and self.key is None and self.value_field is None

    @property
    def takes_whole(self) -> bool:
        """Whether the whole object or row is the value."""
        return self.value_field is None and not self.takes_records

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Make kvsctl use the bound within this block."""
        if self.bound is None:
            yield
            return
        with (
            mock.patch.object(lines, "MAX_LINE_BYTES", self.bound.most_bytes),
            mock.patch.object(lines, "KEPT_BYTES", self.bound.kept_bytes),
        ):
            yield


PLAIN: Final = Options()
SHAPES: Final = (
    Options(key_field="id"),
    Options(key_field="id", value_field="v"),
    Options(key="user:{id}"),
    Options(key="{id}{name}", value_field="v"),
    Options(key="{{.}}{name}:{id}-"),
    Options(key="{id}.{id}", value_field="value"),
    Options(key="{key}", value_field="ké y"),
    Options(value_field="v"),
)
KEY_SHAPES: Final = tuple(one._replace(value_field=None) for one in SHAPES[:7])
"""The choices for commands without values."""
DELIMITERS: Final = (";", "|", "\\t", " ", ":", "^", "]", "-", "\\", ".", "a", "\x01", "\x1c")
BOUNDS: Final = (Bound(60, 9), Bound(24, 1), Bound(100, 100), Bound(12, 3))


def draw_options(grammar: Grammar, choices: tuple[Options, ...], *, is_table: bool) -> Options:
    """Draw one of the choices with defaults and, for a table, how its cells are read."""
    chance = grammar.chance
    options = chance.choice(choices)._replace(defaults=chance.choice(_DEFAULTS))
    if is_table:
        options = options._replace(quote=chance.choice((None, None, "double", "none")))
    if is_table and not options.takes_records:
        infers, delimiter = grammar.once_in(2), chance.choice(DELIMITERS)
        options = options._replace(infer_types=infers, delimiter=delimiter)
    return options
