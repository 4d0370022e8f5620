"""Reports, questions and refusals name the stores of several installations that are really used."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.commands.command import Command
from tests.support.commands.serving import serving

_NAMES = ("one", "two")
_UNUSED = "https://unused.example/kvs"


@pytest.fixture
def urls(kvsctl: Command) -> Iterator[list[str]]:
    """Yield the URLs of two stores, and have a target `staging` with another URL."""
    config = kvsctl.home / ".config/kvsctl/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[targets.staging]\nurl = "{_UNUSED}"\n', "utf-8")
    with ExitStack() as servers:
        yield [servers.enter_context(serving(kvsctl)) for _ in _NAMES]


def _file(kvsctl: Command, urls: list[str]) -> str:
    lines = ({"installation": name, "url": url} for name, url in zip(_NAMES, urls, strict=True))
    path = kvsctl.home / "inst.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return path.name


@pytest.mark.parametrize("more", [[], ["-n"]])
def test_a_report_names_the_file_that_has_the_urls(
    kvsctl: Command, urls: list[str], more: list[str]
) -> None:
    words = ["set", "-t", "staging", "--installations-file", _file(kvsctl, urls), *more]
    ended = kvsctl(*words, "a=1", status=0, folder=kvsctl.home)
    head, *_ = ended.err.decode().splitlines()
    assert head.endswith("  staging (URLs of inst.jsonl)  2 installations")
    report = kvsctl(*words, "a=1", "--json", status=0, folder=kvsctl.home).report
    assert report["target"] == "staging (URLs of inst.jsonl)"


def test_a_target_without_a_name_is_named_by_the_file(kvsctl: Command, urls: list[str]) -> None:
    words = ["--url", _UNUSED, "--installations-file", _file(kvsctl, urls), "--json"]
    report = kvsctl("set", *words, "a=1", status=0, folder=kvsctl.home).report
    assert report["target"] == "URLs of inst.jsonl"


@pytest.mark.parametrize("named", [["-t", "staging"], ["--url", _UNUSED]])
def test_a_url_that_all_of_them_have_is_named(
    kvsctl: Command, urls: list[str], named: list[str]
) -> None:
    file = _file(kvsctl, [urls[0], urls[0]])
    words = [*named, "--installations-file", file, "a=1", "--json"]
    report = kvsctl("set", *words, status=0, folder=kvsctl.home).report
    assert report["target"] == (f"staging ({urls[0]})" if "-t" in named else urls[0])


def test_a_refusal_names_the_file_and_not_one_of_the_stores(
    kvsctl: Command, urls: list[str]
) -> None:
    words = ["-t", "staging", "--installations-file", _file(kvsctl, urls)]
    kvsctl("set", *words, "a=1", "b=2", status=0, folder=kvsctl.home)
    limited = ["--prefix", "a", "--yes", "--max-delete", "1"]
    ended = kvsctl("delete", *words, *limited, status=2, folder=kvsctl.home)
    said = ended.err.decode()
    assert "in staging (URLs of inst.jsonl). Choose fewer" in said
    assert urls[0] not in said


@pytest.mark.parametrize("more", [[], ["-n"]])
def test_the_emulator_in_kvsctl_has_no_installations(
    kvsctl: Command, urls: list[str], more: list[str]
) -> None:
    words = ["-t", "local", "--installations-file", _file(kvsctl, urls), *more]
    ended = kvsctl("set", *words, "a=1", status=2, folder=kvsctl.home)
    assert b"target local is one store, without installations" in ended.err
    assert kvsctl("list", "-t", "local", status=0).out == b""
