import os
import ssl
import sys
from pathlib import Path

import httpx
import pytest

from kvsctl.errors import UsageError
from kvsctl.service.transport.choose import over_network
from kvsctl.service.transport.direct import DirectCarrier
from kvsctl.service.transport.httpx_carrier import HttpxCarrier

FORGE = "https://api.atlassian.com/forge/storage/kvs"


pytestmark = pytest.mark.usefixtures("bare_environment")


class TestOverNetwork:
    def test_chooses_the_direct_carrier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert isinstance(over_network("http://kvs.test/", 30.0), DirectCarrier)
        monkeypatch.setenv("HTTP_PROXY", "http://p:3128")
        assert isinstance(over_network("http://kvs.test/", 30.0), DirectCarrier)

    def test_chooses_httpx_for_proxies_other_than_http(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "https://p:3128")
        assert isinstance(over_network("http://kvs.test/", 30.0), HttpxCarrier)

    @pytest.mark.parametrize("scheme", ["https", "HTTPS"])
    def test_verifies_a_proxy_against_the_same_certificates(
        self, monkeypatch: pytest.MonkeyPatch, scheme: str
    ) -> None:
        contexts = []

        def proxy(url: str, *, ssl_context: ssl.SSLContext | None) -> httpx.Proxy:
            contexts.append(ssl_context)
            return made(url, ssl_context=ssl_context)

        made = httpx.Proxy
        monkeypatch.setattr(httpx, "Proxy", proxy)
        monkeypatch.setenv("HTTP_PROXY", f"{scheme}://p:3128")
        over_network("http://kvs.test/", 30.0)
        assert [type(context) for context in contexts] == [ssl.SSLContext]

    def test_chooses_httpx_without_httptools(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "kvsctl.service.transport.direct")
        monkeypatch.setitem(sys.modules, "kvsctl.service.transport.connection", None)
        assert isinstance(over_network("http://kvs.test/", 30.0), HttpxCarrier)

    def test_bad_certificates_are_a_usage_error(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(
            UsageError,
            match=f"^cannot load certificates from SSL_CERT_FILE={os.environ['SSL_CERT_FILE']}: ",
        ):
            over_network(FORGE, 30.0)
        with pytest.raises(UsageError) as caught:
            over_network(FORGE, 30.0)
        assert caught.value.hint is not None
        assert "Set SSL_CERT_FILE to a PEM file" in caught.value.hint
        junk = tmp_path / "junk.pem"
        junk.write_text("junk")
        monkeypatch.setenv("SSL_CERT_FILE", str(junk))
        with pytest.raises(
            UsageError,
            match=f"^cannot load certificates from SSL_CERT_FILE={os.environ['SSL_CERT_FILE']}: ",
        ):
            over_network(FORGE, 30.0)

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
        with pytest.raises(
            UsageError, match=r"^the proxy set in the environment cannot be used$"
        ) as caught:
            over_network(FORGE, 30.0)
        assert "s3cret" not in caught.value.message
