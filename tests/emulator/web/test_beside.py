"""/health and /invocation/context."""

from pathlib import Path
from typing import Literal

import httpx
import pytest

from kvsctl.emulator.options import Token
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.support import EmulatorClient, OpenClient

PROXIED = {"forge-proxy-authorization": "Forge as=app,installationId=inst-1"}
INVOKED = {"forge-proxy-authorization": "Forge as=app,id=invocation-123"}


def test_any_caller_may_ask_for_health(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("t", "i"),))
    response = client.request("GET", "/health", address=("192.0.2.1", 1))
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    refused = client.request("POST", "/health")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert client.request("HEAD", "/invocation/context").status_code == 405


@pytest.mark.parametrize("http", ["auto", "h11"])
def test_health_is_answered_without_a_body_to_who_wants_none(http: Literal["auto", "h11"]) -> None:
    with running(ServeOptions(port=0, http=http)) as server, httpx.Client() as caller:
        for _ in range(2):  # on one connection, where a body would be read as the next answer
            answer = caller.head(f"{server.url}/health")
            assert (answer.status_code, answer.content) == (200, b"")
        assert caller.get(f"{server.url}/health").json() == {"status": "ok"}


def test_health_is_not_counted_as_an_answer(client: EmulatorClient) -> None:
    client.request("GET", "/health")
    client.post("/v1/query", {})
    assert client.request("GET", "/_emulator/stats").json()["answers"] == {"200": 1}


def test_an_emulator_whose_database_fails_is_not_healthy(tmp_path: Path) -> None:
    db = tmp_path / "kvs.db"
    with running(ServeOptions(port=0, db=db)) as server:
        assert httpx.get(f"{server.url}/health").status_code == 200
        httpx.post(f"{server.url}/v1/set", json={"key": "a", "value": 1})
        for pragma in ("wal_checkpoint(TRUNCATE)", "cache_size = 0", "shrink_memory"):
            server.emulator.store.connection.execute(f"PRAGMA {pragma}")
        with db.open("r+b") as file:
            file.write(b"\xff" * db.stat().st_size)
        assert httpx.get(f"{server.url}/health").status_code == 500


def test_a_context_names_app_installation_and_site(open_client: OpenClient) -> None:
    client = open_client(installations=("inst-1",))
    context = client.request("GET", "/invocation/context", headers=PROXIED).json()
    assert set(context) == {"app", "context"}
    assert context["app"]["id"].startswith("ari:cloud:ecosystem::app/")
    assert context["app"]["installationId"] == "ari:cloud:ecosystem::installation/inst-1"
    assert context["app"]["environment"]["type"] == "DEVELOPMENT"
    assert context["app"]["module"]["key"] == context["context"]["moduleKey"]
    assert context["context"]["userAccess"] == {"enabled": False}
    (listed,) = client.request("GET", "/v1/installations").json()["installations"]
    assert listed["installationContext"].endswith("/" + context["context"]["cloudId"])


def test_the_context_of_an_invocation_leads_to_its_store(client: EmulatorClient) -> None:
    client.ok("/v1/set", {"key": "a", "value": 1}, headers=INVOKED)
    context = client.request("GET", "/invocation/context", headers=INVOKED).json()
    named = f"Forge as=app,installationId={context['app']['installationId']}"
    found = client.ok("/v1/get", {"key": "a"}, headers={"forge-proxy-authorization": named})
    assert found["value"] == 1


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer t"}, {"forge-proxy-authorization": "Basic x"}]
)
def test_a_context_needs_the_proxy_header(client: EmulatorClient, headers: dict[str, str]) -> None:
    assert client.request("GET", "/invocation/context", headers=headers).status_code == 401
