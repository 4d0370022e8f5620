"""Manifests: what they hold, and that a file which was changed is found out."""

import gzip
import json
import stat
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvsctl.backups.checking import damage, mismatch, require_matching
from kvsctl.backups.digest import Digest, RunningDigest, digest_of, uncompressed
from kvsctl.backups.manifest import (
    FORMAT,
    Facts,
    Manifest,
    decode,
    encode,
    manifest_path,
    read_manifest,
)
from kvsctl.backups.writer import ManifestWriter
from kvsctl.errors import StreamError, UsageError
from tests.backups.exports import FACTS, write_export
from tests.support.needs import IS_POSIX, only_on

_LINES = [b'{"key":"a","value":1}\n', b'{"key":"b","value":2}\n', b'{"key":"c","value":3}\n']
_TEXT = b"".join(_LINES)


@given(st.lists(st.binary(max_size=20)))
def test_a_digest_does_not_depend_on_how_bytes_are_divided(chunks: list[bytes]) -> None:
    running, text = RunningDigest(), b"".join(chunks)
    for chunk in chunks:
        running.take(chunk)
    assert running.result() == Digest(text.count(b"\n"), len(text), sha256(text).hexdigest())


def test_a_compressed_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    plain.write_bytes(_TEXT)
    packed.write_bytes(gzip.compress(_TEXT[:30]) + gzip.compress(_TEXT[30:]))
    assert digest_of(plain) == digest_of(packed)
    assert digest_of(plain).records == 3


_moments = st.datetimes(timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
_facts = st.builds(
    Facts,
    target=st.text(),
    installation=st.none() | st.text(),
    selection=st.dictionaries(st.text(), st.text() | st.booleans() | st.lists(st.text())),
    entities=st.lists(st.text()),
    has_plain_keys=st.booleans(),
    read_from=_moments,
    read_until=_moments,
)


@given(st.builds(Manifest, st.builds(Digest, st.integers(0, 2**60), st.just(5), st.text()), _facts))
def test_a_manifest_is_the_same_after_encoding_and_decoding(manifest: Manifest) -> None:
    text = encode(manifest)
    assert text.count(b"\n") == 1
    assert decode(text, "m") == manifest


def test_a_manifest_is_read_by_programs(tmp_path: Path) -> None:
    facts = Facts(
        *("prod", "ari:1", {"prefix": "user:"}, ["city"], False),
        datetime(2026, 1, 2, 4, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 1, 2, 3, 5, tzinfo=UTC),
    )
    path = write_export(tmp_path / "all.jsonl.gz", _LINES, facts)
    assert json.loads((tmp_path / "all.jsonl.gz.manifest.json").read_bytes()) == {
        "kvsctl_manifest": FORMAT,
        "version": read_manifest(path).version,  # type: ignore[union-attr]
        "records": 3,
        "bytes": len(_TEXT),
        "sha256": sha256(_TEXT).hexdigest(),
        "target": "prod",
        "installation": "ari:1",
        "selection": {"prefix": "user:"},
        "entities": ["city"],
        "plain_keys": False,
        "read_from": "2026-01-02T03:00:00.000Z",
        "read_until": "2026-01-02T03:05:00.000Z",
    }


@only_on(IS_POSIX, "files have no mode there")
def test_a_manifest_is_this_users_alone_and_leaves_no_part(tmp_path: Path) -> None:
    path = write_export(tmp_path / "all.jsonl", _LINES)
    assert stat.S_IMODE(manifest_path(path).stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "all.jsonl",
        "all.jsonl.manifest.json",
    ]


def test_a_resumed_export_has_the_manifest_of_one_that_was_not_stopped(tmp_path: Path) -> None:
    part = tmp_path / "part.gz"
    part.write_bytes(gzip.compress(b"".join(_LINES[:2])))
    writer = ManifestWriter()
    writer.take_all(uncompressed(part))
    writer.take(_LINES[2])
    whole = write_export(tmp_path / "whole.jsonl", _LINES)
    writer.write_to(tmp_path / "resumed.json", FACTS)
    assert (tmp_path / "resumed.json").read_bytes() == manifest_path(whole).read_bytes()


def test_a_manifest_that_cannot_be_written_is_an_error_of_the_output(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    manifest_path(path).mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        ManifestWriter().write(path, FACTS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "not a manifest of an export"),
        (b'{"kvsctl_mani', "not a manifest of an export"),
        (b"[]", "not a manifest of an export"),
        (b'{"version":3}', "not a manifest of an export"),
        (b"[" * 100_000, "not a manifest of an export"),
        (b'{"kvsctl_manifest":"x"}', "unknown format x"),
        (b'{"kvsctl_manifest":0}', "unknown format 0"),
        (b'{"kvsctl_manifest":1,"version":"1"}', "missing required field `records`"),
        (b'{"kvsctl_manifest":2}', "has format 2, but this kvsctl knows formats up to 1"),
    ],
)
def test_what_is_not_a_manifest_is_refused(text: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=r"m\.json") as refused:
        decode(text, "m.json")
    assert why in refused.value.message


