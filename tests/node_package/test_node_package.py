"""The Node package: its own tests, its types, its examples, and what it publishes."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

import kvsctl
from tests.e2e.documents.pages import block
from tests.node_package.conftest import SOURCE
from tests.support.commands.command import KVSCTL

pytestmark = pytest.mark.slow
_PUBLISHED: Final = {
    "LICENSE",
    "README.md",
    "index.d.ts",
    "lib/connection.js",
    "lib/dispatch.js",
    "lib/emulator.js",
    "lib/errors.js",
    "lib/index.js",
    "lib/program.js",
    "package.json",
}


def run(folder: Path, *words: str) -> str:
    """Run a program in a folder, with kvsctl where the package looks for it; return its stdout."""
    environ = {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
    done = subprocess.run(
        words,
        cwd=folder,
        env=environ | {"KVSCTL": str(KVSCTL)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def described() -> Any:
    return json.loads((SOURCE / "package.json").read_text("utf-8"))


def test_its_own_tests_pass(package: Path) -> None:
    files = sorted(str(path.relative_to(package)) for path in package.glob("test/*.test.mjs"))
    report = run(package, "node", "--test", "--test-reporter=tap", *files)
    assert "\n# fail 0\n" in report
    assert "\n# skipped 0\n" in report
    assert "\n# pass 38\n" in report


def test_its_types_fit_its_code_and_a_consumer(package: Path) -> None:
    compiler = str(package / "node_modules/.bin/tsc")
    run(package, compiler, "-p", ".", "--noEmit", "false", "--outDir", "built")
    # `await using`, compiled for a Node that does not have it.
    shown = run(package, "node", "built/test/types/consumer.js")
    assert re.fullmatch(rf"http://127\.0\.0\.1:\d+ {kvsctl.__version__} 0\nstopped\n", shown)


def test_the_example_of_its_page_passes(package: Path) -> None:
    (example,) = re.findall(
        r"^```js\n(.*?)^```$", (SOURCE / "README.md").read_text("utf-8"), re.M | re.S
    )
    (package / "example.mjs").write_text(example, "utf-8")
    assert "\n# pass 1\n" in run(package, "node", "--test", "--test-reporter=tap", "example.mjs")


def test_the_example_of_the_emulators_page_works(package: Path) -> None:
    example = block("docs/emulator.md", "js", "import { startEmulator")
    (package / "shown.mjs").write_text(example, "utf-8")
    assert run(package, "node", "shown.mjs") == "{ hello: 'world' }\n"


def test_what_npm_publishes_is_complete_by_itself(package: Path, tmp_path: Path) -> None:
    pack = ["npm", "pack", "--json", "--pack-destination", str(tmp_path)]
    (packed,) = json.loads(run(package, *pack))
    assert {file["path"] for file in packed["files"]} == _PUBLISHED
    (tmp_path / "package.json").write_text("{}", "utf-8")
    archive = str(tmp_path / packed["filename"])
    run(tmp_path, "npm", "install", "--offline", "--no-audit", "--no-fund", archive)
    assert [one.name for one in (tmp_path / "node_modules").iterdir() if one.name[0] != "."] == [
        "kvsctl-emulator"
    ]
    assert run(tmp_path, "node", "-p", "typeof require('kvsctl-emulator').startEmulator") == (
        "function\n"
    )


def test_it_has_no_dependencies_and_kvsctls_version_and_licence() -> None:
    found = described()
    assert found.keys().isdisjoint({"dependencies", "peerDependencies", "optionalDependencies"})
    assert found["version"] == kvsctl.__version__
    assert (SOURCE / "LICENSE").read_bytes() == (SOURCE.parents[1] / "LICENSE").read_bytes()
    assert found["engines"] == {"node": ">=20.5"}


def test_its_page_names_every_option_and_error() -> None:
    declared = (SOURCE / "index.d.ts").read_text("utf-8")
    page = (SOURCE / "README.md").read_text("utf-8")
    (options,) = re.findall(r"interface StartOptions \{(.*?)^\}", declared, re.M | re.S)
    names = re.findall(r"^  (\w+)\?:", options, re.M)
    assert len(names) == 15
    codes = re.findall(r"^  \| '([A-Z_]+)'", declared, re.M)
    assert len(codes) == 10
    code = (SOURCE / "lib/emulator.js").read_text("utf-8")
    (known,) = re.findall(r"START_OPTIONS = \[(.*?)^\]", code, re.M | re.S)
    assert sorted(re.findall(r"'(\w+)'", known)) == sorted(names)
    assert [name for name in [*names, *codes] if f"`{name}`" not in page] == []
