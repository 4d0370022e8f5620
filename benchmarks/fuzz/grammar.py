"""Draw ordinary and malformed texts by a seed."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Final

_NUMBERS: Final = (
    b"0", b"-0", b"7", b"1.0", b"-12.50", b"1e5", b"1E+05", b"1e400", b"-1e-400", b"0.1e1",
    b"9007199254740993", b"18446744073709551616", b"123456789012345678901234567890",
    b"1" * 400, b"0." + b"3" * 40,
)  # fmt: skip
_NO_NUMBERS: Final = (
    b"01", b"1.", b".5", b"+1", b"--1", b"1e", b"0x10", b"NaN", b"Infinity", b"-Infinity",
    b"1_000", b"\xd9\xa1", b"truE", b"nul", b"None", b"undefined", b"'a'", b"",
)  # fmt: skip
_CHARACTERS: Final = (
    b"a", b"Z", b"0", b" ", b"key", b"value", b":", b",", b"{", b"}", b"[", b"]", b"/", b"=",
    b"\\n", b'\\"', b"\\\\", b"\\/", b"\\u0041", b"\\u00e9", b"\\u0000", b"\\u2028",
    b"\\ud83d\\ude00", "é".encode(), "日本".encode(), "😀".encode(), "\u2028\u0085".encode(),
    "\ufeff".encode(), b"\x7f",
)  # fmt: skip
_STRANGE_CHARACTERS: Final = (
    b"\\ud800", b"\\udc00\\ud800", b"\\uDBFF", b"\\x41", b"\\u12", b"\\", b'"', b"\n", b"\r",
    b"\t", b"\x00", b"\x1f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3",
)  # fmt: skip
_KEYS: Final = (
    b"a", b"user:1", b"A.b-c_d#9", b" a ", b"a b", b"\\u0061", b"a\\tb", "a\u00a0b".encode(),
    "a\u2003".encode(), "\ufeffa".encode(), b"k" * 500, b"0",
)  # fmt: skip
_BAD_KEYS: Final = (
    b"", b" ", b"\\t\\n", "\u00a0\u2003".encode(), b"a/b", b"a=b", "é".encode(), b"k" * 501,
    b"\\u0000", b"a\\u0085b", b"\\u001ca", b"\\ud800", b"a\\\\b", b'a\\"b', b"{", "😀".encode(),
)  # fmt: skip
_ENTITIES: Final = (
    b'"abc"', b'"person"', b'"a:b-c.d"', b"null", b'"e2345678901234567890"',
    b'"%b"' % (b"e" * 60), b'"%b"' % (b"e" * 61), b'"ab"', b'"Abc"', b'".abc"', b'"-abc"',
    b'"a..b"', b'"abc."', b"7", b"9" * 20, b'""', b'"a_b"', b'"_ab"', b"[]",
)  # fmt: skip
_TTLS: Final = (
    b'"45s"', b'"30m"', b'"12h"', b'"7d"', b'"365d"', b'"366d"', b'"0s"', b'"-1s"', b'"7"', b"7",
    b'"7w"', b'" 7d"', b'"\\u0037d"', b'{"value":7,"unit":"DAYS"}', b'{"unit":"HOURS","value":1}',
    b'{"value":7.0,"unit":"DAYS"}', b'{"value":true,"unit":"DAYS"}', b'{"value":7,"unit":"days"}',
    b'{"value":' + b"9" * 30 + b',"unit":"SECONDS"}',
    b'{"value":7}', b"null", b"[]", b'"9999999999999s"',
    b'{"value":0,"unit":"MINUTES"}',
    b'{"value":31536000,"unit":"SECONDS"}', b'{"value":1e1,"unit":"DAYS"}',
)  # fmt: skip
_OPTIONS: Final = (b'{"ttl":%b}', b"{ }", b"null", b'{"ttl":%b,"more":1}', b"[]", b'{"Ttl":%b}')
_EXPIRIES: Final = (
    b'"2031-05-06T07:08:09Z"', b'"2026-12-31T23:59:59.123Z"', b'"2027-01-01T00:00:00+02:00"',
    b'"2001-01-01T00:00:00Z"', b'"2026-12-31T23:59:59"', b'"soon"', b"1893456000", b"null",
    b'"9999-12-31T23:59:59Z"', b'"2027-13-01T00:00:00Z"', b"{}",
)  # fmt: skip
_PASSED_OVER: Final = (b"createdAt", b"updatedAt", b"error", b"source", b"installation")
_STRANGE_MEMBERS: Final = (
    b"Key", b"val", b"", b"keys", b"raw", b"raw_base64", b"\\u006bey", b"valu\\u0065", b"\\ud800",
)  # fmt: skip
_FRAMES: Final = (
    b'{"key":"%b","value":%b}', b'{"key": "%b", "value": %b}', b'{"key":"%b", "value":\r%b}',
    b'{\n  "key": "%b",\n  "value": %b\n}', b'{ "key" :\t"%b" , "value" : %b }',
    b'{"key": "%b", "value": %b, "entityName": null}', b'{"key": "%b", "value": %b, "ttl": "7d"}',
)  # fmt: skip
_SPACES: Final = (b"", b"", b"", b"", b"", b" ", b"\t", b"  ", b"\r")
_DEEP: Final = (29, 30, 31, 32, 33, 60, 199, 200, 201, 990)
_VERY_DEEP: Final = 100_000


class Grammar:
    """A source of texts. Most parts are well-formed; any part may be malformed."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self._random = chance.random

    def once_in(self, times: int) -> bool:
        """Return True once in `times` draws."""
        return self._random() * times < 1

    def one_of(self, choices: Sequence[bytes]) -> bytes:
        """Return one of the choices."""
        return choices[int(self._random() * len(choices))]

    def up_to(self, most: int) -> int:
        """Draw a number from 0 to `most`, more often a small one."""
        return int(self._random() * self._random() * (most + 1))

    def string(self) -> bytes:
        """Draw a JSON string, or nearly one."""
        parts = [self.one_of(_CHARACTERS) for _ in range(self.up_to(8))]
        if self.once_in(40):
            parts.append(self.one_of(_STRANGE_CHARACTERS))
        return b'"%b"' % b"".join(parts)

    def value(self, depth: int = 0) -> bytes:
        """Draw a JSON value, or nearly one."""
        draw = self._random()
        if draw < 0.35:
            return self.string()
        if draw < 0.55:
            return self.one_of(_NO_NUMBERS if self.once_in(15) else _NUMBERS)
        if draw < 0.7 or depth > 3:
            return self.one_of((b"true", b"false", b"null", b"[]", b"{}", b"{ }"))
        if draw < 0.71:
            return self.deep()
        if draw < 0.85:
            inner = [self.value(depth + 1) for _ in range(self.up_to(4))]
            return b"[%b]" % self._joined(inner)
        members = [self.string() + b":" + self.value(depth + 1) for _ in range(self.up_to(4))]
        if members and self.once_in(6):
            members.append(members[0])
        return b"{%b}" % self._joined(members)

    def deep(self) -> bytes:
        """Draw nested brackets, closed or not."""
        deep = _VERY_DEEP if self.once_in(2000) else int(_DEEP[int(self._random() * len(_DEEP))])
        begin, end = (b"[", b"]") if self._random() < 0.6 else (b'{"a":', b"}")
        inner = b'"[[[{{{"' if self._random() < 0.5 else b"1"
        if self.once_in(5):
            return begin * deep
        return begin * deep + inner + end * deep

    def key(self) -> bytes:
        """Draw the text of a key as in a JSON string."""
        draw = self._random()
        if draw < 0.5:
            return b"k%d" % int(draw * 40)
        if draw < 0.95:
            return self.one_of(_KEYS)
        return self.one_of(_BAD_KEYS if draw < 0.99 else _STRANGE_CHARACTERS)

    def record(self) -> bytes:
        """Draw a record as a JSON object, or nearly one."""
        key = self.value() if self.once_in(60) else b'"%b"' % self.key()
        members = [(b"key", key), (b"value", self.value()), *self.settings()]
        if self.once_in(6):
            members.append((self.one_of(_PASSED_OVER), self.value()))
        if self.once_in(30):
            members.append((self.one_of(_STRANGE_MEMBERS), self.value()))
        return self.object_of(members)

    def settings(self) -> list[tuple[bytes, bytes]]:
        """Draw further members of a record, or malformed ones."""
        members = []
        if self.once_in(5):
            members.append((b"entityName", self.one_of(_ENTITIES)))
        if self.once_in(6):
            members.append((b"ttl", self.one_of(_TTLS)))
        if self.once_in(10):
            options = self.one_of(_OPTIONS)
            members.append((b"options", options.replace(b"%b", self.one_of(_TTLS))))
        if self.once_in(10):
            members.append((b"expireTime", self.one_of(_EXPIRIES)))
        return members

    def object_of(self, members: list[tuple[bytes, bytes]]) -> bytes:
        """Draw an object of these members in any order; one may be missing or repeated."""
        if self.once_in(30):
            members.append(members[int(self._random() * len(members))])
        if self.once_in(40):
            del members[int(self._random() * 2) % len(members)]
        if self.once_in(3):
            self.chance.shuffle(members)
        shown = [self._spaced(b'"%b"' % name, b":", value) for name, value in members]
        return b"%b{%b}%b" % (self.one_of(_SPACES), self._joined(shown), self.one_of(_SPACES))

    def line(self) -> bytes:
        """Draw a line of JSON Lines: mostly a record."""
        draw = self._random()
        if draw < 0.9:
            text = self.record()
        elif draw < 0.94:
            text = self.value()
        elif draw < 0.97:
            text = self.record() + self.one_of((b"", b",", b"\x00", b"}")) + self.record()
        else:
            text = self.one_of((b"", b" ", b"\t \r", b"\xef\xbb\xbf", b"\x00", b"\x0b", b"#"))
        return self.mutated(text) if self.once_in(6) else text

    def writer(self) -> Callable[[], bytes]:
        """Choose how the lines of a file are drawn: any lines, or mostly ones spaced alike."""
        if not self.once_in(4):
            return self.line
        frame = self.one_of(_FRAMES)

        def alike() -> bytes:
            if self.once_in(12):
                return self.line()
            key = self.key() if self.once_in(12) else b"k%d" % int(self._random() * 40)
            text = frame % (key, self.value())
            return self.mutated(text) if self.once_in(30) else text

        return alike

    def plain_key(self) -> bytes:
        """Draw a line of plain keys: plain, or as a JSON string."""
        draw = self._random()
        text = self.key() if draw < 0.6 else b'"%b"' % self.key()
        if draw > 0.9:
            text = self.string() if draw > 0.95 else text + self.one_of((b" ", b'"', b"x", b"\r"))
        return self.mutated(text) if self.once_in(8) else text

    def mutated(self, text: bytes) -> bytes:
        """Return the text with bytes removed, inserted, doubled, swapped or cut off."""
        changed = bytearray(text)
        for _ in range(1 + self.up_to(3)):
            at = int(self._random() * (len(changed) + 1))
            upto = at + self.up_to(6)
            draw = self._random()
            if draw < 0.25:
                del changed[at:upto]
            elif draw < 0.5:
                changed[at:at] = self.one_of(_STRANGE_CHARACTERS)
            elif draw < 0.6:
                changed[at:at] = bytes([int(self._random() * 256)])
            elif draw < 0.75:
                changed[at:at] = changed[at:upto]
            elif draw < 0.9 and at < len(changed):
                changed[at] = int(self._random() * 256)
            elif draw > 0.95:
                del changed[at:]
        return bytes(changed)

    def lines(self, line: Callable[[], bytes], end: bytes) -> bytes:
        """Draw a file of lines, with the beginnings and line ends that files have."""
        ends = (end, end, end, b"\r" + end, b"\r\r" + end, end + end, end + b" \t" + end)
        text = b"".join(
            self.line_or_document(line) + (self.one_of(ends) if self.once_in(4) else end)
            for _ in range(1 + self.up_to(6))
        )
        if self.once_in(4):
            text = text.removesuffix(end)
        if self.once_in(10):
            text = b"\xef\xbb\xbf" + text
        return self.mutated(text) if self.once_in(12) else text

    def line_or_document(self, line: Callable[[], bytes]) -> bytes:
        """Draw a line, or rarely a part of one, or a JSON document over several lines."""
        if self._random() < 0.95:
            return line()
        if self.once_in(2):
            shown = line()
            return shown[: self.up_to(len(shown))]
        inner = [self.string() if self.once_in(2) else line() for _ in range(self.up_to(4))]
        document = self.one_of((b'{"keep":[%b]}', b"[%b]", b"{a: [%b]}")) % self._joined(inner)
        marks = (b"[", b"{", b",", b":", b"]", b"}", b"// a,", b"# b")
        for mark in marks:
            if self.once_in(2):
                document = document.replace(mark, mark + b"\n")
        return document

    def chunks(self, text: bytes) -> list[bytes]:
        """Split the text into chunks as a reader may get them. An empty one means no data yet."""
        draw = self._random()
        if draw < 0.3:
            return [text] if text else []
        if draw < 0.4 and len(text) < 400:
            return [text[at : at + 1] for at in range(len(text))]
        cuts = sorted(int(self._random() * (len(text) + 1)) for _ in range(self.up_to(6)))
        edges = [0, *cuts, len(text)]
        return [text[one:other] for one, other in pairwise(edges)]

    def _spaced(self, *parts: bytes) -> bytes:
        if self._random() < 0.8:
            return b"".join(parts)
        return b"".join(self.one_of(_SPACES) + part + self.one_of(_SPACES) for part in parts)

    def _joined(self, parts: Sequence[bytes]) -> bytes:
        comma = b"," if self._random() < 0.98 else self.one_of((b", ", b"", b",,", b";", b"\n,"))
        return comma.join(parts)
