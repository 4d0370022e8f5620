"""Numbers beyond all doubles, such as 1e400: a bridge never makes null of them unnoticed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kvsctl.bridge.function import VERSION
from tests.bridge.apps import call, gateway
from tests.bridge.test_jobs import configured
from tests.support.commands.command import Command
from tests.support.commands.serving import serving

pytestmark = pytest.mark.slow
_STORED = {"bare": b"1e400", "deep": b'{"a":[-1e400,"1e999"]}', "none": b'{"a":null}', "z": b"1.5"}


class Stores(NamedTuple):
    kvsctl: Command
    service: str
    other: str
    url: str


@pytest.fixture(params=["", "1"], ids=["this version", "the first version"])
def older(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stores(kvsctl: Command, app: Path, older: str) -> Iterator[Stores]:
    with (
        serving(kvsctl) as service,
        serving(kvsctl) as other,
        gateway(app, service, GATEWAY_OLDER=older) as url,
    ):
        configured(kvsctl, url)
        words = [f"{key}={value.decode()}" for key, value in _STORED.items()]
        kvsctl("set", "--url", service, *words, status=0)
        yield Stores(kvsctl, service, other, url)


def _stored(kvsctl: Command, service: str) -> dict[str, bytes]:
    """Return the values of a store as bytes."""
    found = kvsctl("export", "--url", service, status=0).out.splitlines()
    return {
        line.split(b'"')[3].decode(): line.partition(b'"value":')[2].removesuffix(b"}")
        for line in found
    }


def _refused(older: str) -> list[str]:
    """Return the keys that fail. Only the first version leaves doubt about a null."""
    return ["bare", "deep", "none"] if older else ["bare", "deep"]


def _kept(older: str) -> dict[str, bytes]:
    return {key: _STORED[key] for key in _STORED if key in _refused(older)}


_JOBS = [
    ("expire", "--all", "--ttl", "1h", "--yes"),
    ("delete", "--all", "--plan", "plan.jsonl", "--with-values"),
    ("sync", "--from", "app", "--all", "--yes"),
    ("delete", "--all", "--yes", "--undo", "undo.jsonl"),
]


def test_jobs_that_keep_or_write_a_value_fail_the_record(
    stores: Stores, older: str, tmp_path: Path
) -> None:
    for words in _JOBS:
        where = ("--url", stores.other) if words[0] == "sync" else ("-t", "app")
        given = [str(tmp_path / one) if one.endswith(".jsonl") else one for one in words]
        report = stores.kvsctl(*given, *where, "--json", status=1).report
        failures = {one["key"]: one["code"] for one in report["failures"]}
        assert failures == dict.fromkeys(_refused(older), "NUMBER_NOT_EXACT"), words
        held = _stored(stores.kvsctl, stores.service)
        assert {key: held.get(key) for key in _refused(older)} == _kept(older), words
    left = _STORED.keys() - _refused(older)
    assert _stored(stores.kvsctl, stores.other).keys() == left
    for name in ("plan.jsonl", "undo.jsonl"):
        lines = (tmp_path / name).read_bytes().splitlines()
        assert {json.loads(line)["key"] for line in lines} == left, name


def test_a_sync_to_several_installations_fails_the_record_too(
    stores: Stores, older: str, tmp_path: Path
) -> None:
    file = tmp_path / "installations.jsonl"
    file.write_text(json.dumps({"installation": "a", "url": stores.other}), "utf-8")
    words = ("--from", "app", "-t", "forge", "--installations-file", file, "--all", "--json")
    report = stores.kvsctl("sync", *words, "--yes", status=1).report
    failures = {one["key"]: one["code"] for one in report["failures"]}
    assert failures == dict.fromkeys(_refused(older), "NUMBER_NOT_EXACT")
    assert _stored(stores.kvsctl, stores.other).keys() == _STORED.keys() - _refused(older)


def test_a_read_shows_that_the_number_is_beyond_all_doubles(stores: Stores, older: str) -> None:
    found = stores.kvsctl("get", "-t", "app", "--values", *_STORED, status=0).out.splitlines()
    expected = {b"1e400": b"1e999", b'{"a":[-1e400,"1e999"]}': b'{"a":[-1e999,"1e999"]}'}
    if older:
        expected = {b"1e400": b"null", b'{"a":[-1e400,"1e999"]}': b'{"a":[null,"1e999"]}'}
    assert found == [expected.get(value, value) for value in _STORED.values()]


def test_no_such_number_is_written_even_if_rounding_is_allowed(stores: Stores) -> None:
    words = ["new=1", 'x={"a":[1e400]}', "y=9007199254740993", "--allow-rounding", "--json"]
    report = stores.kvsctl("set", "-t", "app", *words, status=1).report
    assert {one["key"]: one["code"] for one in report["failures"]} == {"x": "NUMBER_NOT_EXACT"}
    held = _stored(stores.kvsctl, stores.service)
    assert (held["new"], held["y"], "x" in held) == (b"1", b"9007199254740992", False)


def test_a_bridge_names_its_version(stores: Stores, older: str) -> None:
    answer = call(stores.url, "/v1/query", {})
    assert answer.headers["x-kvsctl-bridge"] == (None if older else str(VERSION))
    assert "x-kvsctl-bridge" not in call(stores.url, "/v1/query", {}, token="x" * 40).headers
