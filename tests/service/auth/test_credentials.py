import asyncio
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from kvsctl.errors import CredentialsError
from kvsctl.service.auth.credentials import (
    Credentials,
    GivenToken,
    Secret,
    TokenCommand,
    TokenFile,
    TokenSource,
    bearer,
    container,
)
from tests.support.waiting import wait_until

TOKEN = "s3cret-token.value_1"


def command(script: str, timeout_seconds: float = 30.0) -> TokenCommand:
    return TokenCommand(f"{sys.executable} -c '{script}'", timeout_seconds)


def failure_of(source: TokenSource) -> CredentialsError:
    with pytest.raises(CredentialsError) as caught:
        source.read()
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in "\n".join(
        line for line in shown.splitlines() if not line.startswith("    ")
    )
    assert "s3cret" not in f"{caught.value.message}{caught.value.hint}{caught.value!r}"
    return caught.value


class TestSecret:
    def test_shows_itself_only_when_asked(self) -> None:
        secret = Secret(TOKEN)
        assert "s3cret" not in f"{secret} {secret!r} {secret!s} {[secret]}"
        assert secret.reveal() == TOKEN

    @pytest.mark.parametrize(
        ("token", "text", "shown"),
        [
            (TOKEN, f"no {TOKEN}!", "no …!"),
            (TOKEN, f"no {TOKEN.upper()}, {TOKEN.title()}", "no …, …"),
            (TOKEN, f"x{TOKEN}x", "x…x"),
            (TOKEN, TOKEN[:-1], TOKEN[:-1]),
            ("A.B", "axb a.b", "axb …"),
            ("abc", "abc ABC abcd xabc a-abc-b _abc 1abc abc.", "… … abcd xabc a-…-b _… 1abc …."),
            ("e", "the e key", "the … key"),
        ],
        ids=range(7),
    )
    def test_is_hidden_in_texts(self, token: str, text: str, shown: str) -> None:
        assert Secret(token).hidden_in(text) == shown

    def test_is_compared_by_its_text(self) -> None:
        assert Secret("a") == Secret("a")
        assert Secret("a") != Secret("b")
        assert Secret("a") != "a"
        assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize(
    "holder",
    [
        GivenToken("KVSCTL_TOKEN", Secret(TOKEN)),
        TokenCommand(f"echo {TOKEN}"),
        Credentials(GivenToken("KVSCTL_TOKEN", Secret(TOKEN)), bearer),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_a_token(holder: object) -> None:
    assert "s3cret" not in repr(holder)


class TestGivenToken:
    def test_is_stripped_of_white_space(self) -> None:
        assert GivenToken("KVSCTL_TOKEN", Secret(f" {TOKEN}\n")).read() == Secret(TOKEN)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "KVSCTL_TOKEN gave no token"),
            (" \n", "KVSCTL_TOKEN gave no token"),
            ("s3cret\ns3cret", "KVSCTL_TOKEN gave more than one token"),
            ("Bearer s3cret", 'KVSCTL_TOKEN gave a token with "Bearer" before it'),
            ("bearer  s3cret\n", 'KVSCTL_TOKEN gave a token with "Bearer" before it'),
            ("'Bearer s3cret'", 'KVSCTL_TOKEN gave a token with "Bearer" before it'),
            ("Authorization: Bearer s3cret", 'KVSCTL_TOKEN gave a token with "Bearer" before it'),
            ("Bearer ", 'KVSCTL_TOKEN gave a token with "Bearer" before it'),
            ('"s3cret"', "KVSCTL_TOKEN gave a token in quotes"),
            ("'s3cret", "KVSCTL_TOKEN gave a token in quotes"),
            ("`s3cret`", "KVSCTL_TOKEN gave a token in quotes"),
            ("s3cret\u00e9", "KVSCTL_TOKEN gave characters other than printable ASCII"),
            ("s3cret\x00", "KVSCTL_TOKEN gave characters other than printable ASCII"),
        ],
    )
    def test_an_error_says_what_is_wrong_and_shows_no_token(self, text: str, message: str) -> None:
        assert failure_of(GivenToken("KVSCTL_TOKEN", Secret(text))).message == message


