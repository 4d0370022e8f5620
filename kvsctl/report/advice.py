"""What to do next, for each code a record can fail with."""

from typing import Final

from kvsctl import codes
from kvsctl.model import Cause

_SLOW_DOWN: Final = (
    "The installation's quota is used up. Retry the failed records later, or with a lower "
    "--concurrency."
)
_AGAIN: Final = "The service failed. Retry the failed records later."
_KEY: Final = (
    "A key contains letters, digits, white space and : . _ - # only, and not just white space. "
    "Change the key."
)
_KEY_LENGTH: Final = "A key has 1 to 500 characters. Change the key."
_ENTITY: Final = (
    "An entity name has 3 to 60 characters of a-z 0-9 : - _ . only. It does not begin with a dot, "
    "a hyphen or an underscore, end with a dot, or contain two dots together."
)
_ATTRIBUTES: Final = (
    "The value does not match the entity's attributes in the app's manifest (integers have 32 "
    "bits), or is not an object. Change the value or the manifest."
)
_CREDENTIALS: Final = (
    "The target refused the credentials. Check the token and where it comes from: "
    "KVSCTL_TOKEN, --token-file or --token-command."
)
_BATCH: Final = "The service accepts fewer records per request. Use a smaller --batch-size."
_BATCH_BYTES: Final = (
    "The service accepts fewer bytes per request. Use a smaller --max-batch-bytes."
)
_UNANSWERED: Final = (
    "No usable answer arrived, so the record may have been applied. It is safe to retry the failed "
    "records. A higher --timeout or --retries waits longer."
)

ADVICE: Final[dict[str, str]] = {
    codes.BODY_TOO_LARGE: _BATCH_BYTES,
    codes.CONNECTION_LOST: _UNANSWERED,
    codes.CONTENT_TOO_LARGE: _BATCH_BYTES,
    codes.EMPTY_KEY: _KEY_LENGTH,
    codes.ENTITY_TYPE_TOO_LARGE: _ENTITY,
    codes.ENTITY_TYPE_TOO_SHORT: _ENTITY,
    codes.HTTP_401: _CREDENTIALS,
    codes.HTTP_403: "The target does not allow this. Check its URL, and that the app has the scope "
    "storage:app.",
    codes.HTTP_413: _BATCH_BYTES,
    codes.HTTP_429: _SLOW_DOWN,
    codes.INCORRECT_PROPERTY_TYPE: _ATTRIBUTES,
    codes.INTERNAL_ERROR: _AGAIN,
    codes.INTERNAL_SERVER_ERROR: _AGAIN,
    codes.INVALID_ENTITY_ATTRIBUTE: "An attribute of the entity has a reserved name. Rename it in "
    "the app's manifest and in the values.",
    codes.INVALID_ENTITY_TYPE: _ENTITY,
    codes.INVALID_ENTITY_VALUE: _ATTRIBUTES,
    codes.INVALID_JSON: 'Write one record per line: {"key": ..., "value": ...}. If the input has '
    "another format, name it with --format.",
    codes.INVALID_KEY: _KEY,
    codes.INVALID_TTL: "A ttl is a positive whole number of seconds, minutes, hours or days, at "
    "most 1 year.",
    codes.INVALID_VALUE: "A value is any JSON except null. To remove a key, use kvsctl delete.",
    codes.KEY_CONFLICT: "Another writer used the key at the same time. Look at what the store "
    "holds, with kvsctl get, before you retry.",
    codes.KEY_NOT_FOUND: "The target does not hold this key. Check --target and the entity. "
    "--ignore-missing skips missing keys.",
    codes.KEY_TOO_LONG: _KEY_LENGTH,
    codes.KEY_TOO_SHORT: _KEY_LENGTH,
    codes.MAX_DEPTH: "A value nests at most 31 levels deep. Flatten the value, or store a part of "
    "it as a string.",
    codes.MAX_SIZE: "A value has at most 240 KiB of JSON. Shorten the value, or split it over "
    "several keys.",
    codes.MIXED_INSTALLATIONS: "Records of several installations must not go into one store. Give "
    "those of one installation, or remove the member installation if this is meant.",
    codes.NOT_FOUND: "The target does not know what was asked for. Check the target's URL, the "
    "entity and the key.",
    codes.NO_ANSWER: _UNANSWERED,
    codes.NUMBER_NOT_EXACT: "A bridge passes numbers through JavaScript, which has no exact "
    "integers from 2^53 on and nothing beyond 1e308. Store such a number as a string, or give "
    "--allow-rounding.",
    codes.PAYLOAD_TOO_LARGE: _BATCH_BYTES,
    codes.RATE_LIMIT_EXCEEDED: _SLOW_DOWN,
    codes.READ_ONLY_TOKEN: "This token of the bridge only reads. Provide the one that may write.",
    codes.REQUEST_ENTITY_TOO_LARGE: _BATCH_BYTES,
    codes.REQUEST_THROTTLED: "The installation may be past its storage or transfer limit: see the "
    "developer console. Sending more slowly does not help.",
    codes.REQUEST_TOO_LARGE: _BATCH_BYTES,
    codes.SCHEMA_NOT_FOUND: "The app's manifest does not declare this entity in this installation. "
    "Check its name, or deploy the app first.",
    codes.SERVICE_UNAVAILABLE: _AGAIN,
    codes.TIMEOUT: _UNANSWERED,
    codes.TOO_MANY_BATCH_ENTITIES: _BATCH,
    codes.TOO_MANY_REQUESTS: _SLOW_DOWN,
    codes.UNREACHABLE: "The target could not be reached. Check its URL and the network.",
    codes.UNREADABLE_ANSWER: "The answer is not one that the service gives. Check the target's "
    "URL, and whether a proxy answers in its place.",
    codes.VERIFY_FAILED: "The service reported success, but the store does not hold what was "
    "written: something else writes there, or a late attempt arrived. Retry the failed records.",
    codes.WRONG_INSTALLATION: "The bridge is in another installation. Give its id, or the URL of "
    "the installation that is meant.",
}


