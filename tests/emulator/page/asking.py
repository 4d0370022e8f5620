"""Requests as the page sends them."""

from typing import Any

import httpx

from tests.emulator.support import EmulatorClient

API = "/_emulator/page/api/"
JSON = {"content-type": "application/json"}


def ask(client: EmulatorClient, name: str, **body: Any) -> Any:
    """Send a request that must succeed, about the default installation."""
    response = answer(client, name, **body)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(client: EmulatorClient, name: str, **body: Any) -> tuple[int, str]:
    """Send a request that must be refused. Return its status and code."""
    response = answer(client, name, **body)
    found = response.json()
    assert set(found) == {"code", "message"}, found
    return response.status_code, found["code"]


def answer(client: EmulatorClient, name: str, **body: Any) -> httpx.Response:
    return client.post(API + name, {"installation": "default", **body}, headers=JSON)


def fill(client: EmulatorClient, *keys: str, value: Any = 1, **more: Any) -> None:
    for key in keys:
        client.ok("/v1/set", {"key": key, "value": value, **more})


def keys_of(found: Any) -> list[str]:
    return [record["key"] for record in found["records"]]


def nodes_of(found: Any) -> list[str]:
    return [node.get("prefix") or node["record"]["key"] for node in found["nodes"]]
