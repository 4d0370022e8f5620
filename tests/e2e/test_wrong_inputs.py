"""Input of another form than expected: nothing wrong is stored or deleted, and the error says why.

The inputs are those of real use: pretty-printed JSON, files joined on Windows, other delimiters.
"""

from pathlib import Path

import pytest

from tests.support.commands.command import Command


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

    @pytest.mark.parametrize(
        ("name", "good"), [("in.jsonl", b'{"key":"a"}\n"b"\n'), ("in.keys", b"a\nb\n")]
    )
    @pytest.mark.parametrize(
        "document",
        [
            b'{\n "keep": [\n  "c",\n  "d"\n ]\n}\n',
            b'[\n"c",\n"d"\n]\n',
            b'\xef\xbb\xbf{ "keep": [\n"c",\n"d" ]\n}\n',
            b'{keep: [\n"c", // one\n"d",\n]}\n',
            b'module.exports = {"keep": [\n"c",\n"d"\n]}\n',
            b'\x1e{\n"keep": [\n"c",\n"d"\n]}\n',
            b'{"Items":[\n{"key":"c"},\n{"key":"d"}\n],"Count":2}\n',
            b'{"Items":[\n{"key":"c"}\n]}\n{"Items":[\n"d"\n',
        ],
        ids=range(8),
    )
    def test_a_document_after_the_first_line_is_not_read(
        self, local: Command, tmp_path: Path, name: str, good: bytes, document: bytes
    ) -> None:
        path, failures = tmp_path / name, tmp_path / "failures.jsonl"
        path.write_bytes(good + document)
        ended = local("delete", "-f", path, "--failures", failures, "--json", status=1)
        report = ended.report
        lines = document.count(b"\n")
        assert (report["succeeded"], report["failed"]) == (2, lines)
        assert kept(local) == b"3\n4\n"
        assert report["failures"][0]["source"] == f"{path}:3"
        assert report["failures"][0]["message"] == "a JSON document over several lines begins here"
        # What the document holds is not deleted when the failures are input again.
        local("delete", "-f", failures, status=1)
        assert kept(local) == b"3\n4\n"

    def test_no_record_in_a_later_document_is_stored(self, local: Command) -> None:
        text = b'{"key":"a","value":0}\n{"Items":[\n{"key":"b","value":0}\n]}\n'
        assert local("set", "--json", stdin=text, status=1).report["succeeded"] == 1
        assert kept(local) == b"0\n2\n3\n4\n"

    def test_what_follows_a_document_is_read(self, local: Command) -> None:
        text = b'{"key":"a"}\n{"keep":[\n"b"\n]}\n{"key":"c"}\n'
        assert local("delete", "--json", stdin=text, status=1).report["succeeded"] == 2
        assert kept(local) == b"2\n4\n"


MARK = b"\xef\xbb\xbf"


