"""Signals to a monitoring service, over a real connection on loopback."""

import asyncio
import socket

import pytest

from kvsctl.errors import UsageError
from kvsctl.service import monitoring
from kvsctl.service.monitoring import PingUrl, ping
from tests.service.wires import listening
from tests.support.commands.pinged import Pinged
from tests.support.commands.server import served


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "_PAUSE_SECONDS", 0.0)


def _url(text: str) -> PingUrl:
    return PingUrl.of(text, allow_http=False)


def test_a_signal_is_a_post_below_the_url_with_its_query() -> None:
    app = Pinged()
    with served(app) as base:
        for url in (f"{base}/ping/secret", f"{base}/ping/secret/?create=1&rid=a%20b"):
            assert asyncio.run(ping(_url(url), "0", "3 records, ½ s")) is None
    assert app.signals == [
        ("/ping/secret/0", "3 records, ½ s"),
        ("/ping/secret/0?create=1&rid=a%20b", "3 records, ½ s"),
    ]


@pytest.mark.parametrize(
    ("statuses", "attempts", "trouble"),
    [
        ([200], 1, None),
        ([201], 1, None),
        ([503, 200], 2, None),
        ([429, 500, 200], 3, None),
        ([500, 502, 503], 3, "HTTP 503 Service Unavailable"),
        ([404, 200], 1, "HTTP 404 Not Found"),
        ([302, 200], 1, "HTTP 302 Found"),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(
    statuses: list[int], attempts: int, trouble: str | None
) -> None:
    app = Pinged(*statuses)
    with served(app) as base:
        assert asyncio.run(ping(_url(base), "start", "")) == trouble
    assert app.paths == ["/start"] * attempts


def test_nobody_listening_is_a_reason_and_no_exception() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = _url(f"http://127.0.0.1:{taken.getsockname()[1]}/secret")
        trouble = asyncio.run(ping(url, "0", ""))
    assert trouble is not None
    assert "secret" not in trouble


def test_a_service_that_never_answers_costs_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "PING_SECONDS", 0.3)

    async def silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def work() -> str | None:
        async with listening(silent) as wire:
            return await ping(_url(wire.url), "0", "")

    trouble = asyncio.run(work())
    assert trouble is not None
    assert "0.3 s" in trouble


def test_a_proxy_that_cannot_be_used_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    trouble = asyncio.run(ping(_url("https://hc.example/secret"), "0", ""))
    assert trouble == "the proxy set in the environment cannot be used"


def test_a_proxy_is_used_as_for_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Pinged()
    with served(app) as base:
        monkeypatch.setenv("HTTP_PROXY", base)
        url = PingUrl.of("http://hc.example/secret", allow_http=True)
        assert asyncio.run(ping(url, "start", "")) is None
    assert [path.removeprefix("http://hc.example") for path in app.paths] == ["/secret/start"]


@pytest.mark.parametrize(
    "text",
    [
        "hc.example/secret", "ftp://hc.example/secret", "https://", "https://hc.example/secret x",
        "https://me:secret@hc.example/", "http://hc.example/secret", "https://hc.example/#secret",
        "https://hc.example/\nsecret", "https://hc.example:0/secret",
    ],
)  # fmt: skip
def test_an_unusable_url_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(UsageError, match="--ping-url") as refused:
        _url(text)
    assert "secret" not in refused.value.message + (refused.value.hint or "")


def test_a_url_shows_its_host_only() -> None:
    url = _url("https://hc.example/secret?key=secret")
    assert (str(url), repr(url), url.host) == (
        "PingUrl(hc.example)", "PingUrl(hc.example)", "hc.example"
    )  # fmt: skip
