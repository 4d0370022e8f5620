"""kvsctl through the bridge: the vendor's client, behind a gateway, in front of `kvsctl serve`."""

import gzip
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from kvsctl.journal.file import read_journal
from tests.bridge.apps import INSTALLATION, READ_TOKEN, TOKEN, gateway
from tests.support.commands.command import Command, records_file
from tests.support.commands.serving import serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
_CITIES: Final = Path(__file__).parents[2] / "examples" / "cities.jsonl"
_COUNT: Final = 3043
Bridge = Callable[..., str]


def configured(kvsctl: Command, url: str, token: str = TOKEN, **settings: str) -> None:
    """Make the target `app` of a URL."""
    token_file = kvsctl.home / "token"
    token_file.write_text(token, "utf-8")
    section = {"kind": "bridge", "url": url, "token_file": str(token_file), **settings}
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in section.items()]
    config = kvsctl.home / ".config/kvsctl/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[targets.app]\n" + "".join(lines), "utf-8")


@pytest.fixture
def bridged(kvsctl: Command, app: Path) -> Iterator[Bridge]:
    """Return a function that makes the target `app`, and returns the URL of its service."""
    with ExitStack() as stack:

        def make(*words: str, **settings: str) -> str:
            service = stack.enter_context(serving(kvsctl, *words))
            configured(kvsctl, stack.enter_context(gateway(app, service, **settings)))
            return service

        yield make


def stored(kvsctl: Command, service: str) -> dict[str, Any]:
    lines = kvsctl("export", "--url", service, status=0).lines
    return {one["key"]: one["value"] for one in lines}


def values_of(path: Path) -> dict[str, Any]:
    return {one["key"]: one["value"] for one in map(json.loads, path.read_bytes().splitlines())}


def test_records_are_set_read_listed_exported_and_deleted(
    kvsctl: Command, bridged: Bridge, tmp_path: Path
) -> None:
    service = bridged("--normalise")
    report = kvsctl("set", "-t", "app", "-f", _CITIES, "--json", status=0).report
    assert (report["records"], report["succeeded"]) == (_COUNT, _COUNT)
    cities = values_of(_CITIES)
    assert stored(kvsctl, service) == cities
    read = kvsctl("get", "-t", "app", "-f", _CITIES, status=0).lines
    assert {one["key"]: one["value"] for one in read} == cities
    assert len(kvsctl("list", "-t", "app", status=0).out.splitlines()) == _COUNT
    backup = tmp_path / "backup.jsonl.gz"
    kvsctl("export", "-t", "app", "-o", backup, status=0)
    lines = gzip.decompress(backup.read_bytes()).splitlines()
    assert {one["key"]: one["value"] for one in map(json.loads, lines)} == cities
    kvsctl("delete", "-t", "app", "--prefix", "city:", "--yes", status=0)
    assert stored(kvsctl, service) == {k: v for k, v in cities.items() if k[:5] != "city:"}


def test_the_manifest_of_an_export_says_that_it_came_through_a_bridge(
    kvsctl: Command, bridged: Bridge, tmp_path: Path
) -> None:
    service = bridged()
    kvsctl("set", "--url", service, "a=1", status=0)
    for words, is_bridged in ((["-t", "app"], True), (["--url", service], False)):
        export = tmp_path / f"{is_bridged}.jsonl"
        kvsctl("export", *words, "-o", export, status=0)
        manifest = json.loads((tmp_path / f"{export.name}.manifest.json").read_bytes())
        assert manifest.get("bridge", False) is is_bridged
        assert (b"through" in kvsctl("verify", export, status=0).out) is is_bridged
        assert json.loads(kvsctl("verify", export, "--json").out)["bridge"] is is_bridged
        kvsctl("set", "--url", service, "-f", export, status=0)


def test_ttl_metadata_and_key_policy_pass(kvsctl: Command, bridged: Bridge) -> None:
    bridged()
    kvsctl("set", "-t", "app", "a=1", "--ttl", "1h", status=0)
    [line] = kvsctl("get", "-t", "app", "a", "--metadata", status=0).lines
    assert {"createdAt", "updatedAt", "expireTime"} <= line.keys()
    report = kvsctl("set", "-t", "app", "--if-absent=exact", "a=2", "b=3", "--json").report
    assert (report["succeeded"], report["skipped_by"]) == (1, {"exists": 1})
    kvsctl("set", "-t", "app", "a=2", "--changed-only", "--verify", status=0)
    kvsctl("expire", "-t", "app", "--all", "--no-expiry", "--ttl", "2h", "--yes", status=0)
    lines = kvsctl("get", "-t", "app", "a", "b", "--metadata", "expires", status=0).lines
    assert all("expireTime" in one for one in lines)


def test_failures_of_the_service_keep_their_codes_and_trace_ids(
    kvsctl: Command, bridged: Bridge
) -> None:
    bridged("--faults", "refuse=bad:INVALID_KEY")
    ended = kvsctl("set", "-t", "app", "bad1=1", "good=1", "--json", status=1)
    [failure] = ended.report["failures"]
    assert (failure["key"], failure["code"]) == ("bad1", "INVALID_KEY")
    ended = kvsctl("set", "-t", "app", "e=1", "--entity", "nobody", "--no-checks", "--json")
    [failure] = ended.report["failures"]
    assert failure["code"] in ("SCHEMA_NOT_FOUND", "INVALID_ENTITY_VALUE")


