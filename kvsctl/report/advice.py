"""What to do next, for each code a record can fail with."""

from typing import Final

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
    "CONNECTION_LOST": _UNANSWERED,
    "EMPTY_KEY": _KEY_LENGTH,
    "ENTITY_TYPE_TOO_LARGE": _ENTITY,
    "ENTITY_TYPE_TOO_SHORT": _ENTITY,
    "HTTP_401": _CREDENTIALS,
    "HTTP_403": "The target may not be used this way. Check its URL, and that the app has the "
    "scope storage:app.",
    "HTTP_413": _BATCH_BYTES,
    "HTTP_429": _SLOW_DOWN,
    "INCORRECT_PROPERTY_TYPE": _ATTRIBUTES,
    "INTERNAL_ERROR": _AGAIN,
    "INTERNAL_SERVER_ERROR": _AGAIN,
    "INVALID_ENTITY_TYPE": _ENTITY,
    "INVALID_ENTITY_VALUE": _ATTRIBUTES,
    "INVALID_JSON": 'Each line is one record, {"key": ..., "value": ...}. If it is something '
    "else, name it with --format.",
    "INVALID_KEY": _KEY,
    "INVALID_TTL": "A ttl is a positive whole number of seconds to days, at most 1 year.",
    "INVALID_VALUE": "A value is any JSON but null. To take a key away, use kvsctl delete.",
    "KEY_NOT_FOUND": "No such key in this target: check -t and the entity. "
    "--ignore-missing lets missing keys pass.",
    "KEY_TOO_LONG": _KEY_LENGTH,
    "KEY_TOO_SHORT": _KEY_LENGTH,
    "MAX_DEPTH": "Values nest at most 31 levels deep. Flatten the value, or store a part of it "
    "as a string.",
    "MAX_SIZE": "Values have at most 240 KiB of JSON. Shorten the value, or spread it over "
    "several keys.",
    "NO_ANSWER": _UNANSWERED,
    "PAYLOAD_TOO_LARGE": _BATCH_BYTES,
    "RATE_LIMIT_EXCEEDED": _SLOW_DOWN,
    "REQUEST_THROTTLED": "The installation may be past its storage or transfer limit: see the "
    "developer console. Going slower does not help.",
    "SCHEMA_NOT_FOUND": "The app's manifest declares no such entity in this installation. "
    "Check its name, or deploy the app first.",
    "SERVICE_UNAVAILABLE": _AGAIN,
    "TIMEOUT": _UNANSWERED,
    "TOO_MANY_BATCH_ENTITIES": _BATCH,
    "TOO_MANY_REQUESTS": _SLOW_DOWN,
    "UNREACHABLE": "No connection to the target. Check its URL and the network.",
    "UNREADABLE_ANSWER": "Something answered that is not the service. Check the target's URL, and "
    "for a proxy on the way.",
    "VERIFY_FAILED": "The service said done, but the store does not hold what was written: "
    "something else writes there, or a late attempt landed. Feed the failures back.",
}


def advice(code: str) -> str | None:
    """What to do about the code, in a sentence or two; None for a code that is not known."""
    known = ADVICE.get(code)
    if known is None and code.startswith("HTTP_5"):
        return _AGAIN
    return known