class TestTokenFile:
    def test_is_read_again_each_time(self, tmp_path: Path) -> None:
        source = TokenFile(tmp_path / "token")
        source.path.write_text(f"{TOKEN}\r\n")
        assert source.read() == Secret(TOKEN)
        source.path.write_text("other")
        assert source.read() == Secret("other")
        source.path.write_text("other", "utf-8-sig")
        assert source.read() == Secret("other")
        assert source.name == f"token file {source.path}"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "cannot read {}: No such file or directory"),
            (b"", "{} gave no token"),
            (b"\n\n", "{} gave no token"),
            (b"s3cret\ns3cret2\n", "{} gave more than one token"),
            (b"s3cret\xff", "cannot read {}: not UTF-8"),
            (b"Bearer s3cret\n", '{} gave a token with "Bearer" before it'),
            (b'"s3cret"\r\n', "{} gave a token in quotes"),
            (b"s3cret\x1b[0m", "{} gave characters other than printable ASCII"),
        ],
    )
    def test_an_error_says_what_is_wrong_and_shows_no_content(
        self, tmp_path: Path, content: bytes | None, message: str
    ) -> None:
        path = tmp_path / "token"
        if content is not None:
            path.write_bytes(content)
        assert failure_of(TokenFile(path)).message == message.format(f"token file {path}")

    def test_an_impossible_path_is_an_error_without_traceback(self, tmp_path: Path) -> None:
        assert failure_of(TokenFile(tmp_path / "a\0b")).message.startswith(
            "cannot read token file "
        )
        assert "Is a directory" in failure_of(TokenFile(tmp_path)).message


