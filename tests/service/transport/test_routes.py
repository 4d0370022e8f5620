"""TLS, proxies and addresses: the ways to a server, over each carrier."""

import asyncio
import base64
import socket
from typing import Any

import certifi
import pytest

from kvsctl.service.transport import connect
from kvsctl.service.transport.carrier import (
    CarrierAnswer,
    ProxyRefused,
    Unanswered,
    Unreached,
    Untrusted,
)
from tests.service.networks import Network
from tests.service.serving import (
    Served,
    answering,
    proxying,
    serving,
)
from tests.service.transport.posting import OK, post, using
from tests.service.wires import response

pytestmark = pytest.mark.usefixtures("own_authority")


class TestTls:
    def ask(self, network: Network, host: str = "localhost") -> tuple[CarrierAnswer, Served]:
        async def work() -> tuple[CarrierAnswer, Served]:
            async with serving(answering(OK), tls=True) as served:
                answer = await using(network.carrier(served.url("https", host)), post)
                return answer, served

        return network.run(work())

    def test_a_private_authority_is_trusted_by_its_file(self, network: Network) -> None:
        answer, served = self.ask(network)
        assert answer.body == b"{}"
        assert b"authorization: bearer s3cret\r\n" in served.heads[0].lower()

    def test_an_unknown_authority_is_not_trusted(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        reason = r"^the certificate of localhost is not trusted: .* \(SSL_CERT_FILE can name the"
        with pytest.raises(Untrusted, match=reason):
            self.ask(network)

    def test_a_file_that_lacks_the_authority_is_named(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = certifi.where()
        monkeypatch.setenv("SSL_CERT_FILE", file)
        with pytest.raises(Untrusted, match=rf"\(SSL_CERT_FILE={file} does not hold its authority"):
            self.ask(network)

    def test_a_certificate_of_another_host_is_not_trusted(self, network: Network) -> None:
        with pytest.raises(Untrusted, match=r"of 127\.0\.0\.1 is not trusted: IP addr") as caught:
            self.ask(network, "127.0.0.1")
        assert "SSL_CERT_FILE" not in str(caught.value)

    def test_a_server_without_tls_is_unreached(self, network: Network) -> None:
        async def work() -> None:
            async with serving(answering(OK)) as served:
                await using(network.carrier(served.url("https", "localhost"), 0.4), post)

        with pytest.raises(Unreached):
            network.run(work())


class TestProxies:
    """The host is unknown to any resolver: if it is reached, then through the proxy."""

    URL = "https://kvs.test:8443/base"

    def ask(
        self,
        network: Network,
        monkeypatch: pytest.MonkeyPatch,
        *,
        refusal: bytes = b"",
        user: str = "",
    ) -> tuple[CarrierAnswer, Served, Served]:
        async def work() -> tuple[CarrierAnswer, Served, Served]:
            async with (
                serving(answering(OK), tls=True) as served,
                serving(proxying(lambda: served, refusal=refusal)) as proxy,
            ):
                monkeypatch.setenv("HTTPS_PROXY", proxy.url(host=f"{user}127.0.0.1"))
                answer = await using(network.carrier(self.URL), post)
                return answer, served, proxy

        return network.run(work())

    def test_https_goes_through_in_a_tunnel(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer, served, proxy = self.ask(network, monkeypatch)
        assert answer.body == b"{}"
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT kvs.test:8443 HTTP/1.1\r\n")
        assert b"s3cret" not in head
        assert served.heads[0].startswith(b"POST /base/v1/batch/set HTTP/1.1\r\n")
        assert b"host: kvs.test:8443\r\n" in served.heads[0].lower()

    def test_a_proxy_receives_its_authorization(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, served, proxy = self.ask(network, monkeypatch, user="ann:p%40ss@")
        credentials = base64.b64encode(b"ann:p@ss")
        assert b"basic " + credentials.lower() in proxy.heads[0].lower()
        assert b"proxy-authorization" not in served.heads[0].lower()

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            ("407 Proxy Authentication Required", ProxyRefused),
            ("403 Forbidden", ProxyRefused),
            ("302 Found", ProxyRefused),
            ("429 Too Many Requests", Unreached),
            ("503 Service Unavailable", Unreached),
        ],
    )
    def test_a_proxy_that_refuses_leaves_the_target_unreached(
        self,
        network: Network,
        monkeypatch: pytest.MonkeyPatch,
        status: str,
        error: type[Unreached],
    ) -> None:
        named = rf"^the proxy 127\.0\.0\.1:\d+ refused to connect: HTTP {status}$"
        with pytest.raises(Unreached, match=named) as caught:
            self.ask(network, monkeypatch, refusal=response(status), user="ann:p4ss@")
        assert type(caught.value) is error
        assert "p4ss" not in str(caught.value)

    def test_a_proxy_that_does_not_answer_in_http_is_an_error(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # httpx does not say whose answer it was, so it may have been the target's.
        with pytest.raises(Unreached if network.is_direct else Unanswered):
            self.ask(network, monkeypatch, refusal=b"SSH-2.0-x\r\n\r\n")

    def test_http_is_requested_from_the_proxy_itself(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def work() -> bytes:
            async with serving(answering(OK)) as proxy:
                monkeypatch.setenv("HTTP_PROXY", proxy.url(host="ann:p@127.0.0.1"))
                await using(network.carrier("http://kvs.test/base"), post)
                return proxy.heads[0].lower()

        head = network.run(work())
        assert head.startswith(b"post http://kvs.test/base/v1/batch/set http/1.1\r\n")
        assert b"host: kvs.test\r\n" in head
        assert b"proxy-authorization: basic " in head

    def test_hosts_in_no_proxy_bypass_the_proxy(
        self, network: Network, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_PROXY", "kvs.test")
        with pytest.raises(Unreached):
            self.ask(network, monkeypatch)


class TestAddresses:
    """A host with several addresses, the first of which does not work."""

    @pytest.fixture(autouse=True)
    def quick_stagger(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connect, "_STAGGER_SECONDS", 0.01)

    def reach(self, monkeypatch: pytest.MonkeyPatch, first: Any) -> str:
        connected = connect._connect_to

        async def connected_family(
            family: int, kind: int, protocol: int, name: str, address: Any
        ) -> Any:
            if family == socket.AF_INET6:
                await first()
            return await connected(socket.AF_INET, kind, protocol, name, address[:2])

        async def work() -> str:
            async with serving(answering(OK)) as served:

                async def resolve(*_: Any, **__: Any) -> Any:
                    place = ("127.0.0.1", served.port)
                    six = (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("::1", served.port, 0, 0))
                    return [six, six, (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)]

                monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
                with await connect._connect("kvs.test", served.port) as reached:
                    return str(reached.getpeername()[0])

        monkeypatch.setattr(connect, "_connect_to", connected_family)
        return asyncio.run(work())

    def test_an_address_that_refuses_is_skipped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def refused() -> None:
            raise ConnectionRefusedError

        assert self.reach(monkeypatch, refused) == "127.0.0.1"

    def test_an_address_that_never_answers_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def silent() -> None:
            await asyncio.Event().wait()

        assert self.reach(monkeypatch, silent) == "127.0.0.1"

    def test_if_no_address_accepts_the_first_error_is_raised(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def work() -> None:
            async def resolve(*_: Any, **__: Any) -> Any:
                return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))] * 2

            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
            await connect._connect("kvs.test", 1)

        with pytest.raises(ConnectionRefusedError):
            asyncio.run(work())
