import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.service.urls import is_loopback, is_loopback_url, require_safe

FORGE = "https://api.atlassian.com/forge/storage/kvs"


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