@pytest.mark.parametrize(
    "faults",
    [
        "seed=3,429=0.2",
        "seed=4,429=0.1,500=0.05,503-after=0.05,502-html=0.05,reset-before=0.05,reset-after=0.05",
        "seed=5,cut=0.1,leave-out=0.02,latency-ms=1..20",
        "payload-limit=20000",
    ],
)
def test_faults_of_the_service_lose_nothing(kvsctl: Command, bridged: Bridge, faults: str) -> None:
    service = bridged("--normalise", "--faults", faults)
    report = kvsctl("set", "-t", "app", "-f", _CITIES, "--json", status=0).report
    assert report["succeeded"] == _COUNT
    assert report["retries"] > 0 or "payload" in faults
    assert stored(kvsctl, service) == values_of(_CITIES)


def test_a_gateway_that_refuses_invocations_is_waited_for(kvsctl: Command, bridged: Bridge) -> None:
    service = bridged(GATEWAY_CALLS="20", GATEWAY_REFUSED="15")
    report = kvsctl("set", "-t", "app", "-f", _CITIES, "--json", status=0).report
    assert report["throttled"] > 0
    assert stored(kvsctl, service) == values_of(_CITIES)


def test_a_gateway_that_says_when_to_retry_is_waited_for_as_long(
    kvsctl: Command, bridged: Bridge
) -> None:
    bridged(GATEWAY_CALLS="0", GATEWAY_REFUSED="1", GATEWAY_RETRY_AFTER="2")
    report = kvsctl("set", "-t", "app", "a=1", "--json", status=0).report
    assert (report["succeeded"], report["throttled"]) == (1, 1)
    assert report["elapsed_s"] >= 2


def test_the_gateways_limit_of_a_body_is_learnt(
    kvsctl: Command, bridged: Bridge, tmp_path: Path
) -> None:
    service = bridged(GATEWAY_BYTES="300000")
    records = [{"key": f"k{n}", "value": "x" * 50_000} for n in range(60)]
    source = records_file(tmp_path / "large.jsonl", records)
    report = kvsctl("set", "-t", "app", "-f", source, "--json", status=0).report
    assert report["succeeded"] == 60
    assert stored(kvsctl, service).keys() == {one["key"] for one in records}
    kvsctl("get", "-t", "app", "-f", source, "--batch-size", "5", status=0)


def test_a_slow_call_ends_with_the_gateways_time(kvsctl: Command, bridged: Bridge) -> None:
    bridged("--faults", "latency-ms=400", GATEWAY_SECONDS="0.1")
    ended = kvsctl("get", "-t", "app", "a", "--retries", "1", "--json", status=1)
    assert ended.report["failures"][0]["code"] == "HTTP_504"


@pytest.mark.parametrize("verb", ["set", "delete"])
def test_a_run_that_was_killed_is_resumed(
    kvsctl: Command, bridged: Bridge, tmp_path: Path, verb: str
) -> None:
    service = bridged("--normalise", "--faults", "latency-ms=5")
    if verb == "delete":
        kvsctl("set", "--url", service, "-f", _CITIES, status=0)
    journal = tmp_path / "journal"
    words = [verb, "-t", "app", "-f", str(_CITIES), "-c", "2", "--journal", str(journal)]
    often = "import kvsctl.journal.writer as writer; writer.GROUP_SECONDS = 0.1"
    with kvsctl.start(*words, prelude=often, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: journal.exists() and read_journal(journal).state.groups > 1)
        process.send_signal(signal.SIGKILL)
    report = kvsctl(*words, "--json", status=0).report
    assert (report["records"], report["succeeded"]) == (_COUNT, _COUNT)
    assert stored(kvsctl, service) == (values_of(_CITIES) if verb == "set" else {})


