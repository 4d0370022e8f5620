"""Client, emulator and OpenAPI document accept exactly the service's entity names."""

import itertools
import re

from kvsctl.emulator import rules
from kvsctl.emulator.refusals import Refusal
from kvsctl.emulator.web.openapi import ENTITY_PATTERN
from kvsctl.limits import DEFAULT_LIMITS as LIMITS
from kvsctl.records.checks import check_entity
from tests.support.node import ask_node

# Contract, section Limits, as JavaScript understands it.
SCRIPT = r"""
const pattern = /^(?![_\.\-])(?!.*\.{2})[a-z0-9:\-_.]*(?<![.])$/;
const names = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(names.map((name) => pattern.test(name))));
"""


def is_legal_in_emulator(name: str) -> bool:
    try:
        return rules.check_entity_name(name, LIMITS) == name
    except Refusal:
        return False


def test_names_are_judged_as_in_javascript() -> None:
    names = [
        "".join(parts)
        for length in (3, 4, 5)
        for parts in itertools.product("a9:-._A\n", repeat=length)
    ]
    names += [f"a{chr(unit)}c" for unit in range(0x10000) if not 0xD800 <= unit < 0xE000]
    legal = ask_node(SCRIPT, names)
    assert [check_entity(name, LIMITS) is None for name in names] == legal
    assert [is_legal_in_emulator(name) for name in names] == legal
    # JavaScript's $ matches at the very end only.
    pattern = re.compile(ENTITY_PATTERN.removesuffix("$") + r"\Z")
    assert [pattern.search(name) is not None for name in names] == legal
