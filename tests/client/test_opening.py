"""Which store a client works on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import kvsctl
from kvsctl import AsyncClient
from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.options import parse_token
from kvsctl.errors import CredentialsError, TargetError, UsageError
from tests.client.clients import URL, client_of, environ_of, in_memory, run
from tests.support.commands.command import Command
from tests.support.commands.server import served


def _configured(home: Path, section: str) -> dict[str, str]:
    (home / "kvsctl").mkdir()
    (home / "kvsctl/config.toml").write_text(section, "utf-8")
    return environ_of(home)


def test_the_local_target_is_that_of_the_commands(kvsctl: Command) -> None:
    kvsctl("set", "there=1", "-t", "local", status=0)
    environ = environ_of(kvsctl.home / ".local/share/kvsctl")

    async def work() -> None:
        async with AsyncClient.from_target("local", environ=environ) as client:
            assert [one.key async for one in client.scan()] == ["there"]
            assert (await client.set_many([{"key": "here", "value": 2}])).succeeded == 1

    run(work())
    assert kvsctl("get", "here", "-t", "local", status=0).lines[0]["value"] == 2


def test_a_url_and_a_token_reach_a_server(tmp_path: Path) -> None:
    options = EmulatorOptions(tokens=(parse_token("right"),))

    async def work(url: str) -> None:
        async with AsyncClient(url, "right") as client:
            assert (await client.set_many([{"key": "k", "value": 1}])).succeeded == 1
        async with AsyncClient(url, "mistaken") as client:
            with pytest.raises(CredentialsError) as caught:
                await client.set_many([{"key": "k", "value": 1}])
            assert caught.value.result.unsent == 1
            assert "mistaken" not in str(caught.value) + str(caught.value.hint)

    with served(embedded(tmp_path / "served.db", options)) as url:
        run(work(url))


def test_a_store_that_cannot_be_reached_ends_a_call() -> None:
    async def work() -> None:
        async with AsyncClient(URL, retries=0) as client:
            with pytest.raises(TargetError):
                await client.set_many([{"key": "k", "value": 1}])
            with pytest.raises(TargetError):
                [one async for one in client.scan()]

    run(work())


def test_a_read_only_target_is_not_written_to(tmp_path: Path) -> None:
    environ = _configured(tmp_path, "[targets.local]\nread_only = true\n")

    async def work() -> None:
        async with AsyncClient.from_target("local", environ=environ) as client:
            with pytest.raises(UsageError, match="target local is read-only: nothing was sent"):
                await client.delete_many(["k"])
            assert [one async for one in client.scan()] == []

    run(work())


@pytest.mark.parametrize(
    ("confirm", "refusal"),
    [
        (None, "target local is protected: nothing was sent"),
        ("prod", "confirm='prod': the target is local; nothing was sent"),
        ("local", None),
    ],
)
def test_a_protected_target_needs_its_name(
    tmp_path: Path, confirm: str | None, refusal: str | None
) -> None:
    environ = _configured(tmp_path, "[targets.local]\nprotected = true\n")

    async def work() -> None:
        opened = AsyncClient.from_target("local", confirm=confirm, environ=environ)
        async with opened as client:
            if refusal is None:
                assert (await client.delete_many(["k"])).succeeded == 1
            else:
                with pytest.raises(UsageError) as caught:
                    await client.delete_many(["k"])
                assert caught.value.message == refusal

    run(work())


def test_settings_are_the_callers_then_the_environments_then_the_targets(tmp_path: Path) -> None:
    environ = _configured(tmp_path, "[targets.local]\nretries = 3\nbatch_size = 7\n")
    environ["KVSCTL_RETRIES"] = "4"
    plan = AsyncClient.from_target("local", environ=environ)._opening.plan
    assert (plan.retry.retries, plan.packing.max_records) == (4, 7)
    plan = AsyncClient.from_target("local", environ=environ, retries=5)._opening.plan
    assert (plan.retry.retries, plan.packing.max_records) == (5, 7)


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    environ = environ_of(tmp_path)
    calls: dict[str, Callable[[], AsyncClient]] = {
        'target: unknown target "prod"': lambda: AsyncClient.from_target("prod", environ=environ),
        "target: expected a name, not ''": lambda: AsyncClient.from_target("", environ=environ),
        "url: expected a URL, not ''": lambda: AsyncClient(""),
        "transport: object has no host": lambda: AsyncClient(
            URL,
            transport=object(),  # type: ignore[arg-type]
        ),
        "setting batch_size: expected 1 to 25, not 26": lambda: AsyncClient(URL, batch_size=26),
        "unknown setting colour": lambda: AsyncClient(URL, colour=1),  # type: ignore[call-arg]
        "transport: the target is not a URL": lambda: AsyncClient.from_target(
            "local", environ=environ, transport=client_of(in_memory())._opening.access.transport
        ),
    }
    for message, call in calls.items():
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.message == message


@pytest.mark.parametrize("kind", [AsyncClient, kvsctl.Client])
@pytest.mark.parametrize("config", ["", 'default = "local"\n'])
def test_a_name_that_a_variable_did_not_give_chooses_no_store(
    tmp_path: Path, kind: type[AsyncClient | kvsctl.Client], config: str
) -> None:
    environ = _configured(tmp_path, config)
    missing: Any = os.environ.get("NO_SUCH_TARGET")
    for others in ({}, {"KVSCTL_TARGET": "local"}):
        with pytest.raises(UsageError) as caught:
            kind.from_target(missing, environ={**environ, **others})
        assert caught.value.message == "target: expected a name, not None"
    with pytest.raises(UsageError, match="url: expected a URL, not None"):
        kind(missing)


def test_a_client_shows_its_target_and_no_token() -> None:
    assert repr(AsyncClient(URL, "secret")) == f"AsyncClient('{URL}')"
    assert "secret" not in repr(AsyncClient(URL, "secret")._opening)


def test_a_client_is_opened_once_at_a_time() -> None:
    async def work() -> None:
        async with client_of(in_memory()) as client:
            with pytest.raises(UsageError, match="the client is open already"):
                await client.__aenter__()

    run(work())


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="'kvsctl' has no attribute 'Clientele'"):
        kvsctl.Clientele  # noqa: B018


def test_importing_kvsctl_imports_nothing_else_until_a_client_is_asked_for() -> None:
    code = (
        "import sys, kvsctl\n"
        "ours = lambda: [name for name in sys.modules if name.startswith('kvsctl.')]\n"
        "assert ours() == [] and 'asyncio' not in sys.modules\n"
        "kvsctl.AsyncClient, kvsctl.Client\n"
        "left_out = 'typer', 'rich', 'httpx', 'kvsctl.cli', 'kvsctl.emulator'\n"
        "assert 'kvsctl.bulk.run' in ours() and not sys.modules.keys() & {*left_out}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
