"""Selectors that contradict each other are refused; those that merely choose nothing are not."""

import pytest

from tests.support.commands.command import Command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--expired", "--no-expiry"], "--expired and --no-expiry exclude each other: without"),
        (["a/b"], 'the prefix "a/b": no key has "/"'),
        (["user:[1]"], 'the prefix "user:[1]": no key has "["'),
        (["é"], 'the prefix "\\u00e9": no key has "\\u00e9"'),
        (["a" * 501], "no key has more than 500 characters"),
        (["--match", "user/*"], '--match "user/*": no key has "/"'),
        (["--match", "ok*", "--match", "[/]"], '--match "[/]": no key has "[/]"'),
        (["--exclude", "user/*"], '--exclude "user/*": no key has "/"'),
        (["--regex", "^user/"], '--regex "^user/": no key has "/"'),
        (["user:", "--match", "job:*"], "the prefix and --match exclude each other: no key begins"),
        (["--match", "a*", "--regex", "^b"], "--match and --regex exclude each other"),
        (["--match", "a*", "--exclude", "a*"], '--match "a*" and --exclude "a*" exclude each'),
        (["a:", "--exclude", "a*"], '--exclude "a*" leaves out every key that is chosen'),
        (["--exclude", "*"], '--exclude "*" leaves out every key that is chosen'),
        (
            ["--older-than", "30d", "--newer-than", "7d"],
            '--older-than "30d" and --newer-than "7d" exclude each other: no record is both',
        ),
        (["--older-than", "1d", "--newer-than", "1d"], "exclude each other: no record is both"),
        (["--older-than", "1900-01-01"], '--older-than "1900-01-01": no record is older than'),
        (["--older-than", "9999999w"], "no record is older than 1970"),
        (["--newer-than", "2999-01-01"], '--newer-than "2999-01-01": this is in the future'),
        (["--older-than", "1y"], '--older-than "1y": neither an age nor a time'),
        (["--newer-than", ""], '--newer-than "": neither an age nor a time'),
        (["--by", "created"], "--by created needs an age"),
        (
            ["--entity", "pet", "--index", "by-age", "--range", "9..1"],
            '--range "9..1": no value is in it',
        ),
    ],
)
def test_what_no_record_can_meet_is_refused(
    kvsctl: Command, words: list[str], message: str
) -> None:
    refused = kvsctl("list", "-t", "local", *words, status=2)
    assert message in refused.err.decode()
    assert refused.out == b""


@pytest.mark.parametrize(
    "command", [["export"], ["du"], ["diff", "--from", "http://127.0.0.1:9/"]], ids=" ".join
)
def test_every_command_that_lists_refuses_it(kvsctl: Command, command: list[str]) -> None:
    refused = kvsctl(*command, "-t", "local", "--match", "a/*", status=2)
    assert b'--match "a/*": no key has "/"' in refused.err
    refused = kvsctl(*command, "-t", "local", "--prefix", "a/", status=2)
    assert b'the prefix "a/": no key has "/"' in refused.err


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["--expired"],
        ["--match", "x*", "--exclude", "x1*"],
        ["--older-than", "7d", "--newer-than", "30d"],
        ["--older-than", "2999-01-01", "--by", "created"],
        ["--newer-than", "0s"],
        ["--age-from", "value.born", "--older-than", "1950-01-01"],
        ["--age-from", "value.due", "--newer-than", "2999-01-01"],
        ["--larger-than", "1G"],
        ["--regex", "$^"],
        ["user:", "--match", "us*"],
        ["--all", "--no-expiry"],
    ],
)
def test_what_merely_chooses_nothing_is_not_refused(kvsctl: Command, words: list[str]) -> None:
    kvsctl("set", "-t", "local", "a=1", status=0)
    kvsctl("list", "-t", "local", *words, status=0)


def test_expired_records_are_not_chosen_by_what_skips_them(kvsctl: Command) -> None:
    sides = ["--from", "local", "--url", "http://127.0.0.1:9/", "--all"]
    for command in (
        ["export", "-t", "local", "--skip-expired"],
        ["diff", *sides],
        ["sync", *sides],
    ):
        refused = kvsctl(*command, "--expired", status=2)
        assert b"--expired chooses nothing here: expired records are skipped" in refused.err
    refused = kvsctl("sync", *sides, "--prefix", "a", status=2)
    assert b"--all and a prefix exclude each other" in refused.err
