"""The fixture `kvsctl_emulator`, as a project's tests use it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kvsctl.emulator.callers import installation_of
from kvsctl.emulator.options import EmulatorOptions, Token
from kvsctl.emulator.pytest_plugin import (
    EmulatorUnderTest,
    emptied,
    options_of_worker,
    serving,
    under_test,
)
from kvsctl.emulator.web.serve import ServeOptions, running

pytest_plugins = ["pytester"]

RECORD = {"key": "a", "value": 1}
_CONFTEST = """
from pathlib import Path
import pytest
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.web.serve import ServeOptions

@pytest.fixture(scope="session")
def kvsctl_emulator_options():
    return ServeOptions(
        port=0, db=Path("kvs.db"), seed=(Path("seed.jsonl"),),
        emulator=EmulatorOptions(admin_token="admin", export_file=Path("kvs.jsonl.gz")),
    )
"""
_TESTS = """
import json, os
from pathlib import Path
from urllib.request import Request, urlopen
import pytest

def keys(emulator):
    request = Request(emulator.url + "/v1/query", b"{}")
    with urlopen(request) as answer:
        return [record["key"] for record in json.load(answer)["data"]]

@pytest.mark.parametrize("number", range(3))
def test_mine(kvsctl_emulator, number):
    worker = os.environ["PYTEST_XDIST_WORKER"]
    assert keys(kvsctl_emulator) == ["seeded"]
    body = json.dumps({"key": worker, "value": number}).encode()
    urlopen(Request(kvsctl_emulator.url + "/v1/set", body)).close()
    assert keys(kvsctl_emulator) == [worker, "seeded"]
    Path(f"{worker}.url").write_text(kvsctl_emulator.url)
    if number == 2:
        kvsctl_emulator.reset("default")
        assert keys(kvsctl_emulator) == []
        Path(f"{worker}.ran").touch()
"""


@pytest.mark.slow
def test_each_worker_has_a_server_and_a_store_of_its_own(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile(_TESTS)
    (pytester.path / "seed.jsonl").write_text('{"key":"seeded","value":0}\n')
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # others only take time
    plugins = ("-p", "xdist.plugin", "-p", "kvsctl.emulator.pytest_plugin")
    # With "each", all tests run on both workers.
    words = ("-n", "2", "--dist", "each", "-p", "no:cacheprovider")
    result = pytester.runpytest_subprocess(*plugins, *words, timeout=120)
    result.assert_outcomes(passed=6)
    names = {file.name for file in pytester.path.iterdir()}
    assert names >= {
        "gw0.ran", "gw1.ran", "kvs-gw0.db", "kvs-gw1.db", "kvs-gw0.jsonl.gz", "kvs-gw1.jsonl.gz",
    }  # fmt: skip
    assert "kvs.db" not in names
    urls = {(pytester.path / f"gw{number}.url").read_text() for number in range(2)}
    assert len(urls) == 2


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database of `kvsctl serve --db` with a record."""
    file = tmp_path / "dev.db"
    assert keys_after_setting(ServeOptions(port=0, db=file), "kept") == ["kept"]
    return file


def _session(options: ServeOptions) -> Iterator[tuple[EmulatorUnderTest, list[str]]]:
    """Yield the emulator of each test of a session, and the keys that the test begins with."""
    with serving(options) as server:
        for _ in range(2):
            emulator = emptied(server.url, options)
            page = httpx.post(f"{emulator.url}/v1/query", json={})
            yield emulator, [record["key"] for record in page.json()["data"]]


@pytest.mark.parametrize("is_seeded", [False, True])
def test_each_session_begins_with_the_seeds_alone(tmp_path: Path, *, is_seeded: bool) -> None:
    seed = tmp_path / "seed.jsonl"
    seed.write_text('{"key":"seeded","value":0}\n')
    options = ServeOptions(
        port=0,
        db=tmp_path / "kvs.db",
        seed=(seed,) if is_seeded else (),
        emulator=EmulatorOptions(),
    )
    for _ in range(2):
        for emulator, keys in _session(options):
            assert keys == (["seeded"] if is_seeded else [])
            httpx.post(f"{emulator.url}/v1/set", json={"key": "left", "value": 1})


def test_a_database_of_somebody_else_is_not_emptied(database: Path) -> None:
    with pytest.raises(pytest.UsageError, match=r"dev\.db has records that tests did not write"):
        next(_session(ServeOptions(port=0, db=database)))
    assert keys_after_setting(ServeOptions(port=0, db=database), "more") == ["kept", "more"]


def test_a_port_for_all_workers_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match=r"port 8787 cannot be shared .* give port=0"):
        options_of_worker(ServeOptions(port=8787), "gw0")


