"""Choosing a target: the contract's section "Targets and settings"."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kvsctl.config import targets
from kvsctl.config.file import ConfigFile, local_database, read_config
from kvsctl.config.targets import FORGE_URL, Target, TargetFlags
from kvsctl.errors import UsageError

_PATH = Path("/etc/kvsctl.toml")


def _config(default: str | None = None, **sections: dict[str, Any]) -> ConfigFile:
    return ConfigFile(_PATH, True, default, sections)


_NONE = ConfigFile(_PATH)


def choose_target(
    flags: TargetFlags,
    environ: Mapping[str, str],
    config: ConfigFile,
    *,
    is_on_terminal: bool = True,
) -> Target:
    return targets.choose_target(flags, environ, config, is_on_terminal=is_on_terminal)


def test_on_a_terminal_without_any_sign_of_settings_it_is_local() -> None:
    target = choose_target(TargetFlags(), {"KVSCTL_LOCAL_DB": "/data/k.db"}, _NONE)
    assert (target.name, target.local_path) == ("local", Path("/data/k.db"))


@pytest.mark.parametrize(
    ("environ", "config"),
    [
        ({"KVSCTL_TOKEN": "t"}, _NONE),
        ({"FORGE_EGRESS_PROXY_URL": "http://localhost:7072"}, _NONE),
        *[({name: ""}, _NONE) for name in ("KVSCTL_TARGET", "KVSCTL_URL", "KVSCTL_TOKEN")],
        ({}, _config(staging={"url": "https://s.example"})),
    ],
)
def test_lost_settings_never_mean_local(environ: dict[str, str], config: ConfigFile) -> None:
    with pytest.raises(UsageError) as caught:
        choose_target(TargetFlags(), environ, config)
    assert "no target is chosen" in caught.value.message
    assert "local, forge, container" in (caught.value.hint or "")


def test_without_a_terminal_nothing_chosen_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        choose_target(TargetFlags(), {}, _NONE, is_on_terminal=False)
    assert caught.value.message == "no target is chosen, and stderr is not a terminal"
    assert "--target or KVSCTL_TARGET (local, forge, container)" in (caught.value.hint or "")


def test_without_a_terminal_any_choice_counts() -> None:
    local = {"KVSCTL_TARGET": "local"}
    for flags, environ, config in (
        (TargetFlags(target="local"), {}, _NONE),
        (TargetFlags(), local, _NONE),
        (TargetFlags(), {}, _config("local")),
    ):
        target = choose_target(flags, environ, config, is_on_terminal=False)
        assert target.name == "local"


def test_flag_beats_environment_beats_file() -> None:
    config = _config("a", a={"url": "https://a"}, b={"url": "https://b"}, c={"url": "https://c"})
    assert choose_target(TargetFlags(), {}, config).url == "https://a"
    environ = {"KVSCTL_TARGET": "b"}
    assert choose_target(TargetFlags(), environ, config).url == "https://b"
    assert choose_target(TargetFlags(target="c"), environ, config).url == "https://c"
    assert choose_target(TargetFlags(url="https://u"), environ, config).url == "https://u"
    assert choose_target(TargetFlags(), {"KVSCTL_URL": "https://e"}, config).url == "https://e"


def test_two_choices_at_once_are_refused() -> None:
    for flags, environ in (
        (TargetFlags(target="local", url="https://u"), {}),
        (TargetFlags(), {"KVSCTL_TARGET": "local", "KVSCTL_URL": "https://u"}),
    ):
        with pytest.raises(UsageError):
            choose_target(flags, environ, _NONE)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (TargetFlags(target=""), "--target"),
        (TargetFlags(url=""), "--url"),
        (TargetFlags(target="forge", token_command=""), "--token-command"),
        (TargetFlags(target="forge", token_file=Path("")), "--token-file"),
        (TargetFlags(target="container", installation=""), "--installation"),
    ],
)
def test_a_flag_with_nothing_in_it_is_no_flag_left_out(flags: TargetFlags, name: str) -> None:
    environ = {"KVSCTL_TOKEN": "t", "FORGE_EGRESS_PROXY_URL": "http://localhost:1"}
    config = _config("local", container={"installation": "i-1"})
    with pytest.raises(UsageError, match=f"{name} is empty"):
        choose_target(flags, environ, config)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("local", "url"),
        ("local", "token_file"),
        ("local", "token_command"),
        ("local", "installation"),
        ("container", "url"),
        ("container", "token_file"),
        ("container", "token_command"),
    ],
)
def test_a_setting_that_its_target_would_pass_over_is_refused(name: str, setting: str) -> None:
    config = _config(name, **{name: {setting: "http://127.0.0.1:8787"}})
    with pytest.raises(UsageError, match=rf"targets\.{name}\] {setting} has no effect"):
        choose_target(TargetFlags(), {"FORGE_EGRESS_PROXY_URL": "http://localhost:1"}, config)


def test_an_unknown_name_says_where_it_stands() -> None:
    for flags, environ, config, where in (
        (TargetFlags(target="x"), {}, _NONE, "--target"),
        (TargetFlags(), {"KVSCTL_TARGET": "x"}, _NONE, "KVSCTL_TARGET"),
        (TargetFlags(), {}, _config("x"), f"{_PATH}: default"),
    ):
        with pytest.raises(UsageError) as caught:
            choose_target(flags, environ, config)
        assert caught.value.message == f'{where}: unknown target "x"'


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(UsageError) as caught:
        choose_target(TargetFlags(target="x"), {}, _config(staging={"url": "https://s"}))
    assert caught.value.hint == "Known targets: local, forge, container, staging."


def test_a_targets_own_token_source_beats_the_environment() -> None:
    config = _config(own={"url": "https://o", "token_file": "/t"}, bare={"url": "https://b"})
    environ = {"KVSCTL_TOKEN": "from env"}
    own = choose_target(TargetFlags(target="own"), environ, config)
    assert (own.token_file, own.token) == (Path("/t"), None)
    bare = choose_target(TargetFlags(target="bare"), environ, config)
    assert (bare.token_file, bare.token) == (None, "from env")
    flagged = choose_target(TargetFlags(target="own", token_command="c"), environ, config)
    assert (flagged.token_file, flagged.token_command) == (None, "c")


def test_no_repr_shows_a_token() -> None:
    target = choose_target(TargetFlags(target="forge"), {"KVSCTL_TOKEN": "sekrit"}, _NONE)
    assert target.url == FORGE_URL
    assert "sekrit" not in repr(target)
    section = {"url": "https://s", "token_command": "print sekrit"}
    target = choose_target(TargetFlags(target="s"), {}, _config(s=section))
    assert target.token_command == "print sekrit"
    assert "sekrit" not in repr(target)


def test_container_needs_its_proxy_and_an_installation() -> None:
    environ = {"FORGE_EGRESS_PROXY_URL": "http://localhost:7072/"}
    target = choose_target(TargetFlags(target="container", installation="i-1"), environ, _NONE)
    assert target.url == "http://localhost:7072/forge/storage/kvs"
    for flags, variables in (
        (TargetFlags(target="container", installation="i-1"), {}),
        (TargetFlags(target="container"), environ),
        (TargetFlags(target="container", installation="a\r\nb: c"), environ),
        (TargetFlags(target="forge", installation="i-1"), environ),
        (TargetFlags(target="local", installation="i-1"), environ),
    ):
        with pytest.raises(UsageError):
            choose_target(flags, variables, _NONE)


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"url": 1},
        {"url": "https://x", "tokenfile": "/t"},
        {"url": "https://x", "token_file": "/t", "token_command": "c"},
    ],
)
def test_a_section_that_cannot_be_used_is_named(section: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"targets\.x"):
        choose_target(TargetFlags(target="x"), {}, _config(x=section))


def test_display_names_the_target_and_where_it_is() -> None:
    assert Target("forge", url="https://f").display == "forge (https://f)"
    assert Target("https://f", url="https://f").display == "https://f"


@pytest.mark.parametrize("url", ["https://me:sekrit@f", "https://f?token=sekrit"])
def test_display_shows_nothing_secret_of_a_url_that_will_be_refused(url: str) -> None:
    for target in (Target("forge", url=url), Target(url, url=url)):
        assert "sekrit" not in target.display
        assert "https://" in target.display


def test_the_file_is_read_from_where_it_is_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "kvsctl" / "config.toml"
    path.parent.mkdir()
    path.write_text('default = "s"\n[targets.s]\nurl = "https://s"\nconcurrency = 4\n')
    config = read_config({"XDG_CONFIG_HOME": str(tmp_path)})
    assert (config.exists, config.default) == (True, "s")
    assert config.sections["s"]["concurrency"] == 4
    assert read_config({"KVSCTL_CONFIG": str(path)}).path == path
    assert not read_config({"XDG_CONFIG_HOME": str(tmp_path / "none")}).exists


def test_a_byte_order_mark_before_the_settings_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b'\xef\xbb\xbfdefault = "forge"\r\n')
    assert read_config({"KVSCTL_CONFIG": str(path)}).default == "forge"


@pytest.mark.parametrize(
    "text", ["not toml", "colour = 1", "default = 1", "targets = 1", "[targets]\nx = 1", b"\xff"]
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=r"c\.toml"):
        read_config({"KVSCTL_CONFIG": str(path)})


def test_a_file_that_is_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_config({"KVSCTL_CONFIG": str(tmp_path / "none.toml")})


def test_the_local_database_lies_under_the_data_directory() -> None:
    assert local_database({"XDG_DATA_HOME": "/x"}) == Path("/x/kvsctl/local.db")
    home = Path.home() / ".local/share/kvsctl/local.db"
    assert local_database({"XDG_DATA_HOME": "relative"}) == home


@pytest.mark.parametrize("name", ["local", "container"])
def test_a_token_for_a_target_that_takes_none_is_refused(name: str) -> None:
    environ = {"FORGE_EGRESS_PROXY_URL": "http://localhost:7072"}
    flags = TargetFlags(
        target=name, token_command="c", installation="i" if name == "container" else None
    )
    with pytest.raises(UsageError, match="uses no token"):
        choose_target(flags, environ, _NONE)


_STAGING = {"url": "https://s.example"}


@pytest.mark.parametrize(
    ("section", "environ", "is_read_only", "is_protected"),
    [
        ({}, {}, False, False),
        ({"read_only": True}, {}, True, False),
        ({"protected": True}, {}, False, True),
        ({"read_only": False, "protected": False}, {}, False, False),
        ({"read_only": False}, {"KVSCTL_READ_ONLY": "1"}, True, False),
        ({"read_only": True}, {"KVSCTL_READ_ONLY": "0"}, True, False),
        ({}, {"KVSCTL_READ_ONLY": "TRUE"}, True, False),
        ({}, {"KVSCTL_READ_ONLY": ""}, False, False),
    ],
)
def test_a_target_may_be_read_only_or_protected(
    section: dict[str, Any], environ: dict[str, str], is_read_only: bool, is_protected: bool
) -> None:
    config = _config(staging=_STAGING | section)
    target = choose_target(TargetFlags("staging"), environ, config)
    assert (target.is_read_only, target.is_protected) == (is_read_only, is_protected)


@pytest.mark.parametrize("name", ["local", "forge", "container"])
def test_built_in_targets_may_be_too(name: str) -> None:
    config = ConfigFile(_PATH, True, None, {name: {"read_only": True, "protected": True}})
    environ = {"FORGE_EGRESS_PROXY_URL": "http://localhost:7072"}
    installation = "abc-1" if name == "container" else None
    target = choose_target(TargetFlags(name, installation=installation), environ, config)
    assert (target.is_read_only, target.is_protected) == (True, True)


def test_the_environment_makes_every_target_read_only() -> None:
    flags = TargetFlags(url="https://s.example")
    assert choose_target(flags, {"KVSCTL_READ_ONLY": "1"}, _NONE).is_read_only


@pytest.mark.parametrize("value", ["true", 1, "", []])
@pytest.mark.parametrize("name", ["read_only", "protected"])
def test_a_switch_that_is_not_one_is_refused(name: str, value: object) -> None:
    config = _config(staging=_STAGING | {name: value})
    with pytest.raises(UsageError, match=f"{name} must be true or false"):
        choose_target(TargetFlags("staging"), {}, config)


@pytest.mark.parametrize("value", ["2", "nope", " "])
def test_a_variable_that_is_no_switch_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="KVSCTL_READ_ONLY: expected 1 or 0"):
        choose_target(TargetFlags("local"), {"KVSCTL_READ_ONLY": value}, _NONE)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Target("a", url="https://h/kvs"), Target("b", url="https://H/kvs/"), True),
        (Target("a", url="https://h/kvs"), Target("b", url="https://h/other"), False),
        (Target("a", url="https://h", token="1"), Target("b", url="https://h", token="2"), False),
        (Target("a", url="https://h", token="1"), Target("b", url="https://h", token="1"), True),
        (Target("a", url="https://h", installation="i"), Target("b", url="https://h"), False),
        (Target("a", local_path=Path("x")), Target("b", local_path=Path("./y/../x")), True),
        (Target("a", local_path=Path("x")), Target("b", local_path=Path("y")), False),
        (Target("a", local_path=Path("x")), Target("b", url="https://h"), False),
    ],
)
def test_two_targets_are_one_store_only_if_that_is_certain(
    one: Target, other: Target, expected: bool
) -> None:
    assert one.is_same_store(other) is expected
    assert other.is_same_store(one) is expected


_WEB_TRIGGER = "https://abc.hello.atlassian-dev.net/x1/XyZ"


def test_a_bridge_is_a_target_of_its_kind() -> None:
    section = {"kind": "bridge", "url": _WEB_TRIGGER, "token_file": "~/t", "installation": "i-1"}
    target = choose_target(TargetFlags(target="app"), {}, _config(app=section))
    assert (target.is_bridge, target.url, target.installation) == (True, _WEB_TRIGGER, "i-1")
    plain = choose_target(TargetFlags(target="app"), {}, _config(app={"url": _WEB_TRIGGER}))
    assert not plain.is_bridge
    flags = TargetFlags(target="app", installation="i-2")
    assert choose_target(flags, {}, _config(app=section)).installation == "i-2"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"kind": "tunnel", "url": _WEB_TRIGGER}, 'unknown kind "tunnel"'),
        ({"kind": "", "url": _WEB_TRIGGER}, "kind must be a string that is not empty"),
        ({"kind": 1, "url": _WEB_TRIGGER}, "kind must be a string that is not empty"),
        ({"kind": "bridge"}, "a bridge needs a url"),
        ({"kind": "bridge", "url": _WEB_TRIGGER, "installation": "a b"}, "not a valid id"),
        ({"url": _WEB_TRIGGER, "installation": "i-1"}, "only the target container and bridges"),
    ],
)
def test_a_wrong_bridge_is_refused(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        choose_target(TargetFlags(target="app"), {}, _config(app=section))


@pytest.mark.parametrize("name", ["local", "container", "forge"])
def test_no_target_that_is_built_in_becomes_a_bridge(name: str) -> None:
    config = ConfigFile(_PATH, True, None, {name: {"kind": "bridge"}})
    with pytest.raises(UsageError, match=r"kind has no effect|a bridge needs a url"):
        choose_target(TargetFlags(target=name), {}, config)
