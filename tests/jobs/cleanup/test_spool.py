"""Chosen records on disk."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvsctl.comparison.entries import Entry
from kvsctl.errors import StreamError
from kvsctl.jobs.cleanup import spool as module
from kvsctl.jobs.cleanup.gathering import size_of
from kvsctl.jobs.cleanup.spool import Spool, spool_memory
from tests.support.needs import IS_LINUX, only_on

_ENTRIES = st.lists(
    st.tuples(st.sampled_from(["", "log", "user"]), st.text("ab:", min_size=1, max_size=3)),
    unique=True,
    max_size=12,
)


def _spool(names: list[tuple[str, str]]) -> Spool:
    spool = Spool(spool_memory(), size_of)
    for entity, key in names:
        spool.add(Entry(entity, key, b"%d" % len(key)))
    return spool


def _names(spool: Spool) -> list[tuple[str, str]]:
    return [(one.entity, one.key) for block in spool.blocks() for one in block]


@pytest.fixture(params=[16 << 20, 700])
def most_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """With little, two entries go to a file at a time."""
    monkeypatch.setattr(module, "_MOST_BYTES", request.param)
    most: int = request.param
    return most


@pytest.mark.usefixtures("most_bytes")
class TestSpool:
    @settings(max_examples=40)
    @given(_ENTRIES)
    def test_yields_everything_in_order(self, names: list[tuple[str, str]]) -> None:
        spool = _spool(names)
        assert spool.count == len(names)
        assert spool.value_bytes == sum(len(key) for _, key in names)
        shown = [f"{entity}: {key}" if entity else key for entity, key in sorted(names)]
        assert spool.first_keys == shown[:5]
        assert _names(spool) == sorted(names)
        spool.close()

    @settings(max_examples=60)
    @given(_ENTRIES, _ENTRIES)
    def test_without_others_keeps_what_is_new(
        self, names: list[tuple[str, str]], others: list[tuple[str, str]]
    ) -> None:
        new, kept = asyncio.run(_spool(names).without(_spool(others)))
        assert new.count == len(set(names) - set(others))
        assert new.value_bytes == sum(len(key) for _, key in set(names) - set(others))
        assert _names(new) == sorted(set(names) - set(others))
        assert _names(kept) == sorted(others)
        new.close()
        kept.close()


@only_on(IS_LINUX, "files without a name")
def test_what_is_on_disk_has_no_name_and_is_this_users_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = _spool([("", f"key{number}") for number in range(20)])
    assert list(tmp_path.iterdir()) == []
    descriptor = spool._memory.pages.descriptor
    assert descriptor is not None
    assert os.fstat(descriptor).st_mode & 0o777 == 0o600
    assert len(_names(spool)) == 20


def test_a_folder_that_takes_no_file_is_an_error_of_the_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StreamError, match="cannot sort what was listed in "):
        _spool([("", f"key{number}") for number in range(20)])
