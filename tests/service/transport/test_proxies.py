"""The proxy that the environment sets, and the hosts that NO_PROXY names: as curl reads them."""

import subprocess

import pytest

from kvsctl.service.transport.proxies import bypasses, proxy_for
from kvsctl.service.transport.urls import parsed_url
from tests.support.needs import IS_POSIX, only_on, program, skip_or_fail

FORGE = "https://api.atlassian.com/forge/storage/kvs"


pytestmark = pytest.mark.usefixtures("bare_environment")


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
        (FORGE, {"HTTPS_PROXY": "http://p:1", "no_proxy": "api.atlassian.com"}, None),
        (
            "https://10.1.2.3:8443/",
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x.test 10.0.0.0/8"},
            None,
        ),
        ("http://kvs.test/", {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://kvs.test/", {"HTTPS_PROXY": "http://p:1"}, None),
        ("http://localhost:7072/", {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"}, None),
        ("http://127.0.0.1/", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::1]:80/", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://localhost/", {"HTTPS_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_sets_the_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


CASES = [
    ("kvs.test", "http://kvs.test/", True),
    ("kvs.test", "http://kvs.test:8080/", True),
    ("kvs.test:8080", "http://kvs.test:8080/", False),
    ("kvs.test:80", "http://kvs.test/", False),
    (".kvs.test", "http://kvs.test/", True),
    (".kvs.test", "http://a.kvs.test/", True),
    ("*.kvs.test", "http://a.kvs.test/", False),
    ("..kvs.test", "http://kvs.test/", False),
    (".", "http://kvs.test/", False),
    ("", "http://kvs.test/", False),
    ("vs.test", "http://kvs.test/", False),
    ("a.kvs.test", "http://kvs.test/", False),
    ("KVS.test", "http://kvs.TEST/", True),
    ("kvs.test.", "http://kvs.test/", True),
    ("kvs.test", "http://kvs.test./", True),
    ("kvs.test/8", "http://kvs.test/", False),
    ("*", "http://kvs.test/", True),
    (" * ", "http://kvs.test/", False),
    ("*,x.test", "http://kvs.test/", False),
    ("x.test,kvs.test", "http://kvs.test/", True),
    (" x.test , kvs.test ", "http://kvs.test/", True),
    ("x.test kvs.test", "http://kvs.test/", True),
    ("10.1.2.3", "http://10.1.2.3/", True),
    ("10.1.2.3:80", "http://10.1.2.3/", False),
    ("10.1.2", "http://10.1.2.3/", False),
    ("2.3", "http://10.1.2.3/", False),
    ("010.1.2.3", "http://10.1.2.3/", False),
    ("10.0.0.0/8", "http://10.1.2.3/", True),
    ("10.0.0.0/8", "http://11.1.2.3/", False),
    ("10.9.9.9/8", "http://10.1.2.3/", True),
    ("x.test, 10.0.0.0/8", "http://10.1.2.3:8080/", True),
    ("10.1.2.3/32", "http://10.1.2.3/", True),
    ("10.1.2.2/31", "http://10.1.2.3/", True),
    ("10.1.2.4/31", "http://10.1.2.3/", False),
    ("10.1.2.3/33", "http://10.1.2.3/", False),
    ("10.1.2.3/-8", "http://10.1.2.3/", False),
    ("10/8", "http://10.1.2.3/", False),
    ("0.0.0.0/0", "http://10.1.2.3/", False),
    ("10.1.2.3/0", "http://10.1.2.3/", True),
    ("0.0.0.0/0", "http://kvs.test/", False),
    ("fd00::1", "http://[fd00::1]/", True),
    ("[fd00::1]", "http://[fd00::1]/", False),
    ("fd00::/129", "http://[fd00::1]/", False),
    ("fe00::/8", "http://[fd00::1]/", False),
    ("10.0.0.0/8", "http://[fd00::1]/", False),
]


@pytest.mark.parametrize(("no_proxy", "url", "is_bypassed"), CASES)
def test_no_proxy_names_hosts_and_networks(no_proxy: str, url: str, is_bypassed: bool) -> None:
    assert bypasses(no_proxy, parsed_url(url).host) is is_bypassed


@pytest.mark.parametrize(("no_proxy", "named"), [("fd00::/8", True), ("fd00:0::1/127", True)])
def test_no_proxy_names_networks_of_ipv6(no_proxy: str, named: bool) -> None:
    """curl documents them, but some of its versions read them wrongly."""
    assert bypasses(no_proxy, "fd00::1") is named


def _version(curl: str) -> tuple[int, ...]:
    said = subprocess.run([curl, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split()[1].split("."))


@only_on(IS_POSIX, "curl reads the variables of a POSIX environment")
def test_no_proxy_is_read_as_curl_reads_it() -> None:
    """curl shows in its trace whether it connects to the proxy. Nothing listens there."""
    curl = program("curl")
    version = _version(curl)
    if version < (7, 86):
        skip_or_fail("this curl reads no networks in NO_PROXY")
    differ = []
    for no_proxy, url, is_bypassed in CASES:
        if " " in no_proxy.strip() and "," not in no_proxy and version >= (8, 9):
            continue
        words = ["-sv", "--max-time", "5", "--connect-to", "::127.0.0.1:9", url]
        said = subprocess.run(
            ["curl", *words],
            env={"http_proxy": "http://127.0.0.1:1", "no_proxy": no_proxy},
            executable=curl,
            capture_output=True,
            check=False,
        ).stderr
        if (b"Trying 127.0.0.1:1." in said) is is_bypassed:
            differ.append((no_proxy, url))
    assert differ == []
