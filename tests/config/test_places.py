"""An error names the place of the setting that is wrong: the file, its line, section and name."""

from pathlib import Path

import pytest

from kvsctl.config.file import ConfigFile, Section, read_config
from kvsctl.config.installations import read_installations
from kvsctl.config.settings import resolve_running
from kvsctl.config.targets import Target, TargetFlags, choose_target
from kvsctl.errors import UsageError
from kvsctl.jobs.connect import credentials_of
from tests.support.commands.command import Command

_FLAGS = TargetFlags("a")
_IN_CONTAINER = ("get", "a", "-t", "container", "--installation", "i")
_URL = 'url = "https://a.example"\n'


def _config(folder: Path, text: str) -> tuple[ConfigFile, dict[str, str]]:
    path = folder / "c.toml"
    path.write_text(text, "utf-8")
    environ = {"KVSCTL_CONFIG": str(path)}
    return read_config(environ), environ


def _chosen(folder: Path, text: str, flags: TargetFlags = _FLAGS) -> Target:
    config, environ = _config(folder, text)
    target = choose_target(flags, environ, config, is_on_terminal=True)
    resolve_running({}, environ, target.section, target.section.place)
    credentials_of(target, allow_http=False)
    return target


@pytest.mark.parametrize(
    ("section", "line", "message"),
    [
        (f"{_URL}retries = -1\n", 4, "retries: expected 0 to 1,000, not -1"),
        (f'{_URL}\ntimeout = "x"\n', 5, 'timeout "x": not a duration'),
        ('url = ""\n', 3, "url must be a string that is not empty"),
        (f"{_URL}protected = 1\n", 4, "protected must be true or false"),
        (f'{_URL}kind = "x"\n', 4, 'kind: unknown kind "x"'),
        ('kind = "bridge"\n', 3, "kind: a bridge needs a url"),
        (
            f'{_URL}token_file = "a"\ntoken_command = "b"\n',
            5,
            "token_command and token_file exclude each other",
        ),
        (f'{_URL}installation = "x"\n', 4, "installation x: only the target container and bridges"),
        (f'kind = "bridge"\n{_URL}installation = "x y"\n', 5, "installation: the installation is"),
        ('url = "htps://x"\n', 3, "url: the URL must begin with https://"),
        ('url = "http://u:pw@x"\n', 3, "url: the URL contains a user name or password"),
        ('url = "https://x:0"\n', 3, "url: the URL is not valid: the port"),
        ('url = "http://x.example"\n', 3, "url: http:// to x.example is refused"),
        ('url = "https://a.example/v1"\n', 3, "url: the URL ends in /v1"),
    ],
)
def test_a_value_of_the_file(tmp_path: Path, section: str, line: int, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, f"# mine\n[targets.a]\n{section}")
    place = f"{tmp_path / 'c.toml'}:{line}: [targets.a] "
    assert caught.value.message.startswith(f"{place}{message}")
    assert "pw" not in caught.value.message


@pytest.mark.parametrize(
    ("variables", "words", "place"),
    [
        ({"KVSCTL_URL": "foo"}, ("get", "a"), "KVSCTL_URL"),
        ({}, ("get", "a", "--url", "foo"), "--url"),
        ({}, ("set", "-n", "a=1", "--url", "foo"), "--url"),
        ({}, ("diff", "-t", "local", "--from", "ftp://foo"), "--from"),
        ({"FORGE_EGRESS_PROXY_URL": "foo"}, _IN_CONTAINER, "FORGE_EGRESS_PROXY_URL"),
        (
            {"FORGE_EGRESS_PROXY_URL": "foo"},
            ("get", "a", "-t", "container", "--all-installations"),
            "FORGE_EGRESS_PROXY_URL",
        ),
    ],
)
def test_a_url_that_is_not_one(
    kvsctl: Command, variables: dict[str, str], words: tuple[str, ...], place: str
) -> None:
    is_dry_run = "-n" in words
    ended = kvsctl.having(**variables)(*words, status=0 if is_dry_run else 2)
    text = " ".join(ended.err.decode().split())
    assert f"{place}: the URL must begin with https:// (or http:// for this machine)" in text
    if not is_dry_run:
        assert "Give a URL such as https://api.atlassian.com/forge/storage/kvs." in text


def test_a_ping_url_that_is_not_one_names_its_variable(kvsctl: Command) -> None:
    having = kvsctl.having(KVSCTL_PING_URL="foo")
    assert b"KVSCTL_PING_URL: the URL must" in having("get", "-t", "local", "a", status=2).err
    words = ("get", "-t", "local", "a", "--ping-url", "foo")
    assert b"kvsctl: --ping-url: the URL must" in having(*words, status=2).err


def test_a_token_file_of_the_file(tmp_path: Path) -> None:
    text = f'[targets.a]\n{_URL}token_file = "/no/such"\n'
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, text)
    assert caught.value.hint == f"Check {tmp_path / 'c.toml'}:3: [targets.a] token_file."
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, text, TargetFlags("a", token_file=Path("/no/other")))
    assert caught.value.hint == "Check --token-file."


def test_an_unknown_default(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, f'\ndefault = "b"\n[targets.abc]\n{_URL}', TargetFlags())
    assert caught.value.message == f'{tmp_path / "c.toml"}:2: default: unknown target "b"'


def test_a_section_without_a_url(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, "\n[targets.a]\nretries = 1\n")
    assert caught.value.message == f"{tmp_path / 'c.toml'}:2: [targets.a] has no url"


def test_an_option_is_named_where_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, f"[targets.a]\n{_URL}", TargetFlags("a", installation="x"))
    assert caught.value.message.startswith("--installation x: only the target")


def test_a_profile_of_the_file(kvsctl: Command) -> None:
    path = kvsctl.home / "c.toml"
    path.write_text(f'[targets.a]\n{_URL}profile = "/no/such"\n', "utf-8")
    ended = kvsctl.having(KVSCTL_CONFIG=str(path))("set", "-t", "a", "b=1", status=2)
    assert f"{path}:3: [targets.a] profile: cannot read /no/such: No such" in ended.err.decode()


def test_a_token_file_of_an_installation(tmp_path: Path) -> None:
    path = tmp_path / "installations"
    line = '{"installation":"i","url":"https://a.example","token_file":"/no/such"}\n'
    path.write_text(line, "utf-8")
    [target] = read_installations(path, Target("a"))
    with pytest.raises(UsageError) as caught:
        credentials_of(target, allow_http=False)
    assert caught.value.hint == f"Check {path}:1: token_file."


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("satging", "Did you mean staging? Known targets: local, forge, container, staging."),
        ("stag", "Did you mean staging? Known targets: local, forge, container, staging."),
        ("zz", "Known targets: local, forge, container, staging."),
    ],
)
def test_a_mistyped_target_has_a_guess(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(tmp_path, f"[targets.staging]\n{_URL}", TargetFlags(name))
    assert caught.value.message == f'--target: unknown target "{name}"'
    assert caught.value.hint == hint


def test_without_a_file_a_section_has_its_name_alone() -> None:
    assert Section(target="a").place("url") == "[targets.a] url"
