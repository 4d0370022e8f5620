"""The advice of errors that the library raises names arguments, not options."""

import ast
import inspect
from pathlib import Path

import pytest

import kvsctl
from kvsctl import AsyncClient, Client
from kvsctl.client import wording
from kvsctl.client.wording import _ARGUMENTS, _PHRASES, in_python
from kvsctl.errors import KvsctlError, TargetError, UsageError
from kvsctl.service.transport.in_process import in_process
from tests.client.clients import URL, environ_of, in_memory


def test_every_argument_that_is_named_exists() -> None:
    names = {
        name
        for method in (Client, AsyncClient, Client.from_target, Client.diff, Client.export)
        for name in inspect.signature(method).parameters
    }
    settings = inspect.get_annotations(Client.__init__)["settings"]
    known = names | settings.__args__[0].__annotations__.keys()
    assert known >= _ARGUMENTS


def test_every_phrase_that_is_replaced_is_said_elsewhere() -> None:
    """A message that is worded anew would otherwise reach callers as the commands say it."""
    texts = {
        node.value
        for path in Path(kvsctl.__file__).parent.rglob("*.py")
        if path != Path(wording.__file__)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [one for one in _PHRASES if not any(one in text for text in texts)] == []


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("Restore it, or add --ignore-manifest.", "Restore it, or add ignore_manifest=True."),
        (
            "Run the command again later, or raise --patience.",
            "Call it again later, or raise patience.",
        ),
        ("Use --output FILE.", "Use --output FILE."),
    ],
)
def test_options_become_arguments_if_there_are_such(said: str, says: str) -> None:
    error = in_python(KvsctlError(said, said))
    assert (str(error), error.message, error.hint) == (says, says, says)


def test_a_file_that_is_altered_is_refused_with_the_argument_that_allows_it(tmp_path: Path) -> None:
    with Client(URL, transport=in_process(URL, in_memory(), 30)) as client:
        client.set_many([{"key": "k", "value": 1}])
        path = client.export(tmp_path / "out.jsonl").path
        path.write_text('{"key":"k","value":2}\n')
        with pytest.raises(UsageError) as caught:
            list(client.diff(path))
        assert "ignore_manifest=True" in str(caught.value.hint)
        assert len([*client.diff(path, ignore_manifest=True)]) == 1


def test_a_missing_token_and_a_service_that_is_away_are_named_so() -> None:
    with pytest.raises(UsageError) as caught, Client("https://kvsctl.invalid"):
        pass
    assert "argument token" in str(caught.value.hint)
    with pytest.raises(UsageError) as caught, Client("http://kvsctl.invalid", "token"):
        pass
    assert "allow_http=True" in str(caught.value.hint)
    with Client("http://127.0.0.1:9", "token", retries=0, give_up_after=1) as client:
        with pytest.raises(TargetError) as away:
            client.set_many([{"key": "k", "value": 1}])
        assert "--" not in f"{away.value.message} {away.value.hint}"


def test_a_store_that_is_closed_meanwhile_leaves_no_word_on_stderr(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emulator = in_memory()
    with Client(URL, transport=in_process(URL, emulator, 30), retries=0) as client:
        assert client.set_many([{"key": "k", "value": 1}]).succeeded == 1
        emulator.store.close()  # as the end of a client does while a request waits for its turn
        with pytest.raises(TargetError):
            list(client.scan())
    assert not caplog.records


@pytest.mark.parametrize("installation", ["", "acme"])
def test_an_installation_that_cannot_be_chosen_is_named_as_the_argument(
    tmp_path: Path, installation: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Client.from_target("local", installation=installation, environ=environ_of(tmp_path))
    assert caught.value.message.startswith("installation ")
    assert "option" not in str(caught.value.hint)
    assert "-t " not in str(caught.value.hint)
