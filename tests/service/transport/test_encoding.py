"""Answers that are compressed although nothing asked for it."""

import gzip
import tracemalloc
import zlib

import pytest

from kvsctl.service.transport import encoding
from kvsctl.service.transport.carrier import CarrierAnswer, Misencoded, Unanswered
from kvsctl.service.transport.encoding import decompressed

PLAIN = b'{"successfulKeys":[{"key":"a"}],"failedKeys":[]}' * 20
GZIP = gzip.compress(PLAIN, mtime=0)


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def body_of(body: bytes, header: str, status: int = 200) -> bytes:
    return decompressed(CarrierAnswer(status, {"content-encoding": header}, body)).body


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("", PLAIN),
        (" ", PLAIN),
        ("identity", PLAIN),
        ("Identity", PLAIN),
        ("IDENTITY, identity", PLAIN),
        ("gzip", GZIP),
        ("GZip", GZIP),
        ("x-gzip", GZIP),
        ("identity, gzip", GZIP),
        ("gzip,", GZIP),
        ("gzip", PLAIN),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", zlib.compress(PLAIN, 1)),
        ("deflate", raw_deflate(PLAIN)),
        ("deflate, gzip", gzip.compress(zlib.compress(PLAIN))),
        ("gzip, gzip", gzip.compress(GZIP)),
        ("gzip", gzip.compress(PLAIN[:9]) + gzip.compress(b"") + gzip.compress(PLAIN[9:])),
    ],
    ids=range(17),
)
def test_the_plain_body_is_returned(header: str, body: bytes) -> None:
    assert body_of(body, header) == PLAIN


@pytest.mark.parametrize("header", ["gzip", "deflate", "identity"])
def test_an_empty_body_is_empty_in_every_encoding(header: str) -> None:
    assert body_of(b"", header) == b""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (GZIP[:-9], "cut off"),
        (GZIP[:-1], "cut off"),
        (GZIP[:20] + b"junk" + GZIP[24:], "damaged"),
        (GZIP[:-8] + b"junk" + GZIP[-4:], "damaged"),
        (GZIP + b"junk", "damaged"),
        (b"\x1f\x8b", "cut off"),
    ],
    ids=range(6),
)
def test_damaged_data_is_no_answer(body: bytes, reason: str) -> None:
    with pytest.raises(Unanswered, match=reason):
        body_of(body, "gzip")
    assert body_of(body, "gzip", 503) == b""


@pytest.mark.parametrize(
    "header", ["br", "zstd", "compress", "gzip, br", "x" * 100_000], ids=range(5)
)
def test_other_encodings_are_refused_by_name(header: str) -> None:
    with pytest.raises(Misencoded, match="content-encoding") as caught:
        body_of(b"junk", header)
    assert header.rpartition(" ")[2][:40] in str(caught.value)
    assert len(str(caught.value)) < 200
    assert body_of(b"junk", header, 503) == b""


def test_members_without_end_are_refused_at_once() -> None:
    with pytest.raises(Misencoded, match="more than 16 members"):
        body_of(gzip.compress(b"") * 100_000, "gzip")


def test_a_bomb_stays_within_the_bound_of_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MAX_ANSWER_BYTES", 1_000_000)
    fits = gzip.compress(b" " * 1_000_000)
    assert len(body_of(fits, "gzip")) == 1_000_000
    member = gzip.compress(b" " * 400_000)
    with pytest.raises(Misencoded, match="larger than 1,000,000 bytes"):
        body_of(member * 3, "gzip")
    bomb = gzip.compress(b" " * 100_000_000, 1)
    for body, header in ((bomb, "gzip"), (gzip.compress(bomb), "gzip, gzip")):
        tracemalloc.start()
        try:
            with pytest.raises(Misencoded, match="larger than 1,000,000 bytes"):
                body_of(body, header)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
        assert body_of(body, header, 500) == b""
