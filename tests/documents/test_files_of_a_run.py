"""The files that SECURITY.md lists have the mode that it says."""

import re
import stat
from pathlib import Path

import pytest

from tests.e2e.documents.pages import ROOT
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on

pytestmark = [pytest.mark.slow, only_on(IS_POSIX, "Windows has no modes")]


def _modes() -> dict[str, int | None]:
    """Return the mode of each row of the table, by its first cell; None: that of any new file."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    _, _, table = text.partition("| file | contains | mode |\n|---|---|---|\n")
    rows = re.findall(r"^\| (.+?) \| .+ \| (.+?) \|$", table, re.MULTILINE)
    return {
        name: None if mode.startswith("set by your umask") else int(mode, 8) for name, mode in rows
    }


def _named(file: str) -> int | None:
    """Return the mode that the table gives the file of an option."""
    [mode] = {mode for name, mode in _modes().items() if file in name}
    return mode


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _written(kvsctl: Command, home: Path) -> dict[str, Path]:
    """Write one of each kind of file; return its path by what the table calls it."""
    local = ("-t", "local", "-q")
    words: list[str | Path] = [
        "--journal",
        home / "j",
        "--lock",
        home / "l",
        "--report",
        home / "r",
    ]
    words += ["--metrics-file", home / "m", "--failures", home / "f"]
    kvsctl("set", *local, *words, "a:1=1", "a:2=2", "b:1=3", status=0)
    kvsctl("export", *local, "-o", home / "e.jsonl", status=0)
    kvsctl("delete", *local, "--prefix", "a:", "--yes", "--undo", home / "u", status=0)
    kvsctl("delete", *local, "--prefix", "b:", "--plan", home / "p", status=0)
    kvsctl("probe", "-t", "local", "--yes", "--ask", "missing-keys", "-o", home / "prof", status=0)
    with serving(kvsctl, "--db", str(home / "served.db")) as url:
        file = records_file(home / "i", [{"installation": "x"}, {"installation": "y"}])
        named = ("--url", url, "--installations-file", file, "--ledger", home / "led")
        kvsctl("set", "-q", *named, "a=1", status=0)
        kvsctl("config", "init", "served", "--url", url, "--no-bridge", "--no-default", status=0)
    return {
        "`--journal FILE`": home / "j", "`--lock FILE`": home / "l", "`--report FILE`": home / "r",
        "`--metrics-file FILE`": home / "m", "`--failures FILE`": home / "f",
        "`-o FILE` of `get`, `export` and `diff`": home / "e.jsonl",
        "manifest of an export": home / "e.jsonl.manifest.json", "`--undo FILE`": home / "u",
        "`--plan FILE`": home / "p", "profile of `probe": home / "prof",
        "`--ledger FILE`": home / "led", "`serve --db PATH`": home / "served.db",
        "`local` database": home / ".local/share/kvsctl/local.db",
        "configuration file": home / ".config/kvsctl/config.toml",
    }  # fmt: skip


def test_each_file_has_the_mode_of_its_row(kvsctl: Command) -> None:
    files = _written(kvsctl, kvsctl.home)
    by_umask = kvsctl.home / "new"
    by_umask.touch()
    for name, path in files.items():
        named = _named(name)
        assert oct(_mode(path)) == oct(_mode(by_umask) if named is None else named), name
