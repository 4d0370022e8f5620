"""Backup and restore: what `export` writes, `set` loads, for every legal key and value."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kvsctl.selection.characters import KEY_CHARACTERS
from tests.support.commands.command import Command
from tests.support.examples import examples
from tests.support.jsontexts import NOT_NULL, ODD_LEGAL_KEYS

pytestmark = pytest.mark.slow

_Drawn: TypeAlias = dict[tuple[str | None, str], tuple[str, bool]]
"""Values, and whether they have a ttl, by entity and key."""

_ENTITIES = st.sampled_from([None, None, None, "pet", "toy-2"])
_COVER = ("--entity", "pet", "--entity", "toy-2", "--plain")
_EXPIRY = re.compile(rb',"expireTime":"([^"]*)"}$')


@given(
    st.dictionaries(
        st.tuples(_ENTITIES, ODD_LEGAL_KEYS), st.tuples(NOT_NULL, st.booleans()), max_size=20
    ),
    st.integers(1, 15),
    st.sampled_from([[], ["-c", "1"], ["--consistent"]]),
)
@example({(None, f"{one}k{one}"): ("1", False) for one in KEY_CHARACTERS}, 4, [])
@example({("pet", f"{one}k{one}"): ("1", False) for one in KEY_CHARACTERS}, 4, ["-c", "1"])
@example({(None, "k"): ('"\U0001f600\u2028\ufeff\\ud800"', True)}, 101, [])
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_store_that_is_exported_and_set_is_the_same_store(
    kvsctl: Command,
    tmp_path_factory: pytest.TempPathFactory,
    drawn: _Drawn,
    copies: int,
    words: list[str],
) -> None:
    """Pages hold only keys and values, or ttls too, in part; there may be several."""
    folder = tmp_path_factory.mktemp("stores")
    one = kvsctl.having(KVSCTL_LOCAL_DB=str(folder / "one.db"), KVSCTL_TARGET="local")
    other = kvsctl.having(KVSCTL_LOCAL_DB=str(folder / "other.db"), KVSCTL_TARGET="local")
    given_lines = b"\n".join(_lines(drawn, copies))
    set_ = one("set", "--json", stdin=given_lines or b"\n").report
    before = one("export", *_COVER, *words, status=0).out
    restored = other("set", "--json", stdin=before or b"\n", status=0).report
    assert restored["succeeded"] == restored["records"] == set_["succeeded"] == before.count(b"\n")
    after = other("export", *_COVER, *words, status=0).out
    kept, then = _by_text(before), _by_text(after)
    assert kept.keys() == then.keys()
    for text, expiry in kept.items():
        if expiry is None or then[text] is None:
            assert expiry == then[text]
        else:
            assert abs(_epoch(then[text] or "") - _epoch(expiry)) <= 2


def _lines(drawn: _Drawn, copies: int) -> Iterator[bytes]:
    """Yield the records that were drawn, several times, each time with another key."""
    keys = set()
    for (entity, key), (value, has_ttl) in drawn.items():
        for number in range(copies):
            identity = entity, key if number == 0 else f"{key[:490]}{number}"
            if identity in keys:
                continue
            keys.add(identity)
            members = [f'"key":{json.dumps(identity[1])}']
            members.append(f'"value":{value}' if entity is None else f'"value":{{"v":{value}}}')
            members += [f'"entityName":"{entity}"'] * (entity is not None)
            members += ['"ttl":"1h"'] * has_ttl
            yield f"{{{','.join(members)}}}".replace("\n", " ").encode()


def _by_text(lines: bytes) -> dict[bytes, str | None]:
    """Return the expiry of each record by its line without it; no line may occur twice."""
    found: dict[bytes, str | None] = {}
    for line in lines.splitlines():
        expiry = _EXPIRY.search(line)
        text = line if expiry is None else line[: expiry.start()] + b"}"
        assert text not in found
        found[text] = None if expiry is None else expiry[1].decode()
    return found


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
