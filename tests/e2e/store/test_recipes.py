"""The recipes of docs/recipes.md, run as they stand, against served emulators."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.commands.command import KVSCTL, Command
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on, program, skip_or_fail

_ROOT: Final = Path(__file__).parents[3]
_PAGE: Final = (_ROOT / "docs/recipes.md").read_text("utf-8")
_CITIES: Final = _ROOT / "examples" / "cities.jsonl"

pytestmark = only_on(IS_POSIX, "the recipes need a POSIX shell")


def _block(title: str, language: str = "sh") -> str:
    """Return the only block of a language under a heading."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", _PAGE, re.M | re.S)
    (block,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.M | re.S)
    return str(block)


def _records(lines: bytes) -> dict[str, Any]:
    return {one["key"]: one for one in map(json.loads, lines.splitlines())}


def _python_with(folder: Path, *packages: str) -> Path:
    """Return the folder of a new Python that has these packages of PyPI, only from wheels."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = ["-m", "pip", "install", "-q", "--only-binary=:all:", *packages]
    done = subprocess.run(
        [folder / "bin/python", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        skip_or_fail(f"pip install failed: {done.stderr.strip()[-500:]}")
    return folder / "bin"


@dataclass(frozen=True)
class _Stores:
    """Two served emulators, as the targets prod and staging; prod holds the cities."""

    kvsctl: Command

    def run(self, script: str, *folders: Path) -> bytes:
        """Run a script in HOME, which must succeed; return what it prints."""
        environ = self.kvsctl.environ
        path = ":".join([*map(str, folders), str(KVSCTL.parent), environ["PATH"]])
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self.kvsctl.home,
            env=environ | {"PATH": path},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def exported(self, target: str) -> dict[str, Any]:
        return _records(self.kvsctl("export", "-t", target, status=0).out)


@pytest.fixture
def stores(kvsctl: Command) -> Iterator[_Stores]:
    """Two served emulators."""
    with serving(kvsctl) as prod, serving(kvsctl) as staging:
        config = kvsctl.home / ".config/kvsctl/config.toml"
        config.parent.mkdir(parents=True)
        urls = {"prod": prod, "staging": staging}
        config.write_text(
            "".join(f'[targets.{name}]\nurl = "{url}"\n' for name, url in urls.items()), "utf-8"
        )
        kvsctl("set", "-t", "prod", "-f", _CITIES, status=0)
        kvsctl("set", "-t", "prod", "secret-plan=1", "--ttl", "1d", status=0)
        yield _Stores(kvsctl)


def test_jq_changes_records(stores: _Stores) -> None:
    for name in ("jq", "zstd"):
        program(name)
    stores.run(_block("Change records with jq"))
    changed = stores.exported("staging")
    before = {
        key: one["value"] | {"country": "Czechia"}
        for key, one in stores.exported("prod").items()
        if key.startswith("city:") and one["value"]["country"] == "CZ"
    }
    assert before
    assert {key: one["value"] for key, one in changed.items()} == before


def test_duckdb_reads_an_export_and_writes_what_set_loads(stores: _Stores, tmp_path: Path) -> None:
    python = _python_with(tmp_path / "duck", "duckdb>=1.1")
    exact = '{"population":12345678901234567,"ratio":1.0,"name":"\\u00e9"}'
    stores.kvsctl("set", "-t", "prod", f"city:exact={exact}", "--ttl", "2d", status=0)
    backup = stores.kvsctl.home / "backup.jsonl.zst"
    stores.kvsctl("export", "-t", "prod", "city:", "-o", backup, status=0)
    printed = stores.run(_block("Query an export with DuckDB"), python).decode()
    cities = [line.partition(b'"value":')[2][:-1] for line in _CITIES.read_bytes().splitlines()]
    sizes = [len(value) for value in cities if json.loads(value)["country"] == "CN"]
    assert re.search(rf"│ CN +│ +{len(sizes)} │ +{sum(sizes)} │", printed), printed
    large = {
        key: one["value"]
        for key, one in stores.exported("prod").items()
        if key.startswith("city:") and one["value"]["population"] > 5_000_000
    }
    loaded = stores.exported("staging")
    assert {key: one["value"] for key, one in loaded.items()} == large
    line = stores.kvsctl("get", "-t", "staging", "city:exact", "--values", status=0).out
    assert b'"population":12345678901234567,"ratio":1.0' in line
    assert "expireTime" in loaded["city:exact"]


def test_age_encrypts_an_export_as_it_streams(stores: _Stores) -> None:
    for name in ("age", "zstd"):
        program(name)
    stores.run(_block("Encrypt a backup with age"))
    home = stores.kvsctl.home
    backup = home / "backup.jsonl.zst.age"
    assert backup.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert backup.stat().st_mode & 0o077 == (home / "backup.key").stat().st_mode & 0o077 == 0
    restored, before = stores.exported("staging"), stores.exported("prod")
    assert restored.keys() == before.keys()
    assert [one["value"] for one in restored.values()] == [before[key]["value"] for key in restored]
    assert "expireTime" in restored["secret-plan"]


def test_an_encrypted_export_that_fails_fails_the_pipe(stores: _Stores) -> None:
    for name in ("age", "zstd"):
        program(name)
    script = _block("Encrypt a backup with age").replace("export -t prod", "export -t nowhere")
    with pytest.raises(AssertionError, match='unknown target "nowhere"'):
        stores.run(script)


def test_the_emulator_is_seeded_without_personal_data(stores: _Stores) -> None:
    program("jq")
    title = "Seed the emulator from a real store"
    (stores.kvsctl.home / "redact.jq").write_text(_block(title, "jq"), "utf-8")
    stores.run(_block(title))
    before = {k: v for k, v in stores.exported("prod").items() if k.startswith("city:")}
    seeded = stores.exported("local")
    assert seeded.keys() == before.keys()
    for key, record in seeded.items():
        value, real = record["value"], before[key]["value"]
        assert value == real | {"name": re.sub(r"\S", "x", real["name"])}
    with serving(stores.kvsctl, "--seed", stores.kvsctl.home / "seed.jsonl") as url:
        served = _records(stores.kvsctl("export", "--url", url, status=0).out)
    assert served == seeded


def test_the_data_of_an_account_is_found_and_erased(stores: _Stores) -> None:
    kvsctl = stores.kvsctl
    mine = {
        "712020:5b7c2ff1": 1,
        "issue:1": {"watchers": ["x", "712020:5b7c2ff1"]},
        "issue:2": {"by": {"712020:5b7c2ff1": True}, "n": 10**30},
        "issue:3": "712020:5b7c2ff1",
    }
    lines = "".join(json.dumps({"key": key, "value": one}) + "\n" for key, one in mine.items())
    kvsctl("set", "-t", "prod", "other=712020:5b7c2ff2", "-f", "-", stdin=lines.encode(), status=0)
    before = stores.exported("prod")
    printed = stores.run(_block("Find and erase the data of an account"))
    assert printed == b"0\n"
    handed_over = _records((kvsctl.home / "account.jsonl").read_bytes())
    assert {key: one["value"] for key, one in handed_over.items()} == mine
    assert stores.exported("prod") == {k: v for k, v in before.items() if k not in mine}
