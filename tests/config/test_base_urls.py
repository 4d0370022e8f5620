from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.base_urls import (
    container_base_url,
    mended,
    require_base_url,
    shown_host,
    shown_url,
)
from kvsctl.config.file import ConfigFile
from kvsctl.config.targets import TargetFlags, choose_target
from kvsctl.errors import UsageError
from tests.support.commands.command import Command

FORGE = "https://api.atlassian.com/forge/storage/kvs"
ADDED = [
    "/v1", "/v1/", "/V1", "/v1/batch/set", "/v1/query", "/v1/entity/get", "/v0/installations",
    "/v1//", "/forge/storage/kvs", "/forge/storage/kvs/v1", "/v1/forge/storage/kvs", "/v1/v1",
    "/forge/storage/kvs/forge/storage/kvs/",
]  # fmt: skip


@pytest.mark.parametrize("added", ADDED)
def test_what_requests_add_is_refused_with_the_right_url(added: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_base_url(FORGE + added, "--url")
    assert caught.value.hint == f"Give {FORGE}."
    assert caught.value.message.startswith("--url: the URL ")


@pytest.mark.parametrize(
    "url",
    [
        FORGE,
        f"{FORGE}/",
        "http://127.0.0.1:8787",
        "http://127.0.0.1:8787/api",
        "https://app.example.org/x1/v1id",
        "https://v1/x1/AbC",
        "https://v1",
        "https://x.example.org/v1/x1/AbC",
        "https://x.example.org/v2",
        "https://x.example.org/forge/storage",
        "not a url/v1/get",
        "http://",
        "https://user:secret@x.example.org/v1",
        "https://x.example.org/v1?token=secret",
    ],
)
def test_other_urls_are_taken_as_they_are(url: str) -> None:
    assert require_base_url(url, "--url") == url


_PART = st.text("abcxyzV1-.", min_size=1, max_size=6).filter(
    lambda part: part.casefold() not in ("v1", "v0")
)


@given(st.lists(_PART, max_size=3), st.lists(st.sampled_from(ADDED), max_size=3))
def test_any_mixture_of_what_requests_add_is_taken_away(path: list[str], added: list[str]) -> None:
    base = "/".join(["https://h.example.org", *path]) + "/forge/storage/kvs"
    assert mended(base + "".join(added)) == base
    assert mended(base) == base


@given(st.text("/:v1forgestorakvsx", max_size=60))
def test_mending_is_complete_at_once(text: str) -> None:
    once = mended(f"https://{text}")
    assert mended(once) == once


class TestPlaces:
    """Every place where a URL can be given."""

    def _refusal(self, flags: TargetFlags, environ: dict[str, str], **sections: str) -> UsageError:
        tables = {name: {"url": url} for name, url in sections.items()}
        config = ConfigFile(Path("c.toml"), exists=True, sections=tables)
        with pytest.raises(UsageError) as caught:
            choose_target(flags, environ, config, is_on_terminal=False)
        return caught.value

    def test_option(self) -> None:
        error = self._refusal(TargetFlags(url=f"{FORGE}/v1"), {})
        assert error.message == "--url: the URL ends in /v1, which requests add themselves"

    def test_environment(self) -> None:
        error = self._refusal(TargetFlags(), {"KVSCTL_URL": f"{FORGE}/v1/batch/set"})
        assert error.message.startswith("KVSCTL_URL: the URL ends in /v1/batch/set")

    def test_configuration(self) -> None:
        error = self._refusal(TargetFlags("s"), {}, s=f"{FORGE}/forge/storage/kvs")
        assert error.message == "c.toml: [targets.s] url: the URL has /forge/storage/kvs twice"
        assert error.hint == f"Give {FORGE}."

    @pytest.mark.parametrize("added", ["/forge/storage/kvs", "/forge/storage/kvs/v1", "/v1"])
    def test_container(self, added: str) -> None:
        environ = {"FORGE_EGRESS_PROXY_URL": f"http://localhost:7072{added}"}
        error = self._refusal(TargetFlags("container", installation="i"), environ)
        assert error.message.startswith("FORGE_EGRESS_PROXY_URL: ")
        assert error.hint == "Set it to http://localhost:7072."

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_a_container_has_the_path_of_the_api_once(self, slash: str) -> None:
        base = container_base_url(f"http://localhost:7072{slash}")
        assert base == "http://localhost:7072/forge/storage/kvs"

    @pytest.mark.parametrize("words", [["diff", "-t", "local"], ["sync", "-t", "local", "--all"]])
    def test_another_store(self, kvsctl: Command, words: list[str]) -> None:
        done = kvsctl(*words, "--from", "http://127.0.0.1:9/v1", status=2)
        assert b"--from: the URL ends in /v1, which requests add themselves" in done.err
        assert b"Give http://127.0.0.1:9." in done.err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        (FORGE, FORGE),
        ("http://127.0.0.1:8080/x/", "http://127.0.0.1:8080/x/"),
        ("https://u:s3cret@a.example/x", "https://***@a.example/x"),
        ("https://s3cret@s3cret@a.example", "https://***@a.example"),
        ("https://a.example/x?token=s3cret", "https://a.example/x?***"),
        ("https://a.example#s3cret", "https://a.example#***"),
        ("u:s3cret@a.example", "***@a.example"),
        ("https://u:s3/cret@a.example", "https://***"),
        ("https://u:s3?cret@a.example", "https://***"),
        ("https://a.example/x?mail=s3cret@b", "https://***"),
        ("s3/cret@a.example", "***"),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@given(st.text("s@/?#:", max_size=8), st.text("s@/?#:", max_size=8))
def test_no_password_and_no_query_is_shown(before: str, after: str) -> None:
    for url in (f"https://u:{before}\0{after}@a.example", f"https://a.example/?{before}\0{after}"):
        assert "\0" not in shown_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hc-ping.com/8f1e", "https://hc-ping.com/***"),
        ("https://hc-ping.com:8000/8f1e/x?create=1#y", "https://hc-ping.com:8000/***"),
        ("https://hc-ping.com?8f1e", "https://hc-ping.com/***"),
        ("https://user:8f1e@hc-ping.com/8f1e", "https://***@hc-ping.com/***"),
        ("https://a/8f1e@hc-ping.com/8f1e", "https://***"),
        ("hc-ping.com/8f1e", "***"),
        ("8f1e", "***"),
    ],
)
def test_a_secret_path_is_not_shown(url: str, shown: str) -> None:
    assert shown_host(url) == shown


@given(st.text())
def test_of_a_secret_url_only_scheme_and_host_are_left(text: str) -> None:
    shown = shown_host(f"https://host/{text}")
    assert shown in ("https://host/***", "https://***")