def test_only_as_much_of_a_file_is_read_as_a_token_can_have(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    path.touch()
    os.truncate(path, 10**13)  # takes no space on disk, but would not fit into memory
    assert failure_of(TokenFile(path)).message.endswith("gave more than one token")


class TestTokenCommand:
    def test_is_run_again_each_time_and_without_a_shell(self, tmp_path: Path) -> None:
        count = tmp_path / "count"
        count.write_text("")
        source = command(
            f'import pathlib; p = pathlib.Path("{count}"); p.write_text(p.read_text() + "x"); '
            'print("token$HOME" + p.read_text())'
        )
        assert source.read() == Secret("token$HOMEx")
        assert source.read() == Secret("token$HOMExx")

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (command(""), "token command gave no token"),
            (command('print("s3cret"); print("s3cret2")'), "gave more than one token"),
            (
                command('import sys; sys.stdout.buffer.write(b"s3cret\\xff")'),
                "gave characters other than printable ASCII",
            ),
            (TokenCommand("echo Bearer s3cret"), 'gave a token with "Bearer" before it'),
            (TokenCommand("echo '\"s3cret\"'"), "gave a token in quotes"),
            (command('print("s3cret"); raise SystemExit(3)'), "ended with exit code 3"),
            (
                command("import threading; threading.Event().wait(60)", 0.0),
                "did not end within 0 s",
            ),
            (
                TokenCommand("/none/such s3cret"),
                'cannot run token command "/none/such": No such file or directory',
            ),
            (TokenCommand("/ s3cret"), 'cannot run token command "/": Permission denied'),
            (TokenCommand("echo 's3cret"), "cannot run token command: No closing quotation"),
            (TokenCommand("echo s3cret\0"), 'cannot run token command "echo": embedded null byte'),
            (TokenCommand(""), "token command is empty"),
            (TokenCommand("  "), "token command is empty"),
        ],
        ids=range(13),
    )
    def test_an_error_says_what_is_wrong_and_shows_no_output(
        self, source: TokenCommand, message: str
    ) -> None:
        failure = failure_of(source)
        assert message in failure.message
        is_about_the_token = "a token" in failure.message
        assert is_about_the_token or "without a shell" in str(failure.hint)

    def test_a_command_that_prints_without_end_is_killed(self) -> None:
        endless = command('import sys\nwhile True: sys.stdout.write("s3cret" * 1000)')
        assert failure_of(endless).message == "token command gave more than one token"

    def test_does_not_read_the_records_on_stdin(self) -> None:
        assert command('import sys; print("token" + sys.stdin.read())').read() == Secret("token")

    def test_leaves_stderr_to_the_terminal(self, capfd: pytest.CaptureFixture[str]) -> None:
        command('import sys; print("log in at …", file=sys.stderr); print("token")').read()
        assert "log in at" in capfd.readouterr().err

    def test_a_child_that_holds_the_output_does_not_prolong_the_wait(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pid = tmp_path / "pid"
        waiting = "import threading; threading.Event().wait(60)"
        script = (
            "import subprocess, sys, pathlib; "
            f'child = subprocess.Popen([sys.executable, "-c", "{waiting}"]); '
            'print("s3cret", flush=True); '
            f'pathlib.Path("{pid}").write_text(str(child.pid)); {waiting}'
        )

        def time_is_up_once_the_child_holds_the_output(*_: object) -> None:
            wait_until(lambda: pid.exists() and pid.read_text() != "")

        monkeypatch.setattr(threading.Thread, "join", time_is_up_once_the_child_holds_the_output)
        started = time.monotonic()
        assert "did not end within 5 s" in failure_of(command(script, 5.0)).message
        assert time.monotonic() - started < 50
        os.kill(int(pid.read_text()), 9)


class Source:
    """A source that gives tokens in turn, repeats the last one, and counts its reads."""

    name = "test source"
    may_change = True

    def __init__(self, *given: str | CredentialsError) -> None:
        self.given = list(given)
        self.reads = 0
        self._lock = threading.Lock()

    def read(self) -> Secret:
        with self._lock:
            self.reads += 1
            one = self.given.pop(0) if len(self.given) > 1 else self.given[0]
        if isinstance(one, CredentialsError):
            raise one
        return Secret(one)


def credentials(
    source: TokenSource | None, header: Callable[[Secret], dict[str, str]] | None = None
) -> Credentials:
    return Credentials(source, header or bearer)


class TestCredentials:
    def test_read_the_source_once_for_many_senders(self) -> None:
        source = Source("first", "second")

        async def work() -> list[Secret | None]:
            given = credentials(source)
            return await asyncio.gather(*(given.current() for _ in range(20)))

        assert asyncio.run(work()) == [Secret("first")] * 20
        assert source.reads == 1

    def test_renew_once_for_all_requests_in_flight(self) -> None:
        source = Source("first", "second", "third")

        async def work() -> tuple[list[bool], Secret | None]:
            given = credentials(source)
            refused = await given.current()
            renewed = await asyncio.gather(*(given.renew(refused) for _ in range(20)))
            renewed.append(await given.renew(refused))  # a 401 that comes late
            return renewed, await given.current()

        assert asyncio.run(work()) == ([True] * 21, Secret("second"))
        assert source.reads == 2

    def test_a_source_that_gives_the_refused_token_again_is_read_once(self) -> None:
        source = Source("same")

        async def work() -> list[bool]:
            given = credentials(source)
            refused = await given.current()
            return await asyncio.gather(*(given.renew(refused) for _ in range(20)))

        assert asyncio.run(work()) == [False] * 20
        assert source.reads == 2

    def test_each_refused_token_may_be_renewed(self) -> None:
        source = Source("first", "second", "third")

        async def work() -> list[Secret | None]:
            given = credentials(source)
            seen = [await given.current()]
            for _ in range(2):
                assert await given.renew(seen[-1])
                seen.append(await given.current())
            return seen

        assert asyncio.run(work()) == [Secret("first"), Secret("second"), Secret("third")]
        assert source.reads == 3

    @pytest.mark.parametrize("before", [0, 1])
    def test_a_source_that_fails_is_read_once(self, before: int) -> None:
        failing = CredentialsError("the test source failed", "a hint")
        source = Source(*["first"] * before, failing)

        async def work() -> list[object]:
            given = credentials(source)
            if before:
                refused = await given.current()
                calls = [given.renew(refused) for _ in range(20)]
                return await asyncio.gather(*calls, return_exceptions=True)
            return await asyncio.gather(
                *(given.current() for _ in range(20)), return_exceptions=True
            )

        ends = asyncio.run(work())
        assert [(str(end), getattr(end, "hint", None)) for end in ends] == [
            ("the test source failed", "a hint")
        ] * 20
        assert source.reads == before + 1

    def test_without_a_source_there_is_no_token_and_no_header(self) -> None:
        async def work() -> None:
            given = credentials(None)
            assert await given.current() is None
            assert given.headers(None) == {}
            assert not await given.renew(None)
            assert given.source_name is None

        asyncio.run(work())

    def test_the_header_is_the_targets(self) -> None:
        given = credentials(Source("x"))
        assert given.headers(Secret("abc")) == {"authorization": "Bearer abc"}
        assert given.source_name == "test source"
        assert container("i-1") == {"forge-proxy-authorization": "Forge as=app,installationId=i-1"}

    def test_reading_does_not_hold_up_the_loop(self) -> None:
        """The source waits for an event that only the loop can set."""
        released = threading.Event()

        class Slow(Source):
            def read(self) -> Secret:
                assert released.wait(30)
                return super().read()

        async def work() -> Secret | None:
            reading = asyncio.ensure_future(credentials(Slow("token")).current())
            await asyncio.sleep(0)
            released.set()
            return await reading

        assert asyncio.run(work()) == Secret("token")

    def test_a_source_that_hangs_does_not_keep_the_process(self) -> None:
        """A caller that is cancelled while the source is read returns at once."""
        asked, released = threading.Event(), threading.Event()

        class Hanging(Source):
            def read(self) -> Secret:
                asked.set()
                released.wait(20)
                return super().read()

        async def work() -> None:
            reading = asyncio.ensure_future(credentials(Hanging("token")).current())
            assert await asyncio.to_thread(asked.wait, 20)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading

        started = time.monotonic()
        asyncio.run(work())
        took = time.monotonic() - started
        released.set()
        assert took < 10
