"""The file of the bridge is written and removed, and nobody else's file is touched."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from kvsctl.bridge.app_folder import init, remove
from kvsctl.bridge.function import Owner, file_content, owner_of
from kvsctl.errors import UsageError

SUFFIXES = (".js", ".ts")
_RESOLVED = (".tsx", ".jsx", ".ts", ".js", ".cjs")


@pytest.fixture
def app_folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.yml").write_text("app:\n", "utf-8")
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "src").iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_it_is_written_and_removed(app_folder: Path, suffix: str) -> None:
    path = init(app_folder, suffix)
    assert path == app_folder / "src" / f"kvsctl-bridge{suffix}"
    assert path.read_bytes() == file_content(suffix)
    assert remove(app_folder) == [path]
    assert names(app_folder) == []


def test_there_is_never_one_of_each_language(app_folder: Path) -> None:
    for suffix in (*SUFFIXES, *SUFFIXES):
        init(app_folder, suffix)
        assert names(app_folder) == [f"kvsctl-bridge{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_of_an_earlier_version_is_replaced(app_folder: Path, suffix: str) -> None:
    path = init(app_folder, suffix)
    code = b"export const bridge = 1;\n"
    mark = b"// kvsctl bridge 0 %b: do not edit\n" % sha256(code).hexdigest().encode()
    path.write_bytes(mark + code)
    init(app_folder, suffix)
    assert path.read_bytes() == file_content(suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_converted_line_ends_are_no_edit(suffix: str) -> None:
    content = file_content(suffix)
    assert owner_of(content.replace(b"\n", b"\r\n")) is Owner.KVSCTL
    assert owner_of(content.replace(b"\n\n", b"\n", 1)) is Owner.EDITED


@pytest.mark.parametrize("command", ["init", "remove"])
@pytest.mark.parametrize("suffix", _RESOLVED)
@pytest.mark.parametrize("content", [b"", b"export const bridge = 1;\n", b"// kvsctl bridge\n"])
def test_a_file_of_others_stays(
    app_folder: Path, command: str, suffix: str, content: bytes
) -> None:
    init(app_folder, ".js")
    theirs = app_folder / "src" / f"kvsctl-bridge{suffix}"
    theirs.write_bytes(content)
    before = names(app_folder)
    with pytest.raises(UsageError, match="in the way: kvsctl did not write it"):
        init(app_folder, ".ts") if command == "init" else remove(app_folder)
    assert theirs.read_bytes() == content
    assert names(app_folder) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_edited_stays(app_folder: Path, suffix: str) -> None:
    path = init(app_folder, suffix)
    edited = path.read_bytes().replace(b"CHARACTERS = 32", b"CHARACTERS = 8")
    path.write_bytes(edited)
    for act in (lambda: init(app_folder, suffix), lambda: remove(app_folder)):
        with pytest.raises(UsageError, match="in the way: it was edited; nothing was changed"):
            act()
    assert path.read_bytes() == edited


def test_links_and_folders_are_those_of_others(app_folder: Path, tmp_path: Path) -> None:
    source = app_folder / "src"
    source.mkdir()
    elsewhere = tmp_path / "elsewhere.js"
    elsewhere.write_bytes(file_content(".js"))
    (source / "kvsctl-bridge.js").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="did not write it"):
        init(app_folder, ".js")
    (source / "kvsctl-bridge.js").unlink()
    (source / "kvsctl-bridge.ts").mkdir()
    with pytest.raises(UsageError, match="did not write it"):
        remove(app_folder)
    assert elsewhere.read_bytes() == file_content(".js")


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    for act in (lambda: init(tmp_path, ".js"), lambda: remove(tmp_path)):
        with pytest.raises(UsageError, match=r"it has no manifest\.yml"):
            act()
    assert list(tmp_path.iterdir()) == []


def test_an_app_without_a_bridge_has_none_to_remove(app_folder: Path) -> None:
    with pytest.raises(UsageError, match="src has no bridge"):
        remove(app_folder)


def test_what_cannot_be_written_is_said_and_leaves_nothing(app_folder: Path) -> None:
    (app_folder / "src").write_text("a file", "utf-8")
    with pytest.raises(UsageError, match=r"src is in the way: it is not a folder"):
        init(app_folder, ".js")
    assert sorted(os.listdir(app_folder)) == ["manifest.yml", "src"]
