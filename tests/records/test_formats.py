import pytest

from kvsctl.errors import UsageError
from kvsctl.outputs.keys import form_of
from kvsctl.records.formats import Format, Forms
from kvsctl.records.shapes import KeyTemplate, Shape, shape_of

SET = Forms()
GET = Forms(has_values=False)
_TIME = "2026-01-31T12:00:00Z"


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
            ("-", b"keys\n", Format.JSONL, Format.KEYS),
            (".gz", b"a\nkey\n", Format.JSONL, Format.KEYS),
            ("a.keys", b"key\n", Format.JSONL, Format.KEYS),
            ("-", b"SIZE  KEY\n", Format.JSONL, Format.KEYS),
            ("-", b"     12  2026\n", Format.JSONL, Format.KEYS),
        ],
    )
    def test_the_suffix_decides_then_the_first_bytes(
        self, label: str, head: bytes, of_set: Format, of_get: Format
    ) -> None:
        assert SET.find(label, head, is_whole=True) is of_set
        assert GET.find(label, head, is_whole=True) is of_get

    @pytest.mark.parametrize("head", [b"key\n", b"\nkey\r\n", b"KEY\n", b"key"])
    def test_a_first_line_that_is_a_key_or_a_header_is_refused(self, head: bytes) -> None:
        with pytest.raises(UsageError, match="may be a key or the header of a table") as raised:
            GET.find("-", head, is_whole=True)
        assert "--format keys" in str(raised.value.hint)
        assert SET.find("-", head, is_whole=True) is Format.JSONL
        assert Forms(Format.KEYS, has_values=False).find("-", head, is_whole=True) is Format.KEYS

    def test_a_lone_header_is_a_table_if_an_option_names_its_column(self) -> None:
        forms = Forms(shape=Shape(KeyTemplate.of_member("id")), has_values=False)
        assert forms.find("-", b"id\r\n", is_whole=False) is Format.CSV
        assert forms.find("-", b"ID\n", is_whole=False) is Format.KEYS

    @pytest.mark.parametrize("is_long", [False, True])
    @pytest.mark.parametrize("has_entities", [False, True])
    @pytest.mark.parametrize("style", ["table", "csv"])
    def test_no_table_of_list_is_plain_keys(
        self, style: str, is_long: bool, has_entities: bool
    ) -> None:
        form = form_of(style, is_long=is_long, has_entities=has_entities)
        if style == "csv" and (is_long or has_entities):
            assert GET.find("-", form.begin, is_whole=False) is Format.CSV
            return
        with pytest.raises(UsageError):
            GET.find("-", form.begin, is_whole=False)

    @pytest.mark.parametrize("entity", ["", "-  "])
    @pytest.mark.parametrize("times", [[_TIME] * 3, [_TIME, _TIME, ""], [""] * 3])
    def test_a_row_of_a_long_list_without_its_heading_is_refused(
        self, times: list[str], entity: str
    ) -> None:
        cells = [f"{12:7}", *(f"{time:20}" for time in times), f"{entity}tmp:1\n"]
        row = "  ".join(cells).encode()
        with pytest.raises(UsageError, match="a table for people"):
            GET.find("-", row, is_whole=False)

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
