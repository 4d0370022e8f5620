"""`kvsctl probe`: consent, refusals, signals, and a profile that emulator and client load."""

import json
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands.command import Command, records_file
from tests.support.commands.pseudo_terminal import in_terminal
from tests.support.commands.serving import serving
from tests.support.needs import IS_POSIX, only_on
from tests.support.waiting import wait_until

_WAIT_SECONDS = 30
_QUICK = ("--ask", "missing-keys", "--ask", "ttl-less-set")
posix_only = only_on(IS_POSIX, "terminals and signals of POSIX")


def _stored(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_emulator/stats") as answer:
        stats = json.load(answer)
    return sum(sum(spaces.values()) for spaces in stats["records"].values())


def _probed(kvsctl: Command, *words: str | Path, status: int = 0) -> dict[str, Any]:
    (document,) = kvsctl("probe", "--json", "-y", *words, status=status).lines
    assert document["exit_code"] == status
    return dict(document)


def test_what_is_found_is_printed_and_nothing_is_left(kvsctl: Command) -> None:
    with serving(kvsctl, "--missing-keys", "left-out", "--ttl-less-set", "keeps-expiry") as url:
        done = kvsctl("probe", "--url", url, "-y", *_QUICK, status=0)
        found = _probed(kvsctl, "--url", url, *_QUICK)
        assert _stored(url) == 0
    assert done.out == (
        b"missing-keys  left-out      in neither list\n"
        b"ttl-less-set  keeps-expiry  the record expires when it would have\n"
    )
    assert done.err == b""
    assert found["answers"] == {"missing-keys": "left-out", "ttl-less-set": "keeps-expiry"}
    assert (found["unanswered"], found["unasked"], found["left"]) == ([], [], [])


def test_a_profile_makes_an_emulator_that_is_found_to_be_the_same(
    kvsctl: Command, tmp_path: Path
) -> None:
    path = tmp_path / "profile.json"
    words = [
        *("--bad-record", "refuses-batch", "--expiry", "strict", "--normalise"),
        *("--query-metadata", "stale", "--payload-limit", "1048576", "--payload-status", "400"),
    ]
    with serving(kvsctl, *words) as url:
        first = _probed(kvsctl, "--url", url, "-o", path)
    with serving(kvsctl, "--profile", path) as url:
        second = _probed(kvsctl, "--url", url)
    assert first["answers"] == second["answers"]
    assert first["limits"] == second["limits"] == {"batch_bytes": 1_048_576}
    saved = json.loads(path.read_text())
    assert (saved["profile"], saved["answers"]) == (1, first["answers"])


def test_a_client_keeps_to_the_size_in_a_profile(kvsctl: Command, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    config = tmp_path / "config.toml"
    records = [{"key": f"k{number}", "value": "x" * 100_000} for number in range(20)]
    lines = records_file(tmp_path / "records.jsonl", records)
    profile.write_text(json.dumps({"profile": 1, "limits": {"batch_bytes": 1_000_000}}))
    with serving(kvsctl, "--payload-limit", "1000000") as url:
        config.write_text(f'[targets.small]\nurl = "{url}"\nprofile = "{profile}"\n')
        mine = kvsctl.having(KVSCTL_CONFIG=str(config))
        done = mine("set", "-t", "small", "-f", lines, "--json", status=0)
        assert (done.report["requests"], done.report["retries"]) == (3, 0)
        words = ("set", "--url", url, "-f", lines, "--json", "--limits", profile)
        by_limits = kvsctl(*words, status=0)
        assert (by_limits.report["requests"], by_limits.report["retries"]) == (3, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", b"is not a profile"),
        ('{"profile": 2}', b"a format that this version does not know"),
        ('{"profile": 1, "limits": {"batch_bytes": 0}}', b"positive whole number"),
        ("not json", b"is not JSON"),
    ],
)
def test_a_profile_that_cannot_be_used_is_2(
    kvsctl: Command, tmp_path: Path, text: str, said: bytes
) -> None:
    profile, config = tmp_path / "profile.json", tmp_path / "config.toml"
    profile.write_text(text)
    config.write_text(f'[targets.x]\nurl = "http://127.0.0.1:1"\nprofile = "{profile}"\n')
    done = kvsctl.having(KVSCTL_CONFIG=str(config))("set", "-t", "x", "a=1", status=2)
    assert said in done.err


class TestConsent:
    def test_without_a_terminal_nothing_is_sent(self, kvsctl: Command) -> None:
        done = kvsctl("probe", "-t", "local", status=2)
        assert b"cannot ask, because this is not a terminal: nothing was sent" in done.err
        assert not kvsctl.database.exists()

    @posix_only
    def test_on_a_terminal_the_cost_is_said_first(self, kvsctl: Command) -> None:
        with serving(kvsctl) as url:
            screen = in_terminal(kvsctl, "probe", "--url", url, typed=b"n\n")
            assert screen.status == 2
            assert f"About to write 32 records in {url}" in screen.text
            assert "Their keys begin with kvsctl-probe:" in screen.text
            assert "It costs at most 463 write and 126 read units" in screen.text
            assert "not confirmed: nothing was sent" in screen.text
            assert _stored(url) == 0

    @posix_only
    def test_on_a_terminal_yes_is_enough(self, kvsctl: Command) -> None:
        screen = in_terminal(kvsctl, "probe", "-t", "local", *_QUICK, typed=b"y\n")
        assert screen.status == 0
        assert "ttl-less-set  clears-expiry" in screen.text

    def test_a_dry_run_sends_nothing_and_needs_no_consent(self, kvsctl: Command) -> None:
        words = ["probe", "--url", "http://127.0.0.1:1", "-n", "--prefix", "mine:"]
        done = kvsctl(*words, status=0)
        assert b"would write at most 32 records" in done.err
        assert b"keys begin with mine:" in done.err


class TestRefusals:
    def test_a_read_only_target(self, kvsctl: Command) -> None:
        done = kvsctl.having(KVSCTL_READ_ONLY="1")("probe", "-t", "local", "-y", status=2)
        assert b"target local is read-only: nothing was sent" in done.err

    def test_a_protected_target(self, kvsctl: Command, tmp_path: Path) -> None:
        config = tmp_path / "config.toml"
        with serving(kvsctl) as url:
            config.write_text(f'[targets.prod]\nurl = "{url}"\nprotected = true\n')
            mine = kvsctl.having(KVSCTL_CONFIG=str(config))
            words = ["probe", "-t", "prod", "-y", *_QUICK]
            assert b"target prod is protected: nothing was sent" in mine(*words, status=2).err
            assert b"the target is prod" in mine(*words, "--confirm", "x", status=2).err
            mine(*words, "--confirm", "prod", status=0)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--ask", "nothing"], b'unknown question "nothing"'),
            (["--ask", "quota"], b"uses up the quota"),
            (["--prefix", ""], b"--prefix: keys cannot begin with it"),
            (["--prefix", "a/"], b"--prefix: keys cannot begin with it"),
            (["--prefix", "x" * 480], b"--prefix: keys cannot begin with it"),
            (["-o", "-"], b"--output -: not a file name"),
            (["-o", "no/such/profile.json"], b"is not a directory"),
        ],
    )
    def test_options_that_cannot_be_used(
        self, kvsctl: Command, words: list[str], said: bytes
    ) -> None:
        done = kvsctl("probe", "-t", "local", "-y", *words, status=2)
        assert said in done.err
        assert not kvsctl.database.exists()

    def test_another_file_is_not_replaced(self, kvsctl: Command, tmp_path: Path) -> None:
        mine = tmp_path / "mine.json"
        mine.write_text('{"a": 1}')
        done = kvsctl("probe", "-t", "local", "-y", "-o", mine, status=2)
        assert b"not an earlier profile" in done.err
        assert mine.read_text() == '{"a": 1}'
        mine.write_text('{"profile": 1}')
        kvsctl("probe", "-t", "local", "-y", *_QUICK, "-o", mine, status=0)
        assert "missing-keys" in json.loads(mine.read_text())["answers"]


