"""kvsctl config: settings with where they come from, targets, and a first configuration file."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvsctl.emulator import EmulatorOptions, embedded
from kvsctl.emulator.options import parse_token
from tests.support.commands.command import Command
from tests.support.commands.emulated_terminal import emulated_terminal, started
from tests.support.commands.pseudo_terminal import Screen, in_terminal
from tests.support.commands.server import served
from tests.support.needs import IS_POSIX, only_on


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with served(embedded(tmp_path / "served.db")) as started:
        yield started


def _file(kvsctl: Command) -> Path:
    return kvsctl.home / ".config/kvsctl/config.toml"


def _written(kvsctl: Command, text: str) -> Path:
    path = _file(kvsctl)
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_path_is_that_of_the_file_whether_it_exists_or_not(kvsctl: Command) -> None:
    assert kvsctl("config", "path", status=0).out.decode() == f"{_file(kvsctl)}\n"
    other = kvsctl.having(KVSCTL_CONFIG="/x/y.toml")
    assert other("config", "path", status=0).out == b"/x/y.toml\n"


def test_show_has_every_setting_and_its_place(kvsctl: Command) -> None:
    path = _written(kvsctl, '[targets.a]\nurl = "https://a.example"\ntoken_file = "~/t"\nrps = 5\n')
    command = kvsctl.having(KVSCTL_RETRIES="2")
    words = ("config", "show", "-t", "a", "-c", "3")
    lines = command(*words, status=0).out.decode().splitlines()
    shown = {line.split("  ")[0]: line.split() for line in lines}
    assert shown["target"] == ["target", "a", "--target"]
    assert shown["rps"] == ["rps", "5", f"{path}:4"]
    assert shown["retries"] == ["retries", "2", "KVSCTL_RETRIES"]
    assert shown["concurrency"] == ["concurrency", "3", "--concurrency"]
    assert shown["timeout"] == ["timeout", "30", "default"]
    assert shown["token"] == ["token", "file", f"{kvsctl.home}/t", f"{path}:3"]
    [document] = command(*words, "--json", status=0).lines
    assert (document["command"], document["file"]) == ("config show", str(path))
    by_name = {one["name"]: one for one in document["settings"]}
    assert by_name.keys() == shown.keys() - {"configuration file"}
    assert by_name["rps"] == {"name": "rps", "value": 5, "origin": "file", "place": f"{path}:4"}
    assert by_name["timeout"]["place"] is None
    assert document["schema"] == 1


def test_show_without_a_target_shows_what_holds_for_any(kvsctl: Command) -> None:
    _written(kvsctl, '[targets.a]\nurl = "https://a.example"\nrps = 5\n')
    command = kvsctl.having(KVSCTL_RETRIES="2", KVSCTL_TOKEN="very-secret")
    ended = command("config", "show", status=0)
    assert b"no target is chosen, although KVSCTL_TOKEN is set" in ended.err
    shown = {line.split("  ")[0]: line.split() for line in ended.out.decode().splitlines()}
    assert shown["target"] == ["target", "-", "default"]
    assert shown["retries"] == ["retries", "2", "KVSCTL_RETRIES"]
    assert shown["rps"] == ["rps", "-", "default"]
    assert shown["token"] == ["token", "set", "KVSCTL_TOKEN"]
    assert b"very-secret" not in ended.out + ended.err
    [document] = command("config", "show", "--json", status=0).lines
    assert document["settings"][0]["value"] is None


def test_show_fits_a_terminal(kvsctl: Command) -> None:
    path = _written(kvsctl, '[targets.a]\nurl = "https://a.example"\nrps = 5\n')
    screen = in_terminal(kvsctl.having(COLUMNS="80"), "config", "show", "-t", "a")
    head, *lines = screen.text.replace("\r", "").splitlines()
    assert head == f"configuration file  {path}"
    assert max(map(len, lines)) <= 80
    assert [line.split()[-1] for line in lines if line.startswith("rps")] == ["config.toml:3"]
    wide = in_terminal(kvsctl.having(COLUMNS="300"), "config", "show", "-t", "a").text
    assert f"  {path}:3" in wide


def test_targets_has_those_that_are_built_in_too(kvsctl: Command) -> None:
    names = [line.split()[0] for line in kvsctl("config", "targets", status=0).out.splitlines()]
    assert names == [b"local", b"forge", b"container"]
    path = _written(kvsctl, 'default = "a"\n[targets.a]\nurl = "https://a.example"\n')
    ended = kvsctl("config", "targets", status=0)
    assert ended.out.decode().splitlines()[-1].split() == [
        "a", "https://a.example", f"{path}:2", "default",
    ]  # fmt: skip
    [document] = kvsctl("config", "targets", "--json", status=0).lines
    assert [one["name"] for one in document["targets"]] == ["local", "forge", "container", "a"]


@pytest.mark.parametrize("words", [("show", "-t", "forge"), ("targets",)])
def test_a_setting_of_a_built_in_target_without_effect_is_an_error(
    kvsctl: Command, words: tuple[str, ...]
) -> None:
    path = _written(kvsctl, '[targets.local]\nurl = "https://a.example"\n')
    ended = kvsctl("config", *words, status=2)
    assert f"{path}:2: [targets.local] url has no effect" in ended.err.decode()


@pytest.mark.parametrize("words", [("show", "-t", "local"), ("targets",)])
def test_a_misspelt_name_is_an_error(kvsctl: Command, words: tuple[str, ...]) -> None:
    path = _written(kvsctl, "[targets.a]\nretrys = 1\n")
    ended = kvsctl("config", *words, status=2)
    assert f'{path}:2: unknown setting "retrys" in [targets.a]' in ended.err.decode()
    assert b"Did you mean retries?" in ended.err


@pytest.mark.parametrize(
    "words", [("set", "-t", "local", "a=1"), ("config", "show", "-t", "local"), ("list",)]
)
def test_a_misspelt_variable_is_an_error(kvsctl: Command, words: tuple[str, ...]) -> None:
    ended = kvsctl.having(KVSCTL_TIMOUT="5")(*words, status=2)
    assert b"unknown variable KVSCTL_TIMOUT\nDid you mean KVSCTL_TIMEOUT?" in ended.err
    assert ended.out == b""


def test_show_notes_a_variable_that_is_not_read(kvsctl: Command) -> None:
    other = kvsctl.having(KVSCTL_HOME_OF_OTHERS="5", KVSCTL_RETRIES="2")
    ended = other("config", "show", "-t", "local", status=0)
    assert b"KVSCTL_HOME_OF_OTHERS is set, but kvsctl does not read it" in ended.err
    assert b"KVSCTL_RETRIES" not in ended.err
    assert other("set", "-q", "-t", "local", "a=1", status=0).err == b""


def test_init_writes_a_target_that_answers(kvsctl: Command, url: str) -> None:
    ended = kvsctl("config", "init", "served", "--url", url, "--default", status=0)
    assert b"answers" in ended.err
    assert ended.out == b""
    path = _file(kvsctl)
    if IS_POSIX:
        assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f'default = "served"\n\n[targets.served]\nurl = "{url}"\n'
    kvsctl("set", "-q", "a=1", status=0)
    kvsctl("config", "init", "again", "--url", url, status=0)
    assert kvsctl("get", "-q", "-t", "again", "a", "--values", status=0).out == b"1\n"


def test_init_says_that_the_default_of_the_file_is_not_there(kvsctl: Command, url: str) -> None:
    _written(kvsctl, 'default = "gone"\n')
    ended = kvsctl("config", "init", "served", "--url", url, status=0)
    assert b'config.toml:1: there is no target "gone": change it there' in ended.err
    ended = kvsctl("config", "init", "gone", "--url", url, status=0)
    assert b"there is no target" not in ended.err


def test_init_writes_nothing_if_the_target_does_not_answer(kvsctl: Command) -> None:
    words = ("config", "init", "gone", "--url", "http://127.0.0.1:9")
    ended = kvsctl(*words, status=4)
    assert b"Nothing was written." in ended.err
    assert not _file(kvsctl).exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give NAME, --url, --token-file or --token-command."),
        (("a", "--url", "https://a.example"), "Give --token-file or --token-command."),
        (("a", "--token-command", "x"), "Give --url."),
        (("local",), "the target local is built in"),
        (("there",), "config.toml:1: the target there exists already"),
        (("a\x1b[31m",), "is not a name"),
    ],
)
def test_init_without_a_terminal_says_which_options_are_missing(
    kvsctl: Command, words: tuple[str, ...], said: str
) -> None:
    path = _written(kvsctl, '[targets.there]\nurl = "https://a.example"\n')
    before = path.read_text()
    ended = kvsctl("config", "init", *words, status=2)
    assert said in ended.err.decode()
    assert path.read_text() == before


def test_init_asks_on_a_terminal(kvsctl: Command, url: str) -> None:
    answers = f"served\n{url}\nn\ny\n".encode()
    screen = in_terminal(kvsctl, "config", "init", typed=answers)
    assert screen.status == 0, screen.text
    for question in (
        "Name of the new target",
        "URL of its bridge",
        "Is that the URL",
        "Make it the default target",
    ):
        assert question in screen.text
    path = _file(kvsctl)
    assert path.read_text() == f'default = "served"\n\n[targets.served]\nurl = "{url}"\n'
    assert path.stat().st_mode & 0o777 == 0o600


def _shown(screen: Screen) -> str:
    """Return what a terminal showed, without the ends of its lines."""
    return " ".join(screen.text.split())


def test_init_asks_for_the_source_of_a_token(kvsctl: Command) -> None:
    answers = b"a\nhttps://a.example\ny\n\n/no/such/program\n'\n\x04"
    screen = in_terminal(kvsctl, "config", "init", typed=answers)
    assert screen.status == 2, screen.text
    assert "kvsctl: no program has that name Give a command that prints" in _shown(screen)
    assert "kvsctl: that is not a command: no closing quotation" in _shown(screen)
    assert _shown(screen).count("Command that prints its token:") == 3
    assert not _file(kvsctl).exists()


def test_init_asks_again_for_an_answer_that_cannot_be_used(kvsctl: Command, url: str) -> None:
    answers = f"local\nserved\nhtps://x\n{url}/v1\n{url}\neyJtoken\nmaybe\nN\n9\nYES\n"
    screen = in_terminal(kvsctl, "config", "init", typed=answers.encode())
    assert screen.status == 0, screen.text
    assert "the target local is built in Give your own another name." in _shown(screen)
    assert "kvsctl: the URL must begin with https://" in _shown(screen)
    assert "kvsctl: the URL cannot be used: the URL ends in /v1" in _shown(screen)
    assert _shown(screen).count("kvsctl: the answer is neither y nor n") == 3
    assert _shown(screen).count("Is that the URL of a bridge (y or n) [n]:") == 3
    assert screen.text.count("eyJtoken") == 1, "only the terminal shows it, as it is typed"
    assert _file(kvsctl).read_text() == f'default = "served"\n\n[targets.served]\nurl = "{url}"\n'


def test_init_ends_if_no_answer_can_be_used(kvsctl: Command, url: str) -> None:
    answers = f"served\n{url}\neyJ\neyJ\neyJ\n".encode()
    screen = in_terminal(kvsctl, "config", "init", typed=answers)
    assert screen.status == 2, screen.text
    assert _shown(screen).endswith("kvsctl: the answer is neither y nor n: nothing was written")
    assert not _file(kvsctl).exists()


def test_init_does_not_take_a_token_for_a_file(kvsctl: Command) -> None:
    answers = b"a\nhttps://a.example\nn\neyJtoken\neyJtoken\neyJtoken\n"
    screen = in_terminal(kvsctl, "config", "init", typed=answers)
    assert screen.status == 2, screen.text
    assert "no file has that name: nothing was written" in _shown(screen)
    assert screen.text.count("eyJtoken") == 3, "only the terminal shows it, as it is typed"


@only_on(IS_POSIX, "the token command is a shell's")
def test_init_asks_for_the_token_of_a_service_on_this_machine(
    kvsctl: Command, tmp_path: Path
) -> None:
    options = EmulatorOptions(tokens=(parse_token("good"),))
    with served(embedded(tmp_path / "closed.db", options)) as url:
        answers = f"served\n{url}\nn\nn\n\nprintf good\n".encode()
        screen = in_terminal(kvsctl, "config", "init", typed=answers)
        assert screen.status == 0, screen.text
        assert 'token_command = "printf good"' in _file(kvsctl).read_text()
        ended = kvsctl("config", "init", "again", "--url", url, status=3)
    assert b"Give --token-file or --token-command. Nothing was written." in ended.err
    assert b"again" not in _file(kvsctl).read_bytes()


def test_the_end_of_the_input_ends_the_questions(kvsctl: Command) -> None:
    for typed in b"\x04", b"a\n\x04", b"a\nhttps://a.example\nn\n\x04":
        screen = in_terminal(kvsctl, "config", "init", typed=typed)
        assert screen.status == 2, screen.text
        assert "\nkvsctl: no answer: nothing was written" in screen.text.replace("\r", "")
        assert "[]" not in screen.text
        assert not _file(kvsctl).exists()


def test_ctrl_c_ends_the_questions(kvsctl: Command) -> None:
    with emulated_terminal(lines=24) as terminal:
        init = started(kvsctl, terminal, "config", "init")
        terminal.wait_for(lambda rows: any("Name of the new" in row for row in rows))
        terminal.type(b"a\n")
        rows = terminal.wait_for(lambda rows: any("/kvs]" in row for row in rows))
        assert rows[-1].strip() == "[https://api.atlassian.com/forge/storage/kvs]:"
        terminal.type(b"\x03")
        assert init.wait(60) == 130
        rows = terminal.settled_rows()
    assert rows[-1].endswith("nothing was written"), rows
    assert rows[-1].startswith("kvsctl: "), rows
    assert not _file(kvsctl).exists()


@pytest.mark.parametrize(
    "text", ['targets = {a = {url = "https://a.example"}}\n', "targets = {}\n# mine\n"]
)
def test_init_leaves_a_file_alone_to_which_no_section_can_be_added(
    kvsctl: Command, url: str, text: str
) -> None:
    path = _written(kvsctl, text)
    ended = kvsctl("config", "init", "served", "--url", url, status=2)
    assert f"{path}:1: no section can be added to this file: nothing was" in ended.err.decode()
    assert path.read_text() == text


def test_init_keeps_line_ends_and_mode(kvsctl: Command, url: str) -> None:
    path = _written(kvsctl, "")
    path.write_bytes(b"# mine\r\n")
    path.chmod(0o640)
    kvsctl("config", "init", "served", "--url", url, status=0)
    assert path.read_bytes() == f'# mine\r\n\r\n[targets.served]\r\nurl = "{url}"\r\n'.encode()
    if IS_POSIX:
        assert path.stat().st_mode & 0o777 == 0o640


def test_a_relative_token_file_works_from_every_folder(
    kvsctl: Command, url: str, tmp_path: Path
) -> None:
    token = tmp_path / "tok"
    token.write_text("secret")
    token.chmod(0o600)
    words = ("config", "init", "served", "--url", url, "--token-file", "tok")
    kvsctl(*words, folder=tmp_path, status=0)
    [document] = kvsctl("config", "show", "-t", "served", "--json", status=0).lines
    by_name = {one["name"]: one["value"] for one in document["settings"]}
    assert by_name["token"] == f"file {token}"


@only_on(IS_POSIX, "the token command is a shell's")
def test_init_does_not_overwrite_what_was_changed_meanwhile(kvsctl: Command, url: str) -> None:
    path = _written(kvsctl, "# mine\n")
    change = f"sh -c 'printf \"# x\" >> {path}; printf token'"
    ended = kvsctl("config", "init", "a", "--url", url, "--token-command", change, status=2)
    assert b"it has changed since the command began: nothing was written" in ended.err
    assert path.read_text().startswith("# mine\n# x")


@pytest.mark.parametrize("url", ["127.0.0.1:19111", "ftp://host", "host", "http://host.example"])
def test_init_complains_about_a_url_before_a_token(kvsctl: Command, url: str) -> None:
    ended = kvsctl("config", "init", "u", "--url", url, status=2)
    assert b"--url: " in ended.err
    assert b"token" not in ended.err


def test_init_quotes_the_name_to_paste(kvsctl: Command, url: str) -> None:
    ended = kvsctl("config", "init", "\u00fc x", "--url", url, status=0)
    assert "use it with -t '\u00fc x'" in " ".join(ended.err.decode().split())


@only_on(IS_POSIX, "descriptors have names")
def test_init_replaces_only_a_file(kvsctl: Command, url: str) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    try:
        piped = kvsctl.having(KVSCTL_CONFIG=f"/dev/fd/{reading}")
        ended = piped("config", "init", "u", "--url", url, status=2)
    finally:
        os.close(reading)
    assert b"is not a regular file: nothing was written" in ended.err
