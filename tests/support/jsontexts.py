"""JSON texts for Hypothesis: not values to be written out, but the texts themselves.

So they hold what a writer would never write: odd white space, long numbers, repeated members,
needless escapes, lone surrogate escapes.
"""

import json
import string

from hypothesis import strategies as st

from kvsctl.selection.characters import KEY_CHARACTERS

_WHITE_SPACE = "".join(one for one in KEY_CHARACTERS if one.isspace() or one == "\ufeff")

SPACES = st.text(" \t\r\n", max_size=2)

NUMBERS = st.one_of(
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["1.0", "-0.0", "-0", "1e400", "-1E+400", "9" * 400, "0.1" + "0" * 50]),
)

_PARTS = st.one_of(
    st.text(
        st.characters(exclude_characters='"\\', exclude_categories=["Cs"], min_codepoint=0x20),
        max_size=4,
    ),
    st.sampled_from([r"\"", r"\\", r"\/", r"\b", r"\n", r"\u0041", r"\u00e9", r"\ud83d\ude00"]),
    st.sampled_from([r"\ud800", r"\udc00", r"\\\"", "[", "]", "{", "}", ",", ":"]),
)

STRINGS = st.lists(_PARTS, max_size=4).map(lambda parts: f'"{"".join(parts)}"')
"""String literals, quotes included."""


def spelt(name: str) -> st.SearchStrategy[str]:
    """The literals that mean `name`: each character may stand as it is or as an escape."""
    spellings = [
        st.sampled_from([json.dumps(one)[1:-1], f"\\u{ord(one):04x}", f"\\u{ord(one):04X}"])
        for one in name
    ]
    plain = st.just(f'"{name}"')
    return plain | st.tuples(*spellings).map(lambda parts: f'"{"".join(parts)}"')


def _arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=3).flatmap(lambda parts: array_of(parts))


def _objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = STRINGS | st.sampled_from(['"a"', '"key"', '"value"'])
    return st.lists(st.tuples(names, inner), max_size=3).flatmap(lambda parts: object_of(parts))


def array_of(parts: list[str]) -> st.SearchStrategy[str]:
    """An array of `parts` with white space strewn in."""
    if not parts:
        return SPACES.map(lambda space: f"[{space}]")
    gaps = st.lists(SPACES, min_size=2 * len(parts), max_size=2 * len(parts))
    return gaps.map(
        lambda given: (
            "["
            + ",".join(
                given[2 * place] + part + given[2 * place + 1] for place, part in enumerate(parts)
            )
            + "]"
        )
    )


def object_of(parts: list[tuple[str, str]]) -> st.SearchStrategy[str]:
    """An object of literal-value pairs with white space strewn in."""
    if not parts:
        return SPACES.map(lambda space: f"{{{space}}}")
    gaps = st.lists(SPACES, min_size=4 * len(parts), max_size=4 * len(parts))

    def written(given: list[str]) -> str:
        pairs = []
        for place, (name, value) in enumerate(parts):
            a, b, c, d = given[4 * place : 4 * place + 4]
            pairs.append(f"{a}{name}{b}:{c}{value}{d}")
        return "{" + ",".join(pairs) + "}"

    return gaps.map(written)


SCALARS = st.one_of(NUMBERS, STRINGS, st.sampled_from(["true", "false", "null"]))
VALUES = st.recursive(SCALARS, lambda inner: _arrays(inner) | _objects(inner), max_leaves=8)
"""The texts of JSON values, with no white space around them."""

NOT_NULL = VALUES.filter(lambda text: text != "null")

ODD_LEGAL_KEYS = st.text(KEY_CHARACTERS, min_size=1, max_size=12).filter(
    lambda key: key.strip(_WHITE_SPACE) != ""
) | st.just("k" * 500)
"""Keys of every character that a key may have, white space of JavaScript among them."""

LEGAL_KEYS = st.text(string.ascii_letters + string.digits + ":._-#", min_size=1, max_size=12)


def model(text: str) -> object:
    """What a text says, exactly: numbers as their text, objects as lists of pairs."""
    return json.loads(
        text,
        parse_int=lambda digits: ("number", digits),
        parse_float=lambda digits: ("number", digits),
        object_pairs_hook=lambda pairs: ("object", pairs),
    )
