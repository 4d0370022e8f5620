"""What to do next, for each code a record can fail with."""

from typing import Final

from kvsctl import codes

_SLOW_DOWN: Final = (
    "The installation's quota is used up. Feed the failures back later, or go slower with a "
    "lower --concurrency."
)
_AGAIN: Final = "The service has trouble of its own. Feed the failures back later."
_KEY: Final = (
    "Keys take letters, digits, white space and : . _ - #, and are not white space only. "
    "Change the key."
)
_KEY_LENGTH: Final = "Keys have 1 to 500 characters. Change the key."
_ENTITY: Final = (
    "Entity names have 3 to 60 characters of a-z 0-9 : - . and no dot or hyphen first, no dot "
    "last, no two dots together."
)
_ATTRIBUTES: Final = (
    "The value does not fit the entity's attributes in the app's manifest (integers have 32 "
    "bits). Change the value, or the manifest."
)
_CREDENTIALS: Final = (
    "The target refused the credentials. Check the token and where it comes from: "
    "KVSCTL_TOKEN, --token-file or --token-command."
)
_BATCH: Final = "The service takes less in one request. Try a smaller --batch-size."
_BATCH_BYTES: Final = "The service takes less in one request. Try a smaller --max-batch-bytes."
_UNANSWERED: Final = (
    "No answer came, so it may have been applied. It is safe to feed the failures back; "
    "--timeout and --retries wait longer."
)

ADVICE: Final[dict[str, str]] = {
    codes.BODY_TOO_LARGE: _BATCH_BYTES,
    codes.CONNECTION_LOST: _UNANSWERED,
    codes.CONTENT_TOO_LARGE: _BATCH_BYTES,
    codes.EMPTY_KEY: _KEY_LENGTH,
    codes.ENTITY_TYPE_TOO_LARGE: _ENTITY,
    codes.ENTITY_TYPE_TOO_SHORT: _ENTITY,
    codes.HTTP_401: _CREDENTIALS,
    codes.HTTP_403: "The target may not be used this way. Check its URL, and that the app has the "
    "scope storage:app.",
    codes.HTTP_413: _BATCH_BYTES,
    codes.HTTP_429: _SLOW_DOWN,
    codes.INCORRECT_PROPERTY_TYPE: _ATTRIBUTES,
    codes.INTERNAL_ERROR: _AGAIN,
    codes.INTERNAL_SERVER_ERROR: _AGAIN,
    codes.INVALID_ENTITY_TYPE: _ENTITY,
    codes.INVALID_ENTITY_VALUE: _ATTRIBUTES,
    codes.INVALID_JSON: 'Each line is one record, {"key": ..., "value": ...}. If it is something '
    "else, name it with --format.",
    codes.INVALID_KEY: _KEY,
    codes.INVALID_TTL: "A ttl is a positive whole number of seconds to days, at most 1 year.",
    codes.INVALID_VALUE: "A value is any JSON but null. To take a key away, use kvsctl delete.",
    codes.KEY_NOT_FOUND: "No such key in this target: check -t and the entity. "
    "--ignore-missing lets missing keys pass.",
    codes.KEY_TOO_LONG: _KEY_LENGTH,
    codes.KEY_TOO_SHORT: _KEY_LENGTH,
    codes.MAX_DEPTH: "Values nest at most 31 levels deep. Flatten the value, or store a part of it "
    "as a string.",
    codes.MAX_SIZE: "Values have at most 240 KiB of JSON. Shorten the value, or spread it over "
    "several keys.",
    codes.NO_ANSWER: _UNANSWERED,
    codes.PAYLOAD_TOO_LARGE: _BATCH_BYTES,
    codes.RATE_LIMIT_EXCEEDED: _SLOW_DOWN,
    codes.REQUEST_ENTITY_TOO_LARGE: _BATCH_BYTES,
    codes.REQUEST_THROTTLED: "The installation may be past its storage or transfer limit: see the "
    "developer console. Going slower does not help.",
    codes.REQUEST_TOO_LARGE: _BATCH_BYTES,
    codes.SCHEMA_NOT_FOUND: "The app's manifest declares no such entity in this installation. "
    "Check its name, or deploy the app first.",
    codes.SERVICE_UNAVAILABLE: _AGAIN,
    codes.TIMEOUT: _UNANSWERED,
    codes.TOO_MANY_BATCH_ENTITIES: _BATCH,
    codes.TOO_MANY_REQUESTS: _SLOW_DOWN,
    codes.UNREACHABLE: "No connection to the target. Check its URL and the network.",
    codes.UNREADABLE_ANSWER: "Something answered that is not the service. Check the target's "
    "URL, and for a proxy on the way.",
    codes.VERIFY_FAILED: "The service said done, but the store does not hold what was written: "
    "something else writes there, or a late attempt landed. Feed the failures back.",
}


def advice(code: str) -> str | None:
    """What to do about the code, in a sentence or two; None for a code that is not known."""
    known = ADVICE.get(code)
    if known is None and code.startswith(codes.HTTP_5XX_PREFIX):
        return _AGAIN
    return known
