import asyncio
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.service.transport import (
    in_process,
    is_loopback,
    is_loopback_url,
    over_network,
    proxy_for,
    require_safe,
)

PROXY_NAMES = [
    name
    for proxy in ("http", "https", "all", "no")
    for name in (f"{proxy}_proxy", f"{proxy}_PROXY".upper())
]
FORGE = "https://api.atlassian.com/forge/storage/kvs"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_NAMES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (FORGE, {}, None),
        (FORGE, {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        (FORGE, {"https_proxy": "http://p:3128"}, "http://p:3128"),
        (FORGE, {"HTTP_PROXY": "http://p:3128"}, None),
        (FORGE, {"ALL_PROXY": "http://p:3128"}, "http://p:3128"),
        (FORGE, {"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "http://p:2"}, "http://p:2"),
        (FORGE, {"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        (FORGE, {"HTTPS_PROXY": ""}, None),
        (FORGE, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.atlassian.com"}, None),
        (FORGE, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other, .atlassian.com"}, None),
        (FORGE, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        (FORGE, {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "lassian.com"}, "http://p:1"),
        ("http://kvs.test/", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://kvs.test/", {"HTTPS_PROXY": "http://p:1"}, None),
        ("http://localhost:7072/", {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, None),
        ("http://127.0.0.1/", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::1]:80/", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://localhost/", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    set_all(monkeypatch, environment)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("::", False),
        ("localhost.example.com", False),
        ("notlocalhost", False),
        ("127.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_no_other(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_loopback_is_seen_in_urls() -> None:
    assert is_loopback_url("http://[::1]:7072/x")
    assert not is_loopback_url(FORGE)


class TestRequireSafe:
    @pytest.mark.parametrize(
        "url",
        [
            FORGE,
            "https://10.0.0.1:8443/x",
            "http://localhost:7072",
            "http://127.0.0.1/",
            "http://[::1]:80",
        ],
    )
    def test_takes_https_anywhere_and_http_to_this_machine(self, url: str) -> None:
        require_safe(url, allow_http=False)

    def test_takes_http_elsewhere_only_if_it_is_allowed(self) -> None:
        with pytest.raises(UsageError, match=r"kvs\.test is not this machine"):
            require_safe("http://kvs.test/", allow_http=False)
        require_safe("http://kvs.test/", allow_http=True)

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("", "must begin with https://"),
            ("api.atlassian.com", "must begin with https://"),
            ("//api.atlassian.com/", "must begin with https://"),
            ("ftp://kvs.test/", "must begin with https://"),
            ("file:///etc/passwd", "must begin with https://"),
            ("https://", "must begin with https://"),
            ("https://user:s3cret@kvs.test/", "holds a user name or password"),
            ("https://s3cret@kvs.test/", "holds a user name or password"),
            ("http://127.0.0.1@kvs.test/", "holds a user name or password"),
            ("https://kvs.test/?token=s3cret", "ends in a query or a fragment"),
            ("https://kvs.test/#s3cret", "ends in a query or a fragment"),
            ("https://kvs.test:s3cret/", "cannot be used"),
            ("https://kvs.test:99999999999/", "cannot be used"),
            ("https://kvs.test:65536/", "cannot be used"),
            ("https://kvs\x00.test/", "cannot be used"),
            ("https://[::1/", "cannot be used"),
            ("https://" + "a" * 70_000, "cannot be used"),
            ("http://2130706433/", "is not this machine"),
            ("http://0.0.0.0/", "is not this machine"),
        ],
        ids=range(19),
    )
    def test_refuses_the_rest_and_shows_no_secret(self, url: str, message: str) -> None:
        with pytest.raises(UsageError) as caught:
            require_safe(url, allow_http=message != "is not this machine")
        assert message in caught.value.message
        assert "s3cret" not in caught.value.message

    @given(
        st.text(max_size=20)
        | st.builds("http{}://{}".format, st.sampled_from(["", "s"]), st.text(max_size=20))
    )
    def test_a_url_is_safe_or_a_usage_error(self, url: str) -> None:
        try:
            require_safe(url, allow_http=False)
        except UsageError:
            return
        assert url.lower().startswith("https://") or is_loopback_url(url)


class TestOverNetwork:
    def test_bad_certificates_are_a_usage_error(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(UsageError, match="SSL_CERT_FILE"):
            over_network(FORGE)
        junk = tmp_path / "junk.pem"
        junk.write_text("junk")
        monkeypatch.setenv("SSL_CERT_FILE", str(junk))
        with pytest.raises(UsageError, match="SSL_CERT_FILE"):
            over_network(FORGE)

    @pytest.mark.parametrize(
        "proxy",
        [
            "socks5://user:s3cret@p:1080",
            "ftp://user:s3cret@p:1",
            "http://user:s3cret@p:port",
            "http://",
        ],
    )
    def test_a_proxy_that_cannot_be_used_is_a_usage_error(
        self, monkeypatch: pytest.MonkeyPatch, proxy: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(UsageError, match="proxy") as caught:
            over_network(FORGE)
        assert "s3cret" not in caught.value.message


def test_an_application_that_raises_is_a_server_that_hangs_up() -> None:
    async def broken(scope: object, receive: object, send: object) -> None:
        raise RuntimeError("s3cret value")

    async def ask() -> None:
        async with httpx.AsyncClient(transport=in_process(broken)) as http:
            await http.get("http://kvsctl.localhost/")

    with pytest.raises(httpx.ReadError, match="the application raised RuntimeError"):
        asyncio.run(ask())
