import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.errors import UsageError
from kvsctl.service.transport.urls import is_loopback, is_loopback_url, parsed_url, require_safe

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


def test_loopback_is_recognised_in_urls() -> None:
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
    def test_accepts_https_anywhere_and_http_to_this_machine(self, url: str) -> None:
        require_safe(url, allow_http=False)

    def test_accepts_http_elsewhere_only_if_allowed(self) -> None:
        with pytest.raises(
            UsageError, match=r"^http:// to kvs\.test is refused: kvs\.test is not this machine$"
        ):
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
            ("https://user:s3cret@kvs.test/", "contains a user name or password"),
            ("https://s3cret@kvs.test/", "contains a user name or password"),
            ("http://127.0.0.1@kvs.test/", "contains a user name or password"),
            ("https://kvs.test/?token=s3cret", "contains a query or a fragment"),
            ("https://kvs.test/#s3cret", "contains a query or a fragment"),
            ("https://kvs.test:s3cret/", "the URL is not valid: "),
            ("https://kvs.test:99999999999/", "the URL is not valid: "),
            ("https://kvs.test:65536/", "the URL is not valid: "),
            ("https://kvs\x00.test/", "the URL is not valid: "),
            ("https://[::1/", "the URL is not valid: "),
            ("https://" + "a" * 70_000, "the URL is not valid: "),
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


class TestParsing:
    """httpx is the oracle: it accepts what is accepted here, and parses it alike."""

    @given(
        st.builds(
            "{}://{}{}{}".format,
            st.sampled_from(["http", "https"]),
            st.sampled_from(["kvs.test", "Kvs.Test", "bücher.test", "[::1]", "[::ffff:1.2.3.4]"])
            | st.text("aB1.-_~!*%:[]@ü\u2025\u00df", min_size=1, max_size=8),
            st.sampled_from(["", ":80", ":443", ":8080", ":", ":0"]),
            st.text("/aB:%2f~!é;=", max_size=8).map(lambda path: path and f"/{path}"),
        )
    )
    def test_a_safe_url_is_parsed_as_by_httpx(self, url: str) -> None:
        try:
            require_safe(url, allow_http=True)
        except UsageError:
            return
        ours, theirs = parsed_url(url), httpx.URL(url)
        assert ours.scheme == theirs.scheme
        assert ours.host == theirs.raw_host.decode()
        assert ours.port == theirs.port
        assert ours.authority == theirs.netloc.decode()
        assert (ours.path or "/") == theirs.raw_path.decode()

    def test_no_repr_shows_a_password(self) -> None:
        url = parsed_url("http://ann:s3cret%40@p:3128")
        assert (url.user, url.password, url.effective_port) == ("ann", "s3cret@", 3128)
        assert "s3cret" not in repr(url)
