"""The OpenAPI 3.1 document of the service (contract: sections "Endpoints" and "Limits")."""

from kvsctl.emulator.operations.conditions import CONDITIONS, RANGE_CONDITIONS
from kvsctl.emulator.operations.service import METADATA_FIELDS
from kvsctl.emulator.options import EmulatorOptions
from kvsctl.emulator.page.describing import page_paths, page_schemas
from kvsctl.emulator.web.openapi_control import (
    Schema,
    installations_paths,
    json_content,
    object_of,
    paths_beside,
    reference,
    refused,
    schemas_beside,
)
from kvsctl.limits import TTL_UNIT_SECONDS, Limits

# The service's pattern for entity names, without its lookarounds: some generators cannot read them.
ENTITY_PATTERN = r"^[a-z0-9:](?:\.?[a-z0-9:_-])*$"


def document(options: EmulatorOptions) -> Schema:
    """Return the whole document, with the limits of this emulator."""
    limits = options.limits
    paths: Schema = {
        f"/v1/{path}": {"post": _operation(path, request, answer, status)}
        for path, (request, answer, status) in _operations(limits).items()
    }
    paths |= installations_paths() | paths_beside()
    paths |= page_paths() if options.admin else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Forge KVS and Custom Entity Store (emulator)", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": _schemas(limits)
            | schemas_beside()
            | (page_schemas() if options.admin else {}),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "proxy": {"type": "apiKey", "in": "header", "name": "forge-proxy-authorization"},
            },
        },
    }


def _operations(limits: Limits) -> dict[str, tuple[Schema, Schema | None, str]]:
    found: dict[str, tuple[Schema, Schema | None, str]] = {}
    for verb, item_schema, answered in (
        ("set", _set(), reference("BatchAnswer")),
        ("get", _get(), reference("BatchGetAnswer")),
        ("delete", _named(), reference("BatchAnswer")),
    ):
        batch = {"type": "array", "minItems": 1, "maxItems": limits.batch_records}
        found[f"batch/{verb}"] = (batch | {"items": item_schema}, answered, "200")
    for space, required in (("", []), ("entity/", ["entityName"]), ("secret/", [])):
        found[f"{space}get"] = (_requiring(_get(), required), reference("Record"), "200")
        found[f"{space}set"] = (
            _requiring(_set(extended=True), required),
            reference("Record"),
            "200",
        )
        found[f"{space}delete"] = (_requiring(_named(), required), None, "204")
    found["query"] = (_query(limits), reference("Page"), "200")
    found["entity/query"] = (_entity_query(limits), reference("Page"), "200")
    found["transaction"] = (_transaction(limits), None, "204")
    return found


def _operation(path: str, request: Schema, answer: Schema | None, status: str) -> Schema:
    answered: Schema = {"description": "The operation succeeded."}
    if answer is not None:
        answered["content"] = json_content(answer)
    succeeded = {status: answered}
    if path.endswith("set") and not path.startswith("batch/"):
        # The record is returned only if returnValue asks for it.
        succeeded["204"] = {"description": "The operation succeeded, and returns no record."}
    return {
        "operationId": path.replace("/", "_"),
        "requestBody": {"required": True, "content": json_content(request)},
        "responses": succeeded
        | dict.fromkeys(("400", "401", "403", "404", "409", "413", "422", "429"), refused()),
    }


def _schemas(limits: Limits) -> Schema:
    text: Schema = {"type": "string"}
    failed = _object({"key": text, "entityName": text, "error": reference("Refusal")}, "key")
    named = _object({"key": text, "entityName": text}, "key")
    record = _object(
        {
            "key": text,
            "entityName": text,
            "value": {},
            "createdAt": {"type": "integer", "description": "Epoch milliseconds."},
            "updatedAt": {"type": "integer", "description": "Epoch milliseconds."},
            "expireTime": {"type": "string", "format": "date-time"},
        },
        "key",
        "value",
    )
    return {
        "Key": {"type": "string", "minLength": 1, "maxLength": limits.key_chars},
        "EntityName": {
            "type": "string",
            "minLength": limits.entity_chars_min,
            "maxLength": limits.entity_chars_max,
            "pattern": ENTITY_PATTERN,
        },
        "Value": {
            "description": f"Any JSON except null, at most {limits.value_bytes} bytes as raw JSON.",
            "type": ["string", "number", "boolean", "array", "object"],
        },
        "Refusal": _object({"code": text, "message": text}, "code", "message"),
        "Record": record,
        "Page": _object({"data": {"type": "array", "items": record}, "cursor": text}, "data"),
        "BatchAnswer": _lists(named, failed),
        "BatchGetAnswer": _lists(record, failed),
    }


