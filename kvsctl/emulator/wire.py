"""Decode request bodies into items, and encode response bodies."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from kvsctl.emulator import json_slices
from kvsctl.emulator.refusals import Refusal, malformed
from kvsctl.limits import Limits

NO_VALUE = msgspec.Raw(b"")
JSON_TYPE = "application/json"
LINES_TYPE = "application/x-ndjson"


class Item(msgspec.Struct, gc=False, rename="camel"):
    """One record of a request: an element of a batch, or the body of a request for one record.

    `value` is the exact bytes of the request without surrounding white space, or empty if the item
    has no value.
    """

    key: str
    entity_name: str | None = None
    value: msgspec.Raw = NO_VALUE
    options: Any = None

    @property
    def value_bytes(self) -> bytes:
        """The value as raw JSON, or empty bytes."""
        return bytes(self.value)


class PlainItem(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """An item without an entity or options, as most are. See Item."""

    key: str
    value: msgspec.Raw = NO_VALUE


class Response(msgspec.Struct, frozen=True):
    """An HTTP response: status, body, and the headers that not every response has.

    With `parts`, the body is streamed in these parts, and its length is not known in advance.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    parts: AsyncGenerator[bytes, None] | None = None


_BATCH = msgspec.json.Decoder(list[Item])
_PLAIN_BATCH = msgspec.json.Decoder(list[PlainItem])
_RECORD = msgspec.json.Decoder(Item)
_ANYTHING = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_batch(body: bytes, limits: Limits) -> list[Item]:
    """Return the items of a batch request. Raise Refusal if the body is not a batch."""
    text = None if body.isascii() else json_slices.decoded(body)
    try:
        return _BATCH.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(f"The request body is not a batch: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        text = text or json_slices.decoded(body)
    return [
        item_of(json_slices.members(text, start), limits) for start in json_slices.elements(text)
    ]


def read_plain_batch(body: bytes) -> list[PlainItem] | None:
    """Return the items of a batch request that has only plain ones; None for any other body.

    A fast path: after None, use `read_batch`.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check the UTF-8 inside a Raw
        return _PLAIN_BATCH.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def read_record(body: bytes, limits: Limits) -> Item:
    """Return the item of a request for one record. Raise Refusal if the body is malformed."""
    text = None if body.isascii() else json_slices.decoded(body)
    try:
        return _RECORD.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(f"The request body is not valid: {error}") from None
    except (msgspec.DecodeError, RecursionError):
        text = text or json_slices.decoded(body)
    return item_of(json_slices.members(text, alone=True), limits)


def read_object(body: bytes) -> dict[str, Any]:
    """Return a request body as a dict. Raise Refusal if it is not a JSON object."""
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
    """Return the raw value of each member of a request body.

    Raise Refusal if the body is not a JSON object.
    """
    return json_slices.members(json_slices.decoded(body), alone=True)


def encoded(answer: object) -> bytes:
    """Return a response body as JSON. A `msgspec.Raw` is written byte for byte."""
    try:
        return _ENCODER.encode(answer)
    except UnicodeEncodeError:
        # A message can contain a lone surrogate. A response with a message contains no Raw.
        return json.dumps(msgspec.to_builtins(answer)).encode()


def json_text(text: str) -> str | msgspec.Raw:
    """Return a text of a request in a form that `encoded` can write, even a lone surrogate."""
    is_plain = text.isascii() or json_slices.is_unicode(text)
    return text if is_plain else msgspec.Raw(json.dumps(text).encode())


def refusal_response(refusal: Refusal) -> Response:
    """Return the response for a refusal, with the body `{code, message}`."""
    body = encoded({"code": refusal.code, "message": refusal.message})
    return Response(refusal.status, body, headers=tuple(refusal.headers.items()))


def item_of(found: dict[str, str], limits: Limits) -> Item:
    """Return an item from the raw values of its members.

    Raise Refusal if a member is not JSON. A value nested too deep is not parsed here, because
    `rules.check_value` refuses it.
    """
    value = found.pop("value", "").encode()
    if json_slices.depth(value) <= limits.value_depth:
        json_slices.parsed(value or b"0")
    fields = {name: json_slices.parsed(text) for name, text in found.items()}
    key, entity_name = fields.get("key"), fields.get("entityName")
    if not isinstance(key, str) or not (entity_name is None or isinstance(entity_name, str)):
        raise malformed("key and entityName must be strings")
    return Item(key, entity_name, msgspec.Raw(value), fields.get("options"))
