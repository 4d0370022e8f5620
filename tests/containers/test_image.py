"""The image: its Dockerfile is linted, and its command runs as its user on a read-only root."""

import json
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.containers.image import (
    CONTAINS,
    DOCKERFILE,
    ROOT,
    contained,
    emulator_of,
    health_of,
    read_image,
    tool,
)
from tests.support.needs import IS_POSIX, only_on

_HADOLINT = only_on(IS_POSIX, "hadolint has no wheel for Windows")


@_HADOLINT
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    ended = subprocess.run([tool("hadolint"), DOCKERFILE], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout.decode()) == (0, "")


@_HADOLINT
def test_hadolint_would_find_something(tmp_path: Path) -> None:
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text("utf-8").replace(":3.13-slim-bookworm", ""))
    ended = subprocess.run([tool("hadolint"), worse], capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"DL3006" in ended.stdout


def test_the_image_is_of_a_user_without_rights_and_has_no_shell_form() -> None:
    image = read_image()
    assert [int(number) > 10_000 for number in image.user.split(":")] == [True, True]
    names = [name for name, _ in image.instructions]
    assert names[-1] == "CMD", names
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert image.entrypoint == ["kvsctl"]
    assert image.health[0] == "python"
    assert not any("curl" in rest or "apt-get" in rest for _, rest in image.instructions)


def test_what_is_copied_is_there_is_sent_and_suffices_to_build() -> None:
    sources = read_image().sources
    ignored = Path(f"{DOCKERFILE}.dockerignore").read_text("utf-8").split()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)
    assert all((ROOT / source).exists() for source in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [project["project"]["readme"], *project["project"]["license-files"]]
    needed += [*wheel.get("shared-data", {}), *wheel.get("force-include", {}), "kvsctl"]
    for path in needed:
        assert any(path == one or fnmatch(path, f"{one}/*") for one in sources), path


def _call(url: str, path: str, headers: dict[str, str], content: Any = None) -> Any:
    body = None if content is None else json.dumps(content).encode()
    with urlopen(Request(url + path, body, headers), timeout=60) as answer:
        return json.loads(answer.read() or b"null")


@CONTAINS
def test_it_serves_as_its_user_on_a_read_only_root_and_is_healthy(tmp_path: Path) -> None:
    image = read_image()
    with emulator_of(image, image.command, tmp_path) as url:
        named = {
            "host": f"kvsctl:{url.rpartition(':')[2]}",
            "forge-proxy-authorization": "Forge as=app,installationId=acme",
        }
        _call(url, "/forge/storage/kvs/v1/set", named, {"key": "a", "value": 1})
        assert _call(url, "/forge/storage/kvs/v1/get", named, {"key": "a"})["value"] == 1
        context = _call(url, "/invocation/context", named)
        assert context["app"]["installationId"].endswith("/acme")
        assert health_of(image, url) == 0
        with urlopen(url, timeout=60) as page:
            assert b"<title>" in page.read()
    assert health_of(image, url) == 1
    assert list(tmp_path.iterdir()) == []


@CONTAINS
def test_the_process_is_really_without_rights(tmp_path: Path) -> None:
    outside = tmp_path.parent / "outside"
    tries = "import os; print(os.getuid()); open('here', 'w'); open({!r}, 'w')"
    process = contained(read_image(), ["python", "-c", tries.format(str(outside))], tmp_path)
    said, complaint = process.communicate(timeout=60)
    assert (said, process.returncode) == (b"10001\n", 1)
    assert b"Read-only file system" in complaint
    assert (tmp_path / "here").exists()


@CONTAINS
@pytest.mark.parametrize(
    ("option", "name"), [("--export-on-exit=/data/kvs.jsonl.gz", "kvs.jsonl.gz"),
                         ("--db=/data/kvs.db", "kvs.db")]
)  # fmt: skip
def test_the_volume_is_all_that_it_writes(tmp_path: Path, option: str, name: str) -> None:
    image = read_image()
    with emulator_of(image, [*image.command, option], tmp_path) as url:
        header = {"forge-proxy-authorization": "Forge as=app,id=1"}
        _call(url, "/v1/set", header, {"key": "a", "value": 1})
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_uid == 10_001
