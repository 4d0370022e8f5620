"""Who may use the page."""

from typing import Any

import httpx
import pytest

from kvsctl.emulator.options import Token
from kvsctl.emulator.page.files import CONTENT_TYPES, file_response
from kvsctl.emulator.web.serve import ServeOptions, running
from tests.emulator.page.asking import API, JSON, fill
from tests.emulator.support import EmulatorClient, OpenClient

NAMES = ["installations", "requests"]
FILES = ["/", "/_emulator/page/main.js", "/_emulator/page/base.css", "/_emulator/page/icon.svg"]
DELETE = {"installation": "default", "keys": ["a"]}


@pytest.mark.parametrize("path", FILES)
def test_files_are_confined_to_their_origin(client: EmulatorClient, path: str) -> None:
    response = client.request("GET", path)
    assert response.status_code == 200
    rules = response.headers["content-security-policy"].split("; ")
    policy = dict(rule.split(" ", 1) for rule in rules)
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert {policy[f"{one}-src"] for one in ("script", "style", "connect", "img")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["content-type"] in CONTENT_TYPES.values()


def test_only_files_of_the_page_are_served(client: EmulatorClient) -> None:
    for path in ("../files.py", "..%2ffiles.py", "none.js", "", "static/main.js", "api/none"):
        assert client.request("GET", f"/_emulator/page/{path}").status_code == 403
    assert client.request("POST", "/", json={}).status_code == 405
    assert client.request("POST", API + "installations", headers=JSON).status_code == 405
    assert client.request("GET", API + "record").status_code == 405
    assert file_response("__init__.py") is None


@pytest.mark.parametrize("path", [*FILES, *(API + name for name in NAMES)])
def test_callers_on_other_machines_are_refused(client: EmulatorClient, path: str) -> None:
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "testclient", ""):
        assert client.request("GET", path, address=(address, 1)).status_code == 403
    for address in ("127.0.0.2", "::1", "::ffff:127.0.0.1"):
        assert client.request("GET", path, address=(address, 1)).status_code == 200


@pytest.mark.parametrize("path", [*FILES, *(API + name for name in NAMES)])
def test_there_is_no_page_without_administration(open_client: OpenClient, path: str) -> None:
    client = open_client(admin=False)
    assert client.request("GET", path).status_code == 403
    paths = client.request("GET", "/openapi.json").json()["paths"]
    assert [one for one in paths if one.startswith(API)] == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({**JSON, "sec-fetch-site": "cross-site"}, 403),
        ({**JSON, "sec-fetch-site": "same-site"}, 403),
        ({**JSON, "sec-fetch-site": "same-origin"}, 200),
        ({"content-type": "Application/JSON; charset=utf-8"}, 200),
    ],
    ids=str,
)
def test_a_page_of_another_server_changes_nothing(
    client: EmulatorClient, headers: Any, status: int
) -> None:
    fill(client, "a")
    assert client.post(API + "delete", DELETE, headers=headers).status_code == status
    left = client.ok("/v1/query", {})["data"]
    assert bool(left) is (status != 200)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_another_server_reads_nothing(client: EmulatorClient, name: str) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    assert client.request("GET", API + name, headers=headers).status_code == 403
    assert client.request("GET", "/", headers=headers).status_code == 200  # a link may lead to it


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
    ],
    ids=str,
)
def test_other_hosts_and_origins_are_refused(headers: Any) -> None:
    with running(ServeOptions(port=0)) as server:
        httpx.post(f"{server.url}/v1/set", json={"key": "a", "value": 1})
        for path in ["/", API + "installations"]:
            assert httpx.get(server.url + path, headers=headers).status_code == 403
        response = httpx.post(f"{server.url}{API}delete", json=DELETE, headers=headers)
        assert response.status_code == 403
        assert len(httpx.post(f"{server.url}/v1/query", json={}).json()["data"]) == 1


def test_with_an_admin_token_its_requests_need_that_one_from_anywhere(
    open_client: OpenClient,
) -> None:
    client = open_client(tokens=(Token("t", "i"),), admin_token="secret")
    away = ("192.0.2.1", 1)
    assert client.request("GET", "/", address=away).status_code == 200
    for address in (away, ("127.0.0.1", 1)):
        for token, status in (("t", 401), ("", 401), ("secret", 200)):
            headers = {"authorization": f"Bearer {token}"}
            response = client.request("GET", API + "requests", headers=headers, address=address)
            assert response.status_code == status


def test_its_requests_need_a_token_if_the_emulator_has_any(open_client: OpenClient) -> None:
    client = open_client(tokens=(Token("t", "i"),))
    for path in FILES:
        assert client.request("GET", path).status_code == 200
    for headers, status in (
        (JSON, 401),
        ({**JSON, "authorization": "Bearer x"}, 401),
        ({**JSON, "authorization": "Bearer t"}, 200),
    ):
        assert client.request("GET", API + "requests", headers=headers).status_code == status
        assert client.post(API + "delete", DELETE, headers=headers).status_code == status
