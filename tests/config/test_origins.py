"""Where each setting came from."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.config.file import ConfigFile
from kvsctl.config.origins import Given, Shown, all_settings, all_targets
from kvsctl.config.settings import DEFAULTS, resolve_running
from kvsctl.config.targets import TargetFlags, choose_target

_TEXT = """\
default = "staging"

[targets.staging]
url = "https://a.example"
token_command = "get-token --secret s3cret"
rps = 7
read_only = true
"""
_SECTION = {
    "url": "https://a.example",
    "token_command": "get-token --secret s3cret",
    "rps": 7,
    "read_only": True,
}
_CONFIG = ConfigFile(Path("c.toml"), True, "staging", {"staging": _SECTION}, _TEXT)


def _shown(
    flags: TargetFlags, options: dict[str, Any], environ: dict[str, str], config: ConfigFile
) -> dict[str, Shown]:
    target = choose_target(flags, environ, config, is_on_terminal=True)
    running = resolve_running(options, environ, target.section, target.section.place)
    found = all_settings(Given(flags, options, environ, config), target, running)
    return {one.name: one for one in found}


def test_settings_of_the_file_have_their_lines() -> None:
    shown = _shown(TargetFlags(), {"timeout": 9.0}, {"KVSCTL_RETRIES": "3"}, _CONFIG)
    assert shown["target"] == ("target", "staging", "file", "c.toml:1")
    assert shown["url"] == ("url", "https://a.example", "file", "c.toml:4")
    assert shown["token"] == ("token", "a command", "file", "c.toml:5")
    assert shown["rps"] == ("rps", 7.0, "file", "c.toml:6")
    assert shown["read_only"] == ("read_only", True, "file", "c.toml:7")
    assert shown["timeout"] == ("timeout", 9.0, "option", "--timeout")
    assert shown["retries"] == ("retries", 3, "environment", "KVSCTL_RETRIES")
    assert shown["quota_share"] == ("quota_share", DEFAULTS.quota_share, "default", "")
    assert shown["protected"] == ("protected", False, "default", "")
    assert "s3cret" not in repr(shown)


def test_the_environment_and_options_come_first() -> None:
    environ = {"KVSCTL_TARGET": "local", "KVSCTL_LOCAL_DB": "/x.db", "KVSCTL_READ_ONLY": "1"}
    shown = _shown(TargetFlags(), {}, environ, _CONFIG)
    assert shown["target"][1:] == ("local", "environment", "KVSCTL_TARGET")
    assert shown["database"][1:] == ("/x.db", "environment", "KVSCTL_LOCAL_DB")
    assert shown["read_only"][1:] == (True, "environment", "KVSCTL_READ_ONLY")
    flags = TargetFlags(target="staging", token_file=Path("t"))
    shown = _shown(flags, {}, environ, _CONFIG)
    assert shown["target"][1:] == ("staging", "option", "--target")
    assert shown["token"][1:] == ("file t", "option", "--token-file")


def test_the_path_of_a_ping_is_hidden() -> None:
    assert _shown(TargetFlags(), {}, {}, _CONFIG)["ping_url"] == ("ping_url", None, "default", "")
    environ = {"KVSCTL_PING_URL": "https://hc.example/s3cret"}
    shown = _shown(TargetFlags(), {}, environ, _CONFIG)
    where = ("environment", "KVSCTL_PING_URL")
    assert shown["ping_url"] == ("ping_url", "https://hc.example/***", *where)


def test_a_url_of_the_environment_is_a_target_without_a_name() -> None:
    environ = {"KVSCTL_URL": "https://b.example", "KVSCTL_TOKEN": "s3cret"}
    shown = _shown(TargetFlags(), {}, environ, _CONFIG)
    assert shown["target"][1:] == (None, "default", "")
    assert shown["url"][1:] == ("https://b.example", "environment", "KVSCTL_URL")
    assert shown["token"][1:] == ("set", "environment", "KVSCTL_TOKEN")
    shown = _shown(TargetFlags(url="https://c.example"), {}, environ, _CONFIG)
    assert shown["url"][1:] == ("https://c.example", "option", "--url")


_RPS = st.none() | st.integers(0, 1000)


@given(_RPS, _RPS, _RPS)
def test_a_value_is_the_one_that_stands_where_it_is_said_to_come_from(
    option: int | None, variable: int | None, member: int | None
) -> None:
    options = {} if option is None else {"rps": float(option)}
    environ = {} if variable is None else {"KVSCTL_RPS": str(variable)}
    section = {"url": "https://a.example"} | ({} if member is None else {"rps": member})
    text = "".join(f"{name} = {value!r}\n" for name, value in section.items())
    config = ConfigFile(Path("c"), True, "a", {"a": section}, f"[targets.a]\n{text}")
    shown = _shown(TargetFlags(), options, environ, config)["rps"]
    places = {"--rps": option, "KVSCTL_RPS": variable, "c:3": member, "": DEFAULTS.rps}
    assert places[shown.place] == shown.value


def test_all_targets_are_listed_the_built_in_ones_first() -> None:
    listed = {one.name: one for one in all_targets(_CONFIG)}
    assert list(listed) == ["local", "forge", "container", "staging"]
    assert listed["local"].place == "built in"
    assert listed["staging"][1:] == ("https://a.example", "c.toml:3", ["default", "read-only"])


def test_secrets_of_a_url_are_not_shown() -> None:
    section = {"url": "https://u:s3cret@a.example/?token=s3cret", "token_command": "x"}
    config = ConfigFile(Path("c.toml"), True, "a", {"a": section}, '[targets.a]\nurl = ""\n')
    shown = _shown(TargetFlags(), {}, {}, config)
    assert shown["url"] == ("url", "https://***@a.example/?***", "file", "c.toml:2")
    assert all_targets(config)[-1].what == "https://***@a.example/?***"


@pytest.mark.parametrize("options", [{}, {"quota_share": 0.5}])
def test_no_share_of_a_quota_is_shown_where_none_is_used(options: dict[str, Any]) -> None:
    shown = _shown(TargetFlags(target="local"), options, {}, _CONFIG)
    assert shown["quota_share"] == ("quota_share", None, "default", "")
    assert shown["rps"] == ("rps", None, "default", "")
