"""GET /v1/installations, and the older /v0."""

from typing import Any

import pytest

from kvsctl.emulator.options import Token
from kvsctl.emulator.switches.quota import QuotaOptions
from tests.emulator.support import Desk, OpenDesk


def ids(response: Any) -> Any:
    return [one["id"] for one in response.json()["installations"]]


def test_a_page_of_installations(desks: OpenDesk) -> None:
    desk = desks(installations=("b", "a"))
    proxied = {"forge-proxy-authorization": "Forge as=app,installationId=c"}
    desk.ok("/v1/set", {"key": "a", "value": 1}, headers=proxied)
    response = desk.request("GET", "/v1/installations")
    assert response.json()["cursor"] is None
    assert ids(response) == ["a", "b", "c"]
    first = response.json()["installations"][0]
    assert set(first) == {
        "id", "installationContext", "version", "secondaryInstallationContexts",
    }  # fmt: skip


def test_cursors_lead_on(desks: OpenDesk) -> None:
    desk = desks(installations=tuple("abcde"))
    found, path = [], "/v1/installations?pageSize=2"
    while True:
        response = desk.request("GET", path)
        found += ids(response)
        cursor = response.json()["cursor"]
        if cursor is None:
            break
        path = f"/v1/installations?pageSize=2&cursor={cursor}"
    assert found == list("abcde")


def test_the_older_one_is_a_plain_array(desks: OpenDesk) -> None:
    response = desks(installations=("a",)).request("GET", "/v0/installations")
    assert [one["id"] for one in response.json()] == ["a"]


def test_there_is_always_one(desk: Desk) -> None:
    assert ids(desk.request("GET", "/forge/storage/kvs/v1/installations")) == ["default"]


@pytest.mark.parametrize("query", ["pageSize=0", "pageSize=101", "pageSize=x", "cursor=%25"])
def test_wrong_pages_are_refused(desk: Desk, query: Any) -> None:
    assert desk.request("GET", f"/v1/installations?{query}").status_code == 400


def test_it_is_a_get_for_those_who_may(desks: OpenDesk) -> None:
    desk = desks(tokens=(Token("t", "i"),))
    assert desk.request("GET", "/v1/installations").status_code == 401
    allowed = {"authorization": "Bearer t"}
    assert desk.request("GET", "/v1/installations", headers=allowed).status_code == 200
    assert desk.post("/v1/installations", {}).headers["allow"] == "GET"


def test_with_quotas_it_is_listed_100_times_a_minute(desks: OpenDesk) -> None:
    desk = desks(quota=QuotaOptions())
    codes = [desk.request("GET", "/v1/installations").status_code for _ in range(101)]
    assert codes == [200] * 100 + [429]
    desk.time.forward(60)
    assert desk.request("GET", "/v1/installations").status_code == 200


def test_the_openapi_document_names_every_endpoint(desk: Desk) -> None:
    from kvsctl.emulator.web.routes import OPERATIONS

    document = desk.request("GET", "/openapi.json").json()
    expected = {f"/v1/{route.name}" for route in OPERATIONS} | {"/v1/installations"}
    assert set(document["paths"]) == expected
