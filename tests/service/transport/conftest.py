import pytest

from tests.service.serving import CERTIFICATES

_PROXIES = ("http", "https", "all", "no")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment without proxies and certificates of the system."""
    for name in (*(f"{proxy}_proxy" for proxy in _PROXIES), *_CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def own_authority(bare_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment without proxies, and with the tests' own authority as the trusted one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "ca.pem"))
