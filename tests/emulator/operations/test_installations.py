"""GET /v1/installations, the older /v0, and GET /v1/installation/ID."""

from typing import Any

import pytest

from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.quota import QuotaOptions
from tests.emulator.support import EmulatorClient, OpenClient


def ids(response: Any) -> Any:
    return [one["id"] for one in response.json()["installations"]]


def test_a_page_of_installations(open_client: OpenClient) -> None:
    client = open_client(installations=("b", "a"))
    proxied = {"forge-proxy-authorization": "Forge as=app,installationId=c"}
    client.ok("/v1/set", {"key": "a", "value": 1}, headers=proxied)
    response = client.request("GET", "/v1/installations")
    assert response.json()["cursor"] is None
    assert ids(response) == ["a", "b", "c"]
    first = response.json()["installations"][0]
    assert set(first) == {
        "id", "installationContext", "version", "secondaryInstallationContexts",
    }  # fmt: skip


def test_cursors_continue_the_listing(open_client: OpenClient) -> None:
    client = open_client(installations=tuple("abcde"))
    found, path = [], "/v1/installations?pageSize=2"
    while True:
        response = client.request("GET", path)
        found += ids(response)
        cursor = response.json()["cursor"]
        if cursor is None:
            break
        path = f"/v1/installations?pageSize=2&cursor={cursor}"
    assert found == list("abcde")


def test_v0_returns_a_plain_array(open_client: OpenClient) -> None:
    response = open_client(installations=("a",)).request("GET", "/v0/installations")
    assert [one["id"] for one in response.json()] == ["a"]


def test_without_installations_the_default_one_is_listed(client: EmulatorClient) -> None:
    assert ids(client.request("GET", "/forge/storage/kvs/v1/installations")) == ["default"]


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=101", "pageSize=x", "cursor=%25"])
def test_invalid_pages_are_refused(client: EmulatorClient, query: Any) -> None:
    assert client.request("GET", f"/v1/installations?{query}").status_code == 400


def test_the_list_needs_get_and_a_token(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("t", "i"),))
    assert client.request("GET", "/v1/installations").status_code == 401
    allowed = {"authorization": "Bearer t"}
    assert client.request("GET", "/v1/installations", headers=allowed).status_code == 200


def test_a_token_lists_its_own_installation_only(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("t", "i"), Token("u", "j")), installations=("k",))
    other = {"authorization": "Bearer u"}
    client.ok("/v1/set", {"key": "a", "value": 1}, headers=other)
    for version in ("v0", "v1"):
        response = client.request(
            "GET", f"/{version}/installations", headers={"authorization": "Bearer t"}
        )
        found = response.json() if version == "v0" else response.json()["installations"]
        assert [one["id"] for one in found] == ["i"]
    assert client.post("/v1/installations", {}).headers["allow"] == "GET"


def test_with_quotas_100_listings_per_minute_are_admitted(open_client: OpenClient) -> None:
    client = open_client(quota=QuotaOptions())
    codes = [client.request("GET", "/v1/installations").status_code for _ in range(101)]
    assert codes == [200] * 100 + [429]
    client.time.forward(60)
    assert client.request("GET", "/v1/installations").status_code == 200


def test_the_details_of_an_installation(open_client: OpenClient) -> None:
    client = open_client(installations=("a",))
    details = client.request("GET", "/v1/installation/a").json()
    (listed,) = client.request("GET", "/v1/installations").json()["installations"]
    assert details["version"] == listed["version"]
    assert details["installationContext"] == {"id": listed["installationContext"]}
    assert details["secondaryInstallationContexts"] == []
    assert details["permissions"]["scopes"] == ["storage:app"]
    for other in ("", "b", "a/"):
        response = client.request("GET", f"/v1/installation/{other}")
        assert (response.status_code, response.json()["code"]) == (404, "INSTALLATION_NOT_FOUND")
    assert client.post("/v1/installation/a", {}).headers["allow"] == "GET"


def test_a_token_gives_the_details_of_its_own_installation_only(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("t", "i"),), installations=("k",))
    allowed = {"authorization": "Bearer t"}
    assert client.request("GET", "/v1/installation/i").status_code == 401
    assert client.request("GET", "/v1/installation/i", headers=allowed).status_code == 200
    assert client.request("GET", "/v1/installation/k", headers=allowed).status_code == 401


def test_containers_ask_for_details_without_a_header(open_client: OpenClient) -> None:
    client = open_client(accepts_proxy_header=True, installations=("a",))
    assert client.request("GET", "/v1/installation/a").status_code == 200


def test_with_quotas_details_are_given_once_per_minute_and_installation(
    open_client: OpenClient,
) -> None:
    client = open_client(quota=QuotaOptions(), installations=("a", "b"))
    paths = ["/v1/installation/a", "/v1/installation/b", "/v1/installation/a"]
    assert [client.request("GET", path).status_code for path in paths] == [200, 200, 429]
    client.time.forward(60)
    assert client.request("GET", "/v1/installation/a").status_code == 200