def test_without_workers_the_options_are_as_they_were() -> None:
    options = ServeOptions(port=8787, db="kvs.db")
    assert options_of_worker(options, None) is options


def test_a_store_in_memory_needs_no_name() -> None:
    options = ServeOptions(port=0)
    assert options_of_worker(options, "gw0") == options
    kept = ServeOptions(port=0, db=Path("folder/kvs"))
    assert options_of_worker(kept, "gw0").db == Path("folder/kvs-gw0")


def keys_after_setting(options: ServeOptions, key: str) -> list[str]:
    """Run a server until it exports; return the keys that it has with one more."""
    with running(options) as server:
        httpx.post(f"{server.url}/v1/set", json={"key": key, "value": 1})
        page = httpx.post(f"{server.url}/v1/query", json={})
    return [record["key"] for record in page.json()["data"]]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_worker_imports_what_it_has_exported(tmp_path: Path, is_there: bool) -> None:
    file = tmp_path / "store.jsonl"
    if is_there:
        file.write_text('{"key":"given","value":0}\n')
    # Another name of the same file, as users write it in two places.
    imported = tmp_path / "." / "folder" / ".." / "store.jsonl"
    (tmp_path / "folder").mkdir()
    options = ServeOptions(port=0, imported=imported, emulator=EmulatorOptions(export_file=file))
    given = ["given"] if is_there else []
    first = keys_after_setting(options_of_worker(options, "gw0"), "first")
    assert sorted(first) == ["first", *given]
    second = keys_after_setting(options_of_worker(options, "gw0"), "second")
    assert sorted(second) == ["first", *given, "second"]
    assert file.exists() is is_there
    assert options_of_worker(options, "gw1").imported == (
        imported if is_there else tmp_path / "store-gw1.jsonl"
    )


def test_a_worker_seeds_from_what_it_has_exported_and_else_as_without_workers(
    tmp_path: Path,
) -> None:
    file, other = tmp_path / "store.jsonl", tmp_path / "other.jsonl"
    file.write_text('{"key":"given","value":0}\n')
    options = ServeOptions(
        port=0, seed=(file, other), imported=other, emulator=EmulatorOptions(export_file=file)
    )
    first = options_of_worker(options, "gw0")
    assert (first.seed, first.imported) == ((file, other), other)
    own = tmp_path / "store-gw0.jsonl"
    own.touch()
    second = options_of_worker(options, "gw0")
    assert (second.seed, second.imported) == ((own, other), other)


def test_a_proxy_of_the_environment_is_not_used(
    kvsctl_emulator: EmulatorUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    kvsctl_emulator.reset()


@pytest.mark.parametrize(
    ("served", "own"),
    [
        (EmulatorOptions(), "token-"),
        (EmulatorOptions(tokens=(Token("t", "mine"),)), "mine"),
        (EmulatorOptions(accepts_proxy_header=True), "default"),
        (EmulatorOptions(accepts_proxy_header=True, tokens=(Token("t", "mine"),)), "mine"),
    ],
)
def test_its_headers_open_a_store(served: EmulatorOptions, own: str) -> None:
    emulator = under_test("http://127.0.0.1:1", ServeOptions(emulator=served))
    for installation, expected in ((None, own), ("mine", "mine")):
        headers = emulator.headers(installation)
        sent = {name.encode(): value.encode() for name, value in headers.items()}
        assert installation_of(sent, served).startswith(expected)


def test_no_token_is_shown() -> None:
    tokens = (Token("hidden", "mine"),)
    options = ServeOptions(emulator=EmulatorOptions(admin_token="hidden", tokens=tokens))
    assert "hidden" not in repr(under_test("http://127.0.0.1:1", options))
    assert "hidden" not in repr(options)
    assert repr(EmulatorOptions()) == "EmulatorOptions()"
    shown = repr(EmulatorOptions(admin_token="hidden", expiry="strict"))
    assert shown == "EmulatorOptions(expiry='strict', admin_token=…)"


def test_the_plugin_gives_an_empty_emulator(kvsctl_emulator: EmulatorUnderTest) -> None:
    allowed = {"authorization": f"Bearer {kvsctl_emulator.token}"}
    url = kvsctl_emulator.url
    assert httpx.post(f"{url}/v1/query", json={}).status_code == 401
    httpx.post(f"{url}/v1/set", json=RECORD, headers=allowed)
    page = httpx.post(f"{url}/v1/query", json={}, headers=allowed)
    assert page.json()["data"] == [RECORD]
    kvsctl_emulator.reset("another")
    assert httpx.post(f"{url}/v1/query", json={}, headers=allowed).json()["data"] == [RECORD]
    kvsctl_emulator.reset()
    page = httpx.post(f"{url}/v1/query", json={}, headers=allowed)
    assert page.json() == {"data": []}
