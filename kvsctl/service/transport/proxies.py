"""The proxy that the environment sets for a URL."""

import ipaddress
import re
from typing import Final

from kvsctl.service.transport.urls import is_loopback, parsed_url

_SEPARATORS: Final = re.compile(r"[,\s]+")


def proxy_for(url: str) -> str | None:
    """Return the proxy for `url` by `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

    Without any of them, return the proxy that macOS or Windows has in its settings, if any.
    Loopback is never proxied.
    """
    parsed = parsed_url(url)
    if is_loopback(parsed.host):
        return None
    from urllib.request import getproxies, getproxies_environment, proxy_bypass

    variables = getproxies_environment()
    if variables:
        is_bypassed = bypasses(variables.get("no", ""), parsed.host)
    else:
        is_bypassed = bool(proxy_bypass(parsed.host))
    if is_bypassed:
        return None
    proxies = getproxies()
    proxy = proxies.get(parsed.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def bypasses(no_proxy: str, host: str) -> bool:
    """Return whether `NO_PROXY` names a host, read as curl reads it.

    It is `*` alone, or names and addresses separated by commas or blanks. A name also stands for
    its subdomains. An address may be a network such as `10.0.0.0/8`. An entry with a port matches
    nothing: curl compares entries with the host alone, in version 8 as in 7. Since 8.9, curl takes
    commas only; lists with blanks, which older versions read, are accepted here. `host` is
    lower-case, an IPv6 address without brackets.
    """
    if no_proxy == "*":
        return True
    entries = [entry for entry in _SEPARATORS.split(no_proxy.lower()) if entry]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.removesuffix(".")
        return any(_is_within(name, entry) for entry in entries)
    return any(_is_in_network(address, entry) for entry in entries)


def _is_within(name: str, entry: str) -> bool:
    domain = entry.removeprefix(".").removesuffix(".")
    return bool(domain) and (name == domain or name.endswith(f".{domain}"))


def _is_in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, entry: str) -> bool:
    network, slash, bits = entry.partition("/")
    if slash and not (bits.isascii() and bits.isdigit()):
        return False
    if not slash or int(bits) == 0:  # to curl, 0 bits mean the address itself
        bits = str(address.max_prefixlen)
    try:
        return address in ipaddress.ip_network(f"{network}/{bits}", strict=False)
    except ValueError:
        return False