def _lists(successful: Schema, failed: Schema) -> Schema:
    return _object(
        {
            "successfulKeys": {"type": "array", "items": successful},
            "failedKeys": {"type": "array", "items": failed},
        },
        "successfulKeys",
        "failedKeys",
    )


def _named() -> Schema:
    return _object({"key": reference("Key"), "entityName": reference("EntityName")}, "key")


def _get() -> Schema:
    options = _options({"metadataFields": _fields()})
    return _requiring(_named(), [], options=options)


def _set(*, extended: bool = False) -> Schema:
    ttl = _object(
        {
            "value": {"type": "integer", "minimum": 1},
            "unit": {"type": "string", "enum": list(TTL_UNIT_SECONDS)},
        },
        "value",
        "unit",
    )
    options: Schema = {"ttl": ttl}
    if extended:
        options |= {
            "keyPolicy": {"type": "string", "enum": ["OVERRIDE", "FAIL_IF_EXISTS"]},
            "returnValue": {"type": "string", "enum": ["PREVIOUS", "LATEST"]},
            "returnMetadataFields": _fields(),
        }
    return _requiring(_named(), ["value"], value=reference("Value"), options=_options(options))


def _query(limits: Limits) -> Schema:
    where = _object(
        {
            "property": {"const": "key"},
            "condition": {"const": "BEGINS_WITH"},
            "values": {
                "type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 1,
            },
        },
        "property",
        "condition",
        "values",
    )  # fmt: skip
    return _object(
        {
            "where": {"type": "array", "items": where, "maxItems": 1},
            "limit": _page(limits),
            "after": {"type": "string"},
            "options": _options({"metadataFields": _fields()}),
        }
    )


def _entity_query(limits: Limits) -> Schema:
    return _object(
        {
            "entityName": reference("EntityName"),
            "indexName": {"type": "string"},
            "partition": {"type": "array", "items": _scalar()},
            "range": _condition(sorted(RANGE_CONDITIONS)),
            "filters": _filters(),
            "sort": {"type": "string", "enum": ["ASC", "DESC"]},
            "limit": _page(limits),
            "cursor": {"type": "string"},
            "options": _options({"metadataFields": _fields()}),
        },
        "entityName",
        "indexName",
    )


def _transaction(limits: Limits) -> Schema:
    conditional = {"conditions": _filters()}
    steps = {
        "set": _requiring(_set(), [], **conditional),
        "delete": _requiring(_named(), [], **conditional),
        "check": _requiring(_named(), ["conditions"], **conditional),
    }
    most = limits.transaction_operations
    return _object(
        {verb: {"type": "array", "items": step, "maxItems": most} for verb, step in steps.items()}
    )


def _filters() -> Schema:
    clause = _condition(sorted(CONDITIONS))
    clause["properties"]["property"] = {"type": "string"}
    clause["required"] = [*clause["required"], "property"]
    clauses = {"type": "array", "items": clause, "minItems": 1}
    return {
        "oneOf": [_object({"and": clauses}, "and"), _object({"or": clauses}, "or")],
    }


def _condition(names: list[str]) -> Schema:
    return _object(
        {
            "condition": {"type": "string", "enum": names},
            "values": {"type": "array", "items": _scalar()},
        },
        "condition",
        "values",
    )


def _scalar() -> Schema:
    return {"type": ["string", "number", "boolean"]}


def _fields() -> Schema:
    return {"type": "array", "items": {"type": "string", "enum": sorted(METADATA_FIELDS)}}


def _page(limits: Limits) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": limits.query_page}


def _object(properties: Schema, *required: str) -> Schema:
    return object_of(*required, **properties)


def _options(properties: Schema) -> Schema:
    return _object(properties) | {"additionalProperties": False}


def _requiring(schema: Schema, required: list[str], **properties: Schema) -> Schema:
    return schema | {
        "properties": schema["properties"] | properties,
        "required": [*schema.get("required", []), *required],
    }