def test_members_of_a_later_version_are_ignored() -> None:
    text = encode(Manifest(Digest(1, 2, "x"), FACTS))
    assert decode(text[:-2] + b',"more":1}', "m") == decode(text, "m")


@given(st.integers(0, 2**32))
def test_every_change_of_a_file_is_found(seed: int) -> None:
    random = Random(seed)
    running = RunningDigest()
    running.take(_TEXT)
    whole = running.result()
    changed = bytearray(_TEXT)
    place = random.randrange(len(changed))
    match random.randrange(3):
        case 0:
            del changed[place:]
        case 1:
            changed[place] ^= 1 << random.randrange(8)
        case _:
            changed[place:place] = b"x"
    running = RunningDigest()
    running.take(bytes(changed))
    assert mismatch(whole, running.result()) is not None
    assert mismatch(whole, whole) is None


def test_a_mismatch_says_how_much_is_missing() -> None:
    whole = Digest(3000, 90_000, "aa")
    assert mismatch(whole, Digest(20, 600, "bb")) == "it has 20 of 3,000 records"
    cut = mismatch(whole, Digest(3000, 89_999, "bb"))
    assert cut == "its records have 89,999 of 90,000 bytes"
    changed = mismatch(whole, Digest(3000, 90_000, "bb"))
    assert changed == "its records have changed: sha256 is bb, was aa"


def test_a_truncated_archive_is_damage_not_an_error(tmp_path: Path) -> None:
    path = write_export(tmp_path / "all.jsonl.gz", _LINES)
    manifest = read_manifest(path)
    assert manifest is not None
    path.write_bytes(path.read_bytes()[:-9])
    why = damage(path, manifest.digest)
    assert why is not None
    assert "truncated" in why
    with pytest.raises(StreamError):
        digest_of(path)


def test_files_without_a_manifest_are_not_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_bytes(b"anything")
    good = write_export(tmp_path / "good.jsonl", _LINES)
    require_matching([plain, good, tmp_path / "missing", tmp_path])
    bad = write_export(tmp_path / "bad.jsonl", _LINES)
    bad.write_bytes(_TEXT[:-30])
    with pytest.raises(UsageError, match=r"bad\.jsonl does not match bad\.jsonl\.manifest\.json"):
        require_matching([plain, good, bad])


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("0001-01-01T00:00:00+14:00", "a time is out of range"),
        ("2026-01-01T00:00:00", "timezone"),
        ("yesterday", "RFC3339"),
    ],
)
def test_times_that_are_not_moments_are_refused(moment: str, why: str) -> None:
    members = json.loads(encode(Manifest(Digest(1, 2, "x"), FACTS)))
    with pytest.raises(UsageError) as refused:
        decode(json.dumps(members | {"read_from": moment}).encode(), "m.json")
    assert why in refused.value.message


def test_a_file_whose_manifest_would_have_too_long_a_name_has_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / ("a" * 250)) is None
