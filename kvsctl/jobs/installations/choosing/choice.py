"""Which installations a job works on."""

import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kvsctl.bulk.retrying.policy import RetryPolicy
from kvsctl.config.targets import PROXY_VARIABLE, Target
from kvsctl.jobs.installations.choosing.proxy_list import ProxyList
from kvsctl.service.installations import Installation, InstallationsClient
from kvsctl.service.transport.choose import over_network
from kvsctl.service.transport.urls import require_safe


class ByProxy(msgspec.Struct, frozen=True):
    """All installations that a container's proxy lists. `proxy_url` has no final slash."""

    proxy_url: str
    timeout_seconds: float
    retry: RetryPolicy
    allow_http: bool = False

    async def pages(self) -> AsyncIterator[Sequence[Installation]]:
        """Yield the installations, page by page. Raise KvsctlError: see `ProxyList`."""
        require_safe(self.proxy_url, allow_http=self.allow_http, place=lambda: PROXY_VARIABLE)
        carrier = over_network(self.proxy_url, self.timeout_seconds)
        try:
            client = InstallationsClient(carrier, self.timeout_seconds)
            async for page in ProxyList(client, self.retry, epoch=time.time).pages():
                yield page
        finally:
            await carrier.aclose()


class Choice(msgspec.Struct, frozen=True):
    """The installations of a job: `named` ones, or all that a proxy lists.

    `target` has what they have in common. `path`: the file that names them.
    """

    target: Target
    named: Sequence[Target] = ()
    by_proxy: ByProxy | None = None
    path: Path | None = None

    @property
    def display(self) -> str:
        """The stores in reports: the target with the URL that is used, or the file that names them.

        It contains no secret.
        """
        urls = {one.url for one in self.named} or {self.target.url}
        has_name = self.target.name != self.target.url
        if len(urls) > 1:
            where = f"URLs of {self.path}"
            return f"{self.target.name} ({where})" if has_name else where
        [url] = urls
        name = self.target.name if has_name else str(url)
        return replace(self.target, name=name, url=url).display

    def shown_for_all(self, target: Target) -> Target:
        """Return the target of one of them, as questions and errors about all of them show it."""
        return replace(target, shown_as=self.display)

    async def targets(self) -> list[Target]:
        """Return the target of each installation. Raise KvsctlError if they cannot be listed."""
        if self.by_proxy is None:
            return list(self.named)
        return [
            replace(self.target, installation=one.id)
            async for page in self.by_proxy.pages()
            for one in page
        ]
