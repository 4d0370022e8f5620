import pytest

from kvsctl.errors import UsageError
from kvsctl.records.formats import Format, Forms
from kvsctl.records.shapes import KeyTemplate, Shape, shape_of

SET = Forms()
GET = Forms(has_values=False)


class TestFind:
    @pytest.mark.parametrize(
        ("label", "head", "of_set", "of_get"),
        [
            ("a.jsonl", b"[", Format.JSONL, Format.JSONL),
            ("a.NDJSON.gz", b"key,value\n", Format.JSONL, Format.JSONL),
            ("a.csv", b"{", Format.CSV, Format.CSV),
            ("a.tsv.zst", b"", Format.TSV, Format.TSV),
            ("a.keys", b"{}", Format.JSONL, Format.KEYS),
            ("a.json", b" \r\n\t[", Format.JSON, Format.JSON),
            ("a.json", b"\n{", Format.JSONL, Format.JSONL),
            ("-", b"[", Format.JSON, Format.JSON),
            ("-", b"", Format.JSONL, Format.KEYS),
            ("-", b"key,value", Format.CSV, Format.CSV),
            ("-", b'"value","key"\r\na,b', Format.CSV, Format.CSV),
            ("-", b"key\tvalue\n", Format.TSV, Format.KEYS),
            ("-", b"key;value\n", Format.CSV, Format.CSV),
            ("-", b"value|key\r\n", Format.CSV, Format.CSV),
            ("-", b"id;value\n", Format.JSONL, Format.KEYS),
            ("-", b"id,value\n", Format.JSONL, Format.KEYS),
            ("-", b"key\n", Format.JSONL, Format.KEYS),
            (".gz", b"key\n", Format.JSONL, Format.KEYS),
        ],
    )
    def test_the_suffix_decides_then_the_first_bytes(
        self, label: str, head: bytes, of_set: Format, of_get: Format
    ) -> None:
        assert SET.find(label, head, is_whole=True) is of_set
        assert GET.find(label, head, is_whole=True) is of_get

    def test_a_given_format_decides(self) -> None:
        assert Forms(Format.TSV).find("a.jsonl", b"[", is_whole=False) is Format.TSV

    @pytest.mark.parametrize("head", [b"", b" \n", b"xyz"])
    def test_asks_for_more_until_the_first_line_is_complete(self, head: bytes) -> None:
        assert SET.find("-", head, is_whole=False) is None
        assert SET.find("-", head + b"x" * 70_000, is_whole=False) is Format.JSONL

    def test_a_header_is_recognised_by_the_members_that_make_the_key(self) -> None:
        forms = Forms(shape=Shape(KeyTemplate.parse("{a}-{b}"), delimiter=";"))
        assert forms.find("-", b"b;c;a\n", is_whole=False) is Format.CSV
        assert forms.find("-", b"b;c\n", is_whole=False) is Format.JSONL
        assert forms.find("-", b"b,c,a\n", is_whole=False) is Format.JSONL


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "literals", "members"),
        [
            ("{id}", ("", ""), ("id",)),
            ("user:{id}", ("user:", ""), ("id",)),
            ("{a}{b c}.x", ("", "", ".x"), ("a", "b c")),
            ("{{{id}}}", ("{", "}"), ("id",)),
        ],
    )
    def test_a_template_is_text_and_members(
        self, text: str, literals: tuple[str, ...], members: tuple[str, ...]
    ) -> None:
        assert KeyTemplate.parse(text) == KeyTemplate(literals, members)

    @pytest.mark.parametrize("text", ["", "user", "{", "a}", "{a", "{}", "{a}{", "{a{b}}", "{{a}}"])
    def test_a_template_without_a_member_or_with_an_unmatched_brace_is_refused(
        self, text: str
    ) -> None:
        with pytest.raises(UsageError, match="--key"):
            KeyTemplate.parse(text)

    @pytest.mark.parametrize("delimiter", ["", ",,", "\n", '"', "\r", "\0"])
    def test_a_delimiter_is_one_character(self, delimiter: str) -> None:
        with pytest.raises(UsageError, match="--delimiter"):
            shape_of(delimiter=delimiter)

    def test_a_shape_follows_the_options(self) -> None:
        assert shape_of() == Shape()
        assert shape_of(delimiter="\\t").delimiter == "\t"
        shape = shape_of(key_field="id", infer_types=True)
        assert shape == Shape(KeyTemplate(("", ""), ("id",)), infer_types=True)
        assert (shape.is_record, shape.takes_whole) == (False, True)
        assert shape_of(value_field="v").key_members == {"key"}
        with pytest.raises(UsageError, match="--key-field and --key cannot be combined"):
            shape_of(key_field="a", key="{a}")
