"""Recognise, by its bytes, an answer in which every key of a batch succeeded.

Nearly every answer to a write says that, and a service always writes it in the same form: only the
names (keys and entities) differ. So the expected answer is built from the names, and compared with
the actual one. `SHORTEST` is the form without white space; `learn` takes another form from an
answer that was parsed.

A form has only the tokens that `_FORM` and `_OF_ENTITY` list. With plain names between them it is a
JSON text that any parser reads as these names, in this order, and no failure. So an answer that
equals that text means success. Any other answer is left to the parser.
"""

import re
from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final, NamedTuple

from kvsctl.model import ENTITY_MEMBER

_PLAIN_CHARACTERS: Final = f"{ascii_letters}{digits} :._#-".encode()
_NO_FAILURES: Final = r'"failedKeys" : \[ \]'
_NEXT: Final = r'\{ "key" : "'
_KEY: Final = r'[^"\\]*+'


def _compiled(pattern: str) -> re.Pattern[bytes]:
    """Compile a pattern in which a space stands for any white space between two tokens."""
    return re.compile(pattern.replace(" ", r"[ \t\r\n]*+").encode())


_FORM: Final = _compiled(
    rf'(?P<before> \{{ (?P<first>{_NO_FAILURES} , )?"successfulKeys" : \[ {_NEXT}){_KEY}'
    rf'(?P<between>" \}} , {_NEXT}){_KEY}(?:(?P=between){_KEY})*+'
    rf'(?P<after>" \}} \] (?(first)|, {_NO_FAILURES} )\}} )'
)
_OF_ENTITY: Final = _compiled('" , "entityName" : "')


class SuccessForm(NamedTuple):
    """The text of an answer before, between and after the records that it names.

    `of_entity`: the text between the key and the entity of a record.
    """

    before: bytes
    between: str
    after: bytes
    of_entity: bytes = ENTITY_MEMBER

    def names_exactly(
        self, keys: Sequence[str], names: Sequence[bytes] | None, body: bytes
    ) -> bool:
        """Return whether an answer in this form says that these records succeeded, and no more.

        `names` are as `name_in_json` writes them; None if no record has an entity. False means
        only that a parser has to decide.
        """
        if names is None:
            # Any other character, such as a quote, could make one key look like several.
            if not are_plain("".join(keys)):
                return False
            named = self.between.join(keys).encode()
        else:
            named = self.between.encode().join(names)
            if self.of_entity != ENTITY_MEMBER:
                named = named.replace(ENTITY_MEMBER, self.of_entity)
        return body == b"%b%b%b" % (self.before, named, self.after)


SHORTEST: Final = SuccessForm(
    b'{"successfulKeys":[{"key":"', '"},{"key":"', b'"}],"failedKeys":[]}'
)


def learn(body: bytes) -> SuccessForm | None:
    """Return the form of an answer that a parser has read; None if it has another kind of form.

    The answer must name two records or more.
    """
    named = _OF_ENTITY.search(body)
    of_entity = named[0] if named else ENTITY_MEMBER
    found = _FORM.fullmatch(body.replace(of_entity, b""))
    if found is None:
        return None
    before, between, after = found["before"], found["between"], found["after"]
    return SuccessForm(before, between.decode(), after, of_entity)


def are_plain(text: str) -> bool:
    """Return whether all characters are plain: not escaped in JSON, and not part of its syntax."""
    return text.isascii() and not text.encode().translate(None, _PLAIN_CHARACTERS)
