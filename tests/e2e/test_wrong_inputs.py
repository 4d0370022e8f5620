"""Input of another form than expected: nothing wrong is stored or deleted, and the reader is told.

The inputs are those of real use: pretty-printed JSON, files joined on Windows, other delimiters.
"""

from pathlib import Path

import pytest

from tests.support.command import Command


@pytest.fixture
def local(kvsctl: Command) -> Command:
    """kvsctl on the embedded target, with four records."""
    command = kvsctl.having(KVSCTL_TARGET="local")
    command("set", "a=1", "b=2", "c=3", "d=4", status=0)
    return command


def kept(local: Command) -> bytes:
    return local("get", "a", "b", "c", "d", "--values", "--ignore-missing", "-q", status=0).out


class TestDocuments:
    @pytest.mark.parametrize("verb", ["delete", "get"])
    @pytest.mark.parametrize(
        "text",
        [
            b'{\n"results": [\n"a",\n"b"\n],\n"keep": [\n"c",\n"d"\n]\n}\n',
            b'{\n  "keys": [\n    "a",\n    "b"\n  ]\n}\n',
            b'\xef\xbb\xbf\r\n{"keys":\r\n["a",\r\n"b"\r\n]}',
            b'{\n  "key":\n    "a",\n  "value":\n    "b"\n}\n',
            b'// what to delete\n[\n"a",\n"b"\n]\n',
        ],
        ids=range(5),
    )
    @pytest.mark.parametrize("name", ["in.json", "in.keys", "in.jsonl", "in.txt", None])
    def test_no_key_in_a_document_is_deleted(
        self, local: Command, tmp_path: Path, verb: str, text: bytes, name: str | None
    ) -> None:
        if name is None:
            ended = local(verb, stdin=text, status=2)
        else:
            path = tmp_path / name
            path.write_bytes(text)
            ended = local(verb, "-f", path, status=2)
        assert b": not JSON Lines: " in ended.err
        assert ended.out == b""
        assert kept(local) == b"1\n2\n3\n4\n"

    @pytest.mark.parametrize("name", ["in.json", "in.jsonl", "in"])
    def test_no_record_in_a_document_is_stored(
        self, local: Command, tmp_path: Path, name: str
    ) -> None:
        path = tmp_path / name
        path.write_bytes(b'{"Items":[\n{"key":"a","value":0},\n{"key":"b","value":0}\n]}\n')
        ended = local("set", "-f", path, "--json", status=2)
        assert f"jq -c '.Items[]' {path}".encode() in ended.err
        assert ended.report["records"] == 0
        good = tmp_path / "good.jsonl"
        good.write_bytes(b'{"key":"c","value":0}\n')
        local("set", "-f", good, "-f", path, status=2)
        assert kept(local) == b"1\n2\n3\n4\n"

    def test_a_torn_record_alone_is_a_failed_record(self, local: Command) -> None:
        report = local("set", "--json", stdin=b'{"key":"a","value":\n', status=1).report
        assert (report["records"], report["failed"]) == (1, 1)

    def test_a_torn_record_after_others_fails_alone(self, local: Command) -> None:
        text = b'{"key":"a","value":0}\n{"key":"b","value":\n{"key":"c","value":0}\n'
        assert local("set", "--json", stdin=text, status=1).report["succeeded"] == 2