class TestInvisible:
    @pytest.mark.parametrize("verb", ["delete", "get"])
    @pytest.mark.parametrize(
        ("text", "failing", "shown"),
        [
            (MARK + b"a\r\n" + MARK + b"b\r\n", ["-:2"], "byte order mark (U+FEFF)"),
            (b"b\rc\rd\r", ["-:1"], "a CR (U+000D)"),
            (b"a\r\n b\r\r\nc\n", ["-:2"], "a CR (U+000D)"),
            (b"b\x0b\n", ["-:1"], "a control character (U+000B)"),
            (b"b\x00\n", ["-:1"], "(U+0000)"),
            (b'\xef\xbb\xbf"a"\n\xef\xbb\xbf"b"\n', ["-:2"], "byte order mark"),
        ],
        ids=range(6),
    )
    def test_a_plain_key_with_it_fails_at_its_place(
        self, local: Command, verb: str, text: bytes, failing: list[str], shown: str
    ) -> None:
        report = local(verb, "--json", stdin=text, status=1).report
        assert [failure["source"] for failure in report["failures"]] == failing
        assert {failure["code"] for failure in report["failures"]} == {"INVALID_KEY"}
        assert shown in report["failures"][0]["message"]
        assert report["records"] == report["succeeded"] + len(failing)

    def test_a_key_with_it_is_written_as_a_json_string(self, local: Command) -> None:
        key = '"\\ufeffa\\r"'
        local("set", stdin=b'{"key":%b,"value":9}' % key.encode(), status=0)
        assert local("get", "--values", stdin=key.encode(), status=0).out == b"9\n"

    @pytest.mark.parametrize("verb", ["set", "delete"])
    @pytest.mark.parametrize(
        ("table", "failing"),
        [
            (MARK + b"key,value\r\na,1\r\n" + MARK + b"key,value\r\nb,0\r\n", 3),
            (b"value,key\n1,a\n" + MARK + b"0,b\n", 3),
            (b'key,value\na,1\n"b\r",0\n', 3),
            (b'key,value\na,1\n"\xef\xbb\xbfb",0\n', 3),
        ],
        ids=range(4),
    )
    def test_a_row_with_it_fails_at_its_place(
        self, local: Command, verb: str, table: bytes, failing: int
    ) -> None:
        report = local(verb, "--json", "--format", "csv", stdin=table, status=1).report
        assert [failure["source"] for failure in report["failures"]] == [f"-:{failing}"]

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            (b" a\n b\nc\n", 2),
            (b"a\tu\nb\n", 1),
            ("a\u00a0\n".encode(), 1),
            ("a\u3000b\nc \n".encode(), 2),
            (b"key,n\n a,1\nb,2\n", 1),
            (b"a b\nc\n", 0),
            (b'" a"\n', 0),
            (b'{"key":" a"}\n', 0),
        ],
    )
    @pytest.mark.parametrize("verb", ["delete", "get"])
    def test_odd_blanks_are_legal_and_warned_of_once(
        self, local: Command, verb: str, text: bytes, count: int
    ) -> None:
        told = local(verb, stdin=text).err.decode()
        warnings = [line for line in told.splitlines() if "warning" in line]
        if count:
            (warning,) = warnings
            place = "-:2" if text.startswith(b"key") else "-:1"
            keys = "1 key has" if count == 1 else f"{count} keys have"
            assert warning.startswith(f"kvsctl: warning: {keys} outer white space")
            assert f"the first at {place};" in warning
        else:
            assert warnings == []
        assert local(verb, "-q", stdin=text).err.count(b"warning") == 0

    def test_a_key_before_nul_that_ends_in_a_line_feed_is_warned_of(self, local: Command) -> None:
        assert b"warning: 1 key has outer" in local("delete", "-0", stdin=b"a\nb\n", status=0).err
        assert kept(local) == b"1\n2\n3\n4\n"


class TestNamesOfFiles:
    def test_set_refuses_them(self, local: Command, tmp_path: Path) -> None:
        (tmp_path / "my users.csv").write_text("key,value\nx,1\n")
        ended = local("set", "a=0", "my users.csv", status=2, folder=tmp_path)
        assert b"my users.csv is a file, not KEY=VALUE\nRead it with -f 'my users.csv'" in ended.err
        assert kept(local) == b"1\n2\n3\n4\n"

    @pytest.mark.parametrize("verb", ["get", "delete"])
    def test_as_keys_they_are_warned_of(self, local: Command, tmp_path: Path, verb: str) -> None:
        (tmp_path / "keys.txt").write_text("a\nb\n")
        (tmp_path / "folder").mkdir()
        told = local(verb, "keys.txt", "a", "none", folder=tmp_path).err
        assert (
            b"kvsctl: warning: 1 key is also the name of a file here: to %b" % verb.encode() in told
        )
        assert b"use -f keys.txt" in told
        assert b"warning" not in local(verb, "a", "folder", folder=tmp_path).err
        as_json = local(verb, "keys.txt", "a", "--json", folder=tmp_path)
        assert b"warning" in as_json.err
        assert as_json.report["records"] == 2


