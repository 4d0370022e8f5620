"""The configuration file that `config init` writes."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import StreamError
from kvsctl.jobs.settings.writing import with_target, write_private
from tests.support.needs import IS_POSIX, only_on

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_OLD = ["", "# mine\n", '[targets.a]\nurl = "x"', '[targets.a]\nurl = "x"\n# last']


@given(st.sampled_from(_OLD), _TEXT.filter(lambda one: one != "a"), _TEXT, st.booleans())
def test_it_says_what_is_meant_and_keeps_what_was_there(
    old: str, name: str, url: str, is_default: bool
) -> None:
    new = with_target(old, name, {"url": url}, is_default=is_default)
    assert old in new
    parsed = tomllib.loads(new)
    before = tomllib.loads(old).get("targets", {})
    assert parsed["targets"] == before | {name: {"url": url}}
    assert parsed.get("default") == (name if is_default else None)


@only_on(IS_POSIX, "Windows has no modes")
def test_a_new_file_is_private(tmp_path: Path) -> None:
    write_private(tmp_path / "new.toml", "a\r\n")
    assert (tmp_path / "new.toml").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new.toml").read_bytes() == b"a\r\n"


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    new = with_target("\ufeff# mine\r\n", "b", {"url": "x"}, is_default=True)
    assert new == '\ufeffdefault = "b"\r\n# mine\r\n\r\n[targets.b]\r\nurl = "x"\r\n'


@only_on(IS_POSIX, "Windows has no modes")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_the_file_keeps_its_mode_and_a_link_to_it_stays(tmp_path: Path, mode: int) -> None:
    real, link = tmp_path / "dotfiles" / "config.toml", tmp_path / "config.toml"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(mode)
    link.symlink_to(real)
    write_private(link, "new\n")
    assert link.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new\n", mode)
    assert [path.name for path in real.parent.iterdir()] == ["config.toml"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StreamError, match="cannot write"):
        write_private(tmp_path / "file" / "config.toml", "new")
