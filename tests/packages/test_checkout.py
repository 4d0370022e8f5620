"""What the end of each run of the tests sees of what they have left in the checkout."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import written_in
from tests.support.needs import program


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a repository with a file `folder/kept`, which ignores what is in `cache/`."""
    git = program("git")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/kept").write_text("as it was")
    (tmp_path / ".gitignore").write_text("cache/\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for words in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "all")):
        subprocess.run([git, *words], cwd=tmp_path, check=True)
    return tmp_path


def test_new_files_are_seen_in_any_folder(checkout: Path) -> None:
    (checkout / "cache").mkdir()
    for name in ("cache/any", "folder/new", ".new"):
        (checkout / name).write_text("new")
    assert written_in(checkout, is_edited=True) == {"?? .new", "?? folder/new"}
    assert written_in(checkout / "folder", is_edited=True) == {"?? folder/new"}


def test_changed_files_are_seen_where_nobody_edits(checkout: Path) -> None:
    (checkout / "folder/kept").write_text("changed")
    assert written_in(checkout, is_edited=True) == set()
    assert written_in(checkout, is_edited=False) == {" M folder/kept"}


@pytest.mark.parametrize("is_installed", [True, False])
def test_without_a_repository_new_names_at_the_top_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_installed: bool
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if not is_installed:
        monkeypatch.setattr(shutil, "which", lambda _name: None)
    for name in ("new", ".new", "dist"):
        (tmp_path / name).touch()
    assert written_in(tmp_path, is_edited=True) == {"new"}
