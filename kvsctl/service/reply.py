"""Decode the body of a 200 answer. The bytes of values stay as they are."""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import msgspec

from kvsctl import jsontext
from kvsctl.model import GET, Failure, Found, Identity, Record, Verb, name_in_json
from kvsctl.service.found import (
    FoundMembers,
    UnreadableAnswer,
    found_plain,
    found_with_members,
    members_of,
    require_shallow,
    require_utf8,
    too_deep,
)
from kvsctl.service.success_form import SHORTEST, learn
from kvsctl.slabs import FoundRecord, FoundSlab, Slab, names_of


class Reply(msgspec.Struct):
    """The outcome of each identity that a batch answer names.

    An identity in both lists of the answer counts as failed. One in neither list is missing here.
    """

    succeeded: Mapping[Identity, Found | None]
    failed: Mapping[Identity, Failure]


class AllDone(msgspec.Struct, frozen=True, gc=False):
    """A batch answer that names every record of the request, in the same order, as succeeded.

    `found` holds what was read, in that order; None for writes.
    """

    found: Sequence[Found] | None = None


class _Error(msgspec.Struct, gc=False):
    code: str
    message: str | None = None


class _Failed(msgspec.Struct, gc=False):
    key: str
    error: _Error
    entityName: str | None = None  # noqa: N815


class _Answer(msgspec.Struct, gc=False):
    successfulKeys: list[FoundMembers]  # noqa: N815
    failedKeys: list[_Failed]  # noqa: N815

    @property
    def identities(self) -> list[Identity]:
        return [Identity(one.entityName, one.key) for one in self.successfulKeys]

    @property
    def is_plain(self) -> bool:
        """Whether no record that succeeded has an entity."""
        entities = [one.entityName for one in self.successfulKeys]
        return entities.count(None) == len(entities)

    def names_exactly(self, asked: Sequence[Record]) -> bool:
        """Return whether these records succeeded, in this order, and nothing else is named."""
        keys, entities = names_of(asked)
        if self.failedKeys or keys != [one.key for one in self.successfulKeys]:
            return False
        if self.is_plain:
            return entities is None
        return entities == [one.entityName for one in self.successfulKeys]

    def found(self, body: bytes) -> FoundSlab:
        """Return what was found, in the order of the answer. `body` is the text of the answer."""
        return found_with_members(self.successfulKeys, body)


class _PlainAnswer(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """An answer to a batch/get of plain keys without metadata, as nearly all are."""

    successfulKeys: list[FoundRecord]  # noqa: N815
    failedKeys: list[_Failed]  # noqa: N815

    is_plain: ClassVar[bool] = True

    @property
    def identities(self) -> list[Identity]:
        return [Identity(None, one.key) for one in self.successfulKeys]

    def names_exactly(self, asked: Sequence[Record]) -> bool:
        """See _Answer."""
        keys, entities = names_of(asked)
        return (
            not self.failedKeys
            and entities is None
            and keys == [one.key for one in self.successfulKeys]
        )

    def found(self, body: bytes) -> FoundSlab:
        """See _Answer."""
        return found_plain(self.successfulKeys, body)


_decode = msgspec.json.Decoder(_Answer).decode
_decode_plain = msgspec.json.Decoder(_PlainAnswer).decode
_decode_error = msgspec.json.Decoder(_Error).decode
_ALL_WRITTEN: Final = AllDone()


def decode_error(body: bytes) -> tuple[str, str] | None:
    """Return the code and message of an error answer; None if it is not in the service's form."""
    try:
        error = _decode_error(body.removeprefix(BOM_UTF8))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return (error.code, error.message or "") if error.code else None


class ReplyDecoder:
    """Decodes the 200 answers of the batch endpoints of one service.

    It learns the form in which the service writes its answers, and decodes later ones in that form
    faster. The result does not depend on that.
    """

    def __init__(self) -> None:
        self._form = SHORTEST
        self._reads_are_plain = True

    def decode(
        self, verb: Verb, body: bytes, trace_id: str | None, asked: Sequence[Record] = ()
    ) -> Reply | AllDone:
        """Decode an answer. Raise UnreadableAnswer.

        `asked` are the records of the request. Without them the result is always a Reply.
        """
        keys, entities = names_of(asked)
        answer: _Answer | _PlainAnswer | None = None
        if verb is not GET:
            names = None if entities is None else _names_in_json(asked)
            if keys and self._form.names_exactly(keys, names, body):
                return _ALL_WRITTEN
        elif self._reads_are_plain and (answer := self._plain_answer(body)) is not None:
            records = answer.successfulKeys
            # The checks of `names_exactly`, without its calls: nearly all answers to reads pass.
            is_certain = entities is None and keys and not answer.failedKeys
            if is_certain and keys == [one.key for one in records]:
                return AllDone(found_plain(records, body))
        if answer is None:
            body = body.removeprefix(BOM_UTF8)
            answer = self._parsed(body)
        found: FoundSlab | None = None
        if verb is GET:
            found = answer.found(body)
            if not self._reads_are_plain:
                self._reads_are_plain = found.is_bare and answer.is_plain
        if asked and answer.names_exactly(asked):
            if verb is not GET:
                self._form = learn(body) or self._form
            return AllDone(found)
        named = answer.identities
        return Reply(
            dict.fromkeys(named) if found is None else dict(zip(named, found, strict=True)),
            {
                Identity(one.entityName, one.key): Failure(
                    one.error.code, one.error.message or "", trace_id
                )
                for one in answer.failedKeys
            },
        )

    def _plain_answer(self, body: bytes) -> _PlainAnswer | None:
        """Return the answer to a read if it is plain; None if it must be parsed carefully."""
        try:
            if not body.isascii():
                body.decode()
            return _decode_plain(body)
        except msgspec.ValidationError:
            self._reads_are_plain = False
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
        return None

    def _parsed(self, body: bytes) -> _Answer:
        try:
            require_utf8(body)
            return _decode(body)
        except RecursionError:
            raise too_deep() from None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            require_shallow(body)
            return _decode_carefully(body)


def _names_in_json(records: Sequence[Record]) -> Sequence[bytes] | None:
    """Return the name of each record, as `name_in_json` writes it."""
    if isinstance(records, Slab):
        return records.names
    return [name_in_json(record.identity) for record in records]


def _decode_carefully(body: bytes) -> _Answer:
    """Decode what msgspec refuses but JSON allows: lone surrogate escapes inside values."""
    try:
        answer = jsontext.members(body)
        succeeded = [members_of(one) for one in jsontext.elements(answer["successfulKeys"])]
        failed = msgspec.convert(json.loads(answer["failedKeys"]), list[_Failed])
    except KeyError as error:
        raise UnreadableAnswer(f"no member {error}") from None
    except (jsontext.JsonTextError, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise UnreadableAnswer(str(error)) from None
    return _Answer(succeeded, failed)