def test_a_gateway_that_is_killed_and_comes_back_is_reached_again(
    kvsctl: Command, app: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    words = ["set", "-t", "app", "-f", str(_CITIES), "-c", "2", "--journal", str(journal)]
    often = "import kvsctl.journal.writer as writer; writer.GROUP_SECONDS = 0.1"
    slow = ("--normalise", "--faults", "latency-ms=5")
    with serving(kvsctl, *slow) as service, ExitStack() as stack:
        with gateway(app, service) as url:
            configured(kvsctl, url)
            patient = [*words, "--give-up-after", "1000", "--retries", "100"]
            process = stack.enter_context(kvsctl.start(*patient, prelude=often))
            wait_until(lambda: journal.exists() and read_journal(journal).state.groups > 1)
        port = url.split("/")[2].partition(":")[2]
        with gateway(app, service, GATEWAY_PORT=port):
            assert process.wait(60) == 0
        assert stored(kvsctl, service) == values_of(_CITIES)


def test_a_wrong_token_ends_the_run(kvsctl: Command, bridged: Bridge) -> None:
    bridged()
    url = (kvsctl.home / ".config/kvsctl/config.toml").read_text("utf-8").split('"')[3]
    configured(kvsctl, url, "w" * 40)
    ended = kvsctl("set", "-t", "app", "a=1", status=3)
    assert b"w" * 40 not in ended.err
    configured(kvsctl, url, READ_TOKEN)
    ended = kvsctl("set", "-t", "app", "a=1", status=3)
    assert b"READ_ONLY_TOKEN" in ended.err or b"only reads" in ended.err
    kvsctl("list", "-t", "app", status=0)
    kvsctl("get", "-t", "app", "a", "--ignore-missing", status=0)
    configured(kvsctl, url, TOKEN, installation="another")
    assert b"another installation" in kvsctl("set", "-t", "app", "a=1", status=3).err
    configured(kvsctl, url, TOKEN, installation=INSTALLATION)
    ended = kvsctl("set", "-t", "app", "a=1", "-vv", status=0)
    assert f"< x-kvsctl-installation: {INSTALLATION}".encode() in ended.err
    assert TOKEN.encode() not in ended.err


def test_a_bridge_without_a_token_says_what_to_set(kvsctl: Command, bridged: Bridge) -> None:
    bridged(KVSCTL_BRIDGE_TOKEN="", KVSCTL_BRIDGE_READ_TOKEN="x" * 31)
    ended = kvsctl("set", "-t", "app", "a=1", status=3)
    assert b"set KVSCTL_BRIDGE_TOKEN to at least 32 characters" in ended.err


def test_ping_works_through_a_bridge(kvsctl: Command, bridged: Bridge) -> None:
    bridged("--normalise")
    shown = kvsctl("ping", "-t", "app", status=0).out.decode()
    assert "store    answers" in shown
    assert f"bridge   is in installation {INSTALLATION}" in shown
    wrong = kvsctl("ping", "-t", "app", "--installation", "another", "--json", status=3)
    [line] = wrong.lines
    assert (line["installation"], line["bridge_installation"]) == ("another", INSTALLATION)
    other = kvsctl.home / "other"
    other.write_text("x" * 40, "utf-8")
    [line] = kvsctl("ping", "-t", "app", "--token-file", other, "--json", status=3).lines
    assert line["bridge_installation"] is None


@pytest.mark.parametrize("switch", ["fails-alone", "refuses-batch"])
def test_probe_finds_the_same_through_a_bridge(
    kvsctl: Command, bridged: Bridge, switch: str
) -> None:
    service = bridged("--normalise", "--bad-record", switch)
    questions = ("missing-keys", "queries", "bad-records", "ttl-less-set", "values", "payload")
    words = ["probe", "--yes", "--json", *(f"--ask={one}" for one in questions)]
    [direct] = kvsctl(*words, "--url", service, status=0).lines
    [found] = kvsctl(*words, "-t", "app", status=0).lines
    for name in ("answers", "limits"):
        assert found[name] == direct[name], name
    assert found["answers"]["bad-record"] == switch
    assert stored(kvsctl, service) == {}


def test_a_forecast_has_the_invocations_of_a_bridge(kvsctl: Command) -> None:
    configured(kvsctl, "http://127.0.0.1:9/x1/none")
    words = ["set", "-f", str(_CITIES), "-n", "--json", "--quota-share", "0.01"]
    words += ["--units-per-min", "0", "--rps", "0"]
    bridged = kvsctl(*words, "-t", "app", status=0).report
    direct = kvsctl(*words, "--url", "http://127.0.0.1:9", status=0).report
    assert bridged["requests"] == direct["requests"] == 122
    assert (bridged["least_s"], direct["least_s"]) == (120, 0)


def test_one_command_works_on_several_bridges(kvsctl: Command, app: Path, tmp_path: Path) -> None:
    large = "big=9007199254740993"
    with ExitStack() as stack:
        services = [stack.enter_context(serving(kvsctl)) for _ in range(2)]
        lines = []
        for number, service in enumerate(services):
            url = stack.enter_context(gateway(app, service, GATEWAY_INSTALLATION=f"id-{number}"))
            configured(kvsctl, url)
            token_file = str(kvsctl.home / "token")
            line = {"installation": f"id-{number}", "url": url, "token_file": token_file}
            lines.append(json.dumps(line) + "\n")
        file = tmp_path / "installations.jsonl"
        file.write_text("".join(lines), "utf-8")
        words = ["set", "-t", "app", "--installations-file", str(file), "a=1", large, "--json"]
        report = kvsctl(*words, status=1).report
        assert (report["succeeded"], report["failed"]) == (2, 2)
        assert {one["code"] for one in report["failures"]} == {"NUMBER_NOT_EXACT"}
        assert [stored(kvsctl, service) for service in services] == [{"a": 1}] * 2
        file.write_text("".join(lines).replace("id-1", "id-9"), "utf-8")
        report = kvsctl(*words[:-2], "--json").report
        assert [one["exit_code"] for one in report["installations"]] == [0, 3]
