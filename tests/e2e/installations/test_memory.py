"""What a clean-up of several installations holds in memory: one budget for all of them."""

import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvsctl.bulk import shared_window
from kvsctl.bulk.shared_window import Admitted, SharedWindow
from kvsctl.comparison import memory as memory_module
from kvsctl.comparison import pages, sorting
from kvsctl.comparison.memory import SortingMemory
from kvsctl.jobs import access
from kvsctl.jobs.cleanup import spool
from kvsctl.jobs.installations import cleaning, part, work
from tests.e2e.installations.support import ALL, container
from tests.support.commands.command import Command

_DELETE = ("delete", *ALL, "--prefix", "tmp:", "--yes", "--json")
_LIMIT = ("--max-delete", "10000")
_INSTALLATIONS = 8
_KEYS = 600
_KEY_BYTES = 300
"""What a listed key counts."""
_MOST_BYTES = 100_000
_LEAST_BYTES = 4_000
_OF_RUNS = ("kvsctl.bulk", "kvsctl.comparison", "kvsctl.jobs", "kvsctl.listing", "kvsctl.outputs")
_PAGE_BYTES = 256
_MOST_PARTS = 2 * 16
"""So many parts of a spool are read at a time at most, for up to 256 parts."""


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
    for module in (pages, sorting):
        monkeypatch.setattr(module, "PAGE_BYTES", _PAGE_BYTES)
    return made


@contextmanager
def _stores(kvsctl: Command, folder: Path) -> Iterator[Command]:
    """Serve installations that all have as many keys."""
    seed = folder / "seed.jsonl"
    names = [f"i{number}" for number in range(_INSTALLATIONS)]
    seed.write_text(
        "".join(
            json.dumps({"installation": name, "key": f"tmp:{key:05}", "value": key}) + "\n"
            for name in names
            for key in range(_KEYS)
        )
    )
    with container(kvsctl, names, "--seed", str(seed)) as inside:
        yield inside


@pytest.mark.parametrize("limits", [[], ["--max-delete", "10000"]])
def test_all_share_one_budget(
    kvsctl: Command, memories: list[SortingMemory], tmp_path: Path, limits: list[str]
) -> None:
    with _stores(kvsctl, tmp_path) as inside:
        report = inside(*_DELETE, *limits).report
    assert (report["exit_code"], report["succeeded"]) == (0, _INSTALLATIONS * _KEYS)
    [memory] = memories
    # Each has two spools at a time: what was listed, and what was worked on.
    bound = _MOST_BYTES + _INSTALLATIONS * (2 * _LEAST_BYTES + _MOST_PARTS * _PAGE_BYTES)
    assert _MOST_BYTES <= memory.most_held_bytes <= bound
    assert bound < _INSTALLATIONS * _KEYS * _KEY_BYTES / 5
    assert memory.held_bytes == memory.pages.pages == 0


def test_all_share_what_they_have_in_flight(
    kvsctl: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shared_window, "_MOST_RECORDS", 1000)
    monkeypatch.setattr(shared_window, "_LEAST_RECORDS", 50)
    held: list[int] = []

    class Window(SharedWindow):
        def of_run(self, run: Admitted, records: int, most_bytes: int) -> tuple[int, int]:
            held.append(sum(one.admitted for one in self._runs))
            return super().of_run(run, records, most_bytes)

    monkeypatch.setattr(part, "SharedWindow", Window)
    with _stores(kvsctl, tmp_path) as inside:
        report = inside(*_DELETE).report
    assert (report["exit_code"], report["succeeded"]) == (0, _INSTALLATIONS * _KEYS)
    assert 500 <= max(held) <= 1000 + _INSTALLATIONS * 50