class TestTables:
    @pytest.mark.parametrize(
        ("table", "words", "message", "hint"),
        [
            (b"key;value\na;0\n", (), 'no column "key"; columns: "key;value"', "--delimiter ';'"),
            (b"key\tvalue\na\t0\n", (), 'columns: "key\\tvalue"', "--delimiter '\\t'"),
            (b"key|value\na|0\n", (), 'columns: "key|value"', "--delimiter '|'"),
            (b"# made in 2026\nkey,value\na,0\n", (), "# made in 2026", "remove the comment"),
            (b"id,n\na,0\n", ("--key", "user:{ID}"), 'columns: "id", "n"', 'the column is "id"'),
            (b"id,n\na,0\n", ("--key-field", "x"), 'columns: "id", "n"', "--key-field or --key"),
            (
                b"ID;n\na;0\n",
                ("--key", "user:{id}"),
                'columns: "ID;n"',
                """With --delimiter ';', the columns are "ID", "n": choose one with --key-field""",
            ),
            (
                b"ID,x|n,y|m\na;0\n",
                ("--key-field", "id"),
                'columns: "ID", "x|n", "y|m"',
                "Names must match exactly",
            ),
            (b"a\tb\tc,d\n1\t2\t3,4\n", ("--key-field", "id"), '"c,d"', 'are "a", "b", "c,d"'),
            (b'"a":b\n1:2\n', ("--key-field", "id", "--delimiter", ":"), '"a", "b"', "Choose a"),
            (b"key,n\na,0\n", (), 'unknown column "n"', "--value-field"),
            (b"key,value\ra,0\r", (), "contains a CR", "tr '\\r' '\\n'"),
        ],
        ids=range(12),
    )
    def test_what_is_wrong_with_a_header_is_said(
        self,
        local: Command,
        tmp_path: Path,
        table: bytes,
        words: tuple[str, ...],
        message: str,
        hint: str,
    ) -> None:
        path = tmp_path / "in.csv"
        path.write_bytes(table)
        told = local("set", "-f", path, *words, status=2).err.decode()
        assert f"{path}:1: " in told
        assert message in told
        assert hint in told.splitlines()[-1]

    @pytest.mark.parametrize("verb", ["set", "get", "delete"])
    @pytest.mark.parametrize("mark", [";", "|"])
    def test_another_delimiter_is_named_for_a_file_of_any_name(
        self, local: Command, tmp_path: Path, verb: str, mark: str
    ) -> None:
        path = tmp_path / "in.txt"
        path.write_text(f"key{mark}value\na{mark}0\n")
        told = local(verb, "-f", path, status=2).err.decode()
        assert told.endswith(f"by another delimiter: --delimiter '{mark}'\n")
        assert kept(local) == b"1\n2\n3\n4\n"
        assert local(verb, "-f", path, "--delimiter", mark, "--json", status=0)

    @pytest.mark.parametrize("name", ["in.csv", "in.tsv", None])
    @pytest.mark.parametrize(
        "first", [b"sep=;\n", b'"sep=;"\r\n', b"\xef\xbb\xbfSEP=;\r\n", b"sep=;;\n"]
    )
    def test_a_table_that_names_its_delimiter_is_read_with_it(
        self, local: Command, tmp_path: Path, first: bytes, name: str | None
    ) -> None:
        table = first + b"key;value\na;0\nb/;1\n"
        given: tuple[str | Path, ...] = ()
        if name is not None:
            (tmp_path / name).write_bytes(table)
            given, table = ("-f", tmp_path / name), b""
        for words in (given, (*given, "--delimiter", ";")):
            report = local("set", *words, "--json", stdin=table, status=1).report
            assert report["failures"][0]["source"].endswith(":4")
            assert report["succeeded"] == 1
        assert kept(local).startswith(b'"0"\n')

    @pytest.mark.parametrize("verb", ["set", "get", "delete"])
    def test_a_header_that_is_repeated_fails_alone(self, local: Command, verb: str) -> None:
        table = b"key,value\na,0\n" * 2 + b'"key","value"\nb,0\n'
        report = local(verb, "--json", stdin=table, status=1).report
        assert [failure["source"] for failure in report["failures"]] == ["-:3", "-:5"]
        assert "repeats the header" in report["failures"][0]["message"]
        local("get", "key", status=1)

    def test_without_quoting_a_quote_is_a_character(self, local: Command, tmp_path: Path) -> None:
        path = tmp_path / "in.tsv"
        path.write_bytes(b'key\tvalue\na\t"open\nb\tsay "hi"\nc\t"x""y"\n')
        local("set", "-f", path, "--quote", "none", status=0)
        assert local("get", "a", "b", "c", "--raw", status=0).out == b'"open\nsay "hi"\n"x""y"\n'
        local("delete", "-f", path, "--quote", "none", status=0)
        assert kept(local) == b"4\n"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--quote", "single"), '--quote: unknown value "single"\nKnown: double, none.'),
            (("--quote", "none", "--format", "jsonl"), "--quote does not apply to --format jsonl"),
        ],
    )
    def test_quoting_is_one_of_two_kinds(
        self, local: Command, tmp_path: Path, words: tuple[str, ...], message: str
    ) -> None:
        path = tmp_path / "in.csv"
        path.write_bytes(b"key,value\n")
        assert message in local("set", "-f", path, *words, status=2).err.decode()
        given = ("get", "-0", "--quote", "none", "-f", path)
        assert b"--null and --quote exclude each other" in local(*given, status=2).err


