"""The example for Docker Compose: it fits the schema, and its services work together."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
import yaml

from tests.containers.image import (
    CONTAINS,
    DOCKERFILE,
    ROOT,
    Image,
    contained,
    emulator_of,
    read_image,
    tool,
)
from tests.e2e.documents.pages import block

_FOLDER: Final = DOCKERFILE.parents[2] / "examples" / "containers"
_FILE: Final = _FOLDER / "compose.yaml"


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))["services"]
    return services


def _checked(file: Path) -> int:
    words = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(words, capture_output=True, check=False).returncode


def test_the_file_fits_the_schema_of_compose(tmp_path: Path) -> None:
    assert _checked(_FILE) == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(_FILE.read_text("utf-8").replace("read_only: true", "readonly: true"))
    assert _checked(wrong) == 1


def test_the_page_names_folder_and_command() -> None:
    line = block("docs/emulator.md", "sh", "cd examples/containers").strip()
    folder, command = line.removeprefix("cd ").split(" && ")
    assert (ROOT / folder / "compose.yaml").samefile(_FILE)
    assert f"#   {command}\n" in _FILE.read_text("utf-8")


def test_no_service_may_more_than_it_needs() -> None:
    services = _services()
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert "ports" not in services["kvs"], "whoever reaches it may do everything"
    assert all(port.startswith("127.0.0.1:") for port in services["app"]["ports"])


def test_what_the_services_name_is_there() -> None:
    services = _services()
    build = services["kvs"]["build"]
    assert (_FOLDER / build["context"] / build["dockerfile"]).resolve() == DOCKERFILE
    mounted = [volume for one in services.values() for volume in one["volumes"]]
    for source in (volume.partition(":")[0] for volume in mounted):
        assert source == "store" or (_FOLDER / source).is_file(), source
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        url = service.get("environment", {}).get("FORGE_EGRESS_PROXY_URL", "http://kvs:8787")
        assert url == "http://kvs:8787"
    assert services["app"]["depends_on"]["load"]["condition"] == "service_completed_successfully"


def _load(image: Image, url: str, data: Path) -> None:
    service = _services()["load"]
    words = [word.replace("=/records", f"={_FOLDER}/records") for word in service["command"]]
    variables = service["environment"] | {"FORGE_EGRESS_PROXY_URL": url}
    process = contained(image, [*image.entrypoint, *words], data, **variables)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()


@contextmanager
def _app(url: str) -> Iterator[str]:
    service = _services()["app"]
    variables = service["environment"] | {"FORGE_EGRESS_PROXY_URL": url, "PORT": "0"}
    words = [
        sys.executable,
        *(word.replace("/app/", f"{_FOLDER}/") for word in service["command"][1:]),
    ]
    process = subprocess.Popen(words, env=os.environ | variables, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().split()[-1].decode()}"
        finally:
            process.terminate()


def _visit(image: Image, data: Path, nothing: Path) -> str:
    """Start all services, visit the app once, and stop them."""
    with emulator_of(image, _services()["kvs"]["command"], data) as url:
        _load(image, url, nothing)
        with _app(url) as app, urlopen(app, timeout=60) as answer:
            shown: str = answer.read().decode()
    return shown


@CONTAINS
@pytest.mark.slow
def test_the_app_counts_its_visits_over_a_restart(tmp_path: Path) -> None:
    data, nothing = tmp_path / "data", tmp_path / "nothing"
    data.mkdir()
    nothing.mkdir()
    image = read_image()
    assert _visit(image, data, nothing) == "Welcome: visit 1\n"
    assert _visit(image, data, nothing) == "Welcome: visit 2\n"
    assert [file.name for file in data.iterdir()] == ["store.jsonl.gz"]
    assert list(nothing.iterdir()) == []


def test_each_record_of_the_example_is_one() -> None:
    lines = (_FOLDER / "records.jsonl").read_text("utf-8").splitlines()
    assert [sorted(json.loads(line)) for line in lines] == [["key", "value"]] * 2
