"""Recognise by its bytes an answer that says that every key of a batch succeeded.

Nearly every answer to a write says that, and a service always writes it in the same form: only the
keys differ. So the answer that is expected is made from the keys, and compared. `SHORTEST` is the
form without white space; `learn` takes another from an answer that was parsed.

A form has only the tokens that `_FORM` lists. With plain keys between them it is a JSON text that
any parser reads as these keys, in this order, and no failure. So an answer that equals that text
means success. Any other answer is left to the parser.
"""

import re
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final, NamedTuple

_PLAIN_CHARACTERS: Final = f"{ascii_letters}{digits} :._#-".encode()
_NO_FAILURES: Final = r'"failedKeys" : \[ \]'
_NEXT: Final = r'\{ "key" : "'
_KEY: Final = r'[^"\\]*+'
_FORM: Final = re.compile(
    (
        rf'(?P<before> \{{ (?P<first>{_NO_FAILURES} , )?"successfulKeys" : \[ {_NEXT}){_KEY}'
        rf'(?P<between>" \}} , {_NEXT}){_KEY}(?:(?P=between){_KEY})*+'
        rf'(?P<after>" \}} \] (?(first)|, {_NO_FAILURES} )\}} )'
    )
    .replace(" ", r"[ \t\r\n]*+")
    .encode()
)
"""A space stands for any white space between two tokens."""


class SuccessForm(NamedTuple):
    """What an answer has before, between and after the keys that it names."""

    before: bytes
    between: str
    after: bytes

    def names_exactly(self, keys: Sequence[str], body: bytes) -> bool:
        """Return whether an answer in this form says that these keys succeeded, and no more.

        False means only that a parser has to decide.
        """
        # Any other character, such as a quote, could make one key look like several.
        return are_plain("".join(keys)) and body == b"%b%b%b" % (
            self.before,
            self.between.join(keys).encode(),
            self.after,
        )


SHORTEST: Final = SuccessForm(
    b'{"successfulKeys":[{"key":"', '"},{"key":"', b'"}],"failedKeys":[]}'
)


def learn(body: bytes) -> SuccessForm | None:
    """Return the form of an answer that a parser has read; None if it has another kind of form.

    The answer must name two keys or more.
    """
    found = _FORM.fullmatch(body)
    if found is None:
        return None
    return SuccessForm(found["before"], found["between"].decode(), found["after"])


def are_plain(text: str) -> bool:
    """Return whether all characters are plain: not escaped in JSON, and not part of its syntax."""
    return text.isascii() and not text.encode().translate(None, _PLAIN_CHARACTERS)
