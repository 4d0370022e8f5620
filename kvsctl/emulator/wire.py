"""Request bodies into the records they ask about, and answers into bytes."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.limits import Limits

NO_VALUE = msgspec.Raw(b"")
JSON_TYPE = "application/json"


class Item(msgspec.Struct, rename="camel"):
    """One record of a request: an element of a batch, or the body of a plain request.

    `value` is the exact bytes that came, without the white space around them; empty when there
    was none.
    """

    key: str
    entity_name: str | None = None
    value: msgspec.Raw = NO_VALUE
    options: Any = None

    @property
    def value_bytes(self) -> bytes:
        """The value as raw JSON."""
        return bytes(self.value)


@dataclass(frozen=True, slots=True)
class Response:
    """A status, a body, and the headers that this answer alone has."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


_BATCH = msgspec.json.Decoder(list[Item])
_RECORD = msgspec.json.Decoder(Item)
_ANYTHING = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_batch(body: bytes, limits: Limits) -> list[Item]:
    """The records of a batch request; a body that is none is refused whole."""
    text = None if body.isascii() else json_slices.decoded(body)
    try:
        return _BATCH.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(f"The request body is not a batch: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        text = text or json_slices.decoded(body)
    return [
        record_of(json_slices.members(text, start), limits) for start in json_slices.elements(text)
    ]


def read_record(body: bytes, limits: Limits) -> Item:
    """The one record that a plain, entity or secret request is about."""
    text = None if body.isascii() else json_slices.decoded(body)
    try:
        return _RECORD.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(f"The request body is not valid: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        text = text or json_slices.decoded(body)
    return record_of(json_slices.members(text, alone=True), limits)


def read_object(body: bytes) -> dict[str, Any]:
    """A request body that must be one JSON object, as Python objects."""
    try:
        found = _ANYTHING.decode(body)
    except (msgspec.DecodeError, RecursionError):
        found = json_slices.parsed(json_slices.decoded(body))
    except UnicodeDecodeError:
        raise malformed("The request body is not valid UTF-8") from None
    if not isinstance(found, dict):
        raise malformed("The request body must be a JSON object")
    return found


def read_members(body: bytes) -> dict[str, str]:
    """The raw values of the members of a request body that must be one JSON object."""
    return json_slices.members(json_slices.decoded(body), alone=True)


def encoded(answer: object) -> bytes:
    """An answer as JSON; values held as `msgspec.Raw` go out as the bytes they are."""
    try:
        return _ENCODER.encode(answer)
    except UnicodeEncodeError:
        # A refused key may hold a lone surrogate; only refusals, which hold no values, do.
        return json.dumps(msgspec.to_builtins(answer)).encode()


def refusal_answer(refusal: Refusal) -> Response:
    """`{code, message}`, the body of every answer that is no success."""
    body = encoded({"code": refusal.code, "message": refusal.message})
    return Response(refusal.status, body, headers=tuple(refusal.headers.items()))


def record_of(found: dict[str, str], limits: Limits) -> Item:
    """A record from the raw values of its members, all of them checked to be JSON."""
    value = found.pop("value", "").encode()
    if json_slices.depth(value) <= limits.value_depth:
        json_slices.parsed(value or b"0")
    fields = {name: json_slices.parsed(text) for name, text in found.items()}
    key, entity_name = fields.get("key"), fields.get("entityName")
    if not isinstance(key, str) or not (entity_name is None or isinstance(entity_name, str)):
        raise malformed("key and entityName must be strings")
    return Item(key, entity_name, msgspec.Raw(value), fields.get("options"))