CAUSES: Final[dict[str, str]] = {
    Cause.ARGUMENT: "Write KEY=VALUE. To read records from a file, use -f FILE.",
    Cause.ARRAY: "If each line is an array such as [key, value], make records of them: "
    "jq -c '{key: .[0], value: .[1]}'.",
    Cause.CELLS: "A key contains letters, digits, white space and : . _ - # only. If the lines are "
    "rows of a table with a header: --format csv, --key-field NAME, and --delimiter if it is not "
    "a comma.",
    Cause.COMMA: "Remove the comma at the end of each line: sed 's/,$//'. Or put all of them into "
    "one array, [ ... ], and use --format json.",
    Cause.CR: "The lines end in CR alone. End them with LF: tr '\\r' '\\n'.",
    Cause.DOCUMENT: "A record must be on one line. Print the document with jq -c, such as "
    "jq -c . or jq -c '.[]'.",
    Cause.EMPTY: "Remove the comma that has no element before or after it, such as one before ].",
    Cause.ENCODING: "The text must be UTF-8. To convert it: iconv -f WINDOWS-1252 -t UTF-8.",
    Cause.HEADER: "Remove the header from all files but the first before they are joined, or give "
    "each file with its own -f.",
    Cause.KEY_KIND: "A key is made from a string, a number, true or false. For an object such as "
    "MongoDB's: jq -c '._id |= .[\"$oid\"]' and --key-field _id.",
    Cause.MANY: "Write one record per line: jq -c . prints each value on a line of its own. In a "
    "JSON text sequence, remove the separators first: tr -d '\\036'.",
    Cause.MAP: "If the members are the records: jq -c 'to_entries[]'. If one holds them: "
    "jq -c '.NAME[]'. If the object is the value: --key-field NAME or --key 'user:{NAME}'.",
    Cause.MARK: "Files that begin with a byte order mark were joined. Give each file with its own "
    "-f, or remove the marks: sed 's/^\\xEF\\xBB\\xBF//'.",
    Cause.MEMBERS: "To ignore other members: --key-field key, and for set --value-field value. "
    "With --key-field key alone, set stores the whole object.",
    Cause.MEMBER_KIND: '"key" and "entityName" are strings, "ttl" is one such as "7d", and '
    '"options" holds nothing but a ttl.',
    Cause.NO_KEY: "Name the member that holds the key with --key-field NAME, or build the key from "
    "members with --key 'user:{NAME}'.",
    Cause.NO_VALUE: "Name the member that holds the value with --value-field NAME, or store the "
    "whole object: --key-field key.",
    Cause.NUL: "If each key ends in NUL instead of a line feed, use --null (-0). Otherwise remove "
    "the NUL characters.",
    Cause.PLAN: "A plan says what would be done with records of a store: kvsctl apply does it.",
    Cause.PYTHON: "The line is written as Python writes it. Write JSON: json.dumps(record, "
    "allow_nan=False).",
    Cause.QUOTES: "If quotes are ordinary characters in this table, use --quote none.",
    Cause.RAW: 'Correct the text in "raw" and write it as a record in place of the line.',
    Cause.RAW_CONTROL: "Remove the character from the input, or write the key as a JSON string in "
    "double quotes.",
    Cause.TABLE: "If the lines are rows of a table with a header, use --format csv or tsv, and "
    "--delimiter if it is not a comma or tab.",
    Cause.WIDTH: "Quote cells that hold the delimiter, or choose another with --delimiter. If "
    "quotes are ordinary characters in this table, use --quote none.",
}
"""The advice for the causes of `_WITH_CAUSES`. That for NUL fits every code."""

_WITH_CAUSES: Final = (codes.INVALID_JSON, codes.INVALID_KEY)


def advice(code: str, cause: str | None = None) -> str | None:
    """Return what to do about the code, in a sentence or two; None for an unknown code."""
    if cause in CAUSES and (code in _WITH_CAUSES or cause == Cause.NUL):
        return CAUSES[cause]
    known = ADVICE.get(code)
    if known is None and code.startswith(codes.HTTP_5XX_PREFIX):
        return _AGAIN
    return known
