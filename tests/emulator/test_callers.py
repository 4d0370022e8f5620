"""Which store a caller may use, by the headers of its request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.emulator.callers import bound_installation, check_admin_token, installation_of
from kvsctl.emulator.options import EmulatorOptions, Token
from kvsctl.emulator.refusals import Refusal
from tests.emulator.support import OpenClient

TOKENS = (Token("secret", "mine"),)
MINE = {b"authorization": b"Bearer secret"}
OTHER = {b"authorization": b"Bearer other"}
PROXIED = {b"forge-proxy-authorization": b"Forge as=app,installationId=inst"}
INVOKED = {b"forge-proxy-authorization": b"Forge as=app,id=1"}
BROKEN = {b"forge-proxy-authorization": b"Forge as=user"}


def opened(headers: Any, **options: Any) -> str | int:
    """Return the installation that these headers open, or the status of the refusal."""
    try:
        return installation_of(headers, EmulatorOptions(**options))
    except Refusal as refusal:
        return refusal.status


@pytest.mark.parametrize(
    ("headers", "tokens", "store"),
    [
        ({}, (), 401),
        (OTHER, (), 401),
        (PROXIED, (), "inst"),
        (INVOKED, (), "default"),
        (BROKEN, (), 401),
        ({}, TOKENS, 401),
        (OTHER, TOKENS, 401),
        (MINE, TOKENS, "mine"),
        (PROXIED, TOKENS, "inst"),
        (PROXIED | OTHER, TOKENS, "inst"),
        (PROXIED | MINE, TOKENS, 403),
        (INVOKED | MINE, TOKENS, "mine"),
    ],
)
def test_with_the_proxy_header_accepted_it_lets_a_caller_in(
    headers: Any, tokens: Any, store: Any
) -> None:
    assert opened(headers, tokens=tokens, accepts_proxy_header=True) == store


@pytest.mark.parametrize(
    ("headers", "tokens", "store"),
    [({}, (), "default"), (PROXIED, (), "inst"), (PROXIED, TOKENS, 401), (MINE, TOKENS, "mine")],
)
def test_otherwise_tokens_alone_decide(headers: Any, tokens: Any, store: Any) -> None:
    assert opened(headers, tokens=tokens) == store


@given(st.text(), st.text(), st.booleans())
def test_no_headers_but_the_right_ones_let_anybody_in(
    bearer: str, proxied: str, both: bool
) -> None:
    headers = {b"authorization": f"Bearer {bearer}".encode()}
    if both:
        headers[b"forge-proxy-authorization"] = proxied.encode()
    found = opened(headers, tokens=TOKENS, accepts_proxy_header=True)
    is_named = "as=app" in proxied and ("installationId=" in proxied or "id=" in proxied)
    assert found in (401, 403) or bearer.strip() == "secret" or (both and is_named)


def test_containers_list_all_installations_and_a_caller_with_a_token_its_own(
    open_client: OpenClient,
) -> None:
    client = open_client(
        tokens=TOKENS, accepts_proxy_header=True, installations=("inst", "mine", "third")
    )
    whole = ["inst", "mine", "third"]
    for headers, expected in ((PROXIED, whole), ({}, whole), (MINE, ["mine"])):
        given_headers = {name.decode(): value.decode() for name, value in headers.items()}
        listed = client.request("GET", "/v1/installations", headers=given_headers).json()
        assert [one["id"] for one in listed["installations"]] == expected
    for headers in (BROKEN, OTHER):
        given_headers = {name.decode(): value.decode() for name, value in headers.items()}
        assert client.request("GET", "/v1/installations", headers=given_headers).status_code == 401
    assert client.refused("/v1/get", {"key": "a"})[0] == 401


def test_a_token_binds_only_if_it_is_configured() -> None:
    options = EmulatorOptions(tokens=TOKENS, accepts_proxy_header=True)
    assert bound_installation(MINE, options) == "mine"
    assert bound_installation(PROXIED, options) is None
    assert bound_installation(OTHER, EmulatorOptions()) is None


def test_a_token_of_two_installations_is_refused_without_showing_it() -> None:
    tokens = (Token("s3cret", "a"), Token("other", "a"), Token("s3cret", "b"))
    with pytest.raises(ValueError, match=r"^tokens: a and b have the same token$"):
        EmulatorOptions(tokens=tokens)
    EmulatorOptions(tokens=(*tokens[:2], tokens[0]))


@pytest.mark.parametrize("secret", ["", " ", "t ", "\u00e9", "a\nb", "\x7f"])
def test_a_token_that_no_caller_can_send_is_refused(secret: str) -> None:
    for name, options in (
        ("admin_token", {"admin_token": secret}),
        ("tokens", {"tokens": (*TOKENS, Token(secret, "i"))}),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: ") as caught:
            EmulatorOptions(**options)
        assert str(caught.value).endswith(": a token must be printable ASCII and not empty")
    EmulatorOptions(admin_token="a token: !~")


def test_an_empty_admin_token_would_let_nobody_in() -> None:
    for headers in ({}, {b"authorization": b"Bearer "}, {b"authorization": b"Bearer"}):
        with pytest.raises(Refusal) as refused:
            check_admin_token(headers, "")
        assert refused.value.status == 401