@pytest.mark.parametrize(("most_kept", "listed_again"), [(1_000_000, 0), (2_500, 6), (0, 8)])
def test_what_was_listed_before_all_changes_is_used_by_them(
    kvsctl: Command,
    memories: list[SortingMemory],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    most_kept: int,
    listed_again: int,
) -> None:
    """A limit for all of them costs no requests, as long as what was listed may be kept."""
    with _stores(kvsctl, tmp_path) as inside:
        without_limit = inside(*_DELETE).report
    monkeypatch.setattr(cleaning, "_MOST_KEPT", most_kept)
    with _stores(kvsctl, tmp_path) as inside:
        report = inside(*_DELETE, "--max-delete", "10000").report
    assert (report["exit_code"], report["succeeded"]) == (0, _INSTALLATIONS * _KEYS)
    pages = _KEYS // 100
    assert report["requests"] == without_limit["requests"] + listed_again * pages
    assert [one.held_bytes + one.pages.pages for one in memories] == [0, 0]


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        (("delete", *ALL, "--prefix", "tmp:", "--journal", "j-{installation}"), ()),
        (("delete", *ALL, "--prefix", "tmp:", "--yes", "--workers", "2"), _LIMIT),
        (("clean", *ALL, "-f", "rules.toml", "--yes"), ()),
    ],
    ids=["journal", "workers", "groups"],
)
def test_what_was_listed_before_all_changes_is_listed_again(
    kvsctl: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    limit: tuple[str, ...],
) -> None:
    """A journal may have begun with other ages, workers share no memory, groups are not bounded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "ask", _consent)
    monkeypatch.setattr(access, "require_answerable", lambda *_given, **_named: None)
    rules = tmp_path / "rules.toml"
    rule = '[[rules]]\nname = "one"\nprefix = "tmp:"\naction = "delete"\nkeep_last = 100\n'
    rules.write_text(rule)
    given = [str(rules) if word == rules.name else word for word in words]
    with _stores(kvsctl, tmp_path) as inside:
        alone = inside("delete", *ALL, "--prefix", "tmp:", "--yes", "--json").report
    if words[0] == "clean":
        with _stores(kvsctl, tmp_path) as inside:
            alone = inside(*given, "--json").report
        rules.write_text(f"{rule}max_delete = 10000\n")
    with _stores(kvsctl, tmp_path) as inside:
        run = inside.process if "--workers" in words else inside
        report = run(*given, *limit, "--json").report
    kept = 100 if words[0] == "clean" else 0
    assert (report["exit_code"], report["succeeded"]) == (0, _INSTALLATIONS * (_KEYS - kept))
    assert report["requests"] >= alone["requests"] + _INSTALLATIONS * (_KEYS // 100)


async def _consent(*_question: object) -> None:
    """Answer yes."""


def test_what_was_listed_is_freed_if_nothing_is_changed(
    kvsctl: Command, memories: list[SortingMemory], tmp_path: Path
) -> None:
    with _stores(kvsctl, tmp_path) as inside:
        inside(*_DELETE, "--max-delete", "100", status=2)
    assert all(one.most_held_bytes >= _MOST_BYTES for one in memories)
    assert [one.held_bytes + one.pages.pages for one in memories] == [0] * len(memories)


@pytest.mark.parametrize(
    "words",
    [
        ("delete", *ALL, "--prefix", "tmp:", "--yes"),
        ("delete", *ALL, "--prefix", "tmp:", "--yes", "--max-delete", "100", "--verify"),
        ("set", *ALL, "new=1", "--verify"),
        ("set", *ALL, "new=1", "--changed-only"),
        ("get", *ALL, "tmp:1", "missing", "--output", "got-{installation}.jsonl"),
        ("export", *ALL, "-o", "export-{installation}.jsonl"),
        ("list", *ALL, "--where", "value > `1`"),
        ("du", *ALL),
    ],
)
def test_runs_leave_nothing_to_the_garbage_collector(
    kvsctl: Command, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To find the cycles of many small runs takes as long as the runs."""
    monkeypatch.chdir(tmp_path)
    with container(kvsctl, [f"i{number}" for number in range(_INSTALLATIONS)]) as inside:
        inside("set", *ALL, "tmp:1=1", "tmp:2=2", status=0)
        with _garbage() as garbage:
            inside(*words, status=1 if words[0] == "get" else 0)
    of_runs = {name: count for name, count in garbage.items() if name.startswith(_OF_RUNS)}
    # What there is once for all of them is not freed before the end.
    assert [name for name, count in of_runs.items() if count >= _INSTALLATIONS] == []


@contextmanager
def _garbage() -> Iterator[Counter[str]]:
    """Yield the types of what only the garbage collector frees after the block."""
    types: Counter[str] = Counter()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield types
        gc.collect()
        types.update(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()
