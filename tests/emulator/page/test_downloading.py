"""Records as JSON Lines."""

import json
from typing import Any

import pytest

from kvsctl.emulator.operations.seed import load_seed
from kvsctl.emulator.page import downloading
from tests.emulator.page.asking import answer, ask, fill
from tests.emulator.support import EmulatorClient, OpenClient

HEADER = "x-kvsctl-cursor"


def lines(client: EmulatorClient, **body: Any) -> list[str]:
    """Return the lines of all pages."""
    found: list[str] = []
    after = None
    while True:
        response = answer(client, "download", after=after, **body)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/x-ndjson"
        found += response.text.splitlines()
        if (after := response.headers.get(HEADER)) is None:
            return found


@pytest.mark.parametrize("most", [1, 2, 1000])
def test_a_prefix_is_downloaded_page_by_page(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(downloading, "RECORDS", most)
    fill(client, "a", "b:1", "b:2", "b:3", "c")
    assert [json.loads(line)["key"] for line in lines(client, prefix="b:")] == ["b:1", "b:2", "b:3"]
    assert len(lines(client)) == 5


def test_a_page_holds_few_large_values(
    client: EmulatorClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "BYTES", 10)
    fill(client, "a", "b", "c", value="123456")
    assert HEADER in answer(client, "download").headers
    assert len(answer(client, "download").text.splitlines()) == 1
    assert len(lines(client)) == 3


def test_keys_are_downloaded_as_they_are_stored(client: EmulatorClient) -> None:
    client.post("/v1/set", content=b'{"key":"a","value":{"n": 1.0,\n"m":12345678901234567890123}}')
    fill(client, "b", options={"ttl": {"value": 1, "unit": "DAYS"}})
    now = client.time.now_ms
    assert lines(client, keys=["a", "z", "b"]) == [
        f'{{"key":"a","value":{{"n": 1.0, "m":12345678901234567890123}},"createdAt":{now},'
        f'"updatedAt":{now}}}',
        f'{{"key":"b","value":1,"createdAt":{now},"updatedAt":{now},'
        '"expireTime":"2026-01-02T00:00:00.000Z"}',
    ]


def test_a_download_has_the_lines_of_an_export_without_the_installation(
    client: EmulatorClient,
) -> None:
    client.post("/v1/set", content=b'{"key":"a","value":{"n":\r\n1.0}}')
    day = {"options": {"ttl": {"value": 1, "unit": "DAYS"}}}
    client.ok("/v1/entity/set", {"entityName": "employee", "key": "e", "value": {"x": 1}, **day})
    export = client.request("GET", "/_emulator/export").text
    downloaded = lines(client) + lines(client, space="employee")
    assert export.replace(',"installation":"default"}', "}").splitlines() == downloaded
    assert list(json.loads(downloaded[1])) == [
        "key", "entityName", "value", "createdAt", "updatedAt", "expireTime",
    ]  # fmt: skip


def test_only_what_never_expires_is_downloaded(client: EmulatorClient) -> None:
    fill(client, "a", options={"ttl": {"value": 1, "unit": "DAYS"}})
    fill(client, "b")
    assert [json.loads(line)["key"] for line in lines(client, neverExpires=True)] == ["b"]


def test_a_download_can_be_loaded_again(
    client: EmulatorClient, open_client: OpenClient, tmp_path: Any
) -> None:
    fill(client, "a", value={"n": [1, None]})
    client.ok("/v1/entity/set", {"entityName": "employee", "key": "e", "value": {"x": 1}})
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join(lines(client) + lines(client, space="employee")), "utf-8")
    other = open_client()
    load_seed(file, other.emulator.service, other.emulator.store)
    assert ask(other, "record", key="a")["value"] == '{"n":[1,null]}'.replace(":", ": ").replace(
        ",", ", "
    )
    assert ask(other, "record", space="employee", key="e")["value"] == '{"x": 1}'
