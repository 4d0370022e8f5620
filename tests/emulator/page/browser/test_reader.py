"""The page's own reader of JSON."""

import json
import re

import pytest
from hypothesis import Phase, given, settings

from tests.emulator.page.browser.driving import Page
from tests.support.jsontexts import VALUES

pytestmark = pytest.mark.slow


def test_the_reader_of_values_keeps_every_text_and_refuses_what_is_not_json(page: Page) -> None:
    """It takes apart any JSON into its own pieces, and is as strict as Python's reader."""
    page.open()
    texts: list[str] = []

    @settings(max_examples=200, phases=[Phase.generate], database=None)
    @given(VALUES)
    def collect(text: str) -> None:
        texts.extend((text, text[:-1], text + ",", text.replace('"', "", 1)))

    collect()
    texts += ["", "01", "1.", ".5", "-", "+1", "NaN", "[1,]", '{"a":1,}', '{"a"}', "'a'", '"\t"']
    texts += ['"\\x"', '"\\u12"', "\ufeff1", "\u00a01", "[" * 300 + "]" * 300, "tru", "nulll"]
    found = page.browser.execute_async_script(_READ, texts)
    for text, shown in zip(texts, found, strict=True):
        assert shown == _compact(text), text


_READ = """
const [texts, done] = arguments;
import('/_emulator/page/json.js').then(({ read }) => {
  const write = (value) => {
    if (!value.members) return value.text;
    const isArray = value.kind === 'array';
    const parts = value.members.map((one) => (isArray ? '' : `${one.name}:`) + write(one.value));
    return isArray ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
  };
  done(texts.map((text) => { try { return write(read(text)) } catch { return null } }));
});
"""


def _compact(text: str) -> str | None:
    """Return a JSON text without the white space between its tokens, or None if it is not JSON."""
    try:
        json.loads(text, parse_constant=lambda name: json.loads("?"))
    except ValueError:
        return None
    strings = r'"(?:[^"\\]|\\.)*"'
    return re.sub(rf"({strings})|[ \t\r\n]+", lambda match: match[1] or "", text, flags=re.S)