class TestAdvice:
    """The report's advice for input that cannot be read fits the cause."""

    @pytest.mark.parametrize(
        ("text", "words", "advice"),
        [
            (b'{"a":1,"b":2}\n', (), "jq -c 'to_entries[]'"),
            (b'{"a":1,"b":2}\n', (), "--key-field NAME or --key 'user:{NAME}'"),
            (b'[\n{"key":"a","flags":0,"value":"x"}\n]\n', (), "--value-field value"),
            (b'{"_id":{"$oid":"65aa"},"n":1}\n', ("--key-field", "_id"), """._id |= .["$oid"]"""),
            (b'{"key":"a","value":1},\n{"key":"b","value":1}\n', (), "sed 's/,$//'"),
            (b'{"key":"a","value":1}{"key":"b","value":1}\n', (), "jq -c . prints"),
            (b'{"key":"a","value":1}\r{"key":"b","value":1}\r', (), "tr '\\r' '\\n'"),
            (b'["a",1]\n["b",1]\n', ("--format", "jsonl"), "{key: .[0], value: .[1]}"),
            (b"id;value\na;1\n", (), "--format csv or tsv, and --delimiter"),
            (b'{"id":"a"}\n', ("--key-field", "ID"), "--key-field NAME"),
            (b'{"key":"a"}\n', (), "--value-field NAME"),
        ],
        ids=range(11),
    )
    def test_of_set(self, local: Command, text: bytes, words: tuple[str, ...], advice: str) -> None:
        told = " ".join(local("set", *words, stdin=text, status=1).err.decode().split())
        assert advice in told
        assert "Write one record per line: {" not in told

    @pytest.mark.parametrize("verb", ["get", "delete"])
    @pytest.mark.parametrize(
        ("text", "advice"),
        [
            (b"a\0b\0", "use --null (-0)"),
            (b"ID;n\na;1\n", "--format csv, --key-field NAME, and --delimiter"),
            (b"a/b\n", "Change the key."),
        ],
    )
    def test_of_keys(self, local: Command, verb: str, text: bytes, advice: str) -> None:
        assert advice in " ".join(local(verb, stdin=text, status=1).err.decode().split())

    def test_of_a_journalled_job_that_is_resumed(self, local: Command, tmp_path: Path) -> None:
        path = tmp_path / "in.jsonl"
        path.write_bytes(b'{"x":1}\n{"key":"a","value":0},\n{"key":"b","value":0}\n')
        words = ("set", "-f", path, "--journal", tmp_path / "j")
        assert b"to_entries" in local(*words, "--max-failures", "1").err
        assert b"to_entries" in local(*words).err

    @pytest.mark.parametrize("member", ['"ttl":null', '"options":null', '"options":{"ttl":null}'])
    def test_a_ttl_of_null_is_none(self, local: Command, member: str) -> None:
        local("set", stdin=f'{{"key":"a","value":0,{member}}}\n'.encode(), status=0)
        assert local("get", "a", "--metadata", "expires", status=0).lines == [
            {"key": "a", "value": 0}
        ]
