"""`kvsctl installations`, against the emulator as a container's proxy."""

import json
from pathlib import Path

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.raw_server import raw_server
from tests.support.commands.serving import serving

_MANY = [f"i{number:03}" for number in range(250)]


def _in_container(kvsctl: Command, url: str) -> Command:
    return kvsctl.having(FORGE_EGRESS_PROXY_URL=url)


def _serve_words(installations: list[str]) -> list[str]:
    return [word for one in installations for word in ("--installation", one)]


@pytest.mark.parametrize(
    "faults", [(), ("--faults", "seed=3,429=0.2,502-html=0.2,reset-after=0.1,only=installations")]
)
def test_all_pages_are_listed_whatever_fails(kvsctl: Command, faults: tuple[str, ...]) -> None:
    with serving(kvsctl, *_serve_words(_MANY), *faults) as url:
        ended = _in_container(kvsctl, url)("installations", "-t", "container", status=0)
    assert [line["installation"] for line in ended.lines] == _MANY
    assert ended.lines[0].keys() == {"installation", "context", "version"}
    assert ended.err == b""


def test_a_server_for_containers_serves_all_installations(kvsctl: Command) -> None:
    words = ("--accept-proxy-header", "--token", "a=s3cret", *_serve_words(["a", "b"]))
    with serving(kvsctl, *words) as url:
        container = _in_container(kvsctl, url)
        listed = container("installations", "-t", "container", status=0)
        container("set", "-t", "container", "--all-installations", "k=1", status=0)
        read = container("get", "-t", "container", "--all-installations", "k", status=0)
        alone = container("get", "-t", "container", "--installation", "b", "k", status=0)
        bare = kvsctl("get", "--url", url, "k", status=3)
    assert [line["installation"] for line in listed.lines] == ["a", "b"]
    assert sorted(line["installation"] for line in read.lines) == ["a", "b"]
    assert alone.lines == [{"key": "k", "value": 1}]
    assert b"KVSCTL_TOKEN" in bare.err


@pytest.mark.parametrize(
    "words",
    [
        ("installations",),
        ("set", "--all-installations", "k=1"),
        ("set", "--installation", "a", "k=1"),
        ("list", "--installation", "a", "--all"),
        ("ping", "--installation", "a"),
    ],
)
def test_a_proxy_that_refuses_is_not_blamed_on_a_token(
    kvsctl: Command, words: tuple[str, ...]
) -> None:
    with serving(kvsctl, "--token", "s3cret") as url:
        ended = _in_container(kvsctl, url)(*words, "-t", "container", status=3)
    assert b"The proxy of a container takes no token." in ended.err
    assert b"FORGE_EGRESS_PROXY_URL" in ended.err
    assert b"KVSCTL_TOKEN" not in ended.err


def test_a_table_has_a_row_for_each(kvsctl: Command) -> None:
    with serving(kvsctl, "--installation", "a", "--installation", "longer-name") as url:
        ended = _in_container(kvsctl, url)(
            "installations", "-t", "container", "--as", "table", status=0
        )
    header, *rows = ended.out.decode().splitlines()
    assert header.split() == ["INSTALLATION", "VERSION", "CONTEXT"]
    assert [row.split()[0] for row in rows] == ["a", "longer-name"]
    assert {row.index("1.0.0") for row in rows} == {header.index("VERSION")}


def test_a_list_that_cannot_be_read_prints_no_table_and_fails(kvsctl: Command) -> None:
    with serving(kvsctl, "--faults", "503=1,only=installations") as url:
        container = _in_container(kvsctl, url).having(KVSCTL_RETRIES="1")
        ended = container("installations", "-t", "container", "--as", "table", status=4)
    assert ended.out == b""
    assert b"gave up listing installations after 2 attempts" in ended.err


def test_what_it_prints_is_a_file_of_installations(kvsctl: Command, tmp_path: Path) -> None:
    with serving(kvsctl, "--installation", "a", "--installation", "b") as url:
        container = _in_container(kvsctl, url)
        listed = container("installations", "-t", "container", status=0)
        path = tmp_path / "some.jsonl"
        path.write_bytes(listed.out)
        again = container(
            "installations", "-t", "container", "--installations-file", path, status=0
        )
    assert [line["installation"] for line in again.lines] == ["a", "b"]


def test_a_file_shows_no_token(kvsctl: Command, tmp_path: Path) -> None:
    path = tmp_path / "bridges.jsonl"
    line = {"installation": "a", "url": "https://a.example.com", "token_command": "echo s3cret"}
    path.write_text(json.dumps(line), "utf-8")
    ended = kvsctl("installations", "-t", "forge", "--installations-file", path, status=0)
    assert ended.lines == [{"installation": "a", "url": "https://a.example.com"}]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://me:s3cret@a.example.com", b"the URL contains a user name or password"),
        ("https://a.example.com/?token=s3cret", b"the URL contains a query or a fragment"),
        ("http://a.example.com", b"http:// to a.example.com is refused"),
    ],
)
def test_a_url_that_no_command_uses_is_found_and_not_shown(
    kvsctl: Command, tmp_path: Path, url: str, said: bytes
) -> None:
    path = tmp_path / "bridges.jsonl"
    records_file(path, [{"installation": "a"}, {"installation": "b", "url": url}])
    words = ("installations", "-t", "forge", "--installations-file", path)
    ended = kvsctl(*words, status=2)
    assert b"bridges.jsonl:2: url: " + said in ended.err
    assert b"s3cret" not in ended.out + ended.err
    if url.startswith("http:"):
        assert len(kvsctl(*words, "--allow-http", status=0).lines) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-t", "forge"], b"target forge has no list of installations"),
        (["-t", "container"], b"FORGE_EGRESS_PROXY_URL is not set"),
        (["-t", "local"], b"target local has no list of installations"),
    ],
)
def test_a_target_without_installations_is_refused(
    kvsctl: Command, words: list[str], said: bytes
) -> None:
    assert said in kvsctl("installations", *words, status=2).err


def test_ping_works_on_one_store(kvsctl: Command) -> None:
    words = ("-t", "container", "--installation", "a", "--installation", "b")
    ended = _in_container(kvsctl, "http://127.0.0.1:9")("ping", *words, status=2)
    assert b"--installation is given 2 times, and this command works on one store" in ended.err


def test_that_there_are_none_is_said(kvsctl: Command) -> None:
    answer = b'{"installations":[],"pagination":{}}'
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with raw_server(lambda _head, _body: head % len(answer) + answer) as server:
        inside = _in_container(kvsctl, f"http://127.0.0.1:{server.port}")
        listed = inside("installations", "-t", "container", status=0)
    assert (listed.out, listed.err) == (b"", b"kvsctl: there are no installations\n")


def test_a_folder_that_is_missing_is_said_once(kvsctl: Command, tmp_path: Path) -> None:
    with serving(kvsctl, *_serve_words(["a", "b"])) as url:
        words = ("export", "-t", "container", "--all-installations")
        path = tmp_path / "none" / "b-{installation}"
        ended = _in_container(kvsctl, url)(*words, "-o", path, status=2)
    message = f"kvsctl: cannot write to {path}: No such file or directory"
    hint = f"The folder {path.parent} must exist."
    assert [line.decode() for line in ended.err.splitlines()] == [message, hint]