class TestEnds:
    def test_refused_credentials_are_3(self, kvsctl: Command) -> None:
        with serving(kvsctl, "--token", "right") as url:
            wrong = kvsctl.having(KVSCTL_TOKEN="n0t-right")
            found = _probed(wrong, "--url", url, status=3)
        assert found["error"].startswith("the target refused the credentials")
        assert found["unasked"][0] == "missing-keys"

    def test_a_question_without_answer_is_1(self, kvsctl: Command) -> None:
        words = ["--ask", "payload"]
        with serving(kvsctl, "--payload-limit", "500000") as url:
            done = kvsctl("probe", "--url", url, "-y", *words, status=1)
        assert done.out.startswith(b"payload  unknown  4,300,000 bytes: 413 PAYLOAD_TOO_LARGE; ")

    def test_what_is_left_is_named(self, kvsctl: Command) -> None:
        """Deletes are refused, so that everything stays."""
        with serving(kvsctl, "--faults", "refuse=mine:NOT_TODAY,only=batch/delete") as url:
            words = ["--url", url, "--prefix", "mine:", "--ask", "ttl-less-set"]
            found = _probed(kvsctl, *words, status=1)
            done = kvsctl("probe", "-y", *words, status=1)
            assert _stored(url) == 1
        assert found["left"] == [{"key": "mine:ttl"}]
        assert (
            b"could not remove 1 scratch record, or not confirm the removal: mine:ttl" in done.err
        )

    @posix_only
    @pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_a_signal_cleans_up(self, kvsctl: Command, number: signal.Signals, status: int) -> None:
        with serving(kvsctl, "--query-lag", "300") as url:
            words = ["probe", "--url", url, "-y", "--ask", "queries"]
            process = kvsctl.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            wait_until(lambda: _stored(url) > 0)
            process.send_signal(number)
            out, err = process.communicate(timeout=_WAIT_SECONDS)
            assert process.returncode == status, err
            assert _stored(url) == 0
        assert b"could not remove" not in err
        assert out == b"queries  not asked\n"
