"""What the page reads."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator.page import walking
from kvsctl.emulator.page.walking import pieces, range_of, select
from tests.emulator.page.asking import API, ask, fill, keys_of, nodes_of, refusal
from tests.emulator.support import EmulatorClient, OpenClient, emulator_client


def test_installations_are_listed_with_their_spaces(open_client: OpenClient) -> None:
    client = open_client(installations=("quiet",))
    fill(client, "a")
    client.ok("/v1/entity/set", {"entityName": "employee", "key": "e", "value": {}})
    client.ok("/v1/secret/set", {"key": "s", "value": "x"})
    found = client.request("GET", API + "installations").json()
    shown = {
        one["id"]: [space["name"] for space in one["spaces"]] for one in found["installations"]
    }
    assert shown == {"default": ["", "!secret", "employee"], "quiet": [""]}


def test_an_empty_emulator_has_the_default_installation(client: EmulatorClient) -> None:
    found = client.request("GET", API + "installations").json()["installations"]
    assert found == [{"id": "default", "spaces": [{"name": ""}]}]
    assert ask(client, "children")["nodes"] == []
    assert ask(client, "records", sort="size")["records"] == []
    assert ask(client, "count") == {"records": 0, "bytes": 0}
    assert ask(client, "delete", keys=["a"]) == {"records": 0, "isMore": False}


def test_a_level_has_records_and_prefixes_in_the_order_of_keys(client: EmulatorClient) -> None:
    fill(client, "a", "a:", "a:b", "a:b:c", "a:b:d", "b#1", "c")
    found = ask(client, "children")
    assert nodes_of(found) == ["a", "a:", "b#1", "c"]
    assert found["nodes"][1] == {"prefix": "a:", "count": 4}
    assert nodes_of(ask(client, "children", prefix="a:")) == ["a:", "a:b", "a:b:"]
    assert nodes_of(ask(client, "children", delimiter="#")) == [
        "a", "a:", "a:b", "a:b:c", "a:b:d", "b#", "c",
    ]  # fmt: skip
    assert nodes_of(ask(client, "children", prefix="a:b")) == ["a:b", "a:b:"]


def test_the_keys_of_a_prefix_are_counted_to_a_hundred(client: EmulatorClient) -> None:
    fill(client, *(f"few:{n}" for n in range(100)), *(f"many:{n}" for n in range(101)))
    few, many = ask(client, "children")["nodes"]
    assert few == {"prefix": "few:", "count": 100}
    assert many == {"prefix": "many:", "count": 100, "isCounted": False}


@given(
    st.sets(st.text("ab:", min_size=1, max_size=6), max_size=25), st.integers(1, 7), st.text("a:")
)
def test_pages_of_a_level_have_each_key_once(keys: set[str], limit: int, prefix: str) -> None:
    client = emulator_client()
    try:
        for key in keys:
            fill(client, key)
        expected = set()
        for key in keys:
            if key.startswith(prefix):
                name, delimiter, _ = key.removeprefix(prefix).partition(":")
                expected.add((prefix + name + delimiter, bool(delimiter)))
        nodes: list[Any] = []
        after: Any = None
        while True:
            page = ask(client, "children", prefix=prefix, limit=limit, after=after)
            nodes += page["nodes"]
            assert len(page["nodes"]) <= limit
            if (after := page["cursor"]) is None:
                break
        found = [
            (node["prefix"], True) if "prefix" in node else (node["record"]["key"], False)
            for node in nodes
        ]
        assert len(found) == len(set(found))
        assert set(found) == expected
        assert [name for name, _ in found] == sorted(name for name, _ in found)
    finally:
        client.emulator.close()


@pytest.mark.parametrize("sort", ["key", "size"])
@pytest.mark.parametrize("never_expires", [False, True])
@pytest.mark.parametrize("most", [1, 3, 1000])
def test_lists_are_sorted_and_filtered_page_by_page(
    client: EmulatorClient,
    monkeypatch: pytest.MonkeyPatch,
    sort: str,
    never_expires: Any,
    most: Any,
) -> None:
    monkeypatch.setattr(walking, "RECORDS", most)
    sizes = {f"k{n}": (n * 7) % 5 for n in range(10)}
    for key, size in sizes.items():
        ttl = (
            {"options": {"ttl": {"value": 1, "unit": "DAYS"}}} if key in ("k3", "k4", "k9") else {}
        )
        fill(client, key, value="x" * size, **ttl)
    fill(client, "other")
    expected = [key for key in sizes if not never_expires or key not in ("k3", "k4", "k9")]
    if sort == "size":
        expected.sort(key=lambda key: (-sizes[key], key))
    found: list[str] = []
    after: Any = None
    while True:
        request = {"sort": sort, "prefix": "k", "neverExpires": never_expires, "limit": 4}
        page = ask(client, "records", after=after, **request)
        found += keys_of(page)
        if (after := page["cursor"]) is None:
            break
    assert found == expected
    count = ask(client, "count", prefix="k", neverExpires=never_expires)
    assert count == {"records": len(expected), "bytes": sum(sizes[k] + 2 for k in expected)}


def test_a_large_store_is_read_in_short_pieces(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client, *(f"{n}" for n in range(10)))
    monkeypatch.setattr(walking, "RECORDS", 4)
    store = client.emulator.store

    async def read() -> list[int]:
        whole = range_of(store.rows.bucket("default", "") or 0, "")
        work = pieces(store, whole, lambda piece: len(select(store, "key", piece, "TRUE")))
        return [count async for count in work]

    assert asyncio.run(read()) == [4, 4, 2]


def test_expired_records_are_shown_as_long_as_gets_return_them(open_client: OpenClient) -> None:
    for expiry, is_shown in (("lazy", True), ("strict", False)):
        client = open_client(expiry=expiry)
        fill(client, "a:b", options={"ttl": {"value": 1, "unit": "HOURS"}})
        client.time.forward(2 * 3600)
        assert bool(ask(client, "children")["nodes"]) is is_shown
        assert bool(ask(client, "records")["records"]) is is_shown
        assert bool(ask(client, "records", sort="size")["records"]) is is_shown
        assert bool(ask(client, "count")["records"]) is is_shown


def test_a_record_is_shown_character_by_character(client: EmulatorClient) -> None:
    text = '{"n": 1.0,"big":123456789012345678901234567890,"n":-0,"s":"\\u0041\u202e"}'
    client.post("/v1/set", content=f'{{"key":"a","value":{text}}}'.encode())
    record = ask(client, "record", key="a")
    assert record["value"] == text
    assert record["size"] == len(text.encode())
    assert (record["createdAt"], record["expiresAt"]) == (client.time.now_ms, None)
    assert refusal(client, "record", key="b") == (404, "KEY_NOT_FOUND")


def test_the_version_changes_with_value_and_expiry_even_if_the_clock_stands(
    client: EmulatorClient,
) -> None:
    versions = set()
    for body in (
        {"value": 1},
        {"value": 2},
        {"value": 2, "options": {"ttl": {"value": 1, "unit": "DAYS"}}},
    ):
        client.ok("/v1/set", {"key": "a", **body})
        versions.add(ask(client, "record", key="a")["version"])
    assert len(versions) == 3


def test_secrets_and_entities_have_keys_of_their_own(client: EmulatorClient) -> None:
    client.ok("/v1/entity/set", {"entityName": "employee", "key": "e", "value": {}})
    client.ok("/v1/secret/set", {"key": "s", "value": "x"})
    assert keys_of(ask(client, "records", space="employee")) == ["e"]
    assert ask(client, "record", space="!secret", key="s")["value"] == '"x"'
    assert ask(client, "records")["records"] == []
    assert ask(client, "records", installation="other")["records"] == []


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("children", {"delimiter": "::"}),
        ("children", {"limit": 0}),
        ("children", {"limit": 1001}),
        ("children", {"after": 5}),
        ("records", {"sort": "age"}),
        ("records", {"prefi": "a"}),
        ("records", {"installation": None}),
        ("record", {}),
        ("count", {"prefix": 1}),
        ("delete", {}),
        ("delete", {"keys": ["a"], "prefix": "a"}),
        ("delete", {"prefix": ""}),
        ("save", {"key": "a", "value": "1"}),
    ],
)
def test_a_malformed_request_is_refused(client: EmulatorClient, name: str, body: Any) -> None:
    assert refusal(client, name, **body) == (400, "INVALID_REQUEST")


def test_a_cursor_that_was_made_up_shows_nothing_outside_the_prefix(client: EmulatorClient) -> None:
    fill(client, "a", "b:1", "b:2")
    earlier = ask(client, "records", limit=1)["cursor"]
    assert keys_of(ask(client, "records", prefix="b:", after=earlier)) == ["b:1", "b:2"]
    assert nodes_of(ask(client, "children", prefix="b:", after=earlier)) == ["b:1", "b:2"]
    assert refusal(client, "records", after="?") == (400, "INVALID_CURSOR")


def test_a_prefix_may_have_any_text(client: EmulatorClient) -> None:
    fill(client, "a")
    assert ask(client, "children", prefix="%_'\"\U0010ffff\0")["nodes"] == []
    content = json.dumps({"installation": "default", "prefix": "\ud800"}).encode()
    headers = {"content-type": "application/json"}
    response = client.request("POST", API + "children", content=content, headers=headers)
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("children", {}),
        ("children", {"prefix": "3:"}),
        ("records", {}),
        ("records", {"neverExpires": True}),
        ("record", {"key": "1:000001"}),
    ],
)
def test_opening_a_large_store_costs_what_opening_a_small_one_does(
    open_client: OpenClient, name: str, request_: dict[str, Any]
) -> None:
    """Steps of SQLite's machine, not seconds: they are the same on every machine."""
    few, many = (steps(open_client, records, name, request_) for records in (7_000, 35_000))
    assert many <= few * 1.1 + 100


def steps(open_client: OpenClient, records: int, name: str, request: dict[str, Any]) -> int:
    client = open_client()
    connection = client.emulator.store.connection
    bucket = client.emulator.service.rows.get_or_create_bucket("default", "")
    connection.executemany(
        "INSERT INTO record VALUES (?, ?, x'31', 0, 0, NULL)",
        ((bucket, f"{n % 7}:{n // 7:06}") for n in range(records)),
    )
    counted: list[None] = []
    connection.set_progress_handler(lambda: counted.append(None), 10)
    ask(client, name, **request)
    return len(counted)
