"""`kvsctl bridge`: what it prints is what an app needs, as the vendor's own tools judge it."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kvsctl.bridge.function import file_content
from kvsctl.bridge.steps import MANIFEST_LINES
from tests.support.commands.command import Command
from tests.support.node import ask_node

_JUDGE = """
const { validate } = require('@forge/manifest');
validate(false, 'manifest.yml').then(({ success, errors }) => console.log(
  JSON.stringify([success, (errors ?? []).map((error) => error.message)])));
"""
_STRICT = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "noImplicitReturns": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "exactOptionalPropertyTypes": True,
    "target": "ES2022",
    "module": "ESNext",
    "moduleResolution": "bundler",
    "types": ["node"],
    "skipLibCheck": True,
    "outDir": "out",
}


@pytest.fixture
def fresh(app: Path, tmp_path: Path) -> Path:
    """Return an app without the bridge, with the packages of `app`."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "node_modules").symlink_to(app / "node_modules")
    for name in ("manifest.yml", "package.json"):
        shutil.copy(app / name, folder)
    return folder


def judged(folder: Path, manifest: Any) -> list[str]:
    """Return the errors that the vendor's validator finds in a manifest, and in its files."""
    (folder / "manifest.yml").write_text(yaml.safe_dump(manifest), "utf-8")
    success, errors = ask_node(_JUDGE, None, folder)
    assert success is not bool(errors)
    return list(errors)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--typescript",)])
def test_the_lines_that_it_prints_make_a_valid_manifest(
    kvsctl: Command, fresh: Path, words: tuple[str, ...]
) -> None:
    printed = kvsctl("bridge", "init", *words, fresh, status=0).out
    manifest = yaml.safe_load((fresh / "manifest.yml").read_text("utf-8"))
    assert judged(fresh, manifest | yaml.safe_load(printed)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "wrong", "found"),
    [
        ("type: dynamic", "type: dynamik", "allowed values"),
        ("handler: kvsctl-bridge.", "handler: other.", "cannot find associated file"),
        ("key: kvsctl-bridge-function", "key: kvsctl-bridge", "duplicate module key"),
        ("storage:app", "storage:apps", "Invalid 'scopes'"),
    ],
)
def test_the_validator_finds_what_is_wrong_in_them(
    kvsctl: Command, fresh: Path, part: str, wrong: str, found: str
) -> None:
    kvsctl("bridge", "init", fresh, status=0)
    manifest = yaml.safe_load((fresh / "manifest.yml").read_text("utf-8"))
    lines = MANIFEST_LINES.replace(part, wrong)
    assert lines != MANIFEST_LINES
    assert any(found in error for error in judged(fresh, manifest | yaml.safe_load(lines)))


@pytest.mark.slow
def test_typescript_has_no_errors_and_is_the_same_program(kvsctl: Command, fresh: Path) -> None:
    kvsctl("bridge", "init", "--typescript", fresh, status=0)
    (fresh / "src" / "kvsctl-bridge.ts").rename(fresh / "typed.ts")
    kvsctl("bridge", "init", fresh, status=0)
    settings = {"compilerOptions": _STRICT, "files": ["typed.ts"]}
    (fresh / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    compiler = fresh / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        ["node", compiler], cwd=fresh, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    written = (fresh / "src" / "kvsctl-bridge.js").read_text("utf-8")
    assert code_of((fresh / "out" / "typed.js").read_text("utf-8")) == code_of(written)


def code_of(text: str) -> str:
    """Return a program without its first line, which has a hash, and without white space."""
    return re.sub(r"\s", "", text.partition("\n")[2])


def test_the_steps_name_what_there_is_to_do(kvsctl: Command, tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").touch()
    ended = kvsctl("bridge", "init", tmp_path, status=0)
    said = ended.err.decode()
    for part in (
        "src/kvsctl-bridge.js", "manifest.yml", "npm install @forge/kvs",
        "forge variables set --encrypt KVSCTL_BRIDGE_TOKEN", "forge deploy",
        "forge webtrigger create -f kvsctl-bridge", 'kind = "bridge"',
        str(kvsctl.home / ".config/kvsctl/config.toml"),
    ):  # fmt: skip
        assert part in said
    assert "@types/node" not in said
    typed = kvsctl("bridge", "init", "--typescript", tmp_path, status=0).err.decode()
    assert "npm install -D @types/node" in typed
    ended = kvsctl("bridge", "remove", tmp_path, status=0)
    assert ended.out == b""
    for part in ("manifest.yml", "forge webtrigger delete", "forge variables unset", "deploy"):
        assert part in ended.err.decode()
    assert kvsctl("bridge", "remove", tmp_path, status=2).err.startswith(b"kvsctl: ")


def test_no_secret_is_in_the_file(kvsctl: Command, tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").touch()
    kvsctl.having(KVSCTL_BRIDGE_TOKEN="s3cret" * 8, KVSCTL_TOKEN="t0ken" * 8)(
        "bridge", "init", tmp_path, status=0
    )
    content = (tmp_path / "src" / "kvsctl-bridge.js").read_text("utf-8")
    assert "s3cret" not in content
    assert "t0ken" not in content
    assert "process.env.KVSCTL_BRIDGE_TOKEN" in content


@pytest.mark.parametrize("suffix", [".js", ".ts"])
def test_the_token_is_compared_in_constant_time_and_nowhere_else(suffix: str) -> None:
    code = file_content(suffix).decode()
    assert "timingSafeEqual(hash(given), hash(token))" in code
    assert not re.search(r"given\s*[!=]==?|[!=]==?\s*given", code)
    assert "console." not in code, "it logs nothing"


def test_the_current_folder_is_the_default(kvsctl: Command, tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").touch()
    kvsctl("bridge", "init", status=0, folder=tmp_path)
    assert (tmp_path / "src" / "kvsctl-bridge.js").is_file()
