"""What a clean-up of several installations holds in memory: one budget for all of them."""

import json
from pathlib import Path

import pytest

from kvsctl.comparison import memory as memory_module
from kvsctl.comparison.memory import SortingMemory
from kvsctl.jobs.cleanup import spool
from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command

_INSTALLATIONS = 8
_KEYS = 600
_KEY_BYTES = 300
"""What a listed key counts."""
_MOST_BYTES = 100_000
_LEAST_BYTES = 4_000


@pytest.fixture
def memories(monkeypatch: pytest.MonkeyPatch) -> list[SortingMemory]:
    """Return what is made in the test. A budget is a small part of what is listed."""
    made: list[SortingMemory] = []
    real = SortingMemory.__init__

    def note(self: SortingMemory, most_bytes: int) -> None:
        real(self, most_bytes)
        made.append(self)

    monkeypatch.setattr(SortingMemory, "__init__", note)
    monkeypatch.setattr(spool, "_MOST_BYTES", _MOST_BYTES)
    monkeypatch.setattr(memory_module, "_LEAST_BYTES", _LEAST_BYTES)
    return made


@pytest.mark.parametrize("limits", [[], ["--max-delete", "10000"]])
def test_all_share_one_budget(
    kvsctl: Command, memories: list[SortingMemory], tmp_path: Path, limits: list[str]
) -> None:
    seed = tmp_path / "seed.jsonl"
    names = [f"i{number}" for number in range(_INSTALLATIONS)]
    seed.write_text(
        "".join(
            json.dumps({"installation": name, "key": f"tmp:{key:05}", "value": key}) + "\n"
            for name in names
            for key in range(_KEYS)
        )
    )
    with container(kvsctl, names, "--seed", str(seed)) as inside:
        report = inside("delete", *ALL, "--prefix", "tmp:", "--yes", "--json", *limits).report
    assert (report["exit_code"], report["succeeded"]) == (0, _INSTALLATIONS * _KEYS)
    [memory] = memories
    # Each has two spools at a time: what was listed, and what was worked on.
    bound = _MOST_BYTES + 2 * _INSTALLATIONS * _LEAST_BYTES
    assert _MOST_BYTES <= memory.most_held_bytes <= bound
    assert bound < _INSTALLATIONS * _KEYS * _KEY_BYTES / 5
    assert memory.held_bytes == memory.pages.pages == 0
