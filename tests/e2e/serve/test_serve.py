"""`kvsctl serve` as a server of its own, and kvsctl as its client."""

import json
import re
import signal
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from kvsctl.cli.commands.tools.serve import _emulator_options
from kvsctl.cli.options.serve import OpenOptions, QuotaFlags, ServingOptions
from kvsctl.errors import UsageError
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving, serving_process

_WAIT_SECONDS = 30


def test_it_serves_keeps_and_stops(kvsctl: Command, tmp_path: Path) -> None:
    db = tmp_path / "kept.db"
    with serving_process(kvsctl, "--db", db) as url:
        kvsctl("set", "--url", url, "k=1", status=0)
    with serving_process(kvsctl, "--db", db) as url:
        assert kvsctl("get", "--url", url, "k", "--values", status=0).out == b"1\n"
    assert db.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "who", "where", "page"),
    [
        (
            [],
            "any caller, no token needed",
            "in memory only: they are gone when it stops",
            "on this machine to look into the store",
        ),
        (
            ["--db", "a\x1b.db", "--token", "t"],
            "callers with a token",
            "kept in {}/a\\x1b.db, a new file\n",
            "on this machine to look into the store: it asks for a token",
        ),
        (
            ["--accept-proxy-header", "--token", "t", "--admin-token", "a"],
            "callers with a forge-proxy-authorization header or a token",
            "in memory only",
            "to look into the store: it asks for the admin token",
        ),
    ],
)
def test_it_says_what_it_serves_where_it_keeps_it_what_a_browser_shows_and_how_to_stop_it(
    kvsctl: Command, words: list[str], who: str, where: str, page: str
) -> None:
    process = kvsctl.start(
        "serve", "--port", "0", *words,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=kvsctl.home,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline()
        lines = [process.stderr.readline().decode() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        rest, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert re.fullmatch(rb"http://127\.0\.0\.1:\d+\n", url), "stdout has the URL alone"
    assert (rest, complaint, process.returncode) == (b"", b"", 130)
    assert lines[0] == f"kvsctl: serving the emulator of a Forge key-value store to {who}\n"
    assert lines[1].startswith(f"kvsctl: records are {where.format(kvsctl.home)}")
    assert lines[2] == f"kvsctl: open the URL in a browser {page}\n"
    assert lines[3] == "kvsctl: Ctrl-C stops it\n"


def test_it_stops_at_the_end_of_standard_input_if_asked(kvsctl: Command, tmp_path: Path) -> None:
    db = tmp_path / "kept.db"
    process = kvsctl.start(
        "serve", "--port", "0", "--db", db, "--stop-at-eof",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        process.stdin.write(b"ignored\n")
        process.stdin.flush()
        kvsctl("set", "--url", url, "k=1", status=0)
        _, complaint = process.communicate(timeout=_WAIT_SECONDS)
    assert process.returncode == 0
    assert b"Traceback" not in complaint
    assert [*tmp_path.glob("kept.db*")] == [db], "the database is closed"


def test_seeds_tokens_and_installations(kvsctl: Command, tmp_path: Path) -> None:
    seed = records_file(tmp_path / "seed.jsonl", [{"key": "k", "value": "seeded"}])
    with serving(kvsctl, "--seed", seed, "--token", "default=one", "--token", "two") as url:
        at_one = kvsctl.having(KVSCTL_TOKEN="one", KVSCTL_URL=url)
        assert at_one("get", "k", "--raw", status=0).out == b"seeded\n"
        kvsctl.having(KVSCTL_TOKEN="two", KVSCTL_URL=url)("get", "k", status=1)
        kvsctl.having(KVSCTL_TOKEN="three", KVSCTL_URL=url)("get", "k", status=3)


@pytest.mark.slow
def test_faults_are_got_through_and_the_report_says_so(kvsctl: Command, tmp_path: Path) -> None:
    source = records_file(tmp_path / "in", [{"key": f"k{n}", "value": n} for n in range(300)])
    faults = "seed=3,429=0.1,500=0.05,reset-before=0.05,reset-after=0.05,cut=0.05,leave-out=0.02"
    with serving(kvsctl, "--faults", faults) as url:
        ended = kvsctl(
            "set", "-f", source, "--format", "jsonl", "--url", url, "--json",
            "--retries", "50", status=0,
        )  # fmt: skip
        assert ended.report["succeeded"] == 300
        assert ended.report["retries"] > 0
        assert ended.report["throttled"] > 0
        keys = b"".join(b"k%d\n" % n for n in range(300))
        got = kvsctl("get", "--url", url, "--values", "--retries", "50", stdin=keys, status=0)
    assert got.out == b"".join(b"%d\n" % n for n in range(300))


@pytest.mark.parametrize(
    "choice", [["--missing-keys", "left-out"], ["--bad-record", "refuses-batch"]]
)
def test_the_client_copes_with_open_points(kvsctl: Command, choice: list[str]) -> None:
    with serving(kvsctl, *choice, "--faults", "refuse=poison:INVALID_KEY") as url:
        pairs = [f"good{n}={n}" for n in range(20)]
        report = kvsctl("set", "--url", url, "--json", *pairs, "poison=1", status=1).report
        assert (report["succeeded"], report["failed"]) == (20, 1)
        assert report["failures"][0]["key"] == "poison"
        missing = kvsctl("get", "--url", url, "--json", "good1", "gone", status=1).report
        assert [f["code"] for f in missing["failures"]] == ["KEY_NOT_FOUND"]


def test_quotas_throttle_and_are_waited_for(kvsctl: Command) -> None:
    quota = ("--write-units", "3", "--minute", "0.2", "--window", "sliding")
    with serving(kvsctl, *quota) as url:
        pairs = [f"k{n}={n}" for n in range(10)]
        report = kvsctl("set", "--url", url, "--json", "--batch-size", "1", *pairs, status=0).report
    assert report["throttled"] > 0
    assert report["units"] == {"read": 0, "write": 10}


def test_openapi_and_the_host_header(kvsctl: Command) -> None:
    with serving(kvsctl) as url:
        with urlopen(f"{url}/openapi.json", timeout=_WAIT_SECONDS) as answer:
            assert "/v1/batch/set" in json.load(answer)["paths"]
        rebound = Request(f"{url}/openapi.json", headers={"host": "evil.example"})
        with pytest.raises(HTTPError) as refused:
            urlopen(rebound, timeout=_WAIT_SECONDS)
        with refused.value:
            assert refused.value.code >= 400


def test_another_container_reaches_it_by_name_with_its_own_header(kvsctl: Command) -> None:
    words = ("--host", "0.0.0.0", "--accept-proxy-header", "--host-name", "kvs")
    with serving(kvsctl, *words, "--admin-token", "admin") as url:
        port = url.rpartition(":")[2]

        def status(path: str, headers: dict[str, str], body: bytes | None) -> int:
            named = {"host": f"kvs:{port}"} | headers
            request = Request(f"http://127.0.0.1:{port}{path}", body, named)
            try:
                with urlopen(request, timeout=_WAIT_SECONDS) as answer:
                    return int(answer.status)
            except HTTPError as refused:
                with refused:
                    return refused.code

        app = {"forge-proxy-authorization": "Forge as=app,installationId=i"}
        admin = {"authorization": "Bearer admin"}
        path = "/forge/storage/kvs/v1/set"
        assert status(path, app, b'{"key":"k","value":1}') == 204
        assert status(path, {}, b'{"key":"k","value":1}') == 401
        assert status(path, admin, b'{"key":"k","value":1}') == 401
        assert status(path, app | {"host": "evil.example"}, b"{}") == 403
        assert status("/_emulator/stats", app, None) == 401
        assert status("/_emulator/stats", admin, None) == 200
        assert status("/health", {}, None) == 200
        at_port = kvsctl.having(FORGE_EGRESS_PROXY_URL=f"http://127.0.0.1:{port}")
        ended = at_port("get", "-t", "container", "--installation", "i", "k", "--values", status=0)
        assert ended.out == b"1\n"


def test_a_store_that_is_new_is_called_so(kvsctl: Command, tmp_path: Path) -> None:
    for said in ("x.db, a new file\n", "x.db\n"):
        process = kvsctl.start(
            "serve", "--port", "0", "--db", tmp_path / "x.db",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline()
            lines = [process.stderr.readline().decode() for _ in range(4)]
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=_WAIT_SECONDS)
        assert lines[1].endswith(said), lines


def test_a_folder_that_does_not_exist_is_not_made(kvsctl: Command, tmp_path: Path) -> None:
    missing = tmp_path / "nonexist"
    ended = kvsctl("serve", "--port", "0", "--db", missing / "x.db", status=2)
    assert f"--db {missing / 'x.db'}: {missing} is not a folder" in ended.err.decode()
    assert ended.out == b""
    assert not missing.exists()


def test_what_cannot_be_served_is_said(kvsctl: Command, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("app: [")
    for words in (
        ["--host", "0.0.0.0"],
        ["--port", "99999"],
        ["--manifest", str(broken)],
        ["--seed", str(tmp_path / "missing")],
        ["--faults", "429=2"],
        ["--token", ""],
        ["--admin-token", " "],
        ["--minute", "0"],
        ["--minute", "soon"],
        ["--query-lag", "-1"],
        ["--db", str(tmp_path)],
        ["--import", str(tmp_path / "missing")],
        ["--export-on-exit", str(tmp_path / "missing" / "file")],
        ["--db", str(tmp_path / "kvs.db"), "--export-on-exit", str(tmp_path / "kvs.db")],
    ):
        ended = kvsctl("serve", *words, status=2)
        assert ended.err
        assert ended.out == b""
    assert b"--db: empty file name" in kvsctl("serve", "--db", "", status=2).err
    for words in (["--token", "é"], ["--token", "i=a\tb"], ["--admin-token", "é"]):
        shown = kvsctl("serve", "--port", "0", *words, status=2).err.decode()
        assert f"{words[0]}: the token has other characters than visible ASCII" in shown
    words = ["--token", "a=s3cret", "--token", "b=s3cret"]
    shown = kvsctl("serve", "--port", "0", *words, status=2).err.decode()
    assert "--token: a and b have the same token" in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "option", ["--host", "--host-name", "--installation", "--refuse-batch-for", "--faults"]
)
@pytest.mark.parametrize("given", ["", " "])
def test_a_value_that_an_unset_variable_left_empty_is_refused(
    kvsctl: Command, option: str, given: str
) -> None:
    words = ["--token", "s3cret", option, given]
    # A server that starts ends at once: standard input has ended.
    ended = kvsctl("serve", "--port", "0", "--stop-at-eof", *words, status=2)
    assert ended.err.decode() == (
        f"kvsctl: {option} is empty\nGive a value, or remove the option.\n"
    )
    assert ended.out == b""


def test_one_empty_value_among_several_is_refused(kvsctl: Command) -> None:
    words = ["--installation", "acme", "--installation", ""]
    ended = kvsctl("serve", "--port", "0", "--stop-at-eof", *words, status=2)
    assert b"--installation is empty" in ended.err


def test_each_option_reaches_the_emulator() -> None:
    options = _emulator_options(
        ServingOptions(
            token=["ari:cloud::x=secret"], installation=["i"], accept_proxy_header=True,
            admin_token="admin",
        ),
        OpenOptions(
            bad_record="refuses-batch", missing_keys="left-out", payload_status="400",
            ttl_less_set="keeps-expiry", expiry="strict", normalise=True, query_lag="1.5s",
            query_metadata="stale", delete_cost="free", kb="1024",
        ),
        QuotaFlags(read_units=7, window="bucket", announce="reset", faults="500=0.5"),
    )  # fmt: skip
    assert [(t.secret, t.installation) for t in options.tokens] == [
        ("secret", "ari:cloud::x"),
    ]
    assert (options.bad_record, options.missing_keys) == ("refuses-batch", "left-out")
    assert (options.payload_status, options.ttl_less_set) == (400, "keeps-expiry")
    assert (options.expiry, options.normalise, options.query_lag_seconds) == ("strict", True, 1.5)
    assert (options.query_metadata, options.delete_cost) == ("stale", "free")
    assert options.limits.unit_bytes == 10_240
    assert options.installations == ("i",)
    assert (options.accepts_proxy_header, options.admin_token) == (True, "admin")
    assert options.quota is not None
    assert options.faults is not None
    assert (options.quota.read_units_per_minute, options.quota.write_units_per_minute) == (7, 4000)
    assert (options.quota.window, options.quota.announces) == ("bucket", "reset")
    assert options.faults.rates == {"500": 0.5}


def test_quotas_and_faults_are_off_by_default() -> None:
    options = _emulator_options(ServingOptions(), OpenOptions(), QuotaFlags())
    assert (options.quota, options.faults, options.tokens) == (None, None, ())
    assert _emulator_options(ServingOptions(), OpenOptions(), QuotaFlags(quotas=True)).quota
    with pytest.raises(UsageError):
        _emulator_options(ServingOptions(), OpenOptions(), QuotaFlags(minute="0.0"))


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--manifest", "manifest.yml", "[" * 50_000),
        ("--manifest", "manifest.yml", "app: {storage: {entities: [{name: abc, attributes: 5}]}}"),
        (
            "--manifest",
            "manifest.yml",
            "app: {storage: {entities: [{name: abc, attributes: {}, indexes: 5}]}}",
        ),
        ("--faults", "faults.json", "[]"),
        ("--faults", "faults.json", "[" * 100_000),
        ("--faults", "faults.toml", "a = " + "[" * 100_000),
        ("--seed", "seed.jsonl", "[" * 100_000),
    ],
)
def test_an_unusable_option_file_is_a_usage_error(
    kvsctl: Command, tmp_path: Path, option: str, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    ended = kvsctl("serve", "--port", "0", option, path, status=2)
    assert len(ended.err) < 500
    assert b"Traceback" not in ended.err
